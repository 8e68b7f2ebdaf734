"""The service's operations, and their bodies: JSON objects, where null means absent (Workshop › 2).

Clients send an empty body or a literal null if nothing is required, and null for optional members
that are not set.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping
from functools import cache
from math import isfinite
from typing import Annotated, Any, TypeVar, get_args
from urllib.parse import parse_qsl

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    ValidationInfo,
    model_validator,
)
from pydantic.alias_generators import to_camel
from pydantic_core import ErrorDetails, PydanticCustomError, from_json, to_json

from mock_server.core.errors import Invalid, Malformed
from mock_server.web.json_values import read_json
from mock_server.web.pipeline import Operation, unpriced
from mock_server.web.unread_members import unread_members
from mock_server.workshop.settings import Leniency
from mock_server.workshop.validation import Remark

MAX_PARAMETERS = 100
MAX_CHARACTERS = 1000
# Longer lists are refused before their items are validated; the service's own are far shorter.
MAX_ITEMS = 1000
_WHITESPACE = b" \t\r\n"
_INT64 = 2**63


class WorkshopBody(BaseModel):
    """A request body, or an object in it; unknown and null members are ignored."""

    # The first request that needs a validator builds it, to keep the start fast.
    model_config = ConfigDict(defer_build=True, frozen=True, extra="ignore", strict=True)

    @model_validator(mode="before")
    @classmethod
    def _without_nulls(cls, data: Any) -> Any:
        if not isinstance(data, Mapping):
            return data
        return {name: value for name, value in data.items() if value is not None}


class CamelBody(WorkshopBody):
    """A body with members in camelCase, like most bodies."""

    model_config = ConfigDict(alias_generator=to_camel)


def scc(
    name: str,
    run: Callable[..., Awaitable[Any]],
    summary: str,
    section: str,
    body: type[WorkshopBody],
    *,
    leaves: bool = False,
    costs: bool = False,
) -> Operation:
    """Return an operation of the service: each is a POST below /scc (Workshop › 2).

    One that `costs` is paid by time (Workshop › 6.5).
    """
    path, source = f"/scc/{name}", f"Workshop › {section}"
    price = unpriced if costs else None
    return Operation("POST", path, run, summary, source, body=body, leaves=leaves, price=price)


Kind = TypeVar("Kind", bound=WorkshopBody)


def parse(
    kind: type[Kind],
    raw: bytes,
    *,
    digit_strings: bool = False,
    unread_member: Leniency = "accept",
    remark: Remark = str,
) -> Kind:
    """Return the parsed body; raises Malformed, or Invalid for the first invalid member.

    With `digit_strings`, a string of digits is accepted as an integer. `remark` is told of members
    that nothing reads, where they are accepted.
    """
    data: Any = {}
    if raw.strip(_WHITESPACE):
        try:
            data = read_json(_from_json, raw)
        except ValueError as error:
            raise Malformed(f"The request body is no valid JSON: {error}") from None
        # Writing is much faster than looking at each value here.
        if b"Infinity" in to_json(data, inf_nan_mode="constants") and not _is_finite(data):
            raise Malformed("The request body has a number that is too large")
    if data is None:
        data = {}
    if not isinstance(data, dict):
        raise Malformed(f"The request body must be a JSON object, found {_shape(data)}")
    made = validated(kind, data, digit_strings=digit_strings)
    _tell_unread(kind, data, unread_member, remark)
    return made


def parse_query(
    kind: type[Kind], query: bytes, *, unread_member: Leniency = "accept", remark: Remark = str
) -> Kind:
    """Return a body that was sent as a query, where that is allowed (choice 28)."""
    try:
        pairs = parse_qsl(
            query.decode("latin-1"), keep_blank_values=True, max_num_fields=MAX_PARAMETERS
        )
    except ValueError:
        raise Malformed("The query has too many parameters") from None
    made = validated(kind, dict(pairs), digit_strings=True)
    _tell_unread(kind, dict(pairs), unread_member, remark)
    return made


def _tell_unread(kind: Any, data: Any, unread_member: Leniency, remark: Remark) -> None:
    """Remark on each member that nothing reads, or refuse the first one."""
    for each in unread_members(kind, data, _kinds):
        if unread_member == "refuse":
            raise Invalid(*each.as_problem())
        remark(str(each))


@cache
def _kinds(kind: type[WorkshopBody]) -> dict[str, type[WorkshopBody] | None]:
    """Return the kind of object in each member; lists and optional members included."""
    return {
        field.alias or name: next(_bodies_in(field.annotation), None)
        for name, field in kind.model_fields.items()
    }


def _bodies_in(annotation: Any) -> Iterator[type[WorkshopBody]]:
    if isinstance(annotation, type) and issubclass(annotation, WorkshopBody):
        yield annotation
    for part in get_args(annotation):
        yield from _bodies_in(part)


def _from_json(raw: bytes) -> Any:
    return from_json(raw, allow_inf_nan=False)


def _is_finite(data: Any) -> bool:
    """Return whether all numbers fit a float; an infinite one cannot be written as JSON."""
    kind = type(data)
    if kind is list:
        return all(map(_is_finite, data))
    if kind is dict:
        return all(map(_is_finite, data.values()))
    return kind is not float or isfinite(data)


def validated(
    kind: type[Kind],
    data: dict[str, Any],
    *,
    digit_strings: bool = False,
    strict: bool | None = None,
) -> Kind:
    """Return the body; raises Invalid. Without `strict`, texts may stand for numbers."""
    try:
        return kind.model_validate(data, strict=strict, context={"digit_strings": digit_strings})
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        raise Invalid(_path(first), _problem(first)) from None


def _path(error: ErrorDetails) -> str:
    path = ""
    for part in error["loc"]:
        path += f"[{part}]" if isinstance(part, int) else f".{part}" if path else str(part)
    return path or "body"


NO_FIELD = "is not a field of this form"

_EXPECTED = {
    "string_type": "must be a string",
    "int_type": "must be an integer",
    "int_from_float": "must be an integer",
    "float_type": "must be a number",
    "bool_type": "must be true or false",
    "list_type": "must be a list",
    "dict_type": "must be an object",
    "model_type": "must be an object",
    "model_attributes_type": "must be an object",
}


def _problem(error: ErrorDetails) -> str:
    kind = error["type"]
    if kind == "missing":
        return "is required"
    if kind == "extra_forbidden":
        return NO_FIELD
    if kind in _EXPECTED:
        return f"{_EXPECTED[kind]}, found {_shape(error['input'])}"
    if kind == "too_long" and isinstance(error["input"], list):
        return f"must have at most {MAX_ITEMS} items, found {len(error['input'])}"
    message = error["msg"].removeprefix("Value error, ")
    return message[:1].lower() + message[1:]


def _shape(value: Any) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "a truth value"
        case int() | float():
            return "a number"
        case str():
            return "a string"
        case list():
            return "a list"
    return "an object"


def read_whole(value: Any, info: ValidationInfo) -> Any:
    """Return the integer meant by 5.0, or by "5" if digit strings are accepted."""
    if isinstance(value, str) and (info.context or {}).get("digit_strings"):
        digits = value.removeprefix("-")
        if digits.isascii() and digits.isdigit() and len(digits) <= 20:
            value = int(value)
    elif isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, int) and not -_INT64 <= value < _INT64:
        raise PydanticCustomError("int64", "must fit a signed integer of 64 bits")
    return value


Whole = Annotated[int, BeforeValidator(read_whole)]

Item = TypeVar("Item")

# Validation stops at the first bad item, so the number of errors stays small.
Items = Annotated[list[Item], Field(fail_fast=True, max_length=MAX_ITEMS)]

# An id or a short text that is stored; real values are far below the limit.
Name = Annotated[str, StringConstraints(max_length=MAX_CHARACTERS)]
