"""Every example pair of the reference, replayed byte for byte, or replayed by its own neighbour."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from msgspec.structs import replace

from mock_server.core.jobs.job import Job
from mock_server.tests.workshop.world import NOW, World, a_world
from mock_server.workshop.sessions import Session, SessionSlot
from mock_server.workshop.tokens import Token

EXAMPLES = Path(__file__).parents[3] / "fixtures" / "exchanges" / "workshop"
NAMES = sorted(path.stem for path in EXAMPLES.glob("*.json"))

# Events go the other way: test_events sends them and test_event_signature signs them.
EVENTS = {name for name in NAMES if name.startswith("callback-")}

UI = "https://ui.mock.example"
ALICE, BOB = "01kexr9j00m0ck0vser0a11ce1", "01kf0ap900m0ck0vser0b0b000"
DRAWN, RUN = "01kf0ap9z8task000000000001", "01kf0apaygtask000000000002"

Preparation = Callable[[World], Awaitable[None]]


def read(name: str) -> dict[str, Any]:
    example: dict[str, Any] = json.loads((EXAMPLES / f"{name}.json").read_text("utf-8"))
    return example


async def put(world: World, *records: Any) -> None:
    async with world.app.accounts.store.transaction(world.account.id) as tx:
        for record in records:
            await tx.put(record)


def known(token: str, **members: Any) -> Preparation:
    """Return a preparation that lays a token of the account."""

    async def prepare(world: World) -> None:
        await put(world, Token(token, world.account.id, NOW - 10_000, **members))

    return prepare


def slotted(token: str, secret: str, lifetime: float = 3600.0) -> Preparation:
    """Return a preparation that lays a token with a session in the WebUI, opened at NOW."""

    async def prepare(world: World) -> None:
        account, session_slot = world.account.id, SessionSlot("sd_webui")
        await put(
            world,
            Token(token, account, NOW - 10_000, sessions=(secret,)),
            Session(secret, account, token, session_slot, NOW, NOW + lifetime),
        )

    return prepare


def submitted(by: str, task: str, seconds: float = 0.0, failure: str = "") -> Preparation:
    """Return a preparation that makes a task as another example does, under the examples' id."""

    async def prepare(world: World) -> None:
        answer = await send(world, read(by))
        made = answer.json()["data"]["taskId"]
        async with world.app.accounts.store.transaction(world.account.id) as tx:
            job = await tx.get(Job, made)
            assert job is not None
            await tx.delete(Job, made)
            await tx.put(replace(job, id=task))
        await world.advance(seconds)
        if failure:
            await world.finish(task, failure)

    return prepare


async def used_nonce(world: World) -> None:
    await send(world, read("gateway-nonce-used"))


async def limit_reached(world: World) -> None:
    answer = await world.http.post("/scc/allocate_token", headers={"x-ca-key": "204800001"})
    assert answer.status_code == 400  # Who is not let in is not counted; the next one is.
    await send(world, read("token-query"))


# What has to be there before an example can be answered as it is.
PREPARED: dict[str, Preparation] = {
    "comfy-progress-running": submitted("comfy-prompt-alias", RUN, 1.5),
    "comfy-progress-succeeded": submitted("comfy-prompt-alias", RUN, 600),
    "comfy-progress-waiting": submitted("comfy-prompt-alias", RUN),
    "comfy-result-failed": submitted("comfy-prompt-alias", RUN, 1, failure="by hand"),
    "comfy-result-succeeded": submitted("comfy-prompt-alias", RUN, 600),
    "gateway-nonce-used": used_nonce,
    "gateway-throttled": limit_reached,
    "sd-progress-running": submitted("sd-txt2img", DRAWN, 1.5),
    "sd-progress-succeeded": submitted("sd-txt2img", DRAWN, 600),
    "sd-progress-waiting": submitted("sd-txt2img", DRAWN),
    "sd-result-succeeded": submitted("sd-txt2img", DRAWN, 600),
    "session-create-comfyui-inference": known(ALICE),
    "session-create-gadget": known(ALICE),
    "session-create-webui-default": known(ALICE),
    "session-delete": slotted(ALICE, "ebfa84ae5afe9686cad3e808"),
    "session-query": slotted(ALICE, "ebfa84ae5afe9686cad3e808"),
    "session-query-none": known(BOB),
    "session-refresh": slotted(ALICE, "ebfa84ae5afe9686cad3e808"),
    "session-refresh-none": known(BOB),
    "session-refresh-or-create-creates": known(BOB),
    "session-refresh-or-create-refreshes": slotted(BOB, "ce228fc93fdce61c229e3617"),
    "token-query": known(ALICE, expires_at=1_770_969_600.0, used=5400.0),
    "token-update-config": known(ALICE),
}
# The settings that an example wants where it shows another choice than the default.
SETTINGS: dict[str, dict[str, Any]] = {
    "gateway-throttled": {"workshop_flow_control": "app", "workshop_flow_rate": 1},
    "gateway-unauthorized": {"workshop_unauthorized_keys": ("204800001",)},
}
# Members whose values the mock makes up, or whose numbers the examples made up.
FREE = {
    "etaRelative", "progress", "message", "lastQueueRemaining", "step", "maxSteps", "nodeLabel",
    "job", "job_timestamp", "sampling_step", "estimatedDurationInSeconds", "taskDuration",
    "taskBeginTime", "taskEndTime", "images", "currentImage", "url", "filename", "object_key",
    "uploadUrl", "accessUrl", "objectKey", "path", "utilizationRatio", "computingGroupId",
    "parameters", "info",
}  # fmt: skip
# Those of answers in which something was made.
MADE = {
    "token-allocate": {"apiToken"},
    "token-allocate-empty-body": {"apiToken"},
    "session-create-comfyui-inference": {"sessionUrl"},
    "session-create-gadget": {"sessionUrl"},
    "session-create-webui-default": {"sessionUrl"},
    "session-refresh-or-create-creates": {"sessionUrl"},
    "sd-img2img": {"taskId"},
    "sd-txt2img": {"taskId"},
    "sd-txt2img-controlnet": {"taskId"},
    "comfy-prompt-alias": {"taskId"},
    "comfy-prompt-version": {"taskId"},
}
OPAQUE = re.compile(r"[0-9a-z]{26}|https://ui\.mock\.example/(sd_webui|comfyui_api)/s/\w+")


