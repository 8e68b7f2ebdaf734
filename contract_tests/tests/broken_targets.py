"""Servers on loopback that are not the service that a run expects."""

from __future__ import annotations

import contextlib
import re
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def raw_server(
    reply: bytes, tls: ssl.SSLContext | None = None, *, after: bytes = b"\r\n\r\n"
) -> Iterator[str]:
    """Serve the same bytes on every connection, `after` those of a client; yields the URL.

    Without a reply, the connection is closed.
    """
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=_serve, args=(listener, reply, tls, after))
        thread.start()
        scheme = "https" if tls else "http"
        try:
            yield f"{scheme}://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()


def _serve(listener: socket.socket, reply: bytes, tls: ssl.SSLContext | None, after: bytes) -> None:
    while True:
        try:
            connection, _ = listener.accept()
        except OSError:
            return
        with contextlib.suppress(OSError), connection:
            connection.settimeout(10)
            with tls.wrap_socket(connection, server_side=True) if tls else connection as stream:
                received = b""
                # Closing before all was read would reset the connection.
                while not _is_whole(received, after) and (part := stream.recv(65_536)):
                    received += part
                stream.sendall(reply)


def _is_whole(received: bytes, after: bytes) -> bool:
    head, found, body = received.partition(after) if after else (b"", b"-", b"")
    length = re.search(rb"(?i)content-length: (\d+)", head)
    return bool(found) and len(body) >= (int(length[1]) if length else 0)


def http_reply(status: int, body: str = "", **headers: str) -> bytes:
    """Return an HTTP answer; underscores in names of headers are hyphens."""
    fixed = {"content-length": str(len(body.encode())), "connection": "close"}
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    lines = [f"HTTP/1.1 {status} X", *(f"{n}: {v}" for n, v in (fixed | named).items()), "", body]
    return "\r\n".join(lines).encode()


def unused_port() -> int:
    """Return a port of loopback that nothing listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])
