"""Changes of a plan: a job that waits, stalls, fails or takes longer because a tester wants it."""

from __future__ import annotations

from msgspec import Struct
from msgspec.structs import replace

from mock_server.core.jobs.plans import Plan, PlannedFailure


class PlaceInRun(Struct, frozen=True):
    """A place in the running time: a part (0 to 1) of a stage, counted from 1; 0 is all stages."""

    stage: int = 0
    part: float = 0.0

    def seconds(self, plan: Plan) -> float:
        """Return how long the job has run until then; a stage that it lacks is its last."""
        if not self.stage:
            return plan.run * self.part
        index = min(self.stage, len(plan.stages)) - 1
        return sum(plan.stages[:index]) + plan.stages[index] * self.part


class PlanChange(Struct, frozen=True):
    """What is different from the plan that the job would have; None leaves it as it is.

    `wait` is the time in the queue and `run` that of running, in seconds; `factor` multiplies both
    of them. `ahead` are the jobs of other tenants before it. It stops for `stall` seconds at
    `stalls_at`, and fails with the `reason` at `fails_at`. With `ignores_cancel`, a cancellation is
    accepted, but the job goes on. `without_results` it succeeds and makes nothing.
    """

    wait: float | None = None
    ahead: int | None = None
    run: float | None = None
    factor: float = 1.0
    stalls_at: PlaceInRun | None = None
    stall: float = 0.0
    fails_at: PlaceInRun | None = None
    reason: str = ""
    ignores_cancel: bool = False
    without_results: bool = False

    def apply(self, plan: Plan) -> Plan:
        """Return the changed plan."""
        scale = self.factor
        if self.run is not None and plan.run > 0:
            scale *= self.run / plan.run
        wait = plan.wait if self.wait is None else self.wait
        plan = replace(
            plan,
            wait=wait * self.factor,
            ahead=plan.ahead if self.ahead is None else self.ahead,
            stages=tuple(seconds * scale for seconds in plan.stages),
            ignores_cancel=self.ignores_cancel,
        )
        if self.stalls_at is not None:
            stalls_after = self.stalls_at.seconds(plan)
            plan = replace(plan, stall=self.stall, stalls_after=stalls_after)
        if self.fails_at is not None:
            after = self.fails_at.seconds(plan) / (plan.run or 1.0)
            plan = replace(plan, failure=PlannedFailure(after, self.reason))
        return plan
