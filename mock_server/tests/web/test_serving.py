"""A server as users start it, with real sockets on loopback."""

import json
import os
import re
import shlex
import shutil
import signal
import socket
import ssl
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest

from mock_server import serving
from mock_server.settings import Settings
from mock_server.tests.transport.raw_http import exchange
from mock_server.tests.web import toy_app
from mock_server.tests.web.toy_app import ToyApp
from mock_server.transport.ports import ServingError
from mock_server.transport.tls import Tls, server_tls
from mock_server.web.wall import wall

ROOT = Path(__file__).resolve().parents[3]
TOY = (toy_app.__file__,)
REAL = ("-m", "mock_server")
MILLENNIUM = 32_503_680_000.0

# Importing the mock itself takes longer than these tests.
serve_in_thread = partial(serving.serve_in_thread, create_app=ToyApp)

no_signals = pytest.mark.skipif(os.name == "nt", reason="Windows has no such signals")
no_modes = pytest.mark.skipif(os.name == "nt", reason="Windows has no such modes")


@contextmanager
def program(
    state: Path, *arguments: str, ports: Sequence[str] = ("--port", "0"), run: Sequence[str] = TOY
) -> Iterator[subprocess.Popen[str]]:
    """Start the command in an empty folder, and end it afterwards."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("TAMS_MOCK_")}
    paths = [str(ROOT), environment.get("PYTHONPATH", "")]
    process = subprocess.Popen(
        [sys.executable, *run, "serve", *ports, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=state,
        env=environment
        | {"XDG_STATE_HOME": str(state), "PYTHONPATH": os.pathsep.join(filter(None, paths))}
        | {"TAMS_MOCK_STATE_DIR": str(state / "tams-mock")},
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def ready_line(process: subprocess.Popen[str]) -> dict[str, Any]:
    assert process.stdout is not None
    found: dict[str, Any] = json.loads(process.stdout.readline())
    return found


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def call_until_closed(url: httpx.URL) -> None:
    with suppress(httpx.TransportError):
        while True:
            httpx.get(url)


def test_standard_output_has_only_the_ready_line_in_json(tmp_path):
    with program(tmp_path, "--json") as process:
        ready = ready_line(process)
        answer = httpx.get(ready["url"] + "/hello")
        process.terminate()
        rest, log = process.communicate()

    assert ready.keys() == {
        "url",
        "tls_url",
        "ca_file",
        "control_token",
        "private_key_file",
        "account",
    }
    assert ready["tls_url"] is ready["ca_file"] is ready["control_token"] is None
    assert ready["account"]["appId"] == "mockApp01"
    assert ready["account"]["appSecret"] == "mock-secret-0001"
    key_file = Path(ready["private_key_file"])
    assert key_file.read_text() == ready["account"]["privateKey"]
    assert answer.text == "http /hello"
    assert "server" not in answer.headers
    assert "date" in answer.headers
    assert (rest, json.loads(log)["message"]) == ("", "stopped")


@no_signals
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_the_server(tmp_path, number):
    with program(tmp_path, "--json") as process:
        url = ready_line(process)["url"]
        with httpx.Client() as idle:  # an idle connection does not delay the end
            idle.get(url)
            process.send_signal(number)
            rest, log = process.communicate(timeout=10)

    assert process.returncode == 0
    assert (rest, json.loads(log)["message"]) == ("", "stopped")


@no_signals
def test_a_second_signal_stops_the_server_without_waiting(tmp_path):
    with program(tmp_path, "--json") as process:
        target = httpx.URL(ready_line(process)["url"])
        with socket.create_connection((target.host, target.port or 80), timeout=10) as connection:
            connection.sendall(b"GET /slow HTTP/1.1\r\nHost: a\r\n\r\n")
            httpx.get(target.join("/"))  # the slow request has begun now
            process.send_signal(signal.SIGINT)
            call_until_closed(target.join("/"))
            process.send_signal(signal.SIGINT)
            rest, log = process.communicate(timeout=2)

    assert process.returncode == 0
    assert (rest, json.loads(log)["message"]) == ("", "stopped")


@no_signals
@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-", "2>/dev/full"])
def test_a_server_runs_without_standard_streams(tmp_path, closed):
    port = unused_port()
    line = f'exec "$@" {closed}'
    command = [sys.executable, *TOY, "serve", "--port", str(port), "--state-dir", str(tmp_path)]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    with subprocess.Popen(["sh", "-c", line, "sh", *command], cwd=tmp_path, env=environment) as run:
        try:
            transport = httpx.HTTPTransport(retries=8)  # waits 0.5 s, 1 s, 2 s, …
            with httpx.Client(transport=transport) as http:
                assert http.get(f"http://127.0.0.1:{port}/hello").status_code == 200
        finally:
            run.terminate()

    assert run.returncode == 0


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
def test_output_that_cannot_be_written_is_one_line(tmp_path):
    with Path("/dev/full").open("w") as full:
        run = subprocess.run(
            [sys.executable, *TOY, "serve", "--port", "0", "--json", "--state-dir", str(tmp_path)],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            cwd=tmp_path,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
            check=False,
        )

    line = "tams-mock: the output cannot be written: No space left on device\n"
    assert (run.returncode, run.stderr) == (1, line)


def unused_port() -> int:
    with socket.socket() as each:
        each.bind(("127.0.0.1", 0))
        return int(each.getsockname()[1])


def test_the_banner_is_readable_and_its_key_file_exists(tmp_path):
    with program(tmp_path) as process:
        assert process.stdout is not None
        lines = [process.stdout.readline().rstrip()]
        while not lines[-1].startswith("  curl "):
            lines.append(process.stdout.readline().rstrip())

    text = "\n".join(lines)
    url = lines[0].rpartition(" ")[2]
    key_file = tmp_path / "tams-mock" / "default-private-key.pem"
    assert url.startswith("http://127.0.0.1:")
    assert f"{url}/_mock" in text
    assert all(
        word in text for word in ("mockApp01", "mock-token-0001", "204800001", str(key_file))
    )
    assert shlex.split(lines[-1])[:2] == ["curl", "-sS"]
    assert key_file.read_text().startswith("-----BEGIN PRIVATE KEY-----")
    if os.name != "nt":
        assert (mode_of(key_file), mode_of(key_file.parent)) == (0o600, 0o700)


def test_a_port_taken_by_another_mock_is_reported_in_one_line(tmp_path):
    with serve_in_thread(Settings(port=0, state_dir=tmp_path)) as server:
        port = server.url.rpartition(":")[2]
        with program(tmp_path, ports=("--port", port)) as process:
            rest, log = process.communicate(timeout=10)

    assert process.returncode == 1
    assert rest == ""
    assert log == (
        f"tams-mock: port {port} on 127.0.0.1 is taken (by another tams-mock); "
        "choose another with --port, or 0 for a free one\n"
    )


def test_a_port_taken_by_another_program_is_reported(tmp_path):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        other.close()
        with socket.socket() as again:
            again.bind(("127.0.0.1", port))
            again.listen()
            settings = Settings(port=0, tls=True, tls_port=port, state_dir=tmp_path)
            with (
                pytest.raises(ServingError, match=f"port {port} .* is taken; .* with --tls-port"),
                serve_in_thread(settings),
            ):
                pass


@pytest.mark.parametrize(
    ("host", "problem"),
    [
        ("no.such.host.invalid", "host no.such.host.invalid cannot be resolved"),
        ("a" * 70, "cannot be resolved"),
        ("192.0.2.1", "host 192.0.2.1 is not an address of this computer"),
    ],
)
def test_an_unusable_host_is_reported(tmp_path, host, problem):
    settings = Settings(host=host, port=0, state_dir=tmp_path)

    with pytest.raises(ServingError, match=problem), serve_in_thread(settings):
        pass


def test_http_and_https_serve_one_app_and_the_authority_is_kept(tmp_path):
    settings = Settings(port=0, tls=True, tls_port=0, state_dir=tmp_path / "state")
    first: bytes | None = None

    for _ in range(2):
        with serve_in_thread(settings) as server:
            assert server.tls_url is not None
            assert server.ca_file is not None
            trust = ssl.create_default_context(cafile=str(server.ca_file))
            port = server.tls_url.rpartition(":")[2]
            assert httpx.get(server.url + "/a").text == "http /a"
            for host in ("127.0.0.1", "localhost"):
                url = f"https://{host}:{port}/a"
                assert httpx.get(url, verify=trust).text == "https /a"
            with pytest.raises(httpx.ConnectError, match="certificate verify failed"):
                httpx.get(server.tls_url)
            now = server.ca_file.read_bytes()
        first = first or now

    assert now == first


def test_the_certificate_has_the_names_that_settings_add(tmp_path):
    names = ("api.example", "*.wild.example", "192.0.2.1", "2001:db8::1")
    settings = Settings(
        port=0,
        tls=True,
        tls_port=0,
        tls_name=names,
        public_url="https://own.example",
        state_dir=tmp_path,
    )
    expected = {"api.example", "a.wild.example", *names[2:], "own.example", "localhost"}
    with serve_in_thread(settings) as server:
        accepted = {name for name in (*expected, "other.example") if is_certified(server, name)}

    assert accepted == expected


def is_certified(server: serving.Server, name: str) -> bool:
    """Say whether the certificate of a server has a name."""
    trust = ssl.create_default_context(cafile=server.ca_file)
    target = httpx.URL(server.tls_url or "")
    with socket.create_connection((target.host, target.port or 443)) as plain:
        try:
            trust.wrap_socket(plain, server_hostname=name).close()
        except ssl.SSLCertVerificationError:
            return False
    return True


@no_modes
def test_only_the_owner_may_read_the_authority(tmp_path):
    state = tmp_path / "state"
    server_tls(state, [], wall())

    assert mode_of(state) == 0o700
    assert mode_of(state / "ca-with-key.pem") == 0o600
    assert sorted(path.name for path in state.iterdir()) == [
        ".lock",
        "ca-with-key.pem",
        "ca.pem",
    ]


@pytest.mark.parametrize("before", [None, "damaged"])
def test_servers_that_start_at_the_same_time_share_one_authority(tmp_path, before):
    many, state = 6, tmp_path / "state"
    if before is not None:
        state.mkdir()
        (state / "ca-with-key.pem").write_text(before)
    together = threading.Barrier(many)

    def start() -> tuple[Tls, bytes]:
        together.wait()
        tls = server_tls(state, [], wall())
        return tls, tls.ca_file.read_bytes()

    with ThreadPoolExecutor(many) as threads:
        started = [each.result() for each in [threads.submit(start) for _ in range(many)]]

    kept = (state / "ca.pem").read_bytes()
    assert kept in (state / "ca-with-key.pem").read_bytes()
    assert {found for _, found in started} == {kept}
    assert all(is_trusted(tls) for tls, _ in started)


def is_trusted(tls: Tls) -> bool:
    """Say whether a client that trusts the server's `ca_file` accepts its certificate."""
    trust = ssl.create_default_context(cafile=str(tls.ca_file))
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = trust.wrap_bio(to_client, to_server, server_hostname="localhost")
    server = tls.context.wrap_bio(to_server, to_client, server_side=True)
    for end in (client, server, client):
        with suppress(ssl.SSLWantReadError):
            end.do_handshake()
    return client.version() is not None and bool(client.getpeercert())


