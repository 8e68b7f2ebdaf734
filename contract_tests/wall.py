"""The wall: the one place where the suite reads real time and really waits."""

from __future__ import annotations

import time


def now() -> float:
    """Return seconds since the epoch."""
    return time.time()


def elapsed() -> float:
    """Return seconds of a clock that never steps back and is the same in every process."""
    return time.monotonic()


def sleep(seconds: float) -> None:
    """Wait."""
    time.sleep(seconds)
