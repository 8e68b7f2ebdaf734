"""Parses a valid graph into an order and its work (TAMS › 5.5 and 5.6).

Every sampler costs what a DIFFUSION stage costs, for each picture of its batch (TAMS › 10), and a
sampler of videos what a VIDEO_DIFFUSION stage costs. Other nodes are free, and so is a graph
without a sampler.

The work, which decides how long a job takes, has a pass for every sampler at the size of its latent
picture. An upscaler is a pass without steps at the size of its output. So is a graph that makes a
larger picture in another way, or without a sampler.

Simplified: all pictures of a job have the size of the largest output, and the prompt, seed and
sampler of the last sampler of that output. An output node for videos makes one video of all the
pictures that reach it; other output nodes beside it make pictures.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from decimal import Decimal

from msgspec.structs import replace

from mock_server.core.credits import ZERO
from mock_server.core.errors import Forbidden
from mock_server.core.jobs.job import Order, PictureFormat
from mock_server.core.jobs.plans import Pass, Work
from mock_server.core.jobs.service import MAX_SEED, RANDOM_SEED
from mock_server.tams import prices
from mock_server.tams.catalogue import Catalogue
from mock_server.tams.settings import TamsSettings
from mock_server.tams.stages import MAX_INPUTS, MAX_PASSES, ParsedOrder
from mock_server.tams.validation import MAX_COUNT, MAX_FRAMES, VIDEO_FPS, shown
from mock_server.tams.workflow.graph import Graph, GraphNode
from mock_server.tams.workflow.graph_problems import GraphProblem, printable, refused
from mock_server.tams.workflow.graph_reading import GraphReading, read
from mock_server.tams.workflow.graph_sampling import GraphSampling, Picture
from mock_server.tams.workflow.node_inputs import str_of
from mock_server.tams.workflow.node_progress import NodeStep, notes_of

# A limit of the mock: the store counts pictures with two digits.
MAX_PICTURES = 100

# The time of nodes that do not sample, as a part of all passes; loaders take more.
_LIGHT, _LOADER = Decimal("0.01"), Decimal("0.04")
_TOTAL_WEIGHT = 10_000

_MAX_PASS_NAME_LENGTH = 60
_FORMAT_INPUTS = ("format", "extension", "output_format", "file_type", "image_format")
_FORMATS: dict[str, PictureFormat] = {"jpeg": "jpeg", "jpg": "jpeg", "webp": "webp", "png": "png"}
# ComfyUI has no kind of output for videos. Nodes that save or combine them are known by words in
# their class names and by an input for the speed.
_VIDEO = re.compile(r"video|webm|mp4|movie", re.IGNORECASE)
_ANIMATION = re.compile(r"animated|gif|apng", re.IGNORECASE)
_SPEEDS = frozenset({"fps", "frame_rate"})
_NO_SIZES: Mapping[str, tuple[int, int]] = {}


def parse_graph(
    graph: Graph,
    settings: TamsSettings,
    catalogue: Catalogue,
    sizes: Mapping[str, tuple[int, int]] = _NO_SIZES,
) -> ParsedOrder:
    """Return the order and the work of a graph; `sizes` in pixels are those of known uploads.

    Raises Invalid for a graph beyond the limits of the mock and, if the settings say so, for
    unknown models; Forbidden for a locked model.
    """
    reading = read(graph, sizes)
    warnings = [*graph.warnings, *_model_warnings(reading, settings, catalogue)]
    if len(reading.uploads) > MAX_INPUTS:
        last = next(node for node in reversed(list(graph.running())) if "image" in node.values)
        raise _refused(last, "image", f"must be one of at most {MAX_INPUTS} in a graph")
    videos = _videos_of(graph, reading.made)
    for sampling in reading.samplings:
        if sampling.order.seed > MAX_SEED:
            text = f"must be at most {MAX_SEED}, found {shown(sampling.order.seed)}"
            raise _refused(graph.nodes[sampling.node], "seed", text)
        if sampling.picture.batch > MAX_COUNT and not videos:
            warnings.append(
                f"node {sampling.node} batch_size: found {sampling.picture.batch},"
                f" expected between 1 and {MAX_COUNT}"
            )
    files = {
        node.id: 1 if node.id in videos else reading.made[node.id].images
        for node in graph.running()
        if node.id in reading.made
    } or {graph.outputs[-1]: 1}
    if videos:
        _check_frames(graph, videos)
        warnings += _cut(files, videos)
    count = sum(files.values())
    if count > MAX_PICTURES:
        last_output = graph.nodes[list(files)[-1]]
        text = f"must be at most {MAX_PICTURES} pictures in all, found {count}"
        raise _refused(last_output, "images", text)
    passes = _passes(graph, reading)
    main = _largest(reading.made, videos or reading.made)
    work_passes = tuple(passes.values())
    if main.area > max((each.width * each.height for each in work_passes), default=0):
        work_passes += (Pass("processing", main.width, main.height, 0, main.images),)
    if len(work_passes) > MAX_PASSES:
        last_pass = graph.nodes[list(passes)[-1]]
        raise _refused(last_pass, "node", f"must be one of at most {MAX_PASSES} that sample")
    efforts = [catalogue.family_of(each.order.model).effort for each in reading.samplings]
    order = _order(graph, reading, main, count, _steps(graph, passes, files, reading))
    if videos:
        order = replace(
            order,
            format=_format(graph, reading, _largest(reading.made, files.keys() - videos.keys())),
            frames=main.images,
            fps=main.fps or VIDEO_FPS,
            stills=_stills(files, videos),
        )
    work = Work(
        work_passes,
        prices.total(_price(reading, settings, catalogue), settings.fixed_price),
        factor=max(efforts, default=Decimal(1)),
        inputs=tuple(reading.uploads),
        pending=settings.pending_seconds,
    )
    return ParsedOrder(order, work, tuple(warnings))


def _check_frames(graph: Graph, videos: Mapping[str, Picture]) -> None:
    """Refuse a video that is too long."""
    for output, video in videos.items():
        if video.images > MAX_FRAMES:
            text = f"must be at most {MAX_FRAMES} frames, found {video.images}"
            raise _refused(graph.nodes[output], "images", text)


def _cut(files: dict[str, int], videos: Mapping[str, Picture]) -> list[str]:
    """Leave out pictures beside videos, often all frames, that are too many; return warnings."""
    warnings = []
    left = MAX_PICTURES - len(videos)
    for output, count in files.items():
        if output not in videos:
            files[output] = kept = min(count, max(0, left))
            left -= kept
            if kept < count:
                warnings.append(f"node {printable(output)}: makes {kept} of its {count} pictures")
    return warnings


def _stills(files: Mapping[str, int], videos: Mapping[str, Picture]) -> tuple[int, ...]:
    """Return which of a job's files are pictures beside videos."""
    makers = [output for output, count in files.items() for _ in range(count)]
    return tuple(index for index, output in enumerate(makers) if output not in videos)


