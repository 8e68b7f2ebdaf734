"""What the pages' forms hold, within which bounds, and what they ask for in the vendor's words."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

from pydantic import Field, JsonValue

from mock_server.core.jobs.service import RANDOM_SEED
from mock_server.workshop.wire import Whole, WorkshopBody

MAX_PROMPT = 20_000

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

    values: Annotated[dict[Annotated[str, Field(max_length=100)], Prompt], Field(max_length=64)]
