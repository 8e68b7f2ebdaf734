"""The journal: what was asked, what was answered and why; bounded, and read by the control API.

A trace is kept as it came, its head packed; work is done only when it is read.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator

from mock_server.web.calls import CONTROL
from mock_server.web.traces import Trace

# Of pictures and videos: enough for their sizes, and little to copy for every download.
MEDIA_BYTES = 4096

MAX_CONTROL_ENTRIES = 100
# The share of all bytes that calls of the control API may take.
_CONTROL_SHARE = 8


class Journal:
    """Keeps the last exchanges: those with vendors, and apart from them a few of the control API.

    Bodies are cut to `body_bytes`, pictures and videos to their beginning, and one byte more, so
    that a cut one can be told from a whole one; all entries together stay below `total_bytes`;
    `entries` 0 keeps nothing. The `listeners` are told of each entry when it is kept, and the
    `waits` are ended when the server stops.
    """

    def __init__(self, *, entries: int, total_bytes: int, body_bytes: int) -> None:
        self.entries = entries
        self.body_bytes = body_bytes
        self._short_bytes = min(body_bytes, MEDIA_BYTES)  # up to here, bodies are kept whole
        self.listeners: set[Callable[[Trace], None]] = set()
        self.waits: set[Callable[[], None]] = set()
        self._number = 0
        control_bytes = total_bytes // _CONTROL_SHARE
        self._vendors = _Ring(entries, total_bytes - control_bytes)
        # Calls of the control API never push those of vendors out, however often a test polls.
        self._control = _Ring(min(entries, MAX_CONTROL_ENTRIES), control_bytes)

    def keep(self, trace: Trace) -> None:
        """Observe an exchange that is over."""
        if not self.entries or (trace.passing and not trace.remarks):
            return
        self._cut(trace)
        self._number += 1
        trace.kept = self._number
        (self._control if trace.surface == CONTROL else self._vendors).append(trace)
        for listener in tuple(self.listeners):
            listener(trace)

    def end_waits(self) -> None:
        """End what waits for entries, because the server stops."""
        for end in tuple(self.waits):
            end()

    def __iter__(self) -> Iterator[Trace]:
        """Yield the exchanges with vendors, the newest first."""
        return reversed(self._vendors.kept.values())

    @property
    def control(self) -> Iterator[Trace]:
        """The exchanges with the control API, the newest first."""
        return reversed(self._control.kept.values())

    @property
    def dropped(self) -> int:
        """How many exchanges with vendors were too many to keep, since all were forgotten."""
        return self._vendors.dropped

    @property
    def size_bytes(self) -> int:
        return self._vendors.size_bytes + self._control.size_bytes

    def find(self, id: str) -> Trace | None:
        """Return the exchange with this request id, if it is still kept."""
        return self._vendors.kept.get(id) or self._control.kept.get(id)

    def is_after(self, trace: Trace, id: str) -> bool:
        """Return whether an exchange ended after the one with an id; or began, if that is gone."""
        other = self.find(id)
        return trace.id > id if other is None else trace.kept > other.kept

    def max_shown_of(self, body: bytes, headers: Iterable[tuple[bytes, bytes]]) -> int:
        """Return how many bytes are shown of a body with these headers; one more may be kept."""
        if len(body) > MEDIA_BYTES and _is_media(headers):
            return min(MEDIA_BYTES, self.body_bytes)
        return self.body_bytes

    def forget(self, account: str | None = None) -> None:
        """Drop the exchanges with vendors of one account, or all."""
        if account is None:
            self._vendors.dropped = 0
        self._vendors.forget(account)

    def _cut(self, trace: Trace) -> None:
        short = self._short_bytes
        if len(trace.body) > short:
            most = self.max_shown_of(trace.body, trace.head.headers)
            trace.body = trace.body[: most + 1]
        answer = trace.answer
        if answer is not None and len(answer.body) > short:
            most = self.max_shown_of(answer.body, answer.headers)
            trace.answer = type(answer)(answer.status, answer.body[: most + 1], answer.headers)


class _Ring:
    """The newest traces within a number of entries and of bytes."""

    def __init__(self, entries: int, total_bytes: int) -> None:
        self.entries = entries
        self.total_bytes = total_bytes
        self.size_bytes = 0
        self.dropped = 0
        self.kept: OrderedDict[str, Trace] = OrderedDict()
        self._ids: dict[str, dict[str, None]] = {}  # by account

    def append(self, trace: Trace) -> None:
        kept = self.kept
        kept[trace.id] = trace
        ids = self._ids.get(trace.account)
        if ids is None:
            ids = self._ids[trace.account] = {}
        ids[trace.id] = None
        self.size_bytes += size_of(trace)
        while len(kept) > self.entries or self.size_bytes > self.total_bytes:
            _, oldest = kept.popitem(last=False)
            self.size_bytes -= size_of(oldest)
            self.dropped += 1
            ids = self._ids[oldest.account]
            del ids[oldest.id]
            if not ids:
                del self._ids[oldest.account]

    def forget(self, account: str | None) -> None:
        """Drop the traces of one account, or all."""
        for each in tuple(self._ids) if account is None else (account,):
            for id in self._ids.pop(each, ()):
                self.size_bytes -= size_of(self.kept.pop(id))


# What a trace holds beside its head and bodies, roughly.
OVERHEAD_BYTES = 1500


def _is_media(headers: Iterable[tuple[bytes, bytes]]) -> bool:
    for name, value in headers:
        if name == b"content-type":
            return value.startswith((b"image/", b"video/"))
    return False


def size_of(trace: Trace) -> int:
    """Return how many bytes a trace takes, roughly."""
    answer = 0 if trace.answer is None else len(trace.answer.body)
    return OVERHEAD_BYTES + len(trace.packed_head) + len(trace.body) + answer
