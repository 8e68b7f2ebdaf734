"""Connections end after a time without a request; half-closed ones get their answers."""

import json
import signal
import socket
import ssl
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import partial

import httpx
import pytest

from mock_server import serving
from mock_server.settings import Settings
from mock_server.tests.transport.raw_http import connect, exchange, read_all
from mock_server.tests.web.test_serving import REAL, no_signals, program, ready_line
from mock_server.tests.web.toy_app import ToyApp
from mock_server.transport import lifetimes, tls_connections

HEAD = b"GET /echo HTTP/1.1\r\nHost: a\r\n"
POST = b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n"

serve_in_thread = partial(serving.serve_in_thread, create_app=ToyApp)


@pytest.fixture
def url(tmp_path):
    with serve_in_thread(Settings(port=0, state_dir=tmp_path)) as server:
        yield server.url


@pytest.fixture
def impatient(tmp_path, monkeypatch):
    """The URL of a server that waits only a moment."""
    monkeypatch.setattr(serving, "KEEP_ALIVE_SECONDS", 0.3)
    monkeypatch.setattr(lifetimes, "MAX_HEAD_SECONDS", 0.3)
    with serve_in_thread(Settings(port=0, state_dir=tmp_path)) as server:
        yield server.url


def half_closed(url: str, *parts: bytes) -> list[bytes]:
    """Return the answers after the client has ended its side."""
    with connect(url) as connection:
        for part in parts:
            connection.sendall(part)
        connection.shutdown(socket.SHUT_WR)
        return [answer[:3] for answer in read_all(connection).split(b"HTTP/1.1 ")[1:]]


@pytest.fixture
def secure(tmp_path):
    """A server with TLS."""
    with serve_in_thread(Settings(port=0, tls=True, tls_port=0, state_dir=tmp_path)) as server:
        yield server


def half_closed_tls(server: serving.Server, ends: tuple[str, ...], *parts: bytes) -> list[bytes]:
    """Return the answers after the client has ended TLS, the connection below it, or both."""
    context = ssl.create_default_context(cafile=str(server.ca_file))
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = context.wrap_bio(incoming, outgoing, server_hostname="127.0.0.1")
    with connect(server.tls_url or "") as connection:

        def until_done(call: Callable[[], bytes | None]) -> bytes | None:
            while True:
                with suppress(ssl.SSLWantReadError):
                    return call()
                if sent := outgoing.read():
                    connection.sendall(sent)
                incoming.write(connection.recv(65536))

        until_done(tls.do_handshake)
        for part in parts:
            tls.write(part)
        if "TLS" in ends:
            with suppress(ssl.SSLWantReadError):
                tls.unwrap()
        connection.sendall(outgoing.read())
        if "TCP" in ends:
            connection.shutdown(socket.SHUT_WR)
        received = b""
        with suppress(ssl.SSLZeroReturnError):  # where both sides have ended
            while chunk := until_done(tls.read):
                received += chunk
    return [answer[:3] for answer in received.split(b"HTTP/1.1 ")[1:]]


@pytest.mark.parametrize("end", [b"\r\n", b"Connection: close\r\n\r\n"])
def test_a_half_closed_connection_gets_its_answer(url, end):
    assert [half_closed(url, HEAD + end) for _ in range(10)] == [[b"200"]] * 10


def test_a_half_closed_connection_gets_all_answers(url):
    assert half_closed(url, POST + b"hello" + HEAD + b"\r\n" + POST + b"hello") == [b"200"] * 3


@pytest.mark.parametrize("last", [POST + b"hell", HEAD, b"GE"], ids=["body", "head", "method"])
def test_a_half_closed_connection_gets_no_answer_to_half_a_request(url, last):
    assert half_closed(url, last) == []
    assert half_closed(url, POST + b"hello" + last) == [b"200"]
    assert half_closed(url, POST + b"hello" + HEAD + b"\r\n" + last) == [b"200"] * 2


def test_a_refused_request_behind_others_is_answered_on_a_half_closed_connection(url):
    assert half_closed(url, POST + b"hello" + b"GET / HTTP/1.1\r\n\r\n") == [b"200", b"400"]


