"""Control operations on tokens and sessions: list, expire, extend, disable, close."""

from typing import Any

import httpx
import pytest

from mock_server.tests.control.mock import Mock, a_client
from mock_server.tests.makers import NOW
from mock_server.tests.workshop.page_users import a_user
from mock_server.tests.workshop.session_bench import SessionBench
from mock_server.tests.workshop.world import World, a_world
from mock_server.workshop.control import TokenControl
from mock_server.workshop.sessions import Metering, Session, SessionSlot

WEB, FLOW = SessionSlot("web"), SessionSlot("flow", "brush")


@pytest.fixture
async def http():
    bench = SessionBench(is_open=True)
    control = TokenControl(bench.service, lambda account: pytest.fail("these tokens made nothing"))
    mock = Mock(bench.accounts, resets=bench.resets, vendor_operations=lambda: control.operations)
    async with a_client(mock) as client:
        http: Any = client
        http.bench = bench
        yield http
    await mock.dispatcher.close()


def allocate(http: Any, account: str = "ready", **options: Any) -> str:
    id: str = http.bench.token(NOW, account, **options)
    return id


def enter(http: Any, token: str, slot: SessionSlot = WEB, **options: Any) -> Session:
    session: Session = http.bench.open(token, NOW, slot, account="ready", **options)
    return session


async def advance(http, seconds):
    return (await http("POST", "/clock/advance", {"seconds": seconds}))["fired"]


async def test_tokens_are_listed_with_the_newest_first(http):
    await http("POST", "/accounts", {"id": "a"})
    ids = [allocate(http, account) for account in ("ready", "a", "ready")]

    tokens = (await http("GET", "/tokens"))["tokens"]

    assert [token["id"] for token in tokens] == ids[::-1]
    assert [each["id"] for each in (await http("GET", "/tokens?account=a"))["tokens"]] == [ids[1]]
    assert [each["id"] for each in (await http("GET", "/tokens?limit=1"))["tokens"]] == [ids[2]]


async def test_tokens_are_found_by_name(http):
    id = allocate(http, name="ada")
    allocate(http, name="bob")

    (token,) = (await http("GET", "/tokens?name=ada"))["tokens"]

    assert (token["id"], token["name"]) == (id, "ada")


async def test_a_token_is_shown_as_it_is_now(http):
    id = allocate(http, name="ada", expires_at=NOW + 100, role="painter")
    enter(http, id, lifetime=10)
    enter(http, id, FLOW, lifetime=60)
    await advance(http, 30)

    token = await http("GET", f"/tokens/{id}")

    assert (token["account"], token["name"], token["role"]) == ("ready", "ada", "painter")
    assert (token["made"]["at"], token["expires"]["at"]) == (NOW, NOW + 100)
    assert (token["expired"], token["disabled"]) == (False, False)
    assert (token["usedSeconds"], token["openSeconds"], token["liveSessions"]) == (10, 30, 1)


async def test_a_token_is_shown_with_its_sessions_and_why_they_are_over(http):
    id = allocate(http)
    first = enter(http, id, lifetime=10)
    enter(http, allocate(http), lifetime=10)
    await advance(http, 20)
    second = enter(http, id, FLOW, metering=Metering.WORK, role="r", pools="p")

    flow, web = (await http("GET", f"/tokens/{id}"))["sessions"]

    assert (web["id"], web["state"], web["ended"]["at"]) == (first.id, "expired", NOW + 10)
    assert (flow["id"], flow["state"], flow["ended"]) == (second.id, "live", None)
    assert (flow["product"], flow["gadget"], flow["metering"]) == ("flow", "brush", "work")
    assert (flow["role"], flow["pools"], flow["secondsLeft"]) == ("r", "p", 60)
    assert (web["gadget"], web["role"], web["pools"]) == (None, None, None)


