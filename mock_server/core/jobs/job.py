"""A job: its order, its plan, and the answers that follow from a moment alone.

`moment` is a job's position in time: the account's clock for jobs that time advances, else the
position that polls or the control API have reached.

Every border between two states is one property here, and only moments are compared with it: sums
in another order would differ in their last digit.
"""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum
from itertools import pairwise
from math import ceil, inf
from typing import Annotated, Literal

from msgspec import Meta, Struct

from mock_server.core.accounts import Progression
from mock_server.core.jobs.course import FOREVER, begins
from mock_server.core.jobs.plans import Plan, PlannedFailure
from mock_server.core.jobs.watch import PROGRESS_STEPS, Notify, Watch
from mock_server.core.store import Count, Few

PictureFormat = Literal["png", "jpeg", "webp"]
Side = Annotated[int, Meta(ge=0, le=16_384)]


class JobState(StrEnum):
    """Neutral names; each vendor has its own words for them."""

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
        """Whether it runs or has ended."""
        return self in _STARTED


_BY_TIME = (Progression.TIME, Progression.INSTANT)
RUNS = 3  # how many borders have been applied once it runs
_FINAL = frozenset({JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELED})
_STARTED = _FINAL | {JobState.RUNNING}


# Of these there are thousands. They hold no cycles, so the garbage collector need not know them.
class Order(Struct, frozen=True, gc=False):
    """What the customer ordered. Sizes in pixels; `seed` is the seed that is really used.

    `notes` belong to the vendor; the core does not read them.
    """

    prompt: str
    negative_prompt: str = ""
    seed: int = 0
    width: Side = 512
    height: Side = 512
    steps: int = 20
    cfg_scale: float = 7.0
    sampler: str = ""
    model: str = ""
    count: Few = 1
    format: PictureFormat = "png"
    source: str = ""
    mask: str = ""
    denoising_strength: float = 0.75
    notes: str = ""
    frames: Few = 1
    fps: Few = 0
    stills: tuple[int, ...] = ()

    @property
    def is_video(self) -> bool:
        """Whether it makes videos; pictures have no frames per second."""
        return self.fps > 0

    def is_video_at(self, index: int) -> bool:
        """Whether the file with this index is a video; `stills` are the pictures beside videos."""
        return self.is_video and index not in self.stills


class Ending(Struct, frozen=True, gc=False):
    """How and when a job ended."""

    at: float
    state: JobState
    reason: str = ""


