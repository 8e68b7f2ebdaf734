"""Request bodies, compared with the vendor's description and its lists."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from mock_server.tams import requests
from mock_server.tams.wire import json_name
from mock_server.tests.tams.shapes import SHAPES, problem

ROOT = Path(__file__).resolve().parents[3]
CONSTANTS = json.loads((ROOT / "mock_server" / "data" / "tams-constants.json").read_bytes())
SCHEMAS = yaml.safe_load((ROOT / "fixtures" / "openapi" / "tams.yaml").read_text())["components"][
    "schemas"
]
KINDS = {"Int64In": "int64", "Int32In": "int32", "FloatIn": "float", "BoolIn": "bool"}


def kind_of(schema: dict[str, Any]) -> str:
    """Return the protobuf type of a schema, or else its JSON type."""
    reference = schema.get("$ref") or next(iter(schema.get("allOf", [{}]))).get("$ref", "")
    name = reference.rsplit("/", 1)[-1]
    if name in KINDS:
        return KINDS[name]
    if name:
        return "enum" if "enum" in SCHEMAS[name] else "object"
    return {"boolean": "bool"}.get(schema["type"], str(schema["type"]))


@pytest.mark.parametrize(
    ("shape", "member", "kind"),
    [
        (shape, member, kind_of(schema))
        for shape in SHAPES
        for member, schema in SCHEMAS[shape]["properties"].items()
    ],
)
def test_every_documented_member_has_its_type(shape, member, kind):
    wrong = "[]" if kind != "array" else "{}"
    found = problem(SHAPES[shape], f'{{"{member}":{wrong}}}')

    if kind in ("array", "object"):
        assert "unexpected token" in found
    else:
        assert f"invalid value for {kind} field {member}: " in found


@pytest.mark.parametrize(
    ("member", "list_name", "kind"),
    [
        ("lora", "items", requests.LoraItemBody),
        ("controlnet", "args", requests.VideoControlnetArgBody),
        ("inp", "args", requests.VideoInpArgBody),
    ],
)
def test_items_inside_a_video_have_the_documented_members(member, list_name, kind):
    inside = SCHEMAS["VideoDiffusion"]["properties"][member]["properties"]
    described = inside[list_name]["items"]["properties"]

    assert set(inside) == {list_name}
    assert set(described) == {json_name(name) for name in kind.__struct_fields__}


@pytest.mark.parametrize(
    ("names", "listed"),
    [
        (requests.STAGE_TYPES, [each["name"] for each in CONSTANTS["stage_types"]["values"]]),
        (requests.CONTROLNET_RESIZE_MODES, CONSTANTS["controlnet_resize_modes"]["values"]),
        (requests.CONTROL_MODES, CONSTANTS["controlnet_control_modes"]["values"]),
        (requests.INPAINT_RESIZE_MODES, CONSTANTS["inpaint_resize_modes"]["values"]),
        (requests.INPAINT_FILLS, CONSTANTS["inpaint_fills"]["values"]),
        (requests.GENERATION_MODES, CONSTANTS["video_generation_modes"]["values"]),
    ],
)
def test_enums_have_the_published_names_in_their_order(names, listed):
    assert list(names) == listed
