"""Progress of a run: tests done and left, money spent, time left.

On a terminal it is one line that changes. Elsewhere it is a new line now and then.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Generator, Mapping
from pathlib import Path
from shutil import get_terminal_size
from typing import Any

import pytest

from contract_tests import wall
from contract_tests.money import LEDGER, UNITS, Ledger
from contract_tests.options import BY_SURFACE
from contract_tests.report.verdict import duration
from contract_tests.runner_plugin import ATTRIBUTE
from contract_tests.settings import RunSettings

REDRAWN_EVERY = 0.2  # seconds, on a terminal
LINE_EVERY = 30.0  # seconds, elsewhere
MIN_DONE = 20  # tests before the time left is estimated


class RunProgress:
    """Counts the tests that a run includes. `apart` means that surfaces are tested side by side."""

    def __init__(self, *, apart: bool) -> None:
        self._apart = apart
        self._all: Mapping[str, int] = {}  # tests of each surface
        self._done: Counter[str] = Counter()
        self._failed = 0

    def take(self, surface: str, outcome: str, included: Mapping[str, int]) -> None:
        """Count a test that is over; `included` has the number of tests of each surface."""
        self._all = included
        if outcome != "disabled":
            self._done[surface] += 1
            self._failed += outcome in ("failed", "error")

    def words(self, elapsed: float, spent: str) -> str:
        """Return the line, after so many seconds."""
        done = self._done.total()
        parts = [f"{done} done", f"{max(0, sum(self._all.values()) - done)} left"]
        parts += [f"{self._failed} failed"] if self._failed else []
        parts += [f"spent {spent}"]
        if (seconds := self.seconds_left(elapsed)) is not None:
            parts.append(f"about {duration(seconds)} left")
        return ", ".join(parts)

    def seconds_left(self, elapsed: float) -> float | None:
        """Return how long the rest takes at the speed so far; None if that is not known yet."""
        if not self._all:
            return None
        pairs = [(number, self._done[surface]) for surface, number in self._all.items()]
        if not self._apart:
            pairs = [(sum(self._all.values()), self._done.total())]
        if any(done < min(number, MIN_DONE) for number, done in pairs):
            return None
        return max((elapsed * (number - done) / done for number, done in pairs if done), default=0)


class ProgressPlugin:
    """A pytest plugin for the main process. It shows the progress in place of letters."""

    def __init__(self, config: pytest.Config, settings: RunSettings, folder: Path) -> None:
        self._config = config
        self._settings = settings
        self._ledger = Ledger(folder / LEDGER, {}, durable=False)
        self._progress = RunProgress(apart=config.getoption("dist", "no") == BY_SURFACE)
        self._begun: float | None = None  # when the first test was over
        self._shown = 0.0

    @pytest.hookimpl(wrapper=True)
    def pytest_report_teststatus(
        self, report: pytest.TestReport
    ) -> Generator[None, tuple[str, str, Any], tuple[str, str, Any]]:
        """Print no letter."""
        category, _, word = yield
        return category, "", word

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Count a test that is over."""
        carried = getattr(report, ATTRIBUTE, {})
        if "result" not in carried or self._settings.flags.quiet:
            return
        result = json.loads(carried["result"])
        self._progress.take(result["surface"], result["outcome"], carried["included"])
        now = wall.elapsed()
        if self._begun is None:
            self._begun = self._shown = now
        terminal = self._terminal()
        if now - self._shown < (REDRAWN_EVERY if terminal.isatty else LINE_EVERY):
            return
        self._shown = now
        words = self._progress.words(now - self._begun, self._spent())
        if terminal.isatty:
            terminal.rewrite(words[: get_terminal_size().columns - 1], erase=True)
            terminal.flush()
        else:
            terminal.write_line(words)

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self) -> None:
        """Remove the line from a terminal."""
        if self._terminal().isatty:
            self._terminal().rewrite("", erase=True)

    def _spent(self) -> str:
        budgets = {"credits": self._settings.max_credits, "uses": self._settings.max_uses}
        parts = []
        for unit in UNITS.values():
            spent, budget = self._ledger.spent(unit), budgets[unit]
            if spent or budget:
                parts.append(f"{spent}{'' if budget is None else f' of {budget}'} {unit}")
        return " and ".join(parts) or "nothing"

    def _terminal(self) -> Any:
        return self._config.pluginmanager.get_plugin("terminalreporter")