def alike(found: Any, expected: Any, free: set[str], place: str = "data") -> None:
    """Assert the same members and types, and equal values wherever the value is no free one."""
    name = place.rpartition(".")[2].partition("[")[0]
    if isinstance(expected, dict) and name in FREE:
        assert isinstance(found, dict), place
        assert found.keys() >= expected.keys(), place
        assert {type(value) for value in found.values()} == {str}, place
    elif isinstance(expected, dict):
        assert isinstance(found, dict), (place, found)
        assert found.keys() == expected.keys(), place
        for member, value in expected.items():
            alike(found[member], value, free, f"{place}.{member}")
    elif isinstance(expected, list):
        assert isinstance(found, list), place
        assert len(found) == len(expected), place
        for index, (each, value) in enumerate(zip(found, expected, strict=True)):
            alike(each, value, free, f"{place}[{index}]")
    elif name in FREE:
        number = isinstance(expected, int | float)
        assert isinstance(found, int | float) if number else type(found) is type(expected), place
    elif name == "subErrMessage" and str(expected).startswith("Node"):
        assert re.match(r"Node \d+ failed", found), found
    elif name in free:
        product, shape = OPAQUE.fullmatch(found), OPAQUE.fullmatch(expected)
        assert product is not None, (place, found)
        assert shape is None or product[1] == shape[1], (place, found)
    else:
        assert (found, type(found)) == (expected, type(expected)), place


async def send(world: World, example: dict[str, Any]) -> httpx.Response:
    """Send an example's bytes and headers as they stand."""
    request = example["request"]
    body = (request.get("rawBody") or "").encode()
    return await world.http.request(
        request["method"], request["path"], content=body, headers=request["headers"]
    )


def world_of(name: str) -> Any:
    settings = {
        "workshop_signature_check": "on",
        "workshop_timestamp_clock": "account",
        "workshop_sd_webui_url": UI,
        "workshop_comfyui_api_url": UI,
        "workshop_file_url": "https://files.mock.example",
        "workshop_debug_header": False,
    }
    return a_world(**(settings | SETTINGS.get(name, {})))


def test_every_example_is_replayed_here_or_sent_as_an_event():
    assert len(NAMES) == 52 + ("signature-vectors" in NAMES)
    assert SETTINGS.keys() | PREPARED.keys() | MADE.keys() <= set(NAMES) - EVENTS


@pytest.mark.parametrize(
    "name", [name for name in NAMES if name not in EVENTS and name != "file-upload-put"]
)
async def test_the_example_is_answered(name: str):
    example = read(name)
    expected = example["response"]
    async with world_of(name) as world:
        if name in PREPARED:
            await PREPARED[name](world)
        if "clockMs" in example:
            await world.advance(example["clockMs"] / 1000 - await world.now())
        answer = await send(world, example)

    assert answer.status_code == expected["httpStatus"], answer.text
    for header, value in expected["headers"].items():
        if header == "x-ca-request-id":
            assert re.fullmatch(
                r"[0-9A-F]{8}(-[0-9A-F]{4}){3}-[0-9A-F]{12}", answer.headers[header]
            )
        else:
            assert answer.headers[header] == value
    if expected["body"] is None:
        assert answer.content == b""
        return
    found, told = answer.json(), expected["body"]
    assert re.fullmatch(r"i_[0-9a-f]{24}", found["apiInvokeId"])
    if name not in PREPARED:
        assert found.pop("apiInvokeId")[:10] == told.pop("apiInvokeId")[:10]  # the moment
    alike(found | {"apiInvokeId": ""}, told | {"apiInvokeId": ""}, MADE.get(name, set()), "body")


async def test_the_examples_upload_is_put_where_the_url_that_was_asked_for_says():
    example = read("file-upload-put")
    request, data = example["request"], base64.b64decode(example["request"]["bodyBase64"])
    async with world_of("file-upload-sign") as world:
        place = (await send(world, read("file-upload-sign"))).json()["data"]
        url = httpx.URL(place["uploadUrl"]).copy_with(scheme="http", host="mock.test", port=8080)
        headers = {name: value for name, value in request["headers"].items() if name != "host"}
        answer = await world.http.request(request["method"], url, content=data, headers=headers)
        path = httpx.URL(place["accessUrl"]).raw_path.decode()
        fetched = await world.http.get(path)

    assert answer.status_code == example["response"]["httpStatus"]
    assert answer.content == b""
    assert (fetched.content, fetched.headers["content-type"]) == (data, "image/png")