class Job(Struct, frozen=True, gc=False):
    """A piece of work. `waits_for` are the uploads that it needs when it starts.

    `position` is the moment that polls or the control API have reached; only for such jobs.
    `applied` counts the borders between its states that have been applied, `told` the notices that
    were written for its watch, `open_notices` those of them that are still open, `expired_links`
    how often the URLs of its results were expired by hand.
    """

    id: str
    account: str
    serial: Count
    order: Order
    plan: Plan
    price: Decimal
    progress: Progression
    submitted_at: float
    starts_at: float
    position: float = 0.0
    polls: Count = 0
    waits_for: tuple[str, ...] = ()
    request_key: str = ""
    ending: Ending | None = None
    watch: Watch | None = None
    told: Few = 0
    open_notices: Few = 0
    applied: Few = 0
    expired_links: Count = 0

    @property
    def pending_at(self) -> float:
        """When it becomes PENDING; most plans do not have this state."""
        return self.submitted_at + self.plan.created

    @property
    def queued_at(self) -> float:
        """When it joins the queue."""
        return self.submitted_at + (self.plan.created + self.plan.pending)

    @property
    def ready_at(self) -> float:
        """When it can start if a slot is free."""
        return self.submitted_at + self.plan.lead

    @property
    def ends_at(self) -> float:
        """When it ends according to its plan."""
        return self.starts_at + self.plan.until_end

    @property
    def ended_at(self) -> float:
        """When it ended or will end."""
        return self.ends_at if self.ending is None else self.ending.at

    @property
    def is_over(self) -> bool:
        """Whether nothing of it will change any more."""
        return self.ending is not None and not self.open_notices

    @property
    def on_the_clock(self) -> bool:
        """Whether time advances it."""
        return self.progress in _BY_TIME

    @property
    def due_at(self) -> float | None:
        """When time changes it next: a state begins, a progress notice is due, or it ends."""
        if self.ending is not None or self.progress not in _BY_TIME:
            return None
        match self.applied:
            case 0:
                due_at = self.pending_at if self.plan.pending else self.queued_at
            case 1:
                due_at = self.queued_at
            case 2:
                due_at = self.starts_at
            case _:
                due_at = self.ends_at
                if self.plan.course and self.applied - RUNS < len(turns := self.turns):
                    due_at = turns[self.applied - RUNS]
        if self.watch is not None and (progress_at := self.progress_notice_at) is not None:
            return min(due_at, progress_at)
        return due_at

    @property
    def progress_notice_at(self) -> float | None:
        """When the next progress notice is due, if its watch asked for them."""
        if self.watch is None or self.watch.notify is not Notify.PROGRESS:
            return None
        if self.told >= PROGRESS_STEPS or self.applied < RUNS:
            return None
        plan = self.plan
        at = self.starts_at + plan.until_end / PROGRESS_STEPS * self.told
        if plan.changed_after:
            at = max(at, self.starts_at + plan.changed_after)
        return at if at < self.ends_at else None

    @property
    def turns(self) -> list[float]:
        """When it goes back into the queue, comes out of it, and so on, while it runs."""
        begun = list(begins(self.plan.course))
        return [
            self.starts_at + at
            for (_, leg), (at, after) in pairwise(begun)
            if leg.waits is not after.waits
        ]

    @property
    def last_border(self) -> float:
        """The last border that time has brought it over; a late request may be before it."""
        turns = self.turns if self.applied > RUNS else []
        borders = (self.submitted_at, self.pending_at, self.queued_at, self.starts_at, *turns)
        return borders[self.applied]

    @property
    def stands_from(self) -> float:
        """From when on it stands for ever; infinite, if it goes on."""
        plan = self.plan
        if plan.pending >= FOREVER:
            return self.pending_at
        if plan.wait >= FOREVER:
            return self.queued_at
        endless = (at for at, leg in begins(plan.course) if leg.seconds >= FOREVER)
        return self.starts_at + next(endless, inf)

    @property
    def queues(self) -> bool:
        """Whether it has a place in the queue until it starts; one that waits for ever has none."""
        return self.progress is Progression.TIME and self.plan.lead < FOREVER

    @property
    def planned_failure(self) -> PlannedFailure | None:
        """The failure of its plan, if it ended with that."""
        failure, ending = self.plan.failure, self.ending
        if failure is None or ending is None or ending.state is not JobState.FAILED:
            return None
        return failure if ending.reason == failure.reason else None

    @property
    def stages_kept(self) -> int:
        """How many stages are over whose pictures it kept, although it failed."""
        failure = self.planned_failure
        return 0 if failure is None else failure.kept

    @property
    def files(self) -> int:
        """How many files it has made, once it has ended."""
        if self.ending is None or self.plan.without_results:
            return 0
        is_made = self.ending.state is JobState.SUCCEEDED or self.stages_kept
        return self.order.count if is_made else 0

    def moment(self, now: float) -> float:
        """Return its position in time at virtual time `now`."""
        return now if self.progress in _BY_TIME else self.position

    def state_at(self, now: float) -> JobState:
        """Return the state at virtual time `now`."""
        if self.ending is not None and self.ending.at <= now:
            return self.ending.state
        moment = self.moment(now)
        if moment >= self.starts_at:
            if moment < self.ends_at:
                if self.plan.course and sum(turn <= moment for turn in self.turns) % 2:
                    return JobState.WAITING
                return JobState.RUNNING
            return JobState.SUCCEEDED if self.plan.failure is None else JobState.FAILED
        if moment >= self.queued_at:
            return JobState.WAITING
        return JobState.CREATED if moment < self.pending_at else JobState.PENDING

    def next_moment(self) -> float:
        """Return the border that follows its position."""
        borders = (self.pending_at, self.queued_at, self.starts_at, *self.turns)
        return next((border for border in borders if border > self.position), self.ends_at)

    def reason_at(self, now: float) -> str:
        """Return why it failed, or an empty text."""
        if self.state_at(now) is not JobState.FAILED:
            return ""
        if self.ending is not None:
            return self.ending.reason
        return "" if self.plan.failure is None else self.plan.failure.reason

    def done_at(self, now: float) -> float:
        """Return the progress, 0 to 1; it decreases only where its worker is lost."""
        state = self.state_at(now)
        if state is JobState.SUCCEEDED:
            return 1.0
        if self.ending is not None:
            now = min(now, self.ending.at)
        moment = min(self.moment(now), self.ends_at)
        return self.plan.done_after(moment - self.starts_at)

    def images_done_at(self, now: float) -> tuple[float, ...]:
        """Return the progress of each picture, 0 to 1; they are made one after the other."""
        done = self.done_at(now) * self.order.count
        return tuple(min(1.0, max(0.0, done - index)) for index in range(self.order.count))

    def stage_at(self, now: float) -> int:
        """Return the index of the running stage."""
        passed = self.done_at(now) * self.plan.run
        for index, seconds in enumerate(self.plan.stages):
            passed -= seconds
            if passed < 0:
                return index
        return len(self.plan.stages) - 1

    def other_tenants_at(self, now: float) -> tuple[int, int]:
        """Return how many jobs of other tenants are ahead and behind; both never increase."""
        moment, plan = self.moment(now), self.plan
        begin, end = self.queued_at + plan.counted_after, self.starts_at
        if moment >= end and plan.course:  # It is back in the queue.
            turns = [*self.turns, self.ends_at]
            index = sum(turn <= moment for turn in turns)
            begin, end = turns[index - 1], turns[index]
        elif moment <= begin <= end:
            return plan.ahead, plan.behind
        span = end - begin
        left = min(1.0, max(0.0, (end - moment) / span)) if span > 0 else 0.0
        # Each of them takes the same time, and the last one leaves before the start.
        return _left(plan.ahead, left), _left(plan.behind, left)


def _left(count: int, part: float) -> int:
    return max(0, ceil((count + 1) * part) - 1)


def position_after_polls(job: Job, polls: int, needed: int) -> float:
    """Return the position after `polls` of `needed` polls; it never goes back.

    The job waits in the first half and runs in the second; the last poll ends it, unless it stands
    for ever somewhere.
    """
    waiting = needed // 2
    if polls >= needed:
        reached = job.ends_at
    elif polls <= waiting:
        reached = job.starts_at - job.plan.wait * (1 - polls / (waiting + 1))
    else:
        reached = job.starts_at + job.plan.until_end * ((polls - waiting) / (needed - waiting))
    return max(job.position, min(reached, job.stands_from))
