"""The runs of samplers in a graph: what they paint, with which settings."""

from __future__ import annotations

from msgspec import Struct
from msgspec.structs import replace

from mock_server.core.jobs.job import Order
from mock_server.core.jobs.service import RANDOM_SEED
from mock_server.tams.validation import DEFAULT_STEPS
from mock_server.tams.workflow.graph import GraphNode
from mock_server.tams.workflow.graph_values import MAX_NAME_LENGTH, NodeValues
from mock_server.tams.workflow.node_inputs import str_of

_MAX_STEPS = 10_000
_MAX_SETTINGS = 20

# A custom sampler has its settings in the nodes behind these inputs.
_SETTING_INPUTS = ("noise", "guider", "sampler", "sigmas")


class Picture(Struct, frozen=True):
    """A batch of pictures between two nodes: the size in pixels, and its source.

    `strength` (0 to 1) is how much of the source was replaced; `sampler` is the node that did it.
    `frames` are those of each video in the batch. `fps` is 0 until a node names it.
    """

    width: int
    height: int
    batch: int = 1
    source: str = ""
    mask: str = ""
    strength: float = 0.0
    sampler: str = ""
    frames: int = 1
    fps: int = 0

    @property
    def images(self) -> int:
        """The number of pictures in the batch, with every frame."""
        return self.batch * self.frames

    @property
    def area(self) -> int:
        return self.width * self.height


class GraphSampling(Struct, frozen=True):
    """One run of a sampler: what it paints, and the order that its settings amount to."""

    node: str
    picture: Picture
    order: Order


def samples(node: GraphNode) -> bool:
    """Return whether a node samples; a node of unknown class does if it has sampler settings."""
    if node.known is not None:
        return node.known.role == "sampler"
    inputs = node.values.keys() | node.links.keys()
    return "steps" in inputs and bool(inputs & {"cfg", "denoise", "seed", "noise_seed"})


def sampling_of(node: GraphNode, picture: Picture, values: NodeValues) -> GraphSampling:
    """Return what a sampler makes of a picture."""
    settings = _SamplerSettings(node, values)
    steps = settings.integer("steps", 1) or DEFAULT_STEPS
    denoise = settings.number("denoise")
    start, end = settings.integer("start_at_step", 0), settings.integer("end_at_step", 0)
    strength = 1.0 if denoise is None else min(max(float(denoise), 0.0), 1.0)
    if start is not None and denoise is None:
        strength = 1.0 - min(start, steps) / steps
    if start is not None or end is not None:
        steps = max(1, min(steps if end is None else end, steps) - (start or 0))
    seed, cfg_scale = settings.number("seed", "noise_seed"), settings.number("cfg")
    painted = replace(
        picture, strength=1.0 - (1.0 - picture.strength) * (1.0 - strength), sampler=node.id
    )
    order = Order(
        settings.prompt("positive", "conditioning"),
        settings.prompt("negative"),
        seed=RANDOM_SEED if seed is None or seed < 0 else int(seed),
        steps=steps,
        cfg_scale=1.0 if cfg_scale is None else min(max(float(cfg_scale), 0.0), 100.0),
        sampler=f"{settings.text('sampler_name')} {settings.text('scheduler')}".strip(),
        model=values.models.get(node.id, ""),
    )
    return GraphSampling(node.id, painted, order)


class _SamplerSettings:
    """Finds settings by input names, in a sampler and in the nodes with its settings."""

    def __init__(self, sampler: GraphNode, values: NodeValues) -> None:
        self.values = values
        self.nodes = [sampler]
        for node in self.nodes:
            for name in _SETTING_INPUTS:
                link = node.links.get(name)
                if link is not None and len(self.nodes) < _MAX_SETTINGS:
                    self.nodes.append(values.graph.nodes[link.node])

    def number(self, *names: str) -> float | None:
        numbers = (self.values.number(node, name) for node in self.nodes for name in names)
        return next((number for number in numbers if number is not None), None)

    def integer(self, name: str, minimum: int) -> int | None:
        number = self.number(name)
        return None if number is None else int(min(max(number, minimum), _MAX_STEPS))

    def text(self, name: str) -> str:
        texts = (str_of(self.values.value(node, name)) for node in self.nodes)
        return next((text for text in texts if text), "")[:MAX_NAME_LENGTH]

    def prompt(self, *names: str) -> str:
        links = (node.links.get(name) for node in self.nodes for name in names)
        texts = (self.values.text_of(link) for link in links if link is not None)
        return next((text for text in texts if text), "")
