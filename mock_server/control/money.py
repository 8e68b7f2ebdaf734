"""Balances and ledgers: what an account can spend, and every line of its history."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from mock_server.core.credits import ZERO, Entry, Wallet, in_usd
from mock_server.core.ledger import ledger_of, set_balance
from mock_server.core.unit_of_work import UnitOfWork
from mock_server.web.calls import Call
from mock_server.web.json_bodies import Amount, ChoiceBody, Credits, OutgoingBody, TextOrNull
from mock_server.web.json_values import iso, plain_number


class BalanceChangeBody(ChoiceBody):
    """Sets what can be spent, or adds to it."""

    beside = frozenset({"reason"})

    balance: Credits | None = None
    top_up: Credits | None = None
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


class LedgerBody(OutgoingBody):
    """The lines, the oldest first, the account's sums, and whether the two agree."""

    lines: list[LineBody]
    sums: BalanceBody
    equation: str
    holds: bool

    @classmethod
    def of(cls, wallet: Wallet, entries: list[Entry]) -> LedgerBody:
        lines, balance = [], ZERO
        for entry in entries:
            balance += entry.amount
            lines.append(LineBody.like(entry, iso=iso(entry.at), balance=balance))
        return cls(
            lines=lines,
            sums=BalanceBody.of(wallet),
            equation=(
                f"{plain_number(wallet.balance)} = {plain_number(wallet.opening)} opening"
                f" + {plain_number(wallet.topped_up)} topped up"
                f" - {plain_number(wallet.charged)} charged - {plain_number(wallet.held)} held"
            ),
            holds=balance == wallet.balance,
        )


async def get_balance(call: Call) -> BalanceBody:
    async with _act(call) as world:
        return BalanceBody.of(await world.wallet())


async def put_balance(call: Call, body: BalanceChangeBody) -> BalanceBody:
    by, reason = body.top_up or ZERO, body.reason or "by hand"
    async with _act(call) as world:
        return BalanceBody.of(await set_balance(world, to=body.balance, by=by, reason=reason))


async def get_ledger(call: Call) -> LedgerBody:
    async with _act(call) as world:
        return LedgerBody.of(*await ledger_of(world))


def _act(call: Call) -> UnitOfWork:
    return call.accounts.act(call.params["id"], call.wall)
