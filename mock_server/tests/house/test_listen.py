"""`tams-mock listen` prints what came, and answers as its options say."""

import json
import os
import signal
import subprocess
import sys
from contextlib import contextmanager

import httpx
import pytest
from click.testing import CliRunner

from mock_server.cli import tams_mock
from mock_server.commands.listen import MAX_BODY_BYTES, EventReceiver, ReplyPolicy
from mock_server.commands.received_callbacks import read_arrival
from mock_server.workshop.event_signature import seal, signed_url

SECRET = "mock-event-secret-0001"
TOKEN = "01j1w6cxqz"
BASE = "http://127.0.0.1:1"


def event_url(biz_type, base=BASE, secret=SECRET):
    return signed_url(
        f"{base}/hook",
        secret,
        {
            "apiId": "sd_txt2img",
            "bizType": biz_type,
            "invokeId": "inv-1",
            "apiToken": seal(secret, TOKEN),
            "sign": "",
            "nonce": "n-1",
            "timestamp": "1768464000000",
        },
    )


def arrival_of(url, body=b"", secret=SECRET):
    return read_arrival(httpx.URL(url).query, body, secret)


# What came


def test_an_event_is_read_with_its_token_and_its_sign():
    body = b'{"taskId": "t-1", "status": "succeeded", "images": []}'

    arrival = arrival_of(event_url("sdTaskFinished"), body)

    assert arrival.as_json() == {
        "surface": "workshop",
        "event": "sdTaskFinished",
        "about": "t-1",
        "state": "succeeded",
        "apiId": "sd_txt2img",
        "invokeId": "inv-1",
        "token": TOKEN,
        "genuine": True,
        "body": json.loads(body),
    }
    line = arrival.as_line()
    for word in ("sdTaskFinished", "task t-1", "state succeeded", f"token {TOKEN}", "sign ok"):
        assert word in line


def test_an_event_of_another_secret_is_told_from_a_genuine_one():
    arrival = arrival_of(event_url("apiAccessCommit", secret="another"))

    assert arrival.genuine is False
    assert TOKEN not in arrival.token
    assert "WRONG SIGN" in arrival.as_line()


@pytest.mark.parametrize(
    ("body", "about", "state"),
    [
        (b'{"jobId": "7", "status": "SUCCESS"}', "7", "SUCCESS"),
        (b'{"job": {"id": "7", "status": "RUNNING"}}', "7", "RUNNING"),
        (b"{}", "", ""),
        (b"[1]", "", ""),
        (b'{"job": 1}', "", ""),
    ],
)
def test_a_notification_of_each_form_is_read(body, about, state):
    arrival = arrival_of(f"{BASE}/hook?a=b", body)

    assert (arrival.surface, arrival.about, arrival.state) == ("tams", about, state)
    assert arrival.genuine is None
    assert "sign" not in arrival.as_line().lower()


@pytest.mark.parametrize("body", [b"\xff\x00", b"[" * 100_000, b"{", b'"\x1b[2J"', b"9" * 5000])
@pytest.mark.parametrize("query", [b"", b"bizType=%1b[2J&sign=\xff", b"bizType&apiToken=%ff%fe"])
def test_whatever_comes_makes_one_printable_line(query, body):
    arrival = read_arrival(query, body, SECRET)

    assert arrival.as_line().isprintable()
    json.dumps(arrival.as_json())


# How it answers


async def post(receiver, url, content=b"", method="POST"):
    transport = httpx.ASGITransport(app=receiver)
    async with httpx.AsyncClient(transport=transport) as client:
        return await client.request(method, url, content=content)


def a_receiver(**reply_policy):
    told = []
    return told, EventReceiver(SECRET, ReplyPolicy(**reply_policy), lambda *what: told.append(what))