def test_an_expired_or_damaged_authority_is_replaced(tmp_path):
    ca_file = server_tls(tmp_path, [], wall()).ca_file
    first = ca_file.read_bytes()
    (tmp_path / "ca-with-key.pem").write_text("damaged")

    server_tls(tmp_path, [], wall())
    second = ca_file.read_bytes()
    ca_file.unlink()
    server_tls(tmp_path, [], wall())
    third = ca_file.read_bytes()
    server_tls(tmp_path, [], MILLENNIUM - 86_400)

    assert first != second == third != ca_file.read_bytes()


def test_an_unusable_state_folder_is_reported(tmp_path):
    (tmp_path / "file").touch()
    settings = Settings(port=0, tls=True, tls_port=0, state_dir=tmp_path / "file")

    with pytest.raises(ServingError, match="--state-dir"), serve_in_thread(settings):
        pass


HEAD = b"GET / HTTP/1.1\r\nHost: a\r\n"


@pytest.mark.parametrize(
    ("parts", "status"),
    [
        ([HEAD + b"X: " + b"a" * 1000 + b"\r\nConnection: close\r\n\r\n"], b"200 OK"),
        ([HEAD + b"X: " + b"a" * 2000 + b"\r\n\r\n"], b"431 Request Header Fields"),
        ([HEAD + b"X: a\r\n" * 500 + b"\r\n"], b"431 Request Header Fields"),
        ([b"GET /" + b"a" * 3000 + b" HTTP/1.1\r\n\r\n"], b"414 "),
        ([HEAD, b"X: ", *[b"a" * 65536] * 64], b"431 Request Header Fields"),
        ([b"GET /", *[b"a" * 1000] * 5], b"414 "),
        ([b"\0\r\n\r\n"], b"400 Bad Request"),
    ],
    ids=["small", "one long", "many short", "long target", "endless", "in parts", "no HTTP"],
)
def test_a_head_above_the_limit_is_refused(tmp_path, parts, status):
    with serve_in_thread(Settings(port=0, header_limit_bytes=2000, state_dir=tmp_path)) as server:
        answer = exchange(server.url, *parts)

        assert answer.startswith(b"HTTP/1.1 " + status)
        assert b"connection: close\r\n" in answer
        assert httpx.get(server.url + "/still").text == "http /still"


