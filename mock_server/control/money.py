"""Balances and ledgers: what an account can spend, and every line that led to it."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from mock_server.control.descriptions import iso, plain_number
from mock_server.control.operations import ControlRequest
from mock_server.control.shapes import Amount, ChoiceBody, Credits, OutgoingBody
from mock_server.core.account_service import AccountService
from mock_server.core.accounts import Account
from mock_server.core.credits import ZERO, Entry, Wallet, in_usd


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
        return cls(
            account=wallet.account,
            balance=wallet.balance,
            usd=in_usd(wallet.balance),
            opening=wallet.opening,
            topped_up=wallet.topped_up,
            charged=wallet.charged,
            held=wallet.held,
        )


class LineBody(OutgoingBody):
    """A line of the ledger: what it did to the balance, and the balance after it."""

    at: float
    iso: str
    kind: str
    amount: Amount
    balance: Amount
    job: str | None
    note: str | None


class LedgerBody(OutgoingBody):
    """The lines, the oldest first, their sums, and whether the two agree."""

    lines: list[LineBody]
    sums: BalanceBody
    equation: str
    holds: bool

    @classmethod
    def of(cls, wallet: Wallet, entries: list[Entry]) -> LedgerBody:
        lines, balance = [], ZERO
        for entry in entries:
            balance += entry.amount
            lines.append(
                LineBody(
                    at=entry.at,
                    iso=iso(entry.at),
                    kind=entry.kind,
                    amount=entry.amount,
                    balance=balance,
                    job=entry.job or None,
                    note=entry.note or None,
                )
            )
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


class Money:
    """The operations on balances."""

    def __init__(self, account_service: AccountService) -> None:
        self.account_service = account_service

    async def get_balance(self, request: ControlRequest[None, None]) -> BalanceBody:
        account, now = await self._world(request)
        return BalanceBody.of(await self.account_service.job_service.wallet(account, now))

    async def put_balance(self, request: ControlRequest[None, BalanceChangeBody]) -> BalanceBody:
        account, now = await self._world(request)
        body = request.body
        wallet = await self.account_service.set_balance(
            account,
            now,
            to=body.balance,
            by=body.top_up or ZERO,
            reason=body.reason or "by hand",
        )
        return BalanceBody.of(wallet)

    async def get_ledger(self, request: ControlRequest[None, None]) -> LedgerBody:
        account, now = await self._world(request)
        return LedgerBody.of(*await self.account_service.ledger(account, now))

    async def _world(self, request: ControlRequest[Any, Any]) -> tuple[Account, float]:
        account = await self.account_service.find(request.params["id"])
        return account, await self.account_service.job_service.now(account, request.wall)
