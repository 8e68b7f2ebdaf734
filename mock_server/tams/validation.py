"""Holding the members of stages against their documented rules, as strictly as the choices say.

What a choice lets through is remembered as a warning that names member, found and expected. Every
refusal is about `stages` and has the whole sentence as its problem: in the vendor's answers the
detail's field is that of the request, and its message names the member.
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
    ControlnetArgBody,
    DiffusionBody,
    LoraBody,
    PromptBody,
)
from mock_server.tams.settings import Leniency, TamsSettings

MAX_PROMPTS = 150
MAX_COUNT = 4
MAX_SEED = 4_294_967_295
SIDE_LEAST = 512
SIDE_STEP = 64
SIDE_UNSET = 512
STEPS_UNSET = 20
SAMPLER_UNSET = "Euler a"
RESIZE_LEAST = 128
RESIZED_AREA = (262_144, 8_294_400)  # the newer of the two documented ends

# The mock's own ends, whatever the choices are: beyond them prices and plans mean nothing.
MAX_SIDE = 16_384
MAX_STEPS = 1_000
MAX_FRAMES = 10_000

_STEPS = {"1..60": (1, 60), "10..50": (10, 50), "off": (1, MAX_STEPS)}
_CFG_SCALE = {"0..35": (0, 35), "0..30": (0, 30)}

_MAX_SHOWN = 60


def refused(sentence: str) -> Invalid:
    """Return the refusal of a chain of stages."""
    return Invalid("stages", sentence)


def shown(value: object) -> str:
    """Return a value for a message, cut short where it is long."""
    text = repr(value[: _MAX_SHOWN + 1]) if isinstance(value, str) else repr(value)
    return text if len(text) <= _MAX_SHOWN + 2 else f"{text[:_MAX_SHOWN]}…"


class StageValidator:
    """One look at one request; `warnings` are sentences about what was let through."""

    def __init__(self, settings: TamsSettings, catalogue: Catalogue) -> None:
        self.settings = settings
        self.catalogue = catalogue
        self.warnings: list[str] = []

    def seed(self, seed: int) -> int:
        """Return the seed, or RANDOM_SEED for 0 and absent [doc], and -1, which the demos send."""
        if 0 < seed <= MAX_SEED:
            return seed
        if seed > MAX_SEED:
            leniency: Leniency = (
                "refuse" if self.settings.seed_above_maximum == "refuse" else "accept"
            )
            self._judge(leniency, "seed", str(seed), f"at most {MAX_SEED}")
        elif seed < -1:
            self._judge("accept", "seed", str(seed), "-1, or a seed that is not negative")
        return RANDOM_SEED

    def count(self, count: int, *, sampled: bool) -> int:
        """Return how many pictures; where no DIFFUSION samples them there can be but one."""
        most = MAX_COUNT if sampled else 1
        if count == 0:
            return 1
        if 1 <= count <= most:
            return count
        # invalid_samples is the documented word of the 400 answer; the rest is made up.
        expected = f"between 1 and {most}" if sampled else "1 without a DIFFUSION stage"
        if self.settings.bad_count == "refuse":
            raise refused(f"count: must be {expected} (invalid_samples)")
        self._warn("count", str(count), expected)
        return min(max(1, count), most)

    def prompts(self, member: str, prompts: Sequence[PromptBody]) -> None:
        if len(prompts) > MAX_PROMPTS:
            raise refused(f"{member}: must be at most {MAX_PROMPTS}, found {len(prompts)}")

    def picture_size(self, width: int, height: int, family: Family) -> tuple[int, int]:
        """Return the size in pixels that sampling has; 0 is unset."""
        width, height = width or SIDE_UNSET, height or SIDE_UNSET
        self.any_size(width, height)
        if width % SIDE_STEP or height % SIDE_STEP:
            self._judge_size(width, height, f"multiples of {SIDE_STEP}")
        most = family.most_side
        if not (SIDE_LEAST <= width <= most and SIDE_LEAST <= height <= most):
            self._judge_size(width, height, f"between {SIDE_LEAST} and {family.most_side}")
        self._area(width, height, family.least_area, family.most_area)
        return width, height

    def resized(self, width: int, height: int, *, asked_in_pixels: bool) -> tuple[int, int]:
        """Return the size in pixels after upscaling."""
        self.any_size(width, height)
        if asked_in_pixels:
            if width % SIDE_STEP or height % SIDE_STEP:
                self._judge_size(width, height, f"multiples of {SIDE_STEP}")
            if min(width, height) < RESIZE_LEAST:
                self._judge_size(width, height, f"at least {RESIZE_LEAST}")
        self._area(width, height, *RESIZED_AREA)
        return width, height

    def any_size(self, width: int, height: int) -> None:
        """Refuse what is no size at all, or beyond the mock's end."""
        if not (1 <= width <= MAX_SIDE and 1 <= height <= MAX_SIDE):
            raise refused(
                f"invalid_height_or_width: width and height must be between 1 and {MAX_SIDE}"
            )

    def steps(self, steps: int) -> int:
        """Return the steps of sampling; 0 is unset."""
        least, most = _STEPS[self.settings.steps_range]
        return self.within("steps", steps or STEPS_UNSET, least, most)

    def within(self, member: str, found: int, least: int, most: int) -> int:
        """Return the number, or refuse it where it is outside the range."""
        if not least <= found <= most:
            raise refused(f"{member}: must be between {least} and {most}, found {found}")
        return found

    def cfg_scale(self, found: float) -> float:
        if self.settings.cfg_scale_range != "off":
            least, most = _CFG_SCALE[self.settings.cfg_scale_range]
            if not least <= found <= most:
                raise refused(f"cfgScale: must be between {least} and {most}, found {found:g}")
        return found

    def sampler(self, sampler: str) -> str:
        """Return the sampler, or the one that is taken where none is named."""
        if not sampler:
            self._absent("sampler", f"a name; {SAMPLER_UNSET} is taken")
            return SAMPLER_UNSET
        self.value("sampler", sampler, listed("samplers"))
        return sampler

    def vae(self, vae: str) -> None:
        # The official QR-code example sends an empty string, which is the same as none.
        if not vae:
            self._absent("sdVae", "a name; Automatic is taken")
        else:
            self.value("sdVae", vae, listed("vaes"))

    def value(self, member: str, found: str, values: Collection[str]) -> None:
        """Look at a value that should be one of a list; every list is a lower bound (U20)."""
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
        """Look at a model that is named; Forbidden where it is locked and there is no key."""
        if model_id in self.settings.locked_models and not access_key:
            raise Forbidden(f"{member}: model {model_id} needs an access key")
        found = self.catalogue.type_of(model_id)
        if found != wanted:
            kind = "an unknown model" if found is None else f"a {found}"
            expected = f"a model of type {wanted} that the mock knows"
            self._judge(self.settings.unknown_model, member, f"{shown(model_id)}, {kind}", expected)

    def check_diffusion(self, diffusion: DiffusionBody) -> None:
        """Look at what decides how sampling looks, and neither its size nor its price."""
        self.vae(diffusion.sd_vae)
        if diffusion.schedule_name:
            self.value("scheduleName", diffusion.schedule_name, listed("schedulers"))
        if diffusion.sd_model:
            self.model("sdModel", diffusion.sd_model, diffusion.model_access_key)
        self.loras(diffusion.lora)
        if not diffusion.prompts:  # documented as required; whether it is looked at is not known
            self._warn("prompts", "none", "at least one")
        self.prompts("prompts", diffusion.prompts)
        self.prompts("negativePrompts", diffusion.negative_prompts)
        for control in diffusion.controlnet.args if diffusion.controlnet else ():
            self.control_net(control)

    def loras(self, lora: LoraBody | None) -> None:
        for item in lora.items if lora else ():
            self.model("loraModel", item.lora_model, item.lora_access_key, wanted="LORA")

    def control_net(self, control: ControlnetArgBody) -> None:
        """Look at one control net: `model` is a name of the list, or the id of a model."""
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

    def _area(self, width: int, height: int, least: int, most: int) -> None:
        if not least <= width * height <= most:
            self._judge_size(width, height, f"between {least} and {most} when multiplied")

    def _judge_size(self, width: int, height: int, expected: str) -> None:
        # The word is documented; where it stands in the answer and the rest are made up.
        if self.settings.bad_size == "refuse":
            raise refused(f"invalid_height_or_width: width and height must be {expected}")
        self._warn("width and height", f"{width} and {height}", expected)

    def _absent(self, member: str, expected: str) -> None:
        if self.settings.missing_sampler_or_vae == "refuse":
            raise refused(f"{member}: required")
        self._warn(member, "nothing", expected)

    def _judge(self, leniency: Leniency, member: str, found: str, expected: str) -> None:
        if leniency == "refuse":
            raise refused(f"{member}: must be {expected}, found {found}")
        self._warn(member, found, expected)

    def _warn(self, member: str, found: str, expected: str) -> None:
        self.warnings.append(f"{member}: found {found}, expected {expected}")
