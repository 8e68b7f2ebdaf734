"""Prepares text for drawing letter by letter: joined Arabic letters, and right-to-left lines.

Pillow does both only if it finds further libraries, and pictures must not depend on them. The rules
here are enough for captions: they are a part of the Unicode algorithms.
"""

from __future__ import annotations

import unicodedata
from functools import cache
from itertools import groupby

_LAM = "\u0644"
_MIRRORED = str.maketrans("()[]{}<>«»", ")(][}{><»«")
_DIRECTIONS = {"R": "R", "AL": "R", "L": "L", "EN": "N", "AN": "N"}
# Vowel signs that are stored after their consonant and written before it, in Indic scripts.
_BEFORE_CONSONANT = frozenset("\u093f\u09bf\u0a3f\u0abf\u09c7\u09c8")
_JOINERS = frozenset("\u094d\u09cd\u0a4d\u0acd")


def shaped(text: str) -> str:
    """Return the text with the shapes of letters that depend on their neighbours."""
    if text.isascii():
        return text
    return _indic(_arabic(text))


def in_drawing_order(line: str) -> str:
    """Return the characters of one line from left to right."""
    kinds = [_direction(character) for character in line]
    if "R" not in kinds:
        return line
    base = next((kind for kind in kinds if kind in ("L", "R")), "L")
    sides = [base if kind == "N" else kind for kind in kinds]
    for index, kind in enumerate(found := tuple(kinds)):
        around = found[index - 1 : index + 2] if index else ()
        if kind == "N" or (line[index] in ".,:/+-" and around[::2] == ("N", "N")):
            kinds[index] = "L"  # the digits of a number run from left to right
        elif not kind:  # between two words of one direction; else the direction of the line
            before = sides[index - 1] if index else base
            after = next((each for each in sides[index:] if each), base)
            kinds[index] = sides[index] = before if before == after else base
    groups = [
        (kind, "".join(character for character, _ in group))
        for kind, group in groupby(zip(line, kinds, strict=True), key=lambda pair: pair[1])
    ]
    if base == "R":
        groups.reverse()
    return "".join(
        part[::-1].translate(_MIRRORED) if kind == "R" else part for kind, part in groups
    )


def _direction(character: str) -> str:
    """Return "R", "L", "N" for digits, or "" for characters that follow their neighbours."""
    return _DIRECTIONS.get(unicodedata.bidirectional(character), "")


def _arabic(text: str) -> str:
    forms, ligatures = _arabic_forms()
    if forms.keys().isdisjoint(text):
        return text
    parts: list[str] = []
    joins_next = False
    index = 0
    while index < len(text):
        letter = text[index]
        pair = text[index : index + 2]
        known = ligatures.get(pair) or forms.get(letter, {})
        length = 2 if pair in ligatures else 1
        after = forms.get(text[index + length : index + length + 1], {})
        joined = joins_next and "final" in known
        joins_next = "initial" in known and "final" in after
        names = {
            (True, True): "medial", (True, False): "final", (False, True): "initial"
        }  # fmt: skip
        form = names.get((joined, joins_next), "isolated")
        parts.append(known.get(form, letter))
        index += length
    return "".join(parts)


@cache
def _arabic_forms() -> tuple[dict[str, dict[str, str]], dict[str, dict[str, str]]]:
    """Return the shapes of letters, and those of the ligatures of lam and alef."""
    letters: dict[str, dict[str, str]] = {}
    ligatures: dict[str, dict[str, str]] = {}
    for code in (*range(0xFB50, 0xFC00), *range(0xFE80, 0xFEFD)):
        form, *decomposed = unicodedata.decomposition(chr(code)).split() or [""]
        base = "".join(chr(int(each, 16)) for each in decomposed)
        if len(base) == 1:
            letters.setdefault(base, {})[form.strip("<>")] = chr(code)
        elif len(base) == 2 and base[0] == _LAM and code >= 0xFEF5:
            ligatures.setdefault(base, {})[form.strip("<>")] = chr(code)
    return letters, ligatures


def _indic(text: str) -> str:
    """Return the text with vowel signs before the consonants before which they are written."""
    if _BEFORE_CONSONANT.isdisjoint(text):
        return text
    letters: list[str] = []
    for character in text:
        letters.append(character)
        if character in _BEFORE_CONSONANT:
            place = len(letters) - 2
            while place > 1 and letters[place - 1] in _JOINERS:
                place -= 2
            letters.insert(max(place, 0), letters.pop())
    return "".join(letters)
