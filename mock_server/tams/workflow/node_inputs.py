"""Checks the values of a node's inputs against its class."""

from __future__ import annotations

import re
from collections.abc import Callable
from math import isfinite
from typing import Any

from mock_server.tams.settings import TamsSettings
from mock_server.tams.validation import shown
from mock_server.tams.workflow.node_classes import ANY, COMBO, InputSpec

_NUMBER = re.compile(r"\s*[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,3})?\s*")
_MAX_NUMBER_LENGTH = 100

# Model ids and resource ids are used where ComfyUI has file names.
_ID = re.compile(r"[0-9]{6,20}|[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


def input_problem(
    spec: InputSpec, value: Any, settings: TamsSettings, warn: Callable[[str], None]
) -> str:
    """Return the problem with a value that is not a link, or ""."""
    if isinstance(value, list):
        return f"must be a link [node id, output index], found {shown(value)}"
    if not spec.scalar:
        return f"must be a link to {spec.kind}, found {shown(value)}"
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
        if settings.unlisted_value == "refuse":
            return text
        warn(text)
    return ""


def _number_problem(spec: InputSpec, value: Any) -> str:
    number = number_of(value)
    if number is None:
        return f"must be {_WORDS[spec.kind]}, found {shown(value)}"
    if not spec.minimum <= number <= spec.maximum:
        return f"must be {_range(spec)}, found {shown(value)}"
    return ""


def _range(spec: InputSpec) -> str:
    if not isfinite(spec.maximum):
        return f"at least {spec.minimum}"
    if not isfinite(spec.minimum):
        return f"at most {spec.maximum}"
    return f"between {spec.minimum} and {spec.maximum}"


def number_of(value: Any) -> int | float | None:
    """Return a number, or a number in a string, if it is finite."""
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
    """Return a text or a number as text; "" for other values."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool) or not isinstance(value, int | float):
        return ""
    return shown(value)


_WORDS = {
    "INT": "an integer",
    "FLOAT": "a number",
    "STRING": "a text",
    "BOOLEAN": "a truth value",
    COMBO: "a text",
}


def fits(given: str, wanted: str) -> bool:
    """Return whether an output fits an input by their kinds, which may be lists."""
    if ANY in (given, wanted):
        return True
    offered, taken = set(given.split(",")), set(wanted.split(","))
    if COMBO in taken or COMBO in offered:
        taken |= {"STRING", COMBO}
    return bool(offered & taken)
