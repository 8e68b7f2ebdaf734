"""Changes of plans as users write them: in a rule, or for a job that exists."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import UNSET
from pydantic import BeforeValidator, Field, PlainSerializer, WithJsonSchema

from mock_server.core.jobs.course import FOREVER
from mock_server.core.jobs.plan_changes import Failure, Loss, PlaceInRun, PlanChange, Stall
from mock_server.web.json_bodies import WHOLE, IncomingBody

MAX_PLAN_SECONDS = 1e8  # about three years of virtual time


def _read(value: Any) -> Any:
    if value in (_FOREVER, FOREVER):
        return FOREVER
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError("must be seconds, or forever")
    if not 0 <= value <= MAX_PLAN_SECONDS:
        raise ValueError(f"must be from 0 to {MAX_PLAN_SECONDS:.0f}, or forever")
    return float(value)


def _write(seconds: float) -> float | str:
    return seconds if seconds < FOREVER else _FOREVER


_FOREVER = "forever"
_SCHEMA = {
    "anyOf": [
        {"type": "number", "minimum": 0, "maximum": MAX_PLAN_SECONDS},
        {"const": _FOREVER, "type": "string"},
    ]
}

Seconds = Annotated[float, BeforeValidator(_read), PlainSerializer(_write), WithJsonSchema(_SCHEMA)]
Part = Annotated[float, Field(ge=0, le=1)]


class PlanChangeBody(IncomingBody):
    """What becomes different in how a job goes; times are in seconds, or `forever`.

    It is pending for `pending`, and waits for `wait` with `ahead` jobs of other customers before
    it; its rank stands still for `sit`, which is added. It runs for `run`, or `factor` times as
    long. The parts (0 to 1) `stall_at`, `lose_at` and `fail_at` are those of the run, or of its
    `stage`. It stops there for `stall`; loses its worker some times (`losses`) and goes `back_to`
    the begin of its `run` or `stage`, or to the `queue` for `wait_again`; or fails with a `reason`
    and the vendor's `code`, and with `keep_stages` the pictures of the last stage before are kept.
    With null it does so no more. With `ignore_cancel` its cancellation is accepted, but it goes on.
    `without_results` it succeeds and makes nothing.
    """

    pending: Seconds | None = None
    wait: Seconds | None = None
    ahead: Annotated[int, Field(ge=0, le=10_000), WHOLE] | None = None
    sit: Seconds | None = None
    run: Annotated[float, Field(gt=0, le=MAX_PLAN_SECONDS)] | None = None
    factor: Annotated[float, Field(gt=0, le=1000)] = 1.0
    stage: Annotated[int, Field(ge=1, le=1000), WHOLE] | None = None
    stall_at: Part | None = None
    stall: Seconds | None = None
    lose_at: Part | None = None
    losses: Annotated[int, Field(ge=1, le=100), WHOLE] = 1
    back_to: Literal["run", "stage", "queue"] = "run"
    wait_again: Annotated[float, Field(ge=0, le=MAX_PLAN_SECONDS)] | None = None
    fail_at: Part | None = None
    reason: Annotated[str, Field(min_length=1, max_length=500)] | None = None
    code: Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{1,100}$")] | None = None
    keep_stages: bool = False
    ignore_cancel: bool | None = None
    without_results: bool | None = None

    def problem(self) -> str:
        """Return what its members, taken together, lack."""
        if (self.stall_at is None) != (self.stall is None):
            return "needs stallAt and stall together"
        if self.lose_at is None and {"losses", "back_to", "wait_again"} & self.model_fields_set:
            return "needs loseAt with losses, backTo or waitAgain"
        if self.wait_again is not None and self.back_to != "queue":
            return "needs backTo queue with waitAgain"
        if self.fail_at is None and {"reason", "code", "keep_stages"} & self.model_fields_set:
            return "needs failAt with a reason, code or keepStages"
        if self.fail_at is None:
            return ""
        if self.without_results:
            return "cannot both fail and succeed without results"
        if self.lose_at is not None and self.fail_at <= self.lose_at:
            return "cannot lose its worker after it failed"
        if self.stall_at is not None and self.fail_at < self.stall_at:
            return "cannot stall after it failed"
        return ""

    def change(self) -> PlanChange:
        """Return the change; what was not given stays as it is."""
        made: dict[str, Any] = dict.fromkeys(("stall", "loss", "failure"), UNSET)
        for name, member in (("stall", "stall_at"), ("loss", "lose_at"), ("failure", "fail_at")):
            if member in self.model_fields_set:
                made[name] = None
        if self.stall_at is not None:
            made["stall"] = Stall(self._place(self.stall_at), self.stall or 0.0)
        if self.lose_at is not None:
            place, wait = self._place(self.lose_at), self.wait_again
            made["loss"] = Loss(place, self.losses, self.back_to, wait)
        if self.fail_at is not None:
            reason = self.reason or "a fault lets this job fail"
            place = self._place(self.fail_at)
            made["failure"] = Failure(place, reason, self.code or "", self.keep_stages)
        return PlanChange(
            pending=self.pending,
            wait=self.wait,
            ahead=self.ahead,
            sit=self.sit or 0.0,
            run=self.run,
            factor=self.factor,
            ignores_cancel=self.ignore_cancel,
            without_results=self.without_results,
            **made,
        )

    def _place(self, part: float) -> PlaceInRun:
        return PlaceInRun(self.stage or 0, part)
