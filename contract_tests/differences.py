"""Known differences: failures that are excused until a day."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

from contract_tests import PACKAGE, wall
from contract_tests.outcomes import SuiteError, TestOutcome

FILE = PACKAGE / "known_differences.toml"
TARGETS = ("mock", "url", "real", "*")


@dataclass(frozen=True)
class KnownDifference:
    """One entry of the file."""

    test: str
    target: str
    reason: str
    since: date
    until: date


@dataclass(frozen=True)
class JudgedOutcome:
    """The outcome of a test after a known difference was applied."""

    outcome: TestOutcome
    reason: str


def read_differences(path: Path = FILE) -> list[KnownDifference]:
    """Return the entries of a file; raises `SuiteError` for an invalid entry."""
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
        if set(data) - {"difference"}:
            raise SuiteError(f"{path}: entries are [[difference]], found {sorted(data)}")
        return [_entry(path, row) for row in data.get("difference", [])]
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise SuiteError(f"{path}: {error}") from error


def judge(
    outcome: TestOutcome, test: str, target: str, differences: list[KnownDifference], today: date
) -> JudgedOutcome | None:
    """Return the outcome after known differences, or None if no entry applies.

    Entries apply to tests that ran to their end and to failures.
    """
    for known in differences:
        if known.test != test or known.target not in (target, "*"):
            continue
        if outcome in (TestOutcome.PASSED, TestOutcome.OBSERVED):
            words = "the known difference is gone: remove it from known_differences.toml"
            return JudgedOutcome(TestOutcome.FAILED, f"{words} ({known.reason})")
        if outcome is TestOutcome.FAILED and today > known.until:
            words = f"the known difference ({known.reason}) was excused until {known.until}"
            return JudgedOutcome(TestOutcome.FAILED, words)
        if outcome is TestOutcome.FAILED:
            words = f"known difference since {known.since}, excused until {known.until}"
            return JudgedOutcome(TestOutcome.SKIPPED, f"{words}: {known.reason}")
    return None


def today() -> date:
    """Return the day, in UTC."""
    return datetime.fromtimestamp(wall.now(), UTC).date()


def _entry(path: Path, row: dict[str, object]) -> KnownDifference:
    names = ("test", "target", "reason", "since", "until")
    if set(row) != set(names):
        raise SuiteError(f"{path}: a difference has {', '.join(names)}; found {sorted(row)}")
    test, target, reason, since, until = (row[name] for name in names)
    if target not in TARGETS:
        raise SuiteError(f"{path}: target is {target!r}, expected one of {', '.join(TARGETS)}")
    if not isinstance(since, date) or not isinstance(until, date) or since > until:
        raise SuiteError(f"{path}: since and until of {test} are days, since not after until")
    if not isinstance(reason, str) or not reason.strip():
        raise SuiteError(f"{path}: {test} has no reason")
    return KnownDifference(str(test), str(target), reason, since, until)
