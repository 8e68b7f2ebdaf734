"""Running contract tests: which ones run, how they end, their results."""

from __future__ import annotations

import json
import signal
from collections import Counter
from collections.abc import Generator
from dataclasses import asdict
from threading import current_thread, main_thread
from types import FrameType
from typing import Any

import pytest

from contract_tests import wall
from contract_tests.answers import NoAnswer
from contract_tests.control import ControlFailed
from contract_tests.credentials import BadSettings
from contract_tests.current_test import CurrentTest, between_tests
from contract_tests.differences import KnownDifference, judge, read_differences, today
from contract_tests.evidence import FILE as EVIDENCE
from contract_tests.evidence import PassRecords, read_evidence
from contract_tests.markers import Markers
from contract_tests.outcomes import LETTERS, TestOutcome, outcome_of
from contract_tests.report.gathering import read_results
from contract_tests.report.sections import title_of
from contract_tests.report.shape import Observation, TestResult, read_exchange
from contract_tests.run import Run
from contract_tests.selection import admit, why_not_included
from contract_tests.suite import check_markers, markers_of, surface_of, test_id
from contract_tests.targets import TARGET_DOWN, TargetDown
from contract_tests.troubles import Trouble, is_page

ATTRIBUTE = "contract"
"""The attribute of a pytest report that carries our outcome, and a result at teardown."""
DONE = (TestOutcome.PASSED.value, TestOutcome.OBSERVED.value)
"""Outcomes of tests that a resumed run skips."""
_BAD = (TestOutcome.FAILED, TestOutcome.ERROR, TestOutcome.UNREACHABLE)
MAX_RUNS = 6
"""How often a test is run that fails while the target is too busy."""
OBSERVED_ONLY = "observed; the reference leaves the answer open, so no expectation was judged"


class TestExecution:
    """One contract test from its setup to its teardown."""

    def __init__(self, test: str, current_test: CurrentTest, marks: Markers) -> None:
        self.test = test
        self.current_test = current_test
        self.marks = marks
        self.begun = wall.elapsed()
        self.time_begun: float | None = None
        self.outcome = TestOutcome.PASSED
        self.reason = ""
        self.message = ""
        self.is_known = False  # a known difference applies

    def take(self, outcome: TestOutcome, reason: str, message: str) -> None:
        """Take the outcome of a phase; the first one that neither passed nor observed decides."""
        undecided = self.outcome in (TestOutcome.PASSED, TestOutcome.OBSERVED)
        if undecided and outcome is not TestOutcome.PASSED:
            self.outcome, self.reason, self.message = outcome, reason, message

    def result(self, verified: dict[str, str], elapsed: float) -> TestResult:
        """Return the result; `elapsed` is the target's time now."""
        bad = self.outcome in (TestOutcome.FAILED, TestOutcome.ERROR) or self.is_known
        current_test, marks = self.current_test, self.marks
        return TestResult(
            test=self.test,
            surface=current_test.surface,
            name=self.test.rpartition("::")[2],
            source=list(marks.source),
            outcome=self.outcome.value,
            reason=self.reason,
            message=self.message,
            seconds=round(wall.elapsed() - self.begun, 3),
            waited=round(elapsed - self.time_begun, 3) if self.time_begun is not None else 0.0,
            calls=current_test.calls,
            spends=str(marks.spends),
            spent=str(current_test.allowance.taken),
            needs=list(marks.needs),
            slow=marks.slow,
            destructive=marks.destructive,
            leaves_traces=marks.leaves_traces,
            observes=marks.observes,
            verified=verified,
            exchanges=[read_exchange(entry) for entry in current_test.exchanges] if bad else [],
            observations=[Observation(**seen) for seen in current_test.observations],
        )


TEST_EXECUTION = pytest.StashKey[TestExecution]()


