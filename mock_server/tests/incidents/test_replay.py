"""A recorded incident gives the same bytes in another mock."""

import asyncio
import json
from typing import Any

import httpx
import pytest
from click.testing import CliRunner

from mock_server.app import create_app
from mock_server.commands.replay import command as replay_command
from mock_server.incidents.replay import UnreadableIncident, read_incident, replay
from mock_server.settings import Settings
from mock_server.tests.tams.world import BEARER, text_to_image
from mock_server.web.wall import wall

ORIGIN = "http://127.0.0.1:8080"


class Recorded:
    """A mock that is called, and its incident."""

    def __init__(self, app, http):
        self.app = app
        self.http = http

    async def call(self, method, path, body=None, **headers):
        content = b"" if body is None else json.dumps(body).encode()
        return await self.http.request(method, path, content=content, headers=BEARER | headers)

    async def submit(self, **body):
        answer = await self.call("POST", "/v1/jobs", text_to_image() | body)
        return answer.json()["job"]["id"]

    async def control(self, method, path, body=None):
        answer = await self.http.request(method, f"/_mock{path}", json=body)
        assert answer.is_success, answer.text
        return answer.json()

    async def incident(self, **body):
        return await self.control("POST", "/incident", body)


class AMock:
    """Opens a mock whose clock runs, for the time of a block."""

    def __init__(self, **changes: Any) -> None:
        settings: dict[str, Any] = {"rate_limit": "off", "clock_rate": 10, **changes}
        self.app = create_app(Settings(**settings))

    async def __aenter__(self):
        await self.app.open(wall())
        transport = httpx.ASGITransport(app=self.app, raise_app_exceptions=False)
        self.http = httpx.AsyncClient(transport=transport, base_url=ORIGIN)
        return Recorded(self.app, self.http)

    async def __aexit__(self, *exc_info):
        await self.http.aclose()
        await self.app.close()


async def played(incident):
    return await replay(read_incident(json.dumps(incident).encode()))


async def test_jobs_and_clock_moves_give_the_same_answers():
    async with AMock() as mock:
        job = await mock.submit()
        await mock.control("POST", "/clock/advance", {"seconds": 60})
        picture = (await mock.call("GET", f"/v1/jobs/{job}")).json()["job"]["successInfo"]["images"]
        await mock.http.get(picture[0]["url"])
        await mock.call("DELETE", f"/v1/jobs/{job}")
        incident = await mock.incident()

    report = await played(incident)

    assert report.differences == []
    assert report.requests == report.same == 5
    assert report.notes == []


async def test_the_first_difference_is_told_in_words():
    async with AMock() as mock:
        job = await mock.submit()
        await mock.call("GET", f"/v1/jobs/{job}")
        incident = await mock.incident()
    body = incident["steps"][1]["answer"]["body"]
    body["text"] = body["text"].replace('"status":"', '"status":"NOT_')

    report = await played(incident)

    (difference,) = report.differences
    assert difference.number == 2
    assert difference.place.endswith("in /job/status,")
    assert difference.expected.startswith('"NOT_')
    assert f"request 2, GET /v1/jobs/{job}" in str(difference)


async def test_faults_and_what_they_broke_are_replayed():
    async with AMock() as mock:
        rules = [
            {"fault": {"kind": "status", "status": 503}, "match": {"chance": 0.5}},
            {"fault": {"kind": "latency", "seconds": 0.01, "clock": "wall"}, "times": 2},
        ]
        for rule in rules:
            await mock.control("POST", "/faults", rule)
        statuses = [(await mock.call("POST", "/v1/jobs", text_to_image())) for _ in range(12)]
        await mock.call("GET", "/v1/jobs/1", **{"x-mock-fault": "reset"})
        incident = await mock.incident()

    assert {answer.status_code for answer in statuses} == {200, 503}
    assert (await played(incident)).differences == []


async def test_requests_that_overtook_each_other_keep_their_order():
    async with AMock(workshop={"signature_check": "off"}) as mock:
        places = [(await mock.call("POST", "/v1/resource/image", {})).json() for _ in range(4)]
        picture = await a_picture()
        puts = (
            mock.http.put(each["putUrl"], content=picture, headers=each["headers"])
            for each in places
        )
        gets = (mock.submit(requestId=f"r{number}") for number in range(8))
        await asyncio.gather(*puts, *gets)
        incident = await mock.incident()

    assert "resume" in [step["kind"] for step in incident["steps"]]
    assert (await played(incident)).differences == []


