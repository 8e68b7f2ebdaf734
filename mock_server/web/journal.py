"""The journal: what came, what was answered and why; bounded, and read by the control API.

A trace is kept as it is while the exchange goes on; work is done only when somebody looks.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from time import perf_counter

from starlette.types import ASGIApp, Receive, Scope, Send

from mock_server.web.calls import Trace

# Of pictures and videos: enough for their sizes, and little to copy for every download.
MEDIA_BYTES = 4096


class Journal:
    """Gives every exchange an id and keeps the last of them.

    Bodies are cut to `body_bytes`, pictures and videos to their beginning, and one byte more, so
    that a cut one can be told from a whole one; all entries together stay below `total_bytes`;
    `entries` 0 keeps nothing. Whoever is in `listeners` is told of each entry when it is kept.
    """

    def __init__(
        self,
        app: ASGIApp,
        wall: Callable[[], float],
        *,
        entries: int,
        total_bytes: int,
        body_bytes: int,
    ) -> None:
        self.app = app
        self.wall = wall
        self.entries = entries
        self.total_bytes = total_bytes
        self.body_bytes = body_bytes
        self.size_bytes = 0
        self.listeners: set[Callable[[Trace], None]] = set()
        self._serial = 0
        self._kept: deque[Trace] = deque()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._serial += 1
        trace = Trace(f"{self._serial:08x}", self.wall(), scope)
        scope["trace"] = trace
        began = perf_counter()
        try:
            await self.app(scope, receive, send)
        finally:
            # The two would keep each other alive until a collection.
            del scope["trace"]
            if self.entries and (trace.remarks or not trace.passing):
                trace.seconds = perf_counter() - began
                self._keep(trace)

    def __iter__(self) -> Iterator[Trace]:
        """Yield what is kept, the newest first."""
        return reversed(self._kept)

    def find(self, id: str) -> Trace | None:
        """Return the exchange with this request id, if it is still kept."""
        return next((trace for trace in self._kept if trace.id == id), None)

    def max_shown_of(self, body: bytes, headers: Iterable[tuple[bytes, bytes]]) -> int:
        """Return how many bytes are shown of a body with these headers; one more may be kept."""
        if len(body) > MEDIA_BYTES and _is_media(headers):
            return min(MEDIA_BYTES, self.body_bytes)
        return self.body_bytes

    def forget(self, account: str | None = None) -> None:
        """Drop the entries of one account, or all."""
        kept = [trace for trace in self._kept if account is not None and trace.account != account]
        self._kept = deque(kept)
        self.size_bytes = sum(map(_size_bytes, kept))

    def _keep(self, trace: Trace) -> None:
        short = min(self.body_bytes, MEDIA_BYTES)
        if len(trace.body) > short:
            most = self.max_shown_of(trace.body, trace.scope["headers"])
            trace.body = trace.body[: most + 1]
        answer = trace.answer
        if answer is not None and len(answer.body) > short:
            most = self.max_shown_of(answer.body, answer.headers)
            trace.answer = type(answer)(answer.status, answer.body[: most + 1], answer.headers)
        kept = self._kept
        kept.append(trace)
        self.size_bytes += _size_bytes(trace)
        while len(kept) > self.entries or self.size_bytes > self.total_bytes:
            self.size_bytes -= _size_bytes(kept.popleft())
        for listener in tuple(self.listeners):
            listener(trace)


# What a trace holds beside its bodies, roughly: its scope, headers and own members.
_OVERHEAD_BYTES = 3000


def _is_media(headers: Iterable[tuple[bytes, bytes]]) -> bool:
    for name, value in headers:
        if name == b"content-type":
            return value.startswith((b"image/", b"video/"))
    return False


def _size_bytes(trace: Trace) -> int:
    answer = 0 if trace.answer is None else len(trace.answer.body)
    return _OVERHEAD_BYTES + len(trace.body) + answer
