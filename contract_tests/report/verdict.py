"""What a run says in one word and one line, for pages and badges."""

from __future__ import annotations

from dataclasses import dataclass

from contract_tests.outcomes import TestOutcome
from contract_tests.report.shape import RunReport


@dataclass(frozen=True)
class RunVerdict:
    """The word is for people in a hurry; `tone` is good, bad, fault or unsure."""

    word: str
    sentence: str
    tone: str


def verdict(report: RunReport) -> RunVerdict:
    """Return what a run says as a whole. What was not tested is never called kept."""
    failed, errors, passed, observed = (
        report.totals.get(outcome.value, 0)
        for outcome in (
            TestOutcome.FAILED,
            TestOutcome.ERROR,
            TestOutcome.PASSED,
            TestOutcome.OBSERVED,
        )
    )
    if failed:
        words = f"{count(failed, 'test')} found that the target did not keep its word."
        return RunVerdict("Not kept", words, "bad")
    if errors:
        words = f"{count(errors, 'test')} broke by the suite's own fault; the target is not judged."
        return RunVerdict("Suite at fault", words, "fault")
    if not report.complete:
        return RunVerdict("Interrupted", "The run did not come to its end.", "unsure")
    also = f" {count(observed, 'test')} only observed." if observed else ""
    if not passed:
        word = "Only observed" if observed else "Nothing tested"
        return RunVerdict(word, f"No test has passed or failed.{also}", "unsure")
    return RunVerdict("Kept", f"The target kept its word in {count(passed, 'test')}.{also}", "good")


def count(number: int, thing: str) -> str:
    """Return a number with its noun: `1 test`, `2 tests`."""
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"
