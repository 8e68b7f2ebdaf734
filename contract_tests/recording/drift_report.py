"""Reports of drift, for people and for programs."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

from contract_tests.recording.changes import KINDS, Change, Severity
from contract_tests.recording.shape import as_text

MAX_SHOWN = 40  # changes of one severity that are printed
MAX_VALUE_LENGTH = 160  # characters of a value that are printed
SAME, DRIFT, UNREACHABLE = 0, 1, 3
"""Exit statuses; 2 is for wrong use."""


def exit_status(changes: list[Change], least: Severity = Severity.COSMETIC) -> int:
    """Return the exit status; changes less important than `least` do not count."""
    if any(change.severity is Severity.UNREACHABLE for change in changes):
        return UNREACHABLE
    return DRIFT if any(change.severity.rank <= least.rank for change in changes) else SAME


def suspect(before: str, now: str) -> str:
    """Return which side has changed, by the kinds of the two targets."""
    if before == now == "mock":
        return "the mock has changed"
    if "mock" in (before, now):
        return "the mock differs from the service: an error of the mock, or a new behaviour"
    return "the service has changed"


def report_lines(changes: list[Change], before: str, now: str) -> Iterator[str]:
    """Yield the report for a person; `before` and `now` are kinds of targets."""
    if not changes:
        yield "No drift."
        return
    counts = Counter(change.severity for change in changes)
    text = ", ".join(f"{counts[severity]} {severity.value}" for severity in Severity
                     if counts[severity])  # fmt: skip
    lost = counts[Severity.UNREACHABLE]
    only_lost = lost == len(changes)
    who = "this says nothing about the service" if only_lost else suspect(before, now)
    yield f"Drift: {text}; {who}."
    for severity in Severity:
        found = [change for change in changes if change.severity is severity]
        if found:
            yield ""
            yield f"{severity.value}:"
        for change in found[:MAX_SHOWN]:
            yield from _lines(change)
        if len(found) > MAX_SHOWN:
            yield f"  … and {len(found) - MAX_SHOWN} more"


def report_json(changes: list[Change], before: str, now: str, status: int) -> str:
    """Return the report as JSON."""
    counts = Counter(change.severity.value for change in changes)
    return as_text(
        {
            "before": before,
            "now": now,
            "exit": status,
            "counts": {severity.value: counts[severity.value] for severity in Severity},
            "changes": [change.to_json() for change in changes],
        }
    )


def _lines(change: Change) -> Iterator[str]:
    place = " › ".join(part for part in (change.scene, change.step) if part)
    where = f" {change.where}" if change.where else ""
    yield f"  {place}:{where}"
    if change.before is None and change.now is None:
        text = KINDS[change.kind]
    elif change.before is None and change.kind != "type changed":
        text = f"{KINDS[change.kind]}: {_shown(change.now)}"
    elif change.now is None and change.kind != "type changed":
        text = f"{KINDS[change.kind]}: {_shown(change.before)}"
    else:
        text = f"{KINDS[change.kind]}: {_shown(change.before)} → {_shown(change.now)}"
    yield f"      {text}"


def _shown(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= MAX_VALUE_LENGTH else f"{text[:MAX_VALUE_LENGTH]}…"
