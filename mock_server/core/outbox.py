"""Deliveries: the notices that the mock sends by itself, most of them about a change of a job.

A delivery is due at a moment of its account's clock. Deliveries of one job on one topic go in
order: a later one waits until the earlier one has arrived or was given up. Questions to the
receiver are kept here too, once they are answered.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct
from msgspec.structs import replace

from mock_server.core.jobs.job import JobState
from mock_server.core.jobs.watch import Watch
from mock_server.core.store import Few


class Attempt(Struct, frozen=True):
    """One try: virtual time, the answer's status (0 without one), and what went wrong.

    `url` is where it was sent, and `answer` the answer to a question.
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
    """One notice. `due_at` is None once it has arrived or was given up.

    A notice that is not about a job has an empty `job`, no state, and ready `content`. `asked`
    marks a question: a request waits for the answer, so there is no second try. A sender `claim`s
    the delivery until `claimed_until` (real seconds), so that two senders never send it twice.
    `fault` is the id of the fault rule that acted on it; no other does. Those behind one that is
    `overtaken` do not wait for it.
    """

    id: str
    account: str
    job: str
    number: Few
    watch: Watch
    state: JobState | None
    done: float
    made_at: float
    due_at: float | None
    attempts: tuple[Attempt, ...] = ()
    topic: str = ""
    content: bytes = b""
    asked: bool = False
    claim: str = ""
    claimed_until: float = 0.0
    fault: str = ""
    overtaken: bool = False

    def is_claimed(self, wall: float) -> bool:
        """Return whether a try is under way that may still end well."""
        return bool(self.claim) and wall < self.claimed_until

    @property
    def is_waited_for(self) -> bool:
        """Whether later notices of its job and topic wait for it."""
        return self.due_at is not None and not self.overtaken

    @property
    def is_over(self) -> bool:
        """Whether it has arrived or was given up, and is not sent again."""
        return self.due_at is None and not self.claim

    @property
    def due_group(self) -> str:
        """Its receiver, scheme and host: one receiver gets one notice after the other."""
        scheme, _, rest = self.watch.url.partition("//")
        return f"{scheme}//{rest.partition('/')[0].rpartition('@')[2]}".lower()

    @property
    def arrived(self) -> bool:
        """Whether any try has arrived."""
        return any(attempt.arrived for attempt in self.attempts)

    def tried(self, attempt: Attempt, delays: Sequence[float], *, final: bool = False) -> Delivery:
        """Return the delivery after a try; `delays[n]` seconds pass after the n-th failure."""
        failures = len(self.attempts)
        again = not attempt.arrived and not final and failures < len(delays)
        return replace(
            self,
            attempts=(*self.attempts, attempt),
            due_at=attempt.at + delays[failures] if again else None,
            claim="",
        )

    def repeated(self, attempt: Attempt) -> Delivery:
        """Return the delivery after a try out of turn; its failure does not change the schedule."""
        attempts = (*self.attempts, attempt)
        due_at = None if attempt.arrived else self.due_at
        return replace(self, attempts=attempts, due_at=due_at, claim="")
