"""Sessions as the integrator sees them, and every choice about them."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlsplit

import pytest

from mock_server.tests.workshop.world import NOW_MS, ORIGIN, World, a_world
from mock_server.workshop.sessions import Session

CREATE, REFRESH_OR_CREATE = "/scc/spCreateSession", "/scc/spRefreshOrCreateSession"
REFRESH, QUERY, DELETE = "/scc/spRefreshSession", "/scc/spQuerySession", "/scc/spDeleteSession"


async def a_token(world: World, **members: Any) -> str:
    token: str = (await world.data("/scc/allocate_token", members))["apiToken"]
    return token


async def url(world: World, path: str, token: str, **members: Any) -> str:
    session_url: str = (await world.data(path, {"apiToken": token, **members}))["sessionUrl"]
    return session_url


async def left(world: World, path: str, token: str, **members: Any) -> int:
    """Return the seconds left that a call answers."""
    data = await world.data(path, {"apiToken": token, **members})
    seconds: int = data["expiredInSeconds"]
    return seconds


async def code(world: World, path: str, token: str, **members: Any) -> str:
    """Return the code of a call that fails."""
    return (await world.refusal(path, {"apiToken": token, **members}))[0]


async def problem(world: World, session_url: str) -> str:
    """Return why a URL gives no access, or nothing."""
    answer = await world.http.get(f"{urlsplit(session_url).path}/state")
    why: str = answer.json().get("why", "")
    return why


@pytest.mark.parametrize("path", [CREATE, REFRESH_OR_CREATE])
async def test_a_session_is_made_with_every_default(path):
    async with a_world() as world:
        token = await a_token(world)
        data = await world.data(path, {"apiToken": token})

    session_url = data.pop("sessionUrl")
    assert data == {
        "expiredAt": NOW_MS + 3_600_000, "apiToken": token, "expiredInSeconds": 3600,
    }  # fmt: skip
    assert re.fullmatch(rf"{ORIGIN}/sd_webui/s/[0-9a-f]{{32}}", session_url)


@pytest.mark.parametrize(
    ("path", "members", "seconds"),
    [
        (CREATE, {"sessionMode": 20}, 86_400),
        (REFRESH_OR_CREATE, {"sessionMode": 20}, 86_400),
        (CREATE, {"sessionMode": 20, "expiredInSeconds": 7}, 7),
        (CREATE, {"subProduct": "comfyui_api"}, 3600),
        (CREATE, {"expiredInSeconds": 604_800}, 604_800),
        (CREATE, {"expiredInSeconds": None, "sessionMode": None, "subProduct": None}, 3600),
    ],
)
async def test_a_lifetime_is_that_of_the_call_or_of_its_mode(path, members, seconds):
    async with a_world() as world:
        assert await left(world, path, await a_token(world), **members) == seconds


async def test_seconds_left_are_counted_down_and_rounded_down():
    async with a_world() as world:
        token = await a_token(world)
        await url(world, CREATE, token)
        await world.advance(900.25)

        assert await left(world, QUERY, token) == 2699


@pytest.mark.parametrize("mode", [10, 20])
async def test_a_refresh_counts_from_now_whatever_the_mode_is_and_can_shorten(mode):
    async with a_world() as world:
        token = await a_token(world)
        first = await url(world, CREATE, token, sessionMode=mode, expiredInSeconds=9000)
        await world.advance(100)

        assert await left(world, REFRESH, token, expiredInSeconds=50) == 50
        assert await left(world, REFRESH, token) == 3600
        assert await url(world, REFRESH, token) == first


async def test_a_session_that_is_over_gives_no_access_and_the_next_one_has_another_url():
    async with a_world() as world:
        token = await a_token(world)
        first = await url(world, CREATE, token)
        await world.advance(3600)
        second = await url(world, CREATE, token)
        await world.data(DELETE, {"apiToken": token})
        third = await url(world, CREATE, token)

        assert [await problem(world, each) for each in (first, second, third)] == [
            "expired", "closed", "",
        ]  # fmt: skip
        assert len({first, second, third}) == 3
        assert await url(world, QUERY, token) == third


async def test_sub_products_and_gadgets_have_sessions_of_their_own():
    async with a_world() as world:
        token = await a_token(world)
        names: list[dict[str, str]] = [
            {}, {"subProduct": "comfyui_api"}, {"gadgetId": "g"}, {"gadgetId": "h"},
            {"subProduct": "comfyui_api", "gadgetId": "g"},
        ]  # fmt: skip
        urls = [await url(world, CREATE, token, **name) for name in names]

        assert [await url(world, QUERY, token, **name) for name in names] == urls
        assert len(set(urls)) == 5


async def test_session_calls_with_a_disabled_token_are_refused():
    async with a_world() as world:
        token = await a_token(world)
        first = await url(world, CREATE, token)
        await world.disable(token)

        for path in (CREATE, REFRESH_OR_CREATE, REFRESH, QUERY, DELETE):
            assert await code(world, path, token) == "TOKEN_DISABLED"
        assert await problem(world, first) == "disabled"


# Choices


@pytest.mark.parametrize(
    ("settings", "webui", "comfyui"),
    [
        ({}, f"{ORIGIN}/sd_webui/s/", f"{ORIGIN}/comfyui_api/s/"),
        (
            {"workshop_sd_webui_url": "https://ui.example/a/"},
            "https://ui.example/a/sd_webui/s/",
            f"{ORIGIN}/comfyui_api/s/",
        ),
        (
            {"workshop_comfyui_api_url": "http://ui.example:81"},
            f"{ORIGIN}/sd_webui/s/",
            "http://ui.example:81/comfyui_api/s/",
        ),
        (
            {"workshop_custom_domain": "draw.shop.example:8443"},
            "http://draw.shop.example:8443/sd_webui/s/",
            "http://draw.shop.example:8443/comfyui_api/s/",
        ),
        (
            {"workshop_sd_webui_url": "https://ui.example/a", "workshop_custom_domain": "d.e"},
            "https://d.e/a/sd_webui/s/",
            "http://d.e/comfyui_api/s/",
        ),
        (
            {"public_url": "https://mock.example"},
            "https://mock.example/sd_webui/s/",
            "https://mock.example/comfyui_api/s/",
        ),
    ],
)
async def test_w1_w43_a_url_begins_as_it_was_chosen(settings, webui, comfyui):
    async with a_world(**settings) as world:
        token = await a_token(world)

        assert (await url(world, CREATE, token)).startswith(webui)
        assert (await url(world, CREATE, token, subProduct="comfyui_api")).startswith(comfyui)


@pytest.mark.parametrize("choice", ["stable", "fresh"])
@pytest.mark.parametrize("path", [CREATE, REFRESH_OR_CREATE, REFRESH])
async def test_w2_a_url_stays_while_its_session_lives_or_is_a_new_one_each_time(choice, path):
    async with a_world(workshop_session_url=choice) as world:
        token = await a_token(world)
        first = await url(world, CREATE, token)
        second = await url(world, path, token)

        assert (first == second) == (choice == "stable")
        assert await url(world, QUERY, token) == second
        assert await problem(world, first) == ("" if choice == "stable" else "replaced")
        assert await problem(world, second) == ""


@pytest.mark.parametrize(("choice", "seconds"), [("replace", 60), ("keep", 3590)])
async def test_w3_a_second_create_replaces_or_returns_the_live_session(choice, seconds):
    async with a_world(workshop_second_session=choice) as world:
        token = await a_token(world)
        await url(world, CREATE, token)
        await world.advance(10)

        assert await left(world, CREATE, token, expiredInSeconds=60) == seconds
        assert await left(world, QUERY, token) == seconds


async def test_w3_a_second_create_is_refused_while_the_session_lives():
    async with a_world(workshop_second_session="refuse") as world:
        token = await a_token(world)
        await url(world, CREATE, token)

        assert await code(world, CREATE, token) == "SESSION_EXISTS"
        assert await left(world, REFRESH_OR_CREATE, token) == 3600
        await world.advance(3600)
        await url(world, CREATE, token)


async def test_w4_a_refresh_without_a_session_fails_or_makes_one():
    async with a_world() as world:
        assert await code(world, REFRESH, await a_token(world)) == "SESSION_NOT_FOUND"
    async with a_world(workshop_refresh_missing_session="create") as world:
        token = await a_token(world)
        assert await left(world, REFRESH, token, gadgetId="g", expiredInSeconds=5) == 5
        assert await left(world, QUERY, token, gadgetId="g") == 5
        assert await left(world, REFRESH, token) == 3600


async def test_w5_a_query_without_a_session_answers_null_or_fails():
    async with a_world() as world:
        assert await world.data(QUERY, {"apiToken": await a_token(world)}) is None
    async with a_world(workshop_missing_session="fail") as world:
        assert await code(world, QUERY, await a_token(world)) == "SESSION_NOT_FOUND"


async def test_w6_a_destroy_without_a_session_succeeds_or_fails():
    async with a_world() as world:
        assert await world.data(DELETE, {"apiToken": await a_token(world)}) is None
    async with a_world(workshop_delete_missing_session="fail") as world:
        token = await a_token(world)
        assert await code(world, DELETE, token) == "SESSION_NOT_FOUND"
        await url(world, CREATE, token)
        assert await world.data(DELETE, {"apiToken": token}) is None


@pytest.mark.parametrize("everything", [False, True])
async def test_w7_a_destroy_without_a_gadget_ends_those_of_gadgets_by_choice(everything):
    async with a_world(workshop_delete_all_gadgets=everything) as world:
        token = await a_token(world)
        gadget = await url(world, CREATE, token, gadgetId="g")
        other = await url(world, CREATE, token, gadgetId="g", subProduct="comfyui_api")
        await world.data(DELETE, {"apiToken": token})

        assert await problem(world, gadget) == ("closed" if everything else "")
        assert await problem(world, other) == ""
        await world.data(DELETE, {"apiToken": token, "gadgetId": "g", "subProduct": "comfyui_api"})
        assert await problem(world, other) == "closed"


@pytest.mark.parametrize(
    ("choice", "product"), [("given", "comfyui_api"), ("sd_webui", "sd_webui")]
)
async def test_w8_the_sub_product_of_a_gadgets_session_is_as_given_or_always_one(choice, product):
    async with a_world(workshop_gadget_sub_product=choice) as world:
        token = await a_token(world)
        comfyui = {"subProduct": "comfyui_api"}
        first = await url(world, CREATE, token, gadgetId="g", **comfyui)

        assert f"/{product}/s/" in first
        assert "/comfyui_api/s/" in await url(world, CREATE, token, **comfyui)
        found = await world.data(QUERY, {"apiToken": token, "gadgetId": "g"})
        assert (found is None) == (choice == "given")


@pytest.mark.parametrize(
    ("choice", "terms"), [("keep", ("old", "a", "time")), ("take", ("new", "b", "work"))]
)
async def test_w9_a_session_that_goes_on_keeps_its_options_or_takes_new_ones(choice, terms):
    async with a_world(workshop_live_session_terms=choice) as world:
        token = await a_token(world)
        await url(world, CREATE, token, roleId="old", customResourceConfigId="a")
        new = {"roleId": "new", "customResourceConfigId": "b", "sessionMode": 20}
        again = await url(world, REFRESH_OR_CREATE, token, **new)
        session = await world.kept(Session, again.rpartition("/")[2])

    assert session is not None
    assert (session.role, session.pools, session.metering) == terms


@pytest.mark.parametrize(
    ("choice", "live", "asked", "seconds"),
    [
        ("live", 20, 10, 86_400),
        ("live", 10, 20, 3600),
        ("call", 20, 10, 3600),
        ("call", 10, 20, 86_400),
        ("session", 20, 20, 3600),
    ],
)
async def test_w10_a_session_goes_on_for_the_default_of_the_mode_that_was_chosen(
    choice, live, asked, seconds
):
    async with a_world(workshop_refresh_lifetime=choice) as world:
        token = await a_token(world)
        await url(world, CREATE, token, sessionMode=live, expiredInSeconds=60)

        assert await left(world, REFRESH_OR_CREATE, token, sessionMode=asked) == seconds
        with_seconds = {"sessionMode": asked, "expiredInSeconds": 5}
        assert await left(world, REFRESH_OR_CREATE, token, **with_seconds) == 5


@pytest.mark.parametrize("path", [CREATE, REFRESH_OR_CREATE, REFRESH])
@pytest.mark.parametrize(
    ("settings", "wrong", "right"),
    [
        ({}, 0, 1),
        ({}, -1, 1),
        ({}, 604_801, 604_800),
        ({}, 2**62, 604_800),
        ({"workshop_longest_session": 10}, 11, 10),
        ({}, "60", 60),
        ({"workshop_digit_strings": "accept"}, "sixty", "60"),
        ({"workshop_digit_strings": "accept"}, "0", "060"),
    ],
)
async def test_w11_a_lifetime_is_a_whole_number_within_bounds(path, settings, wrong, right):
    async with a_world(**settings) as world:
        token = await a_token(world)
        if path == REFRESH:
            await url(world, CREATE, token, expiredInSeconds=5)
        refusal = await world.refusal(path, {"apiToken": token, "expiredInSeconds": wrong})

        assert refusal[0] == "INVALID_PARAM"
        assert refusal[1].startswith("expiredInSeconds must be")
        assert await left(world, path, token, expiredInSeconds=right) == int(right)


@pytest.mark.parametrize("path", [CREATE, REFRESH_OR_CREATE, REFRESH, QUERY, DELETE])
async def test_w13_session_calls_with_an_expired_token_are_refused_or_answered(path):
    for choice in ("refuse", "accept"):
        async with a_world(workshop_after_expiry=choice) as world:
            token = await a_token(world, tokenExpiredAt=NOW_MS + 10_000)
            await url(world, CREATE, token)
            await world.advance(10)

            if choice == "refuse":
                assert await code(world, path, token) == "TOKEN_EXPIRED"
            else:
                await world.data(path, {"apiToken": token})


@pytest.mark.parametrize(("cut", "seconds"), [(False, 3600), (True, 10)])
async def test_w13_a_session_is_cut_at_its_tokens_expiry_by_choice(cut, seconds):
    async with a_world(workshop_cut_sessions=cut) as world:
        token = await a_token(world, tokenExpiredAt=NOW_MS + 10_000)
        first = await url(world, CREATE, token)

        assert await left(world, QUERY, token) == seconds
        assert await left(world, REFRESH, token) == seconds
        await world.advance(10)
        assert await problem(world, first) == ("expired" if cut else "")


@pytest.mark.parametrize(
    ("settings", "member"),
    [({"workshop_roles": ("r",)}, "roleId"), ({"workshop_gadgets": ("r",)}, "gadgetId")],
)
async def test_w14_ids_that_are_not_listed_are_refused(settings, member):
    async with a_world() as world:
        await url(world, CREATE, await a_token(world), **{member: "any"})
    async with a_world(**settings) as world:
        token = await a_token(world)
        await url(world, CREATE, token, **{member: "r"})

        assert await code(world, CREATE, token, **{member: "any"}) == "NOT_IN_CATALOGUE"
        assert await code(world, REFRESH_OR_CREATE, token, **{member: "any"}) == "NOT_IN_CATALOGUE"
