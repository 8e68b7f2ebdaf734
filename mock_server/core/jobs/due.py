"""What happens to a job when it falls due: its states, its inputs, its end, and the notices.

Everything here happens inside a unit of work.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from msgspec.structs import replace

from mock_server.core.accounts import SERVER
from mock_server.core.jobs.job import RUNS, Ending, Job, JobState, Order
from mock_server.core.jobs.queue import APART, MAX_MOVED, QueuePlace
from mock_server.core.jobs.watch import Notify, Watch
from mock_server.core.outbox import Delivery
from mock_server.core.resources import Resource

if TYPE_CHECKING:
    from mock_server.core.unit_of_work import UnitOfWork

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
    state, applied = _next_state(job)
    if state is None:
        failure = job.plan.failure
        ending = Ending(at, JobState.SUCCEEDED)
        if failure is not None:
            ending = Ending(at, JobState.FAILED, failure.reason)
        return await end(world, job, ending)
    if applied == RUNS:
        if problem := await start_problem(world, job, at):
            return await end_early(world, job, Ending(at, JobState.FAILED, problem))
        if job.waits_for:
            job = replace(job, waits_for=())
        await _start(world, job, at)
    world.happened(at, JOB, job.id, state)
    job = replace(job, applied=applied)
    if _is_told(job, at, state):
        job = await tell(world, job, at, state)
    await world.tx.put(job)
    return job


def _next_state(job: Job) -> tuple[JobState | None, int]:
    """Return the state that begins next (None is the end), and how many borders are applied then.

    A job that lost its worker may go back into the queue, and come out of it, several times.
    """
    applied = job.applied
    if applied == 0 and job.plan.pending:
        return JobState.PENDING, 1
    if applied < RUNS - 1:
        return JobState.WAITING, RUNS - 1
    turn = applied - RUNS
    if turn >= 0 and (not job.plan.course or turn >= len(job.turns)):
        return None, applied
    return (JobState.RUNNING if turn % 2 else JobState.WAITING), applied + 1


def _is_told(job: Job, at: float, state: JobState) -> bool:
    """Return whether the job's watch wants to hear of a state that begins before the end."""
    if job.watch is None or job.watch.notify is not Notify.CHANGES or at >= job.ends_at:
        return False
    return state is not JobState.WAITING or job.applied > RUNS or job.queued_at < job.starts_at


async def end(world: UnitOfWork, job: Job, ending: Ending) -> Job:
    """Write an ending, and charge the job's price or give the held credits back."""
    wallet = await world.wallet()
    done = ending.state is JobState.SUCCEEDED
    job = replace(job, ending=ending)
    await world.tx.put(wallet.charge(job.price) if done else wallet.release(job.price))
    if job.watch is not None:
        queue = await world.queue()
        await world.tx.put(replace(queue, watched=queue.watched - 1))
    job = await tell(world, replace(job, order=_made(job)), ending.at, ending.state)
    await world.tx.put(job)
    world.happened(ending.at, JOB, job.id, ending.state)
    return job


def _made(job: Job) -> Order:
    """Return the order of a job that has ended, with the size of what it has made."""
    order, plan, failure = job.order, job.plan, job.planned_failure
    if failure is None or not failure.kept:
        return order
    width, height = plan.sizes[failure.kept - 1] if plan.sizes else (order.width, order.height)
    return replace(order, width=width, height=height, frames=1, fps=0, stills=())


async def end_early(world: UnitOfWork, job: Job, ending: Ending) -> Job:
    """End a job before its time, and let those behind it move up."""
    if job.queues:
        queue = await world.queue()
        has_place = await world.tx.get(QueuePlace, job.id) is not None
        await world.tx.delete(QueuePlace, job.id)
        await world.tx.put(queue.left(job, has_place=has_place))
        await move_up(world, ending.at, not_before=ending.at)
    return await end(world, job, ending)


async def _start(world: UnitOfWork, job: Job, at: float) -> None:
    """Take a job that starts out of the queue."""
    if await world.tx.get(QueuePlace, job.id) is None:
        return  # Only jobs that time advances wait for others.
    queue = await world.queue()
    await world.tx.delete(QueuePlace, job.id)
    await world.tx.put(queue.started(job.ends_at, at))
    if queue.inexact:
        await move_up(world, at, not_before=at + APART)


async def move_up(world: UnitOfWork, now: float, not_before: float) -> None:
    """Let the first jobs of the queue start as soon as they can."""
    tx, queue = world.tx, await world.queue()
    places: Sequence[QueuePlace | None]
    if queue.waiting <= MAX_MOVED:
        places = await tx.due(QueuePlace, world.account.id)
    else:
        places = [await tx.next_due((QueuePlace,), world.account.id, float("inf"))]
    found = [await tx.get(Job, place.id) for place in places if place is not None]
    jobs = [job for job in found if job is not None]
    queue, moved = queue.moved_up(jobs, world.rules.slots, now, not_before)
    await tx.put(queue)
    for job in moved:
        await tx.put(job)
        await tx.put(QueuePlace(job.id, job.account, job.starts_at))


async def start_problem(world: UnitOfWork, job: Job, moment: float) -> str:
    """Return why the job cannot start at the moment, or nothing."""
    if job.order.model in world.rules.failing_models:
        return f"model {job.order.model} is no longer available"
    return await input_problem(world, job, moment) if job.waits_for else ""


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
    topics = _topics(job.watch, state)
    for number, topic in enumerate(topics, job.told + 1):
        delivery = Delivery(
            id=f"{job.id}-{number}",
            account=job.account,
            job=job.id,
            number=number,
            watch=job.watch,
            state=state,
            done=job.done_at(at),
            made_at=at,
            due_at=max(at, await _next_try(world, job, topic)),
            topic=topic,
        )
        await world.tx.put(delivery)
    world.callbacks_changed = True
    new = len(topics)
    return replace(job, told=job.told + new, open_notices=job.open_notices + new)


async def _next_try(world: UnitOfWork, job: Job, topic: str) -> float:
    """Return when the last open notice of a job on a topic is due; later ones wait for it."""
    for number in range(job.told, 0, -1):
        each = await world.tx.get(Delivery, f"{job.id}-{number}")
        if each is not None and each.topic == topic and not each.overtaken:
            return each.due_at or 0.0
    return 0.0


def _topics(watch: Watch, state: JobState) -> tuple[str, ...]:
    if not state.final:
        return ("",)
    return watch.on_success if state is JobState.SUCCEEDED else watch.on_failure
