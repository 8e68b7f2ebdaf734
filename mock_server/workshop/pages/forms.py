"""What the pages' forms hold, within which bounds, and what they ask for in the vendor's words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

from pydantic import ConfigDict, Field, JsonValue

from mock_server.core.errors import Invalid
from mock_server.core.jobs.service import RANDOM_SEED
from mock_server.workshop.task_metadata import SD_WEBUI
from mock_server.workshop.wire import NO_FIELD, Whole, WorkshopBody, validated
from mock_server.workshop.workflows import KnownWorkflows

MAX_PROMPT = 20_000
MAX_FIELD_NAME = 250

_MAX_SEED = 2**32 - 1

Side = Annotated[Whole, Field(ge=64, le=2048, multiple_of=8)]
Prompt = Annotated[str, Field(max_length=MAX_PROMPT)]


class DrawingForm(WorkshopBody):
    """The form of the sd_webui page. `image` is a data URI of what to start from, if anything."""

    prompt: Annotated[Prompt, Field(min_length=1)]
    negative_prompt: Prompt = ""
    width: Side = 512
    height: Side = 512
    steps: Annotated[Whole, Field(ge=1, le=100)] = 20
    cfg_scale: Annotated[float, Field(ge=0, le=30)] = 7.0
    sampler: Annotated[str, Field(min_length=1, max_length=100)] = "Euler a"
    seed: Annotated[Whole, Field(ge=RANDOM_SEED, le=_MAX_SEED)] = RANDOM_SEED
    batch_size: Annotated[Whole, Field(ge=1, le=4)] = 1
    image: Annotated[str, Field(pattern=r"^(data:image/[a-z0-9.+-]{1,40};base64,|$)")] = ""
    strength: Annotated[float, Field(ge=0, le=1)] = 0.75

    @property
    def api_id(self) -> str:
        """The last segment of the call that a server would make for this."""
        return "sd_img2img" if self.image else "sd_txt2img"

    def request(self, *, model: str, vae: str) -> dict[str, Any]:
        """Return the body of that call; an attachment that the token lacks is left out."""
        asked: dict[str, Any] = {
            "prompt": self.prompt,
            "negtive_prompt": self.negative_prompt,
            "batch_size": self.batch_size,
            "steps": self.steps,
            "cfg_scale": self.cfg_scale,
            "width": self.width,
            "height": self.height,
            "sampler_name": self.sampler,
            "seed": self.seed,
        }
        if model:
            asked["stable_diffusion_model"] = model
        if vae:
            asked["sd_vae"] = vae
        if self.image:
            asked |= {"init_images": [self.image], "denoising_strength": self.strength}
        return asked


class WorkflowForm(WorkshopBody):
    """The form of the comfyui_api page: a published workflow, and values for its inputs."""

    workflow_id: Annotated[str, Field(min_length=1, max_length=200)]
    version_id: str = ""
    inputs: Annotated[dict[str, JsonValue], Field(max_length=100)] = Field(default_factory=dict)
    randomise_seeds: bool = False

    api_id: ClassVar[str] = "comfy_prompt"

    def request(self) -> dict[str, Any]:
        """Return the body of the call that a server would make for this."""
        version = {"version_id": self.version_id} if self.version_id else {"alias_id": "main"}
        return {
            "workflow_id": self.workflow_id,
            **version,
            "inputs": self.inputs,
            "randomise_seeds": self.randomise_seeds,
        }


class Preferences(WorkshopBody):
    """What a page wants to find again: the values of its form, as plain texts by name."""

    values: Annotated[
        dict[Annotated[str, Field(max_length=MAX_FIELD_NAME)], Prompt], Field(max_length=128)
    ]


class DrawingValues(DrawingForm):
    """The values of the sd_webui form that can be kept, also without a prompt yet."""

    model_config = ConfigDict(extra="forbid")

    prompt: Prompt = ""


class WorkflowValues(WorkshopBody):
    """The values of the comfyui_api form that can be kept, beside those of inputs."""

    model_config = ConfigDict(extra="forbid")

    workflow_id: str
    version_id: str = ""
    randomise_seeds: bool = False


def check_preferences(product: str, values: Mapping[str, str], workflows: KnownWorkflows) -> None:
    """Refuse the first value that is out of bounds or no value of its field."""
    if product == SD_WEBUI:
        validated(DrawingValues, dict(values), strict=False)
        return
    inputs = {name: text for name, text in values.items() if name.startswith("inputs.")}
    others = {name: text for name, text in values.items() if name not in inputs}
    chosen = validated(WorkflowValues, others, strict=False)
    _, version = workflows.find(chosen.workflow_id, "main", chosen.version_id, unknown=False)
    fields = {f"inputs.{each.name}": each for each in version.inputs if not each.is_file}
    for name, text in inputs.items():
        if name not in fields:
            raise Invalid(name, NO_FIELD)
        try:
            fields[name].read(text)
        except ValueError as error:
            raise Invalid(name, str(error)) from None
