"""Standard SD tasks: request bodies, and parsing them into an order (Workshop › 7).

Only the names and types of members, and the ranges of control nets, are documented. Defaults and
all other ranges are choices.
"""

from __future__ import annotations

from decimal import Decimal
from functools import lru_cache
from typing import Annotated

from msgspec import Struct
from pydantic import Field

from mock_server.core.credits import TENTH, ZERO, tenths_up
from mock_server.core.jobs.job import Order
from mock_server.core.jobs.plans import Pass, Work, effort_of
from mock_server.core.jobs.service import RANDOM_SEED
from mock_server.workshop.settings import WorkshopSettings
from mock_server.workshop.task_metadata import Kind, TaskMetadata
from mock_server.workshop.validation import MAX_CLIP_SKIP, Remark, TaskValidator, refused
from mock_server.workshop.wire import Items, Whole, WorkshopBody

# Limits of the mock; a real task needs fewer files.
MAX_INIT_IMAGES = 10
MAX_UNITS = 10

DENOISING = 0.75
CFG_SCALE = 7.0

Number = Annotated[float, Field(allow_inf_nan=False)]


class ControlUnit(WorkshopBody):
    """One control net; guidance is documented from 0 to 1, and the weight from 0 to 2."""

    module: str | None = None
    model: str | None = None
    input_image: str | None = None
    guidance_start: Number | None = None
    guidance_end: Number | None = None
    weight: Number | None = None


class ControlNet(WorkshopBody):
    units: Items[ControlUnit] | None = None


class AlwaysOnScripts(WorkshopBody):
    controlnet: ControlNet | None = None


class SamplingBody(WorkshopBody):
    """The members of both kinds of task, all optional; the misspelling is the vendor's."""

    stable_diffusion_model: str = ""
    sd_vae: str = ""
    prompt: str = ""
    negtive_prompt: str = ""
    batch_size: Whole = 1
    steps: Whole | None = None
    cfg_scale: Number = CFG_SCALE
    width: Whole | None = None
    height: Whole | None = None
    sampler_name: str = ""
    seed: Whole = RANDOM_SEED

    @property
    def checkpoint(self) -> dict[str, str]:
        """The model as it is shown in events; in the mock, files have no versions."""
        model = self.stable_diffusion_model
        alias = model.rpartition(".")[0] or model
        return {"modelId": model, "modelVersionId": model, "aliasName": alias}


class TextToImage(SamplingBody):
    """POST /scc/sd_txt2img."""

    clip_skip: Whole | None = None
    alwayson_scripts: AlwaysOnScripts | None = None

    @property
    def units(self) -> list[ControlUnit]:
        scripts = self.alwayson_scripts
        net = None if scripts is None else scripts.controlnet
        return [] if net is None else net.units or []


class ImageToImage(SamplingBody):
    """POST /scc/sd_img2img."""

    init_images: Items[str] = Field(default_factory=list)
    denoising_strength: Number = DENOISING


class FileField(Struct, frozen=True):
    """A member that refers to a file; `drawn` marks the source of the picture."""

    name: str
    value: str
    drawn: bool = False
    picture: bool = True


class ParsedTask(Struct, frozen=True):
    """A parsed task; its `files` are not resolved yet."""

    order: Order
    work: Work
    metadata: TaskMetadata
    files: tuple[FileField, ...] = ()


def parse_order(
    payload: TextToImage | ImageToImage, settings: WorkshopSettings, remark: Remark
) -> ParsedTask:
    """Return the order of a body; refuse its first invalid member."""
    validator = TaskValidator(settings, remark)
    width = validator.side("width", payload.width)
    height = validator.side("height", payload.height)
    steps = validator.steps("steps", payload.steps)
    count = validator.count("batch_size", payload.batch_size)
    cfg_scale = validator.cfg_scale("cfg_scale", payload.cfg_scale)
    parameters = [("sd_vae", payload.sd_vae), ("seed", str(payload.seed))]
    denoising = DENOISING
    kind: Kind = "txt2img"
    if isinstance(payload, ImageToImage):
        kind = "img2img"
        denoising = validator.part("denoising_strength", payload.denoising_strength)
        parameters.append(("denoising_strength", f"{denoising:g}"))
        files = _init_images(payload, settings, remark)
    else:
        if payload.clip_skip is not None:
            clip_skip = validator.within("clip_skip", payload.clip_skip, 1, MAX_CLIP_SKIP)
            parameters.append(("clip_skip", str(clip_skip)))
        files = _control_images(payload.units)
    order = Order(
        prompt=validator.prompt("prompt", payload.prompt),
        negative_prompt=validator.prompt("negtive_prompt", payload.negtive_prompt),
        # Clients send -1 for a random seed; other negative numbers are invalid and treated alike.
        seed=payload.seed if payload.seed >= 0 else RANDOM_SEED,
        width=width,
        height=height,
        steps=steps,
        cfg_scale=cfg_scale,
        sampler=validator.name("sampler_name", payload.sampler_name) or settings.default_sampler,
        model=validator.name("stable_diffusion_model", payload.stable_diffusion_model),
        count=count,
        denoising_strength=denoising,
    )
    validator.name("sd_vae", payload.sd_vae)
    passes = (Pass("sampling", width, height, steps),)
    work = Work(passes, price_of(passes, count, settings), count)
    kept = tuple((name, value) for name, value in parameters if value)
    return ParsedTask(order, work, TaskMetadata(kind, parameters=kept), files)


def price_of(passes: tuple[Pass, ...], count: int, settings: WorkshopSettings) -> Decimal:
    """Return the credits of a task: none, or its effort in whole tenths, at least one."""
    return ZERO if settings.credits == "none" else _effort_price(passes, count)


@lru_cache(maxsize=4096)
def _effort_price(passes: tuple[Pass, ...], count: int) -> Decimal:
    return max(TENTH, tenths_up(effort_of(passes, count)))


def _init_images(
    payload: ImageToImage, settings: WorkshopSettings, remark: Remark
) -> tuple[FileField, ...]:
    images = payload.init_images
    if len(images) > MAX_INIT_IMAGES:
        raise refused(f"init_images must be at most {MAX_INIT_IMAGES}, found {len(images)}")
    if not any(images) and settings.missing_init_image == "refuse":
        raise refused("init_images is required")
    if len(images) > 1:
        remark("init_images: only the first picture is used as the source")
    return tuple(
        FileField(f"init_images[{number}]", value, drawn=number == 0)
        for number, value in enumerate(images)
    )


def _control_images(units: list[ControlUnit]) -> tuple[FileField, ...]:
    if len(units) > MAX_UNITS:
        raise refused(
            f"alwayson_scripts.controlnet.units must be at most {MAX_UNITS}, found {len(units)}"
        )
    files = []
    for number, unit in enumerate(units):
        path = f"alwayson_scripts.controlnet.units[{number}]"
        for name, value, maximum in (
            ("guidance_start", unit.guidance_start, 1),
            ("guidance_end", unit.guidance_end, 1),
            ("weight", unit.weight, 2),
        ):
            if value is not None and not 0 <= value <= maximum:
                raise refused(f"{path}.{name} must be from 0 to {maximum}, found {value:g}")
        if unit.input_image:
            files.append(FileField(f"{path}.input_image", unit.input_image))
    return tuple(files)
