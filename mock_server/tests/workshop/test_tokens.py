"""Tokens as the integrator sees them, and every choice about them."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from mock_server.core.account_service import AccountSpec
from mock_server.tests.workshop.world import NOW_MS, World, a_world
from mock_server.workshop.tokens import Token

ALLOCATE, QUERY, PUT = "/scc/allocate_token", "/scc/spQueryToken", "/scc/sp_put_user_state"
CREATE, DELETE = "/scc/spCreateSession", "/scc/spDeleteSession"
HOUR_MS = 3_600_000


async def allocate(world: World, **members: Any) -> str:
    token: str = (await world.data(ALLOCATE, members))["apiToken"]
    return token


async def used(world: World, token: str) -> int:
    seconds: int = (await world.data(QUERY, {"apiToken": token}))["usedSessionTimeInSeconds"]
    return seconds


async def attached(world: World, token: str) -> tuple[str, str, str]:
    kept = await world.kept(Token, token)
    assert kept is not None
    return kept.role, kept.model, kept.vae


@pytest.mark.parametrize(
    ("settings", "status"),
    [({}, 10), ({"strict": True}, 20), ({"strict": True, "workshop_unique_names": False}, 10)],
)
async def test_strict_refuses_a_second_token_with_one_name(settings, status):
    async with a_world(**settings) as world:
        await allocate(world, name="ada")
        second = await world.post(ALLOCATE, {"name": "ada"})

    assert second["status"] == status


@pytest.mark.parametrize("body", [None, b"null", b"", {}, {"name": None, "tokenExpiredAt": None}])
async def test_a_token_is_made_without_any_parameter(body):
    async with a_world() as world:
        data = await world.data(ALLOCATE, body)

    assert data.keys() == {"apiToken", "tokenExpiredAt", "usedSessionTimeInSeconds"}
    assert (data["tokenExpiredAt"], data["usedSessionTimeInSeconds"]) == (None, 0)
    assert data["apiToken"].startswith("01kf0ap900")  # the moment, as a ULID


async def test_a_token_is_found_again_with_its_expiry():
    async with a_world() as world:
        made = await world.data(ALLOCATE, {"name": "a", "tokenExpiredAt": NOW_MS + 1234})

        assert await world.data(QUERY, {"apiToken": made["apiToken"]}) == made
    assert made["tokenExpiredAt"] == NOW_MS + 1234


async def test_an_expired_token_can_still_be_queried():
    async with a_world() as world:
        token = await allocate(world, tokenExpiredAt=NOW_MS + 1000)
        await world.advance(2)

        assert (await world.data(QUERY, {"apiToken": token}))["tokenExpiredAt"] == NOW_MS + 1000


async def test_another_accounts_token_does_not_exist():
    async with a_world() as world:
        token = await allocate(world)
        other = await world.app.accounts.create(AccountSpec(id="other"), 0.0)
        as_other = {"x-ca-key": other.credentials.key}

        for path in (QUERY, PUT, CREATE, DELETE):
            code, _ = await world.refusal(path, {"apiToken": token}, headers=as_other)
            assert code == "TOKEN_NOT_FOUND"


async def test_what_is_attached_is_kept_and_answered_without_data():
    async with a_world() as world:
        token = await allocate(world, sceneRoleId="painter")
        state = {"apiToken": token, "sdCheckpointFileId": "m", "sdVae": "v"}

        assert await world.data(PUT, state) is None
        assert await attached(world, token) == ("painter", "m", "v")


# Choices


async def refused(world: World, path: str = ALLOCATE, **members: Any) -> str:
    """Return the message of a call that is refused."""
    return (await world.refusal(path, members))[1]


@pytest.mark.parametrize(
    ("settings", "expiry"),
    [
        ({"workshop_past_expiry": "accept"}, NOW_MS - 1),
        ({"workshop_past_expiry": "accept", "workshop_short_expiry": "accept"}, 1_768_464_000),
        ({"workshop_past_expiry": "accept", "workshop_short_expiry": "accept"}, 0),
    ],
)
async def test_w12_an_expiry_that_looks_wrong_is_accepted_by_choice(settings, expiry):
    async with a_world(**settings) as world:
        data = await world.data(ALLOCATE, {"tokenExpiredAt": expiry})

    assert data["tokenExpiredAt"] == expiry


@pytest.mark.parametrize(
    ("settings", "expiry", "words"),
    [
        ({}, NOW_MS, "must be in the future"),
        ({}, NOW_MS - 1, "must be in the future"),
        ({"workshop_short_expiry": "accept"}, 1_768_464_000, "must be in the future"),
        ({}, 1_768_464_000, "13 digits"),
        ({"workshop_past_expiry": "accept"}, 1_768_464_000, "13 digits"),
        ({"workshop_past_expiry": "accept"}, -1, "1970"),
        ({}, 32_503_680_001_000, "2999"),
        ({}, 2**63 - 1, "2999"),
    ],
)
async def test_w12_an_expiry_that_looks_wrong_is_refused_otherwise(settings, expiry, words):
    async with a_world(**settings) as world:
        told = await refused(world, tokenExpiredAt=expiry)

    assert told.startswith("tokenExpiredAt")
    assert words in told


async def test_w14_any_role_is_accepted_unless_roles_are_listed():
    async with a_world() as world:
        token = await allocate(world, sceneRoleId="any")
        await world.data(PUT, {"apiToken": token, "sceneRoleId": "other"})
    async with a_world(workshop_roles=("painter",)) as world:
        token = await allocate(world, sceneRoleId="painter")

        assert "sceneRoleId 'any'" in await refused(world, sceneRoleId="any")
        assert "'any'" in await refused(world, PUT, apiToken=token, sceneRoleId="any")
        assert await attached(world, token) == ("painter", "", "")


@pytest.mark.parametrize(("choice", "seconds"), [("ended", 0), ("live", 50)])
async def test_w16_the_time_of_an_open_session_counts_by_choice(choice, seconds):
    async with a_world(workshop_used_time=choice) as world:
        token = await allocate(world)
        await world.data(CREATE, {"apiToken": token, "expiredInSeconds": 100})
        await world.data(CREATE, {"apiToken": token, "gadgetId": "g", "sessionMode": 20})
        await world.advance(50)

        assert await used(world, token) == seconds
        await world.advance(100)
        assert await used(world, token) == 100
        await world.data(DELETE, {"apiToken": token, "gadgetId": "g"})
        assert await used(world, token) == 100


@pytest.mark.parametrize(
    ("choice", "left"), [("clear", ("", "m", "")), ("keep", ("painter", "m", "v"))]
)
async def test_w17_an_empty_text_clears_or_keeps_and_null_keeps(choice, left):
    async with a_world(workshop_empty_attachment=choice) as world:
        token = await allocate(world, sceneRoleId="painter")
        await world.data(PUT, {"apiToken": token, "sdCheckpointFileId": "m", "sdVae": "v"})
        await world.data(
            PUT, {"apiToken": token, "sceneRoleId": "", "sdCheckpointFileId": None, "sdVae": ""}
        )

        assert await attached(world, token) == left


async def test_w18_a_name_is_given_twice_unless_it_is_to_be_unique():
    async with a_world() as world:
        assert await allocate(world, name="shop") != await allocate(world, name="shop")
    async with a_world(workshop_unique_names=True) as world:
        await allocate(world, name="shop")
        await allocate(world)
        await allocate(world)
        code, words = await world.refusal(ALLOCATE, {"name": "shop"})
        at_once = await asyncio.gather(*(world.post(ALLOCATE, {"name": "x"}) for _ in range(5)))

    assert code == "CONFLICT"
    assert "'shop'" in words
    assert sorted(answer["status"] for answer in at_once) == [10, 20, 20, 20, 20]


@pytest.mark.parametrize(("settings", "longest"), [({}, 128), ({"workshop_longest_name": 5}, 5)])
async def test_w18_the_length_of_a_name_is_limited(settings, longest):
    async with a_world(**settings) as world:
        await allocate(world, name="名" * longest)

        assert f"{longest} characters" in await refused(world, name="名" * (longest + 1))


@pytest.mark.parametrize("status", [200, 400, 403, 404, 409, 422, 500])
async def test_w21_a_failure_has_the_status_that_was_chosen(status):
    async with a_world(workshop_failure_status=status) as world:
        failure = await world.call(QUERY, {"apiToken": "x"})
        success = await world.call(ALLOCATE)

    assert (failure.status_code, success.status_code) == (status, 200)
    assert failure.json()["subErrCode"] == "TOKEN_NOT_FOUND"


@pytest.mark.parametrize("body", [b"{", b"[]", b"\xff", b'{"name": NaN}'])
async def test_w22_the_service_or_the_gateway_refuses_a_body_that_is_not_json(body):
    async with a_world() as world:
        enveloped = await world.refusal(ALLOCATE, body)
    async with a_world(workshop_broken_json="gateway") as world:
        turned_away = await world.call(ALLOCATE, body)
        wrong = await world.refusal(ALLOCATE, {"name": 5})

    assert enveloped[0] == "INVALID_BODY"
    assert (turned_away.status_code, turned_away.content) == (400, b"")
    assert turned_away.headers["x-ca-error-code"] == "I400BD"
    assert wrong == ("INVALID_PARAM", "name must be a string, found a number")
