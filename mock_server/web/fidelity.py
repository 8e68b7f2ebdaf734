"""The fidelity report: what a vendor's surface does, and where each behaviour comes from."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Literal, get_args, get_origin

from pydantic.fields import FieldInfo

from mock_server.web.pipeline import Operation
from mock_server.web.vendor_settings import ChoiceTable, Fact, number_of


def facts(
    surface: str, operations: Iterable[Operation], known: Iterable[Fact], settings: ChoiceTable
) -> Iterator[Fact]:
    """Yield operations, facts and choices; the behaviour of a choice is its present value."""
    for operation in operations:
        what = f"{operation.method} {operation.path}"
        yield Fact(what, operation.summary, "doc", operation.source)
    yield from known
    for name, field in type(settings).model_fields.items():
        if number := number_of(field):
            value = getattr(settings, name)
            yield Fact(
                subject=field.description or name,
                behaviour=str(value),
                source="unknown",
                reference=number,
                setting=f"{surface}.{name}",
                alternatives=_alternatives(field, value),
            )


def _alternatives(field: FieldInfo, present: Any) -> str:
    """Return the other values of a setting, if there are few."""
    values: tuple[Any, ...] = ()
    if field.annotation is bool:
        values = (True, False)
    elif get_origin(field.annotation) is Literal:
        values = get_args(field.annotation)
    return ", ".join(str(value) for value in values if value != present) or "any other value"
