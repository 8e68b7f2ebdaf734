"""Keeping below the vendor's rate: five calls in any second are too many, so four are sent.

`TAMS › 11 Limits`: 5 requests per second by default. What is counted (app, key, address) is not
published, so all calls to a surface are counted together, in every process of the run.
"""

from __future__ import annotations

import fcntl
import json
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

CALLS = 4
WINDOW = 1.05  # seconds; a little more than one, because calls overtake each other on their way


class Pacer(Protocol):
    """Says when the next call may leave."""

    def take_turn(self, *, paced: bool = True) -> None:
        """Wait until a call may leave and count it; unpaced ones are counted and do not wait."""


class OwnPacer:
    """Paces one process that has an account of its own, by that account's time."""

    def __init__(self, elapsed: Callable[[], float], pause: Callable[[float], None]) -> None:
        self._elapsed, self._pause = elapsed, pause
        self._times: list[float] = []

    def take_turn(self, *, paced: bool = True) -> None:
        """Wait until a call may leave, and count it."""
        if paced:
            self._pause(delay(self._times, self._elapsed()))
        self._times = [*self._times[1 - CALLS :], self._elapsed()]


class SharedPacer:
    """Paces all processes that share an account, through a file."""

    def __init__(
        self, path: Path, elapsed: Callable[[], float], pause: Callable[[float], None]
    ) -> None:
        self._path = path
        self._elapsed, self._pause = elapsed, pause

    def take_turn(self, *, paced: bool = True) -> None:
        """Take the next free moment, so that others queue behind it, and wait for it."""
        with self._path.open("a+", encoding="utf-8") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            file.seek(0)
            now = self._elapsed()
            times = _readable(file.read(), now)
            wait = delay(times, now) if paced else 0.0
            file.truncate(0)
            file.write(json.dumps([*times[1 - CALLS :], now + wait]))
        self._pause(wait)


def delay(times: list[float], now: float) -> float:
    """Return how long to wait at `now`, the last calls having left at `times` (in order)."""
    if len(times) < CALLS:
        return 0.0
    return max(0.0, times[-CALLS] + WINDOW - now)


def _readable(text: str, now: float) -> list[float]:
    """Return the times of a file, none of them from before the computer was started anew."""
    try:
        times = [float(time) for time in json.loads(text)]
    except (ValueError, TypeError):
        return []
    return times if all(time < now + 60 for time in times) else []
