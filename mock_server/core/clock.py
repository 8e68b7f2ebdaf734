"""Virtual time as three numbers: two anchors and a rate.

Rules:
- At `wall_anchor` the clock shows `virtual_anchor`; from there it runs `rate` times as fast.
- No change makes time jump by itself: a new anchor is always put where the clock stands.
- Time never runs back. A move into the past is refused, and so is a negative rate.
"""

from __future__ import annotations

from math import isfinite

from msgspec import Struct
from msgspec.structs import replace

from mock_server.core.errors import Conflict, Invalid

# Time stands at the year 3000: dates and sums stay representable however fast a clock runs.
LATEST = 32_503_680_000.0


class Clock(Struct, frozen=True):
    """Answers what time it is, given the wall's seconds since the epoch."""

    wall_anchor: float
    virtual_anchor: float
    rate: float = 1.0
    rate_before: float = 1.0  # what a frozen clock goes on with

    @classmethod
    def at(cls, wall: float, *, start: float | None = None, rate: float = 1.0) -> Clock:
        """Return a clock that shows `start` (the wall's own time if left out) at `wall`."""
        if start is not None and not 0 <= start <= LATEST:
            raise Invalid("start", f"must be seconds since the epoch before the year 3000: {start}")
        return cls(wall, wall if start is None else start, _checked_rate(rate))

    def now(self, wall: float) -> float:
        """Return virtual seconds since the epoch; a wall that steps back is taken to stand."""
        passed = wall - self.wall_anchor
        if passed <= 0:
            return self.virtual_anchor
        return min(LATEST, self.virtual_anchor + passed * self.rate)

    @property
    def frozen(self) -> bool:
        return self.rate == 0

    def with_rate(self, wall: float, rate: float) -> Clock:
        """Return the clock going on from here at another rate; 0 freezes it."""
        before = self.rate or self.rate_before
        anchor = max(wall, self.wall_anchor)
        return Clock(anchor, self.now(wall), _checked_rate(rate), 1.0 if rate else before)

    def advanced(self, wall: float, seconds: float) -> Clock:
        """Return the clock some seconds ahead; Conflict where time ends before."""
        moment = self.now(wall) + seconds
        if moment > LATEST:
            raise Conflict("time ends at the year 3000")
        return self.moved_to(wall, moment)

    def moved_to(self, wall: float, moment: float) -> Clock:
        """Return the clock showing `moment`, which must not lie in its past."""
        now = self.now(wall)
        if not isfinite(moment) or moment > LATEST:
            raise Invalid("to", f"must be seconds since the epoch before the year 3000: {moment}")
        if moment < now:
            raise Conflict(f"time never runs back: it is {now:.3f}, asked for {moment:.3f}")
        return replace(self, wall_anchor=max(wall, self.wall_anchor), virtual_anchor=moment)


def _checked_rate(rate: float) -> float:
    if not isfinite(rate) or not 0 <= rate <= 1_000_000:
        raise Invalid("rate", f"must be between 0 (frozen) and 1000000, found {rate}")
    return rate
