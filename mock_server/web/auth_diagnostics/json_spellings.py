"""One JSON text in the spellings of the serialisers that clients use.

Works on the text's own lexemes, so that what a serialiser leaves alone (the order of members, how
numbers are written, doubled names) stays as it was sent.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from json import JSONDecodeError, loads
from typing import Any

_LEXEME = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\],:]|[^\s{}\[\],:"]+', re.DOTALL)
_STRING = re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL)
_ESCAPE = re.compile(
    r"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|\\u[0-9a-fA-F]{4}|\\.", re.DOTALL
)
_FOREIGN = re.compile(r"[^\x00-\x7f]")
_MAX_EXACT = 2**53
_DEEPEST = 100

Spelling = Callable[[str], str]


def parse(body: bytes) -> tuple[str, Any] | None:
    """Return a JSON object or array as text and value; None for anything else."""
    try:
        text = body.decode()
        value = loads(text)
    except (UnicodeDecodeError, JSONDecodeError, RecursionError, ValueError):
        return None
    return (text, value) if isinstance(value, dict | list) else None


@lru_cache(maxsize=8)
def _lexemes(text: str) -> list[str]:
    return _LEXEME.findall(text)


def compact(text: str) -> str:
    """As JSON.stringify, Go, PHP and Java write it."""
    return "".join(_lexemes(text))


def spaced(text: str) -> str:
    """As Python's json.dumps writes it."""
    return "".join(_SPACED.get(lexeme, lexeme) for lexeme in _lexemes(text))


_SPACED = {",": ", ", ":": ": "}


def pretty(indent: str) -> Spelling:
    """Return the spelling with one member on each line."""

    def spell(text: str) -> str:
        return "".join(_indented(_lexemes(text), indent))

    return spell


def _indented(lexemes: list[str], indent: str) -> Iterator[str]:
    depth, opened = 0, False
    for lexeme in lexemes:
        if lexeme in "}]":
            depth -= 1
            if not opened:
                yield "\n" + indent * depth
        elif opened:
            yield "\n" + indent * depth
        opened = False
        yield lexeme
        if lexeme in "{[":
            depth += 1
            opened = True
            if depth > _DEEPEST:
                raise RecursionError("deeper than anybody indents")
        elif lexeme == ",":
            yield "\n" + indent * depth
        elif lexeme == ":":
            yield " "


@lru_cache(maxsize=8)
def sorted_keys(text: str) -> str:
    """Sort the members of every object by name; the result is compact."""
    lexemes = iter(_lexemes(text))
    return _sorted(next(lexemes), lexemes, 0)


def _sorted(lexeme: str, lexemes: Iterator[str], depth: int) -> str:
    if depth > _DEEPEST:
        raise RecursionError("deeper than anybody sorts")
    if lexeme == "{":
        members: list[tuple[str, str, str]] = []
        for name in lexemes:
            if name == "}":
                break
            if name == ",":
                continue
            next(lexemes)  # the colon
            value = _sorted(next(lexemes), lexemes, depth + 1)
            plain = loads(name, strict=False) if "\\" in name else name[1:-1]
            members.append((plain, name, value))
        members.sort(key=lambda member: member[0])
        return "{" + ",".join(f"{name}:{value}" for _, name, value in members) + "}"
    if lexeme == "[":
        items: list[str] = []
        for item in lexemes:
            if item == "]":
                break
            if item != ",":
                items.append(_sorted(item, lexemes, depth + 1))
        return "[" + ",".join(items) + "]"
    return lexeme


def ascii_escaped(text: str) -> str:
    """Write what is not ASCII as \\uXXXX, in lower case as most do."""
    return _FOREIGN.sub(lambda match: _units(match[0], "\\u%04x"), text)


def ascii_escaped_upper(text: str) -> str:
    """Write what is not ASCII as \\uXXXX with capital digits (.NET)."""
    return _FOREIGN.sub(lambda match: _units(match[0], "\\u%04X"), text)


def _units(character: str, form: str) -> str:
    data = character.encode("utf-16-be", "surrogatepass")
    return "".join(form % int.from_bytes(data[i : i + 2], "big") for i in range(0, len(data), 2))


def raw_non_ascii(text: str) -> str:
    """Write \\uXXXX as the character itself where that is not ASCII."""

    def plain(match: re.Match[str]) -> str:
        escape = match[0]
        if escape[1] != "u":
            return escape
        character: str = loads(f'"{escape}"')
        lone = len(character) == 1 and 0xD800 <= ord(character) <= 0xDFFF
        return escape if lone or character < "\x80" else character

    return _ESCAPE.sub(plain, text)


def slashes_escaped(text: str) -> str:
    """Write / inside strings as \\/ (PHP)."""
    if "/" not in text:
        return text
    return _STRING.sub(lambda match: slashes_plain(match[0]).replace("/", "\\/"), text)


def slashes_plain(text: str) -> str:
    """Write \\/ as /."""
    return _ESCAPE.sub(lambda match: "/" if match[0] == "\\/" else match[0], text)


def html_escaped(text: str) -> str:
    """Write <, > and & inside strings as Go and Gson do."""
    if not _HTML_PLAIN.search(text):
        return text
    return _STRING.sub(
        lambda match: (
            match[0].replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
        ),
        text,
    )


def html_plain(text: str) -> str:
    """Write \\u003c, \\u003e and \\u0026 as the characters themselves."""
    return _ESCAPE.sub(lambda match: _HTML.get(match[0].lower(), match[0]), text)


_HTML_PLAIN = re.compile("[<>&]")
_HTML = {"\\u003c": "<", "\\u003e": ">", "\\u0026": "&"}


def script_numbers(text: str) -> str:
    """Write numbers as JavaScript does after parsing them."""
    if not _UNUSUAL_NUMBER.search(text):
        return text
    return "".join(_between(text, _script_number))


# Roughly: a fraction, an exponent, more digits than a double has, or minus zero.
_UNUSUAL_NUMBER = re.compile(r"[0-9](?:[.eE]|[0-9]{15})|-0")


def _between(text: str, change: Spelling) -> Iterable[str]:
    """Yield the text with every lexeme that is a number changed."""
    at = 0
    for match in _LEXEME.finditer(text):
        yield text[at : match.start()]
        lexeme = match[0]
        yield change(lexeme) if lexeme[0] in "-0123456789" else lexeme
        at = match.end()
    yield text[at:]


def _script_number(lexeme: str) -> str:
    try:
        number = float(lexeme)
    except ValueError:
        return lexeme
    if not number.is_integer() or abs(number) >= 1e21:
        return repr(number) if 1e-6 <= abs(number) < 1e21 else lexeme
    if abs(number) <= _MAX_EXACT:
        return str(int(number))
    # JavaScript prints the shortest digits that read back as the same double, then zeros.
    mantissa, _, exponent = repr(number).partition("e")
    if not exponent:
        return mantissa.removesuffix(".0")
    digits = mantissa.replace(".", "")
    sign, digits = ("-", digits[1:]) if digits[0] == "-" else ("", digits)
    return sign + digits.ljust(int(exponent) + 1, "0")
