"""Write batching: the answers of one turn of the event loop are sent together at its end.

uvicorn writes the head and the body of an answer separately. Each write wakes the receiving client,
which costs as much CPU time as a signature check. If writes follow each other at once, most clients
are already awake.
"""

from __future__ import annotations

import asyncio
from typing import Any

# The data of one connection that waits; more than this is sent immediately.
MAX_HELD_BYTES = 1024 * 1024


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
