"""How far a graph is, node after node: the `workflowFinishItem` of a job (TAMS › 7).

Its members are documented by name alone. Clients read `progress` as 0 to 100, and outputs out of
`nodes.*.outputUi.images[].filename`; everything else here is made up (U54).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import lru_cache
from sys import intern
from typing import Any, Literal

from msgspec import Struct


class NodeStep(Struct, frozen=True):
    """One node of a running graph: its share of the time, and what it makes.

    `weight` counts against the other weights; `samples` are the sampler's steps, and `images` the
    pictures that it gives out.
    """

    id: str
    class_type: str
    weight: int
    samples: int = 0
    images: int = 0


def notes_of(steps: Sequence[NodeStep]) -> str:
    """Return the steps as a text to keep in an order; equal graphs share one."""
    rows = [[each.id, each.class_type, each.weight, each.samples, each.images] for each in steps]
    return intern(json.dumps(rows, ensure_ascii=False, separators=(",", ":")))


@lru_cache(maxsize=256)
def steps_of(notes: str) -> tuple[NodeStep, ...]:
    """Return the steps that were kept in an order."""
    return tuple(NodeStep(*row) for row in json.loads(notes)) if notes else ()


def finish_item(
    notes: str,
    *,
    id: str,
    done: float,
    started_at: float,
    now: float,
    urls: Sequence[str] = (),
    numbers: Literal["number", "string"] = "number",
    finished_nodes: Literal["object", "list"] = "object",
) -> dict[str, Any]:
    """Return how far the nodes are when `done` (0 to 1) of the running time has passed.

    Output nodes are in `nodes` once they are finished and the URLs of the pictures are there, so
    that whoever finds a node there finds its file names too. `step` is that of the sampler at work,
    or of the last one.
    """
    steps = steps_of(notes)
    reached = done * sum(each.weight for each in steps)
    nodes: dict[str, Any] = {}
    finished: dict[str, Any] = {}
    sample, image, passed = 0, 0, 0
    for each in steps:
        if each.samples and reached > passed:
            part = (reached - passed) / each.weight if each.weight else 1.0
            sample = int(each.samples * min(1.0, part))
        passed += each.weight
        if done < 1 and passed > reached:
            break
        finished[each.id] = {"classType": each.class_type}
        names = urls[image : image + each.images]
        image += each.images
        if names:
            nodes[each.id] = {"outputUi": {"images": [{"filename": name} for name in names]}}
    progress = int(min(max(done, 0.0), 1.0) * 100)
    return {
        "id": id,
        "status": "DEFAULT",
        "progress": progress if numbers == "number" else str(progress),
        "step": sample if numbers == "number" else str(sample),
        "ctime": str(int(started_at)),
        "mtime": str(int(max(now, started_at))),
        "nodes": nodes,
        "finishedNodes": finished if finished_nodes == "object" else list(finished),
    }
