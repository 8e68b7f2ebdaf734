"""Jobs and tasks that run once and are shared by many tests.

Each test that uses one declares its cost, because the first of them pays.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, Generic, Protocol, TypeVar

from contract_tests.answers import Unmet
from contract_tests.clients.wire import Wire


class SharedHistory(Protocol):
    """What was observed of one job or task, with its exchanges."""

    @property
    def exchanges(self) -> tuple[dict[str, Any], ...]:
        """Return the exchanges, as the transcript has them."""


History = TypeVar("History", bound=SharedHistory)


class SharedRuns(Generic[History]):
    """The histories of one process by order; each is recorded when a test first needs it."""

    def __init__(self, wire: Wire, thing: str) -> None:
        self._wire = wire
        self._thing = thing
        self._kept: dict[str, History | Unmet] = {}

    def get(self, order: object, record: Callable[[], History]) -> History:
        """Return the history of an order; raises `Unmet` if it cannot be recorded."""
        key = json.dumps(order, sort_keys=True)
        if key not in self._kept:
            try:
                history = self._kept[key] = record()
            except Unmet as error:
                # A failed order is not paid for again, unless the target was too busy for it.
                if not self._wire.current_test().turned_away:
                    self._kept[key] = error
                raise
            return history
        found = self._kept[key]
        if isinstance(found, Unmet):
            raise type(found)(f"the {self._thing} that this test shares went wrong: {found}")
        # So that the report of a failure shows these exchanges.
        self._wire.current_test().exchanges.extend(found.exchanges)
        return found
