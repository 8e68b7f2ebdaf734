"""A service that answers with the bytes that a test wants, and keeps those that came."""

from __future__ import annotations

import re
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from mock_server.tests.transport.raw_http import connect


class RawService:
    """Answers each request with `answer` and closes the connection.

    Behind the answer it `repeats` some bytes until nobody reads them, or it `stalls`, or `resets`.
    """

    def __init__(self, url: str, answer: bytes | None, resets: bool) -> None:
        self.url = url
        self.answer = answer
        self.resets = resets
        self.stalls = answer is None
        self.repeats = b""
        self.requests: list[bytes] = []
        self.stopped = threading.Event()

    def serve(self, listening: socket.socket) -> None:
        while True:
            connection, _ = listening.accept()
            with connection:
                if self.stopped.is_set():
                    return
                self.requests.append(_read_request(connection))
                with suppress(OSError):
                    connection.sendall(self.answer or b"")
                    while self.repeats:
                        connection.sendall(self.repeats)
                if self.stalls:
                    self.stopped.wait()
                    return
                if self.resets:
                    linger = b"\1\0\0\0\0\0\0\0"
                    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)


@contextmanager
def raw_service(answer: bytes | None = None, *, resets: bool = False) -> Iterator[RawService]:
    """Run a raw service on a free port while the block runs."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        service = RawService(f"http://127.0.0.1:{listening.getsockname()[1]}", answer, resets)
        thread = threading.Thread(target=service.serve, args=(listening,), daemon=True)
        thread.start()
        try:
            yield service
        finally:
            service.stopped.set()
            with suppress(OSError):
                connect(service.url).close()
            thread.join()


def answer_of(body: bytes, *headers: str, status: str = "200 OK") -> bytes:
    """Return a whole answer."""
    lines = [f"HTTP/1.1 {status}", *headers, f"content-length: {len(body)}", "", ""]
    return "\r\n".join(lines).encode() + body


def _read_request(connection: socket.socket) -> bytes:
    data = b""
    while b"\r\n\r\n" not in data:
        data += connection.recv(65536)
    head, _, body = data.partition(b"\r\n\r\n")
    found = re.search(rb"(?i)content-length: (\d+)", head)
    while found and len(body) < int(found[1]):
        body += connection.recv(65536)
    return head + b"\r\n\r\n" + body
