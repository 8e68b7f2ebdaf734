"""Positions in a JSON text, for error messages about an invalid body.

Offsets count characters. `value_at` and `later_name_at` need valid JSON, which the caller has
checked. After much work, which only very many short values need, they return the start of the list
or object around the place.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator, Sequence
from itertools import count

from pydantic_core import from_json

from mock_server.web.json_values import read_json

_WHITESPACE = re.compile(r"[ \t\r\n]*+")
_STRING = re.compile(r'"(?:[^"\\]|\\.)*+"', re.DOTALL)
_DECODER = json.JSONDecoder(parse_int=str, parse_float=str)  # numbers may have any length
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*+"|[^\s\[\]{}:,"]++|\S', re.DOTALL)
_WORD = re.compile(r"[\w.+-]")

_MAX_SHOWN = 60
# A step over a value takes as long as reading so many characters of it.
_STEP_LENGTH = 100
_MIN_LENGTH = 100_000

Path = Sequence[str | int]


def line_and_column(text: str, offset: int) -> tuple[int, int]:
    """Return line and column, both from 1; the column counts characters."""
    return text.count("\n", 0, offset) + 1, offset - text.rfind("\n", 0, offset)


def offset_of(raw: bytes, line: int, column: int) -> int:
    """Return the offset of a line and a column, both from 1; the column counts bytes."""
    start = _line_start(raw, line)
    end = raw.find(b"\n", start)
    line_bytes = raw[start : len(raw) if end < 0 else end]
    return len((raw[:start] + line_bytes[: max(0, column - 1)]).decode(errors="replace"))


def _line_start(raw: bytes, line: int) -> int:
    low, high, missing = 0, len(raw), line - 1
    while missing and low < high:
        middle = (low + high + 1) // 2
        found = raw.count(b"\n", low, middle)
        if found < missing or middle == high:
            low, missing = middle, missing - found
        else:
            high = middle
    return low


def word_start(text: str, offset: int) -> int:
    while offset > 0 and _WORD.match(text, offset - 1):
        offset -= 1
    return offset


def token_at(text: str, offset: int) -> str:
    """Return the token at the offset, shortened; "" at the end of the text."""
    found = _TOKEN.match(text, offset)
    token = found.group() if found else ""
    if len(token) > _MAX_SHOWN:
        token = token[:_MAX_SHOWN] + "…"
    return token if token.isprintable() else ascii(token)[1:-1]


def value_at(text: str, path: Path) -> int:
    """Return the start of the value at a path; of equal names the last one counts."""
    return _Walk(text).to(path)


def later_name_at(text: str, path: Path, names: Collection[str]) -> int:
    """Return the first position of that name which appears later in the object at a path."""
    walk = _Walk(text)
    offset = walk.to(path)
    starts: dict[str | int, int] = {}
    for name, start, _ in walk.values(offset):
        if name in names:
            starts.setdefault(name, start)
    return max(starts.values(), default=offset)


class _Walk:
    """Steps over values of a JSON text, as far as its length allows."""

    def __init__(self, text: str) -> None:
        self.text = text
        self._left = len(text) + _MIN_LENGTH

    def to(self, path: Path) -> int:
        """Return the start of the value at a path, or of what is around it."""
        text = self.text
        offset = _skip_whitespace(text, 0)
        for step in path:
            found = offset
            once = isinstance(step, int) or (text.count(f'"{step}"') == 1 and "\\u" not in text)
            for name, _, value in self.values(offset):
                if name == step:
                    found = value
                    if once:
                        break
            if found == offset:
                break
            offset = found
        return offset

    def values(self, offset: int) -> Iterator[tuple[str | int, int, int]]:
        """Yield name or index, start of the name, and start, for values of an object or a list."""
        text, in_object = self.text, self.text[offset] == "{"
        start = _skip_whitespace(text, offset + 1)
        for index in count():
            if self._left <= 0 or text[start] in "]}":
                return
            name: str | int = index
            value = start
            if in_object and (found := _STRING.match(text, start)):
                name = from_json(found.group())
                value = _skip_whitespace(text, _skip_whitespace(text, found.end()) + 1)
            yield name, start, value
            end = _value_end(text, value)
            self._left -= end - start + _STEP_LENGTH
            start = _skip_whitespace(text, end)
            if text[start] == ",":
                start = _skip_whitespace(text, start + 1)


def _value_end(text: str, offset: int) -> int:
    if text[offset] in "{[":
        return read_json(lambda text: _DECODER.raw_decode(text, offset), text)[1]
    found = _TOKEN.match(text, offset)
    return found.end() if found else len(text)


def _skip_whitespace(text: str, offset: int) -> int:
    found = _WHITESPACE.match(text, offset)
    return found.end() if found else offset
