"""Raw bytes to a server, and what it answers until it closes the connection."""

from __future__ import annotations

import socket
import ssl
from contextlib import suppress
from pathlib import Path

import httpx


def connect(url: str, ca_file: Path | None = None) -> socket.socket:
    """Return a connection to the server of a URL; https needs its `ca_file`."""
    target = httpx.URL(url)
    connection = socket.create_connection((target.host, target.port or 80), timeout=10)
    if ca_file is None:
        return connection
    context = ssl.create_default_context(cafile=str(ca_file))
    return context.wrap_socket(connection, server_hostname=target.host)


def read_all(connection: socket.socket) -> bytes:
    """Return all data until the server closes the connection.

    It resets one on which it did not read everything.
    """
    answer = b""
    with suppress(ConnectionResetError):
        while chunk := connection.recv(65536):
            answer += chunk
    return answer


def exchange(url: str, *parts: bytes, ca_file: Path | None = None) -> bytes:
    """Send raw bytes and return all data until the server closes the connection."""
    with connect(url, ca_file) as connection:
        for part in parts:
            connection.sendall(part)
        return read_all(connection)
