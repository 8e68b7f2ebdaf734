"""Commands for a running mock: each against a real server, with errors, empty states and JSON."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import httpx
import pytest
from click.testing import CliRunner, Result

from mock_server.cli import tams_mock
from mock_server.client import CallRefused, MockClient, NotReachable
from mock_server.commands.running_mock import on_mock
from mock_server.serving import Server, serve_in_thread
from mock_server.settings import Settings
from mock_server.tests.needed import needed

NOWHERE = "http://127.0.0.1:9"
TOKEN = "the-control-token"
BEARER = {"authorization": "Bearer mock-token-0001"}


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("TAMS_MOCK_")]:
        monkeypatch.delenv(name)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("state")
    with serve_in_thread(Settings(port=0, state_dir=folder, control_token=TOKEN)) as server:
        yield server


@pytest.fixture
def mock(server: Server) -> MockClient:
    """A client of a server that is at its start."""
    client = MockClient(server.url)
    client.delete_accounts()
    client.reset()
    client.call("PUT", "/_mock/clock", {"rate": 1})
    return client


def tell(mock: MockClient, *arguments: str, **more: Any) -> Result:
    return CliRunner().invoke(tams_mock, arguments, env={"TAMS_MOCK_URL": mock.url}, **more)


def said(mock: MockClient, *arguments: str, **more: Any) -> str:
    """Return what a command prints that works."""
    result = tell(mock, *arguments, **more)
    assert result.exit_code == 0, result.output
    return result.stdout


def as_json(mock: MockClient, *arguments: str) -> Any:
    return json.loads(said(mock, *arguments, "--json"))


def submit(mock: MockClient, progress: str = "manual", **members: Any) -> str:
    """Submit a job of the ready-made account; return its id."""
    body = {
        "requestId": f"r-{len(mock.jobs())}",
        "stages": [
            {"type": "INPUT_INITIALIZE", "inputInitialize": {"seed": "7", "count": 1}},
            {
                "type": "DIFFUSION",
                "diffusion": {
                    "width": 512,
                    "height": 512,
                    "prompts": [{"text": "a kite \x1b[31m over 灯塔"}],
                    "sampler": "Euler a",
                    "sdVae": "Automatic",
                    "steps": 15,
                    "sdModel": "600423083519508503",
                    "cfgScale": 7,
                },
            },
        ],
    }
    headers = BEARER | {"x-mock-progress": progress}
    url = f"{mock.url}/v1/jobs"
    answer = httpx.post(url, json=body | members, headers=headers, trust_env=False)
    assert answer.status_code == 200, answer.text
    id: str = answer.json()["job"]["id"]
    return id


# Nothing there, and nobody there


@pytest.mark.parametrize(
    ("command", "sentence"),
    [
        ("jobs", "no jobs yet"),
        ("uploads", "no uploads yet"),
        ("tokens", "no tokens yet"),
        ("faults", "no faults"),
        ("requests", "no requests yet"),
        ("callbacks", "no callbacks yet"),
    ],
)
def test_what_is_empty_is_said_and_is_an_empty_list_of_json(mock, command, sentence):
    assert said(mock, command) == said(mock, command, "list") == f"{sentence}\n"
    assert as_json(mock, command) == []


@pytest.mark.parametrize(
    "arguments",
    [
        ("accounts",),
        ("clock", "advance", "1h"),
        ("faults", "add", "reset"),
        ("requests", "--follow"),
        ("callbacks", "drain"),
        ("wait", "--timeout", "0"),
    ],
)
def test_a_server_that_does_not_answer_is_3(arguments):
    result = tell(MockClient(NOWHERE), *arguments)

    assert result.exit_code == 3
    assert result.stderr.startswith(f"tams-mock: {NOWHERE} does not answer: ")
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("accounts", "show", "nobody"), "there is no account 'nobody'"),
        (("accounts", "create", "default"), "there is an account 'default' already"),
        (("accounts", "create", "--qps", "0"), "qps: must be greater than or equal to 1, found 0"),
        (("accounts", "delete", "default"), "reset it instead"),
        (("jobs", "show", "a b?c#%2F"), "there is no job 'a b?c#%2F'"),
        (("jobs", "list", "--account", "nobody"), "there is no account 'nobody'"),
        (("jobs", "plan", "7", "wait=1"), "there is no job '7'"),
        (("jobs", "plan", "7", "reason=no"), "needs failAt with a reason"),
        (("faults", "delete", "7"), "there is no fault '7'"),
        (("faults", "add", "reset", "--chance", "2"), "match/chance: "),
        (("requests", "show", "00000000"), "there is no request '00000000'"),
        (("callbacks", "redeliver", "7"), "there is no callback '7'"),
        (("clock", "set", "yesterday"), "now: must be seconds since the epoch, or ISO 8601"),
        (("clock", "show", "--account", "nobody"), "there is no account 'nobody'"),
    ],
)
def test_a_refusal_is_1_and_says_why(mock, arguments, sentence):
    result = tell(mock, *arguments)

    assert result.exit_code == 1
    assert result.stderr.startswith("tams-mock: ")
    assert sentence in result.stderr


def test_every_error_of_a_refusal_has_its_line(mock):
    result = tell(mock, "accounts", "create", "--qps", "0", "--slots", "0")

    assert result.stderr.splitlines() == [
        "tams-mock: qps: must be greater than or equal to 1, found 0",
        "tams-mock: slots: must be greater than or equal to 1, found 0",
    ]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("jobs", "lst"), "No such command 'lst'"),
        (("clock", "advance"), "expected one of DURATION, --to and --next"),
        (("clock", "advance", "soon"), "'soon' is not a duration, such as 90, 1.5h or 2d"),
        (("jobs", "plan", "7", "wait"), "'wait' is not NAME=VALUE"),
        (("clock", "set"), "expected MOMENT, --rate or both"),
        (("accounts", "delete"), "expected ID or --all"),
        (("accounts", "settings", "default", "slots"), "expected NAME=VALUE, found 'slots'"),
        (
            ("accounts", "settings", "default", "slots=1", "--unset", "slots"),
            "slots is given twice",
        ),
        (("uploads", "expire"), "expected ID or --account"),
        (("tokens", "close", "t", "--account", "a"), "expected ID or --account"),
        (("accounts", "rotate", "default", "password"), "'password' is none of app-id, "),
        (
            ("accounts", "rotate", "default", "public-key=@nowhere.pem"),
            "nowhere.pem cannot be read",
        ),
        (("faults", "add"), "expected one of FAULT and --file"),
        (("faults", "add", "latencyy"), "'latencyy' is not a fault; did you mean 'latency'?"),
        (("faults", "add", "latency", "2"), "'2' is not NAME=VALUE"),
        (("faults", "add", "--file", "nowhere.json"), "nowhere.json cannot be read"),
        (("faults", "add", "--file", "-", "--times", "1"), "--file has all of the rule"),
        (("faults", "delete"), "expected one of ID, --all and --account"),
        (("jobs", "--url", "localhost:8080"), "'localhost:8080' is not an http address"),
        (("jobs", "--control-token", "a\nb"), "the control token has characters"),
    ],
)
def test_a_wrong_use_is_2_and_says_what_is_expected(mock, arguments, sentence):
    result = tell(mock, *arguments)

    assert result.exit_code == 2
    assert sentence in result.stderr


@pytest.mark.parametrize("url", ["http://127.0.0.1:99999", "http://", "ftp://h", "http://h?a=b"])
def test_an_address_that_cannot_be_is_2(mock, url):
    assert tell(mock, "jobs", "--url", url).exit_code == 2


@contextmanager
def serving(handler: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    with HTTPServer(("127.0.0.1", 0), handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


class Stranger(BaseHTTPRequestHandler):
    """A server that is no mock: it answers GET with a page, and POST with 404."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"<html>hello</html>")

    def do_POST(self) -> None:
        self.send_error(404)

    def log_message(self, *arguments: Any) -> None:
        pass


