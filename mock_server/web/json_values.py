"""Reading JSON, and how moments and amounts look in it; light enough for the start of a server."""

from __future__ import annotations

import gc
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, TypeVar

_LARGE_BYTES = 64 * 1024

Text = TypeVar("Text", bytes, str)
Value = TypeVar("Value")

_LAST_DATE = 253_402_300_799.0  # 9999-12-31T23:59:59Z


def iso(moment: float) -> str:
    """Return the moment as ISO 8601 in UTC."""
    date = datetime.fromtimestamp(min(max(moment, 0.0), _LAST_DATE), UTC)
    return date.isoformat().replace("+00:00", "Z")


def plain_number(amount: Decimal) -> int | float:
    """Return the amount as a JSON number; it has few enough digits to stay exact."""
    return int(amount) if amount == amount.to_integral_value() else float(amount)


def plain_numbers(members: Mapping[str, Any]) -> dict[str, Any]:
    """Return the members with JSON numbers in place of amounts."""
    return {
        name: plain_number(value) if isinstance(value, Decimal) else value
        for name, value in members.items()
    }


def read_json(read: Callable[[Text], Value], text: Text) -> Value:
    """Return what `read` makes of a text; for a large one, no garbage is collected meanwhile.

    Values have no cycles, and a million small ones would be visited again and again.
    """
    if len(text) < _LARGE_BYTES or not gc.isenabled():
        return read(text)
    gc.disable()
    try:
        return read(text)
    finally:
        gc.enable()


def json_schema(model: Any) -> dict[str, Any]:
    """Return the JSON Schema of files that a model reads."""
    schema = model.model_json_schema()
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}