async def test_a_token_can_expire_now(http):
    id = allocate(http)

    token = await http("POST", f"/tokens/{id}/expire")

    assert (token["expired"], token["expires"]["at"]) == (True, NOW)
    assert (await http("GET", "/tokens"))["tokens"][0]["expired"]


@pytest.mark.parametrize(
    ("expires_at", "body", "expected"),
    [
        (NOW + 50, {"seconds": 10}, NOW + 60),
        (NOW - 50, {"seconds": 10}, NOW + 10),
        (None, {"seconds": 10}, NOW + 10),
        (NOW + 50, {"to": NOW + 5}, NOW + 5),
        (NOW + 50, {"to": "2999-01-01T00:00:00Z"}, 32_472_144_000),
    ],
)
async def test_a_token_is_extended(http, expires_at, body, expected):
    id = allocate(http, expires_at=expires_at)

    token = await http("POST", f"/tokens/{id}/extend", body)

    assert token["expires"]["at"] == expected
    assert not token["expired"]


async def test_a_token_can_be_valid_for_ever(http):
    id = allocate(http, expires_at=NOW - 1)

    token = await http("POST", f"/tokens/{id}/extend", {"never": True})

    assert (token["expires"], token["expired"]) == (None, False)


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (400, {}),
        (400, {"seconds": 0}),
        (400, {"never": False}),
        (400, {"seconds": 1, "never": True}),
        (409, {"to": NOW}),
        (409, {"seconds": 32_000_000_000}),
    ],
)
async def test_an_impossible_extension_is_refused(http, status, body):
    id = allocate(http, expires_at=NOW + 50)

    await http.problem(status, "POST", f"/tokens/{id}/extend", body)

    assert (await http("GET", f"/tokens/{id}"))["expires"]["at"] == NOW + 50


async def test_a_token_is_disabled_and_enabled(http):
    id = allocate(http)
    session = enter(http, id)

    off = await http("POST", f"/tokens/{id}/disable")
    barred = http.bench.problem(session.id, account="ready")
    on = await http("POST", f"/tokens/{id}/enable")
    allowed = http.bench.problem(session.id, account="ready")

    assert (off["disabled"], on["disabled"]) == (True, False)
    assert (barred, allowed) == ("disabled", "")
    assert off["sessions"][0]["state"] == "live"


async def test_the_sessions_of_one_token_are_closed(http):
    one, other = allocate(http), allocate(http)
    ids = [enter(http, one, slot).id for slot in (WEB, FLOW)]
    enter(http, other)
    await advance(http, 5)

    closed = (await http("POST", f"/tokens/{one}/sessions/close"))["sessions"]

    assert [session["id"] for session in closed] == ids[::-1]
    assert {session["state"] for session in closed} == {"closed"}
    assert (await http("GET", f"/tokens/{one}"))["usedSeconds"] == 10
    assert (await http("GET", f"/tokens/{other}"))["liveSessions"] == 1
    assert (await http("POST", f"/tokens/{one}/sessions/close"))["sessions"] == []


async def test_the_clock_reports_tokens_and_sessions_that_expire(http):
    id = allocate(http, expires_at=NOW + 20)
    session = enter(http, id, lifetime=10)

    fired = [*await to_the_next(http), *await to_the_next(http), *await to_the_next(http)]

    assert [(each["kind"], each["id"], each["state"], each["at"]) for each in fired] == [
        ("session", session.id, "expired", NOW + 10),
        ("token", id, "expired", NOW + 20),
    ]


async def to_the_next(http):
    return (await http("POST", "/clock/advance", {"next": True}))["fired"]


async def test_a_token_expires_by_the_clock_of_its_account(http):
    await http("POST", "/accounts", {"id": "a", "clock": {"start": 1000, "frozen": True}})
    id = allocate(http, "a", expires_at=1010.0)
    await advance(http, 100_000)

    assert not (await http("GET", f"/tokens/{id}"))["expired"]
    await http("POST", "/clock/advance?account=a", {"seconds": 10})
    assert (await http("GET", f"/tokens/{id}"))["expired"]


