"""The kinds of mutations of one member of an answer.

A kind fits a member by its example values, and changes the member wherever it stands.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from contract_tests.mutants.generated.members import ENTRIES, ITEMS

_STEP = re.compile(r"\[\]|\{\}|[^.\[\]{}]+")
_WHOLE = re.compile(r"-?[0-9]{1,20}")


@dataclass(frozen=True)
class Spot:
    """Where a member stands in one answer."""

    holder: Any
    key: Any

    @property
    def value(self) -> Any:
        """Return the value of the member."""
        return self.holder[self.key]

    def put(self, value: Any) -> None:
        """Replace the value of the member."""
        self.holder[self.key] = value


@dataclass(frozen=True)
class MemberKind:
    """A kind of mutations: which values it `fits`, and what it does to a spot."""

    fits: Callable[[Any], bool]
    change: Callable[[Spot], None]


def spots(body: Any, path: str) -> list[Spot]:
    """Return where a member stands in a body."""
    holders: list[tuple[Any, Any]] = [([body], 0)]
    for step in _STEP.findall(path):
        holders = [(holder[key], inner) for holder, key in holders
                   for inner in _keys(holder[key], step)]  # fmt: skip
    return [Spot(holder, key) for holder, key in holders]


def _keys(value: Any, step: str) -> list[Any]:
    if step == ITEMS:
        return list(range(len(value))) if isinstance(value, list) else []
    if not isinstance(value, dict):
        return []
    return list(value) if step == ENTRIES else [step] if step in value else []


# What values are.


def _any(value: Any) -> bool:
    return True


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _has_letters(value: Any) -> bool:
    return isinstance(value, str) and value.swapcase() != value and not value.startswith("{{")


def _is_number(value: Any) -> bool:
    """Say whether a value is a number, or a text that is one."""
    if isinstance(value, str):
        return _WHOLE.fullmatch(value) is not None
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_list(value: Any) -> bool:
    return isinstance(value, list)


def _has_items(value: Any) -> bool:
    return isinstance(value, list) and len(value) > 1


def _is_full(value: Any) -> bool:
    return value is not None


# What happens to them.


def _drop(spot: Spot) -> None:
    if isinstance(spot.holder, dict):
        del spot.holder[spot.key]


def _rename(spot: Spot) -> None:
    if isinstance(spot.holder, dict) and (name := other_spelling(str(spot.key))) != spot.key:
        spot.holder[name] = spot.holder.pop(spot.key)


def other_spelling(name: str) -> str:
    """Return a name in snake_case for one in camelCase, and the other way round."""
    if "_" in name.strip("_"):
        return re.sub(r"_+([a-z0-9])", lambda found: found[1].upper(), name)
    snake = re.sub(r"(?<=[a-z0-9])([A-Z])", lambda found: f"_{found[1].lower()}", name)
    return snake if snake != name else name[:1].swapcase() + name[1:]


def _retyped(value: Any) -> Any:
    match value:
        case bool():
            return "true" if value else "false"
        case int() | float():
            return str(value)
        case str():
            return int(value) if _WHOLE.fullmatch(value) else [value]
        case dict():
            return json.dumps(value)
        case list():
            return {str(place): item for place, item in enumerate(value)}
    return value


def _calculated(calculate: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Return a change of numbers, and of texts that are numbers."""

    def change(value: Any) -> Any:
        if isinstance(value, str):
            return str(calculate(int(value))) if _WHOLE.fullmatch(value) else value
        return calculate(value) if _is_number(value) else value

    return change


def _thousandth(value: Any) -> Any:
    return value // 1000 if isinstance(value, int) else value / 1000


def _other_letter(value: Any) -> Any:
    """Replace the last letter or digit of a text."""
    if not isinstance(value, str):
        return value
    place = next((n for n in range(len(value) - 1, -1, -1) if value[n].isalnum()), None)
    if place is None:
        return value
    letter = chr(ord(value[place]) + (1 if value[place] not in "9zZ" else -1))
    return value[:place] + letter + value[place + 1 :]


def _set(change: Callable[[Any], Any], fits: Callable[[Any], bool]) -> MemberKind:
    return MemberKind(fits, lambda spot: spot.put(change(spot.value)))


def _where(fits: Callable[[Any], bool], change: Callable[[Any], Any]) -> MemberKind:
    """Return a kind that changes only values that fit, also where another one is."""
    return _set(lambda value: change(value) if fits(value) else value, fits)


KINDS: Mapping[str, MemberKind] = {
    "drop": MemberKind(_any, _drop),
    "null": _where(_is_full, lambda value: None),
    "filled": _set(lambda value: "x" if value is None else value, lambda value: value is None),
    "rename": MemberKind(_any, _rename),
    "retype": _set(_retyped, _is_full),
    "wrap": MemberKind(_is_full, lambda spot: spot.put({str(spot.key): spot.value})),
    "empty": _where(lambda v: isinstance(v, str | list | dict), lambda value: type(value)()),
    "other-letter": _set(_other_letter, _is_text),
    "other-case": _where(_has_letters, lambda value: value.swapcase()),
    "plus-one": _set(_calculated(lambda value: value + 1), _is_number),
    "minus-one": _set(_calculated(lambda value: value - 1), _is_number),
    "thousandfold": _set(_calculated(lambda value: value * 1000), _is_number),
    "thousandth": _set(_calculated(_thousandth), _is_number),
    "negated": _where(lambda value: isinstance(value, bool), lambda value: not value),
    "repeat": _where(_is_list, lambda value: [*value, *value[-1:]]),
    "short": _where(_is_list, lambda value: value[:-1]),
    "reverse": _where(_has_items, lambda value: value[::-1]),
    "same-items": _where(_has_items, lambda value: value[:1] * len(value)),
}


def swapped(sibling: str) -> Callable[[Spot], None]:
    """Return a change that swaps a member and its sibling."""

    def change(spot: Spot) -> None:
        if sibling in spot.holder:
            here, there = spot.holder[spot.key], spot.holder[sibling]
            spot.holder[spot.key], spot.holder[sibling] = there, here

    return change


def varies(examples: list[Any]) -> bool:
    """Say whether a member has several values in the examples, and is no URL.

    The hosts of the URLs in the examples do not exist, so a test could not judge them.
    """
    first = examples[0]
    urls = all(
        str(item).startswith("http") for item in (first if isinstance(first, list) else [first])
    )
    return any(value != first for value in examples) and not urls


def fitting(path: str, examples: list[Any]) -> Iterator[str]:
    """Yield the names of the kinds that fit a member by one of its example values."""
    is_member = not path.endswith((ITEMS, ENTRIES))
    for name, kind in KINDS.items():
        if (is_member or name not in ("drop", "rename", "wrap")) and any(
            kind.fits(value) for value in examples
        ):
            yield name