class RunnerPlugin:
    """A pytest plugin for processes that run tests."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.differences: list[KnownDifference] = read_differences()
        self.evidence: PassRecords = read_evidence(run.settings.flags.evidence or EVIDENCE)
        self._counts: Counter[str] | None = None

    @pytest.hookimpl(wrapper=True)
    def pytest_runtestloop(self, session: pytest.Session) -> Generator[None, object, object]:
        """End the run after Ctrl-C, also if it came in code that ignores exceptions."""
        usual = signal.getsignal(signal.SIGINT)
        if usual is not signal.default_int_handler or current_thread() is not main_thread():
            return (yield)

        def interrupt(number: int, frame: FrameType | None) -> None:
            session.shouldstop = "Ctrl-C"
            signal.default_int_handler(number, frame)

        signal.signal(signal.SIGINT, interrupt)
        try:
            return (yield)
        finally:
            signal.signal(signal.SIGINT, usual)

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(
        self, config: pytest.Config, items: list[pytest.Item]
    ) -> None:
        """Check the markers of contract tests, and deselect what a resumed run has done."""
        ours = [item for item in items if surface_of(item)]
        check_markers(ours)
        if not self.run.settings.flags.resume:
            return
        results = read_results(self.run.folder)
        passed = {test for test, result in results.items() if result.outcome in DONE}
        done = [item for item in ours if test_id(item) in passed]
        items[:] = [item for item in items if item not in done]
        config.hook.pytest_deselected(items=done)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        """Start a test, or skip it."""
        surface = surface_of(item)
        if surface is None:
            return
        marks, name = markers_of(item), test_id(item)
        current_test = CurrentTest.of(name, surface, marks.spends)
        item.stash[TEST_EXECUTION] = execution = TestExecution(name, current_test, marks)
        self.run.current_test = current_test
        try:
            target = self.run.target
        except BadSettings as error:
            pytest.exit(str(error), returncode=pytest.ExitCode.USAGE_ERROR)
        except TargetDown as error:
            pytest.exit(str(error), returncode=TARGET_DOWN)
        admit(surface, marks, self.run.settings, self.run.limits, target, self.run.ledger)
        execution.time_begun = target.clock.elapsed()

    @pytest.hookimpl(tryfirst=True)
    def pytest_pyfunc_call(self, pyfuncitem: pytest.Function) -> bool | None:
        """Run a test again if it fails and the target was too busy for one of its calls."""
        __tracebackhide__ = True
        if TEST_EXECUTION not in pyfuncitem.stash:
            return None
        current_test = self.run.current_test
        names = pyfuncitem._fixtureinfo.argnames
        for more in reversed(range(MAX_RUNS)):
            try:
                pyfuncitem.obj(**{name: pyfuncitem.funcargs[name] for name in names})
                break
            except AssertionError:
                if not (more and current_test.turned_away):
                    raise
                current_test.begin_again()
        return True

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Find the outcome, apply known differences, and attach the result to the last report."""
        report = yield
        execution = item.stash.get(TEST_EXECUTION, None)
        if execution is None:
            return report
        error = call.excinfo.value if call.excinfo else None
        outcome = outcome_of(error)
        summary = _one_line(error)
        if outcome in _BAD and (trouble := self._trouble(execution, error)):
            outcome, summary = (
                TestOutcome.UNREACHABLE,
                self.run.redactor.text(f"the target went away: {trouble}"),
            )
            item.session.shouldstop = summary
        if outcome is TestOutcome.UNREACHABLE:
            # This is no failure of the target's, and JUnit has no such outcome.
            report.outcome = "skipped"
            report.longrepr = (str(report.fspath), 0, f"Skipped: {summary}")
        elif call.when == "call":
            if outcome is TestOutcome.PASSED and execution.marks.observes:
                outcome = TestOutcome.OBSERVED
            outcome, summary = self._judged(execution, outcome, summary, report)
            if outcome is TestOutcome.OBSERVED:
                # JUnit has no such outcome. "skipped" is the one that claims nothing.
                report.outcome = "skipped"
                report.longrepr = (str(report.fspath), 0, f"Skipped: {summary or OBSERVED_ONLY}")
        message = report.longreprtext if report.failed else ""
        summary = self.run.redactor.text(summary)
        execution.take(outcome, summary, self.run.redactor.text(message) if message else "")
        carried: dict[str, Any] = {"outcome": outcome.value}
        if call.when == "teardown":
            result = asdict(self._finished(execution))
            # As text, because workers can only transfer plain types.
            carried["result"] = json.dumps(result, ensure_ascii=False)
            carried["included"] = self._included(item.session)
            report.user_properties += _properties(result)
            self.run.current_test = between_tests()
        setattr(report, ATTRIBUTE, carried)
        return report

    def pytest_sessionfinish(self) -> None:
        """Clean up what was made."""
        self.run.close()

    def _included(self, session: pytest.Session) -> dict[str, int]:
        """Return how many tests of each surface this run includes."""
        if self._counts is None:
            run, credentials = self.run, self.run.target.credentials
            self._counts = Counter(
                surface
                for item in session.items
                if (surface := surface_of(item))
                and not why_not_included(
                    surface, markers_of(item), run.settings, run.limits, credentials
                )
            )
        return dict(self._counts)

    def _trouble(self, execution: TestExecution, error: BaseException | None) -> Trouble | None:
        """Return why the target cannot be tested any more, if a test ended as if that were so."""
        exchanges = execution.current_test.exchanges
        if not isinstance(error, NoAnswer | ControlFailed) and not any(map(_suspect, exchanges)):
            return None
        return self.run.target.trouble(execution.current_test.surface)

    def _judged(
        self,
        execution: TestExecution,
        outcome: TestOutcome,
        summary: str,
        report: pytest.TestReport,
    ) -> tuple[TestOutcome, str]:
        """Return outcome and reason after known differences were applied."""
        test = execution.test
        verdict = judge(outcome, test, self.run.target.kind, self.differences, today())
        if verdict is None:
            return outcome, summary
        execution.is_known = True
        reason = f"{verdict.reason}; {summary}" if summary else verdict.reason
        if verdict.outcome is TestOutcome.SKIPPED:
            report.outcome = "skipped"
            report.longrepr = (str(report.fspath), 0, f"Skipped: {reason}")
        elif outcome in (TestOutcome.PASSED, TestOutcome.OBSERVED):
            report.outcome = "failed"
            report.longrepr = reason
        return verdict.outcome, reason

    def _finished(self, execution: TestExecution) -> TestResult:
        known = self.evidence.get(execution.test, {})
        verified = {kind: passed.day for kind, passed in known.items()}
        return execution.result(verified, self.run.target.clock.elapsed())


