"""The test that runs now: what it may spend, and what it has done."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from contract_tests.money import UNITS, SpendingAllowance


@dataclass
class CurrentTest:
    """One test while it runs. Between tests, a placeholder that may spend nothing."""

    test: str
    surface: str
    allowance: SpendingAllowance
    calls: int = 0
    exchanges: list[dict[str, Any]] = field(default_factory=list)
    observations: list[dict[str, Any]] = field(default_factory=list)
    turned_away: bool = False
    """Whether the target was too busy for a call that must not be sent again."""

    @classmethod
    def of(cls, test: str, surface: str, spends: Decimal) -> CurrentTest:
        """Return a test that is about to start."""
        return cls(test, surface, SpendingAllowance(spends, UNITS[surface], test))

    def begin_again(self) -> None:
        """Start the test again. What it reserved before stays reserved in the ledger."""
        self.turned_away = False
        old = self.allowance
        self.allowance = SpendingAllowance(old.declared, old.unit, old.test)


def between_tests() -> CurrentTest:
    """Return the placeholder for the time between tests, when resources are cleaned up."""
    return CurrentTest.of("between tests", "tams", Decimal(0))
