"""The outbox of each account: notices that are due, and what became of them."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from mock_server.core.accounts import Account
from mock_server.core.ids import id_of, next_tick
from mock_server.core.jobs.due import apply_due, queue_of, thin_out
from mock_server.core.jobs.job import Job
from mock_server.core.jobs.watch import Watch
from mock_server.core.outbox import Delivery
from mock_server.core.store import Store


class OutboxService:
    """Reads and keeps the outboxes; `slots` is the server's number for accounts without one."""

    def __init__(self, store: Store, slots: int) -> None:
        self.store = store
        self.slots = slots

    async def due(
        self, account: Account, until: float, *, apply_at: float | None = None
    ) -> tuple[Sequence[Delivery], Sequence[Delivery]]:
        """Write down what has fallen due; return the notices due by then, and all open ones.

        What tells of a moment after `settle_at` has not happened, and is not due however it lies.
        """
        now = until if apply_at is None else apply_at
        async with self.store.transaction(account.id) as tx:
            await apply_due(tx, account, self.slots, now)
            due = [
                each for each in await tx.due(Delivery, account.id, until) if each.made_at <= now
            ]
            return due, await tx.due(Delivery, account.id, float("inf"))

    async def post(
        self,
        account: Account,
        watch: Watch,
        topic: str,
        content: bytes,
        now: float,
        *,
        due_at: float | None = None,
        asked: bool = False,
    ) -> Delivery:
        """Keep a notice about something that is no job, of now or a later moment, or a question.

        A question is never due: whoever asks sends it, and keeps what became of it.
        """
        moment = now if due_at is None else due_at
        async with self.store.transaction(account.id) as tx:
            line = await queue_of(tx, account)
            tick = next_tick(now, line.last_tick)
            await tx.put(replace(line, last_tick=tick))
            delivery = Delivery(
                id=f"{id_of(tick, account.id)}-1",
                account=account.id,
                job="",
                number=1,
                watch=watch,
                state=None,
                done=0.0,
                made_at=moment,
                due_at=None if asked else moment,
                topic=topic,
                content=content,
                asked=asked,
            )
            await tx.put(delivery)
            await thin_out(tx, account.id)
            return delivery

    async def ahead(self, account: Account) -> tuple[float | None, Sequence[Delivery]]:
        """Return when a notice may be written next, as far as is known now, and the open ones."""
        async with self.store.view() as view:
            jobs = await view.due(Job, account.id, float("inf"))
            moment = None
            if any(job.watch is not None for job in jobs):
                # A job without its input fails at its start, and watched ones behind it move up.
                moment = next(job.due_at for job in jobs if job.watch or job.waits_for)
            return moment, await view.due(Delivery, account.id, float("inf"))

    async def all(self, account: Account | None) -> Sequence[Delivery]:
        """Return the notices that are kept, the oldest first."""
        return await self.store.list(Delivery, None if account is None else account.id)

    async def find(self, account: Account, id: str) -> Delivery | None:
        """Return one of the account's notices."""
        found = await self.store.get(Delivery, id)
        return found if found is not None and found.account == account.id else None

    async def keep(self, account: Account, delivery: Delivery) -> None:
        """Write down what became of a notice; one that was forgotten meanwhile stays so.

        Whatever waited for it is due from now on and no earlier.
        """
        async with self.store.transaction(account.id) as tx:
            if await tx.get(Delivery, delivery.id) is None:
                return
            await tx.put(delivery)
            if delivery.due_at is not None or not delivery.attempts:
                return
            over_at = delivery.attempts[-1].at
            for each in await tx.due(Delivery, account.id, over_at):
                if each.lane == delivery.lane and each.number > delivery.number:
                    await tx.put(replace(each, due_at=over_at))
