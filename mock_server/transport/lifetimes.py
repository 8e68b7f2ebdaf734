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
        self.timeout_keep_alive_task = self.loop.call_later(
            self.timeout_keep_alive, self.timeout_keep_alive_handler
        )

    def connection_lost(self, exc: Exception | None) -> None:
        self._unset_keepalive_if_required()
        self._unset_head_timer()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self._in_head and self._head_timer is None:
            self._await_head()

    def on_message_begin(self) -> None:
        self._unset_keepalive_if_required()
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        # An earlier answer may have set it in the middle of this head.
        self._unset_keepalive_if_required()
        self._unset_head_timer()
        super().on_headers_complete()

    def eof_received(self) -> bool:  # type: ignore[override]
        """Keep the connection open for answers; connections with TLS cannot be half-closed."""
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
        super().on_response_complete()
        if self._client_ended and not self.pipeline:
            cycle: RequestResponseCycle = self.cycle
            if cycle.response_complete or cycle.disconnected:
                self.transport.close()

    def _await_head(self) -> None:
        self._head_timer = self.loop.call_later(self.head_seconds, self._end_head)

    def _unset_head_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _end_head(self) -> None:
        if self._is_answering():  # the answers to earlier requests come first
            self._await_head()
        elif self._refusal is None:
            why = f"The head of the request did not end within {self.head_seconds:g} s."
            self._refusal = self._error_answer(HTTPStatus.REQUEST_TIMEOUT, why)
            self._send(self._refusal)


def timed(limit_bytes: int) -> type[TimedHttp]:
    """Return a protocol with limits and a write batch, for the connections of one port."""
    members = {"limit_bytes": limit_bytes, "head_seconds": MAX_HEAD_SECONDS, "batch": WriteBatch()}
    return type("TimedHttp", (TimedHttp,), members)
