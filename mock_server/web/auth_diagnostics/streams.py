"""Long values in pieces: a piece takes well under a millisecond, whatever the size of the whole."""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable, Generator, Iterator
from itertools import chain

from mock_server.web.auth_diagnostics.findings import Stream
from mock_server.web.auth_diagnostics.search_budget import Paced, SearchWork, T

SMALL_BYTES = 16 * 1024  # up to this a value is made in one go
MAX_TEXT_BYTES = 10 * 1024 * 1024  # in memory, where characters have one, two or four bytes each
_PIECE = 64 * 1024
_MAX_WHOLE = 512 * 1024
_WIDTHS = ((4, re.compile(rb"[\xf0-\xf4]")), (2, re.compile(rb"[\xc4-\xef]")))
# Some characters, never the first half of an escape.
_UNITS = re.compile(r"(?:\\u[dD][89abAB]..\\u....|\\u....|\\.|[^\\]|\\\Z){1,2000}", re.DOTALL)
_NUMBER_REST = re.compile(r"[0-9.eE+\-]*")


def pieces_of(body: bytes, *, multiple: int = 1) -> Iterator[bytes]:
    """Yield a body in pieces; no line end is cut, and lengths are multiples of a number."""
    size, at = _PIECE - _PIECE % multiple, 0
    while at < len(body):
        end = at + size
        if multiple == 1 and body[end - 1 : end] == b"\r":
            end -= 1
        yield body[at:end]
        at = end


def made(body: bytes, stream: Stream) -> bytes | Stream:
    """Return what is made of a body: of a short one the bytes, of a long one the stream."""
    return b"".join(stream()) if len(body) <= SMALL_BYTES else stream


def joined(*pieces: bytes) -> bytes | Stream:
    """Return several pieces as one value; much is not copied."""
    if sum(map(len, pieces)) <= _MAX_WHOLE:
        return b"".join(pieces)
    return lambda: chain.from_iterable(map(pieces_of, pieces))


def changed(body: bytes, change: Callable[[bytes], bytes], *, multiple: int = 1) -> bytes | Stream:
    """Return a body after a change that can be made piece by piece."""
    return made(body, lambda: map(change, pieces_of(body, multiple=multiple)))


def text_pieces(text: str) -> Iterator[str]:
    """Yield a JSON text in pieces, cut between its lexemes or inside long strings."""
    if len(text) <= SMALL_BYTES:
        yield text
        return
    at = 0
    while at < len(text):
        match = _UNITS.match(text, at)
        end = match.end() if match else at + 1
        # Numbers are changed as a whole.
        if rest := _NUMBER_REST.match(text, end, at + _PIECE):
            end = rest.end()
        yield text[at:end]
        at = end


def decoded(body: bytes, work: SearchWork) -> Paced[str | None]:
    """Return a body as text; None where it is not UTF-8, or too long to be a text in one piece."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    text, width = "", 1
    try:
        for piece in pieces_of(body):
            if not piece.isascii():
                width = max(width, *(wide for wide, one in _WIDTHS if one.search(piece)), 1)
            text += decoder.decode(piece)  # in place, as long as characters do not get wider
            if width * len(text) > MAX_TEXT_BYTES:
                work.is_partial = True
                return None
            work.add(len(piece))
            if work.is_over():
                yield
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return None
    return text


def quiet(work: Paced[T]) -> Generator[bytes, None, T]:
    """Do paced work inside a stream; each of its pauses is an empty piece."""
    while True:
        try:
            next(work)
        except StopIteration as end:
            result: T = end.value
            return result
        yield b""
