"""How much may be done to explain one refusal, and counting what was."""

from __future__ import annotations

from msgspec import Struct


class SearchBudget(Struct, frozen=True):
    """How much may be done for one refusal.

    `hashes` and `size_bytes` bound the guesses at the string, `keys` the other apps' keys that are
    tried; `deep` also looks for two mistakes at once, at other orders and at other paddings.
    """

    hashes: int
    size_bytes: int
    keys: int
    deep: bool


FULL = SearchBudget(hashes=5000, size_bytes=6_000_000, keys=32, deep=True)
QUICK = SearchBudget(hashes=110, size_bytes=150_000, keys=2, deep=False)


class Exhausted(Exception):
    """The effort is used up."""


class Work:
    """Counts what has been hashed, and ends when there was enough of it."""

    def __init__(self, budget: SearchBudget, size_bytes: int) -> None:
        self.hashes = 0
        self.size_bytes = 0
        self.most_hashes = budget.hashes
        # A plain refusal hashes the request once, so four times that is always fair.
        self.most_bytes = max(budget.size_bytes, 4 * size_bytes)

    def spend(self, message: bytes) -> None:
        """Count one message, or raise Exhausted."""
        self.hashes += 1
        self.size_bytes += len(message)
        if self.hashes > self.most_hashes or self.size_bytes > self.most_bytes:
            raise Exhausted
