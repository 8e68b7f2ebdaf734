"""The outbox of an account: which notices are due, who sends them, and what became of them.

Nothing that was promised is forgotten: a notice is kept until it has arrived or was given up, and
its job as well. So a call beyond the bound is told that it gets no notices.
"""

from __future__ import annotations

from collections.abc import Callable, Collection

from msgspec.structs import replace

from mock_server.core.ids import id_of
from mock_server.core.jobs.job import Job
from mock_server.core.jobs.queue import QueueState
from mock_server.core.jobs.watch import Watch
from mock_server.core.outbox import Delivery
from mock_server.core.store import View
from mock_server.core.unit_of_work import UnitOfWork

FOR_EVER = float("inf")

_FIRST_LOOK = 8  # how many notices of a receiver are looked at, before more of them


async def receivers(
    world: UnitOfWork, until: float, *, busy: Collection[str] = (), claimed: bool = False
) -> list[str]:
    """Return who has something to get by then, apart from those who are `busy`.

    What is being sent does not count, unless `claimed` is set.
    """
    groups = await world.tx.due_groups(Delivery, world.account.id)
    return [
        group
        for group in groups
        if group not in busy and await next_for(world, group, until, claimed=claimed) is not None
    ]


async def next_for(
    world: UnitOfWork, receiver: str, until: float, *, claimed: bool = False
) -> Delivery | None:
    """Return the notice that the receiver gets next, if it is due by `until`.

    What tells of a moment after now has not happened, whenever it would be due.
    """

    def fits(each: Delivery) -> bool:
        return each.made_at <= world.now and (claimed or not each.is_claimed(world.wall))

    return await _first_in_turn(world.tx, world.account.id, receiver, until, fits)


async def claim(world: UnitOfWork, delivery: Delivery, claim: str, seconds: float) -> Delivery:
    """Mark a notice as being sent, for some real seconds; return it."""
    delivery = replace(delivery, claim=claim, claimed_until=world.wall + seconds)
    await world.tx.put(delivery)
    return delivery


async def post(
    world: UnitOfWork, watch: Watch, topic: str, content: bytes, *, due_at: float | None = None
) -> Delivery | None:
    """Keep a notice that is about no job, due now or at a later moment; None if too many are."""
    if not await world.may_notify():
        return None
    moment = world.now if due_at is None else due_at
    return await _post(world, watch, topic, content, moment)


async def question(
    world: UnitOfWork, watch: Watch, topic: str, content: bytes, claim: str
) -> Delivery:
    """Keep a question, which the claimer sends at once; it is never due."""
    return await _post(world, watch, topic, content, world.now, claim)


async def _post(
    world: UnitOfWork, watch: Watch, topic: str, content: bytes, moment: float, claim: str = ""
) -> Delivery:
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
    world.callbacks_changed = True
    return delivery


async def keep(world: UnitOfWork, claim: str, delivery: Delivery) -> None:
    """Write what became of a claimed notice; one that was forgotten meanwhile stays forgotten.

    The notices behind it are due when it is over, and no earlier than its next try.
    """
    tx = world.tx
    kept = await tx.get(Delivery, delivery.id)
    if kept is None or kept.claim != claim:
        return
    moved = kept.made_at - delivery.made_at
    if moved:  # The wall clock was set back meanwhile.
        due_at = None if delivery.due_at is None else delivery.due_at + moved
        delivery = replace(delivery, made_at=kept.made_at, due_at=due_at)
    await tx.put(delivery)
    if delivery.job and not delivery.overtaken:
        await _keep_those_behind(world, delivery, moved)
    if delivery.due_at is None:
        if kept.due_at is not None and (job := await tx.get(Job, delivery.job)) is not None:
            await tx.put(replace(job, open_notices=job.open_notices - 1))
        await _make_room(world)


async def _keep_those_behind(world: UnitOfWork, delivery: Delivery, moved: float) -> None:
    moment = delivery.due_at
    if moment is None:
        if not delivery.attempts:
            return
        moment = delivery.attempts[-1].at + moved
    number = delivery.number + 1
    while (each := await world.tx.get(Delivery, f"{delivery.job}-{number}")) is not None:
        if each.topic == delivery.topic and each.due_at is not None:
            due_at = max(each.made_at, moment)
            if due_at != each.due_at:
                await world.tx.put(replace(each, due_at=due_at))
        number += 1


async def _make_room(world: UnitOfWork) -> None:
    """Forget the notices that have been over for longest, beyond the number that is kept."""
    tx, account = world.tx, world.account.id
    kept = await tx.count(Delivery, account) - await tx.count_due(Delivery, account)
    surplus = kept - world.rules.keep_callbacks
    if surplus > 0:
        for each in await tx.over(Delivery, account, limit=surplus):
            await tx.delete(Delivery, each.id)


async def ahead(
    view: View, account: str, wall: float, busy: Collection[str] = ()
) -> tuple[float | None, float | None]:
    """Return when something is to be sent next, and the real time at which a claim ends.

    A change of a job may cause a notice, if any are watched. `busy` receivers are left out.
    """
    moments: list[float] = []
    claims: list[float] = []

    def is_free(each: Delivery) -> bool:
        if each.is_claimed(wall):
            claims.append(each.claimed_until)
            return False
        return True

    queue = await view.get(QueueState, account)
    if queue is not None and queue.watched > 0:
        job = await view.next_due((Job,), account, FOR_EVER)
        if job is not None:
            moments.append(job.due_at)
    for group in await view.due_groups(Delivery, account):
        if group in busy:
            continue
        each = await _first_in_turn(view, account, group, FOR_EVER, is_free)
        if each is not None and each.due_at is not None:
            moments.append(each.due_at)
    return min(moments, default=None), min(claims, default=None)


async def _first_in_turn(
    view: View, account: str, receiver: str, until: float, fits: Callable[[Delivery], bool]
) -> Delivery | None:
    """Return the receiver's first notice that fits and waits for none of its job and topic."""
    seen, limit = 0, _FIRST_LOOK
    while True:
        due = await view.due(Delivery, account, until, limit=limit, group=receiver)
        for each in due[seen:]:
            if fits(each) and await _is_first(view, each):
                return each
        if len(due) < limit:
            return None
        seen, limit = limit, 8 * limit


async def _is_first(view: View, delivery: Delivery) -> bool:
    if not delivery.job:
        return True
    for number in range(1, delivery.number):
        each = await view.get(Delivery, f"{delivery.job}-{number}")
        if each is not None and each.topic == delivery.topic and each.is_waited_for:
            return False
    return True
