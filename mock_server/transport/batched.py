"""Write batching: the answers of one turn of the event loop are sent together at its end.

uvicorn writes the head and the body of an answer separately. Each write wakes the receiving client,
which costs as much CPU time as a signature check. If writes follow each other at once, most clients
are already awake.

The protocol here also saves the two messages and the timer that uvicorn makes for each answer, and
marks requests that were received completely, so that reading their body needs no timeout.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from typing import Any, ClassVar, Literal, cast

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, RequestResponseCycle

from mock_server.transport.upgrades import HttpWithoutUpgrade
from mock_server.web.calls import GONE, WHOLE, Headers

# The data of one connection that waits; more than this is sent immediately.
MAX_HELD_BYTES = 1024 * 1024
# A larger body costs more to copy behind its head than to send separately.
MAX_JOINED_BYTES = 16 * 1024


class WriteBatch:
    """The connections with data of this turn of the event loop; sends all at its end."""

    def __init__(self) -> None:
        self._transports: list[BatchedTransport] = []

    def add(self, transport: BatchedTransport) -> None:
        if not self._transports:
            asyncio.get_running_loop().call_soon(self.send)
        self._transports.append(transport)

    def send(self) -> None:
        transports, self._transports = self._transports, []
        for transport in transports:
            transport.send()


class BatchingProtocol(HttpWithoutUpgrade):
    """Marks complete requests, and sends the answers of a turn together."""

    batch: ClassVar[WriteBatch]

    _idle_since = 0.0  # in the loop's time

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(cast(asyncio.Transport, BatchedTransport(transport, self.batch)))

    def on_message_complete(self) -> None:
        if self.parser.should_upgrade():
            return  # only the head is complete
        super().on_message_complete()
        self.scope["state"][WHOLE] = WholeAnswer(self.cycle)

    def on_response_complete(self) -> None:
        """Start the next request that waits, as uvicorn does; there is one timer for all."""
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        self._idle_since = self.loop.time()
        self.flow.resume_reading()
        if self.pipeline:
            self._start_asgi_task(*self.pipeline.pop())

    def connection_lost(self, exc: Exception | None) -> None:
        cycle: RequestResponseCycle | None = self.cycle
        if cycle is not None and not cycle.response_complete:
            cycle.scope["state"][GONE] = True
        super().connection_lost(exc)


class WholeAnswer:
    """Sends the answer to a complete request in one piece, which costs a third of two messages."""

    __slots__ = ("_cycle",)

    def __init__(self, cycle: RequestResponseCycle) -> None:
        self._cycle = cycle

    def send(self, status: int, headers: Headers, body: bytes) -> bool:
        """Send the answer, or return False where only the ordinary way is right."""
        cycle = self._cycle
        if cycle.disconnected or cycle.flow.write_paused or not cycle.keep_alive:
            return False
        if len(body) > MAX_JOINED_BYTES:
            return False
        parts = [STATUS_LINE[status]]
        for group in (cycle.default_headers, headers):
            for name, value in group:
                parts += name, b": ", value, b"\r\n"
        head = b"".join(parts)
        lines = len(parts) // 4 + 1
        if head.count(b"\n") != lines or head.count(b"\r") != lines:
            return False  # uvicorn refuses it
        cycle.response_started = cycle.response_complete = True
        cycle.transport.write(b"".join((head, b"\r\n", body)))
        cycle.message_event.set()
        cycle.on_response()
        return True

    def set_date(self, date: bytes) -> None:
        """Send another Date header than that of the server."""
        kept = [header for header in self._cycle.default_headers if header[0] != b"date"]
        self._cycle.default_headers = [(b"date", date), *kept]

    def send_raw(self, data: bytes, *, then: Literal["close", "reset"]) -> None:
        """Send any bytes in place of an answer, and end the connection."""
        cycle = self._cycle
        cycle.response_started = cycle.response_complete = True
        cycle.message_event.set()
        if data:
            cycle.transport.write(data)
        if then == "close":
            cycle.transport.close()
            return
        sock = cycle.transport.get_extra_info("socket")
        if sock is not None:  # Without lingering, the system sends a reset.
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        cycle.transport.abort()


class BatchedTransport:
    """A connection's transport that writes at the end of the turn, or before it closes."""

    __slots__ = ("_batch", "_held", "_held_bytes", "_transport")

    def __init__(self, transport: asyncio.Transport, batch: WriteBatch) -> None:
        self._transport = transport
        self._batch = batch
        self._held: list[bytes] = []
        self._held_bytes = 0

    def write(self, data: bytes) -> None:
        if not self._held:
            self._batch.add(self)
        self._held.append(data)
        self._held_bytes += len(data)
        if self._held_bytes > MAX_HELD_BYTES:
            self.send()

    def send(self) -> None:
        """Send the waiting data, unless the connection is closing."""
        held, self._held, self._held_bytes = self._held, [], 0
        if held and not self._transport.is_closing():
            self._transport.writelines(held)

    def close(self) -> None:
        self.send()
        self._transport.close()

    def write_eof(self) -> None:
        self.send()
        self._transport.write_eof()

    # The other methods are delegated explicitly, because `__getattr__` would slow down each call.

    def abort(self) -> None:
        self._transport.abort()

    def can_write_eof(self) -> bool:
        return self._transport.can_write_eof()

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return self._transport.get_extra_info(name, default)

    def is_closing(self) -> bool:
        return self._transport.is_closing()

    def pause_reading(self) -> None:
        self._transport.pause_reading()

    def resume_reading(self) -> None:
        self._transport.resume_reading()
