"""JSON as the client's own lexemes, and writing them in another layout.

What a serialiser leaves alone (the order of members, how numbers are written, doubled names) stays
as it was sent. All work is done in pieces, so that a body of megabytes stops nothing else.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from json import loads
from typing import Any

from msgspec import Struct

from mock_server.web.auth_diagnostics.search_budget import Paced, SearchWork

MAX_DEPTH = 100
MAX_TREE = 30_000  # lexemes; of more no tree is made
LONG_LEXEME = 16_000  # characters; such a string is written by itself
MAX_REWRITTEN = 100_000  # characters of a string that is read and written anew
_TOKEN = re.compile(
    r'[ \t\r\n]{0,N}+(?:([{}\[\],:])|(")|[^\s{}\[\],:"]{1,N})'.replace("N", str(LONG_LEXEME))
)
_TOKEN_UNITS = 500
_BATCH = 400  # lexemes


class JsonObject(list[Any]):
    """The members of an object: pairs of a name, with its quotes, and a node.

    A node is a JsonObject, a list of nodes, or a lexeme: a string in quotes, a number, a word.
    """


class NotJsonText(ValueError):
    """The text is not JSON."""


class TooLongText(NotJsonText):
    """Something in the text is too long to be read."""


def lexemes(text: str, work: SearchWork) -> Iterator[str | None]:
    """Yield the lexemes of a JSON text without white space; None where a slice is over."""
    position, end = 0, len(text.rstrip(" \t\r\n"))
    while position < end:
        match = _TOKEN.match(text, position)
        if match is None:
            raise TooLongText if text[position] in " \t\r\n" else NotJsonText
        start, position = position, match.end()
        if match[2]:
            start = position - 1
            while position < end:
                # A long string is looked through a part at a time.
                begun, part_end = position, min(end, position + LONG_LEXEME)
                found = text.find('"', begun, part_end)
                position = part_end if found < 0 else found
                work.add(100 + position - begun)
                if work.is_over():
                    yield None
                if found < 0:
                    continue
                if (yield from _backslashes(text, position, work)) % 2 == 0:
                    break
                position += 1
            else:
                raise NotJsonText
            position += 1
            yield text[start:position]
        elif len(lexeme := match[1] or match[0].lstrip(" \t\r\n")) < LONG_LEXEME:
            yield lexeme
        else:
            raise TooLongText
        work.add(_TOKEN_UNITS + (position - start) // 8)
        if work.is_over():
            yield None


def _backslashes(text: str, end: int, work: SearchWork) -> Paced[int]:
    """Return how many backslashes stand before a place."""
    count, size = 0, 64
    while window := text[max(0, end - count - size) : end - count]:
        run = len(window) - len(window.rstrip("\\"))
        count += run
        if run < len(window):
            break
        size = LONG_LEXEME
        work.add(2 * run)
        if work.is_over():
            yield
    return count


def parse(text: str, work: SearchWork) -> Paced[Any]:
    """Return the tree of an object, an array or a string; None for anything else or too much."""
    root: list[Any] = []
    open_: list[list[Any]] = [root]
    names: list[str | None] = [None]
    try:
        for number, lexeme in enumerate(lexemes(text, work)):
            if lexeme is None:
                yield
                continue
            inner = open_[-1]
            if lexeme in "}]":
                if names.pop() is not None or (lexeme == "}") != isinstance(inner, JsonObject):
                    return None
                open_.pop()
            elif lexeme not in ",:":  # where these stand is not checked
                node: Any = JsonObject() if lexeme == "{" else [] if lexeme == "[" else lexeme
                if not isinstance(inner, JsonObject):
                    inner.append(node)
                elif (name := names[-1]) is not None:
                    inner.append((name, node))
                    names[-1] = None
                elif lexeme[0] == '"':
                    names[-1] = lexeme
                else:
                    return None
                if type(node) is not str:
                    open_.append(node)
                    names.append(None)
            if number > MAX_TREE or not 0 < len(open_) <= MAX_DEPTH:
                return None
    except NotJsonText:
        return None
    if len(open_) != 1 or len(root) != 1 or (type(root[0]) is str and root[0][0] != '"'):
        return None
    return root[0]


def flat(node: Any) -> Iterator[str]:
    """Yield the lexemes of a tree."""
    if type(node) is str:
        yield node
        return
    is_object = isinstance(node, JsonObject)
    yield "{" if is_object else "["
    for number, child in enumerate(node):
        if number:
            yield ","
        if is_object:
            yield child[0]
            yield ":"
        yield from flat(child[1] if is_object else child)
    yield "}" if is_object else "]"


def value_of(lexeme: str) -> Any:
    """Return what a lexeme stands for; the lexeme itself where it is not JSON."""
    try:
        return loads(lexeme, strict=False)
    except (ValueError, RecursionError):
        return lexeme


class JsonLayout(Struct, frozen=True):
    """How a serialiser puts lexemes together.

    With `indent` items stand on lines; `pad` stands inside brackets otherwise. `row` writes arrays
    on one line in spite of `indent`, `hollow` empty brackets on three lines. `string` and `name`
    write strings, and `words` says what true, false and null become.
    """

    item: str = ","
    colon: str = ":"
    indent: str = ""
    pad: str = ""
    brackets: str = "{}[]"
    row: bool = False
    hollow: bool = False
    string: Callable[[str], str] | None = None
    name: Callable[[str], str] | None = None
    words: dict[str, str] = {}


def laid_out(source: Iterable[str | None], layout: JsonLayout) -> Iterator[str]:
    """Yield lexemes as text, some hundred at a time; raises NotJsonText for wrong nesting."""
    out: list[str] = []
    open_: list[str] = []
    level, is_fresh, is_name = 0, False, False
    for lexeme in source:
        if len(out) > _BATCH:
            yield "".join(out)
            out.clear()
        if lexeme is None:
            yield ""
            continue
        in_row = layout.row and bool(open_) and open_[-1] == "["
        if lexeme in "}]":
            if not open_:
                raise NotJsonText
            opening = open_.pop()
            level -= not (layout.row and opening == "[")
            if not is_fresh:
                out.append(_inside(layout, level, in_row=in_row))
            elif layout.hollow:
                out.append("\n" + _inside(layout, level))
            out.append(layout.brackets[1 if lexeme == "}" else 3])
            is_fresh = is_name = False
        elif lexeme == ",":
            between = ", " if in_row else layout.item
            out.append(between + (_inside(layout, level) if layout.indent and not in_row else ""))
            is_name = bool(open_) and open_[-1] == "{"
        elif lexeme == ":":
            out.append(layout.colon)
        else:
            if is_fresh:
                out.append(_inside(layout, level, in_row=in_row))
                is_fresh = False
            if lexeme in "{[":
                out.append(layout.brackets[0 if lexeme == "{" else 2])
                open_.append(lexeme)
                level += not (layout.row and lexeme == "[")
                is_fresh, is_name = True, lexeme == "{"
                if len(open_) > MAX_DEPTH:
                    raise NotJsonText
                continue
            if is_long := len(lexeme) > LONG_LEXEME:
                yield "".join(out)
                out.clear()
            out.append(_scalar(lexeme, layout, is_name=is_name))
            is_name = False
            if is_long:
                yield "".join(out)
                out.clear()
    yield "".join(out)


def _inside(layout: JsonLayout, level: int, *, in_row: bool = False) -> str:
    """Return what stands between a bracket and what is inside."""
    if in_row:
        return " "
    return "\n" + layout.indent * level if layout.indent else layout.pad


def _scalar(lexeme: str, layout: JsonLayout, *, is_name: bool) -> str:
    if lexeme[0] != '"':
        return layout.words.get(lexeme, lexeme)
    write = layout.name if is_name else layout.string
    if write is not None and len(lexeme) > MAX_REWRITTEN:
        raise TooLongText
    return lexeme if write is None else write(lexeme)


class Edit(Struct, frozen=True):
    """What a client's program did to its value before it wrote it."""

    value: Callable[[str], str] | None = None  # of lexemes that are values
    name: Callable[[str], str] | None = None  # without quotes
    keep: Callable[[Any], bool] | None = None  # members with these values
    container: Callable[[list[Any]], list[Any]] | None = None
    outermost: bool = False  # only the outermost container


def edited(node: Any, edit: Edit, work: SearchWork) -> Paced[Any]:
    """Return the tree after an edit."""
    work.add(_TOKEN_UNITS)
    if work.is_over():
        yield
    if type(node) is str:
        return node if edit.value is None else edit.value(node)
    if edit.outermost and edit.container is not None:
        return edit.container(node)
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
    return JsonObject(sorted(node, key=_sort_key)) if isinstance(node, JsonObject) else node


def _sort_key(member: tuple[str, Any]) -> str:
    name = member[0]
    return str(value_of(name)) if "\\" in name else name[1:-1]


def without_each(node: Any) -> Iterator[tuple[str, Any]]:
    """Yield the tree without one of its members, inner members after each outer one."""
    if type(node) is str:
        return
    for number, each in enumerate(node):
        if isinstance(node, JsonObject):
            before, after = node[:number], node[number + 1 :]
            yield each[0], JsonObject(before + after)
            for name, child in without_each(each[1]):
                yield name, JsonObject([*before, (each[0], child), *after])
        else:
            for name, child in without_each(each):
                yield name, [*node[:number], child, *node[number + 1 :]]
