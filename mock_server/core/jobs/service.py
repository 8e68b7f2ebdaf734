"""Jobs of an account: submit, read, cancel, and move by hand, inside a unit of work."""

from __future__ import annotations

from collections.abc import Callable
from sys import intern
from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from mock_server.core import chance, ids
from mock_server.core.accounts import Progression
from mock_server.core.errors import (
    AlreadyEnded,
    Conflict,
    NotFound,
    NotInstalled,
    RequestRepeated,
)
from mock_server.core.jobs.course import FOREVER
from mock_server.core.jobs.due import end, end_early, start_problem, tell
from mock_server.core.jobs.job import (
    RUNS,
    Ending,
    Job,
    JobState,
    Order,
    position_after_polls,
)
from mock_server.core.jobs.plan_changes import PlanChange, Standing
from mock_server.core.jobs.plans import AT_ONCE, Plan, Work
from mock_server.core.jobs.queue import QueuePlace
from mock_server.core.jobs.watch import Notify, Watch
from mock_server.core.store import Record

if TYPE_CHECKING:
    from mock_server.core.unit_of_work import UnitOfWork

RANDOM_SEED = -1
MAX_SEED = 2**64 - 1

MAX_FORGOTTEN = 100  # jobs that make room for one


class RequestKey(Struct, frozen=True, gc=False):
    """Which job a request key made, and from what."""

    id: str
    account: str
    job: str
    fingerprint: int
    made_at: float


class Snapshot(Struct, frozen=True):
    """A job at one moment, and how many jobs of its account start before it."""

    job: Job
    now: float
    state: JobState
    own_ahead: int = 0

    @property
    def ahead(self) -> int:
        """How many jobs start before it, other customers' jobs among them."""
        if self.state.started:
            return 0
        return self.own_ahead + self.job.other_tenants_at(self.now)[0]

    @property
    def behind(self) -> int:
        """How many other customers' jobs wait behind it."""
        return 0 if self.state.started else self.job.other_tenants_at(self.now)[1]


