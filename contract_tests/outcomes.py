"""The possible outcomes of a test."""

from __future__ import annotations

from enum import Enum

import pytest

# This is pytest.skip.Exception. Type checkers do not accept that name as a parent.
from _pytest.outcomes import Skipped

from contract_tests.answers import NotSent, Unmet


class TestOutcome(Enum):
    """How a test ended; README.md has a table."""

    __test__ = False

    PASSED = "passed"
    OBSERVED = "observed"
    FAILED = "failed"
    SKIPPED = "skipped"
    DISABLED = "disabled"
    UNSUPPORTED = "unsupported"
    ERROR = "error"
    UNREACHABLE = "unreachable"


LETTERS = {
    TestOutcome.PASSED: ".",
    TestOutcome.OBSERVED: "o",
    TestOutcome.FAILED: "F",
    TestOutcome.SKIPPED: "s",
    TestOutcome.DISABLED: "d",
    TestOutcome.UNSUPPORTED: "u",
    TestOutcome.ERROR: "E",
    TestOutcome.UNREACHABLE: "!",
}


class Disabled(Skipped):
    """This run does not include the test."""


class Unsupported(Skipped):
    """The target lacks what the test needs."""


class OnlyObserved(Skipped):
    """The reference leaves the answer open, so the test has nothing to judge."""


class SuiteError(Exception):
    """An error of the suite: for example, an undeclared call or a damaged file."""


def outcome_of(error: BaseException | None) -> TestOutcome:
    """Return the outcome of a test that raised this error, or None."""
    match error:
        case None:
            return TestOutcome.PASSED
        case Disabled():
            return TestOutcome.DISABLED
        case Unsupported():
            return TestOutcome.UNSUPPORTED
        case OnlyObserved():
            return TestOutcome.OBSERVED
        case Skipped() | pytest.xfail.Exception():
            return TestOutcome.SKIPPED
        case NotSent():
            return TestOutcome.UNREACHABLE
        case Unmet() | AssertionError() | pytest.fail.Exception():
            return TestOutcome.FAILED
        case BaseExceptionGroup() as group:
            # Hypothesis groups the errors of several examples.
            found = {outcome_of(part) for part in group.exceptions}
            return TestOutcome.FAILED if found == {TestOutcome.FAILED} else TestOutcome.ERROR
        case _:
            return TestOutcome.ERROR
