"""What the doctor finds, and how it is shown."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Any

from contract_tests.troubles import Trouble

FORMAT = 1
_INDENT = " " * 34


class FindingState(Enum):
    """How a check ended."""

    OK = "ok"
    WARNING = "warning"
    PROBLEM = "problem"
    NOT_CHECKED = "not checked"


@dataclass(frozen=True)
class Finding:
    """One check: what was found, in a sentence, and what to do about it.

    `where` is a surface, or "run" for what concerns the whole run.
    """

    where: str
    check: str
    state: FindingState
    sentence: str
    advice: str = ""

    @classmethod
    def of(cls, where: str, check: str, trouble: Trouble) -> Finding:
        """Return a trouble of the target as a problem."""
        return cls(where, check, FindingState.PROBLEM, trouble.sentence, trouble.advice)

    def lines(self) -> Iterator[str]:
        """Yield the rows of the table for people."""
        yield f"{self.where:<9} {self.check:<12} {self.state.value:<11} {self.sentence}"
        if self.advice:
            yield f"{_INDENT} → {self.advice}"

    def to_json(self) -> dict[str, str]:
        """Return the check as plain data."""
        return {
            "where": self.where, "check": self.check, "state": self.state.value,
            "sentence": self.sentence, "advice": self.advice,
        }  # fmt: skip


def ok(where: str, check: str, sentence: str) -> Finding:
    """Return a check that found nothing wrong."""
    return Finding(where, check, FindingState.OK, sentence)


def warning(where: str, check: str, sentence: str, advice: str) -> Finding:
    """Return a check that found something that may cause trouble."""
    return Finding(where, check, FindingState.WARNING, sentence, advice)


def problem(where: str, check: str, sentence: str, advice: str) -> Finding:
    """Return a check that found what makes a run useless."""
    return Finding(where, check, FindingState.PROBLEM, sentence, advice)


def not_checked(where: str, check: str, sentence: str, advice: str = "") -> Finding:
    """Return a check that could not be made."""
    return Finding(where, check, FindingState.NOT_CHECKED, sentence, advice)


def count_of(findings: Iterable[Finding], state: FindingState) -> int:
    """Return how many checks ended like this."""
    return sum(1 for finding in findings if finding.state is state)


def document(target: str, findings: list[Finding], *, complete: bool) -> str:
    """Return all checks as one JSON document; `complete` is false after Ctrl-C."""
    data: dict[str, Any] = {
        "format": FORMAT,
        "target": target,
        "complete": complete,
        "problems": count_of(findings, FindingState.PROBLEM),
        "warnings": count_of(findings, FindingState.WARNING),
        "findings": [finding.to_json() for finding in findings],
    }
    return json.dumps(data, indent=1, ensure_ascii=False)
