"""TLS for the connections of a port, where a client may end its side and still get its answers.

The TLS of the event loops ends the whole connection when the client ends its side. TLS 1.3 lets
the other direction go on (RFC 8446 § 6.1).
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any, cast

MAX_HANDSHAKE_SECONDS = 30.0
_RECORD_BYTES = 16 * 1024  # the most that one read returns


def over_tls(
    create_protocol: Callable[..., asyncio.Protocol], context: ssl.SSLContext
) -> Callable[..., TlsConnection]:
    """Return what creates the same protocol for connections with TLS."""
    return lambda **arguments: TlsConnection(create_protocol(**arguments), context)


class TlsConnection(asyncio.Protocol):
    """Stands between a connection and its protocol, for which it is the transport."""

    _transport: asyncio.Transport
    _timer: asyncio.TimerHandle

    def __init__(self, protocol: asyncio.Protocol, context: ssl.SSLContext) -> None:
        self._protocol = protocol
        self._context = context
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_side=True)
        self._is_open = False  # the handshake is complete
        self._client_ended = False

    # The protocol of the connection.

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self._transport = transport
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(MAX_HANDSHAKE_SECONDS, transport.abort)

    def data_received(self, data: bytes) -> None:
        self._incoming.write(data)
        try:
            self._receive()
        except ssl.SSLWantReadError:
            self._flush()
        except ssl.SSLError:
            self._flush()  # the alert that says why
            self._transport.close()

    def _receive(self) -> None:
        """Pass on what has come; raises SSLWantReadError in the middle of a record."""
        if not self._is_open:
            self._tls.do_handshake()
            self._flush()
            self._is_open = True
            self._timer.cancel()
            self._protocol.connection_made(cast(asyncio.Transport, self))
        while record := self._tls.read(_RECORD_BYTES):
            self._protocol.data_received(record)
            if not self._incoming.pending or self._transport.is_closing():
                return
        if not self.eof_received():
            self.close()

    def eof_received(self) -> bool:
        """Return whether the connection stays open, for answers; the protocol closes it then."""
        if self._is_open and not self._client_ended:
            self._client_ended = True
            return bool(self._protocol.eof_received())
        return self._is_open

    def connection_lost(self, exc: Exception | None) -> None:
        self._timer.cancel()
        if self._is_open:
            self._protocol.connection_lost(exc)

    def pause_writing(self) -> None:
        if self._is_open:
            self._protocol.pause_writing()

    def resume_writing(self) -> None:
        if self._is_open:
            self._protocol.resume_writing()

    # The transport of the protocol.

    def write(self, data: bytes) -> None:
        rest = memoryview(data)
        while rest:
            rest = rest[self._tls.write(rest) :]
        self._flush()

    def writelines(self, parts: Iterable[bytes]) -> None:
        self.write(b"".join(parts))

    def write_eof(self) -> None:
        self._end()
        self._transport.write_eof()

    def can_write_eof(self) -> bool:
        return self._transport.can_write_eof()

    def close(self) -> None:
        if not self._transport.is_closing():
            self._end()
            self._transport.close()

    def abort(self) -> None:
        self._transport.abort()

    def is_closing(self) -> bool:
        return self._transport.is_closing()

    def pause_reading(self) -> None:
        self._transport.pause_reading()

    def resume_reading(self) -> None:
        self._transport.resume_reading()

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        if name == "sslcontext":
            return self._context
        return self._transport.get_extra_info(name, default)

    def _end(self) -> None:
        """Tell the client that nothing more comes; its own `close_notify` is not awaited."""
        with suppress(ssl.SSLError):
            self._tls.unwrap()
        self._flush()

    def _flush(self) -> None:
        if self._outgoing.pending and not self._transport.is_closing():
            self._transport.write(self._outgoing.read())