def _largest(made: Mapping[str, Picture], outputs: Collection[str]) -> Picture:
    pictures = [picture for output, picture in made.items() if output in outputs]
    return max(pictures, key=lambda each: each.area, default=Picture(512, 512))


def _videos_of(graph: Graph, made: Mapping[str, Picture]) -> dict[str, Picture]:
    """Return the pictures that become videos, by output node.

    They are always MP4, even where the real node makes WebM or an animated picture.
    """
    return {
        output: picture
        for output, picture in made.items()
        if _makes_video(graph.nodes[output], picture)
    }


def _makes_video(node: GraphNode, picture: Picture) -> bool:
    if _VIDEO.search(node.class_type):
        return True
    # A node for animations that gets one picture saves a picture.
    has_speed = bool(_SPEEDS & (node.values.keys() | node.links.keys()))
    return picture.images > 1 and (has_speed or bool(_ANIMATION.search(node.class_type)))


def _price(reading: GraphReading, settings: TamsSettings, catalogue: Catalogue) -> Decimal:
    price = ZERO
    for each in reading.samplings:
        picture = each.picture
        if picture.frames > 1:
            model, from_image = prices.video_model_of(each.order.model), bool(picture.source)
            price += picture.batch * prices.video(
                model, picture.frames, fast=False, from_image=from_image, area=picture.area
            )
        else:
            model = each.order.model
            rate = prices.rate_of(model, catalogue.family_of(model), settings, picture.batch)
            price += rate.diffusion(each.order.steps)
    return price


