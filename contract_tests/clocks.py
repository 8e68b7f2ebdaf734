"""The target's time: a mock's clock that can be moved, or real time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from contract_tests import wall
from contract_tests.control import ControlClient
from contract_tests.outcomes import Unsupported


class TargetClock(Protocol):
    """A target's time."""

    moves: bool
    """Whether this time can be moved."""

    def now(self) -> float:
        """Return the target's time in seconds since the epoch."""

    def elapsed(self) -> float:
        """Return the target's seconds since an arbitrary moment, to measure durations."""

    def pause(self, seconds: float) -> None:
        """Let a short time pass, for example between two calls."""

    def let_pass(self, seconds: float) -> None:
        """Let time pass for a test; raises `Unsupported` if it would take too long."""


class WallClock:
    """Real time. Letting time pass means waiting."""

    moves = False

    def __init__(
        self,
        longest_wait: float,
        now: Callable[[], float] = wall.now,
        elapsed: Callable[[], float] = wall.elapsed,
        sleep: Callable[[float], None] = wall.sleep,
    ) -> None:
        self._longest_wait = longest_wait
        self._now, self._elapsed, self._sleep = now, elapsed, sleep

    def now(self) -> float:
        """Return the computer's time."""
        return self._now()

    def elapsed(self) -> float:
        """Return seconds of a clock that all processes of this computer share."""
        return self._elapsed()

    def pause(self, seconds: float) -> None:
        """Wait."""
        if seconds > 0:
            self._sleep(seconds)

    def let_pass(self, seconds: float) -> None:
        """Wait, or raise `Unsupported` if that is too long."""
        if seconds > self._longest_wait:
            raise Unsupported(
                f"{seconds:g} s would have to pass in real time; "
                f"--longest-wait allows {self._longest_wait:g}"
            )
        self.pause(seconds)


class MockClock:
    """A mock's time for one account. It also runs by itself; only moves are measured."""

    moves = True

    def __init__(self, control: ControlClient, account: str) -> None:
        self._control = control
        self._account = account
        self._moved = 0.0

    def now(self) -> float:
        """Return the account's time."""
        return self._control.now(self._account)

    def elapsed(self) -> float:
        """Return how far time was moved. At least so many seconds have passed."""
        return self._moved

    def pause(self, seconds: float) -> None:
        """Move time ahead."""
        if seconds > 0:
            self._control.advance(self._account, seconds)
            self._moved += seconds

    def let_pass(self, seconds: float) -> None:
        """Move time ahead, without a limit."""
        self.pause(seconds)
