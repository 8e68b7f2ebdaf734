"""Builders for graphs, and random valid graphs."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import strategies as st

from mock_server.core.errors import Invalid
from mock_server.tams.catalogue import Catalogue
from mock_server.tams.settings import TamsSettings
from mock_server.tams.stages import ParsedOrder
from mock_server.tams.workflow.graph import Graph, read_graph
from mock_server.tams.workflow.node_classes import InputSpec, NodeClass, load_classes
from mock_server.tams.workflow.orders import parse_graph

EXCHANGES = Path(__file__).resolve().parents[3] / "fixtures" / "exchanges" / "tams"

Params = dict[str, Any]


def example(name: str) -> dict[str, Any]:
    """Return a recorded exchange."""
    found: dict[str, Any] = json.loads((EXCHANGES / f"{name}.json").read_bytes())
    return found


def node(class_type: str, /, **inputs: Any) -> dict[str, Any]:
    return {"classType": class_type, "inputs": inputs, "properties": {}}


def text_to_image(**nodes: Any) -> Params:
    """Return the graph of the reference's example; `n5={…}` replaces or adds node 5."""
    params: Params = copy.deepcopy(example("create-workflow-job")["request"]["body"]["params"])
    return params | {name.removeprefix("n"): each for name, each in nodes.items()}


def changed(params: Params, id: str, **inputs: Any) -> Params:
    """Return a graph with other inputs of one node."""
    each = params[id]
    return {**params, id: {**each, "inputs": {**each["inputs"], **inputs}}}


def read(params: Params, **rules: Any) -> Graph:
    return read_graph(params, load_classes(), TamsSettings(**rules))


def ask(
    params: Params, sizes: dict[str, tuple[int, int]] | None = None, **settings: Any
) -> ParsedOrder:
    return parse_graph(read(params), TamsSettings(**settings), Catalogue(), sizes or {})


def refusal(params: Params, **rules: Any) -> str:
    with pytest.raises(Invalid) as caught:
        read(params, **rules)
    assert caught.value.field == "workflow"
    return caught.value.problem


# Random valid graphs

_FIRST = ("CheckpointLoaderSimple", "EmptyLatentImage", "LoadImage", "CLIPTextEncode", "VAEDecode")
_INNER = [each for each in load_classes().values() if each.outputs]


def graphs(max_size: int = 12) -> st.SearchStrategy[Params]:
    """Return graphs of known classes; every unused picture is an output."""
    return st.builds(random_graph, st.integers(0, max_size), st.integers(0, 2**32))


def random_graph(size: int, seed: int) -> Params:
    """Return a graph of about `size` nodes, always the same for one seed."""
    random = Random(seed)
    classes = load_classes()
    ids = [f"{number}:{number}" if number % 5 == 0 else str(number) for number in range(1, 60)]
    random.shuffle(ids)
    params: Params = {}
    pool: dict[str, list[list[Any]]] = {}

    def add(each: NodeClass) -> None:
        id = ids.pop()
        inputs = {}
        for name, spec in each.inputs.items():
            if spec.required or random.random() < 0.5:
                value = _value(random, spec, pool)
                if value is not None:
                    inputs[name] = value
        params[id] = node(each.name, **inputs)
        for index, kind in enumerate(each.outputs):
            pool.setdefault(kind, []).append([id, index])

    for name in _FIRST:
        add(classes[name])
    for _ in range(size):
        ready = [each for each in _INNER if all(_ready(spec, pool) for spec in _required(each))]
        add(random.choice(ready))
    used = {tuple(link) for each in params.values() for link in links_of(each).values()}
    unused = [link for link in pool["IMAGE"] if tuple(link) not in used]
    for number, link in enumerate(unused or pool["IMAGE"][-1:]):
        params[f"9000{number}"] = node("PreviewImage", images=link)
    items = list(params.items())
    random.shuffle(items)
    return dict(items)


def _required(each: NodeClass) -> list[InputSpec]:
    return [spec for spec in each.inputs.values() if spec.required]


def _ready(spec: InputSpec, pool: dict[str, Any]) -> bool:
    return spec.scalar or spec.kind in pool


def _value(random: Random, spec: InputSpec, pool: dict[str, list[list[Any]]]) -> Any:
    if spec.kind in pool and (not spec.scalar or random.random() < 0.5):
        return random.choice(pool[spec.kind])
    if not spec.scalar:
        return None
    match spec.kind:
        case "INT":
            number = random.choice([spec.default, int(max(spec.minimum, -3))])
            return random.choice([number, str(number), float(number)])
        case "FLOAT":
            return random.choice([spec.default, str(spec.default)])
        case "BOOLEAN":
            return random.random() < 0.5
        case "COMBO" if spec.values:
            return random.choice(spec.values)
        case "COMBO":
            return random.choice(["600423083519508503", "a.safetensors"])
    return random.choice(["", "a cat", "Ω", "-1"])


def links_of(each: dict[str, Any]) -> dict[str, list[Any]]:
    """Return the inputs of a node that are links."""
    return {name: value for name, value in each["inputs"].items() if isinstance(value, list)}
