"""The journal for people and tests: list, wait for, and verify requests."""

from __future__ import annotations

import asyncio
from base64 import b64encode
from collections.abc import Iterable
from itertools import dropwhile, islice
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from mock_server.control.dependencies import ControlDependencies
from mock_server.control.matching import RequestMatch, entries, near_misses
from mock_server.control.problems import (
    CONFLICT,
    NOT_AS_EXPECTED,
    NOT_SEEN,
    STOPPING,
    Kind,
    Problem,
)
from mock_server.control.redaction import Redactor
from mock_server.core.errors import NotFound
from mock_server.web.auth_diagnostics.turns import Turns
from mock_server.web.authentication import complete_verdict
from mock_server.web.calls import CONTROL, Call, Trace
from mock_server.web.json_bodies import (
    WHOLE,
    AccountQuery,
    ChoiceBody,
    DeletedBody,
    IncomingBody,
    MomentBody,
    OutgoingBody,
    PageBody,
    Query,
    TextOrNull,
)
from mock_server.web.json_values import iso, plain_numbers

MAX_WAIT = 60.0

Text = Annotated[str, Field(min_length=1, max_length=500)]
Method = Annotated[str, Field(pattern=r"^[A-Za-z]{1,20}$")]
Status = Annotated[int, Field(ge=100, le=599), WHOLE]
EntryId = Annotated[str, Field(pattern=r"^[0-9a-f]{8}$")]
Count = Annotated[int, Field(ge=0, le=1_000_000), WHOLE]


class RequestsQuery(Query):
    """Which entries are listed."""

    account: Text | None = Field(None, description="Only calls for this account")
    method: Method | None = None
    path: Text | None = Field(None, description="Only paths with this prefix")
    status: int | None = Field(None, ge=100, le=599)
    operation: Text | None = Field(None, description="Only this operation, e.g. POST /v1/jobs")
    since: EntryId | None = Field(None, description="Only entries after the one with this id")
    surface: Text | None = Field(
        None, description="Only calls of this surface; without it, those of all but `control`"
    )
    limit: int = Field(100, ge=1, le=1000, description="At most this many")
    before: EntryId | None = Field(
        None, description="Only what is older than this: `next` of the page before"
    )


class MatchBody(IncomingBody):
    """Which entries match; `path` is a prefix, `since` the id of an earlier entry."""

    account: Text | None = None
    method: Method | None = None
    path: Text | None = None
    status: Status | None = None
    operation: Text | None = None
    since: EntryId | None = None


class WaitBody(MatchBody):
    """Waits until `count` entries match, for at most `timeout` real seconds."""

    count: Annotated[int, Field(ge=1, le=1_000_000), WHOLE] = 1
    timeout: Annotated[float, Field(ge=0, le=MAX_WAIT)] = 10.0


class CountBody(ChoiceBody):
    """Bounds for a number of entries."""

    several = True

    at_least: Count | None = None
    at_most: Count | None = None

    def holds(self, number: int) -> bool:
        least = 0 if self.at_least is None else self.at_least
        return least <= number and (self.at_most is None or number <= self.at_most)

    def __str__(self) -> str:
        if self.at_least == self.at_most:
            return f"exactly {self.at_least}"
        bounds = (("at least", self.at_least), ("at most", self.at_most))
        return " and ".join(f"{words} {bound}" for words, bound in bounds if bound is not None)


def _exactly(value: Any) -> Any:
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    is_number = isinstance(value, int) and not isinstance(value, bool)
    return {"atLeast": value, "atMost": value} if is_number else value


class VerifyBody(MatchBody):
    """How many entries must match: a number, or bounds; by default at least one."""

    count: (
        Annotated[CountBody, BeforeValidator(_exactly, json_schema_input_type=Count | CountBody)]
        | None
    ) = None


class EntryBody(OutgoingBody):
    """One exchange in short. `at` is wall time, `now` the account's, `refusal` why it failed.

    `decided` is what came of it: ids, states, the price in credits.
    """

    id: str
    at: float
    iso: str
    method: str
    path: str
    target: str
    status: int | None
    account: TextOrNull
    operation: TextOrNull
    now: MomentBody | None
    duration_ms: float
    decided: dict[str, Any] | None
    refusal: TextOrNull
    remarks: list[str]


class HeaderBody(OutgoingBody):
    """One header; its name is spelled as on the wire, as far as that is known."""

    name: str
    value: str


class ContentBody(OutgoingBody):
    """Bytes, also as text if they are UTF-8; `truncated` if there were more."""

    base64: str
    text: str | None
    truncated: bool


class AnsweredBody(OutgoingBody):
    """What was sent as the answer."""

    status: int
    headers: list[HeaderBody]
    body: ContentBody


class ExchangeBody(EntryBody):
    """One exchange with all details. Secrets are replaced by ***."""

    headers: list[HeaderBody]
    body: ContentBody
    answer: AnsweredBody | None
    verdict: dict[str, Any] | None


class EntriesBody(PageBody):
    """A page of exchanges."""

    requests: list[EntryBody]


