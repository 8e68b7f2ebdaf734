"""Jobs of all accounts, and changing them by hand. Reading one here does not count as a poll."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from mock_server.control.problems import IMPOSSIBLE_PLAN, Problem, pointed
from mock_server.core.accounts import Progression
from mock_server.core.clock import LATEST
from mock_server.core.errors import Invalid, NotFound
from mock_server.core.jobs.job import Job, JobState
from mock_server.web.calls import Call
from mock_server.web.faults.plans import PlanChangeBody
from mock_server.web.json_bodies import (
    Amount,
    IncomingBody,
    MomentBody,
    NewestQuery,
    OutgoingBody,
    PageBody,
    TextOrNull,
)
from mock_server.web.listing import act_on_owner, newest, up_to_date


class JobsQuery(NewestQuery):
    """Which jobs are listed."""

    state: JobState | None = Field(None, description="Only those that are in this state now")


class JobAdvanceBody(IncomingBody):
    """By how many of its seconds the job advances; by default, into its next state."""

    seconds: Annotated[float, Field(ge=0, le=1_000_000_000)] | None = None


class JobFailureBody(IncomingBody):
    """Why the job fails."""

    reason: Annotated[str, Field(min_length=1, max_length=1000)] = "failed by hand"


class JobPlanBody(PlanChangeBody):
    """What becomes different in how the job goes from now on, as in a fault of the kind `plan`."""


class JobBody(OutgoingBody):
    """A job now, by its account's clock; moments that are not known, or never come, are null."""

    id: str
    account: str
    serial: int
    state: JobState
    reason: TextOrNull
    done: float
    progress: Progression
    prompt: str
    negative_prompt: str
    model: str
    seed: int
    width: int
    height: int
    count: int
    price: Amount
    polls: int
    now: MomentBody
    submitted: MomentBody
    starts: MomentBody | None
    ends: MomentBody | None

    @classmethod
    def of(cls, job: Job, now: float) -> JobBody:
        ends = job.ended_at if job.on_the_clock or job.ending is not None else None
        starts = job.starts_at if job.on_the_clock else None
        if starts is not None and ends is not None and starts > ends:
            starts = None  # It ended before it could start.
        return cls.like(
            job,
            job.order,
            state=job.state_at(now),
            reason=job.reason_at(now),
            done=job.done_at(now),
            now=MomentBody.of(now),
            submitted=MomentBody.of(job.submitted_at),
            starts=_moment(starts),
            ends=_moment(ends),
        )


def _moment(moment: float | None) -> MomentBody | None:
    return None if moment is None or moment > LATEST else MomentBody.of(moment)


class JobsBody(PageBody):
    """A page of jobs."""

    jobs: list[JobBody]


async def list_jobs(call: Call, query: JobsQuery) -> JobsBody:
    await up_to_date(call.accounts, query.account, call.wall)
    moments: dict[str, float] = {}

    async def fits(job: Job) -> bool:
        if job.account not in moments:
            account = await call.accounts.get(job.account)
            if account is None:
                return False  # It was deleted meanwhile.
            moments[job.account] = await call.accounts.now(account, call.wall)
        return query.state in (None, job.state_at(moments[job.account]))

    jobs, next_page = await newest(call.accounts.store, Job, query.account, query, fits)
    return JobsBody(jobs=[JobBody.of(job, moments[job.account]) for job in jobs], next=next_page)


async def get_job(call: Call) -> JobBody:
    id = call.params["id"]
    async with await act_on_owner(call, Job, "job") as world:
        job = await world.own(Job, id)
        if job is None:
            raise NotFound("job", id)
        return JobBody.of(job, world.now)


async def plan_job(call: Call, body: JobPlanBody) -> JobBody:
    if problem := body.problem():
        raise Problem(IMPOSSIBLE_PLAN, problem)
    async with await act_on_owner(call, Job, "job") as world:
        try:
            snapshot = await world.jobs.change_plan(call.params["id"], body.change())
        except Invalid as error:
            raise pointed(IMPOSSIBLE_PLAN, error) from error
        return JobBody.of(snapshot.job, world.now)


async def advance_job(call: Call, body: JobAdvanceBody) -> JobBody:
    async with await act_on_owner(call, Job, "job") as world:
        snapshot = await world.jobs.advance(call.params["id"], seconds=body.seconds)
        return JobBody.of(snapshot.job, world.now)


async def complete_job(call: Call) -> JobBody:
    async with await act_on_owner(call, Job, "job") as world:
        snapshot = await world.jobs.finish(call.params["id"])
        return JobBody.of(snapshot.job, world.now)


async def fail_job(call: Call, body: JobFailureBody) -> JobBody:
    async with await act_on_owner(call, Job, "job") as world:
        snapshot = await world.jobs.finish(call.params["id"], failure=body.reason)
        return JobBody.of(snapshot.job, world.now)