def test_pipelined_requests_are_not_counted_together(tmp_path):
    call = HEAD + b"X: " + b"a" * 1500 + b"\r\n"

    with serve_in_thread(Settings(port=0, header_limit_bytes=2000, state_dir=tmp_path)) as server:
        answer = exchange(server.url, (call + b"\r\n") * 5, call, b"Connection: close\r\n\r\n")

    assert answer.count(b"HTTP/1.1 200 OK") == 6


@pytest.mark.parametrize(
    ("last", "status"),
    [
        (HEAD + b"X: " + b"a" * 2000 + b"\r\n\r\n", b"431 "),
        (b"GET /" + b"a" * 3000 + b" HTTP/1.1\r\n\r\n", b"414 "),
        (b"\0\r\n\r\n", b"400 "),
    ],
    ids=["long head", "long target", "no HTTP"],
)
@pytest.mark.parametrize("before", [1, 3])
@pytest.mark.parametrize("together", [True, False])
def test_requests_before_a_refused_one_are_answered_first(tmp_path, last, status, before, together):
    calls = [HEAD + b"\r\n"] * before
    parts = [b"".join([*calls, last])] if together else [*calls, last]

    with serve_in_thread(Settings(port=0, header_limit_bytes=2000, state_dir=tmp_path)) as server:
        answers = exchange(server.url, *parts).split(b"HTTP/1.1 ")[1:]

    assert [answer[:4] for answer in answers] == [b"200 "] * before + [status]
    assert b"connection: close\r\n" in answers[-1]


