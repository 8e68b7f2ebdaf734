"""Wall time: seconds since the epoch, as clients and their signatures have it.

Small corrections never make it step back. After a larger step in either direction, and after the
computer slept, it is right again.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextvars import ContextVar
from email.utils import formatdate

MAX_LEAD = 1.0  # seconds that it may be ahead of the system's clock before it steps back


class SteadyWall:
    """Wall time that runs as steadily as `monotonic`, and follows the steps of `system`."""

    def __init__(self, system: Callable[[], float], monotonic: Callable[[], float]) -> None:
        self._system = system
        self._monotonic = monotonic
        self._difference = system() - monotonic()

    def __call__(self) -> float:
        """Return seconds since the epoch."""
        steady = self._monotonic()
        lead = self._difference + steady - self._system()
        # It is behind after a sleep, in which monotonic clocks of some systems stand still.
        if lead < 0 or lead > MAX_LEAD:
            self._difference -= lead
        return self._difference + steady


wall = SteadyWall(time.time, time.monotonic)


def http_date(ahead: float) -> bytes:
    """Return the value of a Date header that is some seconds ahead."""
    return formatdate(wall() + ahead, usegmt=True).encode()


waits = ContextVar("waits", default=True)  # False where time need not pass, as in a replay


async def wait(seconds: float) -> None:
    """Let real time pass, on the wire."""
    await asyncio.sleep(seconds if waits.get() else 0)


async def let_others_run() -> None:
    """Let everything else that is ready on the event loop run once."""
    await asyncio.sleep(0)
