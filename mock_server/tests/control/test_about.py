"""What the server says about itself, and about paths that do not exist."""

import subprocess
import sys

import pytest

from mock_server.tests.control.mock import PREFIX, Mock, a_client
from mock_server.tests.makers import NOW, an_account_service, run
from mock_server.web.pipeline import Operation


async def test_health_and_version(http):
    assert await http("GET", "/health") == {"status": "alive"}
    assert await http("GET", "/version") == {"name": "tams-mock", "version": "1.2.3"}


async def test_a_server_is_ready_once_the_ready_made_account_exists():
    accounts = an_account_service(is_open=False)
    async with a_client(Mock(accounts)) as http:
        assert (await http.problem(503, "GET", "/ready"))["type"].endswith(":not-ready")

        await accounts.open(NOW)

        assert await http("GET", "/ready") == {"status": "ready"}


LIGHT = """
import asyncio, sys
from mock_server.tests.control.mock import a_client

async def main():
    async with a_client() as http:
        for path in ("/health", "/ready", "/version"):
            await http("GET", path)
        assert "mock_server.web.json_bodies" not in sys.modules
        await http("GET", "/clock")
        assert "mock_server.web.json_bodies" in sys.modules

asyncio.run(main())
"""


def test_neither_the_start_nor_a_probe_loads_the_bodies_of_all_operations():
    ran = subprocess.run([sys.executable, "-c", LIGHT], capture_output=True, check=False, text=True)

    assert ran.returncode == 0, ran.stderr


async def test_settings_and_facts_are_those_of_the_server(http):
    assert await http("GET", "/settings") == {"settings": [{"name": "port", "value": 8080}]}
    (fact,) = (await http("GET", "/fidelity"))["facts"]
    assert fact == {
        "subject": "a",
        "behaviour": "b",
        "source": "unknown",
        "reference": "U1",
        "setting": "toy_a",
        "alternatives": None,
    }


async def test_routes_list_the_vendors_first_and_then_the_control_api(http):
    first, *own = (await http("GET", "/routes"))["routes"]

    assert first["surface"] == "toy"
    assert {route["surface"] for route in own} == {"control"}
    assert len(own) == len(http.mock.control.operations)


async def test_an_unknown_path_is_answered_with_similar_ones(http):
    problem = await http.problem(404, "GET", "/acounts")

    assert f"did you mean {PREFIX}/accounts" in problem["detail"]
    assert problem["near"][0] == f"{PREFIX}/accounts"


async def test_a_wrong_method_is_answered_with_the_allowed_ones(http):
    answer = await http.raw("PATCH", "/clock")

    assert answer.status_code == 405
    assert set(answer.headers["allow"].split(", ")) == {"GET", "PUT", "HEAD"}


async def test_head_is_answered_as_get(http):
    assert (await http.raw("HEAD", "/health")).status_code == 200


def test_the_account_of_the_ready_block_has_the_fields_of_a_new_account():
    from mock_server.control.api import account_body

    account = run(an_account_service().find("ready"))
    body = account_body(account, account.opening)

    assert body["balance"] == 100
    assert {"id", "appId", "privateKey", "publicKey", "accessToken", "appKey"} <= body.keys()


async def hello(call):
    return {"hello": call.params["name"]}


async def test_vendors_contribute_operations():
    operation = Operation("GET", "/_mock/toys/{name}", hello, "Say hello")
    async with a_client(Mock(vendor_operations=lambda: [operation])) as http:
        assert await http("GET", "/toys/ada") == {"hello": "ada"}
        assert "/_mock/toys/{name}" in (await http("GET", "/openapi.json"))["paths"]
        await http.problem(404, "GET", "/toys")


@pytest.mark.parametrize("path", ["/_mock/clock", "/_mock/clocks"])
def test_two_operations_with_one_path_or_name_are_an_error(path):
    async def get_clock(call): ...

    mock = Mock(vendor_operations=lambda: [Operation("GET", path, get_clock)])

    with pytest.raises(ValueError, match="get_clock"):
        mock.control.operations  # noqa: B018 - reading it builds it


async def test_what_the_server_began_with_is_listed(http):
    seeds = await http("GET", "/seeds")

    assert seeds["catalogue"] == {"toy": {"blocks": ["red", "blue"]}}
    account = await http("GET", f"/accounts/{seeds['account']}")
    assert (account["readyMade"], account["seed"]) == (True, seeds["accountSeed"])