@pytest.mark.parametrize("event", ["apiAccessPreInvoke", "sdPreInvoke"])
@pytest.mark.parametrize("deny", [None, "Your quota is used up", ""])
async def test_questions_are_allowed_or_denied(event, deny):
    _, receiver = a_receiver(deny=deny)

    answer = await post(receiver, event_url(event), b"{}")

    assert answer.json() == {"success": deny is None, "errMessage": deny}


@pytest.mark.parametrize("url", [event_url("apiAccessCommit"), f"{BASE}/hook"])
async def test_what_is_no_question_is_answered_without_a_body(url):
    _, receiver = a_receiver(deny="no")

    answer = await post(receiver, url, b"{}")

    assert (answer.status_code, answer.content) == (200, b"")


async def test_the_first_answers_fail_and_all_are_told_of():
    told, receiver = a_receiver(fail=2, answer=202)

    statuses = [(await post(receiver, f"{BASE}/hook", b"{}")).status_code for _ in range(4)]

    assert statuses == [status for _, status in told] == [500, 500, 202, 202]


async def test_an_answer_may_take_its_time():
    _, receiver = a_receiver(delay=0.05)

    assert (await post(receiver, f"{BASE}/hook")).elapsed.total_seconds() >= 0.05


async def test_an_answer_without_content_has_none():
    _, receiver = a_receiver(answer=204)

    answer = await post(receiver, event_url("sdPreInvoke"), b"{}")

    assert (answer.status_code, answer.content) == (204, b"")
    assert "content-length" not in answer.headers


@pytest.mark.parametrize(
    ("method", "size", "status"), [("GET", 0, 405), ("POST", MAX_BODY_BYTES + 1, 413)]
)
async def test_what_is_no_callback_is_refused_and_not_told_of(method, size, status):
    told, receiver = a_receiver()

    answer = await post(receiver, f"{BASE}/hook", b"x" * size, method)

    assert (answer.status_code, told) == (status, [])
    assert answer.json()["detail"]


# The command


@contextmanager
def listening(*arguments):
    """Run the command; yield its process and the URL that it prints first."""
    process = subprocess.Popen(
        [sys.executable, "-m", "mock_server", "listen", "--json", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={name: value for name, value in os.environ.items() if name[:10] != "TAMS_MOCK_"},
    )
    try:
        assert process.stdout is not None
        yield process, json.loads(process.stdout.readline())["url"]
    finally:
        process.kill()
        process.communicate()


def test_it_stops_by_itself_after_so_many_callbacks():
    with listening("--count", "2", "--deny", "used up", "--fail", "1") as (process, url):
        assert url.startswith("http://127.0.0.1:")
        first = httpx.post(url, json={"jobId": "7", "status": "SUCCESS"}, trust_env=False)
        asked = httpx.post(event_url("apiAccessPreInvoke", url), trust_env=False)
        printed, complaints = process.communicate(timeout=20)

    assert (first.status_code, asked.json()["errMessage"]) == (500, "used up")
    lines = [json.loads(line) for line in printed.splitlines()]
    assert [(line["event"], line["answered"]) for line in lines] == [
        ("SUCCESS", 500),
        ("apiAccessPreInvoke", 200),
    ]
    assert (lines[1]["token"], lines[1]["genuine"]) == (TOKEN, True)
    assert (process.returncode, complaints) == (0, "tams-mock: stopped\n")


@pytest.mark.skipif(os.name == "nt", reason="signals are sent otherwise there")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_is_stopped_cleanly(number):
    with listening() as (process, _):
        process.send_signal(number)
        _, complaints = process.communicate(timeout=20)

    assert (process.returncode, complaints) == (0, "tams-mock: stopped\n")


def test_a_port_that_is_taken_is_said_in_one_line():
    with listening() as (_, url):
        result = CliRunner().invoke(tams_mock, ["listen", "--port", url.rpartition(":")[2]])

    assert result.exit_code == 1
    assert "is taken" in result.stderr
    assert len(result.stderr.splitlines()) == 1
