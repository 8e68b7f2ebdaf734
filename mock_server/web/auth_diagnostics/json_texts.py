"""JSON as a tree of the client's own lexemes, and writing it in another layout.

What a serialiser leaves alone (the order of members, how numbers are written, doubled names) stays
as it was sent. Both directions work in pieces, so that a body of megabytes stops nothing else.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from json import dumps, loads
from typing import Any

from msgspec import Struct

from mock_server.web.auth_diagnostics.findings import Paced
from mock_server.web.auth_diagnostics.search_budget import Work

MAX_DEPTH = 100
LONG_LEXEME = 16_000  # characters; such a string is written by itself
_TOKEN = re.compile(r'[ \t\r\n]*(?:([{}\[\],:])|(")|[^\s{}\[\],:"]+)')
_TOKEN_UNITS = 500
_BATCH = 400  # lexemes
_MAX_SORTED = 10_000


class JsonObject(list[Any]):
    """The members of an object: pairs of a name, with its quotes, and a node.

    A node is a JsonObject, a list of nodes, or a lexeme: a string in quotes, a number, a word.
    """


def parse(text: str, work: Work) -> Paced[Any]:
    """Return the tree of an object, an array or a string; None for anything else."""
    root: list[Any] = []
    open_: list[list[Any]] = [root]
    names: list[str | None] = [None]
    position, length = 0, len(text)
    while position < length:
        work.add(_TOKEN_UNITS)
        if work.is_over():
            yield
        match = _TOKEN.match(text, position)
        if match is None:
            return None if text[position:].strip(" \t\r\n") or len(root) != 1 else _root(root)
        position, inner = match.end(), open_[-1]
        sign = match[1]
        if match[2]:
            start = position - 1
            while (position := text.find('"', position)) >= 0:
                slash = position - 1
                while text[slash] == "\\":
                    slash -= 1
                if (position - slash) % 2:
                    break
                position += 1
                work.add(100)
                if work.is_over():
                    yield
            if position < 0:
                return None
            position += 1
            node: Any = text[start:position]
            work.add(len(node))
        elif sign in ("{", "["):
            node = JsonObject() if sign == "{" else []
        elif sign in ("}", "]"):
            if len(open_) == 1 or names[-1] is not None:
                return None
            if (sign == "}") != isinstance(inner, JsonObject):
                return None
            open_.pop()
            names.pop()
            continue
        elif sign:
            continue  # commas and colons: where they stand is not checked
        else:
            node = match[0].lstrip(" \t\r\n")
        if isinstance(inner, JsonObject):
            if (name := names[-1]) is None:
                if type(node) is not str or node[0] != '"':
                    return None
                names[-1] = node
                continue
            inner.append((name, node))
            names[-1] = None
        else:
            inner.append(node)
        if type(node) is not str:
            open_.append(node)
            names.append(None)
            if len(open_) > MAX_DEPTH:
                return None
    return _root(root) if len(open_) == 1 and len(root) == 1 else None


def _root(root: list[Any]) -> Any:
    node = root[0]
    return node if type(node) is not str or node[0] == '"' else None


def value_of(lexeme: str) -> Any:
    """Return what a lexeme stands for; the lexeme itself where it is not JSON."""
    try:
        return loads(lexeme, strict=False)
    except (ValueError, RecursionError):
        return lexeme


class Layout(Struct, frozen=True):
    """How a serialiser puts lexemes together.

    With `indent` items stand on lines; `pad` stands inside brackets otherwise. `row` writes arrays
    on one line in spite of `indent`. `string` and `name` write strings, and `words` says what
    true, false and null become.
    """

    item: str = ","
    colon: str = ":"
    indent: str = ""
    pad: str = ""
    brackets: str = "{}[]"
    row: bool = False
    string: Callable[[str], str] | None = None
    name: Callable[[str], str] | None = None
    words: dict[str, str] = {}


def write(node: Any, layout: Layout) -> Iterator[str]:
    """Yield a tree as text, some hundred lexemes at a time."""
    out: list[str] = []
    for _ in _written(node, layout, 0, out):
        yield "".join(out)
        out.clear()
    yield "".join(out)


def _written(node: Any, layout: Layout, level: int, out: list[str]) -> Iterator[None]:
    if type(node) is str:
        if long := len(node) > LONG_LEXEME:
            yield
        if node[0] == '"':
            out.append(node if layout.string is None else layout.string(node))
        else:
            out.append(layout.words.get(node, node))
        if len(out) > _BATCH or long:
            yield
        return
    is_object = isinstance(node, JsonObject)
    opening, closing = tuple(layout.brackets[:2] if is_object else layout.brackets[2:])
    if not node:
        out.append(opening + closing)
        return
    if layout.row and not is_object:
        first, between, last, deeper = " ", ", ", " ", level
    elif layout.indent:
        first, last = "\n" + layout.indent * (level + 1), "\n" + layout.indent * level
        between, deeper = layout.item + first, level + 1
    else:
        first, between, last, deeper = layout.pad, layout.item, layout.pad, level
    before = opening + first
    for child in node:
        out.append(before)
        before = between
        if is_object:
            name = child[0]
            out.append(name if layout.name is None else layout.name(name))
            out.append(layout.colon)
        yield from _written(child[1] if is_object else child, layout, deeper, out)
    out.append(last + closing)


class Edit(Struct, frozen=True):
    """What a client's program did to its value before it wrote it."""

    value: Callable[[str], str] | None = None  # of lexemes that are values
    name: Callable[[str], str] | None = None  # without quotes
    keep: Callable[[Any], bool] | None = None  # members with these values
    container: Callable[[list[Any]], list[Any]] | None = None


