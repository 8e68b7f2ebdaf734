"""Changes of plans: jobs that wait, stall, fail or take longer because a tester wants it."""

from __future__ import annotations

from collections.abc import Callable
from itertools import accumulate
from typing import Any, Literal

from msgspec import UNSET, Struct, UnsetType
from msgspec.structs import replace

from mock_server.core.errors import Conflict, Invalid
from mock_server.core.jobs.course import (
    FOREVER,
    MAX_LEGS,
    Course,
    divided,
    scaled,
    straight,
    until,
    with_losses,
    with_stall,
    without_losses,
    without_stalls,
)
from mock_server.core.jobs.plans import Plan, PlannedFailure

BackTo = Literal["run", "stage", "queue"]


class PlaceInRun(Struct, frozen=True):
    """A place in the running time: a part (0 to 1) of a stage, counted from 1; 0 is all stages."""

    stage: int = 0
    part: float = 0.0

    def part_of(self, plan: Plan) -> float:
        """Return the part of the whole run that is done there; a missing stage is the last one."""
        if not self.stage:
            return self.part
        index = min(self.stage, len(plan.stages)) - 1
        before, after = _ends(plan)[index : index + 2]
        return before + (after - before) * self.part


def _ends(plan: Plan) -> list[float]:
    """Return the parts of the run that are done when each stage begins, and 1 at last."""
    stages = plan.stages if plan.run > 0 else (1.0,) * len(plan.stages)
    total = sum(stages)
    return [*(ended / total for ended in accumulate(stages[:-1], initial=0.0)), 1.0]


class Stall(Struct, frozen=True):
    """It stands still for some seconds at a place."""

    at: PlaceInRun
    seconds: float


class Loss(Struct, frozen=True):
    """Its worker is lost at a place, some `times`: it begins again from an earlier one.

    That is the begin of the run, or of the stage; back in the queue, it first waits for so many
    seconds, or as long as before.
    """

    at: PlaceInRun
    times: int = 1
    back_to: BackTo = "run"
    wait: float | None = None


class Failure(Struct, frozen=True):
    """It fails at a place; the vendor's `code` is the usual one if it is empty.

    With `keeps`, the pictures of the last stage before it are results of the job.
    """

    at: PlaceInRun
    reason: str
    code: str = ""
    keeps: bool = False


class Standing(Struct, frozen=True):
    """How far a job is: how long ago (in seconds) it was submitted, and began to run, if it did.

    `starts_after` is when it starts after its submission, `ahead` and `behind` are the jobs of
    other tenants now.
    """

    starts_after: float
    ahead: int
    behind: int
    age: float = 0.0
    is_queued: bool = False
    ran: float | None = None