def test_another_server_is_not_taken_for_a_mock():
    with serving(Stranger) as url:
        mock = MockClient(url)

        assert "does not answer as a mock does" in tell(mock, "jobs").stderr
        assert tell(mock, "jobs").exit_code == 3
        assert tell(mock, "health").exit_code == 1
        assert "answered 404; is it a mock?" in tell(mock, "clock", "freeze").stderr


class Guarded(BaseHTTPRequestHandler):
    """The control API of a mock that can be reached from beyond loopback."""

    def do_GET(self) -> None:
        allowed = self.headers["authorization"] == f"Bearer {TOKEN}"
        self.send_response(200 if allowed else 401)
        self.end_headers()
        self.wfile.write(b'{"jobs": []}' if allowed else b'{"detail": "send Authorization"}')

    def log_message(self, *arguments: Any) -> None:
        pass


def test_the_control_token_is_an_option_and_a_variable(monkeypatch):
    with serving(Guarded) as url:
        mock = MockClient(url)
        refused = tell(mock, "jobs")
        assert as_json(mock, "jobs", "--control-token", TOKEN) == []
        monkeypatch.setenv("TAMS_MOCK_CONTROL_TOKEN", TOKEN)
        assert as_json(mock, "jobs") == []

    assert refused.exit_code == 1
    assert "--control-token or TAMS_MOCK_CONTROL_TOKEN" in refused.stderr


@pytest.mark.parametrize(
    ("port", "address"),
    [("9", "http://127.0.0.1:9"), ("0", "http://127.0.0.1:8080"), ("tcp://10.0.0.1:80", None)],
)
def test_the_mock_is_found_by_its_port(monkeypatch, port, address):
    """Kubernetes sets the variable for services of this name."""
    import click

    found: list[str] = []

    @click.command
    @on_mock(lambda answer: None)
    def command(mock: MockClient) -> None:
        found.append(mock.url)

    CliRunner().invoke(command, env={"TAMS_MOCK_PORT": port})

    assert found == [address or "http://127.0.0.1:8080"]


