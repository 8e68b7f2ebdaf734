"""How much diagnosing a stream of refusals may cost: much for the first, little for a flood."""

from __future__ import annotations

from collections import OrderedDict

from msgspec import Struct

from mock_server.web.auth_diagnostics.search_budget import FULL, QUICK, SearchBudget

_ACCOUNTS = 1024


class _Bucket(Struct):
    """Tokens that come back with time; as many as one second brings may be saved up."""

    rate: float
    tokens: float
    at: float

    def take(self, wall: float) -> bool:
        # A clock that was set back brings nothing, and takes nothing away.
        self.tokens = min(self.rate, self.tokens + max(0.0, wall - self.at) * self.rate)
        self.at = wall
        if self.tokens < 1:
            return False
        self.tokens -= 1
        return True


class DiagnosisRateLimit:
    """Says how hard to look at a refusal.

    Each account has `full` thorough searches a second and after those `quick` short ones; all
    accounts together have four times as many. What comes on top is refused without a diagnosis.
    """

    def __init__(self, full: float = 2, quick: float = 20) -> None:
        self.full = full
        self.quick = quick
        self._accounts: OrderedDict[str, tuple[_Bucket, _Bucket]] = OrderedDict()
        self._all: tuple[_Bucket, _Bucket] | None = None

    def budget(self, account: str, wall: float) -> SearchBudget | None:
        """Return the effort for a refusal of this account's credentials, or None for none.

        `account` is "" where it is not known whose they are.
        """
        everybody = self._all = self._all or self._buckets(wall, 4)
        own = self._accounts.get(account)
        if own is None:
            own = self._accounts[account] = self._buckets(wall, 1)
            if len(self._accounts) > _ACCOUNTS:
                self._accounts.popitem(last=False)
        else:
            self._accounts.move_to_end(account)
        for number, budget in enumerate((FULL, QUICK)):
            if own[number].take(wall) and everybody[number].take(wall):
                return budget
        return None

    def _buckets(self, wall: float, times: float) -> tuple[_Bucket, _Bucket]:
        full, quick = self.full * times, self.quick * times
        return _Bucket(full, full, wall), _Bucket(quick, quick, wall)
