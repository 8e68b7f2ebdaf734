"""Plans: how a job will go, decided when it is submitted: queue, passes, durations, outcome.

A plan depends only on the work and on a random draw, which follows from the account's seed and the
job's number. Draws fall into a few hundred buckets, so that many jobs share their plans.
"""

from __future__ import annotations

from decimal import Decimal
from functools import lru_cache

from msgspec import Struct

from mock_server.core import chance
from mock_server.core.accounts import Progression
from mock_server.core.jobs.course import Course, done_after
from mock_server.core.store import Count, Few, Seconds

_REFERENCE_PIXELS = 768 * 768
_PLAN_BUCKETS = 256


class Pass(Struct, frozen=True, gc=False):
    """One run of the engine over the picture (or `frames` pictures); sizes in pixels."""

    name: str
    width: int
    height: int
    steps: int
    frames: int = 1

    @property
    def effort(self) -> Decimal:
        """The work for one picture: 0.8 for 768×768 with 8 steps."""
        area = Decimal(self.width * self.height) / _REFERENCE_PIXELS
        return area * (Decimal("0.4") + Decimal("0.05") * self.steps) * self.frames


class Work(Struct, frozen=True, gc=False):
    """The work of an order: its passes, the factor of the model, and the uploads that it needs.

    `price` in credits is what the vendor's formula says. `pending` is the time in seconds for
    which the job is pending before it waits.
    """

    passes: tuple[Pass, ...]
    price: Decimal
    count: int = 1
    factor: Decimal = Decimal(1)
    inputs: tuple[str, ...] = ()
    pending: float = 0.0

    @property
    def effort(self) -> Decimal:
        return effort_of(self.passes, self.count, self.factor)


def effort_of(passes: tuple[Pass, ...], count: int = 1, factor: Decimal = Decimal(1)) -> Decimal:
    """Return the work for `count` pictures."""
    return sum((each.effort for each in passes), Decimal(0)) * factor * count


# Profiles and planners are keys of caches, and are compared by identity.
class TimingProfile(Struct, frozen=True, eq=False):
    """How long things take, in seconds; pairs are minimum and maximum.

    With `max_sampling`, the time of sampling grows ever more slowly from half of that on, and never
    reaches it: large jobs take longer than small ones, but no tester waits for minutes.
    """

    created: float
    wait: tuple[float, float]
    load: float
    per_effort: float
    ahead: tuple[int, int] = (1, 3)
    behind: tuple[int, int] = (0, 2)
    max_sampling: float | None = None

    def sampling(self, seconds: float) -> float:
        """Return the time of a job's sampling that is proportional to its work, compressed."""
        if self.max_sampling is None or seconds <= self.max_sampling / 2:
            return seconds
        return self.max_sampling - self.max_sampling**2 / (4 * seconds)


PROFILES = {
    "short": TimingProfile(
        created=0.2, wait=(0.4, 0.8), load=0.6, per_effort=1.2, max_sampling=4.0
    ),
    "realistic": TimingProfile(
        created=1.0, wait=(2.0, 10.0), load=3.0, per_effort=12.5, ahead=(2, 12), behind=(1, 9)
    ),
}


class PlannedFailure(Struct, frozen=True):
    """The work fails `after` this part (0 to 1) of its running time.

    `code` is the vendor's, if not the usual one. The pictures of the last of `kept` stages are
    results, if there are some.
    """

    after: float
    reason: str
    code: str = ""
    kept: Few = 0


class Plan(Struct, frozen=True):
    """The course of one job, in seconds.

    It runs straight on unless it has a `course`. `ahead` and `behind` are the jobs of other tenants
    once it has been in the queue for `counted_after`; until then its rank stands still. What was
    planned anew while it ran is so since it had run for `changed_after`. `sizes` are those of the
    pictures after each stage, if they differ; 0 × 0 is none. One that `ignores_cancel` goes on
    although its cancellation was accepted. `without_results` it succeeds and makes nothing.
    """

    created: Seconds
    pending: Seconds
    wait: Seconds
    stages: tuple[Seconds, ...]
    ahead: Count = 0
    behind: Count = 0
    failure: PlannedFailure | None = None
    course: Course = ()
    counted_after: Seconds = 0.0
    changed_after: Seconds = 0.0
    sizes: tuple[tuple[int, int], ...] = ()
    ignores_cancel: bool = False
    without_results: bool = False

    @property
    def lead(self) -> float:
        """Seconds from submission to the earliest start."""
        return self.created + self.pending + self.wait

    @property
    def run(self) -> float:
        """Seconds of running, if nothing stops it."""
        return sum(self.stages)

    @property
    def until_end(self) -> float:
        """Seconds from the start to the end."""
        if self.course:
            return sum([leg.seconds for leg in self.course])
        run = sum(self.stages)
        return run if self.failure is None else run * self.failure.after

    def done_after(self, seconds: float) -> float:
        """Return the part of the run (0 to 1) that is done some seconds after the start."""
        if self.course:
            return done_after(self.course, seconds)
        run = self.run
        return min(1.0, max(0.0, seconds / run)) if run > 0 else 0.0


