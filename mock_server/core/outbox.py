"""What leaves by itself: notices, most of them written down by the change of a job they tell of.

A delivery is due at a moment of its account's clock. Of one job's deliveries on one topic a later
one waits for the earlier, until that has arrived or been given up. A question to the receiver is
kept beside them once it is over.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from msgspec import Struct
from msgspec.structs import replace

from mock_server.core.jobs.job import JobState
from mock_server.core.jobs.watch import Watch


class Attempt(Struct, frozen=True):
    """One try: virtual time, the answer's status (0 without one), and what went wrong.

    `url` is where it went in the end, and `answer` what was said to a question.
    """

    at: float
    status: int
    problem: str = ""
    url: str = ""
    answer: str = ""

    @property
    def arrived(self) -> bool:
        return 200 <= self.status < 300


class Delivery(Struct, frozen=True):
    """A notice on its way. `due_at` is None once it has arrived or been given up.

    What is about no job has an empty `job`, no state, and its `content` written already. `asked`
    marks a question: somebody waited for the answer, so there is no second try.
    """

    id: str
    account: str
    job: str
    number: int
    watch: Watch
    state: JobState | None
    done: float
    made_at: float
    due_at: float | None
    attempts: tuple[Attempt, ...] = ()
    topic: str = ""
    content: bytes = b""
    asked: bool = False

    @property
    def lane(self) -> tuple[str, str]:
        """Where order is kept: a topic of a job; what is about no job goes by itself."""
        return self.job or self.id, self.topic

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
    """Return those that are due and have nothing before them in their lane, the earliest first."""
    first: dict[tuple[str, str], int] = {}
    for each in open_ones:
        if each.due_at is not None:
            first[each.lane] = min(first.get(each.lane, each.number), each.number)
    ready = [each for each in due if first.get(each.lane, each.number) == each.number]
    return sorted(ready, key=_order)


def _order(delivery: Delivery) -> tuple[float, float, str, int]:
    due_at = delivery.made_at if delivery.due_at is None else delivery.due_at
    return due_at, delivery.made_at, delivery.job, delivery.number
