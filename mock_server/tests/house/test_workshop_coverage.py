"""Coverage of the Workshop's reference is counted: operations, members, enum values, unknowns.

What is not served stands in GAPS with a reason; a gap that has closed fails too.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from mock_server.app import create_app
from mock_server.settings import Settings
from mock_server.tests.workshop.world import World, a_world
from mock_server.web.vendor_settings import number_of
from mock_server.workshop import events, facts
from mock_server.workshop.gateway import Situation
from mock_server.workshop.settings import WorkshopSettings
from mock_server.workshop.wire import WorkshopBody

OPENAPI = yaml.safe_load(
    (Path(__file__).parents[3] / "fixtures" / "openapi" / "workshop.yaml").read_text("utf-8")
)

GAPS: dict[str, str] = {
    "answer sd_txt2img.data.estimatedDurationInSeconds": "of workflow tasks only",
    "answer sd_img2img.data.estimatedDurationInSeconds": "of workflow tasks only",
    "answer comfy_get_result.data.info": "a client could read it, and nobody saw it",
}

UNKNOWNS = {f"W{number}" for number in range(1, 45)}

# A picture of one pixel.
PIXEL = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5E"
    "rkJggg=="
)

Members = dict[str, frozenset[Any]]


def described_operations() -> dict[str, Any]:
    return {path.rpartition("/")[2]: ways["post"] for path, ways in OPENAPI["paths"].items()}


def resolved(schema: Any, document: Any) -> Any:
    """Follow a reference in the document that it stands in."""
    while "$ref" in schema:
        found = document
        for step in schema["$ref"].removeprefix("#/").split("/"):
            found = found[step]
        schema = found
    return schema


def members(schema: Any, document: Any, place: str = "") -> Members:
    """Return every member below a schema by its dotted path, with the values it is bound to."""
    schema = resolved(schema, document)
    values = schema.get("enum", [schema["const"]] if "const" in schema else [])
    found: Members = {place: frozenset(values) - {None}} if place else {}
    for part in ("allOf", "anyOf", "oneOf"):
        for each in schema.get(part, ()):
            for path, bound in members(each, document, place).items():
                found[path] = found.get(path, frozenset()) | bound
    for name, each in schema.get("properties", {}).items():
        found |= members(each, document, f"{place}.{name}" if place else name)
    if "items" in schema:
        for path, bound in members(schema["items"], document, f"{place}[]").items():
            found[path] = bound
    return found


def request_of(operation: Any) -> Members:
    body = resolved(operation["requestBody"], OPENAPI)
    return members(body["content"]["application/json"]["schema"], OPENAPI)


def schema_of(path: str) -> dict[str, Any]:
    """Return what the body of the operation is, as a JSON schema."""
    app = create_app(Settings())
    body = next(
        each.body
        for each in app.vendors["workshop"].surface.operations
        if each.path == f"/scc/{path}"
    )
    assert body is not None
    assert issubclass(body, WorkshopBody)
    return body.model_json_schema(by_alias=True)


def read_by(path: str) -> Members:
    schema = schema_of(path)
    return members(schema, schema)


def answer_of(operation: Any) -> Members:
    answer = resolved(operation["responses"]["200"], OPENAPI)
    return members(answer["content"]["application/json"]["schema"], OPENAPI)


def gaps(kind: str) -> set[str]:
    return {name.removeprefix(f"{kind} ") for name in GAPS if name.startswith(f"{kind} ")}


def test_every_operation_is_served_or_a_gap():
    served = {
        f"{each.method} {each.path}"
        for each in create_app(Settings()).vendors["workshop"].surface.operations
        if each.path.startswith("/scc/")
    }
    described = {
        f"{method.upper()} {path}" for path, ways in OPENAPI["paths"].items() for method in ways
    }

    assert described - served == gaps("operation")
    assert served <= described


@pytest.mark.parametrize("path", described_operations())
def test_every_member_of_a_request_is_read(path):
    described, read = request_of(described_operations()[path]), read_by(path)

    missing = {f"{path}.{name}" for name in described.keys() - read.keys()}
    assert missing == {name for name in gaps("member") if name.startswith(f"{path}.")}


@pytest.mark.parametrize("path", described_operations())
def test_every_value_of_a_request_is_taken(path):
    described, read = request_of(described_operations()[path]), read_by(path)

    for name, values in described.items():
        if values:
            assert read[name] == values, name


@pytest.mark.parametrize("path", described_operations())
def test_what_a_request_requires_is_required(path):
    body = resolved(described_operations()[path]["requestBody"], OPENAPI)
    schema = resolved(body["content"]["application/json"]["schema"], OPENAPI)

    assert set(schema_of(path).get("required", [])) == set(schema.get("required", []))


async def test_every_member_of_an_answer_is_served_or_a_gap():
    seen: dict[str, set[Any]] = {}
    async for path, body in answered():
        for place, value in leaves(body):
            seen.setdefault(f"{path}.{place}", set()).add(str(value))
    described: Members = {}
    for path, operation in described_operations().items():
        described |= {f"{path}.{name}": bound for name, bound in answer_of(operation).items()}

    free = tuple(
        f"{name}." for name in described if re.search(r"\.(info|parameters|result)$", name)
    )
    beyond = {name for name in seen.keys() - described.keys() if not name.startswith(free)}
    assert not beyond, "the mock sends what nobody describes"
    assert sorted(described.keys() - seen.keys()) == sorted(gaps("answer"))
    # A value may belong to one operation more than to another, so all of them count together.
    values: dict[str, set[Any]] = {}
    for name, found in seen.items():
        values.setdefault(name.partition(".")[2], set()).update(found)
    missing = {
        f"{name}={value}"
        for name, bound in described.items()
        for value in bound
        if str(value) not in values[name.partition(".")[2]]
    }
    assert missing == gaps("value")


def leaves(body: Any, place: str = "") -> Iterator[tuple[str, Any]]:
    """Yield every member of a body by its dotted path, with its value."""
    if isinstance(body, dict):
        if place:
            yield place, ""
        for name, value in body.items():
            yield from leaves(value, f"{place}.{name}" if place else name)
    elif isinstance(body, list):
        yield place, ""
        for value in body:
            yield from leaves(value, f"{place}[]")
    else:
        yield place, body


async def answered() -> AsyncIterator[tuple[str, Any]]:
    """Yield answers of every operation, good ones and failures, from mocks that show each shape."""
    async with a_world() as world:

        async def ask(path: str, **body: Any) -> tuple[str, Any]:
            return path, await world.post(f"/scc/{path}", body)

        for path in described_operations():
            yield await ask(path, name=5, prompt=5, apiToken=5, taskId=5, workflow_id=5, modelId=5)
        _, made = await ask("allocate_token", tokenExpiredAt=10**13)
        yield "allocate_token", made
        token = {"apiToken": made["data"]["apiToken"]}
        for path in (
            "spQueryToken", "sp_put_user_state", "spCreateSession", "spRefreshSession",
            "spRefreshOrCreateSession", "spQuerySession", "spDeleteSession",
        ):  # fmt: skip
            yield await ask(path, **token)
        yield await ask("sp_create_temp_file_upload_sign", contentType="a/b", originalFilename="x")
        async for each in tasks_of(world, ask):
            yield each
        yield await ask("query_sp_resource_monitor_data", resourceConfigIds=["a", "b"])
        async with a_world(workshop_monitor_data="object") as other:
            path = "query_sp_resource_monitor_data"
            yield path, await other.post(f"/scc/{path}", {"resourceConfigIds": ["a"]})
        version = {"modelVersionId": "v", "name": "v", "baseModel": "v1.5"}
        model = {"modelId": "m", "name": "m", "modelType": "lora", "sourceType": "internal"}
        yield await ask("spSdModelSync", **model, versions=[version])


async def tasks_of(world: World, ask: Any) -> AsyncIterator[tuple[str, Any]]:
    """Yield what is answered of tasks while they wait, run, succeed and fail."""
    run = {"workflow_id": "01key7y1m0workf10w00000001", "version_id": "v2"}
    picture = {"init_images": [f"data:image/png;base64,{PIXEL}"]}
    inputs = {"prompt": "a"}
    orders: list[tuple[str, dict[str, Any]]] = [
        ("sd_txt2img", {"prompt": "a"}),
        ("sd_txt2img", {"prompt": "b"}),
        ("sd_img2img", {"prompt": "a", **picture}),
        ("comfy_prompt", {**run, "inputs": inputs}),
        ("comfy_prompt", {**run, "inputs": inputs}),
    ]
    tasks: list[tuple[str, str]] = []
    for path, body in orders:
        _, envelope = await ask(path, **body)
        yield path, envelope
        if envelope["data"] is not None:
            tasks.append(("comfy" if path == "comfy_prompt" else "sd", envelope["data"]["taskId"]))
    for _, task in (tasks[1], tasks[-1]):
        await world.finish(task, "by hand")
    for _ in range(60):
        for kind, task in tasks:
            yield await ask(f"{kind}_get_progress", taskId=task)
            yield await ask(f"{kind}_get_result", taskId=task)
        await world.advance(0.5)


def test_every_event_of_the_reference_is_known():
    known = {
        events.CONTROL_CONFIG, events.PRE_INVOKE, events.SD_PRE_INVOKE, events.COMMIT,
        events.ROLLBACK, events.TASK_FINISHED,
    }  # fmt: skip

    assert set(OPENAPI["webhooks"]) == known


def test_every_code_of_the_gateway_is_one():
    described = resolved({"$ref": "#/components/responses/Gateway"}, OPENAPI)
    pattern = described["headers"]["x-ca-error-code"]["schema"]["pattern"]

    for situation in Situation:
        status, code, *_ = situation.value
        assert re.fullmatch(pattern, code)
        assert code[1:4] == str(status)


def test_every_unknown_is_a_choice_or_settled():
    chosen = {number_of(field) for field in WorkshopSettings.model_fields.values()}
    settled = {fact.reference for fact in facts.FACTS if fact.source == "unknown"}

    assert chosen - {""} | settled == UNKNOWNS
    assert not chosen & settled
