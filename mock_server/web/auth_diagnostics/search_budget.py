"""How much may be done to explain one refusal, counted and not timed."""

from __future__ import annotations

from collections.abc import Generator
from typing import TypeVar

from msgspec import Struct

T = TypeVar("T")
Paced = Generator[None, None, T]  # work that stops after each slice

# Units of work are about nanoseconds on a usual machine.
SLICE = 120_000
_GUESS = 2_000


class SearchBudget(Struct, frozen=True):
    """How much may be done for one refusal.

    `guesses` and `units` bound the search for the signed string, `keys` the registered keys and
    secrets that are tried. With no guesses only rules are looked at.
    """

    guesses: int
    units: int
    keys: int


FULL = SearchBudget(guesses=25_000, units=2_000_000_000, keys=512)
RULES_ONLY = SearchBudget(guesses=0, units=1_000_000, keys=0)


class Exhausted(Exception):
    """The budget is used up."""


class SearchWork:
    """Counts what is done, says when a slice of it is over, and ends it at the budget."""

    def __init__(self, budget: SearchBudget) -> None:
        self.budget = budget
        self.guesses = 0
        self.units = 0
        self.is_partial = False  # something was left out because it is too much
        self._slice_end = SLICE

    def guess(self, size_bytes: int) -> None:
        """Count one guess at the signed string, or raise Exhausted."""
        self.guesses += 1
        self.units += _GUESS + size_bytes
        if self.guesses > self.budget.guesses or self.units > self.budget.units:
            raise Exhausted

    def add(self, units: int) -> None:
        """Count other work, or raise Exhausted."""
        self.units += units
        if self.units > self.budget.units:
            raise Exhausted

    def is_over(self) -> bool:
        """Say whether the slice is over; then the next one begins."""
        if self.units < self._slice_end:
            return False
        self._slice_end = self.units + SLICE
        return True
