"""Error codes and messages: `data/workshop-error-codes.json`, or a file of the user.

The vendor does not publish its codes (choice 20), so users who know them can replace them all.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from pydantic_core import from_json

from mock_server.web.byte_order_marks import read_file
from mock_server.workshop.envelope import ErrorDetail

_SHIPPED = Path(__file__).resolve().parents[1] / "data" / "workshop-error-codes.json"
_MEMBERS = ("errCode", "errMessage", "subErrCode", "subErrMessage")

ErrorCodes = Mapping[str, ErrorDetail]


@cache
def shipped_codes() -> ErrorCodes:
    """Return the mock's own table."""
    return _read(from_json(_SHIPPED.read_bytes()))


def load_codes(path: Path | None) -> ErrorCodes:
    """Return the shipped table, overridden by a file; raises ValueError with a sentence.

    The file is a JSON object. It maps names of situations to objects with errCode, errMessage,
    subErrCode and subErrMessage, each a text or null. `{message}` is replaced by the error message.
    """
    if path is None:
        return shipped_codes()
    try:
        table = from_json(read_file(path), allow_inf_nan=False)
    except OSError as error:
        raise ValueError(f"the file cannot be read: {error.strerror or error}") from error
    except ValueError as error:
        raise ValueError(f"the file is not valid JSON: {error}") from error
    if not isinstance(table, dict):
        raise ValueError("the file must be a JSON object")
    if unknown := table.keys() - shipped_codes().keys():
        known = ", ".join(shipped_codes())
        raise ValueError(f"{sorted(unknown)[0]!r} is not a known situation; use one of {known}")
    return {**shipped_codes(), **_read(table)}


def worded(codes: ErrorCodes, situation: str, message: str = "") -> ErrorDetail:
    """Return the error members for a situation, with the message filled in."""
    found = codes[situation]
    code, text, sub_code, sub_text = (
        None if each is None else each.replace("{message}", message)
        for each in (found.code, found.message, found.sub_code, found.sub_message)
    )
    return ErrorDetail(code, text, sub_code, sub_text)


def _read(table: dict[str, Any]) -> ErrorCodes:
    return {situation: _error_detail(situation, entry) for situation, entry in table.items()}


def _error_detail(situation: str, entry: Any) -> ErrorDetail:
    if not isinstance(entry, dict) or entry.keys() - set(_MEMBERS):
        raise ValueError(f"{situation} must be an object with {', '.join(_MEMBERS)}")
    values = [entry.get(name) for name in _MEMBERS]
    for name, value in zip(_MEMBERS, values, strict=True):
        if value is not None and not isinstance(value, str):
            raise ValueError(f"{situation}.{name} must be a string or null")
    if not values[0] and not values[2]:
        raise ValueError(f"{situation} needs a code; without one, clients see a success")
    return ErrorDetail(*values)