class JobService(Struct, frozen=True):
    """What can be done with jobs."""

    world: UnitOfWork

    async def submit(
        self,
        order: Order,
        work: Work,
        *,
        request_key: str = "",
        fingerprint: int = 0,
        key_life: float = float("inf"),
        progress: Progression | None = None,
        watch: Watch | None = None,
        name: Callable[[int, str], str] = ids.id_of,
    ) -> Snapshot:
        """Make a job and hold its price. `name` makes its id from a tick and the account's id.

        Raises RequestRepeated for a request key that was used within the last `key_life` seconds,
        CreditsShort, and NotInstalled for videos that the mock cannot make; they change nothing. If
        too many notices are open, it has no watch.
        """
        world = self.world
        tx, account, now, rules = world.tx, world.account, world.now, world.rules
        if not rules.makes_videos and order.is_video:
            raise NotInstalled("videos", "video")
        key_id = request_key and f"{account.id}/{request_key}"
        if key_id:
            known = await tx.get(RequestKey, key_id)
            if known is not None and known.made_at >= now - key_life:
                same = known.fingerprint == fingerprint
                raise RequestRepeated(request_key, known.job, same_content=same)
        wallet = (await world.wallet()).hold(work.price)
        queue = await world.queue()
        serial = queue.serial + 1
        kind = progress or rules.progress
        draw_number = chance.nth(account.seed, "job", serial)
        plan = self._plan(kind, work, draw_number)
        tick = ids.next_tick(now, queue.last_tick)
        while await tx.get(Job, job_id := name(tick, account.id)) is not None:
            tick += 1
        queues = kind is Progression.TIME and plan.lead < FOREVER
        if queues:
            queue, plan, starts_at = queue.joined(plan, rules.slots, now, tick)
        else:
            starts_at = now + plan.lead
            queue = replace(queue, serial=serial, last_tick=tick)
        if watch is not None and not await world.may_notify():
            watch = None
        own_ahead = queue.waiting - 1 if queues else 0
        if watch is not None:
            queue = replace(queue, watched=queue.watched + 1)
        job = Job(
            id=job_id,
            account=account.id,
            serial=serial,
            order=_as_kept(order, draw_number),
            plan=plan,
            price=work.price,
            progress=kind,
            submitted_at=now,
            starts_at=starts_at,
            position=now,
            waits_for=work.inputs,
            request_key=key_id,
            watch=watch,
        )
        if serial > rules.keep_jobs:  # With fewer ever made, there is room.
            await self._make_room()
        records: list[Record] = [wallet, queue, job]
        if queues:
            records.append(QueuePlace(job_id, account.id, starts_at))
        if key_id:
            records.append(RequestKey(key_id, account.id, job_id, fingerprint, now))
        await tx.put(*records)
        if watch is not None:
            world.callbacks_changed = True
        if starts_at <= now or watch is not None:  # Something of it may be due already.
            await world.apply_due(now)
            return await self._snapshot(await self._own(job.id))
        return Snapshot(job, now, job.state_at(now), own_ahead)

    async def look(self, job_id: str) -> Snapshot:
        """Return the job at this moment; this look advances a job that polls advance."""
        job = await self._own(job_id)
        if job.ending is None and job.progress is Progression.POLLS:
            polls = job.polls + 1
            position = position_after_polls(job, polls, self.world.rules.polls)
            job = await self._moved(replace(job, polls=polls), position)
        return await self._snapshot(job)

    async def cancel(self, job_id: str, *, running_too: bool = True) -> Snapshot:
        """Stop a job and give its credits back; one that is over raises AlreadyEnded."""
        job = await self._own(job_id)
        state = job.state_at(self.world.now)
        if job.ending is not None or (state is JobState.RUNNING and not running_too):
            raise AlreadyEnded(job_id)
        if job.plan.ignores_cancel:
            return await self._snapshot(job)
        return await self._end_now(job, JobState.CANCELED)

    async def finish(self, job_id: str, *, failure: str | None = None) -> Snapshot:
        """End a job by hand: with success, or with the reason for its failure."""
        job = await self._own(job_id)
        if job.ending is not None:
            raise AlreadyEnded(job_id)
        state = JobState.SUCCEEDED if failure is None else JobState.FAILED
        return await self._end_now(job, state, failure or "")

    async def advance(self, job_id: str, *, seconds: float | None = None) -> Snapshot:
        """Move a job that time does not advance, by some of its seconds or into its next state."""
        job = await self._own(job_id)
        if job.ending is not None:
            raise AlreadyEnded(job_id)
        if job.on_the_clock:
            raise Conflict("time moves this job: advance the clock, or complete or fail it")
        if seconds is None:
            position = job.next_moment()
        else:
            position = min(job.position + max(0.0, seconds), job.ends_at)
        return await self._snapshot(await self._moved(job, position))

    async def change_plan(self, job_id: str, change: PlanChange) -> Snapshot:
        """Change how a job goes from now on.

        Those behind it in the queue start when they can then. Raises AlreadyEnded, or Invalid for a
        change of what has passed.
        """
        world, now = self.world, self.world.now
        job = await self._own(job_id)
        if job.ending is not None:
            raise AlreadyEnded(job_id)
        moment, before = max(job.moment(now), job.last_border), job.state_at(now)
        has_started = moment >= job.starts_at
        ahead, behind = job.other_tenants_at(now)
        standing = Standing(
            starts_after=job.starts_at - job.submitted_at,
            ahead=ahead,
            behind=behind,
            age=moment - job.submitted_at,
            is_queued=moment >= job.queued_at,
            ran=moment - job.starts_at if has_started else None,
        )
        changed = replace(job, plan=change.apply(job.plan, standing))
        if not has_started and change.changes_lead:
            changed = replace(changed, starts_at=max(changed.ready_at, moment))
        if not job.on_the_clock:
            return await self._snapshot(await self._moved(changed, job.position, before))
        await world.tx.put(changed)
        takes_as_long = changed.plan.until_end == job.plan.until_end
        if job.progress is Progression.TIME and (change.changes_lead or not takes_as_long):
            await self._plan_queue_again(job, changed)
        await world.apply_due(now)
        return await self._snapshot(await self._own(job_id))

    async def expire_results(self, job_id: str) -> Job:
        """Let the URLs of a job's results that were handed out until now open nothing any more."""
        job = await self._own(job_id)
        if job.state_at(self.world.now) is not JobState.SUCCEEDED:
            raise Conflict("the job has no results")
        job = replace(job, expired_links=job.expired_links + 1)
        await self.world.tx.put(job)
        return job

    # Inside

    async def _plan_queue_again(self, job: Job, changed: Job) -> None:
        """Let all that wait start when they can, after a job got another plan."""
        world, tx = self.world, self.world.tx
        queue = await world.queue()
        places = [each for each in await tx.due(QueuePlace, job.account) if each.id != job.id]
        waiting = [found for each in places if (found := await tx.get(Job, each.id)) is not None]
        if job.applied >= RUNS:
            queue = queue.without_run(job.ends_at).started(changed.ends_at, world.now)
        elif changed.queues:
            # In its place; one that waited for ever comes last.
            index = sum(each.due_at <= job.starts_at for each in places)
            waiting.insert(index, changed)
        else:
            await tx.delete(QueuePlace, job.id)
        queue, moved = queue.planned_again(waiting, job.id, world.rules.slots, world.now)
        await tx.put(queue)
        for each in moved:
            await tx.put(each)
            await tx.put(QueuePlace(each.id, each.account, each.starts_at))

    def _plan(self, kind: Progression, work: Work, draw_number: int) -> Plan:
        plan = self.world.rules.planner.plan(work, draw_number)
        if kind is Progression.INSTANT:
            plan = AT_ONCE if plan.failure is None else replace(AT_ONCE, failure=plan.failure)
        if self.world.plan_change is not None:
            plan = self.world.plan_change.apply(plan)
        return plan

    async def _moved(self, job: Job, position: float, before: JobState | None = None) -> Job:
        world, now = self.world, self.world.now
        before = before or job.state_at(now)
        job = replace(job, position=position)
        if not before.started and job.moment(now) >= job.starts_at:
            if problem := await start_problem(world, job, now):
                return await end(world, job, Ending(now, JobState.FAILED, problem))
            job = replace(job, waits_for=())
        state = job.state_at(now)
        if state.final:
            return await end(world, job, Ending(now, state, job.reason_at(now)))
        if job.watch is not None and job.watch.notify is not Notify.END and state is not before:
            job = await tell(world, job, now, state)
        await world.tx.put(job)
        return job

    async def _end_now(self, job: Job, state: JobState, reason: str = "") -> Snapshot:
        """End a job before its time, and let those behind it move up."""
        now = self.world.now
        job = await end_early(self.world, job, Ending(now, state, reason))
        self.world.callbacks_changed = True
        return await self._snapshot(job)

    async def _own(self, job_id: str) -> Job:
        job = await self.world.tx.get(Job, job_id)
        if job is None or job.account != self.world.account.id:
            raise NotFound("job", job_id)
        return job

    async def _make_room(self) -> None:
        """Forget the jobs that have been over for longest, so that there is room for one more."""
        tx, account = self.world.tx, self.world.account
        surplus = await tx.count(Job, account.id) + 1 - self.world.rules.keep_jobs
        if surplus <= 0:
            return
        for oldest in await tx.over(Job, account.id, limit=min(surplus, MAX_FORGOTTEN)):
            await tx.delete(Job, oldest.id)
            key = await tx.get(RequestKey, oldest.request_key)
            if key is not None and key.job == oldest.id:
                await tx.delete(RequestKey, key.id)

    async def _snapshot(self, job: Job) -> Snapshot:
        now = self.world.now
        state = job.state_at(now)
        own_ahead = 0
        if job.applied < RUNS and not state.started and job.queues:
            own_ahead = await self.world.tx.count_due(QueuePlace, job.account, job.starts_at) - 1
        return Snapshot(job, now, state, own_ahead)


def _as_kept(order: Order, draw_number: int) -> Order:
    """Return the order with its seed drawn, sharing the texts that thousands have in common."""
    seed = order.seed
    if seed == RANDOM_SEED:
        seed = 1 + (draw_number >> 33)
    return replace(
        order,
        negative_prompt=intern(str(order.negative_prompt)),
        seed=seed,
        sampler=intern(str(order.sampler)),
        model=intern(str(order.model)),
    )
