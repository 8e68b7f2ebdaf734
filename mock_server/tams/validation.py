"""Validates the members of stages by their documented rules; settings choose how strictly.

An accepted violation becomes a warning with the member, the found and the expected value. Every
error is about the field `stages`, and its sentence names the member: in the vendor's answers, the
field of a detail is a member of the request.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Literal

from mock_server.core.errors import Forbidden, Invalid
from mock_server.core.jobs.service import RANDOM_SEED
from mock_server.tams.catalogue import Catalogue, Family, listed
from mock_server.tams.requests import (
    CONTROL_MODES,
    CONTROLNET_RESIZE_MODES,
    AdetailerArgBody,
    ControlnetArgBody,
    DiffusionBody,
    ImageToUpscalerBody,
    LoraBody,
    PromptBody,
)
from mock_server.tams.settings import TamsSettings

MAX_PROMPTS = 150
MAX_COUNT = 4
MAX_SEED = 4_294_967_295
MIN_SIDE = 512
SIDE_STEP = 64
DEFAULT_SIDE = 512
DEFAULT_STEPS = 20
DEFAULT_SAMPLER = "Euler a"
MIN_RESIZED_SIDE = 128
MIN_RESIZED_AREA, MAX_RESIZED_AREA = 262_144, 8_294_400  # the newer documented maximum

# Limits of the mock that no setting changes: beyond them prices and plans make no sense.
MAX_SIDE = 16_384
MAX_STEPS = 1_000
MAX_FRAMES = 10_000
MAX_FPS = 120
MAX_PROMPT_LENGTH = 20_000
MAX_NAME_LENGTH = 2_000
VIDEO_FPS = 8

_STEPS = {"1..60": (1, 60), "10..50": (10, 50), "off": (1, MAX_STEPS)}
_CFG_SCALE = {"0..35": (0, 35), "0..30": (0, 30)}

_MAX_SHOWN = 60


def refused(sentence: str) -> Invalid:
    """Return the error for a chain of stages."""
    return Invalid("stages", sentence)


def shown(value: object) -> str:
    """Return a value for a message, shortened if it is long."""
    if isinstance(value, str):
        value = value[: _MAX_SHOWN + 1]
    if isinstance(value, list):
        value = value[:_MAX_SHOWN]
    try:
        text = repr(value)
    except (ValueError, RecursionError):  # an integer of thousands of digits, or deep nesting
        return "what is too long to show"
    return text if len(text) <= _MAX_SHOWN + 2 else f"{text[:_MAX_SHOWN]}…"


class StageValidator:
    """Validates one request; `warnings` are sentences about accepted problems."""

    def __init__(self, settings: TamsSettings, catalogue: Catalogue) -> None:
        self.settings = settings
        self.catalogue = catalogue
        self.warnings: list[str] = []

    def seed(self, seed: int) -> int:
        """Return the seed; RANDOM_SEED for 0 or none [doc], and for -1, which the demos send."""
        if 0 < seed <= MAX_SEED:
            return seed
        if seed > MAX_SEED:
            self._judge(self.settings.seed_above_maximum, "seed", str(seed), f"at most {MAX_SEED}")
        elif seed < -1:
            self._judge("accept", "seed", str(seed), "-1, or a seed that is not negative")
        return RANDOM_SEED

    def count(self, count: int, *, sampled: bool) -> int:
        """Return the number of pictures; without a DIFFUSION stage it is 1."""
        maximum = MAX_COUNT if sampled else 1
        if count == 0:
            return 1
        if 1 <= count <= maximum:
            return count
        # The word invalid_samples of the 400 answer is documented; the rest is made up.
        expected = f"between 1 and {maximum}" if sampled else "1 without a DIFFUSION stage"
        if self.settings.bad_count == "refuse" or 1 <= count <= MAX_COUNT:
            raise refused(f"count: must be {expected} (invalid_samples)")
        self._warn("count", str(count), expected)
        return min(max(1, count), maximum)

    def prompts(self, member: str, prompts: Sequence[PromptBody]) -> None:
        if len(prompts) > MAX_PROMPTS:
            raise refused(f"{member}: must be at most {MAX_PROMPTS}, found {len(prompts)}")
        length = sum([len(prompt.text) for prompt in prompts])
        if length > MAX_PROMPT_LENGTH:
            raise refused(
                f"{member}: must have at most {MAX_PROMPT_LENGTH} characters, found {length}"
            )

    def picture_size(self, width: int, height: int, family: Family) -> tuple[int, int]:
        """Return the size of sampling in pixels; 0 means unset."""
        width, height = width or DEFAULT_SIDE, height or DEFAULT_SIDE
        self.any_size(width, height)
        if width % SIDE_STEP or height % SIDE_STEP:
            self._judge_size(width, height, f"multiples of {SIDE_STEP}")
        if min(width, height) < MIN_SIDE or max(width, height) > family.max_side:
            self._judge_size(width, height, f"between {MIN_SIDE} and {family.max_side}")
        self._area(width, height, family.min_area, family.max_area)
        return width, height

    def resized(self, width: int, height: int, *, asked_in_pixels: bool) -> tuple[int, int]:
        """Return the size in pixels after upscaling."""
        self.any_size(width, height)
        if asked_in_pixels:
            if width % SIDE_STEP or height % SIDE_STEP:
                self._judge_size(width, height, f"multiples of {SIDE_STEP}")
            if min(width, height) < MIN_RESIZED_SIDE:
                self._judge_size(width, height, f"at least {MIN_RESIZED_SIDE}")
        self._area(width, height, MIN_RESIZED_AREA, MAX_RESIZED_AREA)
        return width, height

    def any_size(self, width: int, height: int) -> None:
        """Refuse a size that is not positive or above the limit of the mock."""
        if not (1 <= width <= MAX_SIDE and 1 <= height <= MAX_SIDE):
            raise refused(
                f"invalid_height_or_width: width and height must be between 1 and {MAX_SIDE}"
            )

    def steps(self, steps: int) -> int:
        """Return the steps of sampling; 0 means unset."""
        minimum, maximum = _STEPS[self.settings.steps_range]
        return self.within("steps", steps or DEFAULT_STEPS, minimum, maximum)

    def within(self, member: str, found: int, minimum: int, maximum: int) -> int:
        """Return the number, or refuse it if it is outside the range."""
        if not minimum <= found <= maximum:
            raise refused(f"{member}: must be between {minimum} and {maximum}, found {found}")
        return found

    def frames(self, member: str, frames: int) -> int:
        return self.within(member, frames, 1, MAX_FRAMES)

    def fps(self, fps: int) -> int:
        """Return the frames per second; 0 means unset."""
        return self.within("fps", fps or VIDEO_FPS, 1, MAX_FPS)

    def cfg_scale(self, found: float) -> float:
        if self.settings.cfg_scale_range != "off":
            minimum, maximum = _CFG_SCALE[self.settings.cfg_scale_range]
            if not minimum <= found <= maximum:
                raise refused(f"cfgScale: must be between {minimum} and {maximum}, found {found:g}")
        return found

    def sampler(self, sampler: str) -> str:
        """Return the sampler, or the default if none is named."""
        if not sampler:
            self._absent("sampler", f"a name; {DEFAULT_SAMPLER} is taken")
            return DEFAULT_SAMPLER
        self.value("sampler", sampler, listed("samplers"))
        return sampler

    def vae(self, vae: str) -> None:
        # The official QR-code example sends an empty string, which means none.
        if not vae:
            self._absent("sdVae", "a name; Automatic is taken")
        else:
            self.value("sdVae", vae, listed("vaes"))

    def value(self, member: str, found: str, values: Collection[str]) -> None:
        """Check a value against a list; the real service may know more values (U20)."""
        if len(found) > MAX_NAME_LENGTH:
            raise refused(f"{member}: must have at most {MAX_NAME_LENGTH} characters")
        if found not in values:
            expected = f"one of the {len(values)} known values"
            self._judge(self.settings.unlisted_value, member, shown(found), expected)

    def model(
        self,
        member: str,
        model_id: str,
        access_key: str = "",
        *,
        wanted: Literal["CHECKPOINT", "LORA", "CONTROLNET"] = "CHECKPOINT",
    ) -> None:
        """Check a model; raises Forbidden for a locked model without an access key."""
        if len(model_id) > MAX_NAME_LENGTH:
            raise refused(f"{member}: must have at most {MAX_NAME_LENGTH} characters")
        if model_id in self.settings.locked_models and not access_key:
            raise Forbidden(f"{member}: model {model_id} needs an access key")
        expected = f"a model of type {wanted} that the mock knows"
        if model_id in self.settings.removed_models:
            self._judge("refuse", member, f"{shown(model_id)}, which was taken down", expected)
        found = self.catalogue.type_of(model_id)
        if found != wanted:
            kind = "an unknown model" if found is None else f"a {found}"
            self._judge(self.settings.unknown_model, member, f"{shown(model_id)}, {kind}", expected)

    def check_diffusion(self, diffusion: DiffusionBody) -> None:
        """Check what changes only the look of a picture: not its size, not its price."""
        self.vae(diffusion.sd_vae)
        if diffusion.schedule_name:
            self.value("scheduleName", diffusion.schedule_name, listed("schedulers"))
        if diffusion.sd_model:
            self.model("sdModel", diffusion.sd_model, diffusion.model_access_key)
        self.loras(diffusion.lora)
        if not diffusion.prompts:  # documented as required; unknown if it is checked
            self._warn("prompts", "none", "at least one")
        self.prompts("prompts", diffusion.prompts)
        self.prompts("negativePrompts", diffusion.negative_prompts)
        for control in diffusion.controlnet.args if diffusion.controlnet else ():
            self.control_net(control)

    def upscaling(self, upscaler: ImageToUpscalerBody, *, is_sampled: bool) -> tuple[int, float]:
        """Return steps and denoising strength; `is_sampled` says if a DIFFUSION stage came before.

        0 steps mean as many as in the first pass, as in the AUTOMATIC1111 web UI.
        """
        name = upscaler.hr_upscaler
        steps, strength = upscaler.hr_second_pass_steps, upscaler.denoising_strength
        if not name:
            raise refused("hrUpscaler: required")
        if steps is None:
            raise refused("hrSecondPassSteps: required")
        if strength is None:
            raise refused("denoisingStrength: required")
        self.value("hrUpscaler", name, listed("upscalers"))
        if not is_sampled and name.startswith("Latent"):
            raise refused("hrUpscaler: a latent upscaler is allowed only after a DIFFUSION stage")
        return self.within("hrSecondPassSteps", steps, 0, MAX_STEPS), strength

    def check_repair(self, arg: AdetailerArgBody) -> None:
        """Check what changes only the look of a repair."""
        self.value("adModel", arg.ad_model, listed("adetailer_models"))
        inverts = listed("adetailer_mask_merge_inverts")
        self.value("adMaskMergeInvert", arg.ad_mask_merge_invert, inverts)
        self.prompts("adPrompt", arg.ad_prompt)
        self.prompts("adNegativePrompt", arg.ad_negative_prompt)
        if arg.ad_use_checkpoint and arg.ad_checkpoint:
            self.model("adCheckpoint", arg.ad_checkpoint)
        self.loras(arg.lora)

    def loras(self, lora: LoraBody | None) -> None:
        for item in lora.items if lora else ():
            self.model("loraModel", item.lora_model, item.lora_access_key, wanted="LORA")

    def control_net(self, control: ControlnetArgBody) -> None:
        """Check one control net; `model` is a listed name, or the id of a model."""
        if not control.preprocessor:
            raise refused("preprocessor: required")
        if not control.model:
            raise refused("model: required")
        self.value("preprocessor", control.preprocessor, listed("controlnet_preprocessors"))
        if control.model.isdecimal():
            self.model("model", control.model, wanted="CONTROLNET")
        else:
            self.value("model", control.model, listed("controlnet_models"))
        self.value("resizeMode", control.resize_mode, CONTROLNET_RESIZE_MODES)
        self.value("controlMode", control.control_mode, CONTROL_MODES)

    def _area(self, width: int, height: int, minimum: int, maximum: int) -> None:
        if not minimum <= width * height <= maximum:
            self._judge_size(width, height, f"between {minimum} and {maximum} when multiplied")

    def _judge_size(self, width: int, height: int, expected: str) -> None:
        # The word is documented; its place in the answer and the rest are made up.
        if self.settings.bad_size == "refuse":
            raise refused(f"invalid_height_or_width: width and height must be {expected}")
        self._warn("width and height", f"{width} and {height}", expected)

    def _absent(self, member: str, expected: str) -> None:
        if self.settings.missing_sampler_or_vae == "refuse":
            raise refused(f"{member}: required")
        self._warn(member, "nothing", expected)

    def _judge(self, choice: str, member: str, found: str, expected: str) -> None:
        if choice == "refuse":
            raise refused(f"{member}: must be {expected}, found {found}")
        self._warn(member, found, expected)

    def _warn(self, member: str, found: str, expected: str) -> None:
        self.warnings.append(f"{member}: found {found}, expected {expected}")
