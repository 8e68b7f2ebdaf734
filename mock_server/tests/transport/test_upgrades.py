"""Requests that offer another protocol are answered as requests without the offer."""

from functools import partial

import pytest

from mock_server import serving
from mock_server.settings import Settings
from mock_server.tests.transport.raw_http import exchange
from mock_server.tests.web.toy_app import ToyApp

H2C = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n"
WEBSOCKET = (
    b"Connection: keep-alive, upgrade\r\n"
    b"upgrade: WebSocket\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
    b"Sec-WebSocket-Version: 13\r\n"
)
OFFERS = {"h2c": H2C, "websocket": WEBSOCKET, "TLS": b"Connection: Upgrade\r\nUpgrade: TLS/1.0\r\n"}
LENGTH = b"Content-Length: 5\r\n\r\nhello"
CHUNKS = b"Transfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\nX: y\r\n\r\n"
LAST = b"GET /last HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"

serve_in_thread = partial(serving.serve_in_thread, create_app=ToyApp)


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    folder = tmp_path_factory.mktemp("state")
    with serve_in_thread(Settings(port=0, tls=True, tls_port=0, state_dir=folder)) as server:
        yield server


def head(offer: bytes, method: str = "POST") -> bytes:
    return f"{method} /echo HTTP/1.1\r\nHost: a\r\n".encode() + offer


def bodies(answers: bytes) -> list[bytes]:
    """Return the bodies of answers, which must all be 200."""
    found = answers.split(b"HTTP/1.1 ")[1:]
    assert all(answer.startswith(b"200 ") for answer in found)
    return [answer.partition(b"\r\n\r\n")[2] for answer in found]


@pytest.mark.parametrize("offer", OFFERS.values(), ids=OFFERS)
@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "GET"])
@pytest.mark.parametrize("body", [LENGTH, CHUNKS], ids=["length", "chunks"])
@pytest.mark.parametrize("secure", [False, True], ids=["http", "https"])
def test_the_body_is_read_and_the_next_request_answered(server, offer, method, body, secure):
    url, ca_file = (server.tls_url, server.ca_file) if secure else (server.url, None)
    answers = exchange(url, head(offer, method) + body, LAST, ca_file=ca_file)

    path = b"https /last" if secure else b"http /last"
    assert bodies(answers) == [f"{method} a hello".encode(), path]


def test_the_body_may_come_later_and_in_pieces(server):
    request = head(H2C) + CHUNKS
    parts = [request[at : at + 1] for at in range(len(request))]

    assert bodies(exchange(server.url, *parts, LAST)) == [b"POST a hello", b"http /last"]


def test_pipelined_offers_are_all_ignored(server):
    empty = head(WEBSOCKET, "GET") + b"\r\n"
    requests = [head(H2C) + LENGTH, empty, head(WEBSOCKET) + CHUNKS, empty, LAST]

    assert bodies(exchange(server.url, b"".join(requests))) == [
        b"POST a hello",
        b"GET a ",
        b"POST a hello",
        b"GET a ",
        b"http /last",
    ]


def test_a_body_is_not_read_as_a_request(server):
    smuggled = b"GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n"
    length = f"Content-Length: {len(smuggled)}\r\n\r\n".encode()
    answers = exchange(server.url, head(H2C) + length, smuggled, LAST)

    assert bodies(answers) == [b"POST a " + smuggled, b"http /last"]


def test_a_client_that_waits_for_100_gets_it(server):
    answers = exchange(server.url, head(H2C) + b"Expect: 100-continue\r\n" + LENGTH, LAST)

    assert answers.startswith((b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 200 OK\r\n"))
    assert b"POST a hello" in answers


def test_an_unclear_length_is_refused_as_without_an_offer(server):
    both = b"Transfer-Encoding: chunked\r\n" + LENGTH

    for offer in (b"", H2C):
        assert exchange(server.url, head(offer) + both).startswith(b"HTTP/1.1 400 ")


def test_limits_of_heads_hold_behind_an_offer(tmp_path):
    long = b"GET /echo HTTP/1.1\r\nHost: a\r\nX: " + b"a" * 3000 + b"\r\n\r\n"

    with serve_in_thread(Settings(port=0, header_limit_bytes=2000, state_dir=tmp_path)) as server:
        answers = exchange(server.url, head(H2C) + LENGTH, long)

    first, second = answers.split(b"HTTP/1.1 ")[1:]
    assert first.startswith(b"200 ")
    assert second.startswith(b"431 ")
