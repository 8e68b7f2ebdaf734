"""Calls of servers fire the customer's events where that is chosen, and tell of listed models."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from pydantic_core import from_json, to_json

from mock_server.core.jobs.job import Job
from mock_server.tests.workshop.task_calls import LONG, draw, prompt_of
from mock_server.tests.workshop.world import a_world
from mock_server.web.callback_formats import CallbackReply

URL = "http://127.0.0.1:1/your/callback"
MODEL = {
    "modelId": "m-1", "name": "Demo", "modelType": "lora", "sourceType": "internal",
    "versions": [{"modelVersionId": "m-1-v1", "name": "v1", "baseModel": "v1.5"}],
}  # fmt: skip


@asynccontextmanager
async def a_watched_world(answer: Any = None, *, server_events: bool = True):
    """Open a world whose events are gathered in a list, each with kind, API and body."""
    sent: list[tuple[str, str, Any]] = []

    async def send(target, body):
        query = parse_qs(urlsplit(target.url).query)
        sent.append((query["bizType"][0], query["apiId"][0], from_json(body or b"null")))
        return CallbackReply(200, "", to_json(answer or {"success": True}))

    async with a_world(workshop_event_url=URL, workshop_server_events=server_events) as world:
        world.app.dispatcher._send = send
        yield world, sent


async def deliver(world):
    await world.advance(LONG)
    await world.deliver()


async def test_the_customer_is_asked_before_a_task_and_told_afterwards():
    async with a_watched_world() as (world, sent):
        task = await draw(world, stable_diffusion_model="base.safetensors")
        before = list(sent)
        await deliver(world)

    body = {"prompt": "a paper boat", "stable_diffusion_model": "base.safetensors"}
    checkpoint = {
        "modelId": "base.safetensors", "modelVersionId": "base.safetensors", "aliasName": "base"
    }  # fmt: skip
    assert before == [
        ("apiAccessPreInvoke", "sd_txt2img", body),
        ("sdPreInvoke", "sd_txt2img", {"checkpoint": checkpoint}),
    ]
    ended = {kind: content for kind, _, content in sent[2:]}
    assert ended.keys() == {"apiAccessCommit", "sdTaskFinished"}
    assert ended["sdTaskFinished"]["taskId"] == task
    assert len(ended["sdTaskFinished"]["images"]) == 1


async def test_the_customer_is_asked_once_for_a_workflow():
    async with a_watched_world() as (world, sent):
        await world.data("/scc/comfy_prompt", prompt_of())

    assert [(kind, api) for kind, api, _ in sent] == [("apiAccessPreInvoke", "comfy_prompt")]


async def test_a_task_that_the_customer_denies_is_not_made():
    denial = {"success": False, "errMessage": "no quota left"}
    async with a_watched_world(denial) as (world, _):
        refusal = await world.refusal("/scc/sd_txt2img", {})
        async with world.act() as unit:
            jobs = await unit.tx.count(Job)

    assert refusal == ("CALL_DENIED", "no quota left")
    assert jobs == 0


async def test_a_call_that_fails_after_it_was_allowed_is_rolled_back():
    async with a_watched_world() as (world, sent):
        await world.refusal("/scc/sd_txt2img", {"steps": 0})
        await deliver(world)

    assert [kind for kind, _, _ in sent][-1] == "apiAccessRollback"


@pytest.mark.parametrize("path", ["sd_txt2img", "comfy_prompt"])
async def test_calls_of_servers_send_no_events_unless_a_setting_says_so(path):
    async with a_watched_world(server_events=False) as (world, sent):
        await world.data(f"/scc/{path}", prompt_of())
        await deliver(world)

    assert sent == []


async def test_the_event_of_a_listed_model_is_sent_when_it_is_due():
    async with a_watched_world(server_events=False) as (world, sent):
        await world.data("/scc/spSdModelSync", MODEL)
        await world.deliver()
        early = list(sent)
        await deliver(world)

    told = {"modelId": "m-1", "modelVersionIds": ["m-1-v1"], "success": True, "errMessage": None}
    assert early == []
    assert sent == [("sdModelListingResult", "spSdModelSync", told)]
