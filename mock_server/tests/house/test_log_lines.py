"""What `serve` says of each request on standard error: readable, as JSON, and without secrets."""

import asyncio
import io
import json
import logging
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest

from mock_server.commands.log_lines import JsonLines, Lines, RequestLog, TextLines, lines_for
from mock_server.commands.output import LineWriter
from mock_server.core.jobs.job import JobState
from mock_server.tests.makers import NOW
from mock_server.web.calls import Answer
from mock_server.web.traces import Trace, pack

pty = pytest.importorskip("pty", reason="Windows has no pseudo-terminals")

TOKEN = "Bearer mock-token-0001"


QUERY = b"apiToken=my-secret-token"


def a_trace(path: str = "/v1/jobs", status: int | None = 200, **members: Any) -> Trace:
    scope = {"method": "POST", "path": path, "headers": [], "query_string": QUERY}
    answer = None if status is None else Answer(status, b"{}")
    more = {"surface": "tams", "account": "ada", "operation": "POST /v1/jobs"} | members
    return Trace("0000002a", NOW, "POST", path, pack(scope), 0.0021, answer=answer, **more)


def logged(trace: Trace, lines: Lines | None = None, level: int = logging.INFO) -> str:
    stream = io.StringIO()
    log = RequestLog(LineWriter(stream), lines or TextLines(colours=False), level, "")

    async def end_turn() -> None:
        log(trace)
        await asyncio.sleep(0)

    asyncio.run(end_turn())
    return stream.getvalue()


def as_json(trace: Trace) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(logged(trace, JsonLines()))
    return found


def test_a_line_has_the_request_its_account_what_was_decided_and_the_price():
    decided = {"job": "7", "state": JobState.CREATED, "credits": Decimal("0.60")}

    line = logged(a_trace(decided=decided))

    assert line.endswith("  ada       job 7, created, 0.6 credits\n")
    assert "  200     2.1 ms  POST /v1/jobs  " in line


def test_a_line_of_json_has_the_same():
    decided = {"job": "7", "state": JobState.CREATED, "credits": Decimal("0.60")}

    assert as_json(a_trace(decided=decided)) == {
        "at": "2025-06-15T15:06:40.000Z",
        "level": "info",
        "request": "0000002a",
        "method": "POST",
        "path": "/v1/jobs",
        "status": 200,
        "ms": 2.1,
        "account": "ada",
        "operation": "POST /v1/jobs",
        "job": "7",
        "state": "created",
        "credits": 0.6,
    }


def test_a_refusal_is_explained_with_its_request_id():
    refused = a_trace(status=401, refusal="body-compact: The signed body is compact.")

    assert logged(refused).endswith(
        "body-compact: The signed body is compact.  (request 0000002a)\n"
    )
    assert as_json(refused)["refusal"] == "body-compact: The signed body is compact."


def test_a_remark_is_written_out_once_for_people_and_always_in_json():
    lines = TextLines(colours=False)
    odd = a_trace(remarks=("`widht` is not a member of diffusion",))

    assert "note: `widht` is not a member of diffusion  (request" in logged(odd, lines)
    assert "note: 1 as before  (request" in logged(odd, lines)
    assert [as_json(odd)["remarks"] for _ in range(2)] == [list(odd.remarks)] * 2


@pytest.mark.parametrize(
    ("level", "trace"),
    [
        ("error", a_trace(status=500)),
        ("warning", a_trace(status=404)),
        ("warning", a_trace(refusal="a refusal in an envelope")),
        ("warning", a_trace(remarks=("odd",))),
        ("warning", a_trace(status=None)),
        ("warning", a_trace(surface="control", status=400)),
        ("info", a_trace()),
        ("debug", a_trace(surface="control")),
        ("debug", a_trace(passing=True)),
    ],
)
def test_levels_follow_from_what_became_of_a_request(level, trace):
    number = logging.getLevelNamesMapping()[level.upper()]

    assert json.loads(logged(trace, JsonLines(), number))["level"] == level
    assert logged(trace, JsonLines(), number + 1) == ""


def test_no_secret_is_in_a_line():
    trace = a_trace(
        "/sd_webui/s/0123456789abcdef0123456789abcdef",
        refusal="the token my-secret-token is over | At byte 7 the server has u:other-secret-token",
        remarks=("my-secret-token again",),
    )
    for lines in (JsonLines(), TextLines(colours=True)):
        line = logged(trace, lines)

        assert "secret-token" not in line
        assert "0123456789abcdef" not in line
        assert "apiToken" not in line


@pytest.mark.parametrize("lines", [JsonLines(), TextLines(colours=False)])
def test_a_request_cannot_write_lines_or_colours_of_its_own(lines):
    trace = a_trace("/v1/a\n{}\x1b[31m\u202e", refusal="\r\n\x1b]0;x\x07", remarks=("\ud800",))

    line = logged(trace, lines)

    assert line.count("\n") == 1
    assert not {"\r", "\x1b", "\x07", "\u202e"} & set(line)


