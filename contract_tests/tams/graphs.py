"""Graphs and filled-in templates for jobs of workflows (`TAMS › 5.5`, `TAMS › 5.9`)."""

from __future__ import annotations

from typing import Any

from contract_tests.tams.orders import MODEL, SIDE

TEMPLATE = "676018193025756628"  # the template of the documentation and the official demos
WIDTH = SIDE + 64  # of the picture of a graph, so that it is no square
IMAGE, TEXT = ("25", "image"), ("27", "text")


def a_graph(**sampler: Any) -> dict[str, Any]:
    """Return a graph that makes one small picture; keywords change its sampler's inputs.

    ComfyUI expects a file name where this graph has the id of a model.
    """
    return {
        "3": _node("KSampler", {
            "seed": 1234567, "steps": 10, "cfg": 7, "sampler_name": "dpmpp_2m_sde",
            "scheduler": "karras", "denoise": 1, "model": ["4", 0], "positive": ["6", 0],
            "negative": ["7", 0], "latent_image": ["5", 0], **sampler,
        }),
        "4": _node("CheckpointLoaderSimple", {"ckpt_name": MODEL}),
        "5": _node("EmptyLatentImage", {"width": WIDTH, "height": SIDE, "batch_size": 1}),
        "6": _node("CLIPTextEncode", {"text": "a lighthouse at dusk", "clip": ["4", 1]}),
        "7": _node("CLIPTextEncode", {"text": "blurry", "clip": ["4", 1]}),
        "8": _node("VAEDecode", {"samples": ["3", 0], "vae": ["4", 2]}),
        "9": _node("SaveImage", {"filename_prefix": "out", "images": ["8", 0]}),
    }  # fmt: skip


def a_graph_with_lora(lora: str) -> dict[str, Any]:
    """Return the graph with a LoRA, which is named by its id, too."""
    inputs = {"lora_name": lora, "strength_model": 0.8, "strength_clip": 0.8,
              "model": ["4", 0], "clip": ["4", 1]}  # fmt: skip
    graph = a_graph(model=["10", 0])
    for node in ("6", "7"):
        graph[node]["inputs"]["clip"] = ["10", 1]
    return {**graph, "10": _node("LoraLoader", inputs)}


def samplers(*steps: int) -> dict[str, Any]:
    """Return a graph with a sampler of these steps each; each goes on with the one before."""
    graph, last = a_graph(steps=steps[0]), "3"
    for place, more in enumerate(steps[1:]):
        inputs = {**graph["3"]["inputs"], "steps": more, "latent_image": [last, 0], "denoise": 0.5}
        last = str(13 + place)
        graph[last] = _node("KSampler", inputs)
    graph["8"]["inputs"]["samples"] = [last, 0]
    return graph


def a_vendor_graph(image: str | None) -> dict[str, Any]:
    """Return a graph of the vendor's node classes, as its ComfyUI plugin sends it.

    Input names keep their own spelling, and `widgets_values` is an additional member.
    """
    inputs = {"_height": SIDE, "_width": SIDE, "image": image, "upload": "image"}
    return {
        "1": {**_node("TensorArt_LoadImage", inputs), "widgets_values": [image, "image"]},
        "2": _node("TensorArt_PromptText", {"Text": "make it winter"}),
        "3": _node("PreviewImage", {"images": ["1", 0]}),
    }


def a_field(place: tuple[str, str], value: Any) -> dict[str, Any]:
    """Return one filled-in field of a template."""
    node, name = place
    return {"nodeId": node, "fieldName": name, "fieldValue": value}


def filled_in(image: str | None, text: str = "1 girl") -> list[dict[str, Any]]:
    """Return both fields of the template."""
    return [a_field(IMAGE, image), a_field(TEXT, text)]


def _node(kind: str, inputs: dict[str, Any]) -> dict[str, Any]:
    return {"classType": kind, "inputs": inputs, "properties": {}}
