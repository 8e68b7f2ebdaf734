"""What follows when the wall clock was set back, and with it an account's time.

Jobs, their notices and the steps of scenarios move with it: what has ended stays so, and the
rest takes as long as before. Moments that were promised, such as the end of a URL, stay.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from mock_server.core.jobs.job import Job
from mock_server.core.jobs.queue import QueuePlace
from mock_server.core.outbox import Delivery
from mock_server.core.scenarios import ScenarioStep

if TYPE_CHECKING:
    from mock_server.core.unit_of_work import UnitOfWork


async def move_jobs(world: UnitOfWork, seconds: float) -> None:
    """Move the account's jobs, its queue and its notices by so many seconds."""
    account = world.account.id
    for job in await world.tx.list(Job, account):
        await world.tx.put(
            replace(
                job,
                submitted_at=job.submitted_at + seconds,
                starts_at=job.starts_at + seconds,
                position=job.position + seconds if job.position else 0.0,
                ending=job.ending and replace(job.ending, at=job.ending.at + seconds),
            )
        )
    await world.tx.put((await world.queue()).shifted(seconds))
    for place in await world.tx.list(QueuePlace, account):
        await world.tx.put(replace(place, due_at=place.due_at + seconds))
    for delivery in await world.tx.list(Delivery, account):
        due_at = None if delivery.due_at is None else delivery.due_at + seconds
        await world.tx.put(replace(delivery, made_at=delivery.made_at + seconds, due_at=due_at))
    for step in await world.tx.list(ScenarioStep, account):
        if step.due_at is not None:
            await world.tx.put(replace(step, due_at=step.due_at + seconds))
