"""Which entries of the journal match a filter, and which ones nearly do."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from msgspec import Struct
from msgspec.structs import fields

from mock_server.web.calls import CONTROL, Trace
from mock_server.web.journal import Journal

MAX_NEAR_MISSES = 5


class RequestMatch(Struct, frozen=True):
    """A filter of entries; None matches all. `path` is a prefix, `since` an earlier id."""

    account: str | None = None
    method: str | None = None
    path: str | None = None
    status: int | None = None
    operation: str | None = None
    since: str | None = None

    @classmethod
    def of(cls, asked: Any) -> RequestMatch:
        """Return the filter in a query or body."""
        return cls(**{field.name: getattr(asked, field.name) for field in fields(cls)})

    def __str__(self) -> str:
        asked = ((field.name, getattr(self, field.name)) for field in fields(self))
        return ", ".join(f"{name} {value}" for name, value in asked if value is not None)

    def fits(self, trace: Trace) -> bool:
        return next(self.misses(trace), None) is None

    def misses(self, trace: Trace) -> Iterator[str]:
        """Yield the differences between the entry and the filter."""
        method, path = trace.scope["method"], trace.scope["path"]
        status = None if trace.answer is None else trace.answer.status
        if self.since is not None and trace.id <= self.since:
            yield f"since: it was before {self.since}"
        if self.account is not None and trace.account != self.account:
            yield f"account: {trace.account or 'unknown'}"
        if self.method is not None and method != self.method.upper():
            yield f"method: {method}"
        if self.path is not None and not path.startswith(self.path):
            yield f"path: {path}"
        if self.status is not None and status != self.status:
            yield f"status: {status or 'none'}"
        if self.operation is not None and trace.operation != self.operation:
            yield f"operation: {trace.operation or 'none'}"


def entries(journal: Journal, surface: str | None = None) -> Iterator[Trace]:
    """Yield the calls of a surface, or of all vendors, the newest first."""
    if surface == CONTROL:
        return journal.control
    return (trace for trace in journal if surface in (None, trace.surface))


def near_misses(match: RequestMatch, traces: Iterable[Trace]) -> list[tuple[Trace, str]]:
    """Return the newest entries with one difference only, and the difference."""
    found: list[tuple[Trace, str]] = []
    for trace in traces:
        differs = list(match.misses(trace))
        if len(differs) == 1:
            found.append((trace, differs[0]))
            if len(found) == MAX_NEAR_MISSES:
                break
    return found
