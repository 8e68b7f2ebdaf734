"""Which entries of the journal match, and which ones nearly do."""

from __future__ import annotations

import glob
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cached_property, partial
from heapq import nsmallest
from typing import Annotated

from pydantic import Field
from pydantic_core import to_json

from mock_server.control.redaction import HIDDEN, Redactor, is_secret
from mock_server.web.auth_diagnostics.search_budget import Paced
from mock_server.web.calls import CONTROL
from mock_server.web.hints import near
from mock_server.web.journal import Journal
from mock_server.web.json_bodies import WHOLE
from mock_server.web.pipeline import Surface
from mock_server.web.request_matches import (
    Difference,
    RequestMatchBody,
    RequestView,
    Text,
    differences,
    names_of,
    plain_name,
    steps_of,
)
from mock_server.web.traces import Trace

MAX_NEAR_MISSES = 5
MAX_SHOWN = 200  # characters of what was found instead
STEP = 10  # entries between two pauses, as their bodies may have to be parsed

Method = Annotated[str, Field(pattern=r"^[A-Za-z]{1,20}$")]
Status = Annotated[int, Field(ge=100, le=599), WHOLE]
EntryId = Annotated[str, Field(pattern=r"^[0-9a-f]{8}$")]


class MatchBody(RequestMatchBody):
    """Which entries match: those that fit every member that is given.

    `path` is a prefix, or a pattern with *, as are the values of `headers`. `operation` is the
    vendor's name, or method and path as in `GET /_mock/routes`. `body` maps JSON pointers to
    values; a step * is any member. `prompt` is a part of any prompt in the body. `job` and `token`
    are ids, in the path, query or body of the request. `correlationId` is the caller's own
    X-Request-Id, or its traceparent or an id in it. `since` is the id of an earlier entry. Without
    `surface`, calls of all but `control` match.
    """

    account: Text | None = None
    method: Method | None = None
    path: Text | None = None
    status: Status | None = None
    correlation_id: Text | None = None
    since: EntryId | None = None

    def __str__(self) -> str:
        asked = [
            (field.alias, getattr(self, name))
            for name, field in MatchBody.model_fields.items()
            if getattr(self, name) is not None
        ]
        hide = Redactor(()).body
        return ", ".join(
            f"{name} {hide(to_json(value)).decode() if isinstance(value, dict) else value}"
            for name, value in asked
        )

    @property
    def path_pattern(self) -> str | None:
        if self.path is None or "*" in self.path:
            return self.path
        return f"{glob.escape(self.path)}*"

    @property
    def conditions(self) -> int:
        """How many conditions there are, apart from those that say where to look."""
        members = MatchBody.model_fields.keys() - {"account", "since"}
        asked = (getattr(self, name) for name in members)
        return sum(len(each) if isinstance(each, dict) else 1 for each in asked if each is not None)