class PlanChange(Struct, frozen=True):
    """What becomes different in the plan of a job; what is None or UNSET stays as it is.

    `pending` is the time before it waits, `wait` that in the queue, and `run` that of running, in
    seconds; FOREVER never ends. `factor` multiplies the last two. `ahead` are the jobs of other
    tenants before it. Its rank stands for `sit` seconds, which come on top. A `stall`, `loss` or
    `failure` that is None is taken away. With `ignores_cancel`, a cancellation is accepted, but the
    job goes on. `without_results` it succeeds and makes nothing.
    """

    pending: float | None = None
    wait: float | None = None
    ahead: int | None = None
    sit: float = 0.0
    run: float | None = None
    factor: float = 1.0
    stall: Stall | UnsetType | None = UNSET
    loss: Loss | UnsetType | None = UNSET
    failure: Failure | UnsetType | None = UNSET
    ignores_cancel: bool | None = None
    without_results: bool | None = None

    @property
    def changes_lead(self) -> bool:
        """Whether it changes when the job starts, or its rank."""
        times = (self.pending, self.wait, self.ahead)
        return times != (None, None, None) or self.sit > 0 or self.factor != 1

    def apply(self, plan: Plan, standing: Standing | None = None) -> Plan:
        """Return the changed plan, in which what has passed stays as it was.

        Without a standing the job is new. Raises Invalid for a change of what has passed.
        """
        if self.ignores_cancel is not None:
            plan = replace(plan, ignores_cancel=self.ignores_cancel)
        if self.without_results is not None:
            plan = replace(plan, without_results=self.without_results)
        now = standing or Standing(plan.lead, plan.ahead, plan.behind)
        if now.ran is None:
            plan = self._with_lead(plan, now) if self.changes_lead else plan
        else:
            late = {name: getattr(self, name) for name in ("pending", "wait", "ahead")}
            for name, value in {**late, "sit": self.sit or None}.items():
                if value is not None:
                    raise Invalid(name, "comes too late: the job runs already")
        return self._with_run(plan, now.ran, is_new=standing is None)

    def _with_lead(self, plan: Plan, now: Standing) -> Plan:
        waited = now.age - (plan.created + plan.pending) if now.is_queued else 0.0
        wait = plan.wait if self.wait is None else self.wait
        if self.sit and self.wait is None:
            wait = max(wait, now.starts_after - (plan.created + plan.pending))
        if self.pending is not None:
            if now.is_queued:
                raise Invalid("pending", "comes too late: the job waits already")
            plan = replace(plan, pending=max(self.pending, now.age - plan.created))
        if wait > waited:
            wait = waited + (wait - waited) * self.factor
        return replace(
            plan,
            wait=min(FOREVER, wait + self.sit),
            ahead=now.ahead if self.ahead is None else self.ahead,
            behind=now.behind,
            counted_after=min(FOREVER, waited + self.sit),
        )

    def _with_run(self, plan: Plan, ran: float | None, *, is_new: bool) -> Plan:
        """Return the plan with another course from now on."""
        past: Course = ()
        future = plan.course or straight(plan.run, end=_end(plan))
        if ran is not None:
            past, future = divided(future, ran)
        is_straight = not plan.course and self.stall in (None, UNSET) and self.loss in (None, UNSET)
        plan, future, is_paced = self._paced(plan, future)

        def changed(change: Callable[..., Course], *arguments: Any) -> Course:
            try:
                return change(future, *arguments)
            except Invalid:
                if not is_new:
                    raise
                return future  # Another plan of the same rule may get there.

        if self.failure is not UNSET and plan.failure is not None:
            future = (*future, *straight(plan.run, future[-1].end))
            plan = replace(plan, failure=None)
        if self.stall is not UNSET:
            future = without_stalls(future)
        if self.loss is not UNSET:
            future = without_losses(future, plan.run)
        if loss := self.loss or None:
            part = loss.at.part_of(plan)
            begin = 0.0 if loss.back_to != "stage" else _stage_begin(plan, part)
            wait = plan.wait if loss.wait is None else loss.wait
            again = wait if loss.back_to == "queue" else None
            future = changed(with_losses, part, loss.times, begin, again, plan.run)
        if stall := self.stall or None:
            future = changed(with_stall, stall.at.part_of(plan), stall.seconds)
        if failure := self.failure or None:
            part = failure.at.part_of(plan)
            kept = _stages_kept(plan, part) if failure.keeps else 0
            if failure.keeps and not kept and not is_new:
                raise Invalid("keepStages", "can keep none: no picture is made before it fails")
            future = until(future, part)
            planned = PlannedFailure(part, failure.reason, failure.code, kept)
            plan = replace(plan, failure=planned)
        if is_straight and not (past and is_paced):
            return plan
        if len(past) + len(future) > MAX_LEGS:
            raise Conflict("its plan was changed too often")
        return replace(plan, course=past + future, changed_after=ran or 0.0)

    def _paced(self, plan: Plan, future: Course) -> tuple[Plan, Course, bool]:
        """Return the plan and the rest of its course, faster or slower; and if that is another."""
        if self.run is None and self.factor == 1:
            return plan, future, False
        if self.run is None or plan.run > 0:
            factor = self.factor * (1.0 if self.run is None else self.run / plan.run)
            stages = tuple(seconds * factor for seconds in plan.stages)
            return replace(plan, stages=stages), scaled(future, factor), True
        run = self.run * self.factor
        stages = (run / len(plan.stages),) * len(plan.stages)
        return replace(plan, stages=stages), scaled(future, 1.0, run), True


_NEARLY = 1e-9


def _end(plan: Plan) -> float:
    return 1.0 if plan.failure is None else plan.failure.after


def _stages_kept(plan: Plan, part: float) -> int:
    """Return how many stages are over when a part is done; 0 if they have made no picture."""
    over = sum(end <= part + _NEARLY for end in _ends(plan)[1:])
    has_made = over and (not plan.sizes or all(plan.sizes[over - 1]))
    return over if has_made else 0


def _stage_begin(plan: Plan, part: float) -> float:
    return max(end for end in _ends(plan)[:-1] if end <= part)
