"""A graph of nodes: reading it, finding its problems, and the order in which the nodes run.

As in the vendor's engine (TAMS › 5.5 and 5.8): every node must be valid and have a class. Only
the nodes that an output needs are run, and only their inputs are checked.

Nothing here is recursive, and limits of size are checked first.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from itertools import chain, islice
from typing import Any

from msgspec import Struct, field

from mock_server.core.errors import Invalid
from mock_server.tams.settings import TamsSettings
from mock_server.tams.validation import shown
from mock_server.tams.workflow.graph_problems import (
    REQUIRED,
    GraphProblem,
    printable,
    refused,
)
from mock_server.tams.workflow.node_classes import NodeClass, NodeClasses
from mock_server.tams.workflow.node_inputs import fits, input_problem
from mock_server.web.comfyui_formats import mistaken_for_graph
from mock_server.web.hints import nearest
from mock_server.web.unread_members import MAX_NAMED

# Limits of the mock: no known client sends more, and an answer names every problem.
MAX_NODES = 1_000
MAX_LINKS = 100
MAX_TOTAL_LINKS = 5_000
MAX_TOTAL_INPUTS = 10_000
MAX_NAME_LENGTH = 200

# What ComfyUI's pages add to the inputs of nodes; no class has them.
_FRONTEND_INPUTS = frozenset({"choose file to upload", "control_after_generate", "upload"})

_MAX_CYCLE_SHOWN = 8


class Link(Struct, frozen=True):
    """An input that comes from another node's output."""

    node: str
    output: int


class GraphNode(Struct, frozen=True):
    """One node; `values` are its inputs without links, `known` is its class, if known."""

    id: str
    class_type: str
    values: Mapping[str, Any]
    links: Mapping[str, Link]
    known: NodeClass | None


class Graph(Struct):
    """Nodes by id; `order` and `outputs` are ids of the nodes that run and of the output nodes.

    A graph with `problems` cannot run; one with `warnings` can.
    """

    nodes: dict[str, GraphNode]
    order: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()
    problems: list[GraphProblem] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def running(self) -> Iterator[GraphNode]:
        """Yield the nodes that run, each after the nodes that it needs."""
        return (self.nodes[each] for each in self.order)


def read_graph(params: Mapping[str, Any], classes: NodeClasses, settings: TamsSettings) -> Graph:
    """Return the graph of a request; raises Invalid with all of its problems."""
    graph = inspect_graph(params, classes, settings)
    if graph.problems:
        raise refused(graph.problems)
    return graph


def inspect_graph(params: Mapping[str, Any], classes: NodeClasses, settings: TamsSettings) -> Graph:
    """Return the graph with its problems; raises Invalid if its nodes cannot be read."""
    if not params:
        raise _refused(REQUIRED)
    if len(params) > MAX_NODES:
        raise _refused(f"must have at most {MAX_NODES} nodes, found {len(params)}")
    if mistake := mistaken_for_graph(params):
        raise _refused(f"must be a graph in ComfyUI's API format, found {mistake}")
    found = sum(map(_input_count, params.values()))
    if found > MAX_TOTAL_INPUTS:
        raise _refused(f"must have at most {MAX_TOTAL_INPUTS} inputs, found {found}")
    ids = sorted(params, key=_node_order)
    reader = _GraphReader(classes, settings)
    graph = Graph({each: reader.node(each, params[each]) for each in ids})
    if reader.problems:
        raise refused(reader.problems)
    links = sum(len(node.links) for node in graph.nodes.values())
    if links > MAX_TOTAL_LINKS:
        raise _refused(f"must have at most {MAX_TOTAL_LINKS} links, found {links}")
    graph.outputs = _outputs(graph.nodes)
    if not graph.outputs:
        raise _refused("must have an output node such as SaveImage, found none")
    graph.order, cycle = _order(graph)
    if cycle:
        graph.problems.append(cycle)
    needed = set(graph.order)
    for node in graph.nodes.values():
        if node.id in needed:
            graph.problems += _problems(node, graph, settings)
        else:
            graph.warnings.append(f"node {printable(node.id)}: no output needs it, so it is idle")
    for each in islice(_unread_inputs(graph), MAX_NAMED):
        if settings.unread_member == "refuse":
            graph.problems.append(each)
        else:
            name = f"{printable(each.node)} {printable(each.input)}"
            graph.warnings.append(f"node {name}: {each.text}")
    graph.problems.sort(key=lambda each: _node_order(each.node))
    return graph


