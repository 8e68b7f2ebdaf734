"""How a test can end, told apart."""

from __future__ import annotations

from enum import Enum

import pytest

# pytest.skip.Exception is this class; under that name it cannot be a parent for type checkers.
from _pytest.outcomes import Skipped

from contract_tests.answers import Unmet


class Outcome(Enum):
    """See the table in README.md."""

    PASSED = "passed"
    FAILED = "failed"
    SKIPPED = "skipped"
    DISABLED = "disabled"
    UNSUPPORTED = "unsupported"
    ERROR = "error"


LETTERS = {
    Outcome.PASSED: ".",
    Outcome.FAILED: "F",
    Outcome.SKIPPED: "s",
    Outcome.DISABLED: "d",
    Outcome.UNSUPPORTED: "u",
    Outcome.ERROR: "E",
}


class Disabled(Skipped):
    """This run was not asked for this test."""


class Unsupported(Skipped):
    """The target cannot show what the test is about."""


class SuiteError(Exception):
    """The suite itself is at fault: a test does what it did not declare, a file is damaged …"""


def outcome_of(error: BaseException | None) -> Outcome:
    """Return how a test ended that raised this."""
    match error:
        case None:
            return Outcome.PASSED
        case Disabled():
            return Outcome.DISABLED
        case Unsupported():
            return Outcome.UNSUPPORTED
        case Skipped() | pytest.xfail.Exception():
            return Outcome.SKIPPED
        case Unmet() | AssertionError() | pytest.fail.Exception():
            return Outcome.FAILED
        case BaseExceptionGroup() as group:
            # Hypothesis groups what different examples raised.
            found = {outcome_of(part) for part in group.exceptions}
            return Outcome.FAILED if found == {Outcome.FAILED} else Outcome.ERROR
        case _:
            return Outcome.ERROR
