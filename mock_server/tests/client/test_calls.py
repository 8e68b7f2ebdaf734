"""The clients know every operation of the control API, with all its parameters and members."""

from __future__ import annotations

import asyncio
import inspect
import re
import socket
import subprocess
import sys
from typing import Any, Unpack, get_args, get_type_hints

import httpx
import pytest

from mock_server.app import create_app
from mock_server.client import (
    AsyncMockClient,
    CallRefused,
    MockClient,
    NotReachable,
    calls,
    members,
)
from mock_server.client.calls import ControlCalls
from mock_server.client.wire import ControlRequest, camel
from mock_server.serving import Server, serving

NAMES = {**vars(calls), **vars(members), "Unpack": Unpack}
CALLS = [
    name
    for name, method in inspect.getmembers(ControlCalls, inspect.isfunction)
    if not name.startswith("_") and name != "call"
]


class Sent(ControlCalls[Any, Any]):
    """Returns each call in place of its answer."""

    def _send(self, request: ControlRequest) -> Any:
        names = {camel(name) for name in request.query or {}}
        return request.method, request.path, request.body, names

    def _items(self, kind: str, answer: Any) -> Any:
        return answer


def sent_by(name: str) -> tuple[str, str, Any, set[str]]:
    """Return what a call sends that gets all its arguments."""
    call = getattr(Sent(), name)
    hints = get_type_hints(getattr(ControlCalls, name), NAMES)
    positional: list[Any] = []
    named: dict[str, Any] = {}
    for parameter in inspect.signature(call).parameters.values():
        value: Any = {} if "Mapping" in str(hints[parameter.name]) else 7
        if parameter.kind is parameter.VAR_KEYWORD:
            (table,) = get_args(hints[parameter.name])
            named |= dict.fromkeys(get_type_hints(table, vars(members)), 7)
        elif parameter.kind is parameter.KEYWORD_ONLY:
            named[parameter.name] = value
        else:
            positional.append("7" if value == 7 else value)
    sent: tuple[str, str, Any, set[str]] = call(*positional, **named)
    return sent


@pytest.fixture(scope="module")
def operations() -> dict[tuple[str, str], tuple[set[str], set[str] | None]]:
    """Return the query parameters and the members of the body of each operation."""

    async def ask() -> Any:
        transport = httpx.ASGITransport(create_app(port=0))
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as http:
            return (await http.get("/_mock/openapi.json")).json()

    document = asyncio.run(ask())
    found = {}
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            query = {
                each["name"] for each in operation.get("parameters", ()) if each["in"] == "query"
            }
            body = None
            if "requestBody" in operation:
                schema = operation["requestBody"]["content"]["application/json"]["schema"]
                name = schema["$ref"].rpartition("/")[2] if "$ref" in schema else ""
                body = set(
                    document["components"]["schemas"].get(name, schema).get("properties", ())
                )
            found[method.upper(), re.sub(r"\{\w+\}", "7", path)] = query, body
    return found


def test_every_operation_has_a_call(operations):
    for_prometheus = {("GET", "/_mock/metrics")}
    assert {sent_by(name)[:2] for name in CALLS} == operations.keys() - for_prometheus


@pytest.mark.parametrize("name", CALLS)
def test_a_call_has_all_that_its_operation_takes(operations, name):
    method, path, body, query = sent_by(name)
    known_query, known_body = operations[method, path]

    assert query == known_query
    if body not in (None, {}) or known_body is None:
        assert (None if body is None else set(body)) == known_body


@pytest.fixture(scope="module")
def server():
    with serving() as server:
        yield server


async def test_awaited_calls_answer_what_blocking_ones_do(server: Server):
    blocking, awaited = server.client, server.async_client

    assert await awaited.version() == blocking.version()
    created = await awaited.create_account(id="awaited", balance=3)
    assert [each["id"] for each in await awaited.accounts(limit=1)] == ["awaited"]
    assert created == blocking.account("awaited") | {"name": None}
    assert await awaited.delete_account("awaited") == {}
    with pytest.raises(CallRefused, match="there is no account 'awaited'") as refused:
        await awaited.account("awaited")
    assert refused.value.status == 404


async def test_many_awaited_calls_at_once_wait_for_each_other(server: Server):
    mock = server.async_client
    created = await asyncio.gather(*(mock.new_account() for _ in range(64)))
    clocks = await asyncio.gather(*(each.clock.freeze() for each in created))

    assert [each["account"] for each in clocks] == [each.id for each in created]
    assert len({each.private_key + each.access_token for each in created}) == 64
    await asyncio.gather(*(each.delete() for each in created))


async def test_both_say_what_does_not_answer():
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises(NotReachable, match="no answer came in time"):
            MockClient(url, timeout=0.05).ready()
        with pytest.raises(NotReachable, match="no answer came in time"):
            await AsyncMockClient(url, timeout=0.05).ready()
    with pytest.raises(NotReachable, match="does not answer"):
        await AsyncMockClient(url).ready()
    with pytest.raises(ValueError, match="is not an http address"):
        AsyncMockClient("127.0.0.1:8080")


async def test_awaited_calls_go_over_https(monkeypatch, tmp_path):
    async with serving(tls=True, state_dir=tmp_path) as server:
        assert server.tls_url is not None
        with pytest.raises(NotReachable, match="certificate"):
            await AsyncMockClient(server.tls_url).ready()
        monkeypatch.setenv("SSL_CERT_FILE", str(server.ca_file))
        assert await AsyncMockClient(server.tls_url).ready() == server.client.ready()


def test_an_account_has_the_calls_that_are_about_it(server: Server):
    account = server.client.new_account(balance=1)
    other = server.client.new_account()
    account.clock.freeze()
    before = account.clock.read()["now"]
    account.clock.advance(60)
    account.faults.add("overloaded", operation="GetJob", times=1)
    account.faults.add(503, path="/v1/models/*")
    account.faults.add({"kind": "latency", "seconds": 2}, moment="after")
    account.scenario.start("429 storm")
    bearer = {"authorization": f"Bearer {account.access_token}"}
    httpx.get(f"{account.url}/v1/jobs/1", headers=bearer)

    assert account.clock.read()["now"] == before + 60
    effects = [each["rule"]["fault"] for each in account.faults.list()]
    assert {"kind": "refusal", "name": "overloaded"} in effects
    assert {"kind": "status", "status": 503} in effects
    assert {"kind": "latency", "seconds": 2} in effects
    assert account.scenario.read("429-storm")["runs"][0]["running"]
    (entry,) = account.requests()
    assert account.verify_requests(path="/v1/jobs/1", count=1)["matched"] == 1
    assert entry["account"] == account.id
    assert other.requests() == other.faults.list() == []
    with pytest.raises(CallRefused, match="did you mean 'overloaded'"):
        account.faults.add("overlaoded")
    account.delete()
    other.delete()


def test_loading_the_client_loads_nothing_heavy():
    code = "import sys, mock_server.client; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())

    assert "mock_server.client.calls" in loaded
    assert loaded.isdisjoint({"asyncio", "anyio", "httpx", "starlette", "pydantic", "msgspec"})
    mine = {name for name in loaded if name.startswith("mock_server.")}
    assert all(name.startswith("mock_server.client") for name in mine)
