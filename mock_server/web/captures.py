"""A captured request as data, whatever it was read from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import urlsplit

ReadFile = Callable[[str], bytes]

# The head of a captured request; servers take less.
MAX_HEAD_BYTES = 64 * 1024

_METHOD_LETTERS = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-_")


class CaptureError(ValueError):
    """A capture cannot be read; the message says what was found and what was expected."""


@dataclass(frozen=True, slots=True)
class Capture:
    """A request as it went over the wire; `at` is when, where the capture says so."""

    method: str
    target: bytes
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    body: bytes = field(default=b"", repr=False)
    scheme: str = "http"
    host: str = ""
    at: float | None = None

    def header(self, name: str) -> str | None:
        """Return a header's last value; `name` is lower case."""
        values = [value for each, value in self.headers if each.lower() == name]
        return values[-1] if values else None


def check_head(size_bytes: int) -> None:
    """Refuse a head that is too large to be looked at header by header."""
    if size_bytes > MAX_HEAD_BYTES:
        raise CaptureError(
            f"the head has {size_bytes} bytes, and must have at most {MAX_HEAD_BYTES}"
        )


def capture(
    method: str,
    url: str,
    headers: tuple[tuple[str, str], ...] = (),
    body: bytes = b"",
    *,
    at: float | None = None,
) -> Capture:
    """Return a capture for an address or a path."""
    if not method or not _METHOD_LETTERS.issuperset(method):
        raise CaptureError(f"the method is {method[:20]!r}, expected a word like POST")
    check_head(len(url) + sum(len(name) + len(value) + 4 for name, value in headers))
    plain = url.partition("#")[0]
    try:
        parts = urlsplit(plain if "://" in plain or plain.startswith("/") else f"http://{plain}")
    except ValueError as error:
        raise CaptureError(f"the address cannot be read: {error}") from error
    query = f"?{parts.query}" if parts.query else ""
    named = [value for name, value in headers if name.lower() in ("host", ":authority")]
    return Capture(
        method,
        f"{parts.path or '/'}{query}".encode("utf-8", "surrogateescape"),
        tuple(pair for pair in headers if not pair[0].startswith(":")),
        body,
        parts.scheme or "http",
        named[-1] if named else parts.netloc.rpartition("@")[2],
        at,
    )
