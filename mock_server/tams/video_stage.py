"""Parses a stage of type VIDEO_DIFFUSION (TAMS › 6)."""

from __future__ import annotations

from decimal import Decimal

from msgspec import Struct

from mock_server.tams import prices
from mock_server.tams.catalogue import listed
from mock_server.tams.requests import GENERATION_MODES, VideoDiffusionBody
from mock_server.tams.validation import StageValidator

VIDEO_FRAMES = 40
VIDEO_STEPS = 12
VIDEO_EFFORT = Decimal("0.845")

_FAST = "FAST"
# The printed example has DEFAULT, and the price list speaks of a FAST mode (TAMS › 6 and 10).
_MODES = (*GENERATION_MODES, "DEFAULT", _FAST)


class ParsedVideo(Struct, frozen=True):
    """What a video needs and costs; the size is in pixels, and `source` is its first picture."""

    width: int
    height: int
    frames: int
    fps: int
    source: str
    inputs: tuple[str, ...]
    effort: Decimal
    price: Decimal


def parse_video(
    video: VideoDiffusionBody, validator: StageValidator, start_image: str, size: tuple[int, int]
) -> ParsedVideo:
    """Return the video; `start_image` and `size` are those of the stages before, if any."""
    mode, model = video.generation_mode, video.sd_model
    validator.value("generationMode", mode, _MODES)
    if model and not prices.is_video_model(model):
        validator.model("sdModel", model, video.model_access_key)
    validator.loras(video.lora)
    validator.prompts("prompts", video.prompts)
    validator.prompts("negativePrompts", video.negative_prompts)
    controls = video.controlnet.args if video.controlnet else ()
    for control in controls:
        if control.preprocessor:
            known = listed("controlnet_preprocessors")
            validator.value("preprocessor", control.preprocessor, known)
    # The size rules of pictures do not apply: 544 is not a multiple of 64.
    width = video.width or size[0] or 512
    height = video.height or size[1] or 512
    validator.any_size(width, height)
    frames = validator.frames("totalFrames", video.total_frames or VIDEO_FRAMES)
    images = [
        image
        for arg in (video.inp.args if video.inp else ())
        for image in (arg.start_image_resource_id, arg.end_image_resource_id)
        if image
    ]
    source = next(iter(images), start_image)
    is_from_image = mode == "IMAGE_TO_VIDEO" or (mode != "TEXT_TO_VIDEO" and bool(source))
    return ParsedVideo(
        width,
        height,
        frames,
        validator.fps(video.fps),
        source,
        (*images, *(control.input_video_resource_id for control in controls)),
        validator.catalogue.family_of(model).effort * VIDEO_EFFORT,
        prices.video(
            model, frames, fast=mode == _FAST, from_image=is_from_image, area=width * height
        ),
    )
