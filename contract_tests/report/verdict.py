"""The result of a whole run in one word and one line, for pages and badges."""

from __future__ import annotations

from dataclasses import dataclass

from contract_tests.outcomes import TestOutcome
from contract_tests.report.shape import RunReport


@dataclass(frozen=True)
class RunVerdict:
    """The result of a whole run; `tone` is good, bad, fault or unsure."""

    word: str
    sentence: str
    tone: str


def verdict(report: RunReport) -> RunVerdict:
    """Return the result of a whole run. It is "Kept" only if a test passed."""
    failed, errors, passed, observed, unreachable = (
        report.totals.get(outcome.value, 0)
        for outcome in (
            TestOutcome.FAILED,
            TestOutcome.ERROR,
            TestOutcome.PASSED,
            TestOutcome.OBSERVED,
            TestOutcome.UNREACHABLE,
        )
    )
    if failed:
        words = f"{count(failed, 'test')} found a difference from the documented behaviour."
        return RunVerdict("Not kept", words, "bad")
    if errors:
        words = f"{count(errors, 'test')} had an error of the suite; the target is not judged."
        return RunVerdict("Suite at fault", words, "fault")
    if unreachable:
        words = f"{count(unreachable, 'test')} had no target to judge: it was down or unusable."
        return RunVerdict("Target down", words, "unsure")
    if not report.complete:
        return RunVerdict("Interrupted", "The run did not finish.", "unsure")
    also = f" {count(observed, 'test')} only observed." if observed else ""
    if not passed:
        word = "Only observed" if observed else "Nothing tested"
        return RunVerdict(word, f"No test has passed or failed.{also}", "unsure")
    words = f"The target behaved as documented in {count(passed, 'test')}.{also}"
    return RunVerdict("Kept", words, "good")


def count(number: int, thing: str) -> str:
    """Return a number with its noun: `1 test`, `2 tests`."""
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"


def duration(seconds: float) -> str:
    """Return a duration as text: `9.5 s`, `42 s`, `4 min 2 s`."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
