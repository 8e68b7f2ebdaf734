"""The outbox of an account: which notices are due, who sends them, and what became of them."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from mock_server.core.ids import id_of
from mock_server.core.jobs.due import drop_oldest_deliveries
from mock_server.core.jobs.job import Job
from mock_server.core.jobs.watch import Watch
from mock_server.core.outbox import Delivery, in_turn
from mock_server.core.store import View
from mock_server.core.unit_of_work import UnitOfWork

FOR_EVER = float("inf")


async def ready(world: UnitOfWork, until: float) -> list[Delivery]:
    """Return the notices that are due by `until`, in turn and not claimed, the earliest first.

    What tells of a moment after now has not happened, whenever it would be due.
    """
    due = await world.tx.due(Delivery, world.account.id, until)
    free = [each for each in due if each.made_at <= world.now and not each.is_claimed(world.wall)]
    return in_turn(free, await world.tx.due(Delivery, world.account.id, FOR_EVER))


async def claim(world: UnitOfWork, delivery: Delivery, claim: str, seconds: float) -> Delivery:
    """Mark a notice as being sent, for some real seconds; return it."""
    delivery = replace(delivery, claim=claim, claimed_until=world.wall + seconds)
    await world.tx.put(delivery)
    return delivery


async def post(
    world: UnitOfWork,
    watch: Watch,
    topic: str,
    content: bytes,
    *,
    due_at: float | None = None,
    claim: str = "",
) -> Delivery:
    """Keep a notice that is about no job, due now or at a later moment.

    With a `claim` it is a question: the claimer sends it at once, and it is never due.
    """
    moment = world.now if due_at is None else due_at
    account = world.account.id
    delivery = Delivery(
        id=f"{id_of(await world.new_tick(), account)}-1",
        account=account,
        job="",
        number=1,
        watch=watch,
        state=None,
        done=0.0,
        made_at=moment,
        due_at=None if claim else moment,
        topic=topic,
        content=content,
        asked=bool(claim),
        claim=claim,
    )
    await world.tx.put(delivery)
    await drop_oldest_deliveries(world)
    world.callbacks_changed = True
    return delivery


async def keep(world: UnitOfWork, claim: str, delivery: Delivery) -> None:
    """Write what became of a claimed notice; one that was forgotten meanwhile stays forgotten.

    A notice that waited for it is due from now on and no earlier.
    """
    kept = await world.tx.get(Delivery, delivery.id)
    if kept is None or kept.claim != claim:
        return
    await world.tx.put(delivery)
    if delivery.due_at is not None or not delivery.attempts:
        return
    over_at = delivery.attempts[-1].at
    for each in await world.tx.due(Delivery, world.account.id, over_at):
        if each.lane == delivery.lane and each.number > delivery.number:
            await world.tx.put(replace(each, due_at=over_at))


async def ahead(view: View, account: str) -> tuple[float | None, Sequence[Delivery]]:
    """Return when a notice may be written next, as far as is known now, and the open ones."""
    jobs = await view.due(Job, account, FOR_EVER)
    moment = None
    if any(job.watch is not None for job in jobs):
        # A job without its input fails at its start, and watched ones behind it move up.
        moment = next(job.due_at for job in jobs if job.watch or job.waits_for)
    return moment, await view.due(Delivery, account, FOR_EVER)
