"""What happens to a job when it falls due: its states, its inputs, its end, and the notices.

Everything here happens inside a unit of work.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from mock_server.core.accounts import SERVER, Progression
from mock_server.core.jobs.job import Ending, Job, JobState
from mock_server.core.jobs.queue import reordered
from mock_server.core.jobs.watch import Notify, Watch
from mock_server.core.outbox import Delivery
from mock_server.core.resources import Resource

if TYPE_CHECKING:
    from mock_server.core.unit_of_work import UnitOfWork

# How many notices of an account are kept, sent or not; the oldest make room.
KEEP_DELIVERIES = 1000

JOB = "job"


async def apply_job(world: UnitOfWork, job: Job) -> None:
    """Bring a job that is due over its next border, and over further ones of the same moment."""
    at = due_at = job.due_at
    while at is not None and due_at == at:
        job = await _apply_next(world, job, at)
        due_at = job.due_at


async def _apply_next(world: UnitOfWork, job: Job, at: float) -> Job:
    progress_at = job.progress_notice_at
    if progress_at is not None and progress_at <= at:
        job = await tell(world, job, progress_at, job.state_at(progress_at))
        await world.tx.put(job)
        return job
    state = _STATES[job.applied]
    if job.applied == 0 and not job.plan.pending:
        state = JobState.WAITING
    if state is None:
        failure = job.plan.failure
        ending = Ending(at, JobState.SUCCEEDED)
        if failure is not None:
            ending = Ending(at, JobState.FAILED, failure.reason)
        return await end(world, job, ending)
    if state is JobState.RUNNING and job.waits_for:
        if problem := await input_problem(world, job, at):
            job = await end(world, job, Ending(at, JobState.FAILED, problem))
            await reorder(world, at)
            return job
        job = replace(job, waits_for=())
    world.happened(at, JOB, job.id, state)
    job = replace(job, applied=_STATES.index(state) + 1)
    if _is_told(job, at, state):
        job = await tell(world, job, at, state)
    await world.tx.put(job)
    return job


# The state that begins at each border; the last border is the end.
_STATES = (JobState.PENDING, JobState.WAITING, JobState.RUNNING, None)


def _is_told(job: Job, at: float, state: JobState) -> bool:
    """Return whether the job's watch wants to hear of a state that begins before the end."""
    if job.watch is None or job.watch.notify is not Notify.CHANGES or at >= job.ends_at:
        return False
    return state is not JobState.WAITING or job.queued_at < job.starts_at


async def end(world: UnitOfWork, job: Job, ending: Ending) -> Job:
    """Write an ending, and charge the job's price or give the held credits back."""
    wallet = await world.wallet()
    done = ending.state is JobState.SUCCEEDED
    await world.tx.put(wallet.charge(job.price) if done else wallet.release(job.price))
    job = await tell(world, replace(job, ending=ending), ending.at, ending.state)
    await world.tx.put(job)
    world.happened(ending.at, JOB, job.id, ending.state)
    return job


async def reorder(world: UnitOfWork, now: float) -> None:
    """Let the account's waiting jobs move up after something ended before its time."""
    open_jobs = await world.tx.due(Job, world.account.id, float("inf"))
    timed = [job for job in open_jobs if job.progress is Progression.TIME]
    queue, moved = reordered(await world.queue(), timed, world.slots, now)
    await world.tx.put(queue)
    for job in moved:
        await world.tx.put(job)


async def input_problem(world: UnitOfWork, job: Job, moment: float) -> str:
    """Return what is wrong with the uploads that the job needs at the moment, or nothing."""
    for resource_id in job.waits_for:
        resource = await world.tx.get(Resource, resource_id)
        if resource is None or resource.account not in (job.account, SERVER):
            return f"input image {resource_id} was never uploaded"
        if problem := resource.problem_at(moment):
            return problem
    return ""


async def tell(world: UnitOfWork, job: Job, at: float, state: JobState) -> Job:
    """Write a notice for the job's watch, if it has one; return the job with its count."""
    if job.watch is None:
        return job
    for number, topic in enumerate(_topics(job.watch, state), job.told + 1):
        delivery = Delivery(
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
        await world.tx.put(delivery)
        job = replace(job, told=number)
    await drop_oldest_deliveries(world)
    world.callbacks_changed = True
    return job


async def drop_oldest_deliveries(world: UnitOfWork) -> None:
    """Forget the oldest notices beyond the number that is kept."""
    account = world.account.id
    surplus = await world.tx.count(Delivery, account) - KEEP_DELIVERIES
    if surplus > 0:
        for oldest in await world.tx.list(Delivery, account, limit=surplus):
            await world.tx.delete(Delivery, oldest.id)


def _topics(watch: Watch, state: JobState) -> tuple[str, ...]:
    if not state.final:
        return ("",)
    return watch.on_success if state is JobState.SUCCEEDED else watch.on_failure
