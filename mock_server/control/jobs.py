"""Jobs of every world, and moving them by hand."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from mock_server.control.operations import ControlRequest
from mock_server.control.shapes import Amount, IncomingBody, MomentBody, OutgoingBody, Query
from mock_server.core.account_service import AccountService
from mock_server.core.accounts import Account, Progression
from mock_server.core.errors import NotFound
from mock_server.core.jobs.job import Job, JobState
from mock_server.core.jobs.service import Snapshot
from mock_server.web.callbacks import CallbackDispatcher


class JobsQuery(Query):
    """Which jobs are listed."""

    account: str | None = Field(None, min_length=1, max_length=100, description="Only of this one")
    state: JobState | None = Field(None, description="Only those that are in this state now")
    limit: int = Field(100, ge=1, le=1000, description="At most so many")


class JobAdvanceBody(IncomingBody):
    """By how many seconds of its own the job moves; into its next state if it is left out."""

    seconds: Annotated[float, Field(ge=0, le=1_000_000_000)] | None = None


class JobFailureBody(IncomingBody):
    """Why the job fails."""

    reason: Annotated[str, Field(min_length=1, max_length=1000)] = "failed by hand"


class JobBody(OutgoingBody):
    """A job as it stands now, by its account's clock; moments that nobody knows yet are null."""

    id: str
    account: str
    serial: int
    state: JobState
    reason: str | None
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
        order = job.order
        ends = job.ended_at if job.on_the_clock or job.ending is not None else None
        starts = job.starts_at if job.on_the_clock else None
        if starts is not None and ends is not None and starts > ends:
            starts = None  # It was ended before it could start.
        return cls(
            id=job.id,
            account=job.account,
            serial=job.serial,
            state=job.state_at(now),
            reason=job.reason_at(now) or None,
            done=job.done_at(now),
            progress=job.progress,
            prompt=order.prompt,
            negative_prompt=order.negative_prompt,
            model=order.model,
            seed=order.seed,
            width=order.width,
            height=order.height,
            count=order.count,
            price=job.price,
            polls=job.polls,
            now=MomentBody.of(now),
            submitted=MomentBody.of(job.submitted_at),
            starts=None if starts is None else MomentBody.of(starts),
            ends=None if ends is None else MomentBody.of(ends),
        )


class JobsBody(OutgoingBody):
    """Jobs, the newest first."""

    jobs: list[JobBody]


class Jobs:
    """The operations on jobs. Looking at one here does not count as a poll."""

    def __init__(self, account_service: AccountService, dispatcher: CallbackDispatcher) -> None:
        self.account_service = account_service
        self.dispatcher = dispatcher
        self.job_service = account_service.job_service

    async def list_jobs(self, request: ControlRequest[JobsQuery, None]) -> JobsBody:
        query = request.query
        if query.account is None:
            accounts = await self.account_service.all()
        else:
            accounts = [await self.account_service.find(query.account)]
        moments: dict[str, float] = {}
        for account in accounts:
            now = moments[account.id] = await self.job_service.now(account, request.wall)
            await self.account_service.apply_due(account, now)
        jobs = await self.account_service.store.list(Job, query.account)
        found: list[JobBody] = []
        for job in reversed(jobs):
            job_now = moments.get(job.account)
            if job_now is None or query.state not in (None, job.state_at(job_now)):
                continue
            found.append(JobBody.of(job, job_now))
            if len(found) == query.limit:
                break
        return JobsBody(jobs=found)

    async def get_job(self, request: ControlRequest[None, None]) -> JobBody:
        account, now = await self._world(request)
        await self.account_service.apply_due(account, now)
        job = await self.job_service.job(request.params["id"])
        if job is None:
            raise NotFound("job", request.params["id"])
        return JobBody.of(job, now)

    async def advance_job(self, request: ControlRequest[None, JobAdvanceBody]) -> JobBody:
        account, now = await self._world(request)
        seconds = request.body.seconds
        id = request.params["id"]
        return self._shown(await self.job_service.advance(account, id, now, seconds=seconds))

    async def complete_job(self, request: ControlRequest[None, None]) -> JobBody:
        account, now = await self._world(request)
        return self._shown(await self.job_service.finish(account, request.params["id"], now))

    async def fail_job(self, request: ControlRequest[None, JobFailureBody]) -> JobBody:
        account, now = await self._world(request)
        id, reason = request.params["id"], request.body.reason
        return self._shown(await self.job_service.finish(account, id, now, failure=reason))

    async def _world(self, request: ControlRequest[None, Any]) -> tuple[Account, float]:
        """Return whose job it is, and what time it is there."""
        job = await self.job_service.job(request.params["id"])
        owner = None if job is None else await self.job_service.owner(job.account)
        if owner is None:
            raise NotFound("job", request.params["id"])
        return owner, await self.job_service.now(owner, request.wall)

    def _shown(self, snapshot: Snapshot) -> JobBody:
        # It was moved by hand, and others may have moved up behind it.
        self.dispatcher.wake(snapshot.job.account)
        return JobBody.of(snapshot.job, snapshot.now)
