"""Each request says for which host it is, once."""

from functools import partial

import pytest

from mock_server import serving
from mock_server.settings import Settings
from mock_server.tests.transport.raw_http import exchange
from mock_server.tests.web.toy_app import ToyApp

LAST = b"Connection: close\r\n\r\n"

serve_in_thread = partial(serving.serve_in_thread, create_app=ToyApp)


@pytest.fixture(scope="module")
def url(tmp_path_factory):
    with serve_in_thread(Settings(port=0, state_dir=tmp_path_factory.mktemp("state"))) as server:
        yield server.url


@pytest.mark.parametrize(
    ("hosts", "words"),
    [
        (b"", b"no Host header"),
        (b"Host: a\r\nHost: b\r\n", b"more than one Host header"),
        (b"Host: a\r\nhost: a\r\n", b"more than one Host header"),
        (b"Host: a, b\r\n", b"not a host name"),
        (b"Host: a b\r\n", b"not a host name"),
        (b"Host: a/b\r\n", b"not a host name"),
        (b"Host: user@a\r\n", b"not a host name"),
        (b"Host: a:port\r\n", b"not a host name"),
        (b"Host: http://a\r\n", b"not a host name"),
    ],
)
@pytest.mark.parametrize("target", [b"/echo", b"http://a/echo"])
def test_a_request_without_one_clear_host_is_refused(url, hosts, words, target):
    answer = exchange(url, b"GET " + target + b" HTTP/1.1\r\n" + hosts + LAST)

    assert answer.startswith(b"HTTP/1.1 400 Bad Request\r\n")
    assert b"connection: close\r\n" in answer
    assert words in answer


@pytest.mark.parametrize(
    "host", [b"a", b"a:80", b"a_b.example:", b"127.0.0.1:1", b"[::1]:8080", b""]
)
def test_valid_hosts_are_accepted(url, host):
    answer = exchange(url, b"GET /echo HTTP/1.1\r\nHost: " + host + b"\r\n" + LAST)

    assert answer.endswith(b"\r\n\r\nGET " + host + b" ")


def test_older_clients_need_no_host(url):
    answer = exchange(url, b"GET /echo HTTP/1.0\r\n\r\n")

    assert answer.endswith(b"\r\n\r\nGET  ")


@pytest.mark.parametrize(
    ("target", "host"),
    [
        (b"http://b.example/echo", b"b.example"),
        (b"http://b.example:81/echo?x=/y", b"b.example:81"),
        (b"https://[::1]:81/echo", b"[::1]:81"),
    ],
)
def test_the_host_of_the_target_wins(url, target, host):
    answer = exchange(url, b"GET " + target + b" HTTP/1.1\r\nHost: a\r\n" + LAST)

    assert answer.endswith(b"\r\n\r\nGET " + host + b" ")


@pytest.mark.parametrize("target", [b"http://b.example", b"http://b.example?x=y"])
def test_a_target_without_a_path_means_the_root(url, target):
    answer = exchange(url, b"GET " + target + b" HTTP/1.1\r\nHost: a\r\n" + LAST)

    assert answer.endswith(b"\r\n\r\nhttp /")


def test_requests_before_a_refused_one_are_answered(url):
    good = b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi"
    answer = exchange(url, good + good + b"GET /echo HTTP/1.1\r\n\r\n")

    statuses = [part[:3] for part in answer.split(b"HTTP/1.1 ")[1:]]
    assert statuses == [b"200", b"200", b"400"]
