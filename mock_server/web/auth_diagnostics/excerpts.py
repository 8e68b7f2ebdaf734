"""Shows two strings to sign beside each other: bounded, escaped, without secrets."""

from __future__ import annotations

import re
from collections.abc import Iterable
from hashlib import sha256

from msgspec import Struct

from mock_server.web.auth_diagnostics.search_budget import Paced

MAX_SHOWN_BYTES = 2048
# A secret that begins in what is shown ends before this.
SECRETS_REACH = 2 * MAX_SHOWN_BYTES + 4096
_BEFORE, _MARKED, _AFTER = 24, 48, 24
_PRIVATE_KEY = re.compile(rb"-----BEGIN [A-Z ]{0,20}PRIVATE KEY-----.*?(?:-----END|\Z)", re.DOTALL)
_CHUNK = 1024
_CHUNKS_PER_SLICE = 256


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


class StringDifference(Struct, frozen=True):
    """Where two strings begin to differ, and how each goes on there."""

    offset: int
    line: int
    expected: Place
    signed: Place


def shown(data: bytes, secrets: Iterable[bytes] = ()) -> Paced[Shown]:
    """Return the beginning of a string without the secrets in it."""
    # Secrets are hidden before the rest is cut off: half a secret would not be known for one.
    head = redact(data[:SECRETS_REACH], secrets)[:MAX_SHOWN_BYTES]
    hashing = sha256()
    for number, at in enumerate(range(0, len(data), _CHUNK), start=1):
        hashing.update(data[at : at + _CHUNK])
        if number % _CHUNKS_PER_SLICE == 0:
            yield
    return Shown(head, len(data), hashing.hexdigest())


def difference(
    expected: bytes, signed: bytes, secrets: Iterable[bytes] = ()
) -> Paced[StringDifference]:
    """Return the first place where two strings differ; they must."""
    start = yield from _common(expected, signed)
    most = min(len(expected), len(signed)) - start
    end = min((yield from _common(expected, signed, from_end=True)), most)
    line = 0
    for at in range(0, start, _CHUNK * _CHUNKS_PER_SLICE):
        line += expected.count(b"\n", at, min(start, at + _CHUNK * _CHUNKS_PER_SLICE))
        yield
    secrets = tuple(secrets)
    return StringDifference(
        offset=start,
        line=line,
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
    """Return bytes as ASCII in which every byte can be told: line feeds as \\n, others as \\xNN."""
    return "".join(map(_escaped.__getitem__, data))


_escaped = [chr(byte) if 0x20 <= byte < 0x7F else f"\\x{byte:02x}" for byte in range(256)]
_escaped[0x0A], _escaped[0x0D], _escaped[0x09], _escaped[0x5C] = "\\n", "\\r", "\\t", "\\\\"


def _place(data: bytes, start: int, end: int, secrets: tuple[bytes, ...]) -> Place:
    stop = min(end, start + _MARKED)
    first, last = max(0, start - _BEFORE), min(len(data), stop + (_AFTER if stop == end else 0))
    # A secret may reach into the excerpt from outside, so more is redacted than is shown.
    far = max(0, first - 4096)
    redacted = redact(data[far : last + 4096], secrets)
    return Place(
        redacted[first - far : start - far],
        redacted[start - far : stop - far],
        redacted[stop - far : last - far],
    )


def _common(one: bytes, other: bytes, *, from_end: bool = False) -> Paced[int]:
    """Return how many bytes two strings begin, or end, with in common."""
    most = min(len(one), len(other))
    for number, at in enumerate(range(0, most, _CHUNK), start=1):
        size = min(_CHUNK, most - at)
        if from_end:
            left = one[len(one) - at - size : len(one) - at][::-1]
            right = other[len(other) - at - size : len(other) - at][::-1]
        else:
            left, right = one[at : at + size], other[at : at + size]
        if left != right:
            pairs = enumerate(zip(left, right, strict=True))
            return at + next(place for place, (a, b) in pairs if a != b)
        if number % _CHUNKS_PER_SLICE == 0:
            yield
    return most
