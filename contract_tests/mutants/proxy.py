"""A reverse proxy in front of a mock. It applies a mutation to calls and answers.

It uses one thread for each connection, which is enough for few callers.
"""

from __future__ import annotations

import contextlib
import http.client
import traceback
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

from contract_tests.mutants.calls import HttpCall, HttpReply, Middleware, Unanswered, a_reply
from contract_tests.mutants.seen_accounts import SeenAccounts

TIMEOUT = 60.0  # seconds for an answer of the mock
_OWN_HEADERS = {"connection", "content-length", "keep-alive", "transfer-encoding"}
_WITHOUT_BODY = {204, 304}


class Upstream(SeenAccounts):
    """The mock behind a proxy."""

    def __init__(self, url: str) -> None:
        super().__init__()
        parts = urlsplit(url)
        self._host, self._port = parts.hostname or "", parts.port or 80
        self.url = ""

    def __call__(self, call: HttpCall) -> HttpReply:
        """Pass a call on and return the answer; raises `OSError` if there is none."""
        connection = http.client.HTTPConnection(self._host, self._port, timeout=TIMEOUT)
        try:
            # The target is sent unchanged, because it is signed.
            connection.putrequest(
                call.method, call.target, skip_host=True, skip_accept_encoding=True
            )
            for name, value in call.headers:
                if name.lower() not in _OWN_HEADERS:
                    connection.putheader(name, value.encode("latin-1"))
            if call.body or call.method in ("POST", "PUT", "PATCH"):
                connection.putheader("Content-Length", str(len(call.body)))
            connection.putheader("Connection", "close")
            # The mock may refuse a long body before it has read it all.
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                connection.endheaders(call.body or None)
            answer = connection.getresponse()
            headers = tuple(
                pair for pair in answer.getheaders() if pair[0].lower() not in _OWN_HEADERS
            )
            reply = HttpReply(answer.status, headers, answer.read())
        finally:
            connection.close()
        self.learn(call, reply)
        return reply


class MutatingProxy:
    """A listening proxy as a context manager; `faults` are errors in mutations."""

    def __init__(self, upstream: str, middleware: Middleware, *, port: int = 0) -> None:
        self.upstream = Upstream(upstream)
        handler = type("BoundProxyHandler", (_ProxyHandler,), {"serve": staticmethod(self._serve)})
        self.faults: list[str] = []
        self._middleware = middleware
        self._server = _ProxyServer(("127.0.0.1", port), handler)
        self.url = self.upstream.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _serve(self, call: HttpCall) -> HttpReply:
        try:
            return self._middleware(call, self.upstream)
        except Unanswered:
            raise
        except OSError as error:
            return a_reply(502, {"message": f"nothing answers behind the proxy: {error}"})
        except Exception as error:
            # An error in a mutation must not look like a noticed mutant.
            self.faults.append(f"{call.method} {call.path}: {traceback.format_exc()}")
            return a_reply(500, {"message": f"the proxy is at fault: {error!r}"})


class _ProxyServer(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64


class _ProxyHandler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    answered = 0  # on this connection

    @staticmethod
    def serve(call: HttpCall) -> HttpReply:
        raise NotImplementedError

    def answer(self) -> None:
        # `self.path` loses slashes, and the signed target must arrive unchanged.
        target = self.requestline.split(" ")[1]
        headers = tuple((name, value) for name, value in self.headers.items())
        call = HttpCall(self.command, target, headers, self._body(), self.answered)
        try:
            reply = self.serve(call)
        except Unanswered:
            self.close_connection = True
            return
        self.wfile.write(_head(reply) + _body(reply, self.command))
        self.answered += 1
        self.close_connection = self.close_connection or reply.closes

    do_DELETE = do_GET = do_HEAD = do_OPTIONS = do_PATCH = do_POST = do_PUT = answer

    def log_message(self, format: str, *arguments: Any) -> None:
        """Log nothing: the suite keeps a transcript."""

    def _body(self) -> bytes:
        if "chunked" not in self.headers.get("Transfer-Encoding", "").lower():
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        body = b""
        while size := int(self.rfile.readline().split(b";")[0], 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        while self.rfile.readline().strip():
            pass  # skip trailers
        return body


def _head(reply: HttpReply) -> bytes:
    phrase = reply.phrase or http.client.responses.get(reply.status, "Unknown")
    lines = [f"HTTP/1.1 {reply.status} {phrase}"]
    lines += [f"{name}: {value}" for name, value in reply.headers]
    if reply.chunk:
        lines.append("Transfer-Encoding: chunked")
    elif reply.status not in _WITHOUT_BODY:
        lines.append(f"Content-Length: {len(reply.body)}")
    return "\r\n".join([*lines, "", ""]).encode("latin-1", "replace")


def _body(reply: HttpReply, method: str) -> bytes:
    if method == "HEAD" or reply.status in _WITHOUT_BODY:
        return b""
    if not reply.chunk:
        return reply.body
    places = range(0, len(reply.body), reply.chunk)
    pieces = [reply.body[place : place + reply.chunk] for place in places]
    return b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"