class JournalSearch:
    """Finds entries of the journal; `surfaces` are those of the vendors."""

    def __init__(self, journal: Journal, surfaces: Callable[[], Sequence[Surface]]) -> None:
        self.journal = journal
        self._surfaces = surfaces

    def entries(self, surface: str | None = None) -> list[Trace]:
        """Return the calls of a surface, or of all vendors, the newest first."""
        if surface == CONTROL:
            return list(self.journal.control)
        return [trace for trace in self.journal if surface in (None, trace.surface)]

    def find(self, match: MatchBody, traces: Iterable[Trace], most: int) -> Paced[list[Trace]]:
        """Return the first entries that match, with pauses."""
        found: list[Trace] = []
        for number, trace in enumerate(traces):
            if number % STEP == 0:
                yield
            if self.fits(match, trace):
                found.append(trace)
                if len(found) == most:
                    break
        return found

    def fits(self, match: MatchBody, trace: Trace) -> bool:
        return next(self.misses(match, trace), None) is None

    def problem_with(self, match: MatchBody) -> str:
        """Return why no call of a vendor can match; a misspelled name proves no absence."""
        surfaces = {surface.name for surface in self._surfaces()}
        if match.surface is not None and surfaces and match.surface not in surfaces:
            return f"there is no surface {match.surface!r}{near(match.surface, surfaces)}"
        if match.operation is None or not surfaces:
            return ""
        named = self._names.values()
        if plain_name(match.operation) in {plain_name(each) for names in named for each in names}:
            return ""
        hint = near(match.operation, {names[0] for names in named})
        return f"there is no operation {match.operation!r}{hint}"

    def misses(
        self, match: MatchBody, trace: Trace, sent: RequestView | None = None
    ) -> Iterator[Difference]:
        """Yield the conditions that the entry does not fit."""
        status = None if trace.answer is None else trace.answer.status
        if match.since is not None and not self.journal.is_after(trace, match.since):
            yield Difference("since", f"it was before {match.since}")
        if match.account is not None and trace.account != match.account:
            yield Difference("account", trace.account or "unknown")
        if match.status is not None and status != match.status:
            yield Difference("status", status)
        if match.correlation_id is not None:
            ids = _correlation_ids(trace)
            if match.correlation_id not in ids:
                yield Difference("correlationId", ids[0] if ids else None)
        yield from differences(match, sent or self.request_of(trace))

    def request_of(self, trace: Trace) -> RequestView:
        """Return what is known of the request of an entry."""
        body: bytes | None = trace.body
        # Pictures are cut too, but conditions are about JSON.
        if len(trace.body) > self.journal.body_bytes:
            body = None
        return RequestView(trace, body, trace.surface, partial(self._names_of, trace))

    def near_misses(
        self, match: MatchBody, traces: Iterable[Trace]
    ) -> Paced[list[tuple[Trace, list[Difference]]]]:
        """Return the entries that differ least, the newest first; only of the match's account."""
        most = max(match.conditions - 1, 1)
        close: list[tuple[Trace, list[Difference]]] = []
        own = (trace for trace in traces if match.account in (None, trace.account))
        for number, trace in enumerate(own):
            if number % STEP == 0:
                yield
            misses = list(self.misses(match, trace))
            if 0 < len(misses) <= most:
                close.append((trace, misses))
        return nsmallest(MAX_NEAR_MISSES, close, key=lambda each: len(each[1]))

    def _names_of(self, trace: Trace) -> Sequence[str]:
        return self._names.get((trace.surface, trace.operation), (trace.operation,))

    @cached_property
    def _names(self) -> dict[tuple[str, str], Sequence[str]]:
        return {
            (surface.name, f"{each.method} {each.path}"): names_of(each)
            for surface in self._surfaces()
            for each in surface.operations
        }


def shown(difference: Difference, redactor: Redactor) -> str:
    """Return in words what does not fit, without secrets."""
    found, name = difference.found, difference.name
    if difference.unknown:
        text = "not known, as the journal has cut the body"
    elif found is None:
        text = "none"
    elif difference.condition == "header":
        text = redactor.header(name, found)
    elif isinstance(found, str) and not name:
        text = redactor.text(found)
    elif any(map(is_secret, steps_of(name))):
        text = HIDDEN
    else:
        json_text = json.dumps(found, ensure_ascii=False)
        text = redactor.body(json_text.encode("utf-8", "backslashreplace")).decode()
    if len(text) > MAX_SHOWN:
        text = f"{text[:MAX_SHOWN]}…"
    where = f"{difference.condition} {name}".rstrip()
    return f"{where}: {text}".encode("utf-8", "backslashreplace").decode()


def _correlation_ids(trace: Trace) -> list[str]:
    """Return the ids that the caller sent, by which it may know the exchange."""
    ids: list[str] = []
    for name, value in trace.head.headers:
        if name == b"x-request-id":
            ids.insert(0, value.decode("latin-1"))
        elif name == b"traceparent":  # version, id of the trace, id of the parent, flags
            text = value.decode("latin-1")
            ids += [text, *text.split("-")[1:3]]
    return ids
