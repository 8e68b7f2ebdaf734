"""Calls and answers in one piece, where they are small.

uvicorn writes the head of an answer and then its body, each in a write of its own. And it
does not say that a call has come as a whole, so that nobody need guard the reading of its body.
"""

from __future__ import annotations

import asyncio
from typing import cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from mock_server.web.calls import WHOLE

# A larger body is not copied behind its head.
JOINED_AT_MOST = 64 * 1024


class WholeMessages(HttpToolsProtocol):
    """Says so once a call is there as a whole, and sends an answer's head with its body."""

    _pen: Pen

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._pen = Pen(transport)

    def on_headers_complete(self) -> None:
        super().on_headers_complete()
        # A call's cycle asks its transport for nothing else than a pen can do.
        self.cycle.transport = cast(asyncio.Transport, self._pen)

    def on_message_complete(self) -> None:
        super().on_message_complete()
        self.scope["state"][WHOLE] = True

    def on_response_complete(self) -> None:
        self._pen.end()
        super().on_response_complete()


class Pen:
    """Writes the answers of one connection, one after the other."""

    __slots__ = ("_head", "_in_body", "_transport")

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._head = b""
        self._in_body = False

    def write(self, data: bytes) -> None:
        """Write what comes next; the head of an answer with a length waits for its body."""
        if self._head:
            head, self._head = self._head, b""
            self._in_body = True
            if len(data) <= JOINED_AT_MOST:
                data = head + data
            else:
                self._transport.write(head)
        elif not self._in_body and _is_head_with_length(data):
            self._head = data
            return
        self._transport.write(data)

    def end(self) -> None:
        """Write a head that has no body behind it, and be ready for the next answer."""
        self._in_body = False
        if self._head:
            head, self._head = self._head, b""
            self._transport.write(head)

    def close(self) -> None:
        """Close the connection once all is written."""
        self.end()
        self._transport.close()

    def is_closing(self) -> bool:
        """Say whether nothing more can be written."""
        return self._transport.is_closing()


def _is_head_with_length(data: bytes) -> bool:
    """Tell such a head from 100 Continue, and from that of a stream, which may take its time."""
    return data.startswith(b"HTTP/") and b"\r\ncontent-length: " in data
