"""The words of failures: one table, out of `data/workshop-error-codes.json` or a user's own file.

No page of the vendor's lists its codes (choice 20), so who knows better can replace them all.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from pydantic_core import from_json

from mock_server.workshop.envelope import ErrorDetail

_SHIPPED = Path(__file__).resolve().parents[1] / "data" / "workshop-error-codes.json"
_MEMBERS = ("errCode", "errMessage", "subErrCode", "subErrMessage")

ErrorCodes = Mapping[str, ErrorDetail]


@cache
def shipped_codes() -> ErrorCodes:
    """Return the table that comes with the mock."""
    return _read(from_json(_SHIPPED.read_bytes()))


def load_codes(path: Path | None) -> ErrorCodes:
    """Return the shipped table with what a file says instead; raises ValueError with a sentence.

    The file is a JSON object: names of situations to objects of errCode, errMessage, subErrCode
    and subErrMessage, each a text or null. `{message}` in a text stands for what was wrong.
    """
    if path is None:
        return shipped_codes()
    try:
        table = from_json(path.read_bytes(), allow_inf_nan=False)
    except OSError as error:
        raise ValueError(f"the file cannot be read: {error.strerror or error}") from error
    except ValueError as error:
        raise ValueError(f"the file is no JSON: {error}") from error
    if not isinstance(table, dict):
        raise ValueError("the file holds no JSON object")
    if unknown := table.keys() - shipped_codes().keys():
        known = ", ".join(shipped_codes())
        raise ValueError(f"there is no situation {sorted(unknown)[0]!r}; known are {known}")
    return {**shipped_codes(), **_read(table)}


def worded(codes: ErrorCodes, situation: str, message: str = "") -> ErrorDetail:
    """Return the error members for a situation."""
    found = codes[situation]
    code, text, sub_code, sub_text = (
        None if each is None else each.replace("{message}", message)
        for each in (found.code, found.message, found.sub_code, found.sub_message)
    )
    return ErrorDetail(code, text, sub_code, sub_text)


def _read(table: dict[str, Any]) -> ErrorCodes:
    return {situation: _failure(situation, entry) for situation, entry in table.items()}


def _failure(situation: str, entry: Any) -> ErrorDetail:
    if not isinstance(entry, dict) or entry.keys() - set(_MEMBERS):
        raise ValueError(f"{situation} is no object of {', '.join(_MEMBERS)}")
    values = [entry.get(name) for name in _MEMBERS]
    for name, value in zip(_MEMBERS, values, strict=True):
        if value is not None and not isinstance(value, str):
            raise ValueError(f"{situation}.{name} is neither a text nor null")
    if not values[0] and not values[2]:
        raise ValueError(f"{situation} has no code, so clients would take it for a success")
    return ErrorDetail(*values)
