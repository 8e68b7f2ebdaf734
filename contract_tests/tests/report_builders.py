"""Functions that make reports, for tests."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from typing import Any

from contract_tests.outcomes import TestOutcome
from contract_tests.report.shape import (
    SCHEMA,
    Exchange,
    MoneyRow,
    Observation,
    ResourceRow,
    RunReport,
    TargetFacts,
    TestResult,
    UnknownRow,
)

TAMS_SIGNED = "TAMS-SHA256-RSA app_id=myApp0001,nonce_str=0f1e,timestamp=1768464000,***"


def an_exchange(
    method: str = "GET",
    url: str = "http://127.0.0.1:8080/v1/jobs/1",
    *,
    authorization: str = TAMS_SIGNED,
    sent: str = "",
    received: Any = None,
    status: int = 200,
    error: str = "",
) -> Exchange:
    """Return an exchange of a transcript; with an error, it has no answer."""
    headers = [["host", "127.0.0.1:8080"], ["authorization", authorization]]
    body = received if isinstance(received, str) else json.dumps(received)
    answer = {"status": status, "headers": [["content-type", "application/json"]], "body": body}
    return Exchange(
        exchange="master-1-00001",
        at=1768464000.0,
        took_ms=3.2,
        request={
            "method": method,
            "url": url,
            "headers": [*headers, *([["content-type", "application/json"]] if sent else [])],
            **({"body": sent} if sent else {}),
        },
        response=None if error else answer,
        error=error,
    )


def a_result(
    name: str = "test_a_cancelled_job_stays_cancelled", outcome: str = "passed", **members: Any
) -> TestResult:
    """Return the result of one test of TAMS' jobs."""
    fixed: dict[str, Any] = {
        "test": f"tams/test_jobs.py::{name}",
        "surface": "tams",
        "name": name,
        "source": ["TAMS › 5.3", "TAMS › 7"],
        "outcome": outcome,
        "calls": 3,
    }
    return TestResult(**{**fixed, **members})


def a_report(*tests: TestResult, **members: Any) -> RunReport:
    """Return the report of a run of these tests against a mock."""
    outcomes = Counter(test.outcome for test in tests)
    report = RunReport(
        schema=SCHEMA,
        suite="tams-contract",
        started=1768464000.0,
        finished=1768464042.5,
        complete=True,
        folder="runs/20260115T080000-abc123",
        target=TargetFacts(
            asked="mock",
            kind="mock",
            urls=dict.fromkeys(("tams", "workshop"), "http://127.0.0.1:8080"),
            moves_time=True,
            served=["tams", "workshop"],
        ),
        profile="full",
        totals={outcome.value: outcomes[outcome.value] for outcome in TestOutcome},
        calls={"tams": sum(test.calls for test in tests), "workshop": 0},
        money=[MoneyRow("credits", "20", "2.3"), MoneyRow("uses", None, "0")],
        tests=list(tests),
        unknowns=[
            UnknownRow("U13", "tams", "What does a repeated request id get?", []),
            UnknownRow(
                "U28",
                "tams",
                "Is the next job in the queue of rank 0 or 1?",
                [Observation("U28", "rank", 1, "t"), Observation("U28", "rank", 1, "t")],
            ),
        ],
        made=[
            ResourceRow("job", "934500000000000001", "tams", "tams/test_jobs.py::t", "success"),
            ResourceRow("token", "01kf0apayg…", "workshop", "workshop/test_tokens.py::t", "stays"),
        ],
        notes=[],
    )
    return replace(report, **members)
