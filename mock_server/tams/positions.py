"""Where something stands in a JSON text; asked only once a body has turned out to be wrong.

Offsets count characters. `value_at` and `later_name_at` lean on the text being valid JSON, which
has been found out before. Nothing here recurses.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence

from pydantic_core import from_json

_BLANKS = re.compile(r"[ \t\r\n]*+")
_STRING = re.compile(r'"(?:[^"\\]|\\.)*+"', re.DOTALL)
_STRING_OR_BRACKET = re.compile(r'"(?:[^"\\]|\\.)*+"|[\[\]{}]', re.DOTALL)
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*+"|[^\s\[\]{}:,"]++|\S', re.DOTALL)
_WORD = re.compile(r"[\w.+-]")

_MAX_SHOWN = 60

Path = Sequence[str | int]


def line_and_column(text: str, offset: int) -> tuple[int, int]:
    """Return both counted from 1, the column in characters."""
    return text.count("\n", 0, offset) + 1, offset - text.rfind("\n", 0, offset)


def offset_of(raw: bytes, line: int, column: int) -> int:
    """Return the offset in characters of a line and a column that counts bytes, both from 1."""
    lines = raw.split(b"\n", line)
    before = b"\n".join(lines[: line - 1]) + b"\n" if line > 1 else b""
    return len((before + lines[line - 1][: max(0, column - 1)]).decode(errors="replace"))


def word_start(text: str, offset: int) -> int:
    """Return where the word begins that the offset stands in."""
    while offset > 0 and _WORD.match(text, offset - 1):
        offset -= 1
    return offset


def token_at(text: str, offset: int) -> str:
    """Return one token to show, cut short where it is long; nothing at the end of the text."""
    found = _TOKEN.match(text, offset)
    token = found.group() if found else ""
    if len(token) > _MAX_SHOWN:
        token = token[:_MAX_SHOWN] + "…"
    return token if token.isprintable() else ascii(token)[1:-1]


def value_at(text: str, path: Path) -> int:
    """Return where the value at a path begins; of equal names the last one counts."""
    offset = _past_blanks(text, 0)
    for step in path:
        if isinstance(step, int):
            offset = _element(text, offset, step)
        else:
            found = [value for name, _, value in _members(text, offset) if name == step]
            offset = found[-1]
    return offset


def later_name_at(text: str, path: Path, names: Collection[str]) -> int:
    """Return where, in the object at a path, the second of the names appears for the first time."""
    offset = value_at(text, path)
    starts: dict[str, int] = {}
    for name, start, _ in _members(text, offset):
        if name in names:
            starts.setdefault(name, start)
    return max(starts.values(), default=offset)


def _members(text: str, offset: int) -> Iterator[tuple[str, int, int]]:
    """Yield name, start of the name and start of the value for each member of an object."""
    offset = _past_blanks(text, offset + 1)
    while found := _STRING.match(text, offset):
        value = _past_blanks(text, _past_blanks(text, found.end()) + 1)
        yield from_json(found.group()), offset, value
        offset = _past_blanks(text, _past_blanks(text, _value_end(text, value)) + 1)


def _element(text: str, offset: int, index: int) -> int:
    offset = _past_blanks(text, offset + 1)
    for _ in range(index):
        offset = _past_blanks(text, _past_blanks(text, _value_end(text, offset)) + 1)
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


def _past_blanks(text: str, offset: int) -> int:
    found = _BLANKS.match(text, offset)
    return found.end() if found else offset
