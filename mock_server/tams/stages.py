"""Parses a chain of stages (TAMS › Stages) into an order and its work.

Rules of the chain, documented unless tagged:

- it begins with INPUT_INITIALIZE, and each stage has the member that is named after its type
- the first DIFFUSION stage sets what is sampled: prompts, size, model. Upscaling, repair and
  inpainting use its settings and ignore their own
- without such a stage, each of these stages has its own `diffusion`, `count` is 1, and there is a
  start image (documented for repair and partly for upscaling; assumed for all three [unknown])
- latent upscalers are allowed only after a DIFFUSION stage

`prices` has the formula of the price: later stages inherit the size of the stage before and the
steps and the model of the DIFFUSION stage. The work, which decides how long a job takes, has one
pass for each run of the engine; repair repaints adInpaintWidth × adInpaintHeight pixels in it.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from msgspec import Struct
from msgspec.structs import replace

from mock_server.core.credits import ZERO
from mock_server.core.jobs.job import Order
from mock_server.core.jobs.plans import Pass, Work
from mock_server.tams import prices
from mock_server.tams.catalogue import SDXL, Catalogue
from mock_server.tams.requests import (
    INPAINT_FILLS,
    INPAINT_RESIZE_MODES,
    AdetailerArgBody,
    DiffusionBody,
    ImageToAdetailerBody,
    ImageToInpaintBody,
    ImageToUpscalerBody,
    InputInitializeBody,
    PromptBody,
    StageBody,
    VideoDiffusionBody,
)
from mock_server.tams.scalars import FreeMap
from mock_server.tams.settings import TamsSettings
from mock_server.tams.validation import MAX_STEPS, StageValidator, refused
from mock_server.tams.video_stage import VIDEO_STEPS, parse_video
from mock_server.tams.wire import TamsBody, json_name

# Limits of the mock: no known client sends more, and stored plans must stay small.
MAX_PASSES = 100
MAX_INPUTS = 100

# The default length of an animation is that of the training data of its motion module.
ANIMATION_FRAMES = 16
REPAIR_STEPS = 20

_MAX_PASS_NAME_LENGTH = 60


class ParsedOrder(Struct, frozen=True):
    """The order and its work; `warnings` are sentences about accepted problems."""

    order: Order
    work: Work
    warnings: tuple[str, ...] = ()


def parse_order(
    stages: Sequence[StageBody], settings: TamsSettings, catalogue: Catalogue
) -> ParsedOrder:
    """Return the order and the work of a chain of stages.

    Raises Invalid, always about `stages`, for a chain that breaks a rule, and Forbidden for a
    locked model without an access key.
    """
    if not stages:
        raise refused("stages: required")
    start = _member(stages[0])
    if not isinstance(start, InputInitializeBody):
        raise refused(f"stages: must begin with INPUT_INITIALIZE, found {stages[0].type}")
    if len(stages) == 1:
        raise refused("stages: must have a stage after INPUT_INITIALIZE, found none")
    chain = _Chain(
        start, [_member(stage) for stage in stages[1:]], StageValidator(settings, catalogue)
    )
    return chain.parse_order()


Member = TamsBody | FreeMap


def _member(stage: StageBody) -> Member:
    """Return the member that is named after the stage's type."""
    if stage.type == "DEFAULT":
        raise refused("type: required")
    name = stage.type.lower()
    member: Member | None = getattr(stage, name)
    if member is None:
        raise refused(f"{json_name(name)}: required by a stage of type {stage.type}")
    return member