def test_the_variable_of_the_url_is_no_setting(monkeypatch):
    monkeypatch.setenv("TAMS_MOCK_URL", NOWHERE)

    assert CliRunner().invoke(tams_mock, ["settings"]).exit_code == 0


# What they do


def test_accounts_are_created_shown_changed_and_deleted(mock):
    assert "balance           5\n" in said(mock, "accounts", "create", "ada", "--balance", "5")
    (tmp,) = [each for each in as_json(mock, "accounts") if each["id"] == "ada"]
    frozen = as_json(mock, "accounts", "create", "bob", "--frozen", "--qps", "50")

    assert tmp["privateKey"].startswith("-----BEGIN")
    assert "-----" not in said(mock, "accounts", "show", "ada")
    assert frozen["clock"]["frozen"] is True
    assert frozen["limits"]["qps"] == 50
    assert said(mock, "accounts").splitlines()[0].split()[:3] == ["ID", "NAME", "BALANCE"]
    assert as_json(mock, "accounts", "balance", "ada")["balance"] == 5
    assert as_json(mock, "accounts", "balance", "ada", "8.5")["balance"] == 8.5
    assert as_json(mock, "accounts", "balance", "ada", "--top-up", "1")["balance"] == 9.5
    assert as_json(mock, "accounts", "limits", "ada", "--window", "2m")["window"] == 120
    assert as_json(mock, "accounts", "limits", "ada")["windows"][0]["used"] == 0
    assert said(mock, "accounts", "delete", "ada", "bob") == "deleted accounts: 2\n"
    assert as_json(mock, "accounts", "delete", "--all") == {"deleted": 0}


def test_credentials_are_rotated_and_revoked(mock, tmp_path):
    before = as_json(mock, "accounts", "create", "ada")
    pem = tmp_path / "key.pem"
    pem.write_text(mock.account("default")["publicKey"], "ascii")

    after = as_json(mock, "accounts", "rotate", "ada", "access-token", "app-secret=my-own",
                    f"public-key=@{pem}")  # fmt: skip
    revoked = as_json(mock, "accounts", "revoke", "ada", "app-key")

    assert after["accessToken"] != before["accessToken"]
    assert (after["appSecret"], after["privateKey"]) == ("my-own", None)
    assert revoked["appKey"] == ""


def test_settings_of_an_account_are_shown_changed_and_taken_back(mock):
    refused = tell(mock, "accounts", "settings", "default", "slots=3", "tams.models=1")
    assert (refused.exit_code, "tams.models: is not a setting; did" in refused.stderr) == (1, True)
    shown = said(mock, "accounts", "settings", "default", "slots=3", "tams.locked_models=1,2")
    assert shown.splitlines()[0].split() == ["SETTING", "VALUE", "OWN"]
    assert [line.split()[:2] for line in shown.splitlines() if "account" in line] == [
        ["slots", "3"],
        ["tams.locked_models", "1,"],
    ]
    left = as_json(mock, "accounts", "settings", "default", "--unset", "slots")
    assert left["settings"] == {"tams.locked_models": ["1", "2"]}
    assert as_json(mock, "accounts", "settings", "default") == left


def test_states_of_an_account_are_set(mock):
    job = submit(mock, "instant")
    headers = BEARER | {"x-ca-key": "204800001"}
    httpx.post(f"{mock.url}/v1/resource/image", json={}, headers=headers)
    mock.change_account_settings("default", {"workshop.signature_check": "off"})
    httpx.post(f"{mock.url}/scc/allocate_token", json={"name": "Ann"}, headers=headers)
    [upload], [token] = as_json(mock, "uploads"), as_json(mock, "tokens")

    balance = as_json(mock, "accounts", "balance", "default", "--jobs", "3", "--price", "2")
    assert balance["balance"] == 6
    assert said(mock, "jobs", "expire", job) == "results expired, of jobs: 1\n"
    assert said(mock, "jobs", "expire", "--account", "default") == "results expired, of jobs: 1\n"
    assert said(mock, "uploads", "expire", upload["id"]) == "uploads expired: 1\n"
    assert as_json(mock, "uploads", "expire", "--account", "default") == {"changed": 1}
    assert as_json(mock, "uploads")[0]["problem"].endswith("was never uploaded")
    id, every = token["id"], ("--account", "default")
    for selected in ((id,), every):
        assert said(mock, "tokens", "disable", *selected) == "tokens disabled: 1\n"
        assert "  disabled  " in said(mock, "tokens")
        assert said(mock, "tokens", "enable", *selected) == "tokens enabled: 1\n"
        assert said(mock, "tokens", "expire", *selected) == "tokens expired: 1\n"
        assert "  expired  " in said(mock, "tokens")
        assert "  valid  " in said(mock, "tokens", "extend", id, "--never")
        closed = said(mock, "tokens", "close", *selected)
        assert closed == "tokens whose sessions were closed: 1\n"
    assert as_json(mock, "tokens", "show", id)["name"] == "Ann"


