"""Coverage of the reference is counted: operations, members, enum values and known templates.

What is not served stands in GAPS with a reason; a gap that has closed fails too.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any, get_args

import pytest
import yaml

from mock_server.app import create_app
from mock_server.core.account_service import AccountSpec
from mock_server.core.errors import Malformed
from mock_server.core.outbox import Delivery
from mock_server.settings import Settings
from mock_server.tams import requests
from mock_server.tams.answers import STATUS
from mock_server.tams.catalogue import ModelType
from mock_server.tams.wire import TamsBody, json_name, parse
from mock_server.tams.workflow import requests as workflow
from mock_server.tests.tams import graphs
from mock_server.tests.tams.world import NOW, a_world, text_to_image

ROOT = Path(__file__).parents[3]
OPENAPI = yaml.safe_load((ROOT / "fixtures" / "openapi" / "tams.yaml").read_text("utf-8"))
CONSTANTS = json.loads((ROOT / "mock_server" / "data" / "tams-constants.json").read_bytes())
SHARED_IMAGE = CONSTANTS["known_ids"]["image_resources"][0]
SCHEMAS: dict[str, Any] = OPENAPI["components"]["schemas"]


GAPS: dict[str, str] = {
    "value JobStatus.DEFAULT": "the zero value, which a service never sends",
    "value ModelType.DEFAULT": "the zero value, which a service never sends",
    **{
        f"value ModelType.{kind}": "the mock knows no model of this type"
        for kind in (
            "TEXTUAL_INVERSION",
            "HYPERNETWORK",
            "AESTHETIC_GRADIENT",
            "LOCON",
            "POSES",
            "WILDCARDS",
            "OTHER",
            "LYCORIS",
        )
    },
}

REQUESTS: dict[str, type[TamsBody]] = {
    "CreateJobRequest": requests.CreateJob,
    "JobCreditsRequest": requests.PriceJob,
    "Stage": requests.StageBody,
    "InputInitialize": requests.InputInitializeBody,
    "Prompt": requests.PromptBody,
    "Diffusion": requests.DiffusionBody,
    "Lora": requests.LoraBody,
    "LoraItem": requests.LoraItemBody,
    "Controlnet": requests.ControlnetBody,
    "ControlnetArg": requests.ControlnetArgBody,
    "AnimateDiff": requests.AnimateDiffBody,
    "ImageToUpscaler": requests.ImageToUpscalerBody,
    "ImageToAdetailer": requests.ImageToAdetailerBody,
    "AdetailerArg": requests.AdetailerArgBody,
    "ImageToInpaint": requests.ImageToInpaintBody,
    "VideoDiffusion": requests.VideoDiffusionBody,
    "CreateResourceImageRequest": requests.CreateResourceImage,
    "ControlnetDetectRequest": requests.DetectControlnet,
    "Img2PromptRequest": requests.DescribeImage,
    "CreateWorkflowJobRequest": workflow.CreateWorkflowJob,
    "WorkflowParamsCheckRequest": workflow.CheckWorkflow,
    "FieldAttrIn": workflow.FieldAttrBody,
    "TemplateFieldsIn": workflow.TemplateFieldsBody,
    "TemplateCheckRequest": workflow.CheckTemplate,
    "CreateTemplateJobRequest": workflow.CreateTemplateJob,
}

# Answers, by the schema that each part of a real answer has; see `answered`.
ANSWERS = {
    "JobResponse",
    "Job",
    "WaitingInfo",
    "RunningInfo",
    "SuccessInfo",
    "FailedInfo",
    "Resource",
    "ProcessingImage",
    "StageInfo",
    "CancelJobResponse",
    "JobCreditsResponse",
    "ModelResponse",
    "Model",
    "CreateResourceImageResponse",
    "CreateResourceImageStsResponse",
    "ControlnetDetectResponse",
    "Img2PromptResponse",
    "RpcStatus",
    "RpcDetail",
    "GatewayError",
    "WorkflowFinishItem",
    "CheckResponse",
    "FieldAttrOut",
    "WorkflowTemplate",
    "NotificationA",
    "NotificationB",
    "NotificationC",
}

# Free-form maps, whose members are node ids and node inputs; graphs are read by hand.
MAPS = {"WorkflowParams", "WorkflowNode"}

ENUMS: dict[str, tuple[str, ...]] = {
    "StageType": requests.STAGE_TYPES,
    "ControlnetResizeMode": requests.CONTROLNET_RESIZE_MODES,
    "ControlMode": requests.CONTROL_MODES,
    "InpaintResizeMode": requests.INPAINT_RESIZE_MODES,
    "InpaintFill": requests.INPAINT_FILLS,
    "GenerationMode": requests.GENERATION_MODES,
    "JobStatus": tuple(STATUS.values()),
}


def test_every_operation_is_served_or_a_gap():
    app = create_app(Settings())
    served = {
        f"{operation.method} {operation.path.replace('_id}', 'Id}')}"
        for operation in app.vendors["tams"].surface.operations
    }
    described = {
        f"{method.upper()} {path}"
        for path, methods in OPENAPI["paths"].items()
        for method in methods
        if method != "parameters"
    }
    gaps = {name for name in GAPS if name.partition(" ")[0] in ("GET", "POST", "PUT", "DELETE")}

    assert described - served == gaps


def test_every_object_schema_is_counted_somewhere():
    objects = {name for name, schema in SCHEMAS.items() if schema.get("type") == "object"}
    gaps = {name.removeprefix("schema ") for name in GAPS if name.startswith("schema ")}

    assert objects == set(REQUESTS) | ANSWERS | MAPS | gaps
    assert not gaps & (set(REQUESTS) | ANSWERS)


# Between them, every member takes one that is not its default.
VALUES = (
    "1",
    "true",
    "false",
    '"x"',
    '"DIFFUSION"',
    '[{"text":"x"}]',
    '{"fieldAttrs":[{}]}',
)


def read_as(kind: type[TamsBody], spelling: str, value: str) -> TamsBody | None:
    """Return a message with one member, or None where it does not take the value."""
    try:
        return parse(kind, f'{{"{spelling}":{value}}}'.encode())
    except Malformed:
        return None


@pytest.mark.parametrize("schema", REQUESTS)
def test_every_member_of_a_request_is_read_in_both_spellings(schema):
    kind = REQUESTS[schema]
    described = set(SCHEMAS[schema]["properties"])

    missing = described - {json_name(name) for name in kind.__struct_fields__}
    assert {f"member {schema}.{name}" for name in missing} == {
        name for name in GAPS if name.startswith(f"member {schema}.")
    }
    for name in kind.__struct_fields__:
        read = [read_as(kind, json_name(name), value) for value in VALUES]
        assert any(body not in (None, kind()) for body in read), name
        assert read == [read_as(kind, name, value) for value in VALUES]


def test_every_enum_value_is_known_or_a_gap():
    enums = {**ENUMS, "ModelType": get_args(ModelType)}
    described = {name: set(schema["enum"]) for name, schema in SCHEMAS.items() if "enum" in schema}
    missing = {
        f"value {name}.{value}"
        for name, values in described.items()
        for value in values - set(enums[name])
    }

    assert missing == {name for name in GAPS if name.startswith("value ")}


async def test_every_template_that_clients_name_is_served_or_a_gap():
    missing = set()
    async with a_world() as world:
        for template in CONSTANTS["known_ids"]["workflow_templates"]:
            answer = await world.call("GET", f"/v1/workflows/{template['id']}")
            if answer.status_code != 200:
                missing.add(f"template {template['id']}")

    assert missing == {name for name in GAPS if name.startswith("template ")}


async def test_every_member_of_an_answer_is_served_or_a_gap():
    seen: set[str] = set()
    async for schema, body in answered():
        seen |= set(members(schema, body))
    described = {
        f"{name}.{member}" for name in ANSWERS for member in SCHEMAS[name].get("properties", {})
    }

    assert seen <= described, "the mock sends what nobody describes"
    missing = described - seen
    gaps = {name.removeprefix("member ") for name in GAPS if name.startswith("member ")}
    assert missing == {name for name in gaps if name.partition(".")[0] not in REQUESTS}


async def answered() -> AsyncIterator[tuple[str, Any]]:
    """Yield one answer for each schema of an answer, from a mock that shows every shape."""
    settings = {"stages_shape": "2023", "zero_members": "send", "image_format": "present"}
    async with a_world(tams=settings) as world:
        job = await world.submit()
        for _ in range(60):
            await world.advance(0.1)
            yield "JobResponse", (await world.call("GET", f"/v1/jobs/{job['id']}")).json()
        for seed in range(4):  # Some of the made-up models have trigger words and pictures.
            other = await world.app.accounts.create(AccountSpec(seed=seed), NOW)
            headers = {"authorization": f"Bearer {other.credentials.token}"}
            for model in ("643763684419793644", "600423083519508503"):
                answer = await world.call("GET", f"/v1/models/{model}", headers=headers)
                yield "ModelResponse", answer.json()
        doomed = text_to_image(width=1024, height=1024)
        doomed["stages"][0]["inputInitialize"]["imageResourceId"] = "nowhere"
        failing = await world.submit(doomed)
        await world.advance(60)
        yield "JobResponse", (await world.call("GET", f"/v1/jobs/{failing['id']}")).json()
        price = await world.call("POST", "/v1/jobs/credits", text_to_image())
        yield "JobCreditsResponse", price.json()
        yield "CancelJobResponse", (await world.call("DELETE", f"/v1/jobs/{job['id']}")).json()
        place = await world.call("POST", "/v1/resource/image", {})
        yield "CreateResourceImageResponse", place.json()
        graph = {"params": graphs.text_to_image()}
        check = await world.call("POST", "/v1/jobs/workflow/params/check", graph)
        yield "CheckResponse", check.json()
        drawn = (await world.call("POST", "/v1/jobs/workflow", graph)).json()["job"]
        for _ in range(60):
            await world.advance(0.1)
            yield "JobResponse", (await world.call("GET", f"/v1/jobs/{drawn['id']}")).json()
        template = await world.call("GET", "/v1/workflows/934400000000000011")
        yield "WorkflowTemplate", template.json()
        for payload, name in (("a", "A"), ("b", "B"), ("job", "C")):
            async for notice in notices(payload):
                yield f"Notification{name}", notice
        form = await world.call("POST", "/v1/resource/image/sts", {})
        yield "CreateResourceImageStsResponse", form.json()
        shown = {"controlnetModule": "openpose", "resourceId": SHARED_IMAGE}
        pose = await world.call("POST", "/v1/controlnet/detect", shown)
        yield "ControlnetDetectResponse", pose.json()
        words = await world.call("POST", "/v1/img2prompt", {"resourceId": SHARED_IMAGE})
        yield "Img2PromptResponse", words.json()
        filmed = await world.submit(text_to_image(animateDiff={"args": [{"fps": 8}]}))
        await world.advance(60)
        yield "JobResponse", (await world.call("GET", f"/v1/jobs/{filmed['id']}")).json()
        yield "RpcStatus", (await world.call("POST", "/v1/jobs", {"stages": []})).json()
        unknown = await world.call("GET", "/v1/jobs/1", headers={"authorization": "Bearer x"})
        yield "GatewayError", unknown.json()


async def notices(payload: str) -> AsyncIterator[Any]:
    """Yield what a watcher is told of a job that ends well, and of one that does not."""
    async with a_world(tams={"notify_payload": payload}) as world:
        doomed = text_to_image()
        doomed["stages"][0]["inputInitialize"]["imageResourceId"] = "nowhere"
        for body in (text_to_image(), doomed):
            job = await world.submit({**body, "notifyUrl": "http://127.0.0.1:1/hook"})
            await world.advance(60)
            async with world.act() as unit:
                ended = (await unit.jobs.look(job["id"])).job
                (told,) = [each for each in await unit.tx.list(Delivery) if each.job == job["id"]]
            yield json.loads(world.tams.answers.notice(told, ended, world.account))


def members(schema_name: str, body: Any) -> Iterator[str]:
    """Yield `Schema.member` for everything that a body has, following references."""
    schema = SCHEMAS[schema_name]
    for name, value in body.items():
        yield f"{schema_name}.{name}"
        yield from _below(schema.get("properties", {}).get(name, {}), value)


def _below(described: Any, value: Any) -> Iterator[str]:
    """Yield the members of what a member holds."""
    for name, each in described.get("properties", {}).items():
        yield from _below(each, value.get(name))
    target = described.get("$ref") or described.get("items", {}).get("$ref")
    target = target and target.rpartition("/")[2]
    if target is None or SCHEMAS[target].get("type") != "object" or value is None:
        return
    for item in value if isinstance(value, list) else [value]:
        yield from members(target, item)