@pytest.mark.parametrize("ends", [("TLS",), ("TCP",), ("TLS", "TCP")], ids="+".join)
def test_a_half_closed_connection_with_tls_gets_its_answers(secure, ends):
    assert half_closed_tls(secure, ends, HEAD + b"\r\n") == [b"200"]
    assert half_closed_tls(secure, ends, POST + b"hello" + HEAD + b"\r\n", POST) == [b"200"] * 2
    assert half_closed_tls(secure, ends, POST + b"hell") == []
    assert half_closed_tls(secure, ends) == []


@pytest.mark.parametrize("sent", [HEAD + b"\r\n", b"\x16\x03\x01\x00\x05hello", b""])
def test_a_client_without_tls_on_a_tls_port_is_disconnected(secure, sent):
    with connect(secure.tls_url) as connection:
        connection.sendall(sent)
        connection.shutdown(socket.SHUT_WR)
        assert b"HTTP" not in read_all(connection)


def test_a_handshake_that_does_not_end_is_given_up_after_a_time(tmp_path, monkeypatch):
    monkeypatch.setattr(tls_connections, "MAX_HANDSHAKE_SECONDS", 0.3)
    settings = Settings(port=0, tls=True, tls_port=0, state_dir=tmp_path)
    with serve_in_thread(settings) as server, connect(server.tls_url or "") as connection:
        connection.sendall(b"\x16\x03\x01")
        with suppress(ConnectionResetError):
            assert read_all(connection) == b""


@pytest.mark.parametrize("before", [b"", HEAD + b"\r\n"], ids=["first", "second"])
@pytest.mark.parametrize("begun", [b"G", HEAD, HEAD + b"X: y"])
def test_a_head_that_does_not_end_is_refused_after_a_time(impatient, before, begun):
    answers = exchange(impatient, before, begun).split(b"HTTP/1.1 ")[1:]

    assert answers[-1].startswith(b"408 Request Timeout")
    assert b"connection: close\r\n" in answers[-1]
    assert len(answers) == (2 if before else 1)


def test_a_head_that_comes_slowly_is_refused_as_well(impatient):
    with connect(impatient) as connection:
        received = threading.Thread(target=lambda: answers.append(read_all(connection)))
        answers: list[bytes] = []
        received.start()
        connection.sendall(HEAD)
        while received.is_alive():
            try:
                connection.sendall(b"X: y\r\n")
            except OSError:
                break
            received.join(0.05)
        received.join()

    assert answers[0].startswith(b"HTTP/1.1 408 ")


@pytest.mark.parametrize("sent", [b"", b"\r\n", HEAD + b"\r\n", HEAD + b"\r\n\r\n"])
def test_an_idle_connection_is_closed_after_a_time(impatient, sent):
    answers = exchange(impatient, sent)

    assert answers.count(b"HTTP/1.1 200") == (sent[:3] == b"GET")
    assert answers.count(b"HTTP/1.1") == answers.count(b"HTTP/1.1 200")


def test_a_body_that_comes_slowly_is_not_idle(impatient):
    with connect(impatient) as connection:
        connection.sendall(POST)
        for letter in b"hello":
            threading.Event().wait(0.15)
            connection.sendall(bytes([letter]))

        assert b"POST a hello" in read_all(connection)


@no_signals
def test_a_wait_for_requests_ends_cleanly_when_the_server_stops(tmp_path):
    with program(tmp_path, "--json", run=REAL) as process:
        url = ready_line(process)["url"]
        answers: list[httpx.Response] = []

        def wait() -> None:
            answers.append(httpx.post(f"{url}/_mock/requests/wait", json={"timeout": 60}))

        waiting = threading.Thread(target=wait)
        waiting.start()
        waiting.join(0.5)  # the call has begun
        process.send_signal(signal.SIGTERM)
        _, log = process.communicate(timeout=10)
        waiting.join()

    said = [json.loads(line).get("message") for line in log.splitlines()]
    assert (process.returncode, said) == (0, [None, "stopped"])
    assert answers[0].status_code == 503
    assert answers[0].json()["type"].endswith("stopping")
