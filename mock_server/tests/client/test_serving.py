"""The mock in somebody else's process: in a thread, or as an ASGI app."""

from __future__ import annotations

import asyncio
import threading
from contextlib import ExitStack

import httpx
import pytest

from mock_server.app import App, create_app
from mock_server.client import NotReachable
from mock_server.serving import serving
from mock_server.setting_sources import SettingsError

BEARER = {"authorization": "Bearer mock-token-0001"}
RECEIVED = threading.Event()


def test_several_servers_run_at_once_and_leave_nothing(tmp_path, monkeypatch):
    monkeypatch.setenv("TAMS_MOCK_PORT", "1")  # neither the environment nor a file counts
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tams-mock.toml").write_text("nonsense")
    with ExitStack() as stack:
        servers = [stack.enter_context(serving(balance=n)) for n in range(3)]
        assert [each.account["balance"] for each in servers] == [0, 1, 2]
        assert [each.client.balance("default")["balance"] for each in servers] == [0, 1, 2]
        folders = [each.settings.state_dir for each in servers]
        assert all(folder.is_dir() for folder in folders)
    assert not any(folder.exists() for folder in folders)
    for each in servers:
        with pytest.raises(NotReachable):
            each.client.ready()
    assert "tams-mock" not in {thread.name for thread in threading.enumerate()}


async def test_a_server_runs_beside_the_event_loop_of_its_user(tmp_path):
    async with serving(progress="manual", state_dir=tmp_path) as server:
        with serving() as other:  # blocks the loop for a moment
            assert (await other.async_client.ready()) == (await server.async_client.ready())
        assert server.settings.progress == "manual"
    assert [each.name for each in tmp_path.iterdir()] == ["default-private-key.pem"]


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        ({"progres": "instant"}, "progres is not a setting; did you mean progress?"),
        ({"progress": "never"}, "progress is 'never': expected instant, time, polls or manual"),
        ({"tams": {"upload_anser": "x"}}, "did you mean tams.upload_answer"),
        ({"tams.upload_answer": 7}, "tams.upload_answer is 7"),
    ],
)
def test_settings_that_cannot_be_are_refused_by_name(values, problem):
    for enter in (lambda: serving(**values).__enter__(), lambda: create_app(**values)):
        with pytest.raises(SettingsError) as refused:
            enter()
        assert problem in str(refused.value)


def test_an_error_in_the_block_stops_the_server():
    with pytest.raises(ZeroDivisionError), serving() as server:
        raise ZeroDivisionError
    with pytest.raises(NotReachable):
        server.client.ready()


def test_given_settings_are_named_by_their_source():
    with serving(slots=3, tams={"upload_answer": "empty"}) as server:
        rows = {each["name"]: each for each in server.client.settings()["settings"]}

    assert (rows["slots"]["value"], rows["slots"]["source"]) == (3, "code")
    assert rows["tams.upload_answer"]["source"] == "code"


# As an app


def asked(app: App, path: str = "/v1/models/600423083519508503", times: int = 1) -> set[int]:
    """Return what an app answers on a new event loop, to so many calls at once."""

    async def ask() -> set[int]:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as http:
            calls = (http.get(path, headers=BEARER) for _ in range(times))
            return {each.status_code for each in await asyncio.gather(*calls)}

    return asyncio.run(ask())


def test_an_app_opens_itself_once_also_for_many_first_calls():
    app = create_app(rate_limit="off")

    assert asked(app, times=20) == {200}
    assert asked(app, "/_mock/ready") == {200}


def test_an_app_may_be_used_on_one_event_loop_after_another():
    app = create_app(progress="instant")
    receiver = httpx.ASGITransport(app)

    async def order(id: str) -> str:
        async with httpx.AsyncClient(transport=receiver, base_url="http://127.0.0.1") as http:
            stages = [
                {"type": "INPUT_INITIALIZE", "inputInitialize": {"seed": 1, "count": 1}},
                {
                    "type": "DIFFUSION",
                    "diffusion": {
                        "width": 512, "height": 512, "steps": 15, "sampler": "Euler a",
                        "sdVae": "Automatic", "sdModel": "600423083519508503",
                        "prompts": [{"text": "a kite"}],
                    },
                },
            ]  # fmt: skip
            body = {"requestId": id, "stages": stages, "notifyUrl": "http://127.0.0.1:9/none"}
            await http.post("/v1/jobs", json=body, headers=BEARER)
            await http.post("/_mock/callbacks/drain")
            found = (await http.get("/_mock/callbacks")).json()["callbacks"]
            assert all(each["attempts"] for each in found)
            return str(len(found))

    assert [asyncio.run(order(str(n))) for n in range(3)] == ["1", "2", "3"]


def test_an_app_that_was_closed_begins_anew():
    app = create_app()

    async def once() -> list[str]:
        transport = httpx.ASGITransport(app)
        async with app, httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as http:
            listed = (await http.get("/_mock/accounts")).json()["accounts"]
            await http.post("/_mock/accounts", json={"id": "mine"})
        return [each["id"] for each in listed]

    assert asyncio.run(once()) == asyncio.run(once()) == ["default"]


def test_closing_what_was_never_opened_is_fine():
    app = create_app()
    asyncio.run(app.close())
    assert asked(app) == {200}
