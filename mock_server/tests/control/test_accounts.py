"""Accounts through the control API."""

import subprocess
import sys

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from msgspec.structs import replace

from mock_server.tams.key_pairs import key_pair
from mock_server.tests.control.mock import Mock, a_client
from mock_server.tests.makers import NOW, an_account_service

CREDENTIALS = {"appId", "privateKey", "publicKey", "accessToken", "appKey", "appSecret"}


async def test_every_option_of_an_account_has_a_default(http):
    answer = await http.raw("POST", "/accounts")

    assert answer.status_code == 201
    account = answer.json()
    assert account["id"] == "account-1"
    assert account["balance"] == 100
    assert all(account[name] for name in CREDENTIALS)
    assert account["limits"] == {"qps": 5, "window": 1.0, "rateLimit": "on"}
    assert account["clock"] is account["progress"] is account["slots"] is None


async def test_an_account_is_created_with_its_options(http):
    options = {
        "id": "mine",
        "name": "Mine & Co",
        "balance": 12.5,
        "seed": 42,
        "progress": "polls",
        "slots": 3,
        "eventsUrl": "http://127.0.0.1:9/events",
        "appId": "app",
        "accessToken": "token",
        "appKey": "key",
        "appSecret": "secret",
    }
    clock = {"start": "2026-01-15T08:00:00Z", "frozen": True}
    account = await http(
        "POST", "/accounts", {**options, "qps": 2, "rateLimit": "shadow", "clock": clock}
    )

    assert account == {**account, **options}
    assert account["limits"] == {"qps": 2, "window": 1.0, "rateLimit": "shadow"}
    assert account["clock"] == {
        "setTo": 1_768_464_000,
        "iso": "2026-01-15T08:00:00Z",
        "rate": 0,
        "frozen": True,
    }


async def test_an_account_with_its_own_public_key_has_no_private_one(http):
    account = await http("POST", "/accounts", {"publicKey": "PUBLIC KEY"})

    assert account["publicKey"] == "PUBLIC KEY"
    assert account["privateKey"] is None


async def test_an_unreadable_public_key_is_refused_with_a_reason(http):
    problem = await http.problem(422, "POST", "/accounts", {"publicKey": "what?"})

    assert problem["errors"] == [
        {"pointer": "#/publicKey", "detail": "the public key cannot be read"}
    ]
    assert len((await http("GET", "/accounts"))["accounts"]) == 1


async def test_a_taken_id_or_credential_is_a_conflict(http):
    await http("POST", "/accounts", {"id": "a", "appId": "app"})

    await http.problem(409, "POST", "/accounts", {"id": "a"})
    await http.problem(409, "POST", "/accounts", {"appId": "app"})


async def test_generated_ids_skip_those_that_exist(http):
    await http("POST", "/accounts", {"id": "account-2"})

    made = [(await http("POST", "/accounts"))["id"] for _ in range(2)]

    assert made == ["account-3", "account-4"]


@pytest.mark.parametrize(
    ("body", "pointer", "words"),
    [
        ({"balanse": 1}, "#/balanse", "did you mean 'balance'?"),
        ({"clock": {"rat": 1}}, "#/clock/rat", "did you mean 'rate'?"),
        ({"balance": "100"}, "#/balance", "must be a number of credits"),
        ({"balance": -1}, "#/balance", "greater than or equal to 0"),
        ({"balance": -1e-30}, "#/balance", "greater than or equal to 0"),
        ({"qps": "5"}, "#/qps", 'found "5"'),
        ({"qps": 2.5}, "#/qps", "found 2.5"),
        ({"qps": True}, "#/qps", "found true"),
        ({"progress": "fast"}, "#/progress", "'instant', 'time', 'polls' or 'manual'"),
        ({"id": "a/b"}, "#/id", "match pattern"),
        ({"id": "server"}, "#/id", "'server'"),
        ({"clock": {"start": "yesterday"}}, "#/clock/start", "ISO 8601"),
        ({"clock": {"rate": 2, "frozen": True}}, "#/clock", "frozen"),
        ({"clock": 5}, "#/clock", "found 5"),
    ],
)
async def test_the_error_points_at_an_invalid_option(http, body, pointer, words):
    (error,) = (await http.problem(400, "POST", "/accounts", body))["errors"]

    assert error["pointer"] == pointer
    assert words in error["detail"]


