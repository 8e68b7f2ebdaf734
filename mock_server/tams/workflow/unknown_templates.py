"""Templates with an unknown id, if they are accepted: each makes pictures from a prompt (U43).

The graph of the real template is not known, so any field is accepted, and its name decides what it
is for. A field that holds an upload makes the picture from that image.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from mock_server.tams.workflow.template_files import Template, TemplateField

_PROMPT = TemplateField("2", "Text")
_PROMPT_NAMES = frozenset({"text", "prompt", "positive", "value", "string"})
_UPLOAD = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")

Params = dict[str, Any]


def stand_in(template_id: str) -> Template:
    """Return the template for an unknown id, with the prompt as its field."""
    return Template(template_id, f"Template {template_id}", _params(), (_PROMPT,))


def stand_in_filled(values: Mapping[TemplateField, Any]) -> tuple[Params, list[TemplateField]]:
    """Return the graph with the values that were sent, and the fields without an effect."""
    params = _params()
    unused = []
    for field, value in values.items():
        if isinstance(value, str) and (_UPLOAD.fullmatch(value) or field.name == "image"):
            params |= _from_image(value)
            params["6"]["inputs"]["denoise"] = 0.6
        elif isinstance(value, str) and field.name.lower() in _PROMPT_NAMES:
            params["2"]["inputs"]["Text"] = value
        elif node := next((each for each in params.values() if field.name in each["inputs"]), None):
            node["inputs"][field.name] = value
        else:
            unused.append(field)
    return params, unused


def _params() -> Params:
    return {
        "1": _node("CheckpointLoaderSimple", ckpt_name="834401335727231078"),
        "2": _node("TensorArt_PromptText", Text="a lighthouse at dusk"),
        "3": _node("CLIPTextEncode", text=["2", 0], clip=["1", 1]),
        "4": _node("CLIPTextEncode", text="blurry, low quality", clip=["1", 1]),
        "5": _node("EmptyLatentImage", width=1024, height=1024, batch_size=1),
        "6": _node(
            "KSampler",
            seed=-1,
            steps=20,
            cfg=6.5,
            sampler_name="euler",
            scheduler="normal",
            denoise=1,
            model=["1", 0],
            positive=["3", 0],
            negative=["4", 0],
            latent_image=["5", 0],
        ),
        "7": _node("VAEDecode", samples=["6", 0], vae=["1", 2]),
        "8": _node("SaveImage", images=["7", 0], filename_prefix="template"),
    }


def _from_image(upload: str) -> Params:
    return {
        "5": _node("VAEEncode", pixels=["9", 0], vae=["1", 2]),
        "9": _node("LoadImage", image=upload),
    }


def _node(class_type: str, /, **inputs: Any) -> Params:
    return {"classType": class_type, "inputs": inputs}
