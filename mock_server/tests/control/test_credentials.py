"""Credentials that change while clients use them."""

import pytest

from mock_server.tests.tams.world import BEARER, a_world, text_to_image

BASE = "http://127.0.0.1/_mock/accounts"


async def change(world, what, body, id="default", status=200):
    answer = await world.http.post(f"{BASE}/{id}/credentials/{what}", json=body)
    assert answer.status_code == status, answer.text
    return answer.json()


async def status(world, headers=BEARER):
    return (await world.call("GET", "/v1/models/600423083519508503", headers=headers)).status_code


async def test_a_rotated_token_works_and_the_old_one_does_not():
    async with a_world() as world:
        job = await world.submit()
        old = (await world.http.get(f"{BASE}/default")).json()

        new = await change(world, "rotate", {"accessToken": True})

        assert new["accessToken"] != old["accessToken"]
        assert old | {"accessToken": new["accessToken"]} == new
        assert await status(world) == 404  # as for a token that no app ever had
        bearer = {"authorization": f"Bearer {new['accessToken']}"}
        assert await status(world, bearer) == 200
        again = await world.call("GET", f"/v1/jobs/{job['id']}", headers=bearer)
        assert again.status_code == 200
        assert (await change(world, "rotate", {"accessToken": True})) != new


async def test_one_can_choose_the_new_credentials():
    async with a_world() as world:
        chosen = {"appId": "mine", "accessToken": "t", "appKey": "k", "appSecret": "s"}

        new = await change(world, "rotate", chosen)

        assert chosen.items() <= new.items()
        assert await status(world, {"authorization": "Bearer t"}) == 200


async def test_a_rotated_key_pair_is_another_accounts_at_no_time():
    async with a_world() as world:
        old = (await world.http.get(f"{BASE}/default")).json()
        new = await change(world, "rotate", {"publicKey": True})
        other = (await world.http.post(BASE, json={})).json()

        keys = {each["publicKey"] for each in (old, new, other)}
        assert len(keys) == 3
        assert new["privateKey"] != old["privateKey"]


@pytest.mark.parametrize("credential", ["accessToken", "appId", "appKey", "publicKey"])
async def test_a_revoked_credential_is_refused_and_a_reset_brings_it_back(credential):
    async with a_world() as world:
        old = (await world.http.get(f"{BASE}/default")).json()
        job = await world.submit()

        new = await change(world, "revoke", {"credentials": [credential]})

        assert not new[credential]
        assert await status(world) == (404 if credential == "accessToken" else 200)
        assert (await world.http.get(f"http://127.0.0.1/_mock/jobs/{job['id']}")).is_success
        await world.http.post("http://127.0.0.1/_mock/reset?account=default")
        assert (await world.http.get(f"{BASE}/default")).json() == old
        assert await status(world) == 200


async def test_a_credential_of_another_account_is_refused_and_changes_nothing():
    async with a_world() as world:
        other = (await world.http.post(BASE, json={"id": "ada"})).json()
        before = (await world.http.get(f"{BASE}/default")).json()

        await change(world, "rotate", {"accessToken": other["accessToken"]}, status=409)
        await change(world, "revoke", {"credentials": ["accessToken"]}, id="ada")
        # It stays reserved, so that a reset of its account can bring it back.
        await change(world, "rotate", {"accessToken": other["accessToken"]}, status=409)

        assert (await world.http.get(f"{BASE}/default")).json() == before


@pytest.mark.parametrize(
    ("what", "body"),
    [
        ("rotate", {}),
        ("rotate", {"accessToken": False}),
        ("rotate", {"publicKey": "no key"}),
        ("revoke", {"credentials": []}),
        ("revoke", {"credentials": ["appSecret"]}),
    ],
)
async def test_invalid_changes_are_refused(what, body):
    async with a_world() as world:
        refused = 422 if "publicKey" in body else 400
        await change(world, what, body, status=refused)


async def test_an_unknown_account_has_no_credentials():
    async with a_world() as world:
        await change(world, "rotate", {"accessToken": True}, "nobody", 404)
        await change(world, "revoke", {"credentials": ["appKey"]}, "nobody", 404)


async def test_a_signature_with_a_revoked_key_is_refused_and_explained():
    async with a_world() as world:
        await change(world, "revoke", {"credentials": ["publicKey"]})
        header = {
            "authorization": "TAMS-SHA256-RSA app_id=mockApp01,nonce_str=n,"
            "timestamp=1768464000,signature=AAAA"
        }

        answer = await world.call("POST", "/v1/jobs", text_to_image(), headers=header)

        assert answer.status_code == 401
        assert "public key" in answer.json()["tips"]
