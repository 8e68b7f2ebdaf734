"""Positions in a JSON text, for error messages about an invalid body.

Offsets count characters. `value_at` and `later_name_at` need valid JSON, which the caller has
checked. Nothing here is recursive.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence

from pydantic_core import from_json

_WHITESPACE = re.compile(r"[ \t\r\n]*+")
_STRING = re.compile(r'"(?:[^"\\]|\\.)*+"', re.DOTALL)
_STRING_OR_BRACKET = re.compile(r'"(?:[^"\\]|\\.)*+"|[\[\]{}]', re.DOTALL)
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*+"|[^\s\[\]{}:,"]++|\S', re.DOTALL)
_WORD = re.compile(r"[\w.+-]")

_MAX_SHOWN = 60

Path = Sequence[str | int]


def line_and_column(text: str, offset: int) -> tuple[int, int]:
    """Return line and column, both from 1; the column counts characters."""
    return text.count("\n", 0, offset) + 1, offset - text.rfind("\n", 0, offset)


def offset_of(raw: bytes, line: int, column: int) -> int:
    """Return the offset of a line and a column, both from 1; the column counts bytes."""
    lines = raw.split(b"\n", line)
    before = b"\n".join(lines[: line - 1]) + b"\n" if line > 1 else b""
    return len((before + lines[line - 1][: max(0, column - 1)]).decode(errors="replace"))


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
    offset = _skip_whitespace(text, 0)
    for step in path:
        if isinstance(step, int):
            offset = _element(text, offset, step)
        else:
            found = [value for name, _, value in _members(text, offset) if name == step]
            offset = found[-1]
    return offset


def later_name_at(text: str, path: Path, names: Collection[str]) -> int:
    """Return the first position of that name which appears later in the object at a path."""
    offset = value_at(text, path)
    starts: dict[str, int] = {}
    for name, start, _ in _members(text, offset):
        if name in names:
            starts.setdefault(name, start)
    return max(starts.values(), default=offset)


def _members(text: str, offset: int) -> Iterator[tuple[str, int, int]]:
    """Yield name, start of the name and start of the value for each member of an object."""
    offset = _skip_whitespace(text, offset + 1)
    while found := _STRING.match(text, offset):
        value = _skip_whitespace(text, _skip_whitespace(text, found.end()) + 1)
        yield from_json(found.group()), offset, value
        offset = _skip_whitespace(text, _skip_whitespace(text, _value_end(text, value)) + 1)


def _element(text: str, offset: int, index: int) -> int:
    offset = _skip_whitespace(text, offset + 1)
    for _ in range(index):
        offset = _skip_whitespace(text, _skip_whitespace(text, _value_end(text, offset)) + 1)
    return offset


def _value_end(text: str, offset: int) -> int:
    if text[offset] not in "{[":
        found = _TOKEN.match(text, offset)
        return found.end() if found else len(text)
    depth = 0
    for token in _STRING_OR_BRACKET.finditer(text, offset):
        character = token.group()[0]
        if character != '"':
            depth += 1 if character in "{[" else -1
            if depth == 0:
                return token.end()
    return len(text)


def _skip_whitespace(text: str, offset: int) -> int:
    found = _WHITESPACE.match(text, offset)
    return found.end() if found else offset
