"""State in and out over HTTP."""

from __future__ import annotations

import ast
import importlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
from msgspec import Struct

import mock_server
from mock_server.app import App, create_app
from mock_server.core.account_service import AccountCounter
from mock_server.core.events import Event
from mock_server.core.fault_rules import FaultRule
from mock_server.core.jobs.job import Job
from mock_server.core.unit_of_work import ServerClock
from mock_server.settings import Settings
from mock_server.tests.control.mock import TOKEN, Mock, a_client
from mock_server.tests.tams.world import BEARER, NOW, text_to_image
from mock_server.web.calls import Bounds
from mock_server.web.wall import wall


@asynccontextmanager
async def an_app(**settings: Any) -> AsyncIterator[tuple[httpx.AsyncClient, App]]:
    """Open a whole mock with a frozen clock, and a client of it."""
    app = create_app(Settings(clock_start=NOW, clock_rate=0, **settings))
    await app.open(wall())
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8080") as http:
        yield http, app
    await app.close()


async def test_a_state_is_saved_and_loaded(http):
    account = await http("POST", "/accounts", {"id": "ada", "balance": 7})
    await http.mock.submit("ada")
    state = await http("GET", "/state?account=ada")
    await http("DELETE", "/accounts/ada")

    loaded = await http("PUT", "/state", state)
    assert loaded == {"created": ["ada"], "replaced": [], "deleted": [], "notes": []}
    assert (await http("GET", "/accounts/ada"))["privateKey"] == account["privateKey"]
    assert len((await http("GET", "/jobs?account=ada"))["jobs"]) == 1
    assert http.mock.forgotten[-1] == "ada"  # pictures of what was there


async def test_one_account_of_a_whole_server_is_loaded_alone(http):
    await http("POST", "/accounts", {"id": "ada"})
    state = await http("GET", "/state")
    await http("POST", "/accounts", {"id": "bob"})
    await http("POST", "/clock/advance", {"seconds": 500})

    loaded = await http("PUT", "/state?account=ada", state)
    assert (loaded["replaced"], loaded["deleted"]) == (["ada"], [])
    assert (await http("GET", "/clock?account=ada"))["now"] == http.mock.wall
    assert (await http("GET", "/clock"))["now"] == http.mock.wall + 500
    problem = await http.problem(404, "PUT", "/state?account=bob", state)
    assert problem["detail"] == "there is no account in the state 'bob'"


async def test_a_whole_server_deletes_what_came_later(http):
    state = await http("GET", "/state")
    await http("POST", "/accounts", {"id": "bob"})
    await http("POST", "/clock/advance", {"seconds": 500})
    assert (await http("PUT", "/state", state))["deleted"] == ["bob"]
    assert (await http("GET", "/clock"))["now"] == http.mock.wall


async def test_what_cannot_be_loaded_is_a_problem_with_its_place(http):
    state = await http("GET", "/state")
    before = await http("GET", "/state")
    state["accounts"][0]["records"]["Account"][0]["limits"]["qps"] = -1
    problem = await http.problem(422, "PUT", "/state", state)
    assert problem["type"] == "urn:tams-mock:problem:not-a-state"
    pointer = "#/accounts/0/records/Account/0/limits/qps"
    assert problem["errors"] == [{"detail": "expected `int` >= 0", "pointer": pointer}]
    assert await http("GET", "/state") == before

    problem = await http.problem(422, "PUT", "/state", {"version": 1})
    assert "no state of tams-mock" in problem["detail"]
    problem = await http.problem(422, "PUT", "/state", state | {"version": 2})
    assert problem["detail"] == (
        "version: is 2, and only 1 can be read; load it with a newer tams-mock"
    )
    await http.problem(400, "PUT", "/state", content=b"{", headers={})
    await http.problem(400, "PUT", "/state?acount=ada", state)
    await http.problem(415, "PUT", "/state", content=b"{}", headers={"content-type": "text/csv"})
    await http.problem(404, "GET", "/state?account=nobody")


async def test_credentials_that_no_client_could_use_are_refused(http):
    for name, value in (("token", "a b"), ("app_id", "/"), ("public_key", "my key")):
        state = await http("GET", "/state")
        state["accounts"][0]["records"]["Account"][0]["credentials"][name] = value
        problem = await http.problem(422, "PUT", "/state", state)
        pointer = f"#/accounts/0/records/Account/0/credentials/{name}"
        assert problem["errors"][0]["pointer"] == pointer
        assert value not in problem["detail"] or name == "app_id"


async def test_settings_that_no_account_can_have_are_refused(http):
    for settings, name in (([["mood", "good"]], "mood"), ([["port", 80]], "port")):
        state = await http("GET", "/state")
        state["accounts"][0]["records"]["Account"][0]["settings"] = settings
        problem = await http.problem(422, "PUT", "/state", state)
        pointer = f"#/accounts/0/records/Account/0/settings/{name}"
        assert problem["errors"][0]["pointer"] == pointer


