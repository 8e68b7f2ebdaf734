"""The one door through which every surface comes: submit, look, cancel, upload, pay.

Whatever falls due is written down before anything else is looked at or changed, in the order of
its moments, so that what a caller sees depends on time alone and not on who asked before.
"""

from __future__ import annotations

from collections.abc import Callable
from sys import intern

from msgspec import Struct
from msgspec.structs import replace

from mock_server.core import chance, ids
from mock_server.core.accounts import (
    SERVER,
    Account,
    Credential,
    LimitMode,
    Limits,
    Progression,
)
from mock_server.core.clock import Clock
from mock_server.core.credits import Wallet
from mock_server.core.errors import (
    AlreadyEnded,
    Conflict,
    NotFound,
    RateLimited,
    RequestRepeated,
    TooLarge,
)
from mock_server.core.jobs.due import (
    apply_due,
    end,
    input_problem,
    queue_of,
    reorder,
    slots_of,
    tell,
    wallet_of,
)
from mock_server.core.jobs.job import Ending, Job, JobState, Order, position_after_polls
from mock_server.core.jobs.plans import AT_ONCE, Plan, Planner, Work
from mock_server.core.jobs.queue import QueueState
from mock_server.core.jobs.watch import Notify, Watch
from mock_server.core.rate_limit import Window
from mock_server.core.resources import Resource
from mock_server.core.store import Store, Transaction, View

RANDOM_SEED = -1

# How many of the oldest jobs are looked through for one that is over and can make room.
MAX_OPEN_SCANNED = 100


class JobRules(Struct, frozen=True):
    """What the server as a whole decides; accounts may differ where they can."""

    planner: Planner
    progress: Progression = Progression.TIME
    slots: int = 2
    polls: int = 4
    keep_jobs: int = 10_000
    keep_resources: int = 10_000
    upload_bytes: int = 20 * 1024 * 1024


class ServerClock(Struct, frozen=True):
    """The clock that accounts without one of their own follow."""

    id: str
    account: str
    clock: Clock


class RequestKey(Struct, frozen=True):
    """Remembers which job a request key made, and from what."""

    id: str
    account: str
    job: str
    fingerprint: int
    made_at: float


class Snapshot(Struct, frozen=True):
    """A job as it stands at one moment, with the account's line where it waits in it."""

    job: Job
    now: float
    state: JobState
    line: QueueState | None = None

    @property
    def ahead(self) -> int:
        """How many jobs start before it, other customers' among them."""
        job, now = self.job, self.now
        own = 0 if self.line is None else self.line.ahead_at(job.starts_at, now)
        return own + (0 if self.state.started else job.other_tenants_at(now)[0])

    @property
    def behind(self) -> int:
        """How many other customers' jobs wait behind it."""
        return 0 if self.state.started else self.job.other_tenants_at(self.now)[1]


