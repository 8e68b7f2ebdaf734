"""A job: what was ordered, how it will go, and the pure questions of time about it.

`moment` is where a job stands on its own line: the account's clock for jobs that time moves, the
position that polls or a hand have reached for the others. Nothing has to happen for a state to
change; an ending is written down only once somebody looks.

Every border between two states is one property here, and only moments are compared with it: sums
that were made in another order would differ in their last digit.
"""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum
from math import ceil
from typing import Literal

from msgspec import Struct

from mock_server.core.accounts import Progression
from mock_server.core.jobs.plans import Plan
from mock_server.core.jobs.watch import PROGRESS_STEPS, Notify, Watch

PictureFormat = Literal["png", "jpeg", "webp"]


class JobState(StrEnum):
    """Neutral names; every vendor's room has its own words for them."""

    CREATED = "created"
    PENDING = "pending"
    WAITING = "waiting"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELED = "canceled"

    @property
    def final(self) -> bool:
        return self in _FINAL

    @property
    def started(self) -> bool:
        """Whether it waits no longer: it runs, or is over."""
        return self in _STARTED


_BY_TIME = (Progression.TIME, Progression.INSTANT)
_FINAL = frozenset({JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELED})
_STARTED = _FINAL | {JobState.RUNNING}


class Order(Struct, frozen=True):
    """What the customer wants to see. Sizes in pixels; `seed` is the one really used.

    `notes` are the surface's own, about how it is made; nothing here reads them.
    """

    prompt: str
    negative_prompt: str = ""
    seed: int = 0
    width: int = 512
    height: int = 512
    steps: int = 20
    cfg_scale: float = 7.0
    sampler: str = ""
    model: str = ""
    count: int = 1
    format: PictureFormat = "png"
    source: str = ""
    mask: str = ""
    denoising_strength: float = 0.75
    notes: str = ""
    frames: int = 1
    fps: int = 0

    @property
    def is_video(self) -> bool:
        """Whether it is to move; pictures have no frames per second."""
        return self.fps > 0


class Ending(Struct, frozen=True):
    """How and when a job ended."""

    at: float
    state: JobState
    reason: str = ""


