"""The ledger of an account, read from its jobs and top-ups: every line that made its sums."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING

from mock_server.core.credits import ZERO, Entry, TopUp, Wallet
from mock_server.core.errors import Invalid
from mock_server.core.jobs.job import Job, JobState

if TYPE_CHECKING:
    from mock_server.core.unit_of_work import UnitOfWork


def entries(wallet: Wallet, jobs: Iterable[Job], top_ups: Iterable[TopUp]) -> list[Entry]:
    """Return the lines in the order of their moments; their amounts add up to the balance.

    A hold takes its amount, a release gives it back, and a charge makes a hold final without
    changing the balance again. One line, "carried", stands for jobs that are no longer kept and for
    charges that a reset of the credits removed.
    """
    lines: list[Entry] = []
    charged = ZERO
    for job in jobs:
        if not job.price:
            continue  # It does not change the balance.
        lines.append(Entry(job.submitted_at, "hold", -job.price, job.id))
        if job.ending is None:
            continue
        if job.ending.state is JobState.SUCCEEDED:
            charged += job.price
            lines.append(Entry(job.ending.at, "charge", ZERO, job.id))
        else:
            lines.append(Entry(job.ending.at, "release", job.price, job.id))
    lines.extend(
        Entry(each.at, "top-up", each.amount, note=each.reason, top_up=each.id) for each in top_ups
    )
    lines.sort(key=lambda line: line.at)
    start = lines[0].at if lines else 0.0
    head = [Entry(start, "opening", wallet.opening)]
    carried: Decimal = wallet.charged - charged
    if carried:
        head.append(Entry(start, "carried", -carried, note="from before what is kept"))
    return head + lines


async def set_balance(
    world: UnitOfWork, *, to: Decimal | None = None, by: Decimal = ZERO, reason: str
) -> Wallet:
    """Change what can be spent, to an amount or by one; it cannot become negative."""
    wallet = await world.wallet()
    change = by if to is None else to - wallet.balance
    if change < ZERO and wallet.balance + change < ZERO:
        raise Invalid("balance", f"cannot become negative: {wallet.balance + change}")
    wallet = wallet.top_up(change)
    id = world.account.id
    serial = await world.tx.count(TopUp, id) + 1
    await world.tx.put(TopUp(f"{id}/{serial}", id, world.now, change, reason))
    await world.tx.put(wallet)
    return wallet


async def last_price(world: UnitOfWork) -> Decimal | None:
    """Return the price of the account's last job; None without jobs."""
    jobs = await world.tx.page(Job, world.account.id, limit=1)
    return jobs[0].price if jobs else None


async def records_of(world: UnitOfWork) -> tuple[Wallet, Sequence[Job], Sequence[TopUp]]:
    """Return the sums and what made them: the arguments of `entries`."""
    id = world.account.id
    return await world.wallet(), await world.tx.list(Job, id), await world.tx.list(TopUp, id)