async def test_a_state_that_is_too_large_is_refused():
    async with a_client(Mock(state_bounds=Bounds(body_bytes=1000))) as http:
        problem = await http.problem(413, "PUT", "/state", content=b"x" * 1001)
        limit = "body is larger than 1000 bytes, the server's --state-limit-bytes"
        assert problem["detail"] == limit


async def test_a_state_wants_the_token_and_the_journal_shows_no_secret_of_it():
    mock = Mock(control_token=TOKEN, beyond_loopback=True, journal={"body_bytes": 100_000})
    async with a_client(mock) as http:
        for method, path in (("GET", "/state"), ("PUT", "/state"), ("POST", "/state/fork")):
            await http.problem(401, method, path)
        http.client.headers["authorization"] = f"Bearer {TOKEN}"
        state = await http("GET", "/state")
        await http("PUT", "/state", state)
        listed = await http("GET", "/requests?surface=control")
        ids = [each["id"] for each in listed["requests"] if each["path"] == "/_mock/state"]
        shown = "".join([(await http.raw("GET", f"/requests/{id}")).text for id in ids])
        assert "tams-mock-state" in shown
        [account] = state["accounts"][0]["records"]["Account"]
        for name in ("token", "secret", "private_key"):
            assert account["credentials"][name] not in shown


async def test_a_state_comes_in_pieces_and_a_head_without_any(http):
    answer = await http.raw("GET", "/state")
    assert "content-length" not in answer.headers
    assert answer.headers["x-mock-request-id"]
    head = await http.raw("HEAD", "/state")
    assert (head.status_code, head.content) == (200, b"")


async def test_a_fork_answers_like_a_new_account(http):
    account = await http("POST", "/accounts", {"id": "ada", "balance": 7, "name": "Ada"})
    job = (await http.mock.submit("ada")).job
    forked = await http("POST", "/state/fork?account=ada", {"id": "eve", "appKey": "key-of-eve"})

    assert account.keys() < forked.keys()
    assert (forked["id"], forked["appKey"], forked["forkedFrom"]) == ("eve", "key-of-eve", "ada")
    assert (forked["name"], forked["balance"]) == ("Ada", 6.4)
    assert list(forked["ids"]) == [job.id]
    assert (await http("GET", f"/jobs/{forked['ids'][job.id]}"))["account"] == "eve"
    same = {"appId", "accessToken", "appSecret", "privateKey"}
    assert all(forked[name] != account[name] for name in same)
    await http.problem(409, "POST", "/state/fork?account=ada", {"id": "eve"})
    await http.problem(409, "POST", "/state/fork?account=ada", {"appKey": "key-of-eve"})
    await http.problem(400, "POST", "/state/fork")
    await http.problem(404, "POST", "/state/fork?account=nobody")


async def test_settings_that_differ_are_named():
    async with an_app(progress="manual", slots=3) as (http, _):
        state = (await http.get("/_mock/state?account=default")).json()
        assert state["settings"] == {"progress": "manual", "slots": 3}
    async with an_app(slots=3, polls=9) as (http, _):
        loaded = (await http.put("/_mock/state", json=state)).json()
        assert loaded["notes"] == [
            "setting polls was its default where it was saved, and is 9 here",
            "setting progress was manual where it was saved, and is its default here",
        ]


async def test_faults_of_a_state_act_at_once_and_unreadable_ones_are_refused():
    rule = {"fault": {"kind": "status", "status": 503}, "account": "default"}
    async with an_app() as (http, _):
        await http.post("/_mock/faults", json=rule)
        state = (await http.get("/_mock/state")).json()
    async with an_app() as (http, app):
        assert (await http.put("/_mock/state", json=state)).status_code == 200
        answer = await http.post("/v1/jobs", json=text_to_image(), headers=BEARER)
        assert answer.status_code == 503
        [rule] = state["accounts"][0]["records"]["FaultRule"]
        rule["spec"] = "e30="  # {}
        answer = await http.put("/_mock/state", json=state)
        assert answer.status_code == 422
        assert answer.json()["errors"][0]["pointer"] == "#/accounts/0/records/FaultRule/0"
        assert len(await app.accounts.store.list(FaultRule)) == 1


async def test_a_scenario_goes_on_and_a_stopped_fork_has_no_credentials_of_the_other():
    name = "key-revoked-in-mid-batch"
    async with an_app(slots=2) as (http, _):
        await http.post(f"/_mock/scenarios/{name}/start")
        for _ in range(2):
            await http.post("/v1/jobs", json=text_to_image(), headers=BEARER)
        state = (await http.get("/_mock/state")).json()
    async with an_app(slots=2) as (http, app):
        assert (await http.put("/_mock/state", json=state)).status_code == 200
        forked = (await http.post("/_mock/state/fork?account=default")).json()
        for account in ("default", forked["id"]):
            await http.post(f"/_mock/clock/advance?account={account}", json={"seconds": 60})
            assert (await http.get(f"/_mock/accounts/{account}")).json()["accessToken"] == ""
            stopped = await http.post(f"/_mock/scenarios/{name}/stop?account={account}")
            assert stopped.status_code == 200
        shown = (await http.get(f"/_mock/accounts/{forked['id']}")).json()
        assert shown["accessToken"] == forked["accessToken"]
        assert (await app.accounts.find("default")).credentials.token == "mock-token-0001"


