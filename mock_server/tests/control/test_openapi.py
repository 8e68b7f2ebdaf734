"""The OpenAPI document is true: what it allows is accepted, what it forbids is refused."""

import asyncio
import re
from datetime import datetime
from typing import Any, cast

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from mock_server.tests.control.mock import PREFIX, TOKEN, Mock, a_client
from mock_server.tests.makers import run

PATH = f"{PREFIX}/openapi.json"

schemathesis.openapi.format(
    "date-time",
    st.datetimes(datetime(1971, 1, 1), datetime(2999, 1, 1)).map(
        lambda date: f"{date.isoformat()}Z"
    ),
)


async def document(mock):
    async with a_client(mock) as http:
        return await http("GET", "/openapi.json", headers={"authorization": f"Bearer {TOKEN}"})


async def test_every_operation_is_described(http):
    described = await document(http.mock)

    found = {(method.upper(), path) for path, ways in described["paths"].items() for method in ways}
    table = {(operation.method, operation.path) for operation in http.mock.control.operations}
    assert found == table
    assert described["openapi"] == "3.1.0"
    assert described["info"]["version"] == "1.2.3"


async def test_operation_ids_and_summaries_are_there_and_ids_differ(http):
    described = await document(http.mock)
    operations = [way for ways in described["paths"].values() for way in ways.values()]

    assert len({operation["operationId"] for operation in operations}) == len(operations)
    assert all(operation["summary"] for operation in operations)


async def test_every_reference_has_its_target(http):
    described = await document(http.mock)

    for reference in set(re.findall(r"'\$ref': '#/([^']+)'", str(described))):
        found = described
        for step in reference.split("/"):
            found = found[step]
        assert found


async def test_the_token_is_described_only_where_it_is_needed():
    open_mock = await document(Mock())
    guarded = await document(Mock(control_token=TOKEN, beyond_loopback=True))

    assert "securitySchemes" not in open_mock["components"]
    assert "401" not in open_mock["paths"][f"{PREFIX}/accounts"]["get"]["responses"]
    assert "401" in guarded["paths"][f"{PREFIX}/accounts"]["get"]["responses"]
    assert guarded["paths"][f"{PREFIX}/accounts"]["get"]["security"] == [{"controlToken": []}]
    assert "security" not in guarded["paths"][f"{PREFIX}/health"]["get"]


def a_busy_mock() -> Mock:
    """A mock with jobs and requests, which the checks may call by their host name."""
    mock = Mock(own_hosts=("testserver",))

    async def fill():
        async with a_client(mock) as http:
            for _ in range(3):
                await mock.submit()
                await http.vendor("POST", "/toy", json={"a": 1})

    asyncio.run(fill())
    return mock


MOCK = a_busy_mock()
CONFIG = schemathesis.Config.from_dict(
    {
        "checks": {
            # Valid requests may ask for what is not there, contradict, or wait in vain.
            "positive_data_acceptance": {"expected-statuses": ["2xx", "404", "408", "409", "422"]},
            # Some wrong bodies are refused for their size.
            "negative_data_rejection": {"expected-statuses": ["400", "404", "409", "413", "422"]},
        }
    }
)
SCHEMA = schemathesis.openapi.from_asgi(PATH, MOCK, config=CONFIG)
OPERATIONS: list[Any] = [cast("Any", found).ok() for found in SCHEMA.get_all_operations()]


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda each: f"{each.method}-{each.path}")
@pytest.mark.parametrize("mode", list(schemathesis.GenerationMode), ids=lambda mode: mode.value)
def test_calls_are_taken_or_refused_as_described(operation, mode):
    if mode is schemathesis.GenerationMode.NEGATIVE and not (operation.body or operation.query):
        return  # There is nothing to get wrong.

    @settings(max_examples=15, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
    @given(operation.as_strategy(generation_mode=mode))
    def check(case):
        if operation.path.endswith("/wait"):
            case.body = in_no_time(case.body)
        elif isinstance((case.query or {}).get("wait"), int | float):
            case.query["wait"] = min(case.query["wait"], 0)
        case.call_and_validate(app=MOCK)

    check()


def in_no_time(body):
    """Return the body of a wait that waits for nothing."""
    if not isinstance(body, dict):
        return {"timeout": 0} if type(body) is schemathesis.core.NotSet else body
    if isinstance(body.get("timeout", 0), int | float):
        return {**body, "timeout": 0}
    return body


def test_all_operations_are_checked():
    assert run(MOCK.accounts.all())
    # All but the one that describes the others.
    assert len(OPERATIONS) == len(MOCK.control.operations) - 1
