"""The progress of a graph, node by node: the `workflowFinishItem` of a job (TAMS › 7).

The names of its members and the shape of a finished node are documented. Clients read `progress` as
0 to 100, and outputs from `nodes.*.outputUi.images[].filename`; everything else here is made up
(U54).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import lru_cache
from sys import intern
from typing import Any, Literal

from msgspec import Struct


class NodeStep(Struct, frozen=True):
    """One node of a running graph: its share of the time, and its output.

    `weight` is relative to the other weights; `samples` is the number of steps of a sampler, and
    `images` the number of pictures of an output node.
    """

    id: str
    class_type: str
    weight: int
    samples: int = 0
    images: int = 0


def notes_of(steps: Sequence[NodeStep]) -> str:
    """Return the steps as a text for an order; equal graphs share one text."""
    rows = [[each.id, each.class_type, each.weight, each.samples, each.images] for each in steps]
    return intern(json.dumps(rows, ensure_ascii=False, separators=(",", ":")))


@lru_cache(maxsize=256)
def steps_of(notes: str) -> tuple[NodeStep, ...]:
    """Return the steps in the text of an order."""
    return tuple(NodeStep(*row) for row in json.loads(notes)) if notes else ()


def finish_item(
    notes: str,
    *,
    id: str,
    done: float,
    started_at: float,
    now: float,
    images: Sequence[dict[str, Any]] = (),
    numbers: Literal["number", "string"] = "number",
    finished_nodes: Literal["object", "list"] = "object",
) -> dict[str, Any]:
    """Return the progress of the nodes when `done` (0 to 1) of the running time has passed.

    `nodes` has the finished nodes; an output node has its pictures as soon as `images` has them.
    `step` is that of the running sampler, or of the last one.
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
        nodes[each.id] = {"id": each.id, "status": "SUCCESS"}
        if each.samples:
            nodes[each.id]["process"] = 1
        if shown := images[image : image + each.images]:
            nodes[each.id]["outputUi"] = {"images": list(shown)}
        image += each.images
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
