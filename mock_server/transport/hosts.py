"""The host that a request is for (RFC 9112 § 3.2)."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache

import httptools

# A registered name or an address, and perhaps a port. It may be empty.
_HOST = re.compile(rb"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9\-._~%!$&'()*+;=]*)(:\d{0,5})?")

Headers = list[tuple[bytes, bytes]]


class WrongHost(Exception):
    """The request does not say clearly which host it is for; the message says why."""


def check_host(headers: Headers, version: Callable[[], str]) -> None:
    """Raise WrongHost unless there is one valid Host; HTTP/1.0 needs none."""
    host: bytes | None = None
    for name, value in headers:
        if name == b"host":
            if host is not None:
                raise WrongHost("the request has more than one Host header")
            host = value
    if host is None:
        if version() != "1.0":
            raise WrongHost("the request has no Host header")
    elif not _is_host(host):
        raise WrongHost("the Host header is not a host name")


@lru_cache(maxsize=64)
def _is_host(value: bytes) -> bool:
    return _HOST.fullmatch(value) is not None


def origin_form(target: bytes, headers: Headers) -> bytes:
    """Return path and query of an absolute target; its host replaces the Host header."""
    if target == b"*":
        return target
    url = httptools.parse_url(target)
    host = b"[%b]" % url.host if b":" in url.host else url.host
    if url.port:
        host += b":%d" % url.port
    headers[:] = [header for header in headers if header[0] != b"host"]
    headers.insert(0, (b"host", host))
    path = url.path or b"/"
    return path + b"?" + url.query if url.query else path
