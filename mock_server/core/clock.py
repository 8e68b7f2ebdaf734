"""Virtual time as three numbers: two anchors and a rate.

Rules:
- At `wall_anchor` the clock shows `virtual_anchor`; from there it runs `rate` times as fast.
- A change of the rate never makes time jump: the new anchor is what the clock shows then.
- A move into the past is refused, and so is a negative rate. Only a wall clock that was set back
  moves time back: what the clock is ahead of the wall stays, and a frozen clock stands.
"""

from __future__ import annotations

from collections.abc import Callable
from math import isfinite

from msgspec import Struct
from msgspec.structs import replace

from mock_server.core.errors import Conflict, Invalid

# Virtual time stops at the year 3000, so that dates and sums stay representable.
LATEST = 32_503_680_000.0

# A request may read the wall before another one moves the clock, and ask the clock afterwards.
# A wall that is further behind the anchor was set back.
MAX_LATE = 60.0


class Clock(Struct, frozen=True):
    """Gives the virtual time for a wall time; both are seconds since the epoch."""

    wall_anchor: float
    virtual_anchor: float
    rate: float = 1.0
    rate_before: float = 1.0  # the rate that a frozen clock resumes with

    @classmethod
    def at(cls, wall: float, *, start: float | None = None, rate: float = 1.0) -> Clock:
        """Return a clock that shows `start` (default: the wall time) at `wall`."""
        if start is not None and not 0 <= start <= LATEST:
            raise Invalid("start", f"must be seconds since the epoch before the year 3000: {start}")
        return cls(wall, wall if start is None else start, _checked_rate(rate))

    def now(self, wall: float) -> float:
        """Return virtual seconds since the epoch."""
        now = self.virtual_anchor + (self._reached(wall) - self.wall_anchor) * self.rate
        return now if 0.0 <= now <= LATEST else max(0.0, min(LATEST, now))

    @property
    def frozen(self) -> bool:
        return self.rate == 0

    def with_rate(self, wall: float, rate: float) -> Clock:
        """Return the clock with another rate from now on; 0 freezes it."""
        before = self.rate or self.rate_before
        return Clock(
            self._reached(wall), self.now(wall), _checked_rate(rate), 1.0 if rate else before
        )

    def advanced(self, wall: float, seconds: float) -> Clock:
        """Return the clock some seconds ahead; Conflict if that is after the end of time."""
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
        return replace(self, wall_anchor=self._reached(wall), virtual_anchor=moment)

    def changed_at(self, moment: float, wall: float, change: Callable[[Clock], Clock]) -> Clock:
        """Return the clock after a `change` that came when it showed a moment, by now the past.

        What it ran since then, it ran as the change says; what it was moved since then stays added.
        """
        now = self.now(wall)
        if moment >= now:
            return change(self)
        moved = max(0.0, self.virtual_anchor - moment)
        ran = (now - moment - moved) / (self.rate or 1.0)
        then = change(replace(self, wall_anchor=self._reached(wall), virtual_anchor=moment))
        return replace(
            then,
            wall_anchor=then.wall_anchor - ran,
            virtual_anchor=min(LATEST, then.virtual_anchor + moved),
        )

    def _reached(self, wall: float) -> float:
        """Return the wall time, or the anchor's if the caller read the wall just before it."""
        late = self.wall_anchor - wall
        return self.wall_anchor if 0 < late <= MAX_LATE else wall


def _checked_rate(rate: float) -> float:
    if not isfinite(rate) or not 0 <= rate <= 1_000_000:
        raise Invalid("rate", f"must be between 0 (frozen) and 1000000, found {rate}")
    return rate
