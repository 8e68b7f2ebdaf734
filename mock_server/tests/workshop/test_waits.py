"""While a call waits outside a unit of work, its account, token, session or upload may go.

A call waits for the customer's answer, while it decodes a file, and while it renders a picture.
Afterwards it changes nothing that was forgotten meanwhile.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, TypeVar

import httpx
import pytest

from mock_server.core.account_service import AccountSpec
from mock_server.core.jobs.job import Job
from mock_server.core.resources import Resource
from mock_server.core.store import Record
from mock_server.tests.workshop.page_users import a_user
from mock_server.tests.workshop.task_calls import DATA_URI, LONG, PICTURE, reserve
from mock_server.tests.workshop.world import World, a_world
from mock_server.web.callback_formats import CallbackReply
from mock_server.web.results import ResultFiles, inspect_upload
from mock_server.web.wall import wall
from mock_server.workshop import file_inputs, temp_files
from mock_server.workshop.tokens import Token, TokenHistory

EVE = AccountSpec(id="eve", key="eve-key", secret="eve-secret", app_id="900000001", token="eve")
EVENTS = {"workshop_event_url": "http://127.0.0.1:1/events", "workshop_server_events": True}

R = TypeVar("R", bound=Record)
Change = Callable[[World], Awaitable[object]]
Send = Callable[[], Awaitable[httpx.Response]]


def during_waits(world: World, monkeypatch: pytest.MonkeyPatch, change: Change) -> None:
    """Make a change once, at the first wait of the next call."""
    left = [change]

    async def go_on() -> None:
        while left:
            await left.pop()(world)

    async def ask(target, body):
        await go_on()
        return CallbackReply(200, "", json.dumps({"success": True}).encode())

    async def decode(resource, data):
        found = await inspect_upload(resource, data)
        await go_on()
        return found

    render = ResultFiles.file

    async def file(self, job, index):
        data = await render(self, job, index)
        await go_on()
        return data

    world.app.dispatcher._send = ask
    monkeypatch.setattr(temp_files, "inspect_upload", decode)
    monkeypatch.setattr(file_inputs, "inspect_upload", decode)
    monkeypatch.setattr(ResultFiles, "file", file)


async def as_eve(world: World) -> None:
    """Let the client speak for an account that can be deleted."""
    world.account = await world.app.accounts.create(EVE, wall())
    world.http.headers["x-ca-key"] = EVE.key


# What waits


async def page_task(world: World) -> Send:
    user = await a_user(world)
    return lambda: user.generate(prompt="a red kite")


async def page_task_with_a_picture(world: World) -> Send:
    user = await a_user(world)
    return lambda: user.generate(prompt="a red kite", image=DATA_URI)


async def page_text(world: World) -> Send:
    return (await a_user(world)).open


async def page_picture(world: World) -> Send:
    user = await a_user(world)
    item = await user.finished()
    return lambda: user.get(item["outputs"][0]["path"])


async def server_task(world: World) -> Send:
    return lambda: world.call("/scc/sd_txt2img", {"prompt": "a paper boat"})


async def server_task_with_a_picture(world: World) -> Send:
    body = {"prompt": "a paper boat", "init_images": [DATA_URI]}
    return lambda: world.call("/scc/sd_img2img", body)


async def upload(world: World) -> Send:
    url = (await reserve(world))["uploadUrl"]
    headers = {"content-type": "image/png"}
    return lambda: world.http.put(url, content=PICTURE, headers=headers)


CALLS = (
    *(page_task, page_task_with_a_picture, page_text, page_picture),
    *(server_task, server_task_with_a_picture, upload),
)


# What happens meanwhile


async def reset(world: World, *parts: str) -> None:
    account = await world.app.accounts.find(world.account.id)
    await world.app.resets.reset(account, parts, wall())


async def delete(world: World) -> None:
    await world.app.accounts.delete(EVE.id)


async def delete_and_make_again(world: World) -> None:
    await delete(world)
    await world.app.accounts.create(EVE, wall())


RESETS: dict[str, Change] = {
    "reset": reset,
    "reset of tokens": lambda world: reset(world, "tokens"),
    "reset of uploads": lambda world: reset(world, "uploads"),
    "reset of jobs": lambda world: reset(world, "jobs"),
    "deletion": delete,
    "deletion and a new account": delete_and_make_again,
}


async def left_of(world: World, kind: type[R]) -> list[R]:
    return list(await world.app.accounts.store.list(kind, EVE.id))


def is_refused(answer: httpx.Response) -> bool:
    return answer.status_code == 404 or answer.json().get("status") == 20


def settings_for(start: Callable[[World], Awaitable[Send]]) -> dict[str, Any]:
    """Return settings with which a call waits where it is to wait first."""
    decoding = (page_picture, page_task_with_a_picture, server_task_with_a_picture)
    return {} if start in decoding else EVENTS


@pytest.mark.parametrize("change", RESETS)
@pytest.mark.parametrize("start", CALLS, ids=lambda call: call.__name__)
async def test_a_call_leaves_nothing_behind_after_a(start, change, monkeypatch):
    async with a_world(**settings_for(start)) as world:
        await as_eve(world)
        send = await start(world)
        before = await left_of(world, Job)
        during_waits(world, monkeypatch, RESETS[change])
        answer = await send()
        jobs, histories = await left_of(world, Job), await left_of(world, TokenHistory)
        uploaded = [each for each in await left_of(world, Resource) if each.uploaded_at is not None]

    assert is_refused(answer), answer.text
    assert {job.id for job in jobs} <= {job.id for job in before}
    assert {id for each in histories for id in each.jobs} <= {job.id for job in jobs}
    assert uploaded == []


async def test_an_old_url_serves_no_upload_that_came_after_a_reset(monkeypatch):
    async with a_world() as world:
        await as_eve(world)
        place = await reserve(world)
        during_waits(world, monkeypatch, reset)
        headers = {"content-type": "image/png"}
        put = await world.http.put(place["uploadUrl"], content=PICTURE, headers=headers)
        read = await world.http.get(place["accessUrl"])

    assert (put.status_code, read.status_code) == (404, 404)
    assert "<Code>NoSuchKey</Code>" in put.text


async def test_an_upload_whose_place_made_room_is_not_kept(monkeypatch):
    async with a_world(keep_uploads=1) as world:
        send = await upload(world)
        during_waits(world, monkeypatch, reserve)
        answer = await send()

    assert answer.status_code == 404


# What happens to the session alone


async def close(world: World, token: str) -> None:
    async with world.act() as unit:
        await world.vendor.session_service.close(unit, token)


async def disable(world: World, token: str) -> None:
    await world.disable(token)


async def expire(world: World, token: str) -> None:
    await world.advance(200_000)


async def forget(world: World, token: str) -> None:
    for _ in range(2):
        await world.data("/scc/allocate_token")


ENDS = {close: "closed", disable: "disabled", expire: "expired", forget: "unknown"}


@pytest.mark.parametrize("end", ENDS, ids=lambda end: end.__name__)
@pytest.mark.parametrize("picture", ["", DATA_URI], ids=["asking", "decoding"])
async def test_a_page_makes_no_task_once_its_session_gives_no_access(end, picture, monkeypatch):
    settings = {} if picture else EVENTS
    async with a_world(keep_tokens=2, **settings) as world:
        user = await a_user(world)
        during_waits(world, monkeypatch, partial(_of_token, end, user.token))
        answer = await user.generate(prompt="x", image=picture)
        async with world.act() as unit:
            jobs = await unit.tx.count(Job)

    assert answer.status_code in (403, 404)
    assert answer.json()["why"] == ENDS[end]
    assert jobs == 0


async def _of_token(end: Callable[[World, str], Awaitable[None]], token: str, world: World) -> None:
    await end(world, token)


@pytest.mark.parametrize("start", [page_text, page_picture], ids=lambda call: call.__name__)
async def test_a_page_shows_nothing_once_its_session_is_closed(start, monkeypatch):
    async with a_world(**settings_for(start)) as world:
        send = await start(world)
        async with world.act() as unit:
            (token,) = await unit.tx.list(Token, world.account.id)
        during_waits(world, monkeypatch, partial(_of_token, close, token.id))
        answer = await send()

    assert answer.status_code == 403


async def test_a_page_makes_no_more_tasks_than_it_may_however_many_wait_at_once(monkeypatch):
    async with a_world(workshop_page_tasks=1, **EVENTS) as world:
        user = await a_user(world)

        async def generate_too(world: World) -> None:
            assert (await user.generate(prompt="second")).status_code == 200

        during_waits(world, monkeypatch, generate_too)
        answer = await user.generate(prompt="first")
        await world.advance(LONG)
        items = (await user.state())["history"]["items"]

    assert (answer.status_code, answer.json()["problem"]) == (429, "full")
    assert [item["prompt"] for item in items] == ["second"]
