"""What is done to a body as bytes: ends, marks, encodings, hashes."""

from __future__ import annotations

import re
import unicodedata
import zlib
from base64 import b64encode
from codecs import escape_encode
from collections.abc import Callable, Iterator
from contextlib import suppress
from gzip import compress
from hashlib import new
from itertools import chain
from typing import Any

from mock_server.web.auth_diagnostics.findings import PartVariant, Stream, variant
from mock_server.web.auth_diagnostics.streams import SMALL_BYTES, changed, joined, made, pieces_of

_BOM = b"\xef\xbb\xbf"
_MAX_BLANKS = 64 * 1024  # that are stripped at each end
_BLANKS_BEFORE = re.compile(rb"\s{0,%d}" % _MAX_BLANKS)
_ASCII = re.compile(r"[\x00-\x7f]")
_TEXT = 500  # characters; to sort marks behind a letter takes the square of their number
_MAX_INFLATED = 10 * 1024 * 1024
_CHARSETS = ("latin-1", "gbk", "ascii", "utf-16-le", "utf-16-be", "cp1252", "gb18030", "big5",
             "shift_jis", "euc_kr")  # fmt: skip


def edges(body: bytes) -> Iterator[PartVariant]:
    """Yield likely changes of a body that is not empty, most of them at its ends."""
    yield variant("body-newline-stripped", "without the last line break", _without_break(body))
    yield variant("body-newline-added", "with a line feed behind it", joined(body, b"\n"))
    yield variant("body-newline-added", "with CRLF behind it", joined(body, b"\r\n"))
    start, end = len(_BLANKS_BEFORE.match(body)[0]), len(body)  # type: ignore[index]
    end -= len(body[-_MAX_BLANKS:]) - len(body[-_MAX_BLANKS:].rstrip())
    yield variant("body-space-stripped", "without white space around it", body[start:end])
    yield variant("body-space-stripped", "without white space behind it", body[:end])
    yield variant("body-space-added", "with a blank behind it", joined(body, b" "))
    yield variant("body-space-added", "with line feeds around it", joined(b"\n", body, b"\n"))
    if body.startswith(_BOM):
        yield variant("body-bom", "without the mark", body[3:])
    else:
        yield variant("body-bom", "with the mark", joined(_BOM, body))
    if b"\n" in body:
        for cause, how, change in (
            ("body-lf", "with LF for CRLF", _with_lf),
            ("body-crlf", "with CRLF for LF", lambda data: _with_lf(data).replace(b"\n", b"\r\n")),
            ("body-lf", "without its line breaks", lambda data: _with_lf(data).replace(b"\n", b"")),
        ):
            yield variant(cause, how, changed(body, change))


def _with_lf(data: bytes) -> bytes:
    return data.replace(b"\r\n", b"\n")


def _without_break(body: bytes) -> bytes:
    if body.endswith(b"\r\n"):
        return body[:-2]
    return body[:-1] if body.endswith((b"\n", b"\r")) else body


def others(body: bytes, text: str | None) -> Iterator[PartVariant]:
    """Yield what else is made of a body; `text` is None where it is none, or a long one."""
    yield variant("body-base64", "as base64", changed(body, b64encode, multiple=3))
    yield variant("body-object-text", "as str(bytes) of Python: b'…'", _repr(body))
    if len(body) <= SMALL_BYTES:
        yield variant(
            "body-object-text",
            "as str(bytearray) of Python",
            b"bytearray(%b)" % repr(body).encode(),
        )
        numbers = [str(byte) for byte in body]
        for how, listed in (
            ("as the numbers of a JavaScript Uint8Array", ",".join(numbers)),
            ("as %v of Go bytes", f"[{' '.join(numbers)}]"),
            ("as a list of numbers", f"[{', '.join(numbers)}]"),
            ("as JSON of a Node buffer", f'{{"type":"Buffer","data":[{",".join(numbers)}]}}'),
        ):
            yield variant("body-object-text", how, listed.encode())
        yield variant("body-hexadecimal", "in lower case", body.hex().encode())
        yield variant("body-repeated", "twice", body + body)
    yield from _compressed(body)
    yield from _charsets(body, text)


def _repr(body: bytes) -> bytes | Stream:
    plain = b"'" in body and b'"' not in body  # then repr takes double quotes around it
    mark = b'"' if plain else b"'"

    def stream() -> Iterator[bytes]:
        yield b"b" + mark
        for piece in pieces_of(body):
            escaped = escape_encode(piece)[0]
            yield escaped.replace(b"\\'", b"'") if plain else escaped
        yield mark

    return made(body, stream)


