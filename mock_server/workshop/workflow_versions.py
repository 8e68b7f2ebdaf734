"""Published workflows: their versions, inputs, nodes and outputs (Workshop › 8).

A file is validated when it is read; every problem is one sentence.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from itertools import accumulate
from operator import mul
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from mock_server.core.jobs.job import Job
from mock_server.core.jobs.plans import Pass
from mock_server.workshop.workflow_inputs import InputField

_MAX_NODES = 200
_MAX_OUTPUTS = 16
_MAX_SCALE = 16


class _Entry(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class WorkflowNode(_Entry):
    """One node; `label` is its type. A node that `samples` works at the size of the picture.

    `scale` is the factor of the picture's size from this node on.
    """

    id: str
    label: str
    samples: bool = False
    steps: Annotated[int, Field(ge=1, le=1000)] | None = None
    scale: Annotated[float, Field(gt=0, le=8)] = 1


class OutputField(_Entry):
    """A field of the result: a file, or a text in which `{prompt}` is replaced by the prompt."""

    name: Annotated[str, Field(min_length=1)]
    type: Literal["image", "video", "text"]
    text: str = ""


class WorkflowVersion(_Entry):
    """One version of a workflow. `format` is that of its files; `frames` and `fps` are for videos.

    Without output fields, its files are pictures: one, or as many as the input `batch_size` says.
    Pictures beside videos have its format, or are PNG where that is MP4.
    An `open` version accepts all inputs, like an unpublished workflow.
    """

    inputs: tuple[InputField, ...] = ()
    nodes: Annotated[tuple[WorkflowNode, ...], Field(min_length=1, max_length=_MAX_NODES)]
    outputs: Annotated[tuple[OutputField, ...], Field(max_length=_MAX_OUTPUTS)] = ()
    format: Literal["png", "jpeg", "webp", "mp4"] = "png"
    frames: Annotated[int, Field(ge=2, le=1000)] = 40
    fps: Annotated[int, Field(ge=1, le=60)] = 8
    open: bool = False

    @model_validator(mode="after")
    def _check_outputs(self) -> WorkflowVersion:
        kinds = {each.type for each in self.outputs} - {"text"}
        if self.outputs and not kinds:
            raise ValueError("outputs must have an image or a video among them")
        if len(kinds) == 1 and ("video" in kinds) != (self.format == "mp4"):
            raise ValueError("format must be mp4 for videos, and must not be mp4 for others")
        return self

    @model_validator(mode="after")
    def _check_scales(self) -> WorkflowVersion:
        if not all(1 / _MAX_SCALE <= scale <= _MAX_SCALE for scale in self._scales):
            raise ValueError(f"nodes must not scale by more than {_MAX_SCALE}, up or down")
        return self

    @property
    def is_video(self) -> bool:
        return self.format == "mp4" or any(each.type == "video" for each in self.outputs)

    @property
    def stills(self) -> tuple[int, ...]:
        """Which files are pictures, in a version that makes videos."""
        kinds = [each.type for each in self.outputs if each.type != "text"]
        return tuple(n for n, kind in enumerate(kinds) if kind == "image" and self.is_video)

    @property
    def files(self) -> int:
        """The number of files in the output fields."""
        return sum(each.type != "text" for each in self.outputs)

    @property
    def scale(self) -> float:
        """The factor from the size of the sampled picture to that of the last one."""
        return self._scales[-1]

    @property
    def _scales(self) -> tuple[float, ...]:
        return tuple(accumulate((node.scale for node in self.nodes), mul))

    def passes(self, width: int, height: int, steps: int, frames: int) -> tuple[Pass, ...]:
        """Return a pass for each node; nodes that neither sample nor scale are nearly free."""
        passes = []
        for node, scale in zip(self.nodes, self._scales, strict=True):
            has_work = node.samples or node.scale != 1
            passes.append(
                Pass(
                    _pass_name(node),
                    round(width * scale) if has_work else 0,
                    round(height * scale) if has_work else 0,
                    (node.steps or steps) if node.samples else 0,
                    frames,
                )
            )
        return tuple(passes)

    def state_at(self, job: Job, now: float) -> dict[str, Any]:
        """Return the running node and its progress (Workshop › 8.2)."""
        index, part = _within(job, now)
        node = self.nodes[min(index, len(self.nodes) - 1)]
        steps = (node.steps or job.order.steps) if node.samples else 1
        return {"nodeLabel": node.label, "step": int(part * steps), "maxSteps": steps}

    def failed_node(self, job: Job, reason: str, now: float) -> WorkflowNode:
        """Return the node at which a task failed: that in the reason, or the running node."""
        for node in self.nodes:
            if f"{_pass_name(node)} " in reason:
                return node
        return self.nodes[min(_within(job, now)[0], len(self.nodes) - 1)]

    def result(self, job: Job, files: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        """Return the output fields; files are objects (Workshop › 8.3)."""
        remaining = iter(files)
        return {
            each.name: each.text.replace("{prompt}", job.order.prompt)
            if each.type == "text"
            else next(remaining)
            for each in self.outputs
        }


class Workflow(_Entry):
    """A published workflow; an alias is a name that points to a version."""

    id: Annotated[str, Field(min_length=1, max_length=200)]
    name: str = ""
    description: str = ""
    aliases: dict[str, str] = Field(default_factory=dict)
    versions: Annotated[dict[str, WorkflowVersion], Field(min_length=1)]

    @model_validator(mode="after")
    def _check_aliases(self) -> Workflow:
        for alias, version in self.aliases.items():
            if version not in self.versions:
                raise ValueError(f"alias {alias} points to {version}, which is not a version")
        return self


class _File(_Entry):
    workflows: tuple[Workflow, ...]


@cache
def unpublished() -> WorkflowVersion:
    """Return the version that runs for an id that is not in the catalogue."""
    return WorkflowVersion(
        nodes=(
            WorkflowNode(id="1", label="LoadImage"),
            WorkflowNode(id="4", label="CheckpointLoaderSimple"),
            WorkflowNode(id="6", label="CLIPTextEncode"),
            WorkflowNode(id="3", label="KSampler", samples=True),
            WorkflowNode(id="8", label="VAEDecode"),
            WorkflowNode(id="9", label="SaveImage"),
        ),
        open=True,
    )


def read_workflows(text: bytes) -> dict[str, Workflow]:
    """Return the workflows of a file by id; raises ValueError with a sentence."""
    try:
        file = _File.model_validate_json(text)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(map(str, first["loc"]))
        raise ValueError(f"{place}: {first['msg']}" if place else first["msg"]) from error
    return {each.id: each for each in file.workflows}


def _pass_name(node: WorkflowNode) -> str:
    return f"{node.label} #{node.id}"


def _within(job: Job, now: float) -> tuple[int, float]:
    """Return the present stage of a job's plan, and the part of it that has passed."""
    passed = job.done_at(now) * job.plan.run
    for index, seconds in enumerate(job.plan.stages):
        if passed < seconds:
            return index, passed / seconds
        passed -= seconds
    return max(0, len(job.plan.stages) - 1), 1.0