class Planner(Struct, frozen=True, eq=False):
    """Makes plans; `memory_pixels` is the largest picture that fits into memory."""

    profile: TimingProfile
    memory_pixels: int

    def plan(self, work: Work, draw_number: int) -> Plan:
        """Return how the work will go, for a random draw."""
        draw = draw_number % _PLAN_BUCKETS
        return _planned(self, work.passes, work.count, work.factor, work.pending, draw)


class JobRules(Struct, frozen=True):
    """What settings decide about jobs and uploads.

    `slots` jobs run at the same time; `polls` looks end a job that polls advance.
    `keep_jobs` and `keep_resources` are how many of each an account keeps; `keep_callbacks` are how
    many callbacks that are over it keeps, and from how many open ones on it promises no more. Jobs
    with one of the `failing_models` fail when they start. Unless the mock `makes_videos`,
    jobs with videos are refused.
    """

    planner: Planner
    progress: Progression = Progression.TIME
    slots: int = 2
    polls: int = 4
    keep_jobs: int = 10_000
    keep_resources: int = 10_000
    keep_callbacks: int = 10_000
    upload_bytes: int = 20 * 1024 * 1024
    failing_models: frozenset[str] = frozenset()
    makes_videos: bool = True


@lru_cache(maxsize=4096)
def _planned(
    planner: Planner,
    passes: tuple[Pass, ...],
    count: int,
    factor: Decimal,
    pending: float,
    draw: int,
) -> Plan:
    profile = planner.profile
    draw_number = chance.number(0, "luck", draw)
    pace = 0.9 + 0.2 * ((draw_number >> 48) / 0x10000)
    scale = float(factor) * count * profile.per_effort * pace
    shortest, longest = profile.wait
    proportional = [float(each.effort) * scale for each in passes]
    total = sum(proportional)
    if (compressed := profile.sampling(total)) < total:
        proportional = [each / total * compressed for each in proportional]
    load = profile.load / len(passes)
    stages = tuple(load + each for each in proportional)
    return Plan(
        created=profile.created,
        pending=pending,
        wait=shortest + (longest - shortest) * ((draw_number >> 32 & 0xFFFF) / 0x10000),
        stages=stages,
        ahead=_between(profile.ahead, draw_number >> 16 & 0xFFFF),
        behind=_between(profile.behind, draw_number & 0xFFFF),
        failure=_memory_failure(passes, stages, load, planner.memory_pixels),
        sizes=_sizes(passes),
    )


def _sizes(passes: tuple[Pass, ...]) -> tuple[tuple[int, int], ...]:
    """Return the size of the pictures after each pass; passes without one change none."""
    made: list[tuple[int, int]] = []
    for each in passes:
        size = each.width, each.height
        made.append(size if all(size) or not made else made[-1])
    return tuple(made) if len(set(made)) > 1 else ()


def _memory_failure(
    passes: tuple[Pass, ...], stages: tuple[float, ...], load: float, memory_pixels: int
) -> PlannedFailure | None:
    """Return the failure at the first pass whose picture does not fit, once its model is loaded."""
    for index, each in enumerate(passes):
        if each.width * each.height > memory_pixels:
            reason = (
                f"out of memory: {each.name} at {each.width}x{each.height} needs more than"
                f" the {memory_pixels} pixels that fit"
            )
            seconds = sum(stages[:index]) + load
            return PlannedFailure(seconds / (sum(stages) or 1.0), reason)
    return None


AT_ONCE = Plan(created=0.0, pending=0.0, wait=0.0, stages=(0.0,))


def _between(bounds: tuple[int, int], draw_number: int) -> int:
    least, most = bounds
    return least + draw_number * (most - least + 1) // 0x10000
