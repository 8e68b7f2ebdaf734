"""Computes what a graph makes: pictures, prompts and settings, passed from node to node.

Nodes are evaluated once, in the order in which they run. What a node does depends on the names of
its inputs (`width`, `scale_by`, `batch_size` …) rather than on its class, so unknown classes are
supported as well. Nothing here is an error: a missing value gets a default.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import sqrt

from msgspec import Struct, field
from msgspec.structs import replace

from mock_server.tams.validation import MAX_FPS, MAX_FRAMES, MAX_SIDE
from mock_server.tams.workflow.graph import Graph, GraphNode
from mock_server.tams.workflow.graph_sampling import GraphSampling, Picture, samples, sampling_of
from mock_server.tams.workflow.graph_values import NodeValues

DEFAULT_SIZE = (512, 512)
DEFAULT_UPSCALE = 4

_LATENT_STEP = 8
_MAX_BATCH = 4096

_PICTURES = frozenset({"IMAGE", "LATENT", "MASK", "VIDEO"})
# The names of inputs that carry a picture, in unknown classes.
_PICTURE_INPUTS = frozenset(
    {"image", "images", "pixels", "samples", "latent", "latent_image", "mask", "masks", "video"}
)
# The names under which nodes that set a size expect a number of frames, and frames per second.
_FRAMES_INPUTS = ("length", "video_frames", "num_frames", "frames", "frame_count")
_FPS_INPUTS = ("fps", "frame_rate")
# The inputs of nodes that join pictures into one batch.
_JOINED_INPUTS = (("image1", "image2"), ("samples1", "samples2"))


class GraphReading(Struct):
    """What running the graph gives; `made` are the pictures of its output nodes."""

    samplings: list[GraphSampling] = field(default_factory=list)
    enlargements: dict[str, Picture] = field(default_factory=dict)
    made: dict[str, Picture] = field(default_factory=dict)
    uploads: dict[str, None] = field(default_factory=dict)
    models: list[tuple[GraphNode, str, str]] = field(default_factory=list)


def uploads_of(graph: Graph) -> tuple[str, ...]:
    """Return the ids of the uploads that the graph loads, each once."""
    found = (_upload(node) for node in graph.running())
    return tuple(dict.fromkeys(each for each in found if each))


def read(graph: Graph, sizes: Mapping[str, tuple[int, int]]) -> GraphReading:
    """Return what the graph makes; `sizes` has the known sizes of uploads in pixels."""
    return _Evaluator(graph, sizes).evaluate()


def _upload(node: GraphNode) -> str | None:
    """Return the upload that a node loads; "" for another image, None if it loads nothing.

    A URL does not count as an upload.
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