async def test_what_was_recorded_in_a_replay_is_the_same_file():
    async with AMock() as mock:
        account = await mock.control("POST", "/accounts", {"balance": 5})
        await mock.http.get("/v1/jobs/1", headers={"authorization": "Bearer " + "x" * 30})
        token = {"authorization": f"Bearer {account['accessToken']}"}
        await mock.http.post("/v1/jobs", json=text_to_image(), headers=token)
        incident = await mock.incident()
        mine = await mock.incident(account=account["id"])

    assert (await played(incident)).differences == []
    assert len(mine["steps"]) == 2
    assert (await played(mine)).differences == []


async def test_foreign_secrets_have_stand_ins_and_calls_are_refused_as_before():
    foreign = "sk-not-of-this-mock"
    async with AMock(access_token="my-own-token-of-the-real-service") as mock:
        await mock.http.get("/v1/jobs/1", headers={"authorization": f"Bearer {foreign}"})
        await mock.http.get(f"/v1/jobs/1?api_key={foreign}2", headers={"cookie": f"id={foreign}3"})
        incident = await mock.incident()
        plain = await mock.incident(redact=False)

    text = json.dumps(incident)
    assert foreign not in text
    assert "my-own-token" not in text
    assert foreign in json.dumps(plain)
    assert (await played(incident)).differences == []
    assert (await played(plain)).differences == []


async def test_what_had_to_make_room_is_said():
    async with AMock(journal_entries=2, recorded_bytes=200_000) as mock:
        place = (await mock.call("POST", "/v1/resource/image", {})).json()
        await mock.http.put(place["putUrl"], content=b"x" * 250_000, headers=place["headers"])
        incident = await mock.incident()
        await mock.submit()
        later = await mock.incident()

    assert incident["partial"][0].startswith("the body of PUT")
    assert later["partial"][0] == "the first 1 requests had to make room"
    assert later["partial"][0] in (await played(later)).notes


async def test_a_whole_reset_begins_a_new_incident():
    async with AMock() as mock:
        await mock.submit()
        await mock.control("POST", "/faults", {"fault": {"kind": "reset"}, "times": 1})
        await mock.control("POST", "/reset")
        await mock.submit()
        await mock.control("POST", "/faults", {"fault": {"kind": "reset"}, "times": 1})
        incident = await mock.incident()

    assert [step["target"] for step in incident["steps"]] == [
        "/_mock/reset",
        "/v1/jobs",
        "/_mock/faults",
    ]
    assert (await played(incident)).differences == []


async def test_settings_and_their_files_are_in_the_file(tmp_path):
    rules = tmp_path / "faults.json"
    rules.write_text(json.dumps([{"fault": {"kind": "status", "status": 418}}]))
    async with AMock(faults_file=rules, strict=True) as mock:
        assert (await mock.call("GET", "/v1/jobs/1")).status_code == 418
        incident = await mock.incident()

    assert incident["settings"]["faults_file"] == "faults_file/faults.json"
    assert str(tmp_path) not in json.dumps(incident)
    assert (await played(incident)).differences == []


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"steps": [{"kind": "request", "id": "1"}]}, "steps/0/request/id"),
        ({"nonsense": 1}, "is unknown"),
        ({"settings": {"sed": 1}}, "sed is not a setting"),
        ({"settings": {"upstream": "http://127.0.0.1:1"}}, "upstream is not a setting"),
        ({"settings": {"templates_dir": "/etc"}}, "names a file that is not there"),
        ({"files": {"faults_file/../../x": "[]"}}, "is not the name"),
    ],
)
async def test_a_file_that_is_no_incident_is_refused_with_the_place(change, words):
    async with AMock() as mock:
        incident = await mock.incident()
    with pytest.raises(UnreadableIncident) as refused:
        await played(incident | change)
    assert words in str(refused.value)


def test_the_command_tells_by_its_exit_code(tmp_path):
    async def recorded():
        async with AMock() as mock:
            await mock.submit()
            return await mock.incident()

    incident = asyncio.run(recorded())
    file = tmp_path / "incident.json"

    def run(text, *options):
        file.write_text(text)
        return CliRunner().invoke(replay_command, [str(file), *options])

    same = run(json.dumps(incident), "--json")
    assert same.exit_code == 0
    assert json.loads(same.stdout)["same"] == 1
    incident["steps"][0]["answer"]["status"] = 500
    differs = run(json.dumps(incident))
    assert differs.exit_code == 1
    assert "request 1, POST /v1/jobs (00000001): the status differs" in differs.stderr
    unreadable = run('{"a": }')
    assert unreadable.exit_code == 2
    assert "column 7" in unreadable.stderr


async def a_picture():
    async with AMock() as mock:
        job = await mock.submit()
        await mock.control("POST", "/clock/advance", {"seconds": 60})
        found = (await mock.call("GET", f"/v1/jobs/{job}")).json()["job"]["successInfo"]["images"]
        return (await mock.http.get(found[0]["url"])).content
