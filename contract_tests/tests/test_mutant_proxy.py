"""The proxy passes calls and notifications on, and signs for accounts."""

import json
import socket
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from hypothesis import given
from hypothesis import strategies as st

from contract_tests.credentials import TamsCredentials, TargetCredentials, WorkshopCredentials
from contract_tests.mutants.calls import HttpCall, HttpReply, unchanged
from contract_tests.mutants.proxy import MutatingProxy
from contract_tests.mutants.relay import never, relayed, twice
from contract_tests.mutants.resigning import resigned, tams_deviation
from contract_tests.signing import workshop_signature, workshop_string_to_sign
from contract_tests.tests.canned_service import CannedService


@cache
def a_key():
    key = rsa.generate_private_key(65537, 2048)
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def credentials():
    return TargetCredentials(
        TamsCredentials("appOne", a_key()), WorkshopCredentials("key-one", "secret-one")
    )


def known():
    return {"appOne": credentials(), "key-one": credentials()}


# The proxy.


@contextmanager
def an_echo():
    """Serve an echo of the raw request line, headers and body."""

    class Echo(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self):
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            line = self.requestline
            said = json.dumps([line, self.headers.items(), body.decode("latin-1")]).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(said)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(said)

        do_GET = do_POST = do_PUT = do_HEAD = do_DELETE = answer

        def log_message(self, *arguments):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Echo)
    thread = Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture(scope="module")
def proxied():
    with (
        an_echo() as upstream,
        MutatingProxy(upstream, unchanged) as proxy,
        httpx.Client() as client,
    ):
        yield proxy, client


def said_through(proxied, method, target, **options):
    proxy, client = proxied
    url = httpx.URL(proxy.url, raw_path=target)
    return client.request(method, url, **options).json()


@given(target=st.text("abc/%2F?=&+~'", max_size=30))
def test_the_target_is_passed_on_unchanged(proxied, target):
    line, _, _ = said_through(proxied, "GET", b"/v1" + target.encode())

    assert line == f"GET /v1{target} HTTP/1.1"


@given(body=st.binary(max_size=300))
def test_a_body_is_passed_on_unchanged(proxied, body):
    assert said_through(proxied, "POST", b"/v1", content=body)[2].encode("latin-1") == body


def test_a_chunked_body_is_passed_on_whole(proxied):
    assert said_through(proxied, "POST", b"/v1", content=iter([b"ab", b"c"]))[2] == "abc"


def test_headers_and_the_host_are_passed_on(proxied):
    _, headers, _ = said_through(proxied, "GET", b"/", headers={"X-Ca-Key": "7"})

    sent = {name.lower(): value for name, value in headers}
    assert sent["x-ca-key"] == "7"
    assert sent["host"] == proxied[0].url.removeprefix("http://")


def test_an_answer_to_head_has_no_body(proxied):
    proxy, client = proxied

    assert client.head(f"{proxy.url}/v1").content == b""


def test_a_chunked_answer_is_read_whole():
    handle = lambda call, service: HttpReply(200, (), b"some words", chunk=4)  # noqa: E731
    with MutatingProxy("http://127.0.0.1:1", handle) as proxy, httpx.Client() as client:
        answer = client.get(proxy.url)

    assert answer.text == "some words"
    assert answer.headers["transfer-encoding"] == "chunked"


def test_a_mock_that_is_gone_is_a_502():
    with socket.create_server(("127.0.0.1", 0)) as gone:
        url = f"http://127.0.0.1:{gone.getsockname()[1]}"
    with MutatingProxy(url, unchanged) as proxy, httpx.Client() as client:
        assert client.get(proxy.url).status_code == 502


def test_an_error_in_a_mutant_is_reported():
    def broken(call, service):
        raise KeyError("job")

    with MutatingProxy("http://127.0.0.1:1", broken) as proxy, httpx.Client() as client:
        assert client.get(proxy.url).status_code == 500

    assert "KeyError" in proxy.faults[0]


# Notifications of the mock.


def what_arrives(mutation):
    """Return what a receiver gets if a mutation changes one notification."""
    got = []

    def keep(call, service):
        got.append((call.target, call.body))
        return HttpReply(202)

    with MutatingProxy("http://127.0.0.1:1", keep) as receiver:
        handle = mutation.make()
        service = CannedService(HttpReply(200))
        handle(
            HttpCall("POST", "/v1/jobs", (), json.dumps({"notifyUrl": receiver.url}).encode()),
            service,
        )
        own = service.calls[0].json["notifyUrl"].removeprefix(service.url)
        answer = handle(HttpCall("POST", f"{own}?a=1", (), b"{}"), service)
    return own, got, answer.status


def test_a_notification_passes_the_proxy_and_its_answer_comes_back():
    mutation = relayed("POST", "/v1/jobs", "notifyUrl", lambda message, send, memory: send(message))

    own, got, status = what_arrives(mutation)

    assert own.startswith("/mutants/received/")
    assert got == [("/?a=1", b"{}")]
    assert status == 202


def test_a_notification_may_come_twice_or_never():
    assert len(what_arrives(relayed("POST", "/v1/jobs", "notifyUrl", twice))[1]) == 2
    assert what_arrives(relayed("POST", "/v1/jobs", "notifyUrl", never))[1:] == ([], 200)


# Signing for accounts.


def signed_tams(body=b"{}", method="POST", target="/v1/jobs?k=1"):
    return resigned(
        HttpCall(method, target, (("Content-Type", "application/json"),), body), known()
    )


@pytest.mark.parametrize(
    ("part", "changes"),
    [
        ("body", {"body": b"[}"}),
        ("target", {"target": "/v1/jobs?k=2"}),
        ("method", {"method": "PUT"}),
    ],
)
def test_the_part_that_was_changed_by_one_byte_is_found(part, changes):
    assert tams_deviation(replace(signed_tams(), **changes), a_key()) == part


@pytest.mark.parametrize(("part", "name"), [("nonce", "nonce_str="), ("timestamp", "timestamp=")])
def test_a_changed_pair_of_the_header_is_found(part, name):
    call = signed_tams()
    head, _, tail = call.header("Authorization").partition(name)
    other = "1" if tail[0] != "1" else "2"

    changed = call.with_header("Authorization", head + name + other + tail[1:])

    assert tams_deviation(changed, a_key()) == part


def test_a_difference_of_several_bytes_is_not_found():
    assert tams_deviation(replace(signed_tams(), body=b'{"a":1}'), a_key()) == ""


def test_a_workshop_call_is_signed_with_the_secret_of_its_key():
    headers = (("Accept", "*/*"), ("x-ca-key", "key-one"), ("x-ca-signature", "wrong"))

    call = resigned(HttpCall("POST", "/scc/spQueryToken", headers, b"{}"), known())

    sent = {name.lower(): value for name, value in call.headers}
    text = workshop_string_to_sign("POST", b"/scc/spQueryToken", sent, b"{}")
    assert sent["x-ca-signature"] == workshop_signature("secret-one", text)