_OWN_WORDS = (
    TestOutcome.OBSERVED, TestOutcome.DISABLED, TestOutcome.UNSUPPORTED, TestOutcome.UNREACHABLE,
)  # fmt: skip


def _suspect(exchange: dict[str, Any]) -> bool:
    """Say whether an exchange looks as if the target were down, or refused every credential."""
    answer = exchange.get("response")
    if answer is None:
        return True
    headers = {name.lower(): value for name, value in answer["headers"]}
    page = is_page(headers.get("content-type", ""), answer.get("body", "").encode())
    return page or not 200 <= answer["status"] < 300


def report_status(report: pytest.TestReport) -> tuple[str, str, str] | None:
    """Return category, letter and word for outcomes that pytest does not know."""
    carried = getattr(report, ATTRIBUTE, None)
    if carried is None or report.when == "teardown":
        return None
    outcome = TestOutcome(carried["outcome"])
    if outcome in _OWN_WORDS or (outcome is TestOutcome.ERROR and report.when == "call"):
        return outcome.value, LETTERS[outcome], outcome.value.upper()
    return None


def _one_line(error: BaseException | None) -> str:
    if error is None:
        return ""
    text = str(error).strip() or type(error).__name__
    first = " ".join(text.splitlines()[0].split())
    plain = isinstance(error, AssertionError | pytest.skip.Exception | pytest.fail.Exception)
    return first if plain else f"{type(error).__name__}: {first}"


def _properties(result: dict[str, Any]) -> list[tuple[str, object]]:
    """Return the properties of a test for the JUnit file."""
    names = ("outcome", "surface", "spends", "spent", "calls")
    shown: list[tuple[str, object]] = [(name, result[name]) for name in names]
    sources = result["source"]
    shown += [("section", f"{sources[0]} {title_of(sources[0])}")] if sources else []
    return [*shown, *(("source", section) for section in sources)]
