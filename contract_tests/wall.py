"""Real time: the only module that reads the clock and waits."""

from __future__ import annotations

import time


def now() -> float:
    """Return seconds since the epoch."""
    return time.time()


def elapsed() -> float:
    """Return seconds of a monotonic clock that is the same in every process."""
    return time.monotonic()


def sleep(seconds: float) -> None:
    """Wait."""
    time.sleep(seconds)
