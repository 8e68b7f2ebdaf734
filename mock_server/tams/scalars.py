"""The types of the members of a request, as in protobuf's JSON mapping.

Source: TAMS › Wire conventions 4 ("numbers as strings" was observed). For all other cases,
https://protobuf.dev/programming-guides/json:

- integers: JSON integers, integral numbers (1.0, 1e2), and strings of either; within their size
- floats: finite numbers of 32 bits, and strings of them
- booleans and strings: only those
- enums: a name, or its number

pydantic-core alone accepts a value of the exact type; Python code converts the others.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from typing import Annotated, Any, TypeVar

from pydantic import FailFast, Field, GetCoreSchemaHandler
from pydantic_core import CoreSchema
from pydantic_core.core_schema import (
    bool_schema,
    custom_error_schema,
    float_schema,
    int_schema,
    literal_schema,
    no_info_plain_validator_function,
    str_schema,
    union_schema,
)

# The type of a scalar's error is this prefix and the expected protobuf type.
WRONG_SCALAR = "proto-"

_MAX_FLOAT = 3.4028234663852886e38

_NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?")
_MAX_NUMBER_LENGTH = 400


class Scalar:
    """The protobuf type of a member: the schema of exact values, and a conversion for others."""

    def __init__(
        self, kind: str, exact: CoreSchema, convert: Callable[[object], object] | None = None
    ) -> None:
        schema = exact
        if convert is not None:
            lenient = no_info_plain_validator_function(convert)
            schema = union_schema([exact, lenient], mode="left_to_right")
        self.schema = custom_error_schema(
            schema, WRONG_SCALAR + kind, custom_error_message="not of this type"
        )

    def __get_pydantic_core_schema__(
        self, source: object, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        return self.schema


def _integer(value: object, minimum: int, maximum: int) -> int:
    if type(value) is float:
        number = int(value) if value.is_integer() else None
    elif type(value) is int:
        number = value
    else:
        exact = _decimal(value)
        # Compare before converting to int: 1e400000000 would fill the memory.
        if not minimum <= exact <= maximum or exact != exact.to_integral_value():
            raise ValueError(value)
        number = int(exact)
    if number is None or not minimum <= number <= maximum:
        raise ValueError(value)
    return number


def _float(value: object) -> float:
    number = float(_decimal(value))
    if not -_MAX_FLOAT <= number <= _MAX_FLOAT:
        raise ValueError(value)
    return number


def _decimal(value: object) -> Decimal:
    if type(value) is not str or len(value) > _MAX_NUMBER_LENGTH or not _NUMBER.fullmatch(value):
        raise ValueError(value)
    try:
        return Decimal(value)
    except InvalidOperation:  # an exponent of more than 18 digits
        raise ValueError(value) from None


def _sized(kind: str, minimum: int, maximum: int, *, other_strings: int | None = None) -> Scalar:
    """Return an integer type; `other_strings` is the value for strings that are not numbers."""

    def convert(value: object) -> int:
        try:
            return _integer(value, minimum, maximum)
        except ValueError:
            if other_strings is None or type(value) is not str:
                raise
            return other_strings

    return Scalar(kind, int_schema(strict=True, ge=minimum, le=maximum), convert)


Int32 = Annotated[int, _sized("int32", -(2**31), 2**31 - 1)]
Int64 = Annotated[int, _sized("int64", -(2**63), 2**63 - 1)]
LaxInt64 = Annotated[int, _sized("int64", -(2**63), 2**63 - 1, other_strings=0)]
UInt64 = Annotated[int, _sized("uint64", 0, 2**64 - 1)]
Float = Annotated[
    float,
    Scalar(
        "float",
        float_schema(strict=True, allow_inf_nan=False, ge=-_MAX_FLOAT, le=_MAX_FLOAT),
        _float,
    ),
]
Bool = Annotated[bool, Scalar("bool", bool_schema(strict=True))]
# A limit of the mock, so that jobs, which are bounded in number, are bounded in bytes too.
MAX_CHARACTERS = 20_000
String = Annotated[str, Scalar("string", str_schema(strict=True, max_length=MAX_CHARACTERS))]

# A reference number such as templateId, always returned as a decimal string.
IdString = Annotated[
    str,
    Scalar(
        "uint64",
        str_schema(strict=True, pattern="^[1-9][0-9]{0,18}$"),
        lambda value: str(_integer(value, 0, 2**64 - 1)),
    ),
]


def enumeration(names: tuple[str, ...], *, closed: bool = False) -> Scalar:
    """Return the type of a member with one of the names; the first is number 0.

    A closed enumeration refuses other names and numbers; an open one returns them as text.
    """

    def convert(value: object) -> str:
        number = _integer(value, -(2**31), 2**31 - 1) if type(value) is not str else -1
        if 0 <= number < len(names):
            return names[number]
        if closed or type(value) is str:
            raise ValueError(value)
        return str(number)

    return Scalar(
        "enum", literal_schema(list(names)) if closed else str_schema(strict=True), convert
    )


Item = TypeVar("Item")

# A limit of the mock, so that a list of many megabytes is refused early.
MAX_ELEMENTS = 1_000

# Validation stops at the first bad element, so the number of errors stays small.
Repeated = Annotated[tuple[Item, ...], FailFast(), Field(max_length=MAX_ELEMENTS)]

FreeMap = dict[str, Any]