class JobService:
    """The rules behind every surface, over one home for state."""

    def __init__(self, store: Store, rules: JobRules) -> None:
        self.store = store
        self.rules = rules
        # Called with an account's id whenever notices may have become due, or due sooner.
        self.on_watched: Callable[[str], None] = lambda account: None

    # Who calls, and when

    async def account(self, credential: str) -> Account | None:
        """Return whose credential this is, by its `credential_id`."""
        found = await self.store.get(Credential, credential)
        return None if found is None else await self.store.get(Account, found.account)

    async def now(self, account: Account, wall: float) -> float:
        """Return the account's virtual time."""
        if account.clock is not None:
            return account.clock.now(wall)
        server = await self.store.get(ServerClock, SERVER)
        return wall if server is None else server.clock.now(wall)

    async def pace(self, account: Account) -> float:
        """Return how fast the account's clock runs: 0 while it stands."""
        if account.clock is not None:
            return account.clock.rate
        server = await self.store.get(ServerClock, SERVER)
        return 1.0 if server is None else server.clock.rate

    async def admit(self, account: Account, limits: Limits, now: float, *, scope: str = "") -> str:
        """Count one call of the account against a limit, or raise RateLimited.

        `scope` names a window of its own. Returns a remark where shadow mode let a call through.
        """
        if limits.mode is LimitMode.OFF:
            return ""
        key = f"{account.id}/{scope}" if scope else account.id
        async with self.store.transaction(account.id) as tx:
            window = await tx.get(Window, key) or Window(key, account.id)
            allowed_at = window.allowed_at(limits)
            if now >= allowed_at:
                await tx.put(window.admitted(now, limits))
                return ""
        refusal = RateLimited(allowed_at=allowed_at, retry_after=allowed_at - now)
        if limits.mode is LimitMode.SHADOW:
            return str(refusal)
        raise refusal

    # Jobs

    async def submit(
        self,
        account: Account,
        order: Order,
        work: Work,
        now: float,
        *,
        request_key: str = "",
        fingerprint: int = 0,
        key_life: float = float("inf"),
        progress: Progression | None = None,
        watch: Watch | None = None,
        name: Callable[[int, str], str] = ids.id_of,
    ) -> Snapshot:
        """Make a job and set its price aside. `name` makes its id out of a tick and the account's.

        Raises RequestRepeated for a request key that was used within the last `key_life` seconds,
        and CreditsShort; both leave everything as it was.
        """
        async with self.store.transaction(account.id) as tx:
            await apply_due(tx, account, self.rules.slots, now)
            key_id = request_key and f"{account.id}/{request_key}"
            if key_id:
                known = await tx.get(RequestKey, key_id)
                if known is not None and known.made_at >= now - key_life:
                    same = known.fingerprint == fingerprint
                    raise RequestRepeated(request_key, known.job, same_content=same)
            price = work.price
            await tx.put((await wallet_of(tx, account)).hold(price))
            line = await queue_of(tx, account)
            serial = line.serial + 1
            kind = progress or account.progress or self.rules.progress
            draw_number = chance.nth(account.seed, "job", serial)
            plan = self._plan(kind, work, draw_number)
            tick = ids.next_tick(now, line.last_tick)
            while await tx.get(Job, job_id := name(tick, account.id)) is not None:
                tick += 1
            if kind is Progression.TIME:
                slots = slots_of(account, self.rules.slots)
                line, plan, starts_at = line.joined(plan, slots, now, tick)
            else:
                starts_at = now + plan.lead
                line = replace(line, serial=serial, last_tick=tick)
            await tx.put(line)
            job = Job(
                id=job_id,
                account=account.id,
                serial=serial,
                order=_as_kept(order, draw_number),
                plan=plan,
                price=price,
                progress=kind,
                submitted_at=now,
                starts_at=starts_at,
                position=now,
                waits_for=work.inputs,
                request_key=key_id,
                watch=watch,
            )
            if serial > self.rules.keep_jobs:  # With fewer ever made, there is room.
                await self._make_room(tx, account)
            await tx.put(job)
            if key_id:
                await tx.put(RequestKey(key_id, account.id, job.id, fingerprint, now))
            if watch is not None:
                self.on_watched(account.id)
            if starts_at <= now or watch is not None:  # Something of it may be due already.
                await apply_due(tx, account, self.rules.slots, now)
                job = await self._own_job(tx, account, job.id)
                return await self._snapshot(tx, job, now)
            return Snapshot(job, now, job.state_at(now), line if job.on_the_clock else None)

    async def look(self, account: Account, job_id: str, now: float) -> Snapshot:
        """Return the job as it stands; a job that polls move is moved by this look."""
        async with self.store.view() as view:
            job = await view.get(Job, job_id)
            if job is None or job.account != account.id:
                raise NotFound("job", job_id)
            polled = job.progress is Progression.POLLS and job.ending is None
            if not polled and not await view.due(Job, account.id, now):
                return await self._snapshot(view, job, now)
        async with self.store.transaction(account.id) as tx:
            await apply_due(tx, account, self.rules.slots, now)
            job = await self._own_job(tx, account, job_id)
            if polled and job.ending is None:
                polls = job.polls + 1
                position = position_after_polls(job, polls, self.rules.polls)
                job = await self._moved(tx, account, replace(job, polls=polls), position, now)
            if job.watch is not None:
                self.on_watched(account.id)
            return await self._snapshot(tx, job, now)

    async def cancel(
        self, account: Account, job_id: str, now: float, *, running_too: bool = True
    ) -> Snapshot:
        """Stop a job and give its credits back; one that is over raises AlreadyEnded."""
        async with self.store.transaction(account.id) as tx:
            await apply_due(tx, account, self.rules.slots, now)
            job = await self._own_job(tx, account, job_id)
            state = job.state_at(now)
            if job.ending is not None or (state is JobState.RUNNING and not running_too):
                raise AlreadyEnded(job_id)
            return await self._end_now(tx, account, job, Ending(now, JobState.CANCELED))

    async def finish(
        self, account: Account, job_id: str, now: float, *, failure: str | None = None
    ) -> Snapshot:
        """End a job by hand, well or with the reason for its failure."""
        async with self.store.transaction(account.id) as tx:
            await apply_due(tx, account, self.rules.slots, now)
            job = await self._own_job(tx, account, job_id)
            if job.ending is not None:
                raise AlreadyEnded(job_id)
            state = JobState.SUCCEEDED if failure is None else JobState.FAILED
            return await self._end_now(tx, account, job, Ending(now, state, failure or ""))

    async def advance(
        self, account: Account, job_id: str, now: float, *, seconds: float | None = None
    ) -> Snapshot:
        """Move a job that time does not move, by seconds of its own or into its next state."""
        async with self.store.transaction(account.id) as tx:
            await apply_due(tx, account, self.rules.slots, now)
            job = await self._own_job(tx, account, job_id)
            if job.ending is not None:
                raise AlreadyEnded(job_id)
            if job.on_the_clock:
                raise Conflict("time moves this job: advance the clock, or complete or fail it")
            if seconds is None:
                position = job.next_moment()
            else:
                position = min(job.position + max(0.0, seconds), job.ends_at)
            job = await self._moved(tx, account, job, position, now)
            if job.watch is not None:
                self.on_watched(account.id)
            return await self._snapshot(tx, job, now)

    # Uploads

    async def reserve(
        self,
        account: Account,
        now: float,
        *,
        upload_for: float,
        keep_for: float | None,
        media_type: str = "",
    ) -> Resource:
        """Make a place for one upload, open for so many seconds and kept for so many."""
        async with self.store.transaction(account.id) as tx:
            line = await queue_of(tx, account)
            tick = ids.next_tick(now, line.last_tick)
            while await tx.get(Resource, self._resource_id(account, tick)) is not None:
                tick += 1
            resource = Resource(
                id=self._resource_id(account, tick),
                account=account.id,
                made_at=now,
                upload_until=now + upload_for,
                keep_until=None if keep_for is None else now + keep_for,
                media_type=media_type,
            )
            await tx.put(replace(line, last_tick=tick))
            await tx.put(resource)
            if await tx.count(Resource, account.id) > self.rules.keep_resources:
                for oldest in await tx.list(Resource, account.id, limit=1):
                    await tx.delete(Resource, oldest.id)
            return resource

    async def receive(
        self, account: Account, resource: Resource, data: bytes, *, limit_bytes: int | None = None
    ) -> None:
        """Keep an upload's bytes; `resource` says when they came and what they are.

        `limit_bytes` stands in place of the rules' own.
        """
        limit_bytes = self.rules.upload_bytes if limit_bytes is None else limit_bytes
        if len(data) > limit_bytes:
            raise TooLarge("upload", limit_bytes=limit_bytes)
        await self.store.blobs.put(resource.id, account.id, data)
        async with self.store.transaction(account.id) as tx:
            if resource.uploaded_at is not None:
                # Jobs that have started by now saw what was there before.
                await apply_due(tx, account, self.rules.slots, resource.uploaded_at)
            await tx.put(resource)

    async def resource(self, resource_id: str) -> Resource | None:
        """Return the upload, whoever asks: its URL is the only proof that stores want."""
        return await self.store.get(Resource, resource_id)

    async def owner(self, id: str) -> Account | None:
        """Return an account by its id."""
        return await self.store.get(Account, id)

    async def job(self, job_id: str) -> Job | None:
        """Return a job as it was last written down, whoever asks."""
        return await self.store.get(Job, job_id)

    # Money

    async def wallet(self, account: Account, now: float) -> Wallet:
        """Return the account's sums at this moment."""
        async with self.store.transaction(account.id) as tx:
            await apply_due(tx, account, self.rules.slots, now)
            return await wallet_of(tx, account)

    # Inside

    def _plan(self, kind: Progression, work: Work, draw_number: int) -> Plan:
        plan = self.rules.planner.plan(work, draw_number)
        if kind is not Progression.INSTANT:
            return plan
        return AT_ONCE if plan.failure is None else replace(AT_ONCE, failure=plan.failure)

    @staticmethod
    def _resource_id(account: Account, tick: int) -> str:
        return ids.uuid_of(account.seed, "resource", account.id, tick)

    async def _moved(
        self, tx: Transaction, account: Account, job: Job, position: float, now: float
    ) -> Job:
        before = job.state_at(now)
        job = replace(job, position=position)
        if job.waits_for and job.moment(now) >= job.starts_at:
            if problem := await input_problem(tx, job, now):
                return await end(tx, account, job, Ending(now, JobState.FAILED, problem))
            job = replace(job, waits_for=())
        state = job.state_at(now)
        if state.final:
            return await end(tx, account, job, Ending(now, state, job.reason_at(now)))
        if job.watch is not None and job.watch.notify is not Notify.END and state is not before:
            job = await tell(tx, job, now, state)
        await tx.put(job)
        return job

    async def _end_now(
        self, tx: Transaction, account: Account, job: Job, ending: Ending
    ) -> Snapshot:
        """End a job before its time, and let those behind it move up."""
        job = await end(tx, account, job, ending)
        await reorder(tx, account, self.rules.slots, ending.at)
        self.on_watched(account.id)
        return await self._snapshot(tx, job, ending.at)

    async def _own_job(self, tx: Transaction, account: Account, job_id: str) -> Job:
        job = await tx.get(Job, job_id)
        if job is None or job.account != account.id:
            raise NotFound("job", job_id)
        return job

    async def _make_room(self, tx: Transaction, account: Account) -> None:
        """Forget the oldest jobs that are over, so that with one more the number is kept."""
        surplus = await tx.count(Job, account.id) + 1 - self.rules.keep_jobs
        if surplus <= 0:
            return
        for oldest in await tx.list(Job, account.id, limit=surplus + MAX_OPEN_SCANNED):
            if surplus > 0 and oldest.ending is not None:
                surplus -= 1
                await tx.delete(Job, oldest.id)
                key = await tx.get(RequestKey, oldest.request_key)
                if key is not None and key.job == oldest.id:
                    await tx.delete(RequestKey, key.id)

    async def _snapshot(self, view: View, job: Job, now: float) -> Snapshot:
        state = job.state_at(now)
        waits = job.on_the_clock and not state.started
        return Snapshot(job, now, state, await view.get(QueueState, job.account) if waits else None)


def _as_kept(order: Order, draw_number: int) -> Order:
    """Return the order with a seed of its own, sharing the texts that thousands have in common."""
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
