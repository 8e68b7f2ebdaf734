"""What surrounds a call: limits, the journal, ids, other methods, other origins, large bodies."""

from __future__ import annotations

import asyncio
import json
import re
from base64 import b64decode
from typing import Any

import httpx
import pytest

from mock_server.core.accounts import LimitMode
from mock_server.tests.workshop import signing
from mock_server.tests.workshop.world import NOW, NOW_MS, ORIGIN, World, a_world

ALLOCATE, QUERY, CREATE = "/scc/allocate_token", "/scc/spQueryToken", "/scc/spCreateSession"
GUARDED = {"workshop_signature_check": "on", "workshop_timestamp_clock": "account"}


async def told(world: World, path: str) -> Any:
    """Return what the control API tells, which wants to be called by its own name."""
    return (await world.http.get(f"http://127.0.0.1:8080/_mock/{path}")).json()


async def journal(world: World) -> list[dict[str, Any]]:
    """Return what the control API shows of the calls so far, the newest first."""
    listed = (await told(world, "requests"))["requests"]
    return [await told(world, f"requests/{entry['id']}") for entry in listed]


def everything(world_shown: list[dict[str, Any]]) -> str:
    """Return all that is shown as one text, what is in base64 decoded."""
    text = json.dumps(world_shown)
    hidden = re.findall(r'"base64": "([^"]*)"', text)
    return text + "".join(b64decode(each).decode(errors="replace") for each in hidden)


async def signed(world: World, path: str, body: bytes, **changes: Any) -> httpx.Response:
    request = signing.signed(signing.a_request("POST", path, body, **changes))
    return await world.http.post(path, content=body, headers=list(request.headers))


# Flow control (choice 29)


@pytest.mark.parametrize(
    ("generation", "status", "code"), [("newer", 429, "T429ID"), ("older", 403, "T403ID")]
)
async def test_the_gateway_throttles_in_the_words_of_its_generation(generation, status, code):
    limited = {"workshop_flow_control": "app", "workshop_flow_rate": 2}
    async with a_world(workshop_gateway_generation=generation, **limited) as world:
        answers = [await world.call(path) for path in (ALLOCATE, QUERY, ALLOCATE)]
        await world.advance(1)
        later = await world.call(ALLOCATE)

    assert [answer.status_code for answer in answers] == [200, 200, status]
    refused = answers[-1]
    assert refused.content == b""
    assert refused.headers.get("x-ca-error-code") == code
    assert refused.headers["x-ca-error-message"].startswith("Throttled by")
    assert later.status_code == 200


async def test_a_setting_limits_each_path_by_itself():
    async with a_world(workshop_flow_control="path", workshop_flow_rate=1) as world:
        statuses = [(await world.call(path)).status_code for path in (ALLOCATE, QUERY, ALLOCATE)]

    assert statuses == [200, 200, 429]


async def test_nothing_is_throttled_by_default():
    async with a_world(rate_limit=LimitMode.ON) as world:
        statuses = {(await world.call(ALLOCATE)).status_code for _ in range(20)}

    assert statuses == {200}


# The journal


async def test_the_journal_tells_operation_account_and_verdict():
    async with a_world(**GUARDED) as world:
        await signed(world, ALLOCATE, b"{}")
        await signed(world, QUERY, b'{"apiToken":"x"}', x_ca_nonce="n", x_ca_stage="NOWHERE")
        refused, let_in = await journal(world)

    assert (let_in["operation"], let_in["account"]) == (f"POST {ALLOCATE}", world.account.id)
    assert let_in["verdict"]["accepted"]
    assert let_in["verdict"]["appKey"] == signing.KEY
    assert (refused["operation"], refused["account"]) == (f"POST {QUERY}", world.account.id)
    assert refused["verdict"]["reason"] == "stage-unknown"


async def test_the_journal_shows_no_secret_of_the_app_or_of_an_end_user():
    async with a_world(**GUARDED) as world:
        made = (await signed(world, ALLOCATE, b'{"name": "shop-1"}')).json()["data"]["apiToken"]
        body = json.dumps({"apiToken": made}).encode()
        entered = (await signed(world, CREATE, body, x_ca_nonce="n2")).json()["data"]
        secret = entered["sessionUrl"].rpartition("/")[2]
        await world.http.get(entered["sessionUrl"])
        wrong = signing.signed(signing.a_request(), secret="mock-secret-0002")
        await world.http.post(QUERY, content=wrong.body, headers=list(wrong.headers))
        shown = everything(await journal(world))

    assert "shop-1" in shown
    for hidden in (signing.SECRET, made, secret):
        assert hidden not in shown


# Around every answer


async def test_every_answer_carries_both_request_ids():
    async with a_world(**GUARDED) as world:
        answers = [
            await signed(world, ALLOCATE, b"{}"),
            await signed(world, QUERY, b"{}", x_ca_nonce="n2"),
            await world.http.post(ALLOCATE),
            await world.http.post("/scc/unheard-of"),
            await world.http.get(ALLOCATE),
        ]

    for answer in answers:
        assert re.fullmatch("[0-9a-f]{8}", answer.headers["x-mock-request-id"])
        assert re.fullmatch(r"[0-9A-F-]{36}", answer.headers["x-ca-request-id"])
    assert len({answer.headers["x-ca-request-id"] for answer in answers}) == len(answers)