def test_the_clock_is_frozen_set_advanced_and_resumed(mock):
    frozen = as_json(mock, "clock", "freeze")
    moved = as_json(mock, "clock", "advance", "1.5h")
    moment = as_json(mock, "clock", "set", "2990-01-01T00:00:00Z")

    assert frozen["frozen"] is True
    assert moved["now"] == frozen["now"] + 5400
    assert moment["iso"].startswith("2990-01-01T00:00:00")
    assert "  frozen  (the server)\n" in said(mock, "clock")
    assert "runs at 60x" in said(mock, "clock", "resume", "--rate", "60")
    assert "account default, which follows the server" in said(
        mock, "clock", "show", "--account", "default"
    )
    mock.reset()


def test_advancing_shows_what_happened_on_the_way(mock):
    id = submit(mock, "time")

    printed = said(mock, "clock", "advance", "1h")

    assert any(
        line.split()[1:] == ["default", "job", id, "succeeded"] for line in printed.splitlines()
    )
    assert said(mock, "clock", "advance", "1").startswith("nothing happened on the way\n")


def test_jobs_are_listed_advanced_completed_and_failed(mock):
    one, two = submit(mock), submit(mock)

    table = said(mock, "jobs")
    assert [line.split()[0] for line in table.splitlines()] == ["ID", two, one]
    assert "a kite \\x1b[31m over 灯塔" in table
    assert as_json(mock, "jobs", "show", one)["state"] == "created"
    assert as_json(mock, "jobs", "advance", one)["state"] != "created"
    assert " succeeded " in said(mock, "jobs", "complete", one)
    assert (
        as_json(mock, "jobs", "fail", two, "--reason", "out of memory")["reason"] == "out of memory"
    )
    assert [job["id"] for job in as_json(mock, "jobs", "list", "--state", "failed")] == [two]
    assert tell(mock, "jobs", "complete", two).exit_code == 1


def test_the_plan_of_a_job_is_changed(mock):
    id = submit(mock, progress="time")

    assert as_json(mock, "jobs", "plan", id, "wait=forever")["starts"] is None
    assert as_json(mock, "jobs", "plan", id, "wait=50", "stallAt=null")["starts"] is not None
    assert tell(mock, "jobs", "plan", id, "stall=2").exit_code == 1


def test_a_state_is_saved_in_a_file_and_loaded(mock, tmp_path):
    file = tmp_path / "state.json"
    submit(mock)
    assert (
        said(mock, "state", "save", str(file)) == f"saved {file.stat().st_size} bytes in {file}\n"
    )
    assert file.stat().st_mode & 0o777 == 0o600
    mock.create_account(id="ada")
    mock.reset(only="jobs")

    assert said(mock, "state", "load", str(file)) == "replaced: default\ndeleted: ada\n"
    assert len(mock.jobs()) == 1
    assert as_json(mock, "state", "load", "--account", "default", str(file))["replaced"] == [
        "default"
    ]
    assert [each.name for each in tmp_path.iterdir()] == ["state.json"]


def test_a_state_goes_through_a_pipe(mock):
    mock.create_account(id="ada", balance=7)
    state = said(mock, "state", "save", "--account", "ada")
    assert [each["id"] for each in json.loads(state)["accounts"]] == ["ada"]
    mock.delete_account("ada")

    assert said(mock, "state", "load", "-", input=state) == "created: ada\n"
    assert mock.account("ada")["balance"] == 7


def test_a_fork_shows_its_credentials(mock):
    job = submit(mock)
    fork = as_json(mock, "state", "fork", "default", "--as", "ada")
    assert fork["forkedFrom"] == "default"
    assert mock.job(fork["ids"][job])["account"] == "ada"

    shown = said(mock, "state", "fork", "default")
    assert "forkedFrom        default" in shown
    assert "(1; --json lists them)" in shown
    assert tell(mock, "state", "fork", "default", "--as", "ada").exit_code == 1


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (("save", "--account", "nobody", "{}/new"), 1, "there is no account 'nobody'"),
        (("save", "{}/none/new"), 1, "none/new cannot be written: No such file or directory"),
        (("save", "{}"), 1, "cannot be written: Is a directory"),
        (("load", "{}/none"), 2, "none cannot be read: No such file or directory"),
        (("load", "{}/bad"), 1, "body: it is not JSON"),
        (("load", "--account", "bob", "{}/whole"), 1, "there is no account in the state 'bob'"),
    ],
)
def test_what_cannot_be_saved_or_loaded_leaves_all_as_it_was(
    mock, tmp_path, arguments, code, sentence
):
    (tmp_path / "bad").write_text("{")
    said(mock, "state", "save", str(tmp_path / "whole"))
    result = tell(mock, "state", *(each.format(tmp_path) for each in arguments))

    assert result.exit_code == code
    assert sentence in result.stderr
    assert sorted(each.name for each in tmp_path.iterdir()) == ["bad", "whole"]


