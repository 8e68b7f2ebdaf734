"""Base classes and common members of the JSON bodies of the control API.

The control API and the vendors' own control operations share them. They are pydantic models, so
nothing that a server needs for its start imports this module.
"""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, ClassVar, Self, TypeVar

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetJsonSchemaHandler,
    PlainSerializer,
    TypeAdapter,
    ValidationError,
    WithJsonSchema,
    model_validator,
)
from pydantic.alias_generators import to_camel
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from mock_server.core.clock import LATEST
from mock_server.core.credits import MAX_CREDITS
from mock_server.web.byte_order_marks import read_file
from mock_server.web.json_values import iso, plain_number

_Body = TypeVar("_Body")

# The largest whole number that every JSON reader keeps exact.
MAX_EXACT_INTEGER = 2**53 - 1


class _CamelCase(BaseModel):
    """Members are in camelCase; validators are built by the first use."""

    model_config = ConfigDict(alias_generator=to_camel, defer_build=True, frozen=True)


class IncomingBody(_CamelCase):
    """A request body: unknown members and numbers in quotes are errors.

    `max_objects` bounds its objects and lists, which cost much more than their bytes.
    """

    max_objects: ClassVar[int] = 20_000

    model_config = ConfigDict(allow_inf_nan=False, extra="forbid", strict=True)


class ChoiceBody(IncomingBody):
    """A request body with exactly one of its members, or at least one where `several` is set.

    Members in `beside` do not count. Null is the same as leaving a member out.
    """

    several: ClassVar[bool] = False
    beside: ClassVar[frozenset[str]] = frozenset()

    @model_validator(mode="after")
    def _chosen(self) -> Self:
        names = self._choices()
        present = [to_camel(name) for name in names if getattr(self, name) is not None]
        if len(present) == 1 or (present and self.several):
            return self
        rule = "at least" if self.several else "exactly"
        found = " and ".join(present) or "none"
        raise ValueError(f"needs {rule} one of {', '.join(map(to_camel, names))}; found {found}")

    @classmethod
    def _choices(cls) -> list[str]:
        return [name for name in cls.model_fields if name not in cls.beside]

    @classmethod
    def __get_pydantic_json_schema__(
        cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        schema = handler.resolve_ref_schema(handler(core_schema))
        schema["anyOf" if cls.several else "oneOf"] = [
            {"required": [name], "properties": {name: {"not": {"type": "null"}}}}
            for name in map(to_camel, cls._choices())
        ]
        return schema


class OutgoingBody(_CamelCase):
    """An answer's body; every member is always present."""

    model_config = ConfigDict(
        json_schema_serialization_defaults_required=True,
        validate_by_alias=False,
        validate_by_name=True,
    )

    @classmethod
    def like(cls, *records: object, **members: Any) -> Self:
        """Return a body with these members; all others come from the first record that has them."""
        taken = {
            name: getattr(record, name)
            for record in reversed(records)
            for name in cls.model_fields
            if name not in members and hasattr(record, name)
        }
        return cls(**taken, **members)


class Query(_CamelCase):
    """The query parameters: all text, from which numbers are parsed."""

    model_config = ConfigDict(extra="forbid")


class AccountQuery(Query):
    """Selects one account; without it the operation is about the whole server."""

    account: str | None = Field(None, min_length=1, max_length=100, description="Only this account")


class PageQuery(Query):
    """Selects a page of what is listed, the newest first."""

    limit: int = Field(100, ge=1, le=1000, description="At most this many")
    before: str | None = Field(
        None,
        min_length=1,
        max_length=300,
        description="Only what is older than this: `next` of the page before",
    )


class NewestQuery(AccountQuery, PageQuery):
    """Selects a page of what one account has, or all."""


def _seconds(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        raise ValueError("must be seconds since the epoch, or ISO 8601") from None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _whole(value: Any) -> Any:
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _six_places(value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError("must be a number of credits")
    if not abs(value) <= int(MAX_CREDITS):
        raise ValueError(f"must be at most {MAX_CREDITS}")
    if value < 0:  # Also if rounding would hide it.
        raise ValueError("must be greater than or equal to 0")
    # A client's sum of binary fractions, such as 0.1 + 0.2, becomes the number it stands for.
    return round(Decimal(repr(value)), 6)


Moment = Annotated[
    float,
    Field(ge=0, le=LATEST),
    BeforeValidator(_seconds),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "number", "minimum": 0, "maximum": LATEST},
                {"type": "string", "format": "date-time"},
            ],
            "description": "Seconds since the epoch, or ISO 8601, UTC unless it says otherwise; "
            "from the year 1970 to the year 2999",
        }
    ),
]
WHOLE = BeforeValidator(_whole)  # accepts 5.0 as a whole number
Rate = Annotated[float, Field(ge=0, le=1_000_000, description="Virtual seconds per real one")]
Credits = Annotated[
    Decimal,
    Field(ge=0),
    BeforeValidator(_six_places),
    WithJsonSchema({"type": "number", "minimum": 0, "maximum": int(MAX_CREDITS)}),
]
# A text of an answer; null if it is empty.
TextOrNull = Annotated[str | None, BeforeValidator(lambda text: text or None)]
Amount = Annotated[
    Decimal, PlainSerializer(plain_number), WithJsonSchema({"type": "number"}, "serialization")
]


class PageBody(OutgoingBody):
    """A page, the newest first; `next` is the `before` of the next page, null on the last one.

    A page may have fewer entries than asked for although there is a next one.
    """

    next: str | None


class DeletedBody(OutgoingBody):
    """How many things were deleted."""

    deleted: int


class MomentBody(OutgoingBody):
    """A moment of virtual time, for machines and for people."""

    at: float
    iso: str

    @classmethod
    def of(cls, moment: float) -> MomentBody:
        return cls(at=moment, iso=iso(moment))


def read_list(path: Path, bodies: TypeAdapter[list[_Body]], what: str) -> list[_Body]:
    """Read a file with a list of bodies; raises ValueError with a sentence, or OSError."""
    try:
        return bodies.validate_json(read_file(path))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = "/".join(str(step) for step in first["loc"])
        where = f" at {place}" if place else ""
        raise ValueError(f"it is not a list of {what}{where}: {first['msg']}") from error
