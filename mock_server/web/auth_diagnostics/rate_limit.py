"""How many refusals of one account are searched: all of a test suite, few of a flood."""

from __future__ import annotations

from collections import OrderedDict

from msgspec import Struct

_MAX_ACCOUNTS = 4096


class _Bucket(Struct):
    tokens: float
    at: float


class DiagnosisRateLimit:
    """Allows each account `burst` searches at once, and `rate` more with every second.

    No account takes anything from another. What is not allowed is refused without a search.
    """

    def __init__(self, burst: float = 20, rate: float = 4) -> None:
        self.burst = burst
        self.rate = rate
        self._buckets: OrderedDict[str, _Bucket] = OrderedDict()

    def allows(self, account: str, wall: float) -> bool:
        """Say whether a refusal of this account's credentials is searched."""
        bucket = self._buckets.setdefault(account, _Bucket(self.burst, wall))
        self._buckets.move_to_end(account)
        if len(self._buckets) > _MAX_ACCOUNTS:
            self._buckets.popitem(last=False)
        # A clock that was set back brings nothing, and takes nothing away.
        gained = max(0.0, wall - bucket.at) * self.rate
        bucket.tokens = min(self.burst, bucket.tokens + gained)
        bucket.at = wall
        if bucket.tokens < 1:
            return False
        bucket.tokens -= 1
        return True
