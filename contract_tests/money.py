"""Money: a budget that is never exceeded, and a ledger on disk.

The price of a submission is reserved before the submission is sent: the line is on disk (fsync),
written under a lock that all processes of the run share. Afterwards the line is settled with the
price of the job, or released if the target refused. A line that is neither (a lost answer, a killed
process) counts as spent, so the sum is an upper bound of what was spent.
"""

from __future__ import annotations

import fcntl
import json
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import IO, Any

from contract_tests.outcomes import Disabled, SuiteError

LEDGER = "ledger.jsonl"  # in the folder of a run
UNITS = {"tams": "credits", "workshop": "uses"}


class BudgetUsedUp(Disabled):
    """The next submission could exceed the budget, so it is not sent."""


@dataclass(frozen=True)
class Reservation:
    """An amount that is reserved for one submission."""

    id: str
    unit: str
    amount: Decimal


class Ledger:
    """The upper bound of what a run has spent, in a file; `budgets` has a limit for each unit.

    Without `durable`, lines are not forced to the disk: a crash of the computer may lose them.
    """

    def __init__(
        self, path: Path, budgets: dict[str, Decimal | None], *, durable: bool = True
    ) -> None:
        self._path = path
        self._budgets = budgets
        self._durable = durable
        self._read_bytes = 0  # so far; the file only grows
        self._amounts: dict[str, tuple[str, Decimal]] = {}  # of each reservation, with its unit

    def reserve(self, unit: str, amount: Decimal, test: str) -> Reservation:
        """Reserve an amount, or raise `BudgetUsedUp`; it is on disk when this returns."""
        with self._locked() as file:
            spent = self._sum(unit)
            budget = self._budgets.get(unit)
            if budget is not None and spent + amount > budget:
                raise BudgetUsedUp(
                    f"costs up to {amount} {unit}; {spent} of {budget} are spent or reserved"
                )
            reservation = Reservation(secrets.token_hex(8), unit, amount)
            self._append(
                file,
                {
                    "kind": "reserve",
                    "id": reservation.id,
                    "unit": unit,
                    "amount": str(amount),
                    "test": test,
                },
            )
        return reservation

    def settle(self, reservation: Reservation, amount: Decimal) -> None:
        """Replace the reserved amount by the actual cost."""
        with self._locked() as file:
            self._append(file, {"kind": "settle", "id": reservation.id, "amount": str(amount)})

    def release(self, reservation: Reservation) -> None:
        """Cancel a reservation, because the target refused and nothing was made."""
        self.settle(reservation, Decimal(0))

    def spent(self, unit: str) -> Decimal:
        """Return the upper bound of what was spent."""
        if not self._path.exists():
            return Decimal(0)
        with self._locked():
            return self._sum(unit)

    def left(self, unit: str) -> Decimal | None:
        """Return what may still be spent; None means no limit."""
        budget = self._budgets.get(unit)
        return None if budget is None else max(Decimal(0), budget - self.spent(unit))

    @contextmanager
    def _locked(self) -> Iterator[IO[bytes]]:
        """Open the file, so that no other process changes it, and read what is new in it."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._path.open("ab+") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            file.seek(self._read_bytes)
            for line in _lines(file.read()):
                self._take(line)
            self._read_bytes = file.tell()
            yield file

    def _append(self, file: IO[bytes], line: dict[str, Any]) -> None:
        # A killed process may have left half a line. The line feed keeps this line separate.
        file.write(b"\n" + json.dumps(line).encode() + b"\n")
        file.flush()
        if self._durable:
            os.fsync(file.fileno())

    def _take(self, line: dict[str, Any]) -> None:
        id, amount = line["id"], Decimal(line["amount"])
        if line["kind"] == "reserve":
            self._amounts[id] = line["unit"], amount
        elif id in self._amounts:
            self._amounts[id] = self._amounts[id][0], amount

    def _sum(self, unit: str) -> Decimal:
        return sum((n for of, n in self._amounts.values() if of == unit), Decimal(0))


class SpendingAllowance:
    """What one test has declared to spend, and what it has reserved so far."""

    def __init__(self, declared: Decimal, unit: str, test: str) -> None:
        self.declared = declared
        self.unit = unit
        self.test = test
        self.taken = Decimal(0)

    def take(self, ledger: Ledger, price: Decimal | None) -> Reservation:
        """Reserve a price from the declared amount; without a price, reserve the rest of it.

        Raises `SuiteError` if the test has declared nothing, `Disabled` if the price exceeds the
        declared amount, `BudgetUsedUp` if it exceeds the budget of the run.
        """
        left = self.declared - self.taken
        if self.declared == 0:
            raise SuiteError(f"{self.test} makes a call that costs and has no @spends")
        amount = left if price is None else price
        if amount > left or (price is None and left <= 0):
            raise Disabled(
                f"the target asks {amount} {self.unit}, but {left} of the declared "
                f"{self.declared} are left"
            )
        reservation = ledger.reserve(self.unit, amount, self.test)
        self.taken += amount
        return reservation

    def give_back(self, reservation: Reservation) -> None:
        """Return a released amount to the test."""
        self.taken -= reservation.amount


def _lines(text: bytes) -> Iterator[dict[str, Any]]:
    for part in text.splitlines():
        if not part.strip():
            continue
        try:
            line = json.loads(part)
        except ValueError:
            continue  # half a line: its submission was never sent
        yield line
