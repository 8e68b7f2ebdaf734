"""The texts, numbers and models of a graph, passed from node to node; used by `graph_reading`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from math import sqrt
from typing import Any

from mock_server.tams.workflow.graph import Graph, GraphNode, Link
from mock_server.tams.workflow.node_inputs import number_of, str_of

MAX_NAME_LENGTH = 100
_MAX_TEXT_LENGTH = 20_000
_RATIO_AREA = 1024 * 1024

_TEXTS = ("text", "Text", "prompt", "text_g", "text_l", "clip_l", "clip_g", "t5xxl")
_VALUES = ("value", "Value", "int", "float", "number", "string", "seed", "noise_seed")
_SCALARS = (*_VALUES, *_TEXTS)
_TEXT_KINDS = frozenset({"CONDITIONING", "STRING", "*"})
_PROMPTS = ("positive", "negative")

_MODEL_FACTOR = re.compile(r"(?<![0-9])([1-9])x|x([1-9])(?![0-9])", re.IGNORECASE)


class NodeValues:
    """Collects what each node outputs, except pictures.

    `models` are the checkpoints behind nodes, `factors` those of upscaler models, and `named` all
    models with the nodes and inputs that name them.
    """

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.texts: dict[str, Mapping[str, str]] = {}
        self.scalars: dict[str, Any] = {}
        self.models: dict[str, str] = {}
        self.factors: dict[str, int] = {}
        self.named: list[tuple[GraphNode, str, str]] = []

    def add(self, node: GraphNode) -> None:
        """Add a node; the nodes that it needs must be added before."""
        named = node.values.keys() | node.links.keys()
        self._add_scalar(node, [name for name in _SCALARS if name in named])
        self._add_texts(node, [name for name in _TEXTS if name in named])
        self._add_models(node)

    def value(self, node: GraphNode, name: str) -> Any:
        """Return the value of an input, following a link."""
        link = node.links.get(name)
        if link is None:
            return node.values.get(name)
        value = self.scalars.get(link.node)
        if isinstance(value, tuple):
            return value[link.output] if link.output < len(value) else None
        return value

    def number(self, node: GraphNode, name: str) -> float | None:
        return number_of(self.value(node, name))

    def integer(self, node: GraphNode, name: str, minimum: int, maximum: int) -> int | None:
        """Return an integer, limited to the range, or None without a number."""
        number = self.number(node, name)
        return None if number is None else int(min(max(number, minimum), maximum))

    def _add_scalar(self, node: GraphNode, names: list[str]) -> None:
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
            self.scalars[node.id] = joint[:MAX_NAME_LENGTH].join(
                part[:_MAX_TEXT_LENGTH] for part in parts
            )

    def _add_texts(self, node: GraphNode, names: list[str]) -> None:
        """Keep the texts of a node by input name; the key "" has all of them together."""
        if node.known is not None and node.known.role == "blank":
            return
        specs = node.known.inputs if node.known else {}
        texts: dict[str, str] = {}
        for name, link in node.links.items():
            has_text = name not in specs or specs[name].kind in _TEXT_KINDS
            if has_text and (text := self.text_of(link)):
                texts[name] = text
        for name in names:
            if text := str_of(self.value(node, name)):
                texts[name] = text
        if texts:
            self.texts[node.id] = {**texts, "": _joined(list(dict.fromkeys(texts.values())))}

    def text_of(self, link: Link) -> str:
        """Return the text of one output: that of the prompt with its name, or all texts."""
        texts = self.texts.get(link.node)
        if texts is None:
            return ""
        known = self.graph.nodes[link.node].known
        if known is not None:
            names = known.output_names
        else:  # Nodes with both prompts have them as their first outputs.
            names = _PROMPTS if all(name in texts for name in _PROMPTS) else ()
        if link.output < len(names) and names[link.output] in _PROMPTS:
            return texts.get(names[link.output], "")
        return texts[""]

    def _add_models(self, node: GraphNode) -> None:
        specs = node.known.inputs if node.known else {}
        for name, spec in specs.items():
            if spec.model and (value := str_of(self.value(node, name))):
                self.named.append((node, name, value))
                if spec.model == "CHECKPOINT":
                    self.models[node.id] = value[:MAX_NAME_LENGTH]
        if node.id not in self.models:
            for name in ("ckpt_name", "unet_name"):
                if value := str_of(self.value(node, name)):
                    self.models[node.id] = value[:MAX_NAME_LENGTH]
        if node.id not in self.models:
            links = [node.links[name] for name in ("model", "guider") if name in node.links]
            for link in links or node.links.values():
                if link.node in self.models:
                    self.models[node.id] = self.models[link.node]
                    break
        if found := _MODEL_FACTOR.search(str_of(self.value(node, "model_name"))):
            self.factors[node.id] = int(found[1] or found[2])


def _joined(parts: list[str]) -> str:
    """Return the parts as one text; several parts are cut off at the maximum length."""
    if len(parts) == 1:
        return parts[0][:_MAX_TEXT_LENGTH]
    left, kept = _MAX_TEXT_LENGTH, []
    for part in parts:
        kept.append(part[: max(0, left)])
        left -= len(part) + 2
        if left <= 0:
            break
    return ", ".join(kept)


def _size_of_ratio(text: str) -> tuple[int, int]:
    """Return width and height of about a megapixel for a ratio such as 16:9."""
    first, _, second = text.partition(":")
    across, down = number_of(first), number_of(second)
    if not across or not down or not 0.01 <= across / down <= 100:
        return 1024, 1024
    width = sqrt(_RATIO_AREA * across / down)
    return max(64, round(width / 64) * 64), max(64, round(_RATIO_AREA / width / 64) * 64)
