"""A bound on a request's head, for uvicorn's fast protocol, which has none.

What is counted are the target and the headers as they are parsed, and whole chunks for as long as
a head stays unfinished, so that a header without end is noticed too.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import ClassVar

from uvicorn.protocols.http.httptools_impl import (
    STATUS_LINE,
    HttpToolsProtocol,
    RequestResponseCycle,
)

# How long a refused client may go on sending. Closing at once would make the kernel throw away
# the refusal along with what was not read.
LINGER = 1.0


class _TooLarge(Exception):
    """The head of a request is beyond the limit; the parser wraps it in an error of its own."""


class BoundedHttp(HttpToolsProtocol):
    """Refuses a target that is too long with 414, and headers that are too large with 431."""

    limit_bytes: ClassVar[int]

    _heads = 0  # how many began on this connection
    _in_head = False
    _head_bytes = 0
    _unfinished_bytes = 0
    _status: HTTPStatus | None = None

    def data_received(self, data: bytes) -> None:
        if self._status is not None:
            return
        head = self._heads if self._in_head else None
        super().data_received(data)
        if self._in_head and self._heads == head and self._status is None:
            self._unfinished_bytes += len(data)
            if self._unfinished_bytes > self.limit_bytes:
                self._refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._heads += 1
        self._in_head = True
        self._head_bytes = self._unfinished_bytes = 0

    def on_url(self, url: bytes) -> None:
        super().on_url(url)
        self._count(len(url), HTTPStatus.REQUEST_URI_TOO_LONG)

    def on_header(self, name: bytes, value: bytes) -> None:
        super().on_header(name, value)
        self._count(len(name) + len(value) + 4, HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)

    def on_headers_complete(self) -> None:
        self._in_head = False
        super().on_headers_complete()

    def send_400_response(self, msg: str) -> None:
        if self._status is None:
            super().send_400_response(msg)

    def _count(self, size_bytes: int, status: HTTPStatus) -> None:
        self._head_bytes += size_bytes
        if self._head_bytes > self.limit_bytes:
            self._refuse(status)
            raise _TooLarge

    def _refuse(self, status: HTTPStatus) -> None:
        self._status = status
        cycle: RequestResponseCycle | None = self.cycle
        if cycle is not None and not cycle.response_complete:
            self.transport.close()  # in the middle of an answer, this would be taken for its part
            return
        text = f"{status.phrase}: the limit is {self.limit_bytes} bytes.\n".encode()
        headers = [
            *self.server_state.default_headers,
            (b"content-type", b"text/plain; charset=utf-8"),
            (b"content-length", str(len(text)).encode()),
            (b"connection", b"close"),
        ]
        lines = [name + b": " + value + b"\r\n" for name, value in headers]
        self.transport.write(b"".join([STATUS_LINE[status], *lines, b"\r\n", text]))
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self.loop.call_later(LINGER, self.transport.close)


def bounded(limit_bytes: int) -> type[BoundedHttp]:
    """Return the protocol with a limit of its own."""
    return type("BoundedHttp", (BoundedHttp,), {"limit_bytes": limit_bytes})
