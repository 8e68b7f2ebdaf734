"""Workflow tasks: the request body, and parsing it into an order (Workshop › 8).

A published workflow has its own inputs. Their names tell what they are for, because the usual names
are the same everywhere. So an unpublished workflow runs as well.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from mock_server.core.jobs.job import Order
from mock_server.core.jobs.plans import Work
from mock_server.core.jobs.service import MAX_SEED, RANDOM_SEED
from mock_server.web.comfyui_formats import SAVED, is_graph, is_saved
from mock_server.web.unread_members import unread_members
from mock_server.workshop.sd_tasks import CFG_SCALE, DENOISING, FileField, ParsedTask, price_of
from mock_server.workshop.settings import WorkshopSettings
from mock_server.workshop.task_metadata import TaskMetadata
from mock_server.workshop.validation import MIN_SIDE, Remark, TaskValidator, refused
from mock_server.workshop.wire import WorkshopBody
from mock_server.workshop.workflows import KnownWorkflows

if TYPE_CHECKING:
    from mock_server.workshop.workflow_versions import WorkflowVersion

MAX_INPUTS = 200
_MAX_USED = 1e15  # larger numbers in an unpublished workflow are ignored
MAX_ID_LENGTH = 200
_DIGITS = re.compile(r"[0-9]{1,20}")

# The names of inputs for each use; the first name that is present counts.
_USES = {
    "prompt": ("prompt", "positive_prompt", "positive", "text"),
    "negative": ("negative_prompt", "negtive_prompt", "negative"),
    "seed": ("seed", "noise_seed"),
    "steps": ("steps",),
    "cfg": ("cfg", "cfg_scale"),
    "denoise": ("denoise", "denoising_strength"),
    "width": ("width",),
    "height": ("height",),
    "batch": ("batch_size",),
}


class ComfyPrompt(WorkshopBody):
    """POST /scc/comfy_prompt; one of `alias_id` and `version_id` is required."""

    workflow_id: str
    inputs: dict[str, Any]
    alias_id: str = ""
    version_id: str = ""
    randomise_seeds: bool = False
    return_temp_files: bool = False


def parse_order(
    payload: ComfyPrompt, workflows: KnownWorkflows, settings: WorkshopSettings, remark: Remark
) -> ParsedTask:
    """Return the order of a body; refuse its first invalid input."""
    if not payload.alias_id and not payload.version_id:
        raise refused("alias_id or version_id is required")
    if not payload.workflow_id:
        raise refused("workflow_id is required")
    for id in (payload.workflow_id, payload.alias_id, payload.version_id):
        if len(id) > MAX_ID_LENGTH:
            raise refused(f"an id must not be longer than {MAX_ID_LENGTH} characters")
    if len(payload.inputs) > MAX_INPUTS:
        raise refused(f"inputs must be at most {MAX_INPUTS}, found {len(payload.inputs)}")
    if found := found_in_inputs(payload.inputs):
        raise refused(
            f"inputs must have a value for each published field, found {found}:"
            " publish the workflow, and name it with workflow_id"
        )
    name, version = workflows.find(
        payload.workflow_id,
        payload.alias_id,
        payload.version_id,
        alias_wins=settings.both_names == "alias",
        unknown=settings.unknown_workflow == "accept",
    )
    given = {key: value for key, value in payload.inputs.items() if value is not None}
    values = given if version.open else _checked(given, version, settings, remark)
    validator = TaskValidator(settings, remark)
    width, height = _size(values, version, validator)
    steps = validator.steps("inputs.steps", _number(values, "steps"))
    frames = version.frames if version.is_video else 1
    files = version.files or validator.count("inputs.batch_size", _number(values, "batch") or 1)
    previews = 1 if payload.return_temp_files and not version.is_video else 0
    cfg_scale = _real(values, "cfg")
    denoising = _real(values, "denoise")
    order = Order(
        prompt=validator.prompt("inputs.prompt", _text(values, "prompt")),
        negative_prompt=validator.prompt("inputs.negative_prompt", _text(values, "negative")),
        seed=RANDOM_SEED if payload.randomise_seeds else _seed(values),
        width=round(width * version.scale),
        height=round(height * version.scale),
        steps=steps,
        cfg_scale=CFG_SCALE if cfg_scale is None else validator.cfg_scale("inputs.cfg", cfg_scale),
        sampler=settings.default_sampler,
        model=payload.workflow_id,
        count=files + previews,
        format="png" if version.format == "mp4" else version.format,
        denoising_strength=DENOISING
        if denoising is None
        else validator.part("inputs.denoise", denoising),
        frames=frames,
        fps=version.fps if version.is_video else 0,
        stills=version.stills,
    )
    # The files of a task are one batch, so previews are free.
    passes = version.passes(width, height, steps, frames)
    count = 1 if version.outputs else files
    work = Work(passes, price_of(passes, count, settings), count)
    metadata = TaskMetadata(
        "workflow", workflow=payload.workflow_id, version=name, previews=previews
    )
    return ParsedTask(order, work, metadata, _files(values, version))


def found_in_inputs(inputs: Mapping[str, Any]) -> str:
    """Return which of ComfyUI's formats was sent in place of inputs, or ""."""
    if any(map(is_saved, (inputs, *inputs.values()))):
        return SAVED
    return "a graph of ComfyUI" if any(map(is_graph, (inputs, *inputs.values()))) else ""


