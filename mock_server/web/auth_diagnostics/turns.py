"""When searches are done: at once, or in turns with everything else, and how many of an account."""

from __future__ import annotations

import asyncio
from collections import OrderedDict

from msgspec import Struct

from mock_server.web.auth_diagnostics.search_budget import Paced, T
from mock_server.web.wall import let_others_run

_MAX_ACCOUNTS = 4096  # whose searches are counted


def finish(work: Paced[T]) -> T:
    """Do the work without a break."""
    while True:
        try:
            next(work)
        except StopIteration as end:
            result: T = end.value
            return result


class Turns:
    """Does one slice of one piece of work per round of the event loop.

    Several pieces take turns, so a short one need not wait for the end of a long one.
    """

    def __init__(self) -> None:
        self._turn = asyncio.Lock()

    async def finish(self, work: Paced[T]) -> T:
        """Do the work in turns."""
        while True:
            async with self._turn:
                try:
                    next(work)
                except StopIteration as end:
                    result: T = end.value
                    return result
                await let_others_run()


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