def _order(
    graph: Graph, reading: GraphReading, main: Picture, count: int, steps: list[NodeStep]
) -> Order:
    sampling = _last_sampling(reading, main)
    return replace(
        Order("", seed=RANDOM_SEED, steps=0) if sampling is None else sampling.order,
        width=main.width,
        height=main.height,
        count=count,
        format=_format(graph, reading, main),
        source=main.source,
        mask=main.mask,
        denoising_strength=main.strength if main.source else 0.75,
        notes=notes_of(steps),
    )


def _last_sampling(reading: GraphReading, main: Picture) -> GraphSampling | None:
    """Return the sampler of the main picture, or the last sampler of all."""
    for each in reversed(reading.samplings):
        if each.node == main.sampler:
            return each
    return reading.samplings[-1] if reading.samplings else None


def _passes(graph: Graph, reading: GraphReading) -> dict[str, Pass]:
    """Return the passes by node, in the order in which they run."""
    samplings = {each.node: each for each in reading.samplings}
    passes: dict[str, Pass] = {}
    for node in graph.running():
        name = f"{node.class_type} {node.id}"[:_MAX_PASS_NAME_LENGTH]
        if node.id in samplings:
            sampling = samplings[node.id]
            picture, steps = sampling.picture, sampling.order.steps
        elif node.id in reading.enlargements:
            picture, steps = reading.enlargements[node.id], 0
        else:
            continue
        passes[node.id] = Pass(name, picture.width, picture.height, steps, picture.images)
    return passes


def _steps(
    graph: Graph, passes: Mapping[str, Pass], images: Mapping[str, int], reading: GraphReading
) -> list[NodeStep]:
    """Return the nodes in the order in which they run, with their shares of the time."""
    total = sum((each.effort for each in passes.values()), Decimal(0)) or Decimal(1)
    samples = {each.node: each.order.steps for each in reading.samplings}
    steps = []
    for node in graph.running():
        if node.id in passes:
            part = passes[node.id].effort / total
        else:
            loader = node.known is not None and node.known.role == "loader"
            part = _LOADER if loader else _LIGHT
        weight = max(1, int(part * _TOTAL_WEIGHT))
        steps.append(
            NodeStep(
                node.id, node.class_type, weight, samples.get(node.id, 0), images.get(node.id, 0)
            )
        )
    return steps


def _format(graph: Graph, reading: GraphReading, main: Picture) -> PictureFormat:
    """Return the format in the inputs, or the class name, of the main picture's output node."""
    for output, picture in reading.made.items():
        if picture == main:
            node = graph.nodes[output]
            words = [str_of(node.values.get(name)) for name in _FORMAT_INPUTS]
            for text in (*words, node.class_type):
                for word, format in _FORMATS.items():
                    if len(text) <= _MAX_PASS_NAME_LENGTH and word in text.lower():
                        return format
    return "png"


def _model_warnings(
    reading: GraphReading, settings: TamsSettings, catalogue: Catalogue
) -> list[str]:
    """Check the named models; settings choose how strictly."""
    problems: list[GraphProblem] = []
    is_refused = settings.unknown_model == "refuse"
    for node, name, model_id in reading.models:
        if model_id in settings.locked_models:
            raise Forbidden(f"{name}: model {model_id} needs an access key")
        wanted = node.known.inputs[name].model if node.known else ""
        found = catalogue.type_of(model_id)
        is_removed = model_id in settings.removed_models
        if found != wanted or is_removed:
            kind = "an unknown model" if found is None else f"a {found}"
            kind = "which was taken down" if is_removed else kind
            is_refused |= is_removed
            text = f"must be a model of type {wanted} that the mock knows"
            problem = f"{text}, found {shown(model_id)}, {kind}"
            problems.append(GraphProblem(node.id, node.class_type, name, problem))
    if problems and is_refused:
        raise refused(problems)
    return [f"node {each.node} {each.input}: {each.text}" for each in problems]


def _refused(node: GraphNode, name: str, text: str) -> Exception:
    return refused([GraphProblem(node.id, node.class_type, name, text)])
