"""`tams-mock proxy`: what it says when it starts, and what it refuses."""

import json
import os
import signal
import subprocess
import sys

import httpx
import pytest
from click.testing import CliRunner

from mock_server.cli import tams_mock
from mock_server.tams.key_pairs import key_pair
from mock_server.tests.proxy.raw_service import answer_of, raw_service


@pytest.fixture(autouse=True)
def nothing_set(tmp_path, monkeypatch):
    for name in [name for name in os.environ if name.startswith("TAMS_MOCK_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


def start(tmp_path, *flags, **variables):
    """Run a proxy until it is ready, and end it; return what it printed, and its log."""
    environment = {"HOME": str(tmp_path), **variables}
    with raw_service(answer_of(b"{}")) as service:
        command = [sys.executable, "-m", "mock_server", "proxy", "--port", "0"]
        with subprocess.Popen(
            [*command, "--upstream", service.url, *flags],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            assert process.stdout is not None
            said = [process.stdout.readline()]
            if "--json" in flags:
                assert httpx.get(json.loads(said[0])["url"] + "/v1/jobs/1").text == "{}"
            else:
                while "spending" not in said[-1]:
                    said.append(process.stdout.readline())
            process.send_signal(signal.SIGINT)
            rest, log = process.communicate(timeout=30)
    assert process.returncode == 0
    return "".join((*said, rest)).replace(service.url, "UPSTREAM"), log


def test_it_says_what_is_passed_where_and_who_pays(tmp_path):
    said, _ = start(tmp_path)

    assert said.startswith("tams-mock is ready at http://127.0.0.1:")
    assert [line.strip() for line in said.splitlines()][2:] == [
        "passes to    UPSTREAM",
        "signs calls  not; those of clients go through unchanged",
        "spending     refused (--allow-spending allows it)",
    ]


def test_it_says_with_what_it_signs(tmp_path):
    (tmp_path / "key.pem").write_text(key_pair(3).private_pem)
    flags = ("--upstream-app-id", "mine", "--upstream-private-key-file", "key.pem")
    more = ("--upstream-app-key", "204", "--allow-spending", "--max-credits", "5")
    said, _ = start(tmp_path, *flags, *more, TAMS_MOCK_UPSTREAM_APP_SECRET="the-secret")

    assert "signs calls  as TAMS app mine and with the Workshop AppKey 204\n" in said
    assert "spending     at most 5 credits" in said
    assert "the-secret" not in said


def test_with_json_it_prints_one_line_with_the_upstream_and_logs_each_call(tmp_path):
    line, log = start(tmp_path, "--json", TAMS_MOCK_UPSTREAM_TOKEN="the-real-token")

    assert json.loads(line)["upstream"] == "UPSTREAM"
    logged = [json.loads(each) for each in log.splitlines()]
    assert logged[0]["passed"] is True
    assert (logged[0]["status"], logged[0]["operation"]) == (200, "GET /v1/jobs/{job_id}")
    assert "the-real-token" not in line + log


HERE = "http://127.0.0.1:1"


@pytest.mark.parametrize(
    ("flags", "problem"),
    [
        ([], "a proxy needs --upstream URL, the service to pass calls to"),
        (["--upstream", "nowhere"], "--upstream is 'nowhere': not a web address"),
        (["--upstream", "http://[::1"], "--upstream is 'http://[::1': "),
        (["--upstream", "http://localhost:8080"], "it is the proxy's own port; choose another one"),
        (["--upstream", f"{HERE}/v1"], f"--upstream is '{HERE}/v1': it has a path"),
        (["--upstream", "http://0.0.0.0"], "0.0.0.0 is another computer; --allow-remote-upstream"),
        (["--upstream", "https://a.example"], "a.example is another computer; --allow-remote"),
        (["--upstream", "http://localhost.a.example"], "localhost.a.example is another computer"),
        (["--max-credits", "5"], "--max-credits is '5': it needs --allow-spending too"),
        (["--allow-spending", "--max-credits", "-1"], "--max-credits is '-1': expected a number"),
        (["--upstream-private-key-file", "key.pem"], "it needs --upstream-app-id too"),
        (
            ["--upstream-app-id", "a", "--upstream-private-key-file", "nowhere.pem"],
            "--upstream-private-key-file is 'nowhere.pem': the file cannot be read: No such file",
        ),
        (
            ["--upstream-app-id", "a", "--upstream-private-key-file", "bad.pem"],
            "--upstream-private-key-file is 'bad.pem': ",
        ),
        (["--upstream-token", "x"], "--upstream-token could be seen by other users: set TAMS_MOCK"),
        (["--upstream-app-secret", "x"], "--upstream-app-secret could be seen by other users"),
        (["--upstream-ca-file", "bad.pem"], "the file has no certificate in PEM format"),
        (["--upstream-timeout", "0"], "--upstream-timeout is '0': expected a number above 0"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_it_cannot_use_is_one_line(tmp_path, flags, problem):
    (tmp_path / "key.pem").write_text(key_pair(3).private_pem)
    (tmp_path / "bad.pem").write_text("no key")
    result = CliRunner().invoke(tams_mock, ["proxy", *flags])

    assert result.exit_code == 2
    assert problem in result.stderr
    assert result.stderr.startswith("tams-mock: ")
    assert result.stderr.count("\n") == 1


def test_a_token_does_not_go_to_other_computers_unencrypted(monkeypatch):
    monkeypatch.setenv("TAMS_MOCK_UPSTREAM_TOKEN", "the-real-token")
    flags = ["--allow-remote-upstream", "--upstream", "http://a.example"]
    result = CliRunner().invoke(tams_mock, ["proxy", *flags])

    assert result.exit_code == 2
    assert "it would go to a.example unencrypted; use https" in result.stderr
    assert "the-real-token" not in result.stderr


def test_the_short_help_has_all_settings_of_the_proxy():
    text = CliRunner().invoke(tams_mock, ["proxy", "--help"]).output

    assert "\nProxy:\n" in text
    assert "--allow-spending" in text
    assert "--progress" not in text
    assert max(map(len, text.splitlines())) <= 80


def test_the_start_of_a_mock_does_not_load_it():
    code = "import sys, mock_server.app as a; a.App(a.Settings()); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert {"mock_server.proxy", "httpx"}.isdisjoint(done.stdout.split())
