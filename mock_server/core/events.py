"""What time does to an account: the kinds of records that fall due, and the events that follow."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from mock_server.core.store import Record

if TYPE_CHECKING:
    from mock_server.core.unit_of_work import UnitOfWork

Apply = Callable[["UnitOfWork", Any], Awaitable[None]]


class Event(Struct, frozen=True):
    """Something that time did; `id` is that of the record of this `kind`, `state` its new state."""

    at: float
    account: str
    kind: str
    id: str
    state: str


class DueRecords:
    """The registry of records that fall due: a record type with `due_at`, and what happens then.

    A type without an `apply` function is handled outside the unit of work (callbacks are sent).
    """

    def __init__(self) -> None:
        self.all: tuple[type[Record], ...] = ()
        self.applied: tuple[type[Record], ...] = ()
        self.apply: dict[type[Record], Apply] = {}

    def register(self, kind: type[Record], apply: Apply | None = None) -> None:
        """Add a record type; of equal moments the type that was registered first is applied.

        After `apply` the record is no longer due at the same moment.
        """
        self.all += (kind,)
        if apply is not None:
            self.applied += (kind,)
            self.apply[kind] = apply