async def test_scenarios_that_cannot_run_are_refused():
    async with an_app() as (http, _):
        await http.post("/_mock/scenarios/key-revoked-in-mid-batch/start")
        state = (await http.get("/_mock/state")).json()
        records = state["accounts"][0]["records"]
        for kind, name, value, pointer in (
            ("ScenarioStep", "number", 2, "ScenarioStep/0/number"),
            ("ScenarioRun", "spec", "e30=", "ScenarioRun/0"),
        ):
            records[kind][0][name] = value
            answer = await http.put("/_mock/state", json=state)
            assert answer.status_code == 422
            assert answer.json()["errors"][0]["pointer"] == f"#/accounts/0/records/{pointer}"


async def test_a_job_of_no_vendor_or_with_unreadable_notes_is_refused():
    async with an_app(workshop={"signature_check": "off"}) as (http, _):
        await http.post("/scc/sd_txt2img", json={"prompt": "a boat"})
        state = (await http.get("/_mock/state")).json()
        [job] = state["accounts"][0]["records"]["Job"]
        job["watch"] = {"url": "http://127.0.0.1:9", "surface": "acme"}
        state["accounts"][0]["records"]["QueueState"][0]["watched"] = 1
        answer = await http.put("/_mock/state", json=state)
        pointer = "#/accounts/0/records/Job/0/watch/surface"
        assert answer.json()["errors"] == [{"detail": "'acme' is no vendor", "pointer": pointer}]
        del job["watch"]
        state["accounts"][0]["records"]["QueueState"][0]["watched"] = 0
        for notes in (
            "x",
            "[1]",
            '[["a","b",2,"c"]]',
            '{"kind":1}',
            '{"kind":',
            '{"kind":"txt2img","mood":1}',
        ):
            job["order"]["notes"] = notes
            answer = await http.put("/_mock/state", json=state)
            assert answer.status_code == 422
            assert answer.json()["errors"][0]["pointer"] == "#/accounts/0/records/Job/0"


async def test_a_fork_answers_clients_with_its_own_ids():
    async with an_app(workshop={"signature_check": "off"}) as (http, _):
        job = (await http.post("/v1/jobs", json=text_to_image(), headers=BEARER)).json()["job"]
        forked = (await http.post("/_mock/state/fork?account=default")).json()
        own = {"authorization": f"Bearer {forked['accessToken']}"}
        assert (await http.get(f"/v1/jobs/{job['id']}", headers=own)).status_code == 404
        mine = await http.get(f"/v1/jobs/{forked['ids'][job['id']]}", headers=own)
        theirs = await http.get(f"/v1/jobs/{job['id']}", headers=BEARER)
        assert mine.json()["job"] == theirs.json()["job"] | {"id": forked["ids"][job["id"]]}
        assert (await http.post("/v1/jobs/unknown/cancel", headers=own)).status_code == 404


def test_every_kind_of_record_is_carried():
    app = create_app(Settings())
    carried = {*app.states.kinds.values(), ServerClock, AccountCounter}
    assert {*_record_types()} - {Event} == carried
    assert Job in carried


def _record_types() -> list[type]:
    """Return every frozen struct of the package that has an id and an account."""
    found = []
    root = Path(mock_server.__file__).parent
    for path in sorted(root.rglob("*.py")):
        parts = path.relative_to(root.parent).with_suffix("").parts
        if {"tests", "commands", "__main__"} & {*parts}:
            continue
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.ClassDef) and "frozen=True" in ast.unparse(node):
                kind = getattr(importlib.import_module(".".join(parts)), node.name, None)
                if isinstance(kind, type) and issubclass(kind, Struct):
                    names = {*kind.__struct_fields__, *vars(kind)}
                    if {"id", "account"} <= names:
                        found.append(kind)
    return found


async def test_uploads_are_carried_with_their_bytes():
    async with an_app() as (http, _):
        place = (await http.post("/v1/resource/image", json={}, headers=BEARER)).json()
        await http.put(place["putUrl"], content=b"some bytes", headers=place["headers"])
        state = (await http.get("/_mock/state")).json()
    async with an_app() as (http, app):
        await http.put("/_mock/state", json=state)
        assert await app.accounts.store.blobs.get(place["resourceId"]) == b"some bytes"


async def test_all_that_the_catalogue_names_is_there():
    async with an_app(workshop={"signature_check": "off"}) as (http, _):
        catalogue = (await http.get("/_mock/seeds")).json()["catalogue"]
        models, templates = catalogue["tams"]["models"], catalogue["tams"]["templates"]
        paths = [f"/v1/models/{models[0]}", f"/v1/workflows/{templates[-1]}"]
        for path in paths:
            assert (await http.get(path, headers=BEARER)).status_code == 200
        assert len(catalogue["tams"]["uploads"]) > 1
        body = {"workflow_id": catalogue["workshop"]["workflows"][0], "alias_id": "main"}
        answer = (await http.post("/scc/comfy_prompt", json=body | {"inputs": {}})).json()
        assert "does not exist" not in str(answer)
