"""Requests and their answers: what uvicorn does for each, in fewer steps.

A scope is made at once when the head is complete, and requests that were received completely are
marked, so that reading their body needs no timeout and their answer is sent without messages.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import struct
from collections.abc import Iterable
from typing import Any, ClassVar, Literal, cast
from urllib.parse import unquote

import httptools
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, RequestResponseCycle

from mock_server.transport.batched import BatchedTransport, WriteBatch
from mock_server.transport.upgrades import HttpWithoutUpgrade
from mock_server.web.calls import GONE, WHOLE

# A larger body costs more to copy behind its head than to send separately.
MAX_JOINED_BYTES = 16 * 1024

_ASGI = {"version": "3.0", "spec_version": "2.3"}


class HttpExchange(RequestResponseCycle):
    """One request and its answer, which can be sent in one piece when the request is complete."""

    logger = logging.getLogger("uvicorn.error")
    access_log = False
    disconnected = False
    more_body = True
    response_started = False
    response_complete = False
    chunked_encoding = None
    expected_content_length = 0

    def __init__(self, protocol: ExchangingHttp, scope: Any, *, keep_alive: bool) -> None:
        self.scope = scope
        self.transport = protocol.transport
        self.flow = protocol.flow
        self.default_headers = protocol.server_state.default_headers
        self.message_event = asyncio.Event()
        self.on_response = protocol.on_response_complete
        self.keep_alive = keep_alive
        self.waiting_for_100_continue = protocol.expect_100_continue
        self.body = bytearray()

    def send_whole(self, status: int, lines: Iterable[bytes], body: bytes) -> bool:
        """Send the answer, or return False where only the ordinary way is right."""
        if self.disconnected or self.flow.write_paused or not self.keep_alive:
            return False
        parts = [STATUS_LINE[status]]
        for name, value in self.default_headers:
            parts += name, b": ", value, b"\r\n"
        parts += (*lines, b"\r\n")
        self.response_started = self.response_complete = True
        if len(body) > MAX_JOINED_BYTES:
            self.transport.write(b"".join(parts))
            self.transport.write(body)
        else:
            self.transport.write(b"".join((*parts, body)))
        self.message_event.set()
        self.on_response()
        return True

    def set_date(self, date: bytes) -> None:
        """Send another Date header than that of the server."""
        kept = [header for header in self.default_headers if header[0] != b"date"]
        self.default_headers = [(b"date", date), *kept]

    def send_raw(self, data: bytes, *, then: Literal["close", "reset"]) -> None:
        """Send any bytes in place of an answer, and end the connection."""
        self.response_started = self.response_complete = True
        self.message_event.set()
        if data:
            self.transport.write(data)
        if then == "close":
            self.transport.close()
            return
        sock = self.transport.get_extra_info("socket")
        if sock is not None:  # Without lingering, the system sends a reset.
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.transport.abort()


class ExchangingHttp(HttpWithoutUpgrade):
    """Makes the exchanges of a connection, one after the other."""

    batch: ClassVar[WriteBatch]

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(cast(asyncio.Transport, BatchedTransport(transport, self.batch)))

    def begin_exchange(self) -> None:
        """Start the request whose head is complete, or let it wait for those before it."""
        parser, url = self.parser, httptools.parse_url(self.url)
        version = parser.get_http_version()
        raw_path = url.path
        path = raw_path.decode("ascii")
        scope = {
            "type": "http",
            "asgi": _ASGI,
            "http_version": version,
            "server": self.server,
            "client": self.client,
            "scheme": self.scheme,
            "method": parser.get_method().decode(),
            "root_path": "",
            "path": unquote(path) if "%" in path else path,
            "raw_path": raw_path,
            "query_string": url.query or b"",
            "headers": self.headers,
            "state": self.app_state.copy(),
        }
        before: RequestResponseCycle | None = self.cycle
        keep_alive = version != "1.0" and parser.should_keep_alive()
        self.cycle = HttpExchange(self, scope, keep_alive=keep_alive)
        if before is None or before.response_complete:
            self.start(self.cycle, self.app)
        else:
            self.flow.pause_reading()
            self.pipeline.appendleft((self.cycle, self.app))

    def start(self, cycle: RequestResponseCycle, app: Any) -> None:
        """Let the app answer a request."""
        self.tasks.add(self.loop.create_task(self._run(cycle, app)))

    async def _run(self, cycle: RequestResponseCycle, app: Any) -> None:
        try:
            await cycle.run_asgi(app)
        finally:  # A callback of the task would take another turn of the event loop.
            self.tasks.discard(asyncio.current_task())

    def on_message_complete(self) -> None:
        exchange = self.cycle
        if self.parser.should_upgrade() or exchange.response_complete:
            return  # an upgrade: only the head is complete
        exchange.more_body = False
        exchange.message_event.set()
        exchange.scope["state"][WHOLE] = exchange

    def connection_lost(self, exc: Exception | None) -> None:
        cycle: RequestResponseCycle | None = self.cycle
        if cycle is not None and not cycle.response_complete:
            cycle.scope["state"][GONE] = True
        super().connection_lost(exc)
