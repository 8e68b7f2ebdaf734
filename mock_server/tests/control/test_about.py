"""What the server tells about itself."""

import subprocess
import sys

from mock_server.control.operations import PREFIX
from mock_server.core.account_service import AccountService, AccountSpec
from mock_server.tests.control.mock import Mock, a_client
from mock_server.tests.makers import NOW, a_job_service, run, some_worlds


async def test_health_and_version_are_told(http):
    assert await http("GET", "/health") == {"status": "alive"}
    assert await http("GET", "/version") == {"name": "tams-mock", "version": "1.2.3"}


async def test_ready_is_a_problem_until_the_seeded_start_is_laid_out():
    account_service = AccountService(
        a_job_service(), some_worlds().defaults, AccountSpec(id="ready", ready_made=True)
    )
    async with a_client(Mock(account_service)) as http:
        assert (await http.problem(503, "GET", "/ready"))["type"].endswith(":not-ready")

        await account_service.open(NOW)

        assert await http("GET", "/ready") == {"status": "ready"}


LIGHT = """
import asyncio, sys
from mock_server.tests.control.mock import a_client

async def main():
    async with a_client() as http:
        for path in ("/health", "/ready", "/version"):
            await http("GET", path)
        assert "mock_server.control.shapes" not in sys.modules
        await http("GET", "/clock")
        assert "mock_server.control.shapes" in sys.modules

asyncio.run(main())
"""


def test_a_server_is_ready_before_the_shapes_of_all_bodies_are_loaded():
    ran = subprocess.run([sys.executable, "-c", LIGHT], capture_output=True, check=False, text=True)

    assert ran.returncode == 0, ran.stderr


async def test_settings_and_facts_are_those_that_were_handed_in(http):
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


async def test_routes_are_the_vendors_and_then_those_of_the_control_api(http):
    first, *own = (await http("GET", "/routes"))["routes"]

    assert first["surface"] == "toy"
    assert {route["surface"] for route in own} == {"control"}
    assert len(own) == len(http.mock.control.operations)


async def test_every_answer_has_a_request_id(http):
    first, second = [await http.raw("GET", "/health") for _ in range(2)]

    assert first.headers["x-mock-request-id"] != second.headers["x-mock-request-id"]


async def test_behind_the_journal_the_request_id_is_the_journals():
    mock = Mock()
    mock.journal.app = mock.control
    mock.control = mock.journal  # type: ignore[assignment]
    async with a_client(mock) as http:
        assert (await http.raw("GET", "/health")).headers["x-mock-request-id"] == "00000001"
        assert (await http("GET", "/requests"))["requests"] == []
        await http.problem(404, "GET", "/requests/00000001")


async def test_an_unknown_path_is_answered_with_near_ones(http):
    problem = await http.problem(404, "GET", "/acounts")

    assert f"did you mean {PREFIX}/accounts" in problem["detail"]
    assert problem["near"][0] == f"{PREFIX}/accounts"


async def test_a_wrong_method_is_answered_with_the_right_ones(http):
    answer = await http.raw("PATCH", "/clock")

    assert answer.status_code == 405
    assert set(answer.headers["allow"].split(", ")) == {"GET", "PUT", "HEAD"}


async def test_head_is_answered_as_get(http):
    assert (await http.raw("HEAD", "/health")).status_code == 200


async def test_later_capabilities_are_not_there_yet(http):
    for path in ("/faults", "/scenarios", "/state"):
        await http.problem(404, "GET", path)


def test_the_account_of_the_ready_block_has_the_fields_of_a_new_account():
    from mock_server.control.api import account_body

    account = run(some_worlds().find("ready"))
    body = account_body(account, account.opening)

    assert body["balance"] == 100
    assert {"id", "appId", "privateKey", "publicKey", "accessToken", "appKey"} <= body.keys()
