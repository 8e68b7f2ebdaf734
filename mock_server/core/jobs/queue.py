"""The queue of an account: jobs start in the order in which they were submitted.

Starts lie at least a millisecond apart, so that no two jobs ever have the same rank.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable
from functools import lru_cache
from heapq import heapify, heapreplace
from operator import itemgetter

from msgspec import Struct
from msgspec.structs import replace

from mock_server.core.jobs.job import Job
from mock_server.core.jobs.plans import Plan

APART = 0.001
BLOCK = 32

_last = itemgetter(-1)


class QueueState(Struct, frozen=True):
    """When the account's slots become free and when its waiting jobs start, both ascending.

    `serial` counts the account's jobs, `last_tick` is the newest part of an id (see `ids`), and
    `other_tenants` is how many jobs of other tenants are ahead of the last job. The starts are in
    blocks, all but the last of them full, so that a queue of thousands grows without being copied.
    """

    id: str
    account: str
    serial: int = 0
    last_tick: int = 0
    free_at: tuple[float, ...] = ()
    starts: tuple[tuple[float, ...], ...] = ()
    other_tenants: int = 0

    def ahead_at(self, starts_at: float, now: float) -> int:
        """Return how many of the account's jobs start between now and then."""
        return max(0, self._place(bisect_left, starts_at) - self._place(bisect_right, now))

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
        waiting = self.starts
        while waiting and waiting[0][-1] <= now:
            waiting = waiting[1:]
        if waiting:
            start = max(start, waiting[-1][-1] + APART)
            if plan.ahead < self.other_tenants:
                plan = _with_ahead(plan, self.other_tenants)
        queue = QueueState(
            id=self.id,
            account=self.account,
            serial=self.serial + 1,
            last_tick=tick,
            free_at=_taken((*taken, start + plan.until_end), now),
            starts=_appended(waiting, start),
            other_tenants=plan.ahead,
        )
        return queue, plan, start

    def _place(self, bisect: Callable[..., int], moment: float) -> int:
        """Return the place of the moment among the starts, by `bisect_left` or `bisect_right`."""
        if not self.starts:
            return 0
        full = min(bisect(self.starts, moment, key=_last), len(self.starts) - 1)
        return full * BLOCK + bisect(self.starts[full], moment)


def reordered(
    queue: QueueState, jobs: Iterable[Job], slots: int, now: float
) -> tuple[QueueState, list[Job]]:
    """Return the queue after a job ended early, and the jobs that now start sooner.

    `jobs` are those of the account that time moves and that have not ended. No start moves back.
    """
    by_start = sorted(jobs, key=lambda job: (job.starts_at, job.serial))
    running = [job.ends_at for job in by_start if job.starts_at <= now]
    free = list(_fitted(tuple(sorted(running)), slots))
    heapify(free)
    starts: list[float] = []
    moved: list[Job] = []
    for job in by_start:
        if job.starts_at <= now:
            continue
        after = starts[-1] + APART if starts else now
        start = min(job.starts_at, max(job.ready_at, free[0], after))
        heapreplace(free, start + job.plan.until_end)
        starts.append(start)
        if start < job.starts_at:
            moved.append(replace(job, starts_at=start))
    blocks = tuple(tuple(starts[first : first + BLOCK]) for first in range(0, len(starts), BLOCK))
    return replace(queue, free_at=_taken(free, now), starts=blocks), moved


@lru_cache(maxsize=4096)
def _with_ahead(plan: Plan, ahead: int) -> Plan:
    """Return the plan with other tenants ahead; the jobs of a long queue share a few plans."""
    return replace(plan, ahead=ahead)


def _appended(blocks: tuple[tuple[float, ...], ...], start: float) -> tuple[tuple[float, ...], ...]:
    if not blocks or len(blocks[-1]) == BLOCK:
        return (*blocks, (start,))
    return (*blocks[:-1], (*blocks[-1], start))


def _fitted(free_at: tuple[float, ...], slots: int) -> tuple[float, ...]:
    """Return exactly `slots` moments: with fewer slots the latest ones, new slots are free."""
    kept = free_at[-slots:]
    return (float("-inf"),) * (slots - len(kept)) + kept


def _taken(free_at: Iterable[float], now: float) -> tuple[float, ...]:
    """Return the moments after now, sorted."""
    return tuple(sorted([moment for moment in free_at if moment > now]))