class _Evaluator:
    """Evaluates the nodes one after the other, and keeps the picture of each."""

    def __init__(self, graph: Graph, sizes: Mapping[str, tuple[int, int]]) -> None:
        self.graph = graph
        self.sizes = sizes
        self.reading = GraphReading()
        self.pictures: dict[str, Picture] = {}
        self.values = NodeValues(graph)

    def evaluate(self) -> GraphReading:
        for node in self.graph.running():
            self.values.add(node)
            if picture := self._picture(node):
                self.pictures[node.id] = picture
        self.reading.models = self.values.named
        self.reading.made = self._made(known=True) or self._made(known=False)
        return self.reading

    def _made(self, *, known: bool) -> dict[str, Picture]:
        """Return the pictures of output nodes of known, or of unknown, classes."""
        return {
            output: self.pictures[output]
            for output in self.graph.outputs
            if output in self.pictures and (self.graph.nodes[output].known is not None) is known
        }

    def _picture(self, node: GraphNode) -> Picture | None:
        """Return the picture that a node outputs, if any."""
        upload = _upload(node)
        if upload is not None:
            if upload:
                self.reading.uploads[upload] = None
            return self._loaded(node, upload)
        if samples(node):
            return self._sampled(node)
        known = node.known
        if known is not None and not known.output and not any(map(_carries_picture, known.outputs)):
            return None
        picture = self._input_picture(node)
        if picture is None:
            picture = self._new(node)
            if picture is None and known is not None and known.output:
                return Picture(*DEFAULT_SIZE)
            return picture and self._timed(node, self._fitted(node, picture))
        width = self.values.integer(node, "width", 0, MAX_SIDE)
        height = self.values.integer(node, "height", 0, MAX_SIDE)
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
        picture = self._fitted(node, self._batched(node, self._padded(node, picture)))
        return self._timed(node, picture)

    def _new(self, node: GraphNode) -> Picture | None:
        """Return the empty picture or video that a node makes, if it names a size."""
        width = self.values.integer(node, "width", 0, MAX_SIDE)
        height = self.values.integer(node, "height", 0, MAX_SIDE)
        if not width or not height:
            return None
        return Picture(width, height, self.values.integer(node, "batch_size", 1, _MAX_BATCH) or 1)

    def _timed(self, node: GraphNode, picture: Picture) -> Picture:
        """Return the picture as a video, if the node names its frames or their speed."""
        if "width" in node.values or "width" in node.links:
            frames = (self.values.integer(node, name, 1, MAX_FRAMES) for name in _FRAMES_INPUTS)
            picture = replace(picture, frames=next(filter(None, frames), picture.frames))
        numbers = (self.values.number(node, name) for name in _FPS_INPUTS)
        if fps := next(filter(None, numbers), None):
            picture = replace(picture, fps=round(min(max(fps, 1), MAX_FPS)))
        return picture

    def _loaded(self, node: GraphNode, upload: str) -> Picture:
        width = self.values.integer(node, "_width", 0, MAX_SIDE)
        height = self.values.integer(node, "_height", 0, MAX_SIDE)
        size = (width, height) if width and height else DEFAULT_SIZE
        return self._fitted(node, Picture(*self.sizes.get(upload, size), source=upload))

    def _input_picture(self, node: GraphNode) -> Picture | None:
        """Return the picture that a node changes: that of the first input with a picture.

        A mask from another upload is added to it.
        """
        specs = node.known.inputs if node.known else {}
        found: dict[str, Picture] = {}
        for name, link in node.links.items():
            if link.node in self.pictures and (
                _carries_picture(specs[name].kind) if name in specs else name in _PICTURE_INPUTS
            ):
                found[name] = self.pictures[link.node]
        if not found and node.known is None:
            for name, link in node.links.items():
                if link.node in self.pictures:
                    found[name] = self.pictures[link.node]
        mask = found.pop("mask", None) if len(found) > 1 else None
        if not found:
            return None
        picture = next(iter(found.values()))
        for names in _JOINED_INPUTS:
            if all(name in found for name in names):
                images = sum(found[name].images for name in names)
                if picture.frames > 1:
                    picture = replace(picture, batch=1, frames=images)
                else:
                    picture = replace(picture, batch=min(images, _MAX_BATCH))
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
            return picture  # a mask with softer borders keeps its size
        return replace(
            picture, width=picture.width + left + right, height=picture.height + top + bottom
        )

    def _batched(self, node: GraphNode, picture: Picture) -> Picture:
        amount = self.values.integer(node, "amount", 1, _MAX_BATCH) or 1
        batch = min(picture.batch * amount, _MAX_BATCH)
        if "batch_index" in node.values:
            length = self.values.integer(node, "length", 1, _MAX_BATCH) or 1
            batch = min(batch * picture.frames, length)
            picture = replace(picture, frames=1)
        return replace(picture, batch=batch)

    def _enlarged(self, node: GraphNode, picture: Picture) -> Picture:
        link = node.links.get("upscale_model")
        factor = self.values.factors.get(link.node, DEFAULT_UPSCALE) if link else DEFAULT_UPSCALE
        picture = self._fitted(node, _scaled(picture, factor))
        self.reading.enlargements[node.id] = picture
        return picture

    def _fitted(self, node: GraphNode, picture: Picture) -> Picture:
        """Return the picture within the limits of the mock; latent pictures have whole blocks."""
        step = _LATENT_STEP if node.known and "LATENT" in node.known.outputs else 1
        width, height = (
            min(max(side // step * step, step), MAX_SIDE)
            for side in (picture.width, picture.height)
        )
        return replace(picture, width=width, height=height)

    def _sampled(self, node: GraphNode) -> Picture:
        picture = self._input_picture(node) or self._new(node) or Picture(*DEFAULT_SIZE)
        picture = self._timed(node, self._fitted(node, picture))
        sampling = sampling_of(node, picture, self.values)
        self.reading.samplings.append(sampling)
        return sampling.picture


def _carries_picture(kind: str) -> bool:
    """Return whether an input or output of this kind, which may be a list, has a picture."""
    return not _PICTURES.isdisjoint(kind.split(","))


def _scaled(picture: Picture, factor: float) -> Picture:
    factor = min(max(factor, 0.0), float(MAX_SIDE))
    return replace(picture, width=int(picture.width * factor), height=int(picture.height * factor))
