"""What nodes say and hold: texts, numbers and models, passed on from node to node.

A reading aid for `graph_reading`: each node is taken in once, after all that it needs.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from math import sqrt
from typing import Any

from mock_server.tams.workflow.graph import Graph, GraphNode, Link
from mock_server.tams.workflow.node_inputs import number_of, str_of

MAX_NAME = 100
_MAX_TEXT = 20_000
_RATIO_AREA = 1024 * 1024

_TEXTS = ("text", "Text", "prompt", "text_g", "text_l", "clip_l", "clip_g", "t5xxl")
_VALUES = ("value", "Value", "int", "float", "number", "string", "seed", "noise_seed")
_SCALARS = (*_VALUES, *_TEXTS)
_SPEAKING = frozenset({"CONDITIONING", "STRING", "*"})
_BOTH = ("positive", "negative")

_MODEL_FACTOR = re.compile(r"(?<![0-9])([1-9])x|x([1-9])(?![0-9])", re.IGNORECASE)


class Values:
    """Remembers what each node passes on, pictures aside.

    `models` are the checkpoints behind nodes, `factors` the enlargements of upscaler models, and
    `named` all models with the nodes and inputs that name them.
    """

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.texts: dict[str, Mapping[str, str]] = {}
        self.scalars: dict[str, Any] = {}
        self.models: dict[str, str] = {}
        self.factors: dict[str, int] = {}
        self.named: list[tuple[GraphNode, str, str]] = []

    def take(self, node: GraphNode) -> None:
        """Take in a node, after all that it needs."""
        named = node.values.keys() | node.links.keys()
        self._scalar(node, [name for name in _SCALARS if name in named])
        self._words(node, [name for name in _TEXTS if name in named])
        self._model(node)

    def value(self, node: GraphNode, name: str) -> Any:
        """Return an input's plain value, through a link if it is one."""
        link = node.links.get(name)
        if link is None:
            return node.values.get(name)
        value = self.scalars.get(link.node)
        if isinstance(value, tuple):
            return value[link.output] if link.output < len(value) else None
        return value

    def number(self, node: GraphNode, name: str) -> float | None:
        return number_of(self.value(node, name))

    def integer(self, node: GraphNode, name: str, least: int, most: int) -> int | None:
        """Return a whole number within the ends, or None where there is none."""
        number = self.number(node, name)
        return None if number is None else int(min(max(number, least), most))

    def _scalar(self, node: GraphNode, names: list[str]) -> None:
        if node.known is not None and node.known.role == "ratio":
            texts = (str_of(self.value(node, name)) for name in node.known.inputs)
            self.scalars[node.id] = _size_of_ratio(next(texts, ""))
            return
        for name in names:
            value = self.value(node, name)
            if value is not None and not isinstance(value, list | dict | tuple):
                self.scalars[node.id] = value
                return
        if "string_a" in node.values or "string_a" in node.links:
            parts = [str_of(self.value(node, name)) for name in ("string_a", "string_b")]
            joint = str_of(self.value(node, "delimiter"))
            self.scalars[node.id] = joint[:MAX_NAME].join(part[:_MAX_TEXT] for part in parts)

    def _words(self, node: GraphNode, names: list[str]) -> None:
        """Pass on what a node says, by the names of its inputs; "" is all of it together."""
        if node.known is not None and node.known.role == "blank":
            return
        specs = node.known.inputs if node.known else {}
        said: dict[str, str] = {}
        for name, link in node.links.items():
            speaks = name not in specs or specs[name].kind in _SPEAKING
            if speaks and (text := self.said(link)):
                said[name] = text
        for name in names:
            if text := str_of(self.value(node, name)):
                said[name] = text
        if said:
            self.texts[node.id] = {**said, "": _joined(list(dict.fromkeys(said.values())))}

    def said(self, link: Link) -> str:
        """Return what comes out of one output: of its own where it is named like an input."""
        said = self.texts.get(link.node)
        if said is None:
            return ""
        known = self.graph.nodes[link.node].known
        if known is not None:
            names = known.output_names
        else:  # What steers both prompts at once has them as its first outputs.
            names = _BOTH if all(name in said for name in _BOTH) else ()
        if link.output < len(names) and names[link.output] in _BOTH:
            return said.get(names[link.output], "")
        return said[""]

    def _model(self, node: GraphNode) -> None:
        specs = node.known.inputs if node.known else {}
        for name, spec in specs.items():
            if spec.model and (value := str_of(self.value(node, name))):
                self.named.append((node, name, value))
                if spec.model == "CHECKPOINT":
                    self.models[node.id] = value[:MAX_NAME]
        if node.id not in self.models:
            for name in ("ckpt_name", "unet_name"):
                if value := str_of(self.value(node, name)):
                    self.models[node.id] = value[:MAX_NAME]
        if node.id not in self.models:
            links = [node.links[name] for name in ("model", "guider") if name in node.links]
            for link in links or node.links.values():
                if link.node in self.models:
                    self.models[node.id] = self.models[link.node]
                    break
        if found := _MODEL_FACTOR.search(str_of(self.value(node, "model_name"))):
            self.factors[node.id] = int(found[1] or found[2])


def _joined(parts: list[str]) -> str:
    """Return the parts as one text; several of them are cut where it grows long."""
    if len(parts) == 1:
        return parts[0]
    room, kept = _MAX_TEXT, []
    for part in parts:
        kept.append(part[: max(0, room)])
        room -= len(part) + 2
        if room <= 0:
            break
    return ", ".join(kept)


def _size_of_ratio(text: str) -> tuple[int, int]:
    """Return width and height of about a megapixel for words such as 16:9."""
    first, _, second = text.partition(":")
    across, down = number_of(first), number_of(second)
    if not across or not down or not 0.01 <= across / down <= 100:
        return 1024, 1024
    width = sqrt(_RATIO_AREA * across / down)
    return max(64, round(width / 64) * 64), max(64, round(_RATIO_AREA / width / 64) * 64)
