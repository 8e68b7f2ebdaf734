"""Choices that a mock makes where nothing public says what the vendor does.

A surface lists its choices as the fields of one frozen model. Settings, documentation and the
fidelity report are all read from that model, so a choice is written down once.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar, cast

from msgspec import Struct
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError
from pydantic.fields import FieldInfo


class ChoiceTable(BaseModel):
    """The choices of one surface, each field made by `choice`."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


Table = TypeVar("Table", bound=ChoiceTable)


class _AtHand:
    """Has the fields of a table, and nothing else."""


def at_hand(table: Table) -> Table:
    """Return the choices in a plain object, for those who ask some twenty of them in every call.

    A model looks every name up in a way of its own, which takes several times as long.
    """
    plain = _AtHand()
    vars(plain).update(table)
    return cast(Table, plain)


class Question(Struct, frozen=True):
    """What the reference leaves open, by the number that its list of unknowns gives it."""

    number: str
    text: str


def choice(default: Any, number: str, question: str, **constraints: Any) -> Any:
    """Return a field for one choice; `number` refers to the reference's list of unknowns."""
    return Field(
        default,
        description=question,
        json_schema_extra={"unknown": number},
        **constraints,
    )


def turned_on(given: Any, name: str) -> bool:
    """Say whether unvalidated settings have this one on; what is no truth value is not for here."""
    try:
        return isinstance(given, Mapping) and _TRUTH.validate_python(given.get(name, False))
    except ValidationError:
        return False


_TRUTH = TypeAdapter(bool)


def number_of(field: FieldInfo) -> str:
    """Return the number of the unknown that a choice answers."""
    extra = field.json_schema_extra
    return str(extra["unknown"]) if isinstance(extra, dict) else ""


class Fact(Struct, frozen=True):
    """One behaviour and where it comes from: doc, client, observed, or unknown and chosen."""

    subject: str
    behaviour: str
    source: str  # "doc", "client", "observed" or "unknown"
    reference: str  # the section of the fact sheet, or the number of the unknown
    setting: str = ""  # the setting that changes it, where there is one
    alternatives: str = ""  # what that setting could be instead
