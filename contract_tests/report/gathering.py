"""Making the report of a run from the files of its processes."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import Any

from contract_tests.money import LEDGER, UNITS, Ledger
from contract_tests.options import SURFACES
from contract_tests.outcomes import TestOutcome
from contract_tests.report.shape import (
    SCHEMA,
    MoneyRow,
    ResourceRow,
    RunReport,
    TargetFacts,
    TestResult,
    UnknownRow,
    read_result,
)
from contract_tests.resources import read_resources
from contract_tests.unknowns import questions

SUITE = "tams-contract"
RESULTS = "results.jsonl"


def read_results(folder: Path) -> dict[str, TestResult]:
    """Return the last result of each test in a run's folder."""
    path = folder / RESULTS
    results: dict[str, TestResult] = {}
    for text in path.read_text(encoding="utf-8").splitlines() if path.is_file() else ():
        try:
            result = read_result(json.loads(text))
        except ValueError:
            continue  # the last line of a killed process
        results[result.test] = result
    return results


def append_result(folder: Path, result: TestResult) -> None:
    """Write a result at once, for a resumed run."""
    with (folder / RESULTS).open("a", encoding="utf-8") as file:
        file.write(json.dumps(asdict(result), ensure_ascii=False) + "\n")


def gather(
    folder: Path, asked: str, *, started: float, finished: float, complete: bool
) -> RunReport:
    """Return the report of the run in a folder."""
    about = _about(folder)
    tests = sorted(read_results(folder).values(), key=lambda result: result.test)
    outcomes = Counter(result.outcome for result in tests)
    seen = [observation for result in tests for observation in result.observations]
    budgets = about.get("budgets", {})
    ledger = Ledger(folder / LEDGER, {})
    notes = folder / "notes.txt"
    return RunReport(
        schema=SCHEMA,
        suite=SUITE,
        started=started,
        finished=finished,
        complete=complete,
        folder=str(folder),
        target=TargetFacts(
            asked=asked,
            kind=about.get("kind", ""),
            urls=about.get("urls", {}),
            moves_time=about.get("moves_time", False),
            served=about.get("served", []),
            version=about.get("version", ""),
        ),
        profile=about.get("profile", ""),
        totals={outcome.value: outcomes[outcome.value] for outcome in TestOutcome},
        calls={s: sum(test.calls for test in tests if test.surface == s) for s in SURFACES},
        money=[
            MoneyRow(unit, budgets.get(unit), str(ledger.spent(unit))) for unit in UNITS.values()
        ],
        tests=tests,
        unknowns=[
            UnknownRow(number, surface, question, [o for o in seen if o.unknown == number])
            for number, (surface, question) in questions().items()
        ],
        made=[
            ResourceRow(**asdict(made))
            for made in read_resources(sorted(folder.glob("made-*.jsonl")))
        ],
        notes=[
            *about.get("notes", []),
            *(notes.read_text(encoding="utf-8").splitlines() if notes.is_file() else ()),
        ],
    )


def _about(folder: Path) -> dict[str, Any]:
    try:
        return dict(json.loads((folder / "target.json").read_text(encoding="utf-8")))
    except (OSError, ValueError):
        return {}
