"""The plain values of a node's inputs, held against what its class takes."""

from __future__ import annotations

import re
from collections.abc import Callable
from math import isfinite
from typing import Any

from msgspec import Struct

from mock_server.tams.settings import Leniency
from mock_server.tams.workflow.node_classes import ANY, COMBO, InputSpec

_NUMBER = re.compile(r"\s*[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,3})?\s*")
_MAX_NUMBER_LENGTH = 100

# Model ids and resource ids stand where ComfyUI has the names of files, which vary.
_ID = re.compile(r"[0-9]{6,20}|[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")

_MAX_SHOWN = 60


class InputRules(Struct, frozen=True):
    """How strictly graphs are looked at."""

    unknown_class: Leniency = "accept"
    unlisted_value: Leniency = "accept"


def input_problem(
    spec: InputSpec, value: Any, rules: InputRules, warn: Callable[[str], None]
) -> str:
    """Return what is wrong with a value that is there and no link, or nothing."""
    if isinstance(value, list):
        return f"must be a link [node id, output index], found {shown(value)}"
    if not spec.scalar:
        expected = f"must be a link to {spec.kind}"
        return f"{expected}, found {shown(value)}"
    if ANY in spec.kind:
        return ""
    if isinstance(value, dict):
        return f"must be {_WORDS.get(spec.kind, 'a value')}, found {shown(value)}"
    if spec.kind in ("INT", "FLOAT"):
        return _number_problem(spec, value)
    if spec.kind == COMBO and spec.values and str_of(value) not in spec.values:
        if isinstance(value, str) and _ID.fullmatch(value):
            return ""
        text = f"must be one of the {len(spec.values)} known values, found {shown(value)}"
        if rules.unlisted_value == "refuse":
            return text
        warn(text)
    return ""


def _number_problem(spec: InputSpec, value: Any) -> str:
    number = number_of(value)
    if number is None:
        return f"must be {_WORDS[spec.kind]}, found {shown(value)}"
    if not spec.least <= number <= spec.most:
        return f"must be {_ends(spec)}, found {shown(value)}"
    return ""


def _ends(spec: InputSpec) -> str:
    if not isfinite(spec.most):
        return f"at least {spec.least}"
    if not isfinite(spec.least):
        return f"at most {spec.most}"
    return f"between {spec.least} and {spec.most}"


def number_of(value: Any) -> int | float | None:
    """Return the number that a value is or spells, if it is finite: strings count here too."""
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return value if isfinite(value) else None
    if not isinstance(value, str) or len(value) > _MAX_NUMBER_LENGTH:
        return None
    if not _NUMBER.fullmatch(value):
        return None
    try:
        return int(value)
    except ValueError:
        number = float(value)
        return number if isfinite(number) else None


def str_of(value: Any) -> str:
    """Return a plain value as text; nothing for what is none."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool) or not isinstance(value, int | float):
        return ""
    return shown(value)


def shown(value: Any) -> str:
    """Return a value for a message, cut short where it is long."""
    if isinstance(value, str):
        value = value[: _MAX_SHOWN + 1]
    try:
        text = repr(value)
    except (ValueError, RecursionError):  # an integer of thousands of digits, or deep nesting
        return "what is too long to show"
    return text if len(text) <= _MAX_SHOWN + 2 else f"{text[:_MAX_SHOWN]}…"


_WORDS = {
    "INT": "an integer",
    "FLOAT": "a number",
    "STRING": "a text",
    "BOOLEAN": "a truth value",
    COMBO: "a text",
}


def fits(given: str, wanted: str) -> bool:
    """Return whether an output of one kind may feed an input of another; kinds may be lists."""
    if ANY in (given, wanted):
        return True
    offered, taken = set(given.split(",")), set(wanted.split(","))
    if COMBO in taken or COMBO in offered:
        taken |= {"STRING", COMBO}
    return bool(offered & taken)
