"""The journal for people and tests: list, wait for, and verify requests."""

from __future__ import annotations

import asyncio
import json
from base64 import b64encode
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from itertools import dropwhile, islice
from typing import Annotated, Any

from pydantic import Field

from mock_server.control.dependencies import ControlDependencies
from mock_server.control.exchanges import (
    AnsweredBody,
    ContentBody,
    EntryBody,
    ExchangeBody,
    HeaderBody,
)
from mock_server.control.har import HarBody, har_entry
from mock_server.control.matching import (
    MAX_NEAR_MISSES,
    EntryId,
    JournalSearch,
    MatchBody,
    Method,
    shown,
)
from mock_server.control.problems import (
    CONFLICT,
    NOT_AS_EXPECTED,
    NOT_SEEN,
    STOPPING,
    Kind,
    Problem,
)
from mock_server.control.questions import (
    MAX_WAIT,
    CountQuestion,
    QuestionBody,
    SequenceQuestion,
    VerifyBody,
    WaitBody,
)
from mock_server.control.redaction import Redactor
from mock_server.core.errors import NotFound
from mock_server.web.auth_diagnostics.turns import Turns
from mock_server.web.authentication import complete_verdict
from mock_server.web.calls import CONTROL, Call
from mock_server.web.json_bodies import (
    AccountQuery,
    DeletedBody,
    MomentBody,
    OutgoingBody,
    PageBody,
    Query,
)
from mock_server.web.json_values import iso, plain_numbers
from mock_server.web.request_matches import Difference, Text
from mock_server.web.traces import Trace


class RequestsQuery(Query):
    """Which entries are listed."""

    account: Text | None = Field(None, description="Only calls for this account")
    method: Method | None = None
    path: Text | None = Field(None, description="Only paths with this prefix, or pattern with *")
    status: int | None = Field(None, ge=100, le=599)
    operation: Text | None = Field(
        None, description="Only this operation: the vendor's name, or e.g. POST /v1/jobs"
    )
    header: Annotated[str, Field(pattern=r"^[^:]+:.+$", max_length=1000)] | None = Field(
        None, description="Only calls with this header, e.g. User-Agent: python*"
    )
    body: Annotated[str, Field(pattern=r"^(/[^/=]+)+=", max_length=1000)] | None = Field(
        None,
        description="Only bodies with this JSON pointer and value, e.g. /stages/*/type=UPSCALE",
    )
    prompt: Text | None = Field(None, description="Only calls with this text in a prompt")
    job: Text | None = Field(None, description="Only calls with this id of a job")
    token: Text | None = Field(None, description="Only calls with this id of a token")
    correlation_id: Text | None = Field(
        None, description="Only calls with this X-Request-Id, traceparent, or id in a traceparent"
    )
    since: EntryId | None = Field(
        None, description="Only entries that ended after the one with this id"
    )
    surface: Text | None = Field(
        None, description="Only calls of this surface; without it, those of all but `control`"
    )
    limit: int = Field(100, ge=1, le=1000, description="At most this many")
    before: EntryId | None = Field(
        None, description="Only what is older than this: `next` of the page before"
    )

    @property
    def match(self) -> MatchBody:
        """The same as conditions."""
        asked = self.model_dump(exclude={"header", "body", "limit", "before", "wait"})
        if self.header is not None:
            name, _, value = self.header.partition(":")
            asked["headers"] = {name.strip(): value.strip()}
        if self.body is not None:
            pointer, _, text = self.body.partition("=")
            try:
                value = json.loads(text)
            except ValueError:
                value = text
            asked["body"] = {pointer: value}
        return MatchBody.model_construct(**asked)


class ListedQuery(RequestsQuery):
    """Which entries are listed."""

    wait: float = Field(
        0, ge=0, le=MAX_WAIT, description="If there are none, wait so many seconds for the first"
    )


class ExportQuery(RequestsQuery):
    """Which entries are exported."""

    limit: int = Field(1000, ge=1, le=1000, description="At most this many, the newest ones")


class EntriesBody(PageBody):
    """A page of exchanges."""

    requests: list[EntryBody]


class MatchedBody(OutgoingBody):
    """How many entries match; `dropped` is how many older ones the journal could not keep."""

    matched: int
    dropped: int