@pytest.mark.parametrize("error", [KeyboardInterrupt(), NotReachable("it broke off")])
def test_a_state_that_breaks_off_leaves_the_file_that_was_there(mock, tmp_path, monkeypatch, error):
    file = tmp_path / "state.json"
    file.write_text("the old one")

    def pieces(client: MockClient, account: str | None) -> Iterator[bytes]:
        yield b'{"format":'
        raise error

    monkeypatch.setattr(MockClient, "state_pieces", pieces)
    assert tell(mock, "state", "save", str(file)).exit_code != 0
    assert [each.read_text() for each in tmp_path.iterdir()] == ["the old one"]


def test_faults_are_added_listed_and_deleted(mock):
    (named,) = as_json(mock, "faults", "add", "overloaded", "--operation", "GetJob", "--times", "3")
    (status,) = as_json(mock, "faults", "add", "503", "--header", "X-A=b*", "--seconds", "1m")
    (slow,) = as_json(mock, "faults", "add", "latency", "seconds=2", "--account", "default")

    assert named["rule"] == {
        "match": {"operation": "GetJob"},
        "fault": {"kind": "refusal", "name": "overloaded"},
        "times": 3,
    }
    assert status["rule"]["match"] == {"headers": {"X-A": "b*"}}
    assert status["rule"]["seconds"] == 60
    assert slow["account"] == "default"
    assert len(said(mock, "faults").splitlines()) == 4
    assert "refusal" in said(mock, "faults", "show", named["id"])
    assert "Refusals of tams:" in said(mock, "faults", "kinds")
    assert said(mock, "faults", "delete", named["id"]) == "deleted faults: 1\n"
    assert as_json(mock, "faults", "delete", "--account", "default") == {"deleted": 1}
    assert as_json(mock, "faults", "delete", "--all") == {"deleted": 1}


def test_faults_come_from_a_file_as_they_are(mock, tmp_path):
    rules = [{"fault": {"kind": "reset"}, "times": 1}, {"fault": {"kind": "empty"}, "times": 1}]
    path = tmp_path / "faults.json"
    path.write_text(json.dumps(rules))

    made = as_json(mock, "faults", "add", "--file", str(path))
    said(mock, "faults", "add", "--file", "-", input=json.dumps(rules[0]))

    assert [each["rule"] for each in made] == rules
    assert len(mock.faults()) == 3


class Receiver(BaseHTTPRequestHandler):
    status = 500

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        self.send_response(type(self).status)
        self.end_headers()

    def log_message(self, *arguments: Any) -> None:
        pass


def test_callbacks_are_listed_sent_again_and_drained(mock, monkeypatch):
    with serving(Receiver) as url:
        submit(mock, "instant", notifyUrl=f"{url}/hook")
        mock.drain()
        (callback,) = as_json(mock, "callbacks")
        failed = tell(mock, "callbacks", "redeliver", callback["id"])
        monkeypatch.setattr(Receiver, "status", 204)
        assert as_json(mock, "callbacks", "redeliver", callback["id"])["arrived"] is True
        shown = said(mock, "callbacks", "show", callback["id"])
        assert said(mock, "callbacks", "drain") == "no callbacks yet\n"

    assert failed.exit_code == 1
    assert "the callback did not arrive: " in failed.stderr
    assert "attempts.0.status" in shown
    assert url in said(mock, "callbacks")
    assert as_json(mock, "callbacks", "list", "--not-arrived") == []


# The journal


def test_requests_are_printed_as_serve_prints_them(mock):
    id = submit(mock)
    httpx.get(f"{mock.url}/v1/jobs/1", trust_env=False)

    printed = said(mock, "requests").splitlines()

    assert "  200 " in printed[0]
    assert printed[0].endswith(f"POST /v1/jobs{' ' * 27}  default   job {id}, created, 0.6 credits")
    assert "  401 " in printed[1]
    entries = as_json(mock, "requests")
    assert f"(request {entries[1]['id']})" in printed[1]
    assert entries[0]["decided"] == {"job": id, "state": "created", "credits": 0.6}
    assert said(mock, "requests", "list", "--status", "401").splitlines() == printed[1:]
    by_member = ("--body", "/stages/*/diffusion/steps=15", "--prompt", "kite")
    assert said(mock, "requests", *by_member).splitlines() == printed[:1]
    assert said(mock, "requests", "--correlation-id", "x") == "no requests yet\n"
    assert len(json.loads(said(mock, "requests", "export"))["log"]["entries"]) == 2


