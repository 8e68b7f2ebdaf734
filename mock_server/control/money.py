"""Balances and ledgers: what an account can spend, and every line of its history."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import Annotated

from pydantic import Field

from mock_server.core.credits import MAX_CREDITS, ZERO, Entry, Wallet, in_usd
from mock_server.core.errors import Conflict, NotFound
from mock_server.core.ledger import entries, last_price, records_of, set_balance
from mock_server.core.unit_of_work import UnitOfWork
from mock_server.web.calls import Call
from mock_server.web.json_bodies import (
    WHOLE,
    Amount,
    ChoiceBody,
    Credits,
    OutgoingBody,
    PageBody,
    PageQuery,
    TextOrNull,
)
from mock_server.web.json_values import iso, plain_number


class BalanceChangeBody(ChoiceBody):
    """Sets what can be spent, or adds to it.

    `jobs` is for how many more jobs it is enough, of a `price` or that of the account's last job.
    """

    beside = frozenset({"price", "reason"})

    balance: Credits | None = None
    top_up: Credits | None = None
    jobs: Annotated[int, Field(ge=0, le=1_000_000), WHOLE] | None = None
    price: Credits | None = None
    reason: Annotated[str, Field(max_length=200)] | None = None


class BalanceBody(OutgoingBody):
    """The sums of an account: balance = opening + toppedUp - charged - held."""

    account: str
    balance: Amount
    usd: Amount
    opening: Amount
    topped_up: Amount
    charged: Amount
    held: Amount

    @classmethod
    def of(cls, wallet: Wallet) -> BalanceBody:
        return cls.like(wallet, usd=in_usd(wallet.balance))


class LineBody(OutgoingBody):
    """A line of the ledger: a change of the balance, and the balance after it."""

    at: float
    iso: str
    kind: str
    amount: Amount
    balance: Amount
    job: TextOrNull
    note: TextOrNull


class LedgerBody(PageBody):
    """A page of lines, the account's sums, and whether these agree with all lines."""

    lines: list[LineBody]
    sums: BalanceBody
    equation: str
    holds: bool

    @classmethod
    def of(cls, wallet: Wallet, entries: list[Entry], query: PageQuery) -> LedgerBody:
        """Return a page; raises NotFound for a place that is not in the ledger."""
        lines = entries[::-1]
        places = map(_place, lines)
        first = (
            0
            if query.before is None
            else next(
                (number for number, place in enumerate(places, 1) if place == query.before), 0
            )
        )
        if query.before is not None and not first:
            raise NotFound("place", query.before)
        page = lines[first : first + query.limit]
        balance = sum((entry.amount for entry in entries), ZERO)
        holds = balance == wallet.balance
        balance -= sum((entry.amount for entry in lines[:first]), ZERO)
        shown = []
        for entry in page:
            shown.append(LineBody.like(entry, iso=iso(entry.at), balance=balance))
            balance -= entry.amount
        return cls(
            next=_place(page[-1]) if first + len(page) < len(lines) else None,
            lines=shown,
            sums=BalanceBody.of(wallet),
            equation=(
                f"{plain_number(wallet.balance)} = {plain_number(wallet.opening)} opening"
                f" + {plain_number(wallet.topped_up)} topped up"
                f" - {plain_number(wallet.charged)} charged - {plain_number(wallet.held)} held"
            ),
            holds=holds,
        )


def _place(entry: Entry) -> str:
    return f"{entry.kind} {entry.job or entry.top_up}"


async def get_balance(call: Call) -> BalanceBody:
    async with _act(call) as world:
        return BalanceBody.of(await world.wallet())


async def put_balance(call: Call, body: BalanceChangeBody) -> BalanceBody:
    by, reason = body.top_up or ZERO, body.reason or "by hand"
    if body.price is not None and body.jobs is None:
        raise Conflict("a price belongs to a number of jobs")
    async with _act(call) as world:
        to = body.balance if body.jobs is None else await _for_jobs(world, body.jobs, body.price)
        return BalanceBody.of(await set_balance(world, to=to, by=by, reason=reason))


async def _for_jobs(world: UnitOfWork, number: int, price: Decimal | None) -> Decimal:
    """Return what so many jobs cost, of a price or that of the last job; raises Conflict."""
    if price is None:
        price = await last_price(world)
    if not price:
        found = "no job yet" if price is None else "free jobs"
        raise Conflict(f"the account has {found}, so give a price above 0")
    if number * price > MAX_CREDITS:
        raise Conflict(f"{number} jobs of {plain_number(price)} cost more than {MAX_CREDITS}")
    return number * price


async def get_ledger(call: Call, query: PageQuery) -> LedgerBody:
    async with _act(call) as world:
        wallet, jobs, top_ups = await records_of(world)

    def page() -> LedgerBody:
        return LedgerBody.of(wallet, entries(wallet, jobs, top_ups), query)

    # Of all the lines there may be hundreds of thousands, and no other request waits for them.
    return await asyncio.to_thread(page)


def _act(call: Call) -> UnitOfWork:
    return call.accounts.act(call.params["id"], call.wall)
