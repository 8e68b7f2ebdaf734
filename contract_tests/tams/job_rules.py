"""What holds between two answers about one job (`TAMS › 7`)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from contract_tests.clients.tams import TERMINAL
from contract_tests.clients.tams_answers import STATES, expect, resources_of

_NUMBER = re.compile(r"[0-9]+(\.[0-9]+)?")
_ENDS = {state: len(STATES) for state in TERMINAL}
_PLACES = {**{state: place for place, state in enumerate(STATES)}, **_ENDS}
_MOVING = ("url", "expiredIn", "filename")  # a later look may have another URL (U50)


def expect_forward(looks: Sequence[Any]) -> None:
    """Raise `Unmet` unless each look follows from the one before it."""
    for before, after in pairwise(looks):
        states = before["status"], after["status"]
        expect(before["id"] == after["id"], "a look is at another job")
        expect(_PLACES[states[0]] <= _PLACES[states[1]], f"states do not run back: {states}")
        _expect_same_price(before, after)
        if states[0] in TERMINAL:
            expect_same_end(before, after)
        for name, value in _counters(after).items():
            former = _counters(before).get(name, value)
            forward = value <= former if name == "queueRank" else value >= former
            expect(forward, f"{name} runs back: {former:g}, then {value:g}")


def expect_same_end(before: Any, after: Any) -> None:
    """Raise `Unmet` unless two looks at a job that is over show the same."""
    fixed = _fixed(before), _fixed(after)
    expect(fixed[0] == fixed[1], f"a finished job stays as it is: {fixed[0]}, then {fixed[1]}")
    for first, later in zip(resources_of(before), resources_of(after), strict=True):
        left = int(first["expiredIn"]), int(later["expiredIn"])
        expect(left[1] <= left[0], f"expiredIn grows: {left[0]}, then {left[1]}")


def _expect_same_price(before: Any, after: Any) -> None:
    """A job that failed or was cancelled may name no price any more (U33)."""
    if "credits" not in before or "credits" not in after:
        return
    prices = before["credits"], after["credits"]
    may_be_nothing = after["status"] in ("FAILED", "CANCELED") and prices[1] == 0
    expect(
        prices[0] == prices[1] or may_be_nothing,
        f"the price of a job changes from {prices[0]} credits to {prices[1]}",
    )


def _counters(job: Any) -> dict[str, float]:
    """Return what may only go forward: the rank in the queue falls, everything else rises."""
    found: dict[str, float] = {}
    waiting, running = job.get("waitingInfo") or {}, job.get("runningInfo") or {}
    if "queueRank" in waiting:
        found["queueRank"] = int(waiting["queueRank"])
        length = int(waiting.get("queueLen", waiting["queueRank"]))
        expect(0 <= found["queueRank"] <= length, f"the rank is beyond the queue: {waiting}")
    for place, image in enumerate(running.get("processingImages") or []):
        found[f"progress of picture {place}"] = image.get("progress", 0)
    item = (job.get("successInfo") or running).get("workflowFinishItem") or {}
    # Numbers or texts, and times may be in any form (U54).
    numbers = {name: float(item[name]) for name in item if _NUMBER.fullmatch(str(item[name]))}
    made, changed = numbers.get("ctime", 0), numbers.get("mtime", 0)
    expect(made <= changed or not changed, f"mtime {changed:.0f} is before ctime {made:.0f}")
    return found | {n: numbers[n] for n in ("progress", "step", "mtime") if n in numbers}


def _fixed(value: Any) -> Any:
    """Return a copy without what may differ at a later look."""
    if isinstance(value, list):
        return [_fixed(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {name: _fixed(item) for name, item in value.items() if name not in _MOVING}