def _compressed(body: bytes) -> Iterator[PartVariant]:
    if body[:2] in (b"\x1f\x8b", b"x\x01", b"x\x9c", b"x\xda"):

        def inflated() -> Iterator[bytes]:
            inflating, left = zlib.decompressobj(zlib.MAX_WBITS | 32), _MAX_INFLATED
            try:
                for piece in pieces_of(body):
                    piece = inflating.decompress(piece, 64 * 1024)  # noqa: PLW2901
                    while piece:
                        left -= len(piece)
                        if left < 0:
                            return
                        yield piece
                        piece = inflating.decompress(inflating.unconsumed_tail, 64 * 1024)  # noqa: PLW2901
            except zlib.error:
                yield b""

        small = len(body) <= SMALL_BYTES // 16
        yield variant(
            "body-compressed", "not compressed", b"".join(inflated()) if small else inflated
        )
    elif len(body) <= SMALL_BYTES:
        for level in (9, 6, 1):
            for system in (255, 3, 0, 19, 10):
                data = compress(body, level, mtime=0)
                value = data[:9] + bytes([system]) + data[10:]
                yield variant("body-compressed", f"as gzip, level {level}", value)
            yield variant(
                "body-compressed", f"as deflate, level {level}", zlib.compress(body, level)
            )


def _charsets(body: bytes, text: str | None) -> Iterator[PartVariant]:
    cause = "body-charset"
    if not body.isascii():
        yield variant(
            cause, "UTF-8 taken for latin-1, so encoded twice",
            changed(body, lambda data: data.decode("latin-1").encode()),
        )  # fmt: skip
    if text is None:
        return
    if not text.isascii():
        yield variant(
            cause, "UTF-8 taken for cp1252, so encoded twice",
            changed(body, lambda data: data.decode("cp1252", "replace").encode()),
        )  # fmt: skip
        for wrong in ("latin-1", "cp1252"):
            if (once := _encoded(text, wrong)) is not None:
                yield variant(cause, "the sent one was encoded twice", once)
        for form in ("NFC", "NFD", "NFKC", "NFKD"):
            yield variant("body-normalised", f"as {form}", _by_text(body, text, _normal(form)))
    for charset in _CHARSETS:
        if text.isascii() and not charset.startswith("utf-16"):
            continue
        encode = _encoding(charset)
        yield variant(cause, f"as {charset}", _by_text(body, text, encode))
    encode = _encoding("utf-16-le")
    marked = made(body, lambda: chain((b"\xff\xfe",), map(encode, _texts(text))))
    yield variant(cause, "as utf-16 with a mark", marked)


def _normal(form: Any) -> Callable[[str], bytes]:
    return lambda text: unicodedata.normalize(form, text).encode()


def _encoded(text: str, charset: str) -> bytes | Stream | None:
    """Return a text in a charset that has all its characters; of a long one that shows later."""

    def stream() -> Iterator[bytes]:
        with suppress(UnicodeEncodeError):
            for piece in _texts(text):
                yield piece.encode(charset)

    try:
        return text.encode(charset) if len(text) <= SMALL_BYTES else stream
    except UnicodeEncodeError:
        return None


def _encoding(charset: str) -> Callable[[str], bytes]:
    return lambda text: text.encode(charset, "replace")


def _by_text(body: bytes, text: str, change: Callable[[str], bytes]) -> bytes | Stream:
    return made(body, lambda: map(change, _texts(text)))


def _texts(text: str) -> Iterator[str]:
    """Yield a text in pieces that begin with ASCII, which no mark before it belongs to."""
    at = 0
    while at < len(text):
        found = _ASCII.search(text, at + _TEXT, at + 2 * _TEXT)
        end = found.start() if found else at + 2 * _TEXT
        yield text[at:end]
        at = end


def hash_variants(body: bytes) -> Iterator[PartVariant]:
    """Yield hashes of the body in their usual encodings."""
    for name in ("SHA-256", "MD5", "SHA-1", "SHA-512"):
        for how, form in (
            ("in hexadecimal", lambda digest: digest.hex().encode()),
            ("in capital hexadecimal", lambda digest: digest.hex().upper().encode()),
            ("in base64", b64encode),
            ("as bytes", lambda digest: digest),
            ("in base64 of hexadecimal", lambda digest: b64encode(digest.hex().encode())),
        ):
            yield variant("body-hashed-first", f"{name} {how}", _hashed(body, name, form))


def _hashed(body: bytes, name: str, form: Callable[[bytes], bytes]) -> bytes | Stream:
    """Return a hash of the body; the bytes of a long one are hashed piece by piece."""

    def stream() -> Iterator[bytes]:
        hashing = new(name.replace("-", ""), usedforsecurity=False)
        for piece in pieces_of(body):
            hashing.update(piece)
            yield b""
        yield form(hashing.digest())

    return made(body, stream)