def test_a_request_is_shown_with_its_answer_and_without_secrets(mock):
    submit(mock)
    (entry,) = as_json(mock, "requests")

    shown = said(mock, "requests", "show", entry["id"])

    assert "\nrequest:\n" in shown
    assert "\nanswer:\n" in shown
    assert '"INPUT_INITIALIZE"' in shown
    assert "mock-token-0001" not in shown
    assert said(mock, "requests", "clear") == "deleted requests: 1\n"


def follow(mock: MockClient, *arguments: str) -> "subprocess.Popen[str]":
    return started(mock, "requests", "--follow", *arguments)


def started(mock: MockClient, *arguments: str) -> "subprocess.Popen[str]":
    """Start a command that does not end by itself."""
    return subprocess.Popen(
        [sys.executable, "-m", "mock_server", *arguments, "--url", mock.url],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={name: value for name, value in os.environ.items() if name[:10] != "TAMS_MOCK_"},
    )


def test_scenarios_are_listed_shown_started_and_stopped(mock):
    listed = as_json(mock, "scenario")
    assert "429-storm" in [each["name"] for each in listed]
    assert "(429" not in said(mock, "scenario", "show", "429-storm")
    assert said(mock, "scenario", "start", "429-storm") == "429-storm runs on account default\n"
    (line,) = [line for line in said(mock, "scenario", "list").splitlines() if "429-storm" in line]
    assert line.endswith("default")
    assert "at the start  create_fault" in said(mock, "scenario", "show", "429-storm")
    assert tell(mock, "scenario", "start", "429-storm").exit_code == 1
    stopped = "429-storm on account default stopped: faults removed: 1\n"
    assert said(mock, "scenario", "stop", "429-storm") == stopped
    assert tell(mock, "scenario", "stop", "429-storm").exit_code == 1
    assert "did you mean '429-storm'" in tell(mock, "scenario", "run", "429-strom").stderr


def test_a_scenario_shows_the_accounts_that_it_made(mock):
    started = said(mock, "scenario", "start", "token-of-another-account")
    other = mock.account("default-other")
    shown = said(mock, "scenario", "show", "token-of-another-account")

    for text in (started, shown):
        assert "account other is default-other, with 1000 credits" in text
        assert f"accessToken  {other['accessToken']}" in text
        assert f"appSecret    {other['appSecret']}" in text
    assert "account other: {}" in shown
    mock.stop_scenario("token-of-another-account")


def test_a_stop_without_a_name_stops_all(mock):
    mock.create_account(id="ada")
    mock.start_scenario("429-storm")
    mock.start_scenario("late-success", "ada")

    assert said(mock, "scenario", "stop", "--account", "ada") == (
        "late-success on account ada stopped: faults removed: 1\n"
    )
    mock.start_scenario("late-success", "ada")
    stopped = said(mock, "scenario", "stop").splitlines()
    assert [line.partition(" ")[0] for line in stopped] == ["429-storm", "late-success"]
    assert said(mock, "scenario", "stop") == "no scenario runs\n"


SCENARIO = """
summary: A day on which all goes wrong.
start:
  - put_limits: {qps: 3}
steps:
  - at: 30 s
    do: [put_balance: {balance: 1}]
"""


@pytest.mark.parametrize("signalled", [signal.SIGINT, signal.SIGTERM])
def test_a_scenario_file_runs_until_ctrl_c(mock, tmp_path, signalled):
    file = tmp_path / "hard-day.yaml"
    file.write_text(SCENARIO)
    process = started(mock, "scenario", "run", str(file))
    assert process.stdout is not None
    head = [process.stdout.readline() for _ in range(4)]
    assert head[0] == "hard-day runs on account default; Ctrl-C stops it\n"
    assert head[3].split() == ["+0", "s", "at", "the", "start:", "put_limits"]
    mock.advance(seconds=60)
    assert process.stdout.readline().split(maxsplit=2)[2] == "at 30 s: put_balance\n"
    process.send_signal(signalled)
    rest, complaints = process.communicate(timeout=20)

    undone = "   stopped  as before: limits, credits given back: 999\n"
    assert (rest, complaints, process.returncode) == (undone, "", 0)
    assert mock.account("default")["limits"]["qps"] == 5


def test_a_scenario_that_somebody_else_stops_ends_with_1(mock):
    process = started(mock, "scenario", "run", "429-storm", "--json")
    assert process.stdout is not None
    events = [json.loads(process.stdout.readline()) for _ in range(2)]
    assert [each["event"] for each in events] == ["started", "step"]
    assert events[1]["actions"] == ["create_fault"]
    mock.stop_scenario("429-storm")
    rest, complaints = process.communicate(timeout=20)

    assert (rest, process.returncode) == ("", 1)
    assert complaints == "tams-mock: the scenario was stopped by another call\n"


