"""Staying below the vendor's rate limit of five calls a second: the suite sends four.

`TAMS › 11 Limits`: 5 requests per second by default. The counted
subject (app, key, address) is not published, so all calls to a surface in all processes of a run
count together.
"""

from __future__ import annotations

import fcntl
import json
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

CALLS = 4
WINDOW = 1.05  # seconds; slightly more than one, because calls can overtake each other


class Pacer(Protocol):
    """Says when the next call may be sent."""

    def take_turn(self, *, paced: bool = True) -> None:
        """Wait until a call may be sent, and count it; unpaced calls do not wait."""


class OwnPacer:
    """Paces a process that has its own account, by the time of that account."""

    def __init__(self, elapsed: Callable[[], float], pause: Callable[[float], None]) -> None:
        self._elapsed, self._pause = elapsed, pause
        self._times: list[float] = []

    def take_turn(self, *, paced: bool = True) -> None:
        """Wait until a call may be sent, and count it."""
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
        """Reserve the next free moment, so that others queue behind it, and wait for it."""
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
    """Return how long to wait at `now`; `times` are those of the last calls, in order."""
    if len(times) < CALLS:
        return 0.0
    return max(0.0, times[-CALLS] + WINDOW - now)


def _readable(text: str, now: float) -> list[float]:
    """Return the times in a file; none if they are from before a restart of the computer."""
    try:
        times = [float(time) for time in json.loads(text)]
    except (ValueError, TypeError):
        return []
    return times if all(time < now + 60 for time in times) else []
