"""What the proxy may spend at the upstream: nothing, unless a setting allows it."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

from mock_server.control.problems import Kind, Problem
from mock_server.core.errors import DomainError

SPENDING_REFUSED = Kind("spending-refused", 403, "The call would cost money")
BUDGET_SPENT = Kind("budget-spent", 403, "The call would cost more than the budget has left")


class Spending:
    """Counts credits, by the documented price of each call, against a budget.

    `max_credits` None sets no budget. What an answer shows to be free is given back.
    """

    def __init__(self, *, allowed: bool, max_credits: Decimal | None) -> None:
        self.allowed = allowed
        self.max_credits = max_credits
        self.spent = Decimal(0)

    def spend(self, price_of: Callable[[], Decimal | None]) -> Decimal | None:
        """Count a call, and return its price where there is a budget; raises Problem."""
        if not self.allowed:
            raise Problem(
                SPENDING_REFUSED,
                "the call may cost money at the upstream, so it was not passed;"
                " --allow-spending passes such calls, --max-credits sets a budget for them",
            )
        if self.max_credits is None:
            return None
        try:
            price, why = price_of(), "the documents give no price in credits for it"
        except DomainError as error:
            price, why = None, str(error)
        left = self.max_credits - self.spent
        if price is None:
            raise Problem(BUDGET_SPENT, f"what the call costs is not known: {why}")
        if price > left:
            raise Problem(
                BUDGET_SPENT,
                f"the call costs {price} credits, and {left} of --max-credits {self.max_credits}"
                " are left",
            )
        self.spent += price
        return price

    def give_back(self, price: Decimal | None) -> None:
        """Count a call as free that was not carried out."""
        self.spent -= price or 0
