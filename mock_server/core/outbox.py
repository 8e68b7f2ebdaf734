"""What has to leave by itself: notices about jobs, written down by the change that they tell of.

A delivery is due at a moment of its account's clock. Of one job's deliveries a later one waits for
the earlier, until that has arrived or been given up.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from mock_server.core.jobs import JobState
from mock_server.core.watch import Watch


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try: virtual time, the answer's status (0 without one), and what went wrong."""

    at: float
    status: int
    problem: str = ""

    @property
    def arrived(self) -> bool:
        return 200 <= self.status < 300


@dataclass(frozen=True, slots=True)
class Delivery:
    """A notice on its way. `due_at` is None once it has arrived or been given up."""

    id: str
    account: str
    job: str
    number: int
    watch: Watch
    state: JobState
    done: float
    made_at: float
    due_at: float | None
    attempts: tuple[Attempt, ...] = ()

    @property
    def arrived(self) -> bool:
        """Whether it has ever arrived; what is sent once more later cannot undo that."""
        return any(attempt.arrived for attempt in self.attempts)

    def tried(self, attempt: Attempt, delays: Sequence[float], *, final: bool = False) -> Delivery:
        """Return the delivery after a try: `delays[n]` seconds pass after the n-th failure."""
        failures = len(self.attempts)
        again = not attempt.arrived and not final and failures < len(delays)
        return replace(
            self,
            attempts=(*self.attempts, attempt),
            due_at=attempt.at + delays[failures] if again else None,
        )

    def repeated(self, attempt: Attempt) -> Delivery:
        """Return the delivery after a try out of turn, whose failure leaves its schedule alone."""
        attempts = (*self.attempts, attempt)
        return replace(self, attempts=attempts, due_at=None if attempt.arrived else self.due_at)


def in_turn(due: Iterable[Delivery], open_ones: Iterable[Delivery]) -> list[Delivery]:
    """Return those that are due and have nothing of their job before them, the earliest first."""
    first: dict[str, int] = {}
    for each in open_ones:
        if each.due_at is not None:
            first[each.job] = min(first.get(each.job, each.number), each.number)
    ready = [each for each in due if first.get(each.job, each.number) == each.number]
    return sorted(ready, key=_order)


def _order(delivery: Delivery) -> tuple[float, float, str, int]:
    due_at = delivery.made_at if delivery.due_at is None else delivery.due_at
    return due_at, delivery.made_at, delivery.job, delivery.number
