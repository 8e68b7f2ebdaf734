"""What goes to the upstream and what comes back, and upstreams that do not answer well."""

import json
import re
from contextlib import contextmanager
from typing import Any

import httpx
import pytest

from mock_server.core.accounts import LimitMode
from mock_server.proxy.upstream import MAX_WHOLE_BYTES
from mock_server.serving import serve_in_thread
from mock_server.settings import Settings
from mock_server.tests.proxy.raw_service import answer_of, raw_service
from mock_server.tests.transport.raw_http import exchange

OK = answer_of(b'{"job": 1}', "Content-Type: application/json")
LARGE = bytes(range(256)) * 40_000  # ten times as much as is sent whole
LAST = b"connection: close\r\n"


@contextmanager
def before(answer=None, *, resets=False, **changes):
    """Run a proxy before a raw service; yields both."""
    known: dict[str, Any] = {"port": 0, "rate_limit": LimitMode.OFF, "allow_spending": True}
    with raw_service(answer, resets=resets) as service:
        settings = Settings(**known | {"upstream": service.url} | changes)
        with serve_in_thread(settings) as server:
            yield service, server.url


def ask(url, target=b"/v1/jobs/1", headers=b"", method=b"GET", body=b""):
    """Return what a proxy answers to raw bytes."""
    if body:
        headers += b"content-length: %d\r\n" % len(body)
    head = b"%b %b HTTP/1.1\r\nhost: proxy.test\r\n%b%b\r\n" % (method, target, LAST, headers)
    return exchange(url, head, body)


def problem(answer):
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b"content-type: application/problem+json" in head
    return json.loads(body)


def journal(url):
    return httpx.get(f"{url}/_mock/requests").json()["requests"]


# Requests


@pytest.mark.parametrize(
    "target",
    [b"/v1/jobs/1", b"/v1//jobs/../jobs/%2e", b"/a%2Fb%zz?x=%7E&y=a+b&&z", b"/x?q=[]|^`{}\"'"],
    ids=repr,
)
def test_the_target_goes_through_byte_for_byte(target):
    with before(OK) as (service, url):
        ask(url, target)

    assert service.requests[0].startswith(b"GET " + target + b" HTTP/1.1\r\n")