def _refused(text: str) -> Invalid:
    return Invalid("workflow", f"params: {text}\n")


def _input_count(node: Any) -> int:
    inputs = node.get("inputs") if isinstance(node, dict) else None
    return len(inputs) if isinstance(inputs, dict) else 0


def _node_order(id: str) -> tuple[int, int, str]:
    """Sort numeric ids as numbers, before all others."""
    if id.isascii() and id.isdigit() and len(id) <= 20:
        return 0, int(id), id
    return 1, 0, id


class _GraphReader:
    """Makes nodes from JSON, and collects the problems of invalid nodes."""

    def __init__(self, classes: NodeClasses, settings: TamsSettings) -> None:
        self.classes = classes
        self.settings = settings
        self.problems: list[GraphProblem] = []

    def node(self, id: str, data: Any) -> GraphNode:
        node = GraphNode(id, "", {}, {}, None)
        if not isinstance(data, dict):
            return self._refuse(node, "node", f"must be an object, found {shown(data)}")
        class_type = data.get("classType")
        if class_type is None:
            class_type = data.get("class_type")  # the spelling of ComfyUI, and of mixed clients
        if class_type is None or class_type == "":
            return self._refuse(node, "classType", REQUIRED)
        if not isinstance(class_type, str):
            return self._refuse(node, "classType", f"must be a text, found {shown(class_type)}")
        if max(len(id), len(class_type)) > MAX_NAME_LENGTH:
            text = f"must have at most {MAX_NAME_LENGTH} characters, and the node's id too"
            return self._refuse(node, "classType", text)
        known = self.classes.get(class_type)
        node = GraphNode(id, class_type, {}, {}, known)
        if known is None and self.settings.unknown_class == "refuse":
            return self._refuse(node, "classType", "must be a known class of nodes")
        inputs = data.get("inputs")
        if inputs is None:
            inputs = {}
        if not isinstance(inputs, dict):
            return self._refuse(node, "inputs", f"must be an object, found {shown(inputs)}")
        values: dict[str, Any] = {}
        links: dict[str, Link] = {}
        for name, value in inputs.items():
            expected = known is not None and name in known.inputs
            link = _link(value, lenient=expected)
            if link is None:
                values[name] = value
            else:
                links[name] = link
        if len(links) > MAX_LINKS:
            text = f"must have at most {MAX_LINKS} links, found {len(links)}"
            return self._refuse(node, "inputs", text)
        return GraphNode(id, class_type, values, _sorted_links(links, known), known)

    def _refuse(self, node: GraphNode, name: str, text: str) -> GraphNode:
        self.problems.append(GraphProblem(node.id, node.class_type, name, text))
        return node


def _link(value: Any, *, lenient: bool) -> Link | None:
    """Return a value as a link; two integers are a link only at known inputs (`lenient`)."""
    match value:
        case [str() as node, int() as output] if type(output) is int:
            return Link(node, output)
        case [int() as node, int() as output] if lenient and bool not in map(type, value):
            return Link(str(node), output)
    return None


def _sorted_links(links: dict[str, Link], known: NodeClass | None) -> dict[str, Link]:
    """Return links in the order of the class's inputs, then by name."""
    names = list(known.inputs) if known else []
    positions = {name: position for position, name in enumerate(names)}
    ordered = sorted(links, key=lambda name: (positions.get(name, len(positions)), name))
    return {name: links[name] for name in ordered}


def _outputs(nodes: Mapping[str, GraphNode]) -> tuple[str, ...]:
    """Return the output nodes; a node of unknown class is one if no other node uses it."""
    feeding = {link.node for node in nodes.values() for link in node.links.values()}
    return tuple(
        node.id
        for node in nodes.values()
        if (node.known.output if node.known else node.id not in feeding)
    )


