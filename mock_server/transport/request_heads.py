"""Checks of the head of a request: its size and its host; uvicorn's fast protocol has none.

The target counts while it is parsed, headers and trailers when they are complete. While a head is
incomplete, whole chunks count, so that a header without an end is noticed too.
"""

from __future__ import annotations

import asyncio
import logging
from http import HTTPStatus
from typing import ClassVar

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, RequestResponseCycle

from mock_server.transport.exchanges import ExchangingHttp
from mock_server.transport.hosts import WrongHost, check_host, origin_form

log = logging.getLogger("tams_mock")

# How many seconds a refused client may continue sending. Closing at once would make the kernel
# drop the answer together with the data that was not read.
LINGER = 1.0


class _Refused(Exception):
    """The head of a request is refused; the parser wraps this in its own error."""


class BoundedHttp(ExchangingHttp):
    """Refuses a target that is too long with 414, and headers that are too large with 431."""

    limit_bytes: ClassVar[int]

    _heads = 0  # the number of heads on this connection
    _in_head = False
    _header_count = 0  # of a complete head; further ones are trailers
    _unfinished_bytes = 0
    _received_bytes = 0  # in the chunks with parts of the current head
    _refusal: bytes | None = None  # the error answer, sent now or after pending answers

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.headers = []  # they are counted even before a head has begun

    def data_received(self, data: bytes | memoryview) -> None:
        if self._refusal is not None:
            return
        head = self._heads if self._in_head else None
        self._received_bytes = len(data) if head is None else self._received_bytes + len(data)
        self.parse(data)
        too_large = False
        if self._in_head and len(self.url) > self.limit_bytes:
            self._refuse(HTTPStatus.REQUEST_URI_TOO_LONG)
        elif self._in_head:
            self._await_head()
            # If a head began inside a chunk, that chunk may contain earlier requests.
            self._unfinished_bytes += len(data) if self._heads == head else self._parsed_bytes()
            too_large = self._unfinished_bytes > self.limit_bytes
        elif len(self.headers) > self._header_count:
            too_large = self._parsed_bytes() > self.limit_bytes
        if too_large and self._refusal is None:
            self._refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)

    def on_message_begin(self) -> None:
        self.url = b""
        self.headers = []
        self.expect_100_continue = False
        self._heads += 1
        self._in_head = True
        self._unfinished_bytes = 0

    def on_headers_complete(self) -> None:
        self._in_head = False
        # Most heads arrive in chunks below the limit and need no counting.
        if self._received_bytes > self.limit_bytes:
            if len(self.url) > self.limit_bytes:
                self._refuse(HTTPStatus.REQUEST_URI_TOO_LONG)
                raise _Refused
            if self._parsed_bytes() > self.limit_bytes:
                self._refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)
                raise _Refused
        try:
            check_host(self.headers, self.parser.get_http_version)
        except WrongHost as problem:
            self.send_400_response(f"Bad Request: {problem}.")
            raise _Refused from problem
        if not self.url.startswith(b"/"):
            self.url = origin_form(self.url, self.headers)
        self._header_count = len(self.headers)
        self.begin_exchange()

    def send_400_response(self, msg: str) -> None:
        if self._refusal is not None:
            return
        self._refusal = self._error_answer(HTTPStatus.BAD_REQUEST, msg)
        cycle: RequestResponseCycle | None = self.cycle
        if cycle is not None and cycle.more_body and not cycle.response_complete:
            # Its body is broken, so this is the only answer to it.
            cycle.disconnected = True
            cycle.message_event.set()
        if not self._is_answering():
            self._send(self._refusal)

    def _await_head(self) -> None:
        """Take notice of a head whose end has not come yet."""

    def _parsed_bytes(self) -> int:
        """Return the size of the parsed part of the current head."""
        return len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)

    def _is_answering(self) -> bool:
        """Return whether a complete request is not yet answered completely."""
        cycle: RequestResponseCycle | None = self.cycle
        if cycle is None or self.pipeline:
            return bool(self.pipeline)
        return not cycle.response_complete and not cycle.more_body

    def _refuse(self, status: HTTPStatus) -> None:
        limit = f"{status.phrase}: the limit is {self.limit_bytes} bytes."
        self._refusal = self._error_answer(status, limit)
        cycle: RequestResponseCycle | None = self.cycle
        if cycle is None or cycle.response_complete:
            self._send(self._refusal)
        elif cycle.more_body:  # These are trailers, and the answer may have begun.
            self.transport.close()

    def _error_answer(self, status: HTTPStatus, why: str) -> bytes:
        log.warning("a request was answered with %d before it was read: %s", status, why)
        text = f"{why}\n".encode()
        headers = [
            *self.server_state.default_headers,
            (b"content-type", b"text/plain; charset=utf-8"),
            (b"content-length", str(len(text)).encode()),
            (b"connection", b"close"),
        ]
        lines = [name + b": " + value + b"\r\n" for name, value in headers]
        return b"".join([STATUS_LINE[status], *lines, b"\r\n", text])

    def _send(self, refusal: bytes) -> None:
        if self.transport.is_closing():
            return
        self.transport.write(refusal)
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self.loop.call_later(LINGER, self.transport.close)
