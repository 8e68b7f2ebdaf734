"""What serialisers do to single characters of JSON; each works on any piece of a text."""

from __future__ import annotations

import re
from collections.abc import Callable
from json import dumps, loads

TextChange = Callable[[str], str]

_ESCAPE = re.compile(
    r"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|\\u[0-9a-fA-F]{4}|\\.", re.DOTALL
)
_FOREIGN = re.compile(r"[^\x00-\x7f]+")
_MAX_EXACT = 2**53


def ascii_escaped(text: str) -> str:
    """Write characters beyond ASCII as \\uXXXX."""
    return _FOREIGN.sub(lambda match: dumps(match[0])[1:-1], text)


def ascii_escaped_in_capitals(text: str) -> str:
    """Write characters beyond ASCII as \\uXXXX, with digits in capitals."""
    return _FOREIGN.sub(lambda match: dumps(match[0])[1:-1].upper().replace("U", "u"), text)


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
    """Write / as \\/ (PHP)."""
    return slashes_plain(text).replace("/", "\\/")


def closing_slashes_escaped(text: str) -> str:
    """Write </ as <\\/ (org.json)."""
    return slashes_plain(text).replace("</", "<\\/")


def slashes_plain(text: str) -> str:
    """Write \\/ as /."""
    if "\\/" not in text:
        return text
    return _ESCAPE.sub(lambda match: "/" if match[0] == "\\/" else match[0], text)


def characters_escaped(characters: str, form: str) -> TextChange:
    """Return what writes these characters as escapes, as many do for HTML."""
    escapes = {character: form % ord(character) for character in characters}
    quote = escapes.pop('"', None)
    plain = re.compile(f"[{re.escape(''.join(escapes))}]")

    def escaped(text: str) -> str:
        text = plain.sub(lambda match: escapes[match[0]], text)
        if quote is not None and '\\"' in text:
            text = _ESCAPE.sub(lambda match: quote if match[0] == '\\"' else match[0], text)
        return text

    return escaped


def characters_plain(text: str) -> str:
    """Write the escapes that are made for HTML as the characters themselves."""
    if "\\u00" not in text:
        return text
    return _ESCAPE.sub(lambda match: _PLAIN.get(match[0].lower(), match[0]), text)


_PLAIN = {f"\\u{ord(character):04x}": character for character in "<>&='+`"} | {"\\u0022": '\\"'}


def numbers_changed(change: TextChange) -> TextChange:
    """Return what changes every number."""
    return lambda text: _NUMBER.sub(
        lambda match: match[0] if match[0][0] == '"' else change(match[0]), text
    )


_NUMBER = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"|-?[0-9][0-9.eE+\-]*', re.DOTALL)


def as_double(number: str) -> str:
    """Write a whole number with .0, as Gson writes a map."""
    return number if re.search("[.eE]", number) else f"{number}.0"


def as_python(number: str) -> str:
    """Write a number as Python does after parsing it."""
    try:
        return repr(float(number)) if re.search("[.eE]", number) else number
    except ValueError:
        return number


def as_script(number: str) -> str:
    """Write a number as JavaScript does after parsing it."""
    try:
        value = float(number)
    except ValueError:
        return number
    if not value.is_integer() or abs(value) >= 1e21:
        return repr(value) if 1e-6 <= abs(value) < 1e21 else number
    if abs(value) <= _MAX_EXACT:
        return str(int(value))
    # JavaScript prints the shortest digits that read back as the same double, then zeros.
    mantissa, _, exponent = repr(value).partition("e")
    if not exponent:
        return mantissa.removesuffix(".0")
    digits = mantissa.replace(".", "")
    sign, digits = ("-", digits[1:]) if digits[0] == "-" else ("", digits)
    return sign + digits.ljust(int(exponent) + 1, "0")


_NUMERIC = re.compile(r'"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?"')
# Of lexemes that are values.
TYPES: tuple[tuple[str, TextChange], ...] = (
    ("numbers in strings as numbers",  # JSON_NUMERIC_CHECK of PHP
     lambda lexeme: lexeme[1:-1] if _NUMERIC.fullmatch(lexeme) else lexeme),
    ("numbers as strings", lambda lexeme: f'"{lexeme}"' if lexeme[0] in "-0123456789" else lexeme),
    ("numbers, true and false as strings",
     lambda lexeme: lexeme if lexeme[0] in '"n' else f'"{lexeme}"'),
)  # fmt: skip


def _camel_case(name: str) -> str:
    return re.sub(r"[_-]([a-zA-Z0-9])", lambda match: match[1].upper(), name)


NAMES: tuple[tuple[str, TextChange], ...] = (
    ("as snake_case", lambda name: re.sub(r"(?<=[a-z0-9])([A-Z])", r"_\1", name).lower()),
    ("as camelCase", _camel_case),
    ("as PascalCase", lambda name: _camel_case(name)[:1].upper() + _camel_case(name)[1:]),
    ("in lower case", str.lower),
    ("with a small first letter", lambda name: name[:1].lower() + name[1:]),
    ("in capitals", str.upper),
)
