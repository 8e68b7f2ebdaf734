"""All mutants, and the tests that notice them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from contract_tests.mutants import (
    tams_answers,
    tams_authentication,
    tams_extras,
    tams_jobs,
    tams_members,
    tams_money,
    tams_refusals,
    workshop_authentication,
    workshop_events,
    workshop_files,
    workshop_members,
    workshop_refusals,
    workshop_sessions,
    workshop_tasks,
)
from contract_tests.mutants.mutant import Mutant

MUTANTS: tuple[Mutant, ...] = (
    *tams_authentication.MUTANTS,
    *tams_jobs.MUTANTS,
    *tams_money.MUTANTS,
    *tams_extras.MUTANTS,
    *tams_answers.MUTANTS,
    *tams_refusals.MUTANTS,
    *tams_members.MUTANTS,
    *workshop_authentication.MUTANTS,
    *workshop_sessions.MUTANTS,
    *workshop_tasks.MUTANTS,
    *workshop_files.MUTANTS,
    *workshop_events.MUTANTS,
    *workshop_members.MUTANTS,
    *workshop_refusals.MUTANTS,
)
NOTICED = Path(__file__).with_name("noticed.json")


def read_noticed(path: Path = NOTICED) -> dict[str, list[str]]:
    """Return the tests that notice each mutant, by its name; `tams/test_jobs.py::test_…`."""
    if not path.is_file():
        return {}
    return dict(json.loads(path.read_text(encoding="utf-8")))


def write_noticed(noticed: Mapping[str, Sequence[str]], path: Path = NOTICED) -> None:
    """Write the tests that notice each mutant, in the order of the mutants."""
    ordered = {mutant.name: noticed[mutant.name] for mutant in MUTANTS if mutant.name in noticed}
    text = json.dumps(ordered, indent=1, ensure_ascii=False)
    path.write_text(text + "\n", encoding="utf-8")
