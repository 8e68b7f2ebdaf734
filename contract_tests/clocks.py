"""How time passes: by a mock's clock, or by waiting."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from contract_tests import wall
from contract_tests.control import ControlClient
from contract_tests.outcomes import Unsupported


class TargetClock(Protocol):
    """A target's time."""

    moves: bool
    """Whether time can be moved."""

    def now(self) -> float:
        """Return the target's time in seconds since the epoch."""

    def elapsed(self) -> float:
        """Return seconds that have passed for the target since some moment, for measuring."""

    def pause(self, seconds: float) -> None:
        """Let a little time pass, as between two calls."""

    def let_pass(self, seconds: float) -> None:
        """Let time pass because a test wants it; raises `Unsupported` if it would take too long."""


class WallClock:
    """Real time: to let it pass is to wait."""

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
        """Return the wall's time."""
        return self._now()

    def elapsed(self) -> float:
        """Return seconds of a clock that every process of this computer shares."""
        return self._elapsed()

    def pause(self, seconds: float) -> None:
        """Wait."""
        if seconds > 0:
            self._sleep(seconds)

    def let_pass(self, seconds: float) -> None:
        """Wait, if that is not too long."""
        if seconds > self._longest_wait:
            raise Unsupported(
                f"{seconds:g} s would have to pass in real time; "
                f"--longest-wait allows {self._longest_wait:g}"
            )
        self.pause(seconds)


class MockClock:
    """A mock's time for one account. It goes on by itself too; only what was moved is measured."""

    moves = True

    def __init__(self, control: ControlClient, account: str) -> None:
        self._control = control
        self._account = account
        self._moved = 0.0

    def now(self) -> float:
        """Return the account's time."""
        return self._control.now(self._account)

    def elapsed(self) -> float:
        """Return how far time was moved: at least so much has passed, however fast we are."""
        return self._moved

    def pause(self, seconds: float) -> None:
        """Move time ahead."""
        if seconds > 0:
            self._control.advance(self._account, seconds)
            self._moved += seconds

    def let_pass(self, seconds: float) -> None:
        """Move time ahead, by as much as it takes."""
        self.pause(seconds)
