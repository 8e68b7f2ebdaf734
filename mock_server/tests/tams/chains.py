"""Builders for chains of stages, and functions that parse them."""

import json
from typing import Any

import pytest

from mock_server.core.errors import Invalid
from mock_server.tams.catalogue import Catalogue
from mock_server.tams.requests import CreateJob
from mock_server.tams.settings import TamsSettings
from mock_server.tams.stages import ParsedOrder, parse_order
from mock_server.tams.wire import parse

SD15, SDXL, FLUX = "600423083519508503", "834401335727231078", "757279507095956705"
LORA, CONTROLNET = "643763684419793644", "619225630271212879"
IMAGE, MASK = "00000000-0000-4000-8000-000000000902", "00000000-0000-4000-8000-000000000903"

# The settings of a valid chain, so that a test names only what it is about.
PLAIN = {
    "width": 768,
    "height": 768,
    "prompts": [{"text": "a cat"}],
    "sdModel": SDXL,
    "sdVae": "Automatic",
    "sampler": "Euler a",
    "steps": 8,
}


def start(**members: Any) -> dict[str, Any]:
    return {"type": "INPUT_INITIALIZE", "inputInitialize": members}


def diffusion(**members: Any) -> dict[str, Any]:
    return {"type": "DIFFUSION", "diffusion": {**PLAIN, **members}}


def upscaler(**members: Any) -> dict[str, Any]:
    defaults = {"hrUpscaler": "4x-UltraSharp", "hrSecondPassSteps": 10, "denoisingStrength": 0.3}
    return {"type": "IMAGE_TO_UPSCALER", "imageToUpscaler": {**defaults, **members}}


def repair(*args: dict[str, Any], **members: Any) -> dict[str, Any]:
    return {"type": "IMAGE_TO_ADETAILER", "imageToAdetailer": {"args": list(args), **members}}


def inpaint(**members: Any) -> dict[str, Any]:
    return {"type": "IMAGE_TO_INPAINT", "imageToInpaint": members}


def video(**members: Any) -> dict[str, Any]:
    return {"type": "VIDEO_DIFFUSION", "videoDiffusion": members}


def ask(*stages: dict[str, Any], **settings: Any) -> ParsedOrder:
    body = parse(CreateJob, json.dumps({"stages": stages}).encode())
    return parse_order(body.stages, TamsSettings(**settings), Catalogue())


def refusal(*stages: dict[str, Any], **settings: Any) -> str:
    with pytest.raises(Invalid) as caught:
        ask(*stages, **settings)
    assert caught.value.field == "stages"
    return caught.value.problem
