"""Broken connections as clients see them on the socket, over http and https."""

import re
import shutil
import ssl
import subprocess
from pathlib import Path

import httpx
import pytest

from mock_server.core.accounts import LimitMode
from mock_server.serving import serve_in_thread
from mock_server.settings import Settings

HEADERS = {"authorization": "Bearer mock-token-0001"}
# The exit codes of curl, and the words of httpx, Node and Java, for each broken connection.
_CUT = "without sending complete message body"
BROKEN = {
    "reset": ({56, 35}, "reset|disconnected|^$", "ECONNRESET|reset", "reset|no bytes"),
    "empty": ({52}, "disconnected without sending", "other side closed|hang up", "no bytes|EOF"),
    "garbage": ({1}, "illegal|invalid|malformed", "[Pp]arse|HTTPParser", "Invalid status line"),
    "half": ({18}, _CUT, "terminated|aborted|other side", "content-length: 51, .* 25$"),
    "wrong-length": ({18}, _CUT, "terminated|aborted|other", "content-length: 151, .* 51$"),
}


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    folder = tmp_path_factory.mktemp("state")
    settings = Settings(port=0, tls=True, tls_port=0, rate_limit=LimitMode.OFF, state_dir=folder)
    with serve_in_thread(settings) as server:
        yield server


@pytest.fixture(params=["http", "https"])
def client(server, request):
    url = server.url if request.param == "http" else server.tls_url
    context = ssl.create_default_context(cafile=str(server.ca_file))
    with httpx.Client(base_url=url, headers=HEADERS, verify=context) as client:
        yield client


@pytest.mark.parametrize("kind", BROKEN)
def test_a_broken_connection_is_an_error_for_httpx_and_the_next_call_is_not(client, kind):
    with pytest.raises(httpx.TransportError, match=BROKEN[kind][1]):
        client.get("/v1/models/1", headers={"x-mock-fault": kind})

    assert client.get("/v1/models/1").status_code == 404


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
@pytest.mark.parametrize("kind", BROKEN)
def test_a_broken_connection_is_an_error_for_curl(server, kind):
    lines = ["-H", f"Authorization: {HEADERS['authorization']}", "-H", f"X-Mock-Fault: {kind}"]
    for url in (server.url, server.tls_url):
        command = ["curl", "-sS", "--cacert", str(server.ca_file), *lines, f"{url}/v1/models/1"]
        done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=20)
        assert done.returncode in BROKEN[kind][0], done.stderr


@pytest.mark.skipif(shutil.which("node") is None, reason="Node is not installed")
@pytest.mark.parametrize("kind", BROKEN)
def test_a_broken_connection_is_an_error_for_node(server, kind):
    script = """
    const [url, kind] = process.argv.slice(1);
    const headers = { authorization: "Bearer mock-token-0001", "x-mock-fault": kind };
    fetch(url, { headers }).then((answer) => answer.text()).then(
      () => process.exit(1),
      (error) => console.log(`${error} ${error.cause}`),
    );
    """
    command = ["node", "-e", script, f"{server.url}/v1/models/1", kind]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=30)
    assert done.returncode == 0, done.stdout
    assert re.search(BROKEN[kind][2], done.stdout), done.stdout


@pytest.mark.skipif(shutil.which("javac") is None, reason="Java is not installed")
def test_a_broken_connection_is_an_error_for_java(server):
    program = Path(__file__).with_name("BrokenCalls.java")
    command = ["java", str(program), f"{server.url}/v1/models/1", *BROKEN]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)

    said = dict(line.split(" ", 1) for line in done.stdout.splitlines())
    assert said.keys() == BROKEN.keys(), done.stderr
    for kind, error in said.items():
        assert re.search(BROKEN[kind][3], error), (kind, error)


def test_another_date_replaces_that_of_the_server(client):
    headers = {"x-mock-fault": "date-skew; seconds=1e8"}
    plain = client.get("/v1/models/1").headers.get_list("date")
    ahead = client.get("/v1/models/1", headers=headers).headers.get_list("date")

    assert len(plain) == len(ahead) == 1
    assert int(ahead[0].split()[3]) - int(plain[0].split()[3]) in (3, 4)


def test_an_answer_can_come_in_pieces(client):
    pieces = []
    headers = {"x-mock-fault": "drip; seconds=0.1; pieces=4"}
    with client.stream("GET", "/v1/models/1", headers=headers) as answer:
        pieces = list(answer.iter_raw())

    assert len(pieces) == 4
    assert b"".join(pieces) == client.get("/v1/models/1").content


def test_a_connection_goes_on_after_a_fault_that_breaks_none(client):
    headers = {"x-mock-fault": "truncated-json"}
    assert client.get("/v1/models/1", headers=headers).status_code == 404
    assert client.get("/v1/models/1").json()["code"]
