"""What a graph would make: pictures, prompts and settings, followed from node to node.

The nodes are gone through once, in the order in which they run, and each passes on what its inputs
brought. What a node does is told by the names of its inputs (`width`, `scale_by`, `batch_size` …)
rather than by its class, so that unknown classes are read as well as known ones. Nothing here
refuses anything: where a value is missing, the usual one is taken.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import sqrt

from msgspec import Struct, field
from msgspec.structs import replace

from mock_server.tams.validation import MAX_SIDE
from mock_server.tams.workflow.graph import Graph, GraphNode
from mock_server.tams.workflow.graph_values import MAX_NAME, Values
from mock_server.tams.workflow.node_inputs import str_of

SIZE_UNKNOWN = (512, 512)
UPSCALE_UNKNOWN = 4
STEPS_UNKNOWN = 20

_LATENT_STEP = 8
_MAX_BATCH = 4096
_MAX_SETTINGS = 20

_PICTURES = frozenset({"IMAGE", "LATENT", "MASK"})
# What unknown classes call the inputs that carry the picture that they change.
_CARRIERS = frozenset(
    {"image", "images", "pixels", "samples", "latent", "latent_image", "mask", "masks"}
)
# Where a sampler of the newer kind has its settings: in nodes behind these inputs.
_SETTINGS = ("noise", "guider", "sampler", "sigmas")
# What nodes that unite several pictures into one batch call them.
_UNITED = (("image1", "image2"), ("samples1", "samples2"))


class Picture(Struct, frozen=True):
    """A batch of pictures between two nodes: sizes in pixels, and where it comes from.

    `strength` is how little of the source is left, 0 to 1; `sampler` is the node that painted it.
    """

    width: int
    height: int
    batch: int = 1
    source: str = ""
    mask: str = ""
    strength: float = 0.0
    sampler: str = ""

    @property
    def area(self) -> int:
        return self.width * self.height


class GraphSampling(Struct, frozen=True):
    """One run of a sampler."""

    node: str
    class_type: str
    picture: Picture
    prompt: str
    negative_prompt: str
    seed: int
    steps: int
    cfg_scale: float
    sampler: str
    model: str


class GraphReading(Struct):
    """What running the graph comes to. `made` are the pictures of its outputs, node by node."""

    samplings: list[GraphSampling] = field(default_factory=list)
    enlargements: dict[str, Picture] = field(default_factory=dict)
    made: dict[str, Picture] = field(default_factory=dict)
    uploads: dict[str, None] = field(default_factory=dict)
    models: list[tuple[GraphNode, str, str]] = field(default_factory=list)


def uploads_of(graph: Graph) -> tuple[str, ...]:
    """Return the ids of the uploads that nodes of the graph load, each once."""
    found = (_upload(node) for node in graph.running())
    return tuple(dict.fromkeys(each for each in found if each))


def read(graph: Graph, sizes: Mapping[str, tuple[int, int]]) -> GraphReading:
    """Return what the graph would make; `sizes` are those of uploads, in pixels, where known."""
    return _Follower(graph, sizes).follow()


def _upload(node: GraphNode) -> str | None:
    """Return the upload that a node loads, "" if it loads something else, None if it loads none.

    A URL is no upload of ours, and is left to the engine.
    """
    if node.known is None:
        loads = node.class_type.endswith(("LoadImage", "LoadImageMask"))
        name = "image" if loads else None
    else:
        name = next((name for name, spec in node.known.inputs.items() if spec.upload), None)
    if name is None:
        return None
    value = node.values.get(name)
    return value if isinstance(value, str) and "://" not in value else ""


class _Follower:
    """Remembers what each node passes on."""

    def __init__(self, graph: Graph, sizes: Mapping[str, tuple[int, int]]) -> None:
        self.graph = graph
        self.sizes = sizes
        self.reading = GraphReading()
        self.pictures: dict[str, Picture] = {}
        self.values = Values(graph)

    def follow(self) -> GraphReading:
        for node in self.graph.running():
            self.values.take(node)
            if picture := self._picture(node):
                self.pictures[node.id] = picture
        self.reading.models = self.values.named
        self.reading.made = self._made(known=True) or self._made(known=False)
        return self.reading

    def _made(self, *, known: bool) -> dict[str, Picture]:
        """Return the pictures of outputs; unknown classes count where no known one has any."""
        return {
            output: self.pictures[output]
            for output in self.graph.outputs
            if output in self.pictures and (self.graph.nodes[output].known is not None) is known
        }

    def _picture(self, node: GraphNode) -> Picture | None:
        """Return the picture that a node passes on, if it has to do with any."""
        upload = _upload(node)
        if upload is not None:
            if upload:
                self.reading.uploads[upload] = None
            return self._loaded(node, upload)
        if _samples(node):
            return self._sampled(node)
        known = node.known
        if known is not None and not known.output and not _PICTURES.intersection(known.outputs):
            return None
        picture = self._carried(node)
        width = self.values.integer(node, "width", 0, MAX_SIDE)
        height = self.values.integer(node, "height", 0, MAX_SIDE)
        if picture is None:
            if not width or not height:
                return Picture(*SIZE_UNKNOWN) if known is not None and known.output else None
            batch = self.values.integer(node, "batch_size", 1, _MAX_BATCH) or 1
            return self._fitted(node, Picture(width, height, batch))
        if node.known is not None and node.known.role == "upscaler":
            return self._enlarged(node, picture)
        if width or height:
            # As ComfyUI does: a side that is 0 follows from the other.
            width = width or round((height or 0) * picture.width / picture.height)
            height = height or round(width * picture.height / picture.width)
            picture = replace(picture, width=width, height=height)
        factor = self.values.number(node, "scale_by") or self.values.number(node, "upscale_by")
        if megapixels := self.values.number(node, "megapixels"):
            factor = sqrt(max(megapixels, 0) * 1024 * 1024 / picture.area)
        if factor:
            picture = _scaled(picture, factor)
        return self._fitted(node, self._batched(node, self._padded(node, picture)))

    def _loaded(self, node: GraphNode, upload: str) -> Picture:
        width = self.values.integer(node, "_width", 0, MAX_SIDE)
        height = self.values.integer(node, "_height", 0, MAX_SIDE)
        size = (width, height) if width and height else SIZE_UNKNOWN
        return self._fitted(node, Picture(*self.sizes.get(upload, size), source=upload))

    def _carried(self, node: GraphNode) -> Picture | None:
        """Return the picture that a node changes: out of the first of its inputs that brings one.

        A mask beside it is remembered, where it is another upload.
        """
        specs = node.known.inputs if node.known else {}
        brought: dict[str, Picture] = {}
        for name, link in node.links.items():
            if link.node in self.pictures and (
                specs[name].kind in _PICTURES if name in specs else name in _CARRIERS
            ):
                brought[name] = self.pictures[link.node]
        if not brought and node.known is None:
            for name, link in node.links.items():
                if link.node in self.pictures:
                    brought[name] = self.pictures[link.node]
        mask = brought.pop("mask", None) if len(brought) > 1 else None
        if not brought:
            return None
        picture = next(iter(brought.values()))
        for names in _UNITED:
            if all(name in brought for name in names):
                batch = sum(brought[name].batch for name in names)
                picture = replace(picture, batch=min(batch, _MAX_BATCH))
        if mask is not None and mask.source and mask.source != picture.source:
            picture = replace(picture, mask=mask.source)
        return picture

    def _padded(self, node: GraphNode, picture: Picture) -> Picture:
        if "left" not in node.values or "right" not in node.values:
            return picture
        left, top, right, bottom = (
            self.values.integer(node, side, 0, MAX_SIDE) or 0
            for side in ("left", "top", "right", "bottom")
        )
        if node.known is not None and node.known.outputs == ("MASK",):
            return picture  # a mask that is made softer at its borders keeps its size
        return replace(
            picture, width=picture.width + left + right, height=picture.height + top + bottom
        )

    def _batched(self, node: GraphNode, picture: Picture) -> Picture:
        amount = self.values.integer(node, "amount", 1, _MAX_BATCH) or 1
        batch = min(picture.batch * amount, _MAX_BATCH)
        if "batch_index" in node.values:
            batch = min(batch, self.values.integer(node, "length", 1, _MAX_BATCH) or 1)
        return replace(picture, batch=batch)

    def _enlarged(self, node: GraphNode, picture: Picture) -> Picture:
        link = node.links.get("upscale_model")
        factor = self.values.factors.get(link.node, UPSCALE_UNKNOWN) if link else UPSCALE_UNKNOWN
        picture = self._fitted(node, _scaled(picture, factor))
        self.reading.enlargements[node.id] = picture
        return picture

    def _fitted(self, node: GraphNode, picture: Picture) -> Picture:
        """Return the picture within the mock's ends; the engine's own form has whole blocks."""
        step = _LATENT_STEP if node.known and "LATENT" in node.known.outputs else 1
        width, height = (
            min(max(side // step * step, step), MAX_SIDE)
            for side in (picture.width, picture.height)
        )
        return replace(picture, width=width, height=height)

    def _sampled(self, node: GraphNode) -> Picture:
        picture = self._fitted(node, self._carried(node) or Picture(*SIZE_UNKNOWN))
        around = self._settings(node)
        steps = self._first_integer(around, ("steps",), 1, 10_000) or STEPS_UNKNOWN
        denoise = self._first(around, ("denoise",))
        start = self._first_integer(around, ("start_at_step",), 0, 10_000)
        end = self._first_integer(around, ("end_at_step",), 0, 10_000)
        strength = 1.0 if denoise is None else min(max(float(denoise), 0.0), 1.0)
        if start is not None and denoise is None:
            strength = 1.0 - min(start, steps) / steps
        if start is not None or end is not None:
            steps = max(1, min(steps if end is None else end, steps) - (start or 0))
        seed = self._first(around, ("seed", "noise_seed"))
        cfg_scale = self._first(around, ("cfg",))
        sampler = self._first_text(around, ("sampler_name",))
        scheduler = self._first_text(around, ("scheduler",))
        painted = replace(
            picture,
            strength=1.0 - (1.0 - picture.strength) * (1.0 - strength),
            sampler=node.id,
        )
        self.reading.samplings.append(
            GraphSampling(
                node=node.id,
                class_type=node.class_type,
                picture=painted,
                prompt=self._prompt(around, ("positive", "conditioning")),
                negative_prompt=self._prompt(around, ("negative",)),
                seed=-1 if seed is None else int(seed),
                steps=steps,
                cfg_scale=1.0 if cfg_scale is None else min(max(float(cfg_scale), 0.0), 100.0),
                sampler=f"{sampler} {scheduler}".strip(),
                model=self.values.models.get(node.id, ""),
            )
        )
        return painted

    def _settings(self, sampler: GraphNode) -> list[GraphNode]:
        """Return the sampler and the nodes that hold its settings."""
        around = [sampler]
        for node in around:
            for name in _SETTINGS:
                link = node.links.get(name)
                if link is not None and len(around) < _MAX_SETTINGS:
                    around.append(self.graph.nodes[link.node])
        return around

    def _first(self, nodes: list[GraphNode], names: tuple[str, ...]) -> float | None:
        for node in nodes:
            for name in names:
                number = self.values.number(node, name)
                if number is not None:
                    return number
        return None

    def _first_integer(
        self, nodes: list[GraphNode], names: tuple[str, ...], least: int, most: int
    ) -> int | None:
        number = self._first(nodes, names)
        return None if number is None else int(min(max(number, least), most))

    def _first_text(self, nodes: list[GraphNode], names: tuple[str, ...]) -> str:
        texts = (str_of(self.values.value(node, name)) for node in nodes for name in names)
        return next((text for text in texts if text), "")[:MAX_NAME]

    def _prompt(self, nodes: list[GraphNode], names: tuple[str, ...]) -> str:
        links = (node.links.get(name) for node in nodes for name in names)
        said = (self.values.said(link) for link in links if link is not None)
        return next((text for text in said if text), "")


def _samples(node: GraphNode) -> bool:
    """Return whether a node samples; an unknown one does if it has the settings for it."""
    if node.known is not None:
        return node.known.role == "sampler"
    inputs = node.values.keys() | node.links.keys()
    return "steps" in inputs and bool(inputs & {"cfg", "denoise", "seed", "noise_seed"})


def _scaled(picture: Picture, factor: float) -> Picture:
    factor = min(max(factor, 0.0), float(MAX_SIDE))
    return replace(picture, width=int(picture.width * factor), height=int(picture.height * factor))
