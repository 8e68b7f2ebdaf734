"""The outermost stage: it gives every exchange a trace, and tells observers when it is over."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from time import perf_counter

from starlette.types import ASGIApp, Receive, Scope, Send

from mock_server.web.traces import Trace, next_turn, pack

# Told of an exchange that is over, however it ended. `trace.answer` is what was sent of the answer.
Observer = Callable[[Trace], object]


class Tracing:
    """Wraps the whole app, the control API included; ids are unique among all exchanges.

    The trace is in the scope of the request, as `trace`.
    """

    def __init__(
        self, app: ASGIApp, wall: Callable[[], float], observers: Iterable[Observer] = ()
    ) -> None:
        self.app = app
        self.wall = wall
        self.observers = list(observers)
        self.serial = 0  # of the last exchange; its id is made of it

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.serial += 1
        trace = scope["trace"] = Trace(
            f"{self.serial:08x}", self.wall(), scope["method"], scope["path"], turn=next_turn()
        )
        began = perf_counter()
        try:
            await self.app(scope, receive, send)
        finally:
            trace.seconds = perf_counter() - began
            trace.packed_head = pack(scope)
            for observer in self.observers:
                observer(trace)