def test_wrong_scenario_files_have_a_line_for_each_error(mock, tmp_path):
    file = tmp_path / "wrong.yaml"
    file.write_text("summry: x\nstart:\n  - put_limits: {qps: 0}\n")
    lines = [
        f"tams-mock: {file}:1:1: summry: is unknown; did you mean 'summary'?",
        f"tams-mock: {file}:3:23: qps: must be greater than or equal to 1, found 0",
    ]
    for command in ("check", "run"):
        result = tell(mock, "scenario", command, str(file))
        assert (sorted(result.stderr.splitlines()), result.exit_code) == (lines, 1)
    file.write_text("a: &b [*b]")
    assert f"{file}:1:4: anchors and aliases" in tell(mock, "scenario", "run", str(file)).stderr
    for command in ("check", "run"):
        result = tell(mock, "scenario", command, str(tmp_path / "none.yaml"))
        assert (result.exit_code, "cannot be read: No such file" in result.stderr) == (1, True)
    file.write_text(SCENARIO)
    assert said(mock, "scenario", "check", str(file)) == f"{file}: wrong can be run\n"


def test_those_that_ship_are_listed_without_a_mock(mock, monkeypatch):
    monkeypatch.setattr("mock_server.commands.scenario.DEFAULT_URL", NOWHERE)
    nobody = MockClient(NOWHERE)
    listed = tell(nobody, "scenario", "list")
    shown = tell(nobody, "scenario", "show", "429-storm")

    assert ("429-storm" in listed.stdout, listed.exit_code) == (True, 0)
    assert ("a good client:" in shown.stdout, shown.exit_code) == (True, 0)
    assert "no mock is running here" in listed.stderr
    assert tell(nobody, "scenario", "show", "nothing").exit_code == 3


def test_following_shows_each_request_once_until_ctrl_c(mock):
    first = submit(mock)
    process = follow(mock, "--json")
    assert process.stdout is not None
    lines = [json.loads(process.stdout.readline())]
    for _ in range(3):
        submit(mock)
        lines.append(json.loads(process.stdout.readline()))
    mock.delete_requests()
    submit(mock)
    lines.append(json.loads(process.stdout.readline()))
    process.send_signal(signal.SIGINT)
    rest, complaints = process.communicate(timeout=20)

    assert lines[0]["decided"]["job"] == first
    assert [line["decided"]["job"] for line in lines] == [job["id"] for job in mock.jobs()[::-1]]
    assert (rest, complaints, process.returncode) == ("", "", 0)


def test_a_slow_request_is_followed_although_later_ones_were_shown(mock):
    submit(mock)
    process = follow(mock, "--json")
    assert process.stdout is not None
    process.stdout.readline()
    latency = {"kind": "latency", "seconds": 600, "clock": "account"}
    mock.add_fault({"match": {"operation": "GetModel"}, "fault": latency})
    slow = Thread(target=lambda: httpx.get(f"{mock.url}/v1/models/1", headers=BEARER))
    slow.start()
    while mock.faults()[0]["hits"] == 0:
        pass
    submit(mock)
    later = json.loads(process.stdout.readline())
    mock.advance(seconds=600)
    slow.join()
    earlier = json.loads(process.stdout.readline())
    process.kill()
    process.communicate()

    assert earlier["id"] < later["id"]
    assert earlier["path"] == "/v1/models/1"


@pytest.mark.parametrize(("account", "status"), [("default", 1), ("nobody", 2)])
def test_a_signature_is_explained_by_a_mock_that_runs(mock, account, status):
    line = f"curl {mock.url}/v1/jobs/1 -H 'Authorization: TAMS-SHA256-RSA app_id=mockApp01'"

    result = tell(mock, "explain", "--curl", line, "--url", mock.url, "--account", account)

    assert result.exit_code == status
    assert ("causes" in result.output) is (status == 1)
    assert ("there is no account 'nobody'" in result.output) is (status == 2)


def test_a_journal_that_is_off_cannot_be_followed(tmp_path):
    with serve_in_thread(Settings(port=0, state_dir=tmp_path, journal_entries=0)) as server:
        result = tell(MockClient(server.url), "requests", "--follow")

    assert result.exit_code == 1
    assert result.stderr == "tams-mock: the journal is off: it keeps no entries\n"


# Ready, and completion


def test_wait_and_health_say_in_one_line_that_it_is_ready(mock):
    assert said(mock, "wait") == said(mock, "health") == f"ready at {mock.url}\n"


def test_health_fails_with_1_as_containers_expect():
    result = tell(MockClient(NOWHERE), "health")

    assert result.exit_code == 1
    assert result.stderr.count("\n") == 1


def test_wait_returns_when_a_server_that_starts_is_ready(tmp_path, unused_port):
    waiting = subprocess.Popen(
        [sys.executable, "-m", "mock_server", "wait", "--url", f"http://127.0.0.1:{unused_port}"],
        stdout=subprocess.PIPE,
        text=True,
    )
    with serve_in_thread(Settings(port=unused_port, state_dir=tmp_path)) as server:
        printed, _ = waiting.communicate(timeout=60)

    assert (printed, waiting.returncode) == (f"ready at {server.url}\n", 0)