class Requests:
    """Operations on the journal."""

    def __init__(self, known: ControlDependencies) -> None:
        self.known = known
        self.journal = known.journal
        self.search = JournalSearch(known.journal, known.faults.surfaces)
        self._turns = Turns()

    async def list_requests(self, call: Call, query: ListedQuery) -> EntriesBody:
        if not query.wait:
            page, next = await self._page(query)
            return self._listed(page, next=next)
        self._refuse_without_entries()
        call.trace.passing = True  # Who follows the journal asks again and again.
        match = query.match
        with self._listening(query.surface, lambda trace: self.search.fits(match, trace)) as came:
            page, next = await self._page(query)
            if not page:
                with suppress(TimeoutError):
                    async with asyncio.timeout(query.wait):
                        await came.wait()
                page, next = await self._page(query)
        return self._listed(page, next=next)

    async def export_requests(self, call: Call, query: ExportQuery) -> HarBody:
        page, _ = await self._page(query)
        entries = [har_entry(trace, await self._exchange(trace)) for trace in reversed(page)]
        return HarBody.of(entries, self.known.version)

    async def _page(self, query: RequestsQuery) -> tuple[list[Trace], str | None]:
        """Return the entries that a query asks for, and where the next page begins."""
        traces: Iterable[Trace] = self.search.entries(query.surface)
        if query.before is not None:
            traces = islice(dropwhile(lambda trace: trace.id != query.before, traces), 1, None)
        search = self.search.find(query.match, traces, query.limit + 1)
        found = await self._turns.finish(search)
        page = found[: query.limit]
        return page, page[-1].id if len(found) > query.limit else None

    async def get_request(self, call: Call) -> ExchangeBody:
        trace = self.journal.find(call.params["id"])
        if trace is None:
            raise NotFound("request", call.params["id"])
        await complete_verdict(trace)
        return await self._exchange(trace)

    async def delete_requests(self, call: Call, query: AccountQuery) -> DeletedBody:
        deleted = sum(query.account in (None, trace.account) for trace in self.journal)
        self.journal.forget(query.account)
        return DeletedBody(deleted=deleted)

    async def wait_for_requests(self, call: Call, body: WaitBody) -> EntriesBody:
        question, kept = self._asked(body)
        arrived: list[Trace] = []  # while the older ones are looked at

        def look(trace: Trace) -> bool:
            if is_up_to_date:
                question.look(trace)
            else:
                arrived.append(trace)
            return question.settled

        is_up_to_date = timed_out = False
        with self._listening(body.surface, look) as settled:
            await self._turns.finish(question.look_at(kept))
            for trace in arrived:
                question.look(trace)
            is_up_to_date = True
            try:
                if not question.settled:
                    async with asyncio.timeout(body.timeout):
                        await settled.wait()
            except TimeoutError:
                timed_out = True
        if question.holds and (question.settled or timed_out):
            return self._listed(reversed(question.found))
        if question.exceeded:
            raise await self._differs(NOT_AS_EXPECTED, question)
        if timed_out:
            raise await self._differs(NOT_SEEN, question, f" within {body.timeout:g} s")
        raise await self._differs(STOPPING, question, " before the server stopped")

    async def verify_requests(self, call: Call, body: VerifyBody) -> MatchedBody:
        question, kept = self._asked(body)
        await self._turns.finish(question.look_at(kept))
        if not question.holds:
            raise await self._differs(NOT_AS_EXPECTED, question)
        return MatchedBody(matched=len(question.found), dropped=self.journal.dropped)

    def _asked(
        self, body: QuestionBody
    ) -> tuple[CountQuestion | SequenceQuestion, Iterable[Trace]]:
        """Return the question, and what is kept, the oldest first."""
        self._refuse_without_entries()
        return body.question(self.search), reversed(self.search.entries(body.surface))

    def _refuse_without_entries(self) -> None:
        if not self.journal.entries:
            raise Problem(CONFLICT, "the journal is off: it keeps no entries")

    @contextmanager
    def _listening(
        self, surface: str | None, look: Callable[[Trace], bool]
    ) -> Iterator[asyncio.Event]:
        """Show entries to `look` as they come; the event says that it returned true.

        A server that stops sets the event too.
        """
        ended = asyncio.Event()

        def listen(trace: Trace) -> None:
            if (trace.surface == CONTROL) is (surface == CONTROL) and look(trace):
                ended.set()

        self.journal.listeners.add(listen)
        self.journal.waits.add(ended.set)
        try:
            yield ended
        finally:
            self.journal.listeners.discard(listen)
            self.journal.waits.discard(ended.set)

    async def _differs(
        self, kind: Kind, question: CountQuestion | SequenceQuestion, over: str = ""
    ) -> Problem:
        missing = question.missing
        near: list[tuple[Trace, list[Difference]]] = []
        if not question.exceeded:
            traces = self.search.entries(missing.surface or question.match.surface)
            near = await self._turns.finish(self.search.near_misses(missing, traces))
        found = islice(reversed(question.found), MAX_NEAR_MISSES)
        words = [f"{question}{over}"]
        if asked := str(missing):
            words.append(f"{question.before_match} {asked}")
        if dropped := self.journal.dropped:
            words.append(f"({dropped} older requests are no longer in the journal)")
        return Problem(
            kind,
            " ".join(words),
            more={
                "matched": len(question.found),
                "found": [self._short(trace) for trace in found],
                "nearMisses": [
                    self._short(trace)
                    | {"differs": "; ".join(shown(each, self._redactor(trace)) for each in misses)}
                    for trace, misses in near
                ],
            },
        )

    def _short(self, trace: Trace) -> dict[str, Any]:
        return self._entry(trace, self._redactor(trace)).model_dump(
            mode="json", by_alias=True, include={"id", "method", "path", "status", "account"}
        )

    def _redactor(self, trace: Trace) -> Redactor:
        return Redactor.of(trace, self.known.control_token, *self.known.secrets)

    def _listed(self, traces: Iterable[Trace], next: str | None = None) -> EntriesBody:
        listed = [self._entry(trace, self._redactor(trace)) for trace in traces]
        return EntriesBody(requests=listed, next=next)

    def _entry(self, trace: Trace, redactor: Redactor) -> EntryBody:
        return EntryBody.like(
            trace,
            at=trace.wall,
            iso=iso(trace.wall),
            method=redactor.text(trace.method),
            path=redactor.text(trace.path),
            target=redactor.target(trace),
            status=None if trace.answer is None else trace.answer.status,
            now=None if trace.now is None else MomentBody.of(trace.now),
            duration_ms=round(trace.seconds * 1000, 3),
            decided=trace.decided and plain_numbers(trace.decided),
            refusal=redactor.text(trace.refusal),
            remarks=[redactor.text(remark) for remark in trace.remarks],
        )

    async def _exchange(self, trace: Trace) -> ExchangeBody:
        redactor, answer, headers = self._redactor(trace), trace.answer, trace.head.headers
        return ExchangeBody(
            **dict(self._entry(trace, redactor)),
            headers=_headers(redactor, headers),
            body=await self._content(redactor, trace.body, headers),
            answer=None
            if answer is None
            else AnsweredBody(
                status=answer.status,
                headers=_headers(redactor, answer.headers),
                body=await self._content(redactor, answer.body, answer.headers),
            ),
            verdict=redactor.value(trace.verdict and trace.verdict.body(trace.head)),
        )

    async def _content(
        self, redactor: Redactor, data: bytes, headers: Iterable[tuple[bytes, bytes]]
    ) -> ContentBody:
        most = self.journal.max_shown_of(data, headers)
        truncated = len(data) > most
        # Secrets are hidden before the rest is cut off, as half a secret cannot be recognised.
        shown = await self._turns.finish(redactor.body_in_steps(data, cut=truncated))
        if truncated:
            shown = shown[:most]
        return ContentBody(
            base64=b64encode(shown).decode(), text=_text(shown, truncated), truncated=truncated
        )


def _text(data: bytes, truncated: bool) -> str | None:
    """Return UTF-8 as text, without a last character that was cut in two."""
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        if truncated and error.start >= len(data) - 3:
            return data[: error.start].decode()
        return None


def _headers(redactor: Redactor, headers: Iterable[tuple[bytes, bytes]]) -> list[HeaderBody]:
    pairs = ((name.decode("latin-1"), value.decode("latin-1")) for name, value in headers)
    return [HeaderBody(name=name, value=redactor.header(name, value)) for name, value in pairs]
