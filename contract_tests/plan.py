"""What a run would do and cost, without doing any of it: `--plan`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal

import pytest

from contract_tests.evidence import FILE as EVIDENCE
from contract_tests.evidence import Evidence, Passed, read_evidence
from contract_tests.gates import why_not_asked
from contract_tests.marks import Marks
from contract_tests.money import UNITS
from contract_tests.pacing import CALLS, WINDOW
from contract_tests.settings import Profile, Settings
from contract_tests.suite import marks_of, surface_of, test_id
from contract_tests.targets import Terms

GUESS_FREE = Passed("", 4, 1.0)
GUESS_SPENDING = Passed("", 20, 40.0)


@dataclass(frozen=True)
class Step:
    """A test that would run (or why it would not), with what it may take."""

    test: str
    surface: str
    marks: Marks
    why_not: str
    takes: Passed
    measured: bool


class Planner:
    """A pytest plugin that collects, tells, and runs nothing."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._steps: list[Step] = []

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Plan in place of running."""
        evidence = read_evidence(self._settings.flags.evidence or EVIDENCE)
        self._steps = [
            step_of(test_id(item), surface, marks_of(item), self._settings, evidence)
            for item in session.items
            if (surface := surface_of(item)) is not None
        ]
        return True

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Tell the plan."""
        terminalreporter.section("plan")
        for line in lines(self._steps, self._settings):
            terminalreporter.write_line(line)


def planned_terms(settings: Settings) -> Terms:
    """Return what the run may do, as far as that is known without sending anything."""
    mock = settings.flags.target == "mock"
    profile = settings.profile or (Profile.FULL if mock else Profile.FREE)
    return Terms(profile, {}, destructive=mock or settings.flags.destructive)


def step_of(test: str, surface: str, marks: Marks, settings: Settings, evidence: Evidence) -> Step:
    """Return one line of the plan."""
    why_not = why_not_asked(surface, marks, settings, planned_terms(settings))
    if settings.flags.target == "real" and not why_not:
        credentials = settings.credentials
        auth = credentials.tams.auth() if surface == "tams" else credentials.workshop.auth()
        why_not = "" if auth else f"there are no credentials for {surface}"
    known: Mapping[str, Passed] = evidence.get(test, {})
    passes = [known[kind] for kind in ("real", "url", "mock") if kind in known]
    guess = GUESS_SPENDING if marks.spends else GUESS_FREE
    return Step(test, surface, marks, why_not, passes[0] if passes else guess, bool(passes))


def lines(steps: Iterable[Step], settings: Settings) -> list[str]:
    """Return the plan as text."""
    every = list(steps)
    run = [step for step in every if not step.why_not]
    prices = {unit: _price(run, surface) for surface, unit in UNITS.items()}
    calls = sum(step.takes.calls for step in run)
    seconds = max(calls * WINDOW / CALLS, sum(step.takes.waited for step in run))
    about = "" if all(step.measured for step in run) else "about "
    told = [_line(step) for step in run]
    costs = ", ".join(f"{price} {unit}" for unit, price in prices.items() if price) or "nothing"
    profile = planned_terms(settings).profile.value
    told.append(
        f"{len(run)} of {len(every)} tests would run, profile {profile}: "
        f"at most {costs}; {about}{calls} calls, {about}{_duration(seconds)} in real time"
    )
    for unit, budget in (("credits", settings.max_credits), ("uses", settings.max_uses)):
        if budget is not None and prices[unit] > budget:
            told.append(f"{unit}: the budget of {budget} ends before the last of them has run")
    told.append("nothing was sent")
    return told


def _line(step: Step) -> str:
    marks = step.marks
    price = f"≤ {marks.spends} {UNITS[step.surface]}" if marks.spends else "free"
    traits = [name for name in ("leaves_traces", "destructive", "slow") if getattr(marks, name)]
    calls = f"{'' if step.measured else '~'}{step.takes.calls} calls"
    return f"  {step.test}  {', '.join([price, calls, *traits])}"


def _price(steps: list[Step], surface: str) -> Decimal:
    found = (step.marks.spends for step in steps if step.surface == surface)
    return sum(found, Decimal(0))


def _duration(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"
