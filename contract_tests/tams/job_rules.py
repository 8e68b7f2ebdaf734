"""What holds for each answer about a job, and between two of them (`TAMS › 7`).

The members that a state brings are [doc], [client] or [observed]. Members that the reference lets
a service leave out (`TAMS › 2.6`, U53) are not asked for.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from contract_tests.answers import Unmet, expect_one_of
from contract_tests.clients.tams import STATES, TERMINAL

UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
INFOS = {
    "WAITING": "waitingInfo", "RUNNING": "runningInfo", "SUCCESS": "successInfo",
    "FAILED": "failedInfo",
}  # fmt: skip
EXIF = ("FileSize", "ImageSize", "MIMEType", "Seed")
_NUMBER = re.compile(r"[0-9]+(\.[0-9]+)?")
_ENDS = {state: len(STATES) for state in TERMINAL}
_PLACES = {**{state: place for place, state in enumerate(STATES)}, **_ENDS}
_MOVING = ("url", "expiredIn", "filename")  # a later look may have another URL (U50)


def expect(holds: object, words: str) -> None:
    """Raise `Unmet` with these words unless something holds."""
    if not holds:
        raise Unmet(words)


def resources_of(job: Any) -> list[Any]:
    """Return the pictures and videos of a job."""
    made = job.get("successInfo") or {}
    return [*(made.get("images") or []), *(made.get("videos") or [])]


def expect_whole(job: Any) -> None:
    """Raise `Unmet` unless a job has what its state brings, and nothing of another state."""
    state = job["status"]
    expect_one_of(state, STATES, "the status of a job")
    for owner, name in INFOS.items():
        if owner == state:
            expect(isinstance(job[name], dict), f"{name} of a {state} job is {job[name]!r}")
        else:
            expect(not job.get(name), f"a {state} job has {name}: {job.get(name)}")
    if state != "CREATED" or "credits" in job:
        price = job["credits"]
        number = isinstance(price, int | float) and not isinstance(price, bool)
        expect(number and price >= 0, f"the credits of a {state} job are {price!r}")
    if state == "FAILED":
        reason = job["failedInfo"]["reason"]
        expect(isinstance(reason, str) and reason.strip(), f"the reason of a failure is {reason!r}")
    if state == "SUCCESS":
        _expect_whole_success(job["successInfo"], resources_of(job))


def _expect_whole_success(made: Any, resources: Sequence[Any]) -> None:
    expect(resources, "a job that succeeded has neither images nor videos")
    runtime = made["runtime"]
    expect(isinstance(runtime, str) and runtime.isdecimal(), f"runtime is {runtime!r}, no seconds")
    for resource in resources:
        id, url, meta = resource["id"], resource["url"], resource["meta"]["image"]
        expect(UUID.fullmatch(id), f"the id {id!r} of a result is not a UUID")
        expect(url.startswith(("http://", "https://")), f"the url of a result is {url!r}")
        expect(int(resource["expiredIn"]) > 0, f"expiredIn is {resource['expiredIn']!r}")
        expect(meta["width"] > 0 and meta["height"] > 0, f"the size in meta is {meta}")
    for member in ("id", "url"):
        different = {resource[member] for resource in resources}
        expect(len(different) == len(resources), f"results of one job share their {member}")
    images = made.get("images") or []
    if images:
        _expect_metadata(made["imageExifMetaMap"], images)


def _expect_metadata(entries: Any, images: Sequence[Any]) -> None:
    ids = {image["id"] for image in images}
    expect(set(entries) == ids, f"imageExifMetaMap has the keys {sorted(entries)}, not {ids}")
    for image in images:
        meta, size = entries[image["id"]]["meta"], image["meta"]["image"]
        for name in EXIF:
            expect(isinstance(meta[name], str) and meta[name], f"{name} is {meta[name]!r}")
        expect(
            meta["ImageSize"] == f"{size['width']}x{size['height']}",
            f"ImageSize is {meta['ImageSize']}, and the size in meta {size}",
        )
        expect(meta["MIMEType"] == "image/png", f"MIMEType is {meta['MIMEType']}")
        expect(meta["Seed"].isdecimal(), f"Seed is {meta['Seed']!r}")


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
