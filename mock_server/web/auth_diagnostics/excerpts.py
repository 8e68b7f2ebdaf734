"""Showing two strings to sign beside each other: bounded, escaped, without secrets."""

from __future__ import annotations

import re
from collections.abc import Iterable
from hashlib import sha256

from msgspec import Struct

MAX_SHOWN_BYTES = 2048
_BEFORE, _MARKED, _AFTER = 24, 48, 24
_PRIVATE_KEY = re.compile(rb"-----BEGIN [A-Z ]{0,20}PRIVATE KEY-----.*?(?:-----END|\Z)", re.DOTALL)
_CHUNK = 1024


class Shown(Struct, frozen=True):
    """The beginning of a string, with its whole length and digest."""

    data: bytes
    size_bytes: int
    sha256: str

    @property
    def cut(self) -> bool:
        return self.size_bytes > len(self.data)


class Place(Struct, frozen=True):
    """The bytes that differ on one side, with what stands around them."""

    before: bytes
    marked: bytes
    after: bytes

    def __str__(self) -> str:
        marked = escape(self.marked)
        return f"{escape(self.before)}[[{marked}]]{escape(self.after)}"


class Difference(Struct, frozen=True):
    """Where two strings begin to differ, and how each goes on there."""

    offset: int
    line: int
    expected: Place
    signed: Place


def shown(data: bytes, secrets: Iterable[bytes] = ()) -> Shown:
    """Return the beginning of a string without the secrets in it."""
    # Secrets are hidden before the rest is cut off: half a secret would not be known for one.
    head = redact(data[: 2 * MAX_SHOWN_BYTES + 4096], secrets)[:MAX_SHOWN_BYTES]
    return Shown(head, len(data), sha256(data).hexdigest())


def difference(expected: bytes, signed: bytes, secrets: Iterable[bytes] = ()) -> Difference:
    """Return the first place where two strings differ; they must."""
    start = _common(expected, signed)
    most = min(len(expected), len(signed)) - start
    end = _common(expected[::-1], signed[::-1]) if most else 0
    end = min(end, most)
    secrets = tuple(secrets)
    return Difference(
        offset=start,
        line=expected.count(b"\n", 0, start),
        expected=_place(expected, start, len(expected) - end, secrets),
        signed=_place(signed, start, len(signed) - end, secrets),
    )


def redact(data: bytes, secrets: Iterable[bytes]) -> bytes:
    """Hide secrets and private keys, leaving everything else in its place."""
    for secret in secrets:
        if secret in data:
            data = data.replace(secret, b"*" * len(secret))
    if b"PRIVATE KEY" in data:
        data = _PRIVATE_KEY.sub(lambda match: b"*" * len(match[0]), data)
    return data


def escape(data: bytes) -> str:
    """Return bytes as ASCII in which every one can be told: line feeds as \\n, others as \\xNN."""
    return "".join(map(_escaped.__getitem__, data))


_escaped = [chr(byte) if 0x20 <= byte < 0x7F else f"\\x{byte:02x}" for byte in range(256)]
_escaped[0x0A], _escaped[0x0D], _escaped[0x09], _escaped[0x5C] = "\\n", "\\r", "\\t", "\\\\"


def _place(data: bytes, start: int, end: int, secrets: tuple[bytes, ...]) -> Place:
    stop = min(end, start + _MARKED)
    first, last = max(0, start - _BEFORE), min(len(data), stop + (_AFTER if stop == end else 0))
    # A secret may reach into the excerpt from outside, so more is veiled than is shown.
    far = max(0, first - 4096)
    redacted = redact(data[far : last + 4096], secrets)
    return Place(
        redacted[first - far : start - far],
        redacted[start - far : stop - far],
        redacted[stop - far : last - far],
    )


def _common(one: bytes, other: bytes) -> int:
    """Return how many bytes two strings begin with in common."""
    at = 0
    while at < min(len(one), len(other)):
        left, right = one[at : at + _CHUNK], other[at : at + _CHUNK]
        if left != right:
            pairs = enumerate(zip(left, right, strict=False))
            short = min(len(left), len(right))
            return at + next((number for number, (a, b) in pairs if a != b), short)
        at += _CHUNK
    return min(len(one), len(other))
