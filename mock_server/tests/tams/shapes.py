"""The request bodies by their names in the vendor's description."""

from typing import Any

import pytest

from mock_server.core.errors import Malformed
from mock_server.tams import requests
from mock_server.tams.requests import CreateJob, CreateResourceImage, PriceJob
from mock_server.tams.wire import TamsBody, parse

SHAPES: dict[str, type[TamsBody]] = {
    "CreateJobRequest": CreateJob,
    "JobCreditsRequest": PriceJob,
    "CreateResourceImageRequest": CreateResourceImage,
    **{
        name: getattr(requests, f"{name}Body")
        for name in (
            "Stage", "InputInitialize", "Prompt", "Diffusion", "Lora", "LoraItem", "Controlnet",
            "ControlnetArg", "AnimateDiff", "ImageToUpscaler", "ImageToAdetailer", "AdetailerArg",
            "ImageToInpaint", "VideoDiffusion",
        )
    },
}  # fmt: skip


def problem(kind: type[TamsBody], raw: bytes | str, **options: Any) -> str:
    with pytest.raises(Malformed) as caught:
        parse(kind, raw.encode() if isinstance(raw, str) else raw, **options)
    return caught.value.problem
