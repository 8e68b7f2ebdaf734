"""The test that runs now: what it may spend, and what it did so far."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from contract_tests.money import UNITS, Allowance


@dataclass
class Case:
    """One test while it runs; between tests there is one that may spend nothing."""

    test: str
    surface: str
    allowance: Allowance
    calls: int = 0
    exchanges: list[dict[str, Any]] = field(default_factory=list)
    observations: list[dict[str, Any]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, test: str, surface: str, spends: Decimal) -> Case:
        """Return a case that is about to begin."""
        return cls(test, surface, Allowance(spends, UNITS[surface], test))


def no_case() -> Case:
    """Return what stands between tests, when things are put away."""
    return Case.of("between tests", "tams", Decimal(0))
