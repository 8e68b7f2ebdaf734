"""Binding ports, with a one-line error message."""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from ipaddress import ip_address

from msgspec import Struct

BACKLOG = 2048

# A server that listens on all addresses is reached by these.
_REACHED_BY = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - nothing is bound here


class ServingError(Exception):
    """The server cannot start; the message is shown to the user."""


class Listener(Struct, frozen=True):
    """Sockets that listen on one port, at every address of the host name."""

    host: str
    port: int
    sockets: list[socket.socket]

    def url(self, scheme: str) -> str:
        """Return the URL for programs on this computer."""
        host = _REACHED_BY.get(self.host, self.host)
        return f"{scheme}://{f'[{host}]' if ':' in host else host}:{self.port}"


@contextmanager
def listen(host: str, port: int, flag: str) -> Iterator[Listener]:
    """Bind a port, 0 for a free one; `flag` is the option that sets it. Raises ServingError."""
    sockets: list[socket.socket] = []
    try:
        missing = None
        addresses = _addresses(host)
        for family, address in addresses:
            try:
                sockets.append(_bound(family, address, port, alone=len(addresses) == 1))
            except OSError as error:
                if error.errno != errno.EADDRNOTAVAIL:
                    raise ServingError(_problem(error, host, port, flag)) from error
                missing = error  # a name may have IPv6 addresses while IPv6 is disabled
            else:
                port = sockets[0].getsockname()[1]
        if missing is not None and not sockets:
            raise ServingError(_problem(missing, host, port, flag)) from missing
        yield Listener(host, port, sockets)
    finally:
        for each in sockets:
            each.close()


def _addresses(host: str) -> Sequence[tuple[socket.AddressFamily, str]]:
    name: str | bytes = host
    with suppress(ValueError):
        # As bytes: to encode a text, Python loads the tables of Unicode.
        ip_address(host)
        name = host.encode()
    try:
        found = socket.getaddrinfo(name, None, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (socket.gaierror, UnicodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not a host name"
        raise ServingError(
            f"host {host} cannot be resolved ({reason}); choose another with --host"
        ) from error
    return list(dict.fromkeys((family, str(address[0])) for family, *_, address in found))


def _bound(family: socket.AddressFamily, address: str, port: int, *, alone: bool) -> socket.socket:
    bound = socket.socket(family, socket.SOCK_STREAM)
    try:
        # This frees a port at once, but on Windows other programs could bind it too.
        if os.name != "nt":
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6 and not alone:
            bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        bound.bind((address, port))
        bound.listen(BACKLOG)  # two sockets can bind, but only one can listen
        bound.setblocking(False)
    except OSError:
        bound.close()
        raise
    return bound


def _problem(error: OSError, host: str, port: int, flag: str) -> str:
    if error.errno == errno.EADDRINUSE:
        by = " (by another tams-mock)" if _is_tams_mock(host, port) else ""
        return (
            f"port {port} on {host} is taken{by}; choose another with {flag}, or 0 for a free one"
        )
    if error.errno == errno.EACCES:
        return f"port {port} on {host} needs special rights; choose one above 1023 with {flag}"
    if error.errno == errno.EADDRNOTAVAIL:
        return f"host {host} is not an address of this computer; choose another with --host"
    return f"port {port} on {host} cannot be used ({error.strerror}); choose another with {flag}"


def _is_tams_mock(host: str, port: int) -> bool:
    import http.client

    connection = http.client.HTTPConnection(_REACHED_BY.get(host, host), port, timeout=0.5)
    try:
        connection.request("GET", "/_mock/version")
        return b"tams-mock" in connection.getresponse().read(1000)
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
