"""Chains of stages other than text to image, each as cheap as possible (`TAMS › 6`)."""

from __future__ import annotations

from typing import Any

from contract_tests.tams.orders import SIDE, small_stages

LORA = "643763684419793644"
VIDEO_MODEL = "757279507095956705"
UPLOADED = "uploaded"  # stands for an uploaded picture in the order of a shared job
UNKNOWN_IMAGE = "00000000-0000-4000-8000-00000000dead"  # not the id of an uploaded image
TOO_LARGE = 2944  # pixels a side, in steps of 64; just beyond the area of 8,294,400


def a_start(resource: str | None = None, count: int = 1) -> dict[str, Any]:
    """Return the first stage, with a start image if one is given."""
    start: dict[str, Any] = {"seed": 7, "count": count}
    if resource is not None:
        start["imageResourceId"] = resource
    return {"type": "INPUT_INITIALIZE", "inputInitialize": start}


def a_diffusion(**members: Any) -> dict[str, Any]:
    """Return the members of a small diffusion."""
    diffusion: dict[str, Any] = small_stages(**members)[1]["diffusion"]
    return diffusion


def sampled(**members: Any) -> dict[str, Any]:
    """Return the stage DIFFUSION."""
    return {"type": "DIFFUSION", "diffusion": a_diffusion(**members)}


def upscaled(*, diffusion: bool, **members: Any) -> dict[str, Any]:
    """Return the stage IMAGE_TO_UPSCALER; twice the size by default."""
    size = {} if "hrResizeX" in members or "hrResizeY" in members else {"hrScale": 2}
    plain = {"hrUpscaler": "R-ESRGAN 4x+", "hrSecondPassSteps": 1, "denoisingStrength": 0.3}
    return _own("IMAGE_TO_UPSCALER", "imageToUpscaler", {**plain, **size, **members}, diffusion)


def repaired(*, diffusion: bool, **members: Any) -> dict[str, Any]:
    """Return the stage IMAGE_TO_ADETAILER."""
    plain = {"args": [{"adModel": "face_yolov8n.pt", "adConfidence": 0.3}]}
    return _own("IMAGE_TO_ADETAILER", "imageToAdetailer", {**plain, **members}, diffusion)


def inpainted(mask: str, *, diffusion: bool, **members: Any) -> dict[str, Any]:
    """Return the stage IMAGE_TO_INPAINT."""
    plain = {"maskImageResourceId": mask, "inpaintingFill": "ORIGINAL"}
    return _own("IMAGE_TO_INPAINT", "imageToInpaint", {**plain, **members}, diffusion)


def controlled(resource: str, **members: Any) -> dict[str, Any]:
    """Return the stage DIFFUSION with a control net over an image."""
    argument = {
        "inputImageResourceId": resource,
        "preprocessor": "lineart_realistic",
        "model": "control_v11p_sd15_lineart",
        "weight": 1,
        **members,
    }
    return sampled(controlnet={"args": [argument]})


def with_lora() -> dict[str, Any]:
    """Return the stage DIFFUSION with a LoRA."""
    return sampled(lora={"items": [{"loraModel": LORA, "weight": 0.8}]})


def a_film(**members: Any) -> dict[str, Any]:
    """Return the stage VIDEO_DIFFUSION: one second of a small video from text."""
    plain = {
        "sdModel": VIDEO_MODEL,
        "generationMode": "TEXT_TO_VIDEO",
        "width": SIDE,
        "height": SIDE,
        "fps": 8,
        "totalFrames": 8,
        "prompts": [{"text": "a red kite over green hills"}],
    }
    return {"type": "VIDEO_DIFFUSION", "videoDiffusion": {**plain, **members}}


def _own(type: str, member: str, content: dict[str, Any], diffusion: bool) -> dict[str, Any]:
    if diffusion:
        content = {**content, "diffusion": a_diffusion(denoisingStrength=0.5)}
    return {"type": type, member: content}
