"""The requests of a HAR are signed again, and both answers are shown side by side."""

import asyncio
import json

import pytest
from click.testing import CliRunner

from mock_server.client import MockClient
from mock_server.commands.replay import command as replay_command
from mock_server.core.accounts import LimitMode
from mock_server.incidents.replay import UnreadableIncident
from mock_server.incidents.side_by_side import play_har, read_har
from mock_server.serving import serve_in_thread
from mock_server.settings import Settings
from mock_server.tests.incidents.test_replay import AMock
from mock_server.workshop import signature as workshop

REAL = "https://api.example.com"


async def a_har():
    """Return a HAR with other ids, another host and other credentials than a new mock has."""
    async with AMock(seed=99, clock_rate=1, app_secret="real-secret-1") as mock:
        mock.http.base_url = REAL
        job = await mock.submit(requestId="r1")
        place = (await mock.call("POST", "/v1/resource/image", {})).json()
        await mock.http.put(place["putUrl"], content=b"\xff\x00", headers=place["headers"])
        await mock.call("GET", f"/v1/jobs/{job}")
        await mock.call("GET", "/v1/jobs/1")
        await mock.call("GET", "/v1/users/me")
        await draw(mock)
        mock.http.base_url = "http://127.0.0.1"
        return await mock.control("GET", "/requests.har")


async def draw(mock):
    body = b'{"prompt": "a paper boat"}'
    at = int(mock.app.recorder.calls[-1].trace.wall * 1000)
    headers = workshop.sign(
        "real-secret-1", "204800001", "POST", b"/scc/sd_txt2img", body, timestamp_ms=at, nonce="n-1"
    )
    answer = await mock.http.post("/scc/sd_txt2img", content=body, headers=headers)
    assert answer.json()["data"]["taskId"]


async def test_a_har_is_answered_as_it_was_recorded_although_ids_differ():
    har = await a_har()

    rows = await play_har(read_har(har), Settings())

    assert [(row.recorded, row.answered) for row in rows] == [
        *[(200, 200)] * 4,
        (404, 404),
        (404, None),  # no call of a vendor
        (200, 200),
    ]
    assert [row.differences for row in rows] == [[]] * 7


async def test_other_statuses_and_shapes_are_told():
    har = await a_har()
    first = har["log"]["entries"][0]["response"]
    data = json.loads(first["content"]["text"])
    data["job"]["weight"] = data["job"].pop("status")
    first["content"]["text"] = json.dumps(data)
    har["log"]["entries"][4]["response"]["status"] = 500

    rows = await play_har(read_har(har), Settings())

    assert rows[0].differences == ["/job/weight (text) is missing", "/job/status (text) is new"]
    assert rows[4].differences[0] == "the status is 404 Not Found"


def test_the_command_shows_both_side_by_side(tmp_path):
    file = tmp_path / "session.har"
    har = asyncio.run(a_har())
    file.write_text(json.dumps(har))

    shown = CliRunner().invoke(replay_command, [str(file)])

    assert shown.exit_code == 0, shown.output
    assert shown.stdout.splitlines()[0].split() == [
        "#",
        "REQUEST",
        "RECORDED",
        "MOCK",
        "DIFFERENCES",
    ]
    assert "/v1/jobs" in shown.stdout
    har["log"]["entries"][0]["response"]["status"] = 500
    file.write_text(json.dumps(har))
    differs = CliRunner().invoke(replay_command, [str(file), "--json"])
    assert differs.exit_code == 1
    assert json.loads(differs.stdout)[0]["recorded"] == 500


@pytest.mark.parametrize("har", [{"log": {}}, {"log": {"entries": [1]}}, {"log": 3}])
def test_a_file_that_is_no_har_is_refused(har):
    with pytest.raises(UnreadableIncident):
        read_har(har)


async def test_an_account_that_is_named_is_made_and_signs():
    har = await a_har()
    rows = await play_har(read_har(har), Settings(), account="ada")

    assert [row.differences for row in rows] == [[]] * 7


@pytest.mark.parametrize("account", [None, "ada"])
def test_a_har_is_played_on_a_mock_that_runs(tmp_path, account):
    file = tmp_path / "session.har"
    file.write_text(json.dumps(asyncio.run(a_har())))
    named = [] if account is None else ["--account", account]
    with serve_in_thread(Settings(port=0, rate_limit=LimitMode.OFF)) as server:
        mock = MockClient(server.url)
        mock.create_account(id="ada")
        shown = CliRunner().invoke(
            replay_command, [str(file), "--url", server.url, "--json", *named]
        )
        calls = mock.requests(surface="tams")

    assert shown.exit_code == 0, shown.output
    rows = json.loads(shown.stdout)
    assert [row["answered"] for row in rows] == [200, 200, 200, 200, 404, None, 200]
    assert {call["account"] for call in calls if call["account"]} == {account or "default"}


def test_an_incident_takes_no_account_and_no_url(tmp_path):
    file = tmp_path / "bug.json"
    file.write_text("{}")
    for option in (["--account", "ada"], ["--url", "http://127.0.0.1:1"]):
        refused = CliRunner().invoke(replay_command, [str(file), *option])
        assert (refused.exit_code, "are for HAR files" in refused.stderr) == (2, True)


def test_the_schema_of_incidents_is_printed():
    shown = CliRunner().invoke(replay_command, ["--schema"])
    assert shown.exit_code == 0, shown.output
    assert "steps" in json.loads(shown.stdout)["properties"]


async def test_an_incident_says_which_calls_cannot_be_signed_again():
    async with AMock(clock_rate=1, app_secret="real-secret-1") as mock:
        await mock.submit()
        await draw(mock)
        redacted = await mock.control("POST", "/incident", {})
        whole = await mock.control("POST", "/incident", {"redact": False})

    (sentence,) = redacted["partial"]
    assert sentence.startswith("1 calls of account default are signed with a secret of your own")
    assert whole.get("partial", []) == []
