"""End users' tokens and sessions, looked at and ended by the keeper of the mock."""

import pytest

from mock_server.core.session_service import WhenLive
from mock_server.core.sessions import Metering, SessionOptions, SessionSlot
from mock_server.tests.makers import NOW

WEB, FLOW = SessionSlot("web"), SessionSlot("flow", "brush")


async def allocate(http, account="ready", **wish):
    mock = http.mock
    owner = await mock.account_service.find(account)
    now = await mock.account_service.job_service.now(owner, mock.wall)
    return (await mock.session_service.allocate(owner, now, **wish)).id


async def enter(http, token, session_slot=WEB, lifetime=60.0, **terms):
    session_service = http.mock.session_service
    owner = await http.mock.account_service.find(await session_service.owner_of(token))
    now = await http.mock.account_service.job_service.now(owner, http.mock.wall)
    return await session_service.open(
        owner,
        token,
        session_slot,
        SessionOptions(lifetime, **terms),
        now,
        when_live=WhenLive.REPLACE,
        again=lambda live: lifetime,
    )


async def advance(http, seconds):
    return (await http("POST", "/clock/advance", {"seconds": seconds}))["fired"]


async def test_tokens_are_listed_with_the_newest_first(http):
    await http("POST", "/accounts", {"id": "a"})
    ids = [await allocate(http, account) for account in ("ready", "a", "ready")]

    tokens = (await http("GET", "/tokens"))["tokens"]

    assert [token["id"] for token in tokens] == ids[::-1]
    assert [each["id"] for each in (await http("GET", "/tokens?account=a"))["tokens"]] == [ids[1]]
    assert [each["id"] for each in (await http("GET", "/tokens?limit=1"))["tokens"]] == [ids[2]]


async def test_tokens_are_found_by_name(http):
    id = await allocate(http, name="ada")
    await allocate(http, name="bob")

    (token,) = (await http("GET", "/tokens?name=ada"))["tokens"]

    assert (token["id"], token["name"]) == (id, "ada")


async def test_a_token_is_shown_as_it_stands_now(http):
    id = await allocate(http, name="ada", expires_at=NOW + 100, role="painter")
    await enter(http, id, lifetime=10)
    await enter(http, id, FLOW, lifetime=60)
    await advance(http, 30)

    token = await http("GET", f"/tokens/{id}")

    assert (token["account"], token["name"], token["role"]) == ("ready", "ada", "painter")
    assert (token["made"]["at"], token["expires"]["at"]) == (NOW, NOW + 100)
    assert (token["expired"], token["disabled"]) == (False, False)
    assert (token["usedSeconds"], token["openSeconds"], token["liveSessions"]) == (10, 30, 1)


async def test_a_tokens_sessions_are_shown_with_why_they_are_over(http):
    id = await allocate(http)
    first = await enter(http, id, lifetime=10)
    await enter(http, await allocate(http), lifetime=10)
    await advance(http, 20)
    second = await enter(http, id, FLOW, metering=Metering.WORK, role="r", pools="p")

    flow, web = (await http("GET", f"/tokens/{id}"))["sessions"]

    assert (web["id"], web["state"], web["ended"]["at"]) == (first.id, "expired", NOW + 10)
    assert (flow["id"], flow["state"], flow["ended"]) == (second.id, "live", None)
    assert (flow["product"], flow["gadget"], flow["metering"]) == ("flow", "brush", "work")
    assert (flow["role"], flow["pools"], flow["secondsLeft"]) == ("r", "p", 60)
    assert (web["gadget"], web["role"], web["pools"]) == (None, None, None)


async def test_a_token_that_is_expired_by_hand_is_expired(http):
    id = await allocate(http)

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
    id = await allocate(http, expires_at=expires_at)

    token = await http("POST", f"/tokens/{id}/extend", body)

    assert token["expires"]["at"] == expected
    assert not token["expired"]


async def test_a_token_can_be_good_for_ever(http):
    id = await allocate(http, expires_at=NOW - 1)

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
async def test_an_extension_that_makes_no_sense_is_refused(http, status, body):
    id = await allocate(http, expires_at=NOW + 50)

    await http.problem(status, "POST", f"/tokens/{id}/extend", body)

    assert (await http("GET", f"/tokens/{id}"))["expires"]["at"] == NOW + 50


async def test_a_token_is_switched_off_and_on(http):
    id = await allocate(http)
    session = await enter(http, id)

    off = await http("POST", f"/tokens/{id}/disable")
    barred = await http.mock.session_service.session_access(session.id, NOW)
    on = await http("POST", f"/tokens/{id}/enable")
    session_access = await http.mock.session_service.session_access(session.id, NOW)

    assert (off["disabled"], on["disabled"]) == (True, False)
    assert (barred.problem, session_access.problem) == ("disabled", "")
    assert off["sessions"][0]["state"] == "live"


async def test_the_sessions_of_one_token_are_closed(http):
    one, other = await allocate(http), await allocate(http)
    ids = [(await enter(http, one, session_slot)).id for session_slot in (WEB, FLOW)]
    await enter(http, other)
    await advance(http, 5)

    closed = (await http("POST", f"/tokens/{one}/sessions/close"))["sessions"]

    assert [session["id"] for session in closed] == ids[::-1]
    assert {session["state"] for session in closed} == {"closed"}
    assert (await http("GET", f"/tokens/{one}"))["usedSeconds"] == 10
    assert (await http("GET", f"/tokens/{other}"))["liveSessions"] == 1
    assert (await http("POST", f"/tokens/{one}/sessions/close"))["sessions"] == []


async def test_the_clock_tells_of_tokens_and_sessions_that_expire(http):
    id = await allocate(http, expires_at=NOW + 20)
    session = await enter(http, id, lifetime=10)

    fired = [*await to_the_next(http), *await to_the_next(http), *await to_the_next(http)]

    assert [(each["kind"], each["id"], each["state"], each["at"]) for each in fired] == [
        ("session", session.id, "expired", NOW + 10),
        ("token", id, "expired", NOW + 20),
    ]


async def to_the_next(http):
    return (await http("POST", "/clock/advance", {"next": True}))["fired"]


async def test_each_world_has_its_own_time_for_its_tokens(http):
    await http("POST", "/accounts", {"id": "a", "clock": {"start": 1000, "frozen": True}})
    id = await allocate(http, "a", expires_at=1010.0)
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


async def test_a_reset_of_tokens_takes_their_sessions_along(http):
    id = await allocate(http)
    session = await enter(http, id)

    await http("POST", "/reset?only=tokens")

    assert (await http("GET", "/tokens"))["tokens"] == []
    assert await http.mock.session_service.session_access(session.id, NOW) is None


async def test_a_reset_of_sessions_leaves_tokens_with_their_use(http):
    id = await allocate(http)
    await enter(http, id, lifetime=10)
    await advance(http, 20)
    await enter(http, id)

    await http("POST", "/reset?only=sessions")

    token = await http("GET", f"/tokens/{id}")
    assert (token["sessions"], token["liveSessions"], token["usedSeconds"]) == ([], 0, 10)
