"""The plan of a run, `--plan`: what it would do and cost."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal

import pytest

from contract_tests.evidence import FILE as EVIDENCE
from contract_tests.evidence import PassRecord, PassRecords, read_evidence
from contract_tests.markers import Markers
from contract_tests.money import UNITS
from contract_tests.options import RunProfile
from contract_tests.pacing import CALLS, WINDOW
from contract_tests.selection import why_not_asked
from contract_tests.settings import RunSettings
from contract_tests.suite import markers_of, surface_of, test_id
from contract_tests.targets import RunLimits

# For tests that were never measured: some more than their mean against a mock.
GUESS_FREE = PassRecord("", 2, 0.5)
GUESS_SPENDING = PassRecord("", 10, 30.0)


@dataclass(frozen=True)
class PlannedTest:
    """A test of the plan: its cost, or why it would not run."""

    test: str
    surface: str
    marks: Markers
    why_not: str
    takes: PassRecord
    measured: bool


class CostPlanner:
    """A pytest plugin that collects tests and prints the plan; it runs nothing."""

    def __init__(self, settings: RunSettings) -> None:
        self._settings = settings
        self._planned: list[PlannedTest] = []

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Make the plan instead of running tests."""
        evidence = read_evidence(self._settings.flags.evidence or EVIDENCE)
        self._planned = plan_items(session.items, self._settings, evidence)
        return True

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Print the plan."""
        terminalreporter.section("plan")
        for line in lines(self._planned, self._settings):
            terminalreporter.write_line(line)


def planned_limits(settings: RunSettings) -> RunLimits:
    """Return the limits of the run, as far as they are known without sending anything."""
    mock = settings.flags.target == "mock"
    profile = settings.profile or (RunProfile.FULL if mock else RunProfile.FREE)
    return RunLimits(profile, {}, destructive=mock or settings.flags.destructive)


def plan_items(
    items: Iterable[pytest.Item], settings: RunSettings, evidence: PassRecords
) -> list[PlannedTest]:
    """Return the plan of these tests."""
    return [
        plan_test(test_id(item), surface, markers_of(item), settings, evidence)
        for item in items
        if (surface := surface_of(item)) is not None
    ]


def plan_test(
    test: str, surface: str, marks: Markers, settings: RunSettings, evidence: PassRecords
) -> PlannedTest:
    """Return one line of the plan."""
    why_not = why_not_asked(surface, marks, settings, planned_limits(settings))
    if settings.flags.target == "real" and not why_not:
        auth = settings.credentials.auth(surface)
        why_not = "" if auth else f"there are no credentials for {surface}"
    known: Mapping[str, PassRecord] = evidence.get(test, {})
    passes = [known[kind] for kind in ("real", "url", "mock") if kind in known]
    guess = GUESS_SPENDING if marks.spends else GUESS_FREE
    return PlannedTest(test, surface, marks, why_not, passes[0] if passes else guess, bool(passes))


def lines(planned_tests: Iterable[PlannedTest], settings: RunSettings) -> list[str]:
    """Return the plan as text."""
    every = list(planned_tests)
    prices = _prices(every)
    text_lines = [_line(planned) for planned in every if not planned.why_not]
    text_lines.append(f"profile {planned_limits(settings).profile.value}: {total_of(every)}")
    for unit, budget in (("credits", settings.max_credits), ("uses", settings.max_uses)):
        if budget is not None and prices[unit] > budget:
            text_lines.append(f"{unit}: the budget of {budget} is not enough for all of them")
    text_lines.append("nothing was sent")
    return text_lines


def total_of(every: list[PlannedTest]) -> str:
    """Return in one line what a plan runs and costs."""
    run = [planned for planned in every if not planned.why_not]
    calls = sum(planned.takes.calls for planned in run)
    seconds = max(_seconds(run, surface) for surface in UNITS)  # they run side by side
    about = "" if all(planned.measured for planned in run) else "about "
    costs = ", ".join(f"{price} {unit}" for unit, price in _prices(every).items() if price)
    return (
        f"{len(run)} of {len(every)} tests would run; "
        f"{f'at most {costs}' if costs else 'they cost nothing'}; "
        f"{about}{calls} calls, {about}{_duration(seconds)} in real time"
    )


def _seconds(run: list[PlannedTest], surface: str) -> float:
    """Return how long the tests of a surface take in real time."""
    takes = [planned.takes for planned in run if planned.surface == surface]
    calls, waited = sum(each.calls for each in takes), sum(each.waited for each in takes)
    return max(calls * WINDOW / CALLS, waited)


def _line(planned: PlannedTest) -> str:
    marks = planned.marks
    price = f"≤ {marks.spends} {UNITS[planned.surface]}" if marks.spends else "free"
    traits = [
        name
        for name in ("leaves_traces", "destructive", "slow", "observes")
        if getattr(marks, name)
    ]
    calls = f"{'' if planned.measured else '~'}{planned.takes.calls} calls"
    return f"  {planned.test}  {', '.join([price, calls, *traits])}"


def _prices(every: list[PlannedTest]) -> dict[str, Decimal]:
    prices = dict.fromkeys(UNITS.values(), Decimal(0))
    for planned in every:
        if not planned.why_not:
            prices[UNITS[planned.surface]] += planned.marks.spends
    return prices


def _duration(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"
