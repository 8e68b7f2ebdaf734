"""The limiter: so many calls inside any window, exactly.

A log of the admitted calls' times, at most as long as the limit. The call after the limit is
refused until the oldest of them is a whole window old; refused calls do not count.
"""

from __future__ import annotations

from msgspec import Struct

from mock_server.core.accounts import Limits


class Window(Struct, frozen=True):
    """The times of the last admitted calls under one limit, the oldest first."""

    id: str
    account: str
    times: tuple[float, ...] = ()

    def allowed_at(self, limits: Limits) -> float:
        """Return the first moment at which one more call is within the limits."""
        if limits.qps <= 0:
            return float("inf")
        if len(self.times) < limits.qps:
            return float("-inf")
        return self.times[-limits.qps] + limits.window

    def admitted(self, now: float, limits: Limits) -> Window:
        """Return the window with one more call in it."""
        keep = max(limits.qps - 1, 0)
        recent = self.times[-keep:] if keep else ()
        return Window(self.id, self.account, (*recent, now))
