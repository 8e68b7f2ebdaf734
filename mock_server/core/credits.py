"""Money in exact decimals: a wallet with hold, charge and release, and its ledger.

Law: balance = opening + topped_up − charged − held, at every instant, and never below zero by a
hold. What a job does to the wallet can be read from the job, so only other changes are records.
"""

from __future__ import annotations

from decimal import ROUND_CEILING, Decimal, InvalidOperation
from functools import lru_cache

from msgspec import Struct
from msgspec.structs import replace

from mock_server.core.errors import CreditsShort, Invalid

ZERO = Decimal(0)
TENTH = Decimal("0.1")
USD_PER_CREDIT = Decimal("0.003")
MAX_CREDITS = Decimal(1_000_000_000)


def credits(value: object, field: str = "credits") -> Decimal:
    """Return the amount as an exact decimal, with at most six places and up to MAX_CREDITS."""
    try:
        amount = Decimal(str(value))
    except InvalidOperation:
        raise Invalid(field, f"must be a number of credits, found {value!r}") from None
    if not amount.is_finite() or amount.copy_abs() > MAX_CREDITS or amount != round(amount, 6):
        raise Invalid(
            field, f"must be at most {MAX_CREDITS} with at most six places, found {value!r}"
        )
    return amount


@lru_cache(maxsize=4096)
def tenths_up(amount: Decimal) -> Decimal:
    """Return the amount rounded up to whole tenths of a credit.

    Digits after the twelfth place come from rounding in divisions and do not count. Equal amounts
    are one object, so that thousands of jobs share their price.
    """
    return round(amount, 12).quantize(TENTH, rounding=ROUND_CEILING)


def in_usd(amount: Decimal) -> Decimal:
    """Return what the credits cost in US dollars."""
    return amount * USD_PER_CREDIT


class Wallet(Struct, frozen=True):
    """The sums of one account."""

    id: str
    account: str
    opening: Decimal
    topped_up: Decimal = ZERO
    charged: Decimal = ZERO
    held: Decimal = ZERO

    @property
    def balance(self) -> Decimal:
        """The credits that can be spent."""
        return self.opening + self.topped_up - self.charged - self.held

    def hold(self, amount: Decimal) -> Wallet:
        """Return the wallet with the amount held, or raise CreditsShort."""
        # Free jobs are allowed with a negative balance.
        if amount > self.balance and amount:
            raise CreditsShort(price=amount, balance=self.balance)
        return replace(self, held=self.held + amount)

    def charge(self, amount: Decimal) -> Wallet:
        """Return the wallet with a held amount charged."""
        return replace(self, charged=self.charged + amount, held=self.held - amount)

    def release(self, amount: Decimal) -> Wallet:
        """Return the wallet with a held amount released."""
        return replace(self, held=self.held - amount)

    def top_up(self, amount: Decimal) -> Wallet:
        """Return the wallet with the amount added; a negative amount is taken away."""
        return replace(self, topped_up=self.topped_up + amount)


class TopUp(Struct, frozen=True):
    """A change of the balance by the control API."""

    id: str
    account: str
    at: float
    amount: Decimal
    reason: str


class Entry(Struct, frozen=True):
    """A line of the ledger; `amount` is what it does to the balance, `top_up` its record's id."""

    at: float
    kind: str  # "opening", "hold", "charge", "release", "top-up", "carried"
    amount: Decimal
    job: str = ""
    note: str = ""
    top_up: str = ""
