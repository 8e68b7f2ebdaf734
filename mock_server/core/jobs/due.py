"""Writing down what has fallen due: inputs looked at, endings, charges, releases, the line.

Everything here happens inside a transaction that its caller opened.
"""

from __future__ import annotations

from heapq import heapify, heappop, heappush

from msgspec.structs import replace

from mock_server.core.accounts import SERVER, Account, Progression
from mock_server.core.credits import Wallet
from mock_server.core.jobs.job import Ending, Job, JobState
from mock_server.core.jobs.queue import QueueState, reordered
from mock_server.core.jobs.watch import Watch
from mock_server.core.outbox import Delivery
from mock_server.core.resources import Resource
from mock_server.core.store import Transaction

# How many notices of an account are kept, sent or not; the oldest make room.
KEEP_DELIVERIES = 1000


async def wallet_of(tx: Transaction, account: Account) -> Wallet:
    """Return the account's wallet; a new account has its opening balance in it."""
    return await tx.get(Wallet, account.id) or Wallet(account.id, account.id, account.opening)


async def queue_of(tx: Transaction, account: Account) -> QueueState:
    """Return the account's line of jobs."""
    return await tx.get(QueueState, account.id) or QueueState(account.id, account.id)


def slots_of(account: Account, default: int) -> int:
    """Return how many of the account's jobs run side by side."""
    return default if account.slots is None else account.slots


async def apply_due(tx: Transaction, account: Account, slots: int, now: float) -> list[Job]:
    """Write down all that fell due up to `now`; return the jobs that ended, the earliest first."""
    ended: list[Job] = []
    told = False
    while jobs := await tx.due(Job, account.id, now):
        due = [_dated(job) for job in jobs]
        heapify(due)
        while due:
            job = heappop(due)[-1]
            told = told or job.watch is not None
            notice_at = job.notice_at
            if notice_at is not None and not (job.waits_for and notice_at >= job.starts_at):
                job = await _told(tx, job, notice_at, job.state_at(notice_at))
            elif job.waits_for:
                problem = await input_problem(tx, job, job.starts_at)
                if problem:
                    ending = Ending(job.starts_at, JobState.FAILED, problem)
                    ended.append(await _ended(tx, account, job, ending))
                    await reorder(tx, account, slots, job.starts_at)
                    break  # Others may start sooner now, so what is due has to be asked anew.
                job = replace(job, waits_for=())
            else:
                state = job.state_at(job.ends_at)
                ending = Ending(job.ends_at, state, job.reason_at(job.ends_at))
                ended.append(await _ended(tx, account, job, ending))
                continue
            await tx.put(job)
            if job.due_at is not None and job.due_at <= now:
                heappush(due, _dated(job))
    if told:
        await thin_out(tx, account.id)
    return sorted(ended, key=lambda job: (job.ended_at, job.serial))


def _dated(job: Job) -> tuple[float, str, Job]:
    return job.due_at or 0.0, job.id, job


async def end(tx: Transaction, account: Account, job: Job, ending: Ending) -> Job:
    """Write an ending down and charge for it, or give the held credits back."""
    job = await _ended(tx, account, job, ending)
    if job.watch is not None:
        await thin_out(tx, account.id)
    return job


async def tell(tx: Transaction, job: Job, at: float, state: JobState) -> Job:
    """Write a notice for the job's watch, if it has one, and return the job that knows of it."""
    job = await _told(tx, job, at, state)
    await thin_out(tx, job.account)
    return job


async def thin_out(tx: Transaction, account: str) -> None:
    """Forget the oldest notices beyond the number that is kept."""
    surplus = await tx.count(Delivery, account) - KEEP_DELIVERIES
    if surplus > 0:
        for oldest in await tx.list(Delivery, account, limit=surplus):
            await tx.delete(Delivery, oldest.id)


async def reorder(tx: Transaction, account: Account, slots: int, now: float) -> None:
    """Let the account's waiting jobs move up after something ended before its time."""
    timed = [
        job
        for job in await tx.due(Job, account.id, float("inf"))
        if job.progress is Progression.TIME
    ]
    line, moved = reordered(await queue_of(tx, account), timed, slots_of(account, slots), now)
    await tx.put(line)
    for job in moved:
        await tx.put(job)


async def input_problem(tx: Transaction, job: Job, moment: float) -> str:
    """Return what is wrong with the uploads that the job needs at the moment, or nothing."""
    for resource_id in job.waits_for:
        resource = await tx.get(Resource, resource_id)
        if resource is None or resource.account not in (job.account, SERVER):
            return f"input image {resource_id} was never uploaded"
        if problem := resource.problem_at(moment):
            return problem
    return ""


async def _ended(tx: Transaction, account: Account, job: Job, ending: Ending) -> Job:
    wallet = await wallet_of(tx, account)
    done = ending.state is JobState.SUCCEEDED
    await tx.put(wallet.charge(job.price) if done else wallet.release(job.price))
    job = await _told(tx, replace(job, ending=ending), ending.at, ending.state)
    await tx.put(job)
    return job


async def _told(tx: Transaction, job: Job, at: float, state: JobState) -> Job:
    if job.watch is None:
        return job
    for number, topic in enumerate(_topics(job.watch, state), job.told + 1):
        await tx.put(
            Delivery(
                id=f"{job.id}-{number}",
                account=job.account,
                job=job.id,
                number=number,
                watch=job.watch,
                state=state,
                done=job.done_at(at),
                made_at=at,
                due_at=at,
                topic=topic,
            )
        )
        job = replace(job, told=number)
    return job


def _topics(watch: Watch, state: JobState) -> tuple[str, ...]:
    if not state.final:
        return ("",)
    return watch.on_success if state is JobState.SUCCEEDED else watch.on_failure
