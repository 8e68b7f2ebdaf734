"""The report in the Common Test Report Format, which tools of many CI services read."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

from contract_tests.outcomes import TestOutcome
from contract_tests.report.sections import title_of
from contract_tests.report.shape import RunReport, TestResult

VERSION = "0.0.0"  # of the format
# An error of the suite must not look like success. An observation is neither pass nor skip.
STATUSES = {
    TestOutcome.PASSED: "passed",
    TestOutcome.OBSERVED: "other",
    TestOutcome.FAILED: "failed",
    TestOutcome.ERROR: "failed",
    TestOutcome.UNREACHABLE: "other",
    TestOutcome.SKIPPED: "skipped",
    TestOutcome.UNSUPPORTED: "skipped",
    TestOutcome.DISABLED: "skipped",
}


def ctrf(report: RunReport) -> str:
    """Return the report of a run as CTRF."""
    tests = [_test(test) for test in report.tests]
    counts = Counter(test["status"] for test in tests)
    names = ("passed", "failed", "skipped", "pending", "other")
    document = {
        "reportFormat": "CTRF",
        "specVersion": VERSION,
        "generatedBy": report.suite,
        "results": {
            "tool": {"name": report.suite},
            "summary": {
                "tests": len(tests),
                **{name: counts[name] for name in names},
                "start": _milliseconds(report.started),
                "stop": _milliseconds(report.finished),
            },
            "tests": tests,
            "environment": {
                "testEnvironment": report.target.asked,
                "extra": {
                    "profile": report.profile,
                    "complete": report.complete,
                    "spent": {row.unit: row.spent for row in report.money},
                },
            },
        },
    }
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


def _test(test: TestResult) -> dict[str, Any]:
    section = test.source[0] if test.source else "—"
    shown: dict[str, Any] = {
        "name": test.name,
        "status": STATUSES[TestOutcome(test.outcome)],
        "rawStatus": test.outcome,
        "duration": _milliseconds(test.seconds),
        "suite": [test.surface, f"{section} {title_of(section)}".strip()],
        "filePath": test.test.partition("::")[0],
        "tags": test.source,
        "extra": {"calls": test.calls, "spent": test.spent},
    }
    shown |= {"message": test.reason} if test.reason else {}
    return shown | ({"trace": test.message} if test.message else {})


def _milliseconds(seconds: float) -> int:
    return round(seconds * 1000)