class Job(Struct, frozen=True):
    """A piece of work. `waits_for` are the uploads that it needs when it starts.

    `position` is the moment that polls or a hand have brought it to; it counts only for such jobs.
    `told` counts the notices that its watch was sent.
    """

    id: str
    account: str
    serial: int
    order: Order
    plan: Plan
    price: Decimal
    progress: Progression
    submitted_at: float
    starts_at: float
    position: float = 0.0
    polls: int = 0
    waits_for: tuple[str, ...] = ()
    request_key: str = ""
    ending: Ending | None = None
    watch: Watch | None = None
    told: int = 0

    @property
    def pending_at(self) -> float:
        """When it is looked at first; there is no such time in most plans."""
        return self.submitted_at + self.plan.created

    @property
    def queued_at(self) -> float:
        """When it joins the line."""
        return self.submitted_at + (self.plan.created + self.plan.pending)

    @property
    def ready_at(self) -> float:
        """When it could start if a slot were free."""
        return self.submitted_at + self.plan.lead

    @property
    def ends_at(self) -> float:
        """When it ends, on its own line, unless somebody ends it before."""
        return self.starts_at + self.plan.until_end

    @property
    def ended_at(self) -> float:
        """When it ended, if it has: as written down, or as time alone has it."""
        return self.ends_at if self.ending is None else self.ending.at

    @property
    def on_the_clock(self) -> bool:
        """Whether time alone moves it."""
        return self.progress in _BY_TIME

    @property
    def due_at(self) -> float | None:
        """When something about it has to be written down: inputs looked at, a notice, its end."""
        if self.ending is not None or not self.on_the_clock:
            return None
        due_at = self.starts_at if self.waits_for else self.ends_at
        notice_at = None if self.watch is None else self.notice_at
        return due_at if notice_at is None else min(due_at, notice_at)

    @property
    def notice_at(self) -> float | None:
        """When its watch hears of it next, before the end."""
        if self.watch is None or self.watch.notify is Notify.END:
            return None
        if self.watch.notify is Notify.PROGRESS:
            step = self.plan.until_end / PROGRESS_STEPS
            at = self.starts_at + step * self.told if self.told < PROGRESS_STEPS else None
        else:
            borders = (self.pending_at,) if self.plan.pending else ()
            queued = (self.queued_at,) if self.queued_at < self.starts_at else ()
            moments = (*borders, *queued, self.starts_at)
            at = moments[self.told] if self.told < len(moments) else None
        return None if at is None or at >= self.ends_at else at

    def moment(self, now: float) -> float:
        """Return where it stands on its own line at virtual time `now`."""
        return now if self.on_the_clock else self.position

    def state_at(self, now: float) -> JobState:
        """Return the state at virtual time `now`; nothing has to happen for it to change."""
        if self.ending is not None and self.ending.at <= now:
            return self.ending.state
        moment = self.moment(now)
        if moment >= self.starts_at:
            if moment < self.ends_at:
                return JobState.RUNNING
            return JobState.SUCCEEDED if self.plan.failure is None else JobState.FAILED
        if moment >= self.queued_at:
            return JobState.WAITING
        return JobState.CREATED if moment < self.pending_at else JobState.PENDING

    def next_moment(self) -> float:
        """Return when it enters the next state on its own line, counted from its position."""
        borders = (self.pending_at, self.queued_at, self.starts_at)
        return next((border for border in borders if border > self.position), self.ends_at)

    def moments(self) -> list[tuple[float, JobState]]:
        """Return when time moves it into which state, as far as is known now."""
        if not self.on_the_clock:
            return []
        moments = [(self.queued_at, JobState.WAITING), (self.starts_at, JobState.RUNNING)]
        if self.plan.pending:
            moments.insert(0, (self.pending_at, JobState.PENDING))
        if self.ending is None:
            return [*moments, (self.ends_at, self.state_at(self.ends_at))]
        ending = self.ending
        return [*(each for each in moments if each[0] < ending.at), (ending.at, ending.state)]

    def reason_at(self, now: float) -> str:
        """Return why it failed, or nothing if it has not."""
        if self.state_at(now) is not JobState.FAILED:
            return ""
        if self.ending is not None:
            return self.ending.reason
        return "" if self.plan.failure is None else self.plan.failure.reason

    def done_at(self, now: float) -> float:
        """Return the part of its running time that has passed, 0 to 1; it only grows."""
        state = self.state_at(now)
        if state is JobState.SUCCEEDED:
            return 1.0
        run = self.plan.run
        if run <= 0:
            return 0.0
        if self.ending is not None:
            now = min(now, self.ending.at)
        moment = min(self.moment(now), self.ends_at)
        return min(1.0, max(0.0, (moment - self.starts_at) / run))

    def images_done_at(self, now: float) -> tuple[float, ...]:
        """Return for each picture how far it is, 0 to 1; they are made one after the other."""
        done = self.done_at(now) * self.order.count
        return tuple(min(1.0, max(0.0, done - index)) for index in range(self.order.count))

    def stage_at(self, now: float) -> int:
        """Return the index of the stage that is being worked on."""
        passed = self.done_at(now) * self.plan.run
        for index, seconds in enumerate(self.plan.stages):
            passed -= seconds
            if passed < 0:
                return index
        return len(self.plan.stages) - 1

    def other_tenants_at(self, now: float) -> tuple[int, int]:
        """Return how many other customers' jobs are ahead of and behind it; both only fall."""
        span = self.starts_at - self.queued_at
        left = (self.starts_at - self.moment(now)) / span if span > 0 else 0.0
        left = min(1.0, max(0.0, left))
        # Each of them takes the same time, and the last is gone a while before the start.
        return _left(self.plan.ahead, left), _left(self.plan.behind, left)


def _left(count: int, part: float) -> int:
    return max(0, ceil((count + 1) * part) - 1)


def position_after_polls(job: Job, polls: int, needed: int) -> float:
    """Return the moment to which `polls` looks of `needed` bring a job; never back.

    The first half shows it waiting, the second running, and the last look the end.
    """
    waiting = needed // 2
    if polls >= needed:
        reached = job.ends_at
    elif polls <= waiting:
        reached = job.starts_at - job.plan.wait * (1 - polls / (waiting + 1))
    else:
        reached = job.starts_at + job.plan.until_end * ((polls - waiting) / (needed - waiting))
    return max(job.position, reached)