def test_a_line_is_bounded():
    trace = a_trace("/" + "a" * 100_000, refusal="b" * 100_000, remarks=("odd",) * 1000)

    assert len(logged(trace, JsonLines())) < 5_000
    assert as_json(trace)["remarks"][-1] == "and 990 more"


@pytest.mark.parametrize(
    ("variables", "coloured"),
    [({}, True), ({"NO_COLOR": "1"}, False), ({"NO_COLOR": ""}, True), ({"TERM": "dumb"}, False)],
)
def test_colours_are_for_terminals_that_want_them(monkeypatch, variables, coloured):
    for name in ("NO_COLOR", "TERM"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    ours, theirs = pty.openpty()
    with os.fdopen(ours), os.fdopen(theirs, "w") as terminal:
        assert ("\x1b[" in logged(a_trace(), lines_for(terminal))) is coloured
    assert isinstance(lines_for(io.StringIO()), JsonLines)


# The command


@contextmanager
def serving(state: Path, errors: int, *arguments: str) -> Iterator[tuple[Any, httpx.Client]]:
    """Serve with standard error on a descriptor."""
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "mock_server", "serve", "--json", "--port", "0"),
            *("--state-dir", str(state), *arguments),
        ],
        stdout=subprocess.PIPE,
        stderr=errors,
        env={name: value for name, value in os.environ.items() if name[:10] != "TAMS_MOCK_"},
    )
    try:
        assert process.stdout is not None
        url = json.loads(process.stdout.readline())["url"]
        with httpx.Client(base_url=url, trust_env=False) as client:
            yield process, client
    finally:
        process.kill()
        process.communicate()


def make_calls(client: httpx.Client) -> None:
    client.post("/v1/jobs/credits", content=b"{", headers={"Authorization": TOKEN})
    client.get("/v1/models/600423083519508503", headers={"Authorization": TOKEN})
    client.get("/_mock/health")
    client.post("/scc/allocate_token", json={})


def said(state: Path, *arguments: str) -> list[dict[str, Any]]:
    """Return what `serve` says in a pipe, until it is stopped."""
    with serving(state, subprocess.PIPE, *arguments) as (process, client):
        make_calls(client)
        process.send_signal(signal.SIGTERM)
        lines = process.communicate(timeout=20)[1].splitlines()
    return [json.loads(line) for line in lines]


def test_in_a_pipe_each_request_is_a_line_of_json_and_nothing_else_is_printed(tmp_path):
    lines = said(tmp_path)

    assert [line.get("path", line.get("message")) for line in lines] == [
        "/v1/jobs/credits",
        "/v1/models/600423083519508503",
        "/scc/allocate_token",
        "stopped",
    ]
    assert [line.get("status") for line in lines] == [400, 200, 400, None]
    assert "unexpected EOF" in lines[0]["refusal"]
    assert lines[2]["refusal"].startswith("credentials-missing: ")


def test_what_is_refused_before_it_is_read_has_a_line_too(tmp_path):
    with serving(tmp_path, subprocess.PIPE) as (process, client):
        for _ in range(3):
            address = (client.base_url.host, client.base_url.port or 80)
            with socket.create_connection(address, timeout=20) as connection:
                connection.sendall(b"no request\r\n\r\n")
                assert connection.recv(100).startswith(b"HTTP/1.1 400 ")
        process.send_signal(signal.SIGTERM)
        line, *rest = process.communicate(timeout=20)[1].splitlines()

    assert "answered with 400 before it was read" in json.loads(line)["message"]
    assert len(rest) == 1  # it stopped


@pytest.mark.parametrize(
    ("arguments", "number"),
    [(["--quiet"], 0), (["--log-level", "warning"], 2), (["--log-level", "debug"], 5)],
)
def test_the_level_decides_which_lines_are_written(tmp_path, arguments, number):
    assert len(said(tmp_path, *arguments)) == number


def test_at_a_terminal_each_request_is_a_readable_line(tmp_path):
    ours, theirs = pty.openpty()
    with os.fdopen(ours, "rb", buffering=0) as terminal:
        with serving(tmp_path, theirs) as (process, client):
            os.close(theirs)
            make_calls(client)
            process.send_signal(signal.SIGTERM)
            process.wait(timeout=20)
        output = b""
        while b"stopped" not in output:
            output += terminal.read(65536)

    lines = output.decode().splitlines()
    assert [line for line in lines if "{" in line] == []
    assert [line.partition("ms")[2].split()[1:3] for line in lines[1:2]] == [
        ["GET", "/v1/models/600423083519508503"]
    ]
    assert len(lines) == 4