# The order


def _order(graph: Graph) -> tuple[tuple[str, ...], GraphProblem | None]:
    """Return the nodes that outputs need, each after the nodes that it needs, and the first cycle.

    The order is that of the vendor's engine: output by output, and input by input.
    """
    done: dict[str, None] = {}
    cycle: GraphProblem | None = None
    for output in graph.outputs:
        if output in done:
            continue
        path = {output: ""}  # the nodes in progress, each with the input that led to it
        stack = [(output, iter(graph.nodes[output].links.items()))]
        while stack:
            id, links = stack[-1]
            step = next(links, None)
            if step is None:
                stack.pop()
                del path[id]
                done[id] = None
                continue
            name, link = step
            if link.node in path:
                cycle = cycle or _cycle(graph, list(path), id, name, link.node)
            elif link.node in graph.nodes and link.node not in done:
                path[link.node] = name
                stack.append((link.node, iter(graph.nodes[link.node].links.items())))
    return tuple(done), cycle


def _cycle(graph: Graph, path: list[str], id: str, name: str, start: str) -> GraphProblem:
    cycle = [*path[path.index(start) :], start]
    steps = [printable(each) for each in cycle]
    if len(steps) > _MAX_CYCLE_SHOWN:
        steps[_MAX_CYCLE_SHOWN - 2 : -1] = ["…"]
    text = f"must not need itself, found the cycle {' ← '.join(steps)}"
    return GraphProblem(id, graph.nodes[id].class_type, name, text)


# The inputs


def _problems(node: GraphNode, graph: Graph, settings: TamsSettings) -> Iterator[GraphProblem]:
    """Yield the problems with the inputs of one node, in the order of its class's inputs."""

    def problem(name: str, text: str) -> GraphProblem:
        return GraphProblem(node.id, node.class_type, name, text)

    specs = node.known.inputs if node.known else {}

    def warn(name: str, text: str) -> None:
        graph.warnings.append(f"node {printable(node.id)} {name}: {text}")

    for name, spec in specs.items():
        if name in node.links:
            continue
        value = node.values.get(name)
        if value is None or (spec.names_something and value == ""):
            if spec.required:
                yield problem(name, REQUIRED)
        elif text := input_problem(spec, value, settings, partial(warn, name)):
            yield problem(name, text)
    for name, link in node.links.items():
        kind = specs[name].kind if name in specs else "*"
        if text := _link_problem(link, kind, graph):
            yield problem(name, text)


def _unread_inputs(graph: Graph) -> Iterator[GraphProblem]:
    """Yield the inputs that a node's class does not have; an unknown class may have any."""
    for node in graph.running():
        if node.known is None:
            continue
        for name in chain(node.values, node.links):
            if name not in node.known.inputs and name not in _FRONTEND_INPUTS:
                near = nearest(name, node.known.inputs)
                meant = f"; did you mean `{near}`?" if near else ""
                text = f"is not an input of {printable(node.class_type)}{meant}"
                yield GraphProblem(node.id, node.class_type, name, text)


def _link_problem(link: Link, kind: str, graph: Graph) -> str:
    target = graph.nodes.get(link.node)
    if target is None:
        found = printable(link.node)
        return f"must be linked to a node of the graph, found node {found}, which is not there"
    name = f"node {printable(target.id)} ({printable(target.class_type)})"
    outputs = target.known.outputs if target.known else None
    if outputs is not None and not outputs:
        return f"must be linked to an output, found {name}, which has none"
    if link.output < 0 or (outputs is not None and link.output >= len(outputs)):
        expected = "an output" if outputs is None else f"one of the outputs 0 to {len(outputs) - 1}"
        return f"must be linked to {expected} of {name}, found output {shown(link.output)}"
    if outputs is not None and not fits(outputs[link.output], kind):
        return f"must be linked to {kind}, found {outputs[link.output]} from {name}"
    return ""
