"""One token, one user: browsers are told apart, warned, and taken along to the next session."""

from __future__ import annotations

import re

import pytest

from mock_server.tests.workshop.page_users import UserBrowser, a_user
from mock_server.tests.workshop.world import ORIGIN, a_world
from mock_server.workshop.pages.browsers import NOTICE


def second_browser(user):
    """Return another browser at the same page."""
    return UserBrowser(user.world, user.token, user.url)


async def notice(user):
    return (await user.state())["notice"]


def warnings(world):
    return [each for each in world.remarks() if "browsers at once" in each]


async def test_a_browser_gets_an_id_once_that_no_script_can_read():
    async with a_world() as world:
        user = await a_user(world)
        first, again = await user.open(), await user.open()

    cookie = first.headers["set-cookie"]
    assert re.fullmatch(
        r"studio_browser=[0-9a-f]{32}; Path=/; Max-Age=31536000; HttpOnly; SameSite=Lax", cookie
    )
    assert "set-cookie" not in again.headers


async def test_over_https_the_id_is_for_https_alone():
    async with a_world() as world:
        user = await a_user(world)
        answer = await user.http.get(ORIGIN.replace("http:", "https:") + user.path)

    assert answer.headers["set-cookie"].endswith("; Secure")


async def test_no_two_browsers_get_the_same_id():
    async with a_world() as world:
        user = await a_user(world)
        shown = {(await second_browser(user).open()).headers["set-cookie"] for _ in range(20)}

    assert len(shown) == 20


async def test_a_second_browser_is_warned_and_remarked_on_once():
    async with a_world() as world:
        ada = await a_user(world, name="ada")
        bob = second_browser(ada)
        await ada.open()
        alone = [await notice(ada), await notice(ada)]
        await bob.open()
        both = [await notice(each) for each in (bob, ada, bob, ada)]
        remarks = warnings(world)

    assert alone == ["", ""]
    assert both == [NOTICE] * 4
    assert remarks == [
        "the token of 'ada' is used by 2 browsers at once; it is meant for one end user"
    ]


async def test_a_browser_is_forgotten_after_some_time():
    async with a_world(workshop_shared_token=60) as world:
        ada = await a_user(world)
        bob = second_browser(ada)
        for each in (ada, bob):
            await each.open()
            await notice(each)
        told = []
        for _ in range(3):
            await world.advance(30)
            told.append(await notice(bob))

    assert told == [NOTICE, "", ""]


async def test_the_warning_can_be_turned_off():
    async with a_world(workshop_shared_token=0) as world:
        ada = await a_user(world)
        bob = second_browser(ada)
        for each in (ada, bob):
            await each.open()
        told = [await notice(ada), await notice(bob)]

    assert told == ["", ""]
    assert warnings(world) == []


@pytest.mark.parametrize("cookie", ["", "studio_browser=x", "a=b; studio_browser=" + "0" * 33])
async def test_a_browser_without_cookies_is_not_counted(cookie):
    async with a_world() as world:
        ada = await a_user(world)
        await ada.open()
        first = await notice(ada)
        answer = await world.http.get(f"{ada.path}/state", headers={"cookie": cookie})

    assert first == answer.json()["notice"] == ""


async def test_two_tokens_in_one_browser_give_no_warning():
    async with a_world() as world:
        ada, bob = await a_user(world), await a_user(world)
        bob.http = ada.http
        await ada.open()
        told = [await notice(each) for each in (ada, bob, ada, bob)]

    assert told == [""] * 4


# Going on after the end


async def over(user):
    """Return what the open page is told once its session is over."""
    answer = await user.get("state")
    assert answer.status_code == 403
    return answer.json()


async def test_an_open_page_goes_on_with_the_next_session_of_its_token():
    async with a_world() as world:
        user = await a_user(world)
        await user.open()
        await user.state()
        await world.advance(200_000)
        before = await over(user)
        renewed = await a_user(world, user.token)
        after = await over(user)
        page = await user.open()

    assert before["next"] is None
    assert after["next"] == f"../s/{renewed.path.rpartition('/')[2]}"
    assert page.status_code == 403


async def test_other_browsers_do_not_get_the_next_session():
    async with a_world() as world:
        user = await a_user(world)
        stranger, cookieless = second_browser(user), second_browser(user)
        await user.open()
        await user.state()
        await stranger.open()  # has a cookie, and has never been in
        await world.advance(200_000)
        await a_user(world, user.token)
        told = [(await over(each))["next"] for each in (stranger, cookieless)]

    assert told == [None, None]


async def test_a_setting_keeps_a_page_from_the_next_session():
    async with a_world(workshop_open_page="stay") as world:
        user = await a_user(world)
        await user.open()
        await user.state()
        await world.advance(200_000)
        await a_user(world, user.token)
        told = await over(user)

    assert told["next"] is None


async def test_a_session_of_the_other_product_is_not_the_next_one():
    async with a_world() as world:
        user = await a_user(world)
        await user.open()
        await user.state()
        await world.advance(200_000)
        await a_user(world, user.token, subProduct="comfyui_api")
        told = await over(user)

    assert told["next"] is None


async def test_a_disabled_token_has_no_next_session():
    async with a_world() as world:
        user = await a_user(world)
        await user.open()
        await user.state()
        await world.disable(user.token)
        told = await over(user)

    assert (told["why"], told["next"]) == ("disabled", None)
