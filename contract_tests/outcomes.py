"""How a test can end, told apart."""

from __future__ import annotations

from enum import Enum

import pytest

# pytest.skip.Exception is this class; under that name it cannot be a parent for type checkers.
from _pytest.outcomes import Skipped

from contract_tests.answers import Unmet


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


LETTERS = {
    TestOutcome.PASSED: ".",
    TestOutcome.OBSERVED: "o",
    TestOutcome.FAILED: "F",
    TestOutcome.SKIPPED: "s",
    TestOutcome.DISABLED: "d",
    TestOutcome.UNSUPPORTED: "u",
    TestOutcome.ERROR: "E",
}


class Disabled(Skipped):
    """This run was not asked for this test."""


class Unsupported(Skipped):
    """The target cannot show what the test is about."""


class OnlyObserved(Skipped):
    """The answer is one that the reference leaves open, so the test has nothing to expect."""


class SuiteError(Exception):
    """The suite itself is at fault: a test does what it did not declare, a file is damaged …"""


def outcome_of(error: BaseException | None) -> TestOutcome:
    """Return how a test ended that raised this."""
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
        case Unmet() | AssertionError() | pytest.fail.Exception():
            return TestOutcome.FAILED
        case BaseExceptionGroup() as group:
            # Hypothesis groups what different examples raised.
            found = {outcome_of(part) for part in group.exceptions}
            return TestOutcome.FAILED if found == {TestOutcome.FAILED} else TestOutcome.ERROR
        case _:
            return TestOutcome.ERROR
