"""Requests that offer another protocol are read as plain HTTP/1.1 (RFC 9110 § 7.8).

Java's HTTP client and `curl --http2` offer HTTP/2 in this way on each first request. The parser
stops at the end of such a head, because the data behind it could belong to the other protocol.
"""

from __future__ import annotations

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

# The headers that say where a request ends, and whether the connection stays open.
_FRAMING = (b"content-length", b"transfer-encoding", b"connection")


class HttpWithoutUpgrade(HttpToolsProtocol):
    """Never changes the protocol: the body of each request is read."""

    def parse(self, data: bytes | memoryview) -> None:
        """Read what has come."""
        try:
            while True:
                try:
                    self.parser.feed_data(data)
                except httptools.HttpParserUpgrade as offer:
                    data = memoryview(data)[offer.args[0] :]
                    self._go_on_without_upgrade()
                else:
                    return
        except httptools.HttpParserError:
            self.send_400_response("Invalid HTTP request received.")

    def _go_on_without_upgrade(self) -> None:
        """Replace the parser by one that continues after the current head, without `Upgrade`."""
        version = self.parser.get_http_version().encode()
        framing = [b": ".join(header) for header in self.headers if header[0] in _FRAMING]
        # Completing an empty message asks this parser, so it must be the current one.
        self.parser = httptools.HttpRequestParser(_AfterHead(self))
        self.parser.set_dangerous_leniencies(lenient_data_after_close=True)
        self.parser.feed_data(b"\r\n".join([b"POST / HTTP/" + version, *framing, b"", b""]))


class _AfterHead:
    """The callbacks of a parser that reads a known head first: they pass on what follows it."""

    def __init__(self, protocol: HttpToolsProtocol) -> None:
        self._protocol = protocol
        self._in_known_head = True
        self.on_body = protocol.on_body
        self.on_message_complete = protocol.on_message_complete

    def on_message_begin(self) -> None:
        if not self._in_known_head:
            self._protocol.on_message_begin()

    def on_url(self, url: bytes) -> None:
        if not self._in_known_head:
            self._protocol.on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self._in_known_head:
            self._protocol.on_header(name, value)

    def on_headers_complete(self) -> None:
        if self._in_known_head:
            self._in_known_head = False
        else:
            self._protocol.on_headers_complete()