def edited(node: Any, edit: Edit, work: Work) -> Paced[Any]:
    """Return the tree after an edit."""
    work.add(_TOKEN_UNITS)
    if work.is_over():
        yield
    if type(node) is str:
        return node if edit.value is None else edit.value(node)
    new: list[Any] = type(node)()
    for child in node:
        if not isinstance(node, JsonObject):
            new.append((yield from edited(child, edit, work)))
        elif edit.keep is None or edit.keep(child[1]):
            name = child[0] if edit.name is None else f'"{edit.name(child[0][1:-1])}"'
            new.append((name, (yield from edited(child[1], edit, work))))
    return new if edit.container is None else edit.container(new)


def members_sorted(node: list[Any]) -> list[Any]:
    """Sort the members of an object by name."""
    if not isinstance(node, JsonObject) or len(node) > _MAX_SORTED:
        return node
    return JsonObject(sorted(node, key=_sort_key))


def _sort_key(member: tuple[str, Any]) -> str:
    name = member[0]
    return str(value_of(name)) if "\\" in name else name[1:-1]


def without_each(node: Any, most: int) -> Iterator[tuple[str, Any]]:
    """Yield the tree without one of its members, outer ones first; at most so many."""
    queue: list[tuple[Any, Callable[[Any], Any]]] = [(node, lambda changed: changed)]
    for inner, around in queue:
        if type(inner) is str:
            continue
        for number, each in enumerate(inner):
            child = each[1] if isinstance(inner, JsonObject) else each
            if isinstance(inner, JsonObject):
                if most <= 0:
                    return
                most -= 1
                yield each[0], around(JsonObject(inner[:number] + inner[number + 1 :]))
            queue.append((child, _replacing(inner, number, around)))
            if len(queue) > 1000:
                return


def _replacing(node: Any, number: int, around: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def replaced(child: Any) -> Any:
        new = child if not isinstance(node, JsonObject) else (node[number][0], child)
        return around(type(node)([*node[:number], new, *node[number + 1 :]]))

    return replaced


def quoted(text: str) -> str:
    """Return a text as a JSON string, with what is not ASCII as it is."""
    return dumps(text, ensure_ascii=False)