def test_an_empty_line_before_a_request_is_ignored(tmp_path):
    call = HEAD + b"Connection: close\r\n\r\n"

    with serve_in_thread(Settings(port=0, state_dir=tmp_path)) as server:
        assert exchange(server.url, b"\r\n", call).startswith(b"HTTP/1.1 200 OK")


def test_endless_trailers_close_the_connection(tmp_path):
    call = b"POST /slow HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n"

    with serve_in_thread(Settings(port=0, header_limit_bytes=2000, state_dir=tmp_path)) as server:
        assert exchange(server.url, call, b"X: a\r\n" * 500) == b""


@no_modes
def test_it_serves_even_if_the_key_cannot_be_written(tmp_path, caplog):
    (tmp_path / "file").touch()

    with serve_in_thread(Settings(port=0, state_dir=tmp_path / "file" / "state")) as server:
        assert httpx.get(server.url).status_code == 200

    assert server.private_key_file is None
    assert "could not be written" in caplog.text


def test_beyond_loopback_a_control_token_is_generated(tmp_path):
    apps: list[ToyApp] = []

    def create_app(settings: Settings) -> ToyApp:
        apps.append(ToyApp(settings))
        return apps[-1]

    settings = Settings(host="0.0.0.0", port=0, state_dir=tmp_path)
    with serving.serve_in_thread(settings, create_app=create_app) as server:
        token = server.settings.control_token
        assert httpx.get(server.url).status_code == 200

    assert len(token) >= 32
    assert apps[0].settings.control_token == token
    assert apps[0].lifespan == ["lifespan.startup", "stopping", "lifespan.shutdown"]