async def test_invocation_ids_are_ordered_by_time():
    async with a_world() as world:
        ids = []
        for _ in range(3):
            ids.append((await world.post(ALLOCATE))["apiInvokeId"])
            await world.advance(1)
        ids.append((await world.post(QUERY))["apiInvokeId"])

    assert ids == sorted(ids)
    assert len(set(ids)) == 4
    assert int(ids[0][2:10], 16) == NOW


async def test_errors_are_null_on_success_and_data_on_failure():
    async with a_world() as world:
        good, bad = await world.post(ALLOCATE), await world.post(QUERY)

    assert list(good) == list(bad)
    errors = ["subErrCode", "subErrMessage", "errCode", "errMessage"]
    assert [good[name] for name in errors] == [None] * 4
    assert (bad["status"], bad["data"]) == (20, None)
    assert {good[name] for name in ("startTime", "endTime")} == {None}


async def test_a_browser_may_call_from_another_origin():
    async with a_world() as world:
        wish = {"origin": "https://shop.example", "access-control-request-headers": "x-ca-key"}
        asked = await world.http.options(ALLOCATE, headers=wish)
        called = await world.call(ALLOCATE, headers={"origin": "https://shop.example"})

    assert (asked.status_code, asked.headers["access-control-allow-headers"]) == (204, "x-ca-key")
    assert "POST" in asked.headers["access-control-allow-methods"]
    assert called.headers["access-control-allow-origin"] == "*"


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "PATCH"])
async def test_other_methods_are_refused_by_the_gateway(method):
    async with a_world() as world:
        answer = await world.http.request(method, ALLOCATE)

    assert (answer.status_code, answer.content) == (405, b"")
    assert answer.headers["x-ca-error-code"] == "I405UM"
    assert answer.headers["allow"] == "POST"


async def test_a_setting_lets_get_use_the_query_as_the_body():
    async with a_world(workshop_other_methods="accept") as world:
        made = await world.http.get(ALLOCATE, params={"tokenExpiredAt": NOW_MS + 5000})
        token = made.json()["data"]["apiToken"]
        found = await world.http.get(QUERY, params={"apiToken": token, "toekn": "x"})
        remarks = world.remarks()
        other = await world.http.put(QUERY)

    assert found.json()["data"] == made.json()["data"]
    assert found.json()["data"]["tokenExpiredAt"] == NOW_MS + 5000
    assert other.status_code == 405
    assert remarks == ["`toekn` is not a member of the body"]


@pytest.mark.parametrize("path", ["/scc", "/scc/", "/scc/x", "/scc/allocate_token/", "/scc/%00"])
async def test_the_gateway_refuses_an_unknown_path(path):
    async with a_world() as world:
        answer = await world.http.post(path)

    assert (answer.status_code, answer.content) == (404, b"")
    assert answer.headers["x-ca-error-code"] == "I404NF"


@pytest.mark.parametrize("announced", [True, False])
async def test_the_gateway_refuses_a_body_that_is_too_large(announced):
    async def chunks() -> Any:
        for _ in range(3):
            yield b"x" * 1024

    async with a_world(body_limit_bytes=2048) as world:
        body = b"x" * 3072 if announced else chunks()
        answer = await world.http.post(ALLOCATE, content=body)

    assert (answer.status_code, answer.content) == (413, b"")
    assert answer.headers["x-ca-error-code"] == "I413RL"


async def test_a_body_that_does_not_arrive_is_a_failure():
    async def never() -> Any:
        yield b"{"
        await asyncio.Event().wait()

    async with a_world(body_timeout=0.01) as world:
        answer = await world.http.post(ALLOCATE, content=never())

    assert answer.json()["errCode"] == "BODY_TIMEOUT"


async def test_urls_are_handed_out_on_the_host_that_the_caller_used():
    async with a_world() as world:
        token = (await world.data(ALLOCATE))["apiToken"]
        here = await world.data(CREATE, {"apiToken": token})
        there = await world.data(CREATE, {"apiToken": token}, headers={"host": "10.0.0.7:99"})

    assert here["sessionUrl"].startswith(f"{ORIGIN}/sd_webui/s/")
    assert there["sessionUrl"].startswith("http://10.0.0.7:99/sd_webui/s/")


async def test_routes_and_their_sources_are_shown():
    async with a_world() as world:
        routes = (await told(world, "routes"))["routes"]
        fidelity = await told(world, "fidelity")

    mine = {each["path"] for each in routes if each["surface"] == "workshop"}
    assert {ALLOCATE, QUERY, CREATE} <= mine
    settings = {each["setting"] for each in next(iter(fidelity.values())) if each["setting"]}
    assert "workshop.second_session" in settings
