"""The fidelity report: what a surface does, and where each behaviour comes from."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Literal, get_args, get_origin

from pydantic.fields import FieldInfo

from mock_server.web.pipeline import Operation
from mock_server.web.vendor_settings import ChoiceTable, Fact, number_of


def facts(
    surface: str, operations: Iterable[Operation], known: Iterable[Fact], settings: ChoiceTable
) -> Iterator[Fact]:
    """Yield operations, facts and choices; a choice's behaviour is its present value."""
    for operation in operations:
        what = f"{operation.method} {operation.path}"
        yield Fact(what, operation.summary, "doc", operation.source)
    yield from known
    for name, field in type(settings).model_fields.items():
        yield Fact(
            subject=field.description or name,
            behaviour=str(getattr(settings, name)),
            source="unknown",
            reference=number_of(field),
            setting=f"{surface}.{name}",
            alternatives=_alternatives(field, getattr(settings, name)),
        )


def _alternatives(field: FieldInfo, present: Any) -> str:
    """Return the other values of a setting, where they can be told one by one."""
    values: tuple[Any, ...] = ()
    if field.annotation is bool:
        values = (True, False)
    elif get_origin(field.annotation) is Literal:
        values = get_args(field.annotation)
    return ", ".join(str(value) for value in values if value != present) or "any other value"