class _Chain:
    """Parses the stages one after the other and tracks the size of the picture."""

    def __init__(
        self, start: InputInitializeBody, members: Sequence[Member], validator: StageValidator
    ) -> None:
        self.start = start
        self.members = members
        self.validator = validator
        self.passes: list[Pass] = []
        self.inputs: list[str] = [start.image_resource_id]
        self.efforts: list[Decimal] = []
        self.price = ZERO
        self.is_sampled = False  # by a DIFFUSION stage
        self.model, self.family = "", SDXL  # what samples last
        # What the first sampling stage sets; the other fields are known at the end.
        self.order: Order | None = None
        self.source = self.mask = ""
        self.width = self.height = self.steps = 0
        self.frames = 1
        self.fps = 0
        sampled = [each for each in members if isinstance(each, DiffusionBody)]
        self.main = sampled[0] if sampled else None
        self.has_own_settings = self.main is None and any(
            isinstance(each, ImageToUpscalerBody | ImageToAdetailerBody | ImageToInpaintBody)
            for each in members
        )
        self.count = validator.count(start.count, sampled=not self.has_own_settings)

    def parse_order(self) -> ParsedOrder:
        start, validator = self.start, self.validator
        if self.has_own_settings and not start.image_resource_id:
            raise refused("imageResourceId: required without a DIFFUSION stage")
        if self.main is not None:
            self._sample_with(self.main)
        for member in self.members:
            self._add(member)
        inputs = tuple(dict.fromkeys(filter(None, self.inputs)))
        if len(inputs) > MAX_INPUTS:
            raise refused(f"stages: must name at most {MAX_INPUTS} resources, found {len(inputs)}")
        return ParsedOrder(
            replace(
                self.order or Order(""),
                seed=validator.seed(start.seed),
                width=self.width,
                height=self.height,
                count=self.count,
                source=start.image_resource_id or self.source,
                mask=self.mask,
                frames=self.frames,
                fps=self.fps,
            ),
            Work(
                tuple(self.passes),
                prices.total(self.price, validator.settings.fixed_price),
                self.count,
                max(self.efforts or (SDXL.effort,)),
                inputs,
                validator.settings.pending_seconds,
            ),
            tuple(validator.warnings),
        )

    def _rate(self) -> prices.Rate:
        return prices.rate_of(self.model, self.family, self.validator.settings, self.count)

    def _add(self, member: Member) -> None:
        match member:
            case DiffusionBody():
                if member is not self.main:
                    self._sample_with(member)
                self._add_pass("diffusion")
                self.is_sampled = True
                self.price += self._rate().diffusion(self.steps)
            case ImageToUpscalerBody():
                self._upscale(member)
            case ImageToAdetailerBody():
                self._use_settings(member.diffusion)
                for arg in member.args or (AdetailerArgBody(),):
                    self._repair(arg)
            case ImageToInpaintBody():
                self._inpaint(member)
            case VideoDiffusionBody():
                self._video(member)
            case InputInitializeBody():
                raise refused("stages: must have INPUT_INITIALIZE once, found it again")
            case _:  # IMAGE_TO_ANIMATE_DIFF; its members are unknown (U62)
                self.width, self.height = self.width or 512, self.height or 512
                self.steps = self.steps or self.validator.steps(0)
                self._set_frames("videoLength", ANIMATION_FRAMES, 0)
                self._add_pass("animation")
                self.price += self._rate().diffusion(self.steps)

    def _use_settings(self, own: DiffusionBody | None) -> None:
        """Sample with the stage's own settings, unless a DIFFUSION stage overrides them."""
        if self.main is None:
            if own is None:
                raise refused("diffusion: required without a DIFFUSION stage")
            self._sample_with(own, keep_size=self.width > 0)

    def _sample_with(self, diffusion: DiffusionBody, *, keep_size: bool = False) -> None:
        validator = self.validator
        family = validator.catalogue.family_of(diffusion.sd_model)
        size = validator.picture_size(diffusion.width, diffusion.height, family)
        if not keep_size:
            self.width, self.height = size
        self.steps = validator.steps(diffusion.steps)
        self.efforts.append(family.effort)
        self.model, self.family = diffusion.sd_model, family
        cfg_scale = validator.cfg_scale(diffusion.cfg_scale)
        sampler = validator.sampler(diffusion.sampler)
        validator.check_diffusion(diffusion)
        for control in diffusion.controlnet.args if diffusion.controlnet else ():
            self.inputs.append(control.input_image_resource_id)
            self.inputs.append(control.mask_resource_id or control.mask)
        if diffusion.animate_diff and diffusion.animate_diff.args:
            animation = diffusion.animate_diff.args[0]
            self._set_frames(
                "videoLength", animation.video_length or ANIMATION_FRAMES, animation.fps
            )
        if self.order is None:
            strength = diffusion.denoising_strength
            self.order = Order(
                _joined(diffusion.prompts),
                _joined(diffusion.negative_prompts),
                steps=self.steps,
                cfg_scale=cfg_scale,
                sampler=sampler,
                model=diffusion.sd_model,
                denoising_strength=0.75 if strength is None else strength,
            )

    def _upscale(self, upscaler: ImageToUpscalerBody) -> None:
        validator = self.validator
        self._use_settings(upscaler.diffusion)
        steps, strength = validator.upscaling(upscaler, is_sampled=self.is_sampled)
        if scale := upscaler.hr_scale:
            size = int(self.width * scale), int(self.height * scale)
        elif upscaler.hr_resize_x and upscaler.hr_resize_y:
            size = upscaler.hr_resize_x, upscaler.hr_resize_y
        else:
            raise refused("hrScale: required, or both hrResizeX and hrResizeY")
        self.width, self.height = validator.resized(*size, asked_in_pixels=not scale)
        steps = steps or self.steps
        self._add_pass(f"upscaler {upscaler.hr_upscaler}", steps=steps)
        self.price += self._rate().upscaler(steps, self.width, self.height)
        if self.main is None and self.order is not None and len(self.passes) == 1:
            self.order = replace(self.order, denoising_strength=strength)

    def _repair(self, arg: AdetailerArgBody) -> None:
        validator = self.validator
        validator.check_repair(arg)
        own_steps = validator.within("adSteps", arg.ad_steps or REPAIR_STEPS, 1, MAX_STEPS)
        width, height = arg.ad_inpaint_width, arg.ad_inpaint_height
        validator.any_size(width, height)
        # The AUTOMATIC1111 extension uses adSteps if adUseSteps is set; the billing page says the
        # opposite.
        ran, billed = (own_steps, self.steps) if arg.ad_use_steps else (self.steps, own_steps)
        self._add_pass(f"adetailer {arg.ad_model}", steps=ran, size=(width, height))
        self.price += self._rate().repaint(billed, self.width, self.height)

    def _inpaint(self, inpaint: ImageToInpaintBody) -> None:
        self._use_settings(inpaint.diffusion)
        self.validator.value("resizeMode", inpaint.resize_mode, INPAINT_RESIZE_MODES)
        self.validator.value("inpaintingFill", inpaint.inpainting_fill, INPAINT_FILLS)
        self.mask = self.mask or inpaint.mask_image_resource_id
        self.inputs.append(inpaint.mask_image_resource_id)
        self._add_pass("inpaint")
        self.price += self._rate().repaint(self.steps, self.width, self.height)

    def _video(self, video: VideoDiffusionBody) -> None:
        parsed = parse_video(
            video, self.validator, self.start.image_resource_id, (self.width, self.height)
        )
        self.width, self.height, self.steps = parsed.width, parsed.height, VIDEO_STEPS
        self.frames, self.fps = parsed.frames, parsed.fps
        self.source = parsed.source
        self.inputs += parsed.inputs
        self.efforts.append(parsed.effort)
        if self.order is None:
            self.order = Order(
                _joined(video.prompts),
                _joined(video.negative_prompts),
                steps=VIDEO_STEPS,
                model=video.sd_model,
            )
        self._add_pass("video")
        self.price += parsed.price

    def _set_frames(self, member: str, frames: int, fps: int) -> None:
        self.frames, self.fps = self.validator.frames(member, frames), self.validator.fps(fps)

    def _add_pass(
        self, name: str, *, steps: int | None = None, size: tuple[int, int] | None = None
    ) -> None:
        if len(self.passes) == MAX_PASSES:
            raise refused(f"stages: must sample at most {MAX_PASSES} times, found more")
        width, height = size or (self.width, self.height)
        steps = self.steps if steps is None else steps
        self.passes.append(Pass(name[:_MAX_PASS_NAME_LENGTH], width, height, steps, self.frames))


def _joined(prompts: Sequence[PromptBody]) -> str:
    """Return prompts as one text, with weights in the notation of the web UI."""
    return ", ".join(
        [
            prompt.text if prompt.weight in (0.0, 1.0) else f"({prompt.text}:{prompt.weight:g})"
            for prompt in prompts
            if prompt.text
        ]
    )
