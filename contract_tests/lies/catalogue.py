"""All lies, and which tests notice them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from contract_tests.lies import (
    tams_doors,
    tams_extras,
    tams_jobs,
    tams_money,
    workshop_doors,
    workshop_events,
    workshop_sessions,
    workshop_tasks,
)
from contract_tests.lies.lie import Lie

LIES: tuple[Lie, ...] = (
    *tams_doors.LIES,
    *tams_jobs.LIES,
    *tams_money.LIES,
    *tams_extras.LIES,
    *workshop_doors.LIES,
    *workshop_sessions.LIES,
    *workshop_tasks.LIES,
    *workshop_events.LIES,
)
NOTICED = Path(__file__).with_name("noticed.json")


def read_noticed(path: Path = NOTICED) -> dict[str, list[str]]:
    """Return the tests that notice a lie, by its name; `tams/test_jobs.py::test_…`."""
    if not path.is_file():
        return {}
    return dict(json.loads(path.read_text(encoding="utf-8")))


def write_noticed(noticed: Mapping[str, Sequence[str]], path: Path = NOTICED) -> None:
    """Write down which tests notice which lie, in the order of the lies."""
    ordered = {lie.name: noticed[lie.name] for lie in LIES if lie.name in noticed}
    text = json.dumps(ordered, indent=1, ensure_ascii=False)
    path.write_text(text + "\n", encoding="utf-8")


def lies_named(names: Sequence[str]) -> tuple[Lie, ...]:
    """Return the lies with these names, all without any; raises `ValueError` for unknown ones."""
    known = {lie.name for lie in LIES}
    unknown = [name for name in names if name not in known]
    if unknown:
        raise ValueError(f"there is no lie {', '.join(unknown)}; known: {', '.join(sorted(known))}")
    return tuple(lie for lie in LIES if not names or lie.name in names)