@pytest.mark.parametrize("chosen", ["", "chosen-token"])
def test_the_ready_line_has_the_control_token_where_one_is_needed(tmp_path, chosen):
    token = ("--control-token", chosen) if chosen else ()
    with program(tmp_path, "--json", "--trusted-proxies", "127.0.0.1", *token) as process:
        found = ready_line(process)["control_token"]
        process.terminate()
        _, log = process.communicate()

    assert found == chosen if chosen else len(found) >= 32
    assert json.loads(log)["message"] == "stopped"


def test_the_banner_has_the_control_token_that_serve_made(tmp_path):
    with program(tmp_path, "--trusted-proxies", "127.0.0.1", run=TOY) as process:
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(8)]

    assert any(re.fullmatch(r"  /_mock token [\w-]{32,}\n", line) for line in lines)


def test_localhost_listens_on_all_of_its_addresses(tmp_path):
    with serve_in_thread(Settings(host="localhost", port=0, state_dir=tmp_path)) as server:
        port = server.url.rpartition(":")[2]
        assert server.url == f"http://localhost:{port}"
        assert httpx.get(f"http://127.0.0.1:{port}/").status_code == 200
        assert httpx.get(server.url).status_code == 200


def test_an_error_of_create_app_is_raised(tmp_path):
    def create_app(settings: Settings) -> ToyApp:
        raise LookupError("no such thing")

    with (
        pytest.raises(LookupError, match="no such thing"),
        serving.serve_in_thread(Settings(port=0), create_app=create_app),
    ):
        pass


def test_the_curl_line_of_the_banner_works(tmp_path):
    pytest.importorskip("mock_server.app", exc_type=ImportError)
    with program(tmp_path, run=REAL) as process:
        assert process.stdout is not None
        url = process.stdout.readline().strip().rpartition(" ")[2]
        line = ""
        while not line.startswith("  curl "):
            line = process.stdout.readline()
        health = httpx.get(f"{url}/_mock/health")
        *_, body = words = shlex.split(line)
        headers = dict(word.split(": ", 1) for word in words if ": " in word[:40])
        priced = httpx.post(words[2], headers=headers, content=body)
        if curl := shutil.which("curl"):
            done = subprocess.run([curl, *words[1:]], capture_output=True, text=True, check=True)
            assert json.loads(done.stdout) == priced.json()

    assert health.status_code == priced.status_code == 200
    assert priced.json()["credits"] > 0
