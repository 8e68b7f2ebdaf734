"""Orders for the Workshop, as cheap as possible.

No size, number of steps or model is documented as required or as the minimum (`Workshop › 7`).
"""

from __future__ import annotations

import base64
from typing import Any

from contract_tests.tams.pictures import a_picture

WIDTH, HEIGHT = 640, 576  # different sides that are no usual default
WORKFLOW, VERSION = "artistic_characters", "v4"  # `Workshop › 8.1`: a documented preset

INLINE = f"data:image/png;base64,{base64.b64encode(a_picture(64)).decode()}"

A_VERSION = {"modelVersionId": "contract-1-v1", "name": "v1", "baseModel": "v1.5"}
A_MODEL = {  # `Workshop › 10`: what is required; `civitia` is the documented spelling
    "modelId": "contract-1",
    "name": "contract",
    "modelType": "lora",
    "sourceType": "civitia",
    "versions": [A_VERSION],
}


def a_drawing(**members: Any) -> dict[str, Any]:
    """Return the body of a small text-to-image task; keywords change it."""
    return {
        "prompt": "a paper boat on a lake",
        "negtive_prompt": "blurry",
        "batch_size": 1,
        "steps": 10,
        "cfg_scale": 7.0,
        "width": WIDTH,
        "height": HEIGHT,
        "sampler_name": "Euler a",
        "seed": 12345,
        **members,
    }


def a_redrawing(image: str, **members: Any) -> dict[str, Any]:
    """Return the body of a small image-to-image task over a URL or a data URI."""
    return a_drawing(init_images=[image], denoising_strength=0.6, **members)


def some_inputs(**members: Any) -> dict[str, Any]:
    """Return inputs of the preset workflow; keywords change them."""
    return {
        "prompt": "a red teapot on white",
        "negative": "blurry",
        "seed": 7,
        "steps": 10,
        "cfg": 1.5,
        "denoise": 1,
        "width": WIDTH,
        "height": HEIGHT,
        **members,
    }


def a_prompt(**members: Any) -> dict[str, Any]:
    """Return the body of a task of the preset workflow; keywords change it."""
    return {
        "workflow_id": WORKFLOW, "version_id": VERSION, "inputs": some_inputs(), **members
    }  # fmt: skip


UNITS = [  # `Workshop › 7`: inside and at both ends of each range
    {
        "module": "canny", "model": "control_v11p_sd15_canny", "input_image": INLINE,
        "guidance_start": start, "guidance_end": end, "weight": weight,
    }
    for start, end, weight in ((0, 1, 1.0), (0.25, 0.75, 0), (1, 1, 2))
]  # fmt: skip
SEVERAL = ("sd_txt2img", a_drawing(batch_size=3))
REDRAWN = ("sd_img2img", a_redrawing(INLINE, batch_size=2))
CONTROLLED = ("sd_txt2img", a_drawing(alwayson_scripts={"controlnet": {"units": UNITS}}))
PROMPT = ("comfy_prompt", a_prompt())
PROMPT_OVER = (
    "comfy_prompt", a_prompt(inputs=some_inputs(control_image=INLINE, canny_strength=0.5))
)  # fmt: skip
TASKS = {  # each way in which a task is made; they run once for all tests
    "several drawings": SEVERAL, "drawn over another": REDRAWN, "with control nets": CONTROLLED,
    "workflow": PROMPT, "workflow over a picture": PROMPT_OVER,
}  # fmt: skip