def _checked(
    given: Mapping[str, Any], version: WorkflowVersion, settings: WorkshopSettings, remark: Remark
) -> dict[str, Any]:
    """Return the value of each published field, as sent or by default."""
    _tell_unread(given, version, settings, remark)
    values: dict[str, Any] = {}
    for each in version.inputs:
        if each.name in given:
            try:
                values[each.name] = each.checked(given[each.name])
            except ValueError as error:
                raise refused(f"inputs.{each.name} {error}") from None
        elif each.required:
            raise refused(f"inputs.{each.name} is required")
        elif each.default is not None:
            values[each.name] = each.default
    return values


def _tell_unread(
    given: Mapping[str, Any], version: WorkflowVersion, settings: WorkshopSettings, remark: Remark
) -> None:
    """Remark on each input that is no field of the workflow, or refuse the first one."""
    fields = dict.fromkeys(each.name for each in version.inputs)
    members: dict[Any, Mapping[str, Any]] = {"body": {"inputs": "inputs"}, "inputs": fields}
    for each in unread_members("body", {"inputs": given}, members.__getitem__):
        if settings.unread_member == "refuse":
            raise refused(" ".join(each.as_problem()))
        remark(str(each))


def _size(
    values: Mapping[str, Any], version: WorkflowVersion, validator: TaskValidator
) -> tuple[int, int]:
    """Return the size of sampling in pixels, before upscaling."""
    width = validator.side("inputs.width", _number(values, "width"))
    height = validator.side("inputs.height", _number(values, "height"))
    max_side = 4 * validator.settings.most_side
    for field, side in (("width", width), ("height", height)):
        scaled = round(side * version.scale)
        if not MIN_SIDE <= scaled <= max_side:
            raise refused(f"inputs.{field} comes to {scaled} pixels, which is more than {max_side}")
    return width, height


def _files(values: Mapping[str, Any], version: WorkflowVersion) -> tuple[FileField, ...]:
    """Return the inputs that refer to files; the first picture is the source of the result."""
    if version.open:
        # The types of inputs are unknown, so those with a URL count as files.
        names = [name for name, value in values.items() if _looks_like_file(value)]
        return tuple(
            FileField(f"inputs.{name}", values[name], drawn=number == 0, picture=False)
            for number, name in enumerate(names)
        )
    fields = []
    drawn = False
    for each in version.inputs:
        if each.is_file and values.get(each.name):
            picture = each.type == "image"
            path = f"inputs.{each.name}"
            fields.append(FileField(path, values[each.name], picture and not drawn, picture))
            drawn = drawn or picture
    return tuple(fields)


def _looks_like_file(value: Any) -> bool:
    return isinstance(value, str) and value.startswith(("http://", "https://", "data:"))


def _used(values: Mapping[str, Any], use: str) -> Any:
    """Return the value of the first input that has a name for this use."""
    return next((values[name] for name in _USES[use] if name in values), None)


def _text(values: Mapping[str, Any], use: str) -> str:
    value = _used(values, use)
    return value if isinstance(value, str) else ""


def _real(values: Mapping[str, Any], use: str) -> float | None:
    value = _used(values, use)
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if is_number and abs(value) < _MAX_USED else None


def _number(values: Mapping[str, Any], use: str) -> int | None:
    value = _real(values, use)
    return None if value is None else int(value)


def _seed(values: Mapping[str, Any]) -> int:
    """Return the seed; without one it is the same every time, as a workflow has it stored.

    Some clients send it as a text, because JavaScript has no integers of 64 bits.
    """
    value = _used(values, "seed")
    is_digits = isinstance(value, str) and _DIGITS.fullmatch(value)
    if is_digits or (isinstance(value, float) and value.is_integer()):
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        return 0
    if value > MAX_SEED:
        raise refused(f"inputs.seed must be at most {MAX_SEED}")
    return max(value, RANDOM_SEED)