class MatchedBody(OutgoingBody):
    """How many entries match."""

    matched: int


class Requests:
    """Operations on the journal."""

    def __init__(self, known: ControlDependencies) -> None:
        self.known = known
        self.journal = known.journal
        self._turns = Turns()

    async def list_requests(self, call: Call, query: RequestsQuery) -> EntriesBody:
        traces = entries(self.journal, query.surface)
        if query.before is not None:
            traces = islice(dropwhile(lambda trace: trace.id != query.before, traces), 1, None)
        found = list(islice(filter(RequestMatch.of(query).fits, traces), query.limit + 1))
        page = found[: query.limit]
        return self._listed(page, next=page[-1].id if len(found) > query.limit else None)

    async def get_request(self, call: Call) -> ExchangeBody:
        trace = self.journal.find(call.params["id"])
        if trace is None:
            raise NotFound("request", call.params["id"])
        await complete_verdict(trace)
        return await self._exchange(trace)

    async def delete_requests(self, call: Call, query: AccountQuery) -> DeletedBody:
        match = RequestMatch(account=query.account)
        deleted = sum(match.fits(trace) for trace in self.journal)
        self.journal.forget(query.account)
        return DeletedBody(deleted=deleted)

    async def wait_for_requests(self, call: Call, body: WaitBody) -> EntriesBody:
        self._refuse_without_entries()
        match, count = RequestMatch.of(body), body.count
        found = [trace for trace in entries(self.journal) if match.fits(trace)]
        enough = asyncio.Event()

        def look(trace: Trace) -> None:
            if trace.surface != CONTROL and match.fits(trace):
                found.insert(0, trace)
                if len(found) >= count:
                    enough.set()

        self.journal.listeners.add(look)
        self.journal.waits.add(enough.set)
        try:
            if len(found) < count:
                async with asyncio.timeout(body.timeout):
                    await enough.wait()
        except TimeoutError:
            words = f"{len(found)} of {count} requests came within {body.timeout:g} s"
            raise self._differs(NOT_SEEN, words, match, len(found)) from None
        finally:
            self.journal.listeners.discard(look)
            self.journal.waits.discard(enough.set)
        if len(found) < count:
            words = f"{len(found)} of {count} requests came before the server stopped"
            raise self._differs(STOPPING, words, match, len(found))
        return self._listed(found)

    async def verify_requests(self, call: Call, body: VerifyBody) -> MatchedBody:
        self._refuse_without_entries()
        match = RequestMatch.of(body)
        expected = body.count or CountBody.model_construct(at_least=1)
        matched = sum(match.fits(trace) for trace in entries(self.journal))
        if not expected.holds(matched):
            words = f"expected {expected} requests, found {matched}"
            raise self._differs(NOT_AS_EXPECTED, words, match, matched)
        return MatchedBody(matched=matched)

    def _refuse_without_entries(self) -> None:
        if not self.journal.entries:
            raise Problem(CONFLICT, "the journal is off: it keeps no entries")

    def _differs(self, kind: Kind, words: str, match: RequestMatch, matched: int) -> Problem:
        near = [
            self._entry(trace, self._redactor(trace)).model_dump(
                mode="json", by_alias=True, include={"id", "method", "path", "status", "account"}
            )
            | {"differs": differs}
            for trace, differs in near_misses(match, entries(self.journal))
        ]
        asked = str(match)
        return Problem(
            kind,
            words + (f" with {asked}" if asked else ""),
            more={"matched": matched, "nearMisses": near},
        )

    def _redactor(self, trace: Trace) -> Redactor:
        return Redactor.of(trace, self.known.control_token)

    def _listed(self, traces: Iterable[Trace], next: str | None = None) -> EntriesBody:
        listed = [self._entry(trace, self._redactor(trace)) for trace in traces]
        return EntriesBody(requests=listed, next=next)

    def _entry(self, trace: Trace, redactor: Redactor) -> EntryBody:
        return EntryBody.like(
            trace,
            at=trace.wall,
            iso=iso(trace.wall),
            method=redactor.text(trace.scope["method"]),
            path=redactor.text(trace.scope["path"]),
            target=redactor.target(trace),
            status=None if trace.answer is None else trace.answer.status,
            now=None if trace.now is None else MomentBody.of(trace.now),
            duration_ms=round(trace.seconds * 1000, 3),
            decided=trace.decided and plain_numbers(trace.decided),
            refusal=redactor.text(trace.refusal),
            remarks=[redactor.text(remark) for remark in trace.remarks],
        )

    async def _exchange(self, trace: Trace) -> ExchangeBody:
        redactor, answer = self._redactor(trace), trace.answer
        return ExchangeBody(
            **dict(self._entry(trace, redactor)),
            headers=_headers(redactor, trace.scope["headers"]),
            body=await self._content(redactor, trace.body, trace.scope["headers"]),
            answer=None
            if answer is None
            else AnsweredBody(
                status=answer.status,
                headers=_headers(redactor, answer.headers),
                body=await self._content(redactor, answer.body, answer.headers),
            ),
            verdict=redactor.value(trace.verdict and trace.verdict.body()),
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