async def test_unknown_tokens_are_not_found(http):
    await http.problem(404, "GET", "/tokens/1")
    await http.problem(404, "GET", "/tokens?account=nobody")
    for command in ("expire", "disable", "enable", "sessions/close"):
        await http.problem(404, "POST", f"/tokens/1/{command}")
    await http.problem(404, "POST", "/tokens/1/extend", {"never": True})


async def test_a_reset_of_tokens_forgets_their_sessions(http):
    id = allocate(http)
    session = enter(http, id)

    await http("POST", "/reset?only=tokens")

    assert (await http("GET", "/tokens"))["tokens"] == []
    assert http.bench.problem(session.id, account="ready") is None


async def test_a_reset_of_sessions_keeps_tokens_and_their_use(http):
    id = allocate(http)
    enter(http, id, lifetime=10)
    await advance(http, 20)
    enter(http, id)

    await http("POST", "/reset?only=sessions")

    token = await http("GET", f"/tokens/{id}")
    assert (token["sessions"], token["liveSessions"], token["usedSeconds"]) == ([], 0, 10)


async def history(world: World, token: str, query: str = "") -> httpx.Response:
    return await world.http.get(f"http://127.0.0.1/_mock/tokens/{token}/history?{query}")


async def test_the_history_of_a_token_has_what_all_its_sessions_made():
    async with a_world(memory_pixels=300_000, workshop_page_tasks=100) as world:
        user = await a_user(world)
        running = await a_user(world, user.token, subProduct="comfyui_api")
        drawn = (await user.finished(batch_size=2))["id"]
        form = {"workflow_id": "artistic_characters", "inputs": {"prompt": "a fox", "width": 256}}
        run = (await running.finished(**form))["id"]
        failed = (await user.finished(width=1024, height=1024))["id"]
        waiting = await user.draw(prompt="soon")
        whole = (await history(world, user.token)).json()
        first = (await history(world, user.token, "limit=3")).json()
        second = (await history(world, user.token, f"limit=3&before={first['next']}")).json()
        images = [
            (await world.http.get(url)).headers["content-type"]
            for url in whole["tasks"][3]["images"]
        ]
        other = (await history(world, (await a_user(world)).token)).json()

    tasks = whole["tasks"]
    assert [each["id"] for each in tasks] == [waiting, failed, run, drawn]
    assert [each["status"] for each in tasks] == ["waiting", "failed", "succeeded", "succeeded"]
    assert [each["product"] for each in tasks] == [
        "sd_webui",
        "sd_webui",
        "comfyui_api",
        "sd_webui",
    ]
    assert (tasks[2]["workflow"], tasks[3]["workflow"]) == ("artistic_characters", None)
    assert "out of memory" in tasks[1]["reason"]
    assert (tasks[0]["prompt"], tasks[0]["images"], tasks[0]["reason"]) == ("soon", [], None)
    assert images == ["image/png"] * 2
    assert (whole["next"], first["next"], second["next"]) == (None, run, None)
    assert first["tasks"] + second["tasks"] == tasks
    assert other == {"tasks": [], "next": None}


@pytest.mark.parametrize(
    ("token", "query", "status"),
    [
        (None, "limit=0", 400),
        (None, "limit=1001", 400),
        (None, "after=x", 400),
        ("nobody", "", 404),
    ],
)
async def test_a_history_that_cannot_be_listed_is_a_problem(token, query, status):
    async with a_world() as world:
        token = token or (await a_user(world)).token
        answer = await history(world, token, query)

    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"


async def test_listing_a_history_is_no_poll():
    async with a_world(progress="polls", polls=2) as world:
        user = await a_user(world)
        await user.draw()
        seen = [(await history(world, user.token)).json()["tasks"][0]["status"] for _ in range(4)]

    assert len(set(seen)) == 1
