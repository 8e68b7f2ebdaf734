"""The queue of an account: jobs start in the order in which they were submitted.

Starts lie at least a millisecond apart, so that no two jobs ever have the same rank.

When a job ends before its time, those behind it move up. In a long queue only the first one does at
once, and each further one when it becomes the first; until then its start is later than it will be.
So a change costs the same in a queue of any length.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from heapq import heapify, heapreplace

from msgspec import Struct
from msgspec.structs import replace

from mock_server.core.jobs.job import Job
from mock_server.core.jobs.plans import Plan
from mock_server.core.store import Count

APART = 0.001

# How many jobs move up at once.
MAX_MOVED = 32

_NEVER = -1e18  # a number that JSON has, since some of it is in records


class QueuePlace(Struct, frozen=True, gc=False):
    """That the job with this id waits for its start, at `due_at`."""

    id: str
    account: str
    due_at: float


class QueueState(Struct, frozen=True):
    """When the account's slots become free, ascending: after all jobs, and after those that run.

    `serial` counts the account's jobs, `last_tick` is the newest part of an id (see `ids`),
    `waiting` how many jobs have a place, `last_start` when the last of them starts, `other_tenants`
    how many jobs of other tenants are ahead of it, and `stands_until` until when its rank stands
    still. In an `inexact` queue only the first job is known to start when its place says. `watched`
    jobs have not ended.
    """

    id: str
    account: str
    serial: Count = 0
    last_tick: Count = 0
    free_at: tuple[float, ...] = ()
    running: tuple[float, ...] = ()
    waiting: int = 0
    last_start: float = _NEVER
    other_tenants: Count = 0
    stands_until: float = _NEVER
    inexact: bool = False
    watched: int = 0

    def joined(
        self, plan: Plan, slots: int, now: float, tick: int
    ) -> tuple[QueueState, Plan, float]:
        """Return the queue with one more job, the plan of that job, and when it starts.

        A later job has at least as many jobs of other tenants ahead, so that ranks never cross.
        """
        taken = self.free_at[-slots:]
        start = now + plan.lead
        if len(taken) == slots:
            start = max(start, taken[0])
            taken = taken[1:]
        if self.last_start > now:
            start = max(start, self.last_start + APART)
            if plan.ahead < self.other_tenants:
                plan = _with_ahead(plan, self.other_tenants)
            stands_for = self.stands_until - now - (plan.created + plan.pending)
            if plan.counted_after < stands_for:
                plan = replace(plan, counted_after=stands_for)
        queue = replace(
            self,
            serial=self.serial + 1,
            last_tick=tick,
            free_at=_taken((*taken, start + plan.until_end), now),
            waiting=self.waiting + 1,
            last_start=start,
            other_tenants=plan.ahead,
            stands_until=_stands_until(now, plan),
        )
        return queue, plan, start

    def started(self, ends_at: float, now: float) -> QueueState:
        """Return the queue after the first job has started."""
        running = _taken((*self.running, ends_at), now)
        return replace(self, running=running, waiting=self.waiting - 1)

    def left(self, job: Job, *, has_place: bool) -> QueueState:
        """Return the queue after a job ended before its time: it had a place, or ran."""
        if has_place:
            return replace(self, waiting=self.waiting - 1)
        return self.without_run(job.ends_at)

    def shifted(self, seconds: float) -> QueueState:
        """Return the queue with all its moments moved."""
        return replace(
            self,
            free_at=tuple(moment + seconds for moment in self.free_at),
            running=tuple(moment + seconds for moment in self.running),
            last_start=self.last_start + seconds,
            stands_until=self.stands_until + seconds,
        )

    def without_run(self, ends_at: float) -> QueueState:
        """Return the queue without the running job that was to end then."""
        running = sorted(self.running, key=lambda moment: abs(moment - ends_at))
        return replace(self, running=tuple(sorted(running[1:])))

    def planned_again(
        self, jobs: Sequence[Job], changed: str, slots: int, now: float
    ) -> tuple[QueueState, list[Job]]:
        """Return the queue after the plan of a job changed, and the jobs of it that differ then.

        `jobs` are all that wait, in order. Those behind the job start as soon as they can, which
        may be later. Their ranks get no worse, unless it now has more jobs of others before it.
        """
        free = list(_fitted(_taken(self.running, now), slots))
        heapify(free)
        moved: list[Job] = []
        start, earliest, ahead, stands_until, later = _NEVER, now, 0, now, False
        plan: Plan | None = None
        for job in jobs:
            plan = job.plan
            start = max(job.ready_at, free[0], earliest)
            heapreplace(free, start + plan.until_end)
            earliest = start + APART
            later = later or start > job.starts_at or job.id == changed
            if later:
                # Ranks never cross if none begins to fall before the one ahead of it.
                others, behind = job.other_tenants_at(now)
                ahead = max(ahead, others)
                stands_until = max(stands_until, job.queued_at + plan.counted_after)
                counted_after = max(0.0, stands_until - job.queued_at)
                plan = replace(plan, ahead=ahead, behind=behind, counted_after=counted_after)
            if later or start < job.starts_at:
                moved.append(replace(job, plan=plan, starts_at=start))
        queue = replace(
            self,
            free_at=_taken(free, now),
            waiting=len(jobs),
            last_start=start,
            other_tenants=plan.ahead if plan else 0,
            stands_until=_stands_until(jobs[-1].submitted_at, plan) if plan else _NEVER,
            inexact=False,
        )
        return queue, moved

    def moved_up(
        self, jobs: Sequence[Job], slots: int, now: float, not_before: float
    ) -> tuple[QueueState, list[Job]]:
        """Return the queue after its first jobs moved up, and those that now start sooner.

        `jobs` are all that wait, or the first of them. No start moves back.
        """
        free = list(_fitted(_taken(self.running, now), slots))
        heapify(free)
        moved: list[Job] = []
        last = _NEVER
        for job in jobs:
            last = min(job.starts_at, max(job.ready_at, free[0], not_before))
            heapreplace(free, last + job.plan.until_end)
            not_before = last + APART
            if last < job.starts_at:
                moved.append(replace(job, starts_at=last))
        if len(jobs) < self.waiting:
            return replace(self, inexact=True), moved
        return replace(self, free_at=_taken(free, now), last_start=last, inexact=False), moved


@lru_cache(maxsize=4096)
def _with_ahead(plan: Plan, ahead: int) -> Plan:
    """Return the plan with other tenants ahead; the jobs of a long queue share a few plans."""
    return replace(plan, ahead=ahead)


def _stands_until(submitted_at: float, plan: Plan) -> float:
    return submitted_at + (plan.created + plan.pending) + plan.counted_after


def _fitted(free_at: tuple[float, ...], slots: int) -> tuple[float, ...]:
    """Return exactly `slots` moments: with fewer slots the latest ones, new slots are free."""
    kept = free_at[-slots:]
    return (_NEVER,) * (slots - len(kept)) + kept


def _taken(free_at: Iterable[float], now: float) -> tuple[float, ...]:
    """Return the moments after now, sorted."""
    return tuple(sorted([moment for moment in free_at if moment > now]))