def test_headers_go_through_apart_from_those_of_one_connection_and_of_the_mock():
    sent = [
        b"authorization: Bearer a  b",
        b"x-ca-nonce: 1",
        b"x-twice: 1",
        b"x-twice: 2",
        b"accept-encoding: gzip",
        b"te: trailers",
        b"keep-alive: 5",
        b"proxy-authorization: Basic x",
        b"x-mock-progress: instant",
        b"connection: x-mine",
        b"x-mine: 1",
        b"via: 1.0 one",
        b"via: 1.0 other",
    ]
    with before(OK) as (service, url):
        head = b"GET /v1/jobs/1 HTTP/1.1\r\nhost: proxy.test\r\n" + b"\r\n".join(sent)
        exchange(url, head + b"\r\n\r\n", b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")

    lines = service.requests[0].split(b"\r\n")[1:-2]
    assert lines[0] == b"host: " + service.url.removeprefix("http://").encode()
    assert re.fullmatch(rb"via: 1.0 one, 1.0 other, 1.1 tams-mock-[0-9a-f]{8}", lines[-1])
    assert lines[1:-1] == [*sent[:4], b"accept-encoding: identity"]


@pytest.mark.parametrize("body", [b" {\n} ", b"\xff\xfe\x00", b"\x1f\x8b no gzip", LARGE[:200_000]])
def test_a_body_goes_through_byte_for_byte(body):
    with before(OK) as (service, url):
        ask(url, b"/v1/jobs/credits", b"content-encoding: gzip\r\n", b"POST", body)

    head, _, sent = service.requests[0].partition(b"\r\n\r\n")
    assert sent == body
    assert b"content-encoding: gzip" in head


def test_a_chunked_body_is_sent_with_its_length():
    chunks = b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"
    with before(OK) as (service, url):
        head = b"PUT /x HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n" + LAST + b"\r\n"
        exchange(url, head, chunks)

    head, _, body = service.requests[0].partition(b"\r\n\r\n")
    assert (body, b"content-length: 5" in head, b"transfer-encoding" in head) == (
        b"abcde", True, False,
    )  # fmt: skip


def test_a_body_above_the_limit_is_not_passed():
    with before(OK, body_limit_bytes=1000) as (service, url):
        answer = ask(url, b"/v1/jobs/credits", method=b"POST", body=b"x" * 1001)

    assert answer.startswith(b"HTTP/1.1 413 ")
    assert service.requests == []


def test_the_control_token_and_calls_of_the_control_api_are_not_passed():
    with before(OK, control_token="the-control-token") as (service, url):
        ask(url, headers=b"authorization: Bearer the-control-token\r\n")
        ask(url, b"/_mock/health")

    (request,) = service.requests
    assert b"authorization" not in request


def test_a_call_that_comes_back_is_refused():
    with before(OK) as (service, url):
        ask(url)
        via = re.findall(rb"via: .*\r\n", service.requests[0])[0]
        answer = ask(url, headers=via)

    assert problem(answer)["status"] == 508
    assert len(service.requests) == 1


# Answers


def test_an_answer_comes_back_byte_for_byte():
    headers = ("Content-Type: x/y", "X-Two: 1", "X-Two: 2", "Keep-Alive: 5", "Connection: X-Mine")
    more = ("X-Mine: 1", "Date: Thu, 01 Jan 1970 00:00:00 GMT", "X-Mock-Request-Id: its")
    with before(answer_of(b"{ }\n", *headers, *more, status="299 Odd")) as (_, url):
        head, _, body = ask(url).partition(b"\r\n\r\n")

    assert body == b"{ }\n"
    lines = head.lower().split(b"\r\n")
    assert lines[0].startswith(b"http/1.1 299 ")
    assert sorted(lines[1:]) == [
        b"connection: close",
        b"content-length: 4",
        b"content-type: x/y",
        b"date: thu, 01 jan 1970 00:00:00 gmt",
        b"x-mock-request-id: 00000001",
        b"x-two: 1",
        b"x-two: 2",
    ]


@pytest.mark.parametrize("framed", ["length", "chunks", "close"])
def test_a_large_answer_is_sent_on_while_it_comes(framed):
    answer = {
        "length": answer_of(LARGE, "content-type: image/png"),
        "chunks": b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
        + b"%x\r\n%b\r\n0\r\n\r\n" % (len(LARGE), LARGE),
        "close": b"HTTP/1.1 200 OK\r\n\r\n" + LARGE,
    }[framed]
    with before(answer, journal_body_bytes=1000) as (_, url):
        got = httpx.get(f"{url}/picture.png")
        entry = httpx.get(f"{url}/_mock/requests/00000001").json()

    assert got.content == LARGE
    assert ("content-length" in got.headers) is (framed == "length")
    assert entry["answer"]["body"]["truncated"] is True


def test_an_answer_without_end_is_given_up_when_the_client_goes_away():
    with before(b"HTTP/1.1 200 OK\r\n\r\n") as (service, url):
        service.stalls, service.repeats = False, LARGE
        with httpx.stream("GET", f"{url}/film.mp4") as answer:
            first = next(answer.iter_bytes(100_000))
        entries = httpx.get(f"{url}/_mock/requests?wait=30").json()["requests"]

    assert first == LARGE[:100_000]  # And the service has ended, because nobody reads on.
    assert entries[0]["remarks"] == ["the connection was closed before the answer was sent"]


def test_faults_change_a_large_answer_too():
    with before(answer_of(LARGE)) as (_, url):
        changed = httpx.get(f"{url}/v1/models/1", headers={"x-mock-fault": "corrupt"})

    assert len(changed.content) == len(LARGE)
    assert changed.content != LARGE


@pytest.mark.parametrize(("method", "status"), [("HEAD", 200), ("GET", 304), ("GET", 204)])
def test_an_answer_without_a_body_has_none(method, status):
    head = f"HTTP/1.1 {status} X\r\n".encode() + b"content-length: 1234\r\n" * (status == 200)
    with before(head + b'etag: "a"\r\n\r\n') as (_, url):
        answer = httpx.request(method, f"{url}/v1/models/1")

    assert (answer.status_code, answer.content, answer.headers["etag"]) == (status, b"", '"a"')
    assert answer.headers.get("content-length") == ("1234" if method == "HEAD" else None)


@pytest.mark.parametrize(
    ("location", "passed"),
    [
        ("/elsewhere?a=b", "/elsewhere?a=b"),
        ("{own}/there", "{proxy}/there"),
        ("there", "{proxy}/v1/models/there"),
        ("http://127.0.0.1:9/", None),
        ("//evil.example/", None),
        ("http://user:secret@evil.example/", None),
        ("http://[", None),
    ],
)
def test_redirects_stay_with_the_upstream(location, passed):
    with before(OK) as (service, url):
        where = location.replace("{own}", service.url)
        service.answer = answer_of(b"", f"Location: {where}", status="302 Found")
        answer = httpx.get(f"{url}/v1/models/1")

    if passed is None:
        assert answer.status_code == 502
        assert answer.json()["type"].endswith(":upstream-redirect")
        assert "secret" not in answer.text
    else:
        assert answer.headers["location"] == passed.replace("{proxy}", url)


def test_addresses_in_answers_stay_unless_they_shall_be_rewritten():
    for changes in (
        {},
        {"rewrite_urls": True},
        {"rewrite_urls": True, "public_url": "https://p.q"},
    ):
        with before(OK, **changes) as (service, url):
            own = service.url
            body = json.dumps([f"{own}/a", f"{own}0/a", "https://cdn.example/a"]).encode()
            escaped = json.dumps([f"{own}/b"]).replace("/", r"\/").encode()
            text = b"[%b,%b]" % (body, escaped)
            service.answer = answer_of(text, "content-type: application/json")
            got = httpx.get(f"{url}/v1/models/1").json()

        base = changes.get("public_url", url if changes else own)
        assert got == [[f"{base}/a", f"{own}0/a", "https://cdn.example/a"], [f"{base}/b"]]


# Upstreams that do not answer well


@pytest.mark.parametrize(
    ("answer", "resets", "words"),
    [
        (b"", False, "without sending a response"),
        (b"", True, ""),
        (b"this is not HTTP\r\n\r\n", False, "illegal status line"),
        (b"HTTP/1.1 200 OK\r\ncontent-length: x\r\n\r\n", False, "Content-Length"),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n", False, "without sending complete"),
        (b"HTTP/1.1 999 OK\r\ncontent-length: 0\r\n\r\n", False, "status 999"),
    ],
    ids=str,
)
def test_what_is_no_answer_is_a_502_with_the_reason(answer, resets, words):
    with before(answer, resets=resets) as (_, url):
        told = problem(ask(url))
        entry = journal(url)[0]

    assert told["type"] == "urn:tams-mock:problem:upstream-broken-answer"
    assert told["status"] == 502
    assert words in told["detail"]
    assert told["message"] == entry["refusal"] == told["detail"]
    assert entry["decided"] == {"passed": False}


@pytest.mark.parametrize("framing", [b"content-length: 10", b"transfer-encoding: chunked"])
def test_half_an_answer_is_passed_as_half_an_answer(framing):
    part = b'6\r\n{"job"\r\n' if b"chunked" in framing else b'{"job"'
    with before(b"HTTP/1.1 200 OK\r\n" + framing + b"\r\n\r\n" + part) as (_, url):
        with pytest.raises(
            httpx.RemoteProtocolError, match=r"complete message body|incomplete chunked"
        ):
            httpx.get(f"{url}/v1/jobs/1")
        entry = httpx.get(f"{url}/_mock/requests/00000001").json()

    assert "the upstream's answer broke off" in entry["remarks"][0]
    assert entry["answer"]["body"]["text"] == '{"job"'


def test_half_of_a_large_answer_is_passed_as_half_an_answer():
    whole = answer_of(LARGE)
    with before(whole[: MAX_WHOLE_BYTES * 2]) as (_, url):
        with pytest.raises(httpx.RemoteProtocolError, match=f"expected {len(LARGE)}"):
            httpx.get(f"{url}/picture.png")
        entry = httpx.get(f"{url}/_mock/requests/00000001").json()

    assert "broke off" in entry["remarks"][0]


def test_an_upstream_that_is_down_is_a_502():
    with raw_service() as service:
        gone = service.url
    with before(upstream=gone, max_credits="1") as (_, url):
        told = problem(ask(url))

    assert told["type"].endswith(":upstream-unreachable")
    assert gone in told["detail"]


def test_an_upstream_that_does_not_answer_in_time_is_a_504():
    with before(None, upstream_timeout=0.05) as (_, url):
        told = problem(ask(url))

    assert (told["status"], told["type"]) == (504, "urn:tams-mock:problem:upstream-timeout")
    assert "0.05 s (--upstream-timeout)" in told["detail"]


def test_a_body_that_stalls_is_a_504():
    with before(None, upstream_timeout=0.05) as (service, url):
        service.answer = OK[:-3]
        told = problem(ask(url))

    assert told["status"] == 504


def test_https_is_checked_and_a_certificate_authority_can_be_trusted(tmp_path):
    known: dict[str, Any] = {"port": 0, "state_dir": tmp_path}
    with serve_in_thread(Settings(**known, tls=True, tls_port=0)) as upstream:
        known["upstream"] = upstream.tls_url
        with serve_in_thread(Settings(**known)) as server:
            refused = httpx.get(f"{server.url}/v1/models/1")
        with serve_in_thread(Settings(**known, upstream_ca_file=upstream.ca_file)) as server:
            passed = httpx.get(f"{server.url}/v1/models/1")

    assert refused.status_code == 502
    assert "--upstream-ca-file" in refused.json()["detail"]
    assert passed.status_code == 401
