"""The formats in which ComfyUI has a workflow; people mix them up.

Only the API format, `{"3": {"class_type": …, "inputs": …}, …}`, is a graph that can run.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice
from typing import Any

_MAX_NAME = 60
_MAX_LOOKED_AT = 100  # members that may be nodes

SAVED = "a workflow as ComfyUI saves it"
EXPORT = "export it with Workflow › Export (API), in older versions Save (API Format)"


def is_saved(value: Any) -> bool:
    """Return whether this is a workflow as the editor saves it."""
    return isinstance(value, dict) and isinstance(value.get("nodes"), list)


def is_graph(value: Any) -> bool:
    """Return whether this is a graph in the API format, perhaps a broken one."""
    return isinstance(value, dict) and any(
        isinstance(node, dict) and not node.keys().isdisjoint(("class_type", "classType"))
        for node in islice(value.values(), _MAX_LOOKED_AT)
    )


def mistaken_for_graph(value: Mapping[str, Any]) -> str:
    """Return what was found in place of a graph, and what to do; or "" if it is none of these."""
    if is_saved(value):
        return f"{SAVED}: {EXPORT}"
    if is_graph(value):
        return ""
    if isinstance(value.get("prompt"), dict):
        return "the body of a call of ComfyUI's /prompt: send only the value of its member prompt"
    for name, member in value.items():
        if is_graph(member):
            return f"a graph in its member {name[:_MAX_NAME]!r}: send only the value of that member"
    for name, member in value.items():
        if is_saved(member):
            return f"{SAVED}, in its member {name[:_MAX_NAME]!r}: {EXPORT}"
    return ""
