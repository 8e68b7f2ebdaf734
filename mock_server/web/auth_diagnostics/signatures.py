"""How clients encode a signature, and what they take for a secret; the same for both vendors."""

from __future__ import annotations

import binascii
import hmac
import re
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from urllib.parse import unquote_to_bytes

from mock_server.web.auth_diagnostics.findings import Mistake

_HEXADECIMAL = re.compile(rb"(?:[0-9a-f]{2})+|(?:[0-9A-F]{2})+")
_BREAKS = re.compile(rb"\\r\\n|\\n|\r\n|\n|%0[Aa]")
_FROM_URL_SAFE = bytes.maketrans(b"-_", b"+/")
_LINES = (64, 76)


class Encoded(NamedTuple):
    """The bytes of a signature, and in which wrong ways they were encoded."""

    steps: tuple[Mistake, ...]
    data: bytes


def decodings(text: bytes) -> Iterator[Encoded]:
    """Yield what a signature's text may stand for, the most specific encoding first."""
    steps: list[Mistake] = []
    if b"%" in text and (plain := unquote_to_bytes(text)) != text:
        steps.append(Mistake("signature-percent-encoded", "with %2B, %2F or %3D"))
        text = plain
    if (plain := _BREAKS.sub(b"", text)) != text:
        steps.append(Mistake("signature-line-breaks", "with line breaks in it"))
        text = plain
    if len(text) > 1 and text[:1] == text[-1:] and text[:1] in (b"'", b"`", b'"'):
        steps.append(Mistake("signature-quoted", "in quotes"))
        text = text[1:-1]
    if (data := unhexed(text)) is not None:
        case = "in capitals" if text.isupper() else "in lower case"
        hexadecimal = Mistake("signature-hex", case)
        if (inner := base64_of(data)) is not None:
            again = Mistake("signature-base64-twice", "hexadecimal of base64")
            yield Encoded((*steps, hexadecimal, again), inner)
        yield Encoded((*steps, hexadecimal), data)
    if b" " in text:
        parts = text.split(b" ")
        folded = len(parts[0]) in _LINES and len({len(part) for part in parts[:-1]}) == 1
        blanks = Mistake("signature-blanks", "with blanks in it")
        if folded and len(parts) > 2:
            blanks = Mistake("signature-line-breaks", "with its lines joined by blanks")
        plus = Mistake("signature-plus-as-blank", "with blanks for +")
        for step, plain in ((blanks, text.replace(b" ", b"")), (plus, text.replace(b" ", b"+"))):
            yield from _plain([*steps, step], plain)
    else:
        yield from _plain(steps, text)


def _plain(steps: list[Mistake], text: bytes) -> Iterator[Encoded]:
    if b"-" in text or b"_" in text:
        steps = [*steps, Mistake("signature-url-safe", "with - and _")]
        text = text.translate(_FROM_URL_SAFE)
        text += b"=" * (-len(text) % 4)  # without padding, too, it is usually
    if len(text) % 4 > 1 and not text.endswith(b"="):
        steps = [*steps, Mistake("signature-unpadded", "without =")]
        text += b"=" * (-len(text) % 4)
    data = base64_of(text)
    if data is None:
        return
    if (inner := unhexed(data)) is not None:
        yield Encoded((*steps, Mistake("signature-base64-of-hex", "base64 of hexadecimal")), inner)
    if data.isascii() and (inner := base64_of(data.replace(b"\n", b""))) is not None:
        yield Encoded((*steps, Mistake("signature-base64-twice", "base64 of base64")), inner)
    yield Encoded(tuple(steps), data)


def base64_of(text: bytes) -> bytes | None:
    """Return what standard base64 in its one canonical form stands for; None where it is not."""
    try:
        data = binascii.a2b_base64(text)
    except binascii.Error:
        return None
    return data if data and b64encode(data) == text else None


def unhexed(text: bytes) -> bytes | None:
    """Return what hexadecimal digits stand for; None where there is anything else."""
    return bytes.fromhex(text.decode()) if _HEXADECIMAL.fullmatch(text) else None


def secret_variants(secret: bytes) -> Iterator[tuple[Mistake, bytes]]:
    """Yield what clients take for a secret."""
    for cause, how, value in (
        ("secret-decorated", "with a line feed behind it", secret + b"\n"),
        ("secret-decorated", "with CRLF behind it", secret + b"\r\n"),
        ("secret-decorated", "with a blank behind it", secret + b" "),
        ("secret-decorated", "with a blank before it", b" " + secret),
        ("secret-decorated", "with blanks around it", b" " + secret + b" "),
        ("secret-decorated", "with a tab behind it", secret + b"\t"),
        ("secret-decorated", "with CR behind it", secret + b"\r"),
        ("secret-decorated", "with a zero byte behind it", secret + b"\0"),
        ("secret-decorated", "with a byte order mark", b"\xef\xbb\xbf" + secret),
        ("secret-decorated", "without blanks around it", secret.strip()),
        ("secret-decorated", "in double quotes", b'"' + secret + b'"'),
        ("secret-decorated", "in single quotes", b"'" + secret + b"'"),
        ("secret-decorated", "in angle brackets", b"<" + secret + b">"),
        ("secret-decorated", "as str(bytes) of Python: b'…'", b"b'" + secret + b"'"),
        ("secret-decorated", "without its hyphens", secret.replace(b"-", b"")),
        ("secret-ampersand", "secret&", secret + b"&"),
        ("secret-encoded", "decoded as base64", _decoded(secret)),
        ("secret-encoded", "decoded as hexadecimal", unhexed(secret)),
        ("secret-encoded", "encoded as base64", b64encode(secret)),
        ("secret-encoded", "in hexadecimal", secret.hex().encode()),
        ("secret-encoded", "in UTF-16", secret.decode("latin-1").encode("utf-16-le")),
        ("secret-case", "in lower case", secret.lower()),
        ("secret-case", "in upper case", secret.upper()),
        ("secret-empty", "no bytes", b""),
    ):
        if value is not None and value != secret:
            yield Mistake(cause, how), value


def _decoded(secret: bytes) -> bytes | None:
    padded = secret + b"=" * (-len(secret) % 4)
    try:
        return b64decode(padded.translate(_FROM_URL_SAFE), validate=True) or None
    except binascii.Error:
        return None


@dataclass(frozen=True, slots=True)
class KeyedGoal:
    """An HMAC, or what was made of secret and string in its place, that a string must have.

    `make` is of secret, string and algorithm.
    """

    secret: bytes = field(repr=False)
    digest: bytes
    algorithm: str
    steps: tuple[Mistake, ...] = ()
    make: Callable[[bytes, bytes, str], bytes] = hmac.digest

    def fits(self, message: bytes) -> bool:
        """Say whether the signature is one of this string."""
        return hmac.compare_digest(self.make(self.secret, message, self.algorithm), self.digest)

    def hasher(self) -> Any:
        """Return what takes a long string in pieces, or None where it must be whole."""
        if self.make is not hmac.digest:
            return None
        return hmac.new(self.secret, None, self.algorithm)

    def is_met(self, digest: bytes) -> bool:
        """Say whether the hasher's digest is the one that was sent."""
        return hmac.compare_digest(digest, self.digest)
