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

    @classmethod
    def of(cls, test: str, surface: str, spends: Decimal) -> CurrentTest:
        """Return a test that is about to start."""
        return cls(test, surface, SpendingAllowance(spends, UNITS[surface], test))


def between_tests() -> CurrentTest:
    """Return the placeholder for the time between tests, when resources are cleaned up."""
    return CurrentTest.of("between tests", "tams", Decimal(0))
