"""How long connections stay open.

A connection without a request, or with a head that never ends, is closed after a time. A client
that sends no more, but still reads, gets the answers to what it has sent.
"""

from __future__ import annotations

import asyncio
from asyncio import TimerHandle
from http import HTTPStatus
from typing import ClassVar

from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from mock_server.transport.batched import WriteBatch
from mock_server.transport.request_heads import BoundedHttp

MAX_HEAD_SECONDS = 30.0  # from the first byte of a head to its end


class TimedHttp(BoundedHttp):
    """Closes idle connections and endless heads; answers clients that have ended their side."""

    head_seconds: ClassVar[float]

    _head_timer: TimerHandle | None = None
    _client_ended = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._idle_since = self.loop.time()
        self._idle_timer = self.loop.call_later(self.timeout_keep_alive, self._end_idle)

    def connection_lost(self, exc: Exception | None) -> None:
        self._idle_timer.cancel()
        if self._head_timer is not None:
            self._head_timer.cancel()
        super().connection_lost(exc)

    def eof_received(self) -> bool:  # type: ignore[override]
        """Keep the connection open for answers."""
        self._client_ended = True
        cycle: RequestResponseCycle | None = self.cycle
        is_pending = cycle is not None and not cycle.response_complete
        if cycle is not None and is_pending and cycle.more_body:
            # The rest of its body will not come.
            cycle.disconnected = True
            cycle.message_event.set()
            is_pending = bool(self.pipeline)  # the requests before it
        if not is_pending:
            self.transport.close()
        return is_pending

    def on_response_complete(self) -> None:
        """Start the next request that waits, as uvicorn does; there is one timer for all."""
        self.server_state.total_requests += 1
        if not self.transport.is_closing():
            self._idle_since = self.loop.time()
            self.flow.resume_reading()
            if self.pipeline:
                self.start(*self.pipeline.pop())
        if self._refusal is not None and not self._is_answering():
            self._send(self._refusal)
        if self._client_ended and not self.pipeline:
            cycle: RequestResponseCycle = self.cycle
            if cycle.response_complete or cycle.disconnected:
                self.transport.close()

    def _end_idle(self) -> None:
        cycle: RequestResponseCycle | None = self.cycle
        is_busy = self._in_head or (cycle is not None and not cycle.response_complete)
        left = self._idle_since + self.timeout_keep_alive - self.loop.time()
        if is_busy or left > 0:
            wait = self.timeout_keep_alive if is_busy else left
            self._idle_timer = self.loop.call_later(wait, self._end_idle)
        else:
            self.transport.close()

    def _await_head(self) -> None:
        if self._head_timer is None:
            wait = self.head_seconds
            self._head_timer = self.loop.call_later(wait, self._end_head, self._heads)

    def _end_head(self, number: int) -> None:
        self._head_timer = None
        if not self._in_head:
            return
        if number != self._heads or self._is_answering():  # earlier answers come first
            self._await_head()
        elif self._refusal is None:
            why = f"The head of the request did not end within {self.head_seconds:g} s."
            self._refusal = self._error_answer(HTTPStatus.REQUEST_TIMEOUT, why)
            self._send(self._refusal)


def timed(limit_bytes: int) -> type[TimedHttp]:
    """Return a protocol with limits and a write batch, for the connections of one port."""
    members = {"limit_bytes": limit_bytes, "head_seconds": MAX_HEAD_SECONDS, "batch": WriteBatch()}
    return type("TimedHttp", (TimedHttp,), members)
