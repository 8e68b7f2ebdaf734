"""Calls and answers in one piece, and answers sent together.

uvicorn does not say that a call has come as a whole, so that nobody need guard the reading of its
body. And it writes the head of an answer and then its body, each in a write of its own. A write
wakes whoever waits for it, which takes as long as a signature check; of those that follow at once,
most find him awake.
"""

from __future__ import annotations

import asyncio
from typing import Any, ClassVar, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from mock_server.web.calls import WHOLE

# What is held back for one connection; with more, it is sent at once.
MAX_HELD_BYTES = 1024 * 1024


class WriteBatch:
    """What was written in one turn of the event loop, to be sent at its end."""

    def __init__(self) -> None:
        self._transports: list[BatchedTransport] = []

    def keep(self, transport: BatchedTransport) -> None:
        if not self._transports:
            asyncio.get_running_loop().call_soon(self.send)
        self._transports.append(transport)

    def send(self) -> None:
        transports, self._transports = self._transports, []
        for transport in transports:
            transport.send()


class BatchingProtocol(HttpToolsProtocol):
    """Says so once a call is there as a whole, and sends the answers of a turn together."""

    batch: ClassVar[WriteBatch]

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(cast(asyncio.Transport, BatchedTransport(transport, self.batch)))

    def on_message_complete(self) -> None:
        super().on_message_complete()
        self.scope["state"][WHOLE] = True


class BatchedTransport:
    """A connection's transport that writes at the end of the turn, or before it is closed."""

    __slots__ = ("_batch", "_held", "_held_bytes", "_transport")

    def __init__(self, transport: asyncio.Transport, batch: WriteBatch) -> None:
        self._transport = transport
        self._batch = batch
        self._held: list[bytes] = []
        self._held_bytes = 0

    def write(self, data: bytes) -> None:
        if not self._held:
            self._batch.keep(self)
        self._held.append(data)
        self._held_bytes += len(data)
        if self._held_bytes > MAX_HELD_BYTES:
            self.send()

    def send(self) -> None:
        """Send what is held back, unless nobody is there any more."""
        held, self._held, self._held_bytes = self._held, [], 0
        if held and not self._transport.is_closing():
            self._transport.writelines(held)

    def close(self) -> None:
        self.send()
        self._transport.close()

    def write_eof(self) -> None:
        self.send()
        self._transport.write_eof()

    # The rest, as it is. Named one by one, as `__getattr__` would slow every call of a method.

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