@pytest.fixture
def unused_port() -> int:
    with HTTPServer(("127.0.0.1", 0), Receiver) as taken:
        return taken.server_port


def test_health_loads_nothing_that_makes_it_slow():
    code = (
        "import sys; from mock_server.cli import tams_mock\n"
        f"tams_mock.main(['health', '--url', '{NOWHERE}'], standalone_mode=False)"
    )
    code = f"import sys\ntry:\n    exec({code!r})\nexcept Exception:\n    print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())

    assert "mock_server.client" in loaded
    assert loaded.isdisjoint({"asyncio", "httpx", "msgspec", "pydantic", "starlette", "uvicorn"})


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("he",), ["health"]),
        (("accounts", "r"), ["rotate", "revoke"]),
        (("clock", "advance", "--ne"), ["--next"]),
        (("serve", "--tls-po"), ["--tls-port"]),
        (("completion", "z"), ["zsh"]),
        (("scenario", "run", "429"), ["429-storm"]),
    ],
)
@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_every_shell_gets_what_can_be_written_next(shell, words, expected):
    line = " ".join(("tams-mock", *words))
    asked = {"COMP_WORDS": line, "COMP_CWORD": str(len(words))}
    if shell == "fish":
        asked["COMP_CWORD"] = words[-1]
    done = subprocess.run(
        [sys.executable, "-m", "mock_server"],
        env=os.environ | asked | {"_TAMS_MOCK_COMPLETE": f"{shell}_complete"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert [word for word in expected if word in done.stdout] == expected
    assert len(done.stdout.splitlines()) <= 3 * len(expected)


# How each shell asks the function that the script gives it; fish asks with the whole script.
ASKED = {
    "bash": """source <(tams-mock completion bash)
        COMP_WORDS=(tams-mock accounts cr); COMP_CWORD=2; _tams_mock_completion tams-mock
        printf '%s\\n' "${COMPREPLY[@]}"
        """,
    "zsh": """compdef() { }; compadd() { }; _describe() { print -r -- "$@" ${(P)3} }
        source <(tams-mock completion zsh)
        words=(tams-mock accounts cr); CURRENT=3; _tams_mock_completion
        """,
    "fish": """tams-mock completion fish | source
        complete --do-complete 'tams-mock accounts cr'
        """,
}


@pytest.mark.parametrize("shell", ASKED)
def test_a_shell_completes_with_its_script(shell):
    needed(shell)
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    done = subprocess.run(
        [shell, "-c", ASKED[shell]],
        env=os.environ | {"PATH": path},
        capture_output=True,
        text=True,
        check=False,
    )

    assert "create" in done.stdout, done.stderr
    assert "revoke" not in done.stdout


@pytest.mark.parametrize(("words", "name"), [("tams.upl", "tams.upload_answer"), ("s", "slots")])
@pytest.mark.parametrize("option", ["", "--unset "])
def test_names_of_settings_are_completed_that_an_account_can_have(words, name, option):
    environment = {
        "COMP_WORDS": f"tams-mock accounts settings ada {option}{words}",
        "COMP_CWORD": str(4 + len(option.split())),
        "_TAMS_MOCK_COMPLETE": "bash_complete",
    }
    runner = CliRunner(env=environment)
    found = runner.invoke(tams_mock, prog_name="tams-mock").stdout

    assert name in found
    assert "state_dir" not in found


# The client


def test_the_client_raises_what_a_program_can_tell_apart(mock):
    with pytest.raises(CallRefused, match="there is no account 'nobody'") as refused:
        mock.account("nobody")
    assert refused.value.status == 404
    assert refused.value.problem["title"] == "Not found"
    with pytest.raises(NotReachable, match="does not answer"):
        MockClient(NOWHERE).accounts()


def test_the_client_speaks_https(tmp_path, monkeypatch):
    settings = Settings(port=0, tls=True, tls_port=0, state_dir=tmp_path)
    with serve_in_thread(settings) as server:
        assert server.tls_url is not None
        with pytest.raises(NotReachable, match="certificate"):
            MockClient(server.tls_url).accounts()
        monkeypatch.setenv("SSL_CERT_FILE", str(server.ca_file))
        assert MockClient(server.tls_url).accounts()[0]["id"] == "default"


def test_the_clients_calls_reach_their_operations(mock):
    created = mock.create_account(id="ada", public_key=None, rate_limit="off")
    assert created["limits"]["rateLimit"] == "off"
    assert mock.ledger("ada")["holds"] is True
    assert mock.version()["name"] == "tams-mock"
    submit(mock)
    assert mock.verify_requests(path="/v1/jobs", count=1) == {"matched": 1, "dropped": 0}
    assert len(mock.wait_for_requests(timeout=1, path="/v1/jobs")) == 1
    with pytest.raises(CallRefused, match="expected at least 1 requests, found 0"):
        mock.wait_for_requests(timeout=0, path="/v1/nothing")