async def test_refused_secrets_are_not_repeated(http):
    answer = await http.raw("POST", "/accounts", {"accessToken": "my secret words"})

    assert answer.status_code == 400
    assert "my secret words" not in answer.text


async def test_null_means_left_out(http):
    account = await http("POST", "/accounts", {"balance": None, "qps": 5.0, "clock": None})

    assert account["balance"] == 100


async def test_accounts_are_listed_and_found(http):
    await http("POST", "/accounts", {"id": "a", "name": "A"})

    listed = (await http("GET", "/accounts"))["accounts"]

    assert [account["id"] for account in listed] == ["a", "ready"]
    assert await http("GET", "/accounts/a") == listed[0]
    assert listed[0]["name"] == "A"
    await http.problem(404, "GET", "/accounts/b")


async def test_generated_names_follow_from_the_seed(http):
    for id in ("a", "b"):
        assert (await http("POST", "/accounts", {"id": id, "seed": 5}))["name"] is None

    b, a, _ = (await http("GET", "/accounts"))["accounts"]

    assert a["name"] == b["name"] != ""


async def test_a_deleted_account_takes_its_requests_and_pictures_along(http):
    await http("POST", "/accounts", {"id": "a"})
    for id in ("a", "ready"):
        await http.vendor("GET", "/toy", headers={"x-account": id})

    assert await http("DELETE", "/accounts/a") is None

    await http.problem(404, "GET", "/accounts/a")
    assert [entry["account"] for entry in (await http("GET", "/requests"))["requests"]] == ["ready"]
    assert http.mock.forgotten == ["a"]


async def test_the_ready_made_account_cannot_be_deleted(http):
    await http("POST", "/accounts")

    await http.problem(409, "DELETE", "/accounts/ready")
    assert await http("DELETE", "/accounts") == {"deleted": 1}
    assert [each["id"] for each in (await http("GET", "/accounts"))["accounts"]] == ["ready"]


async def test_limits_are_changed_one_by_one(http):
    assert await http("PUT", "/accounts/ready/limits", {"qps": 9}) == {
        "qps": 9,
        "window": 1.0,
        "rateLimit": "on",
    }
    await http("PUT", "/accounts/ready/limits", {"rateLimit": "off", "window": 0.5})

    expected = {"qps": 9, "window": 0.5, "rateLimit": "off"}
    unused = {"counts": None, "qps": 9, "seconds": 0.5, "used": 0, "next": None}
    assert await http("GET", "/accounts/ready/limits") == expected | {"windows": [unused]}
    assert (await http("GET", "/accounts/ready"))["limits"] == expected


async def test_no_key_pair_is_generated_for_an_account(monkeypatch):
    def generate(*args, **options):
        raise AssertionError("a key pair was generated")

    monkeypatch.setattr(rsa, "generate_private_key", generate)
    accounts = an_account_service(is_open=False)
    keys: list[int] = []

    def keys_of(number: int) -> tuple[str, str]:
        keys.append(number)
        pair = key_pair(number)
        return pair.private_pem, pair.public_pem

    accounts.defaults = replace(accounts.defaults, keys=keys_of, keep_accounts=500)
    await accounts.open(NOW)
    async with a_client(Mock(accounts)) as http:
        made = [await http("POST", "/accounts") for _ in range(200)]

    assert keys == list(range(201))
    assert all(account["privateKey"].startswith("-----BEGIN PRIVATE KEY") for account in made)
    for name in ("id", "appId", "accessToken", "appKey", "appSecret"):
        assert len({account[name] for account in made}) == 200


LAZY = """
import asyncio, sys
from mock_server.tests.control.mock import a_client

async def main():
    async with a_client() as http:
        await http("POST", "/accounts")
        assert "faker" not in sys.modules, "making an account imports faker"
        await http("GET", "/accounts")
        assert "faker" in sys.modules

asyncio.run(main())
"""


def test_names_are_generated_when_they_are_shown():
    ran = subprocess.run([sys.executable, "-c", LAZY], capture_output=True, check=False, text=True)

    assert ran.returncode == 0, ran.stderr
