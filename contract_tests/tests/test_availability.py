"""A target that cannot be tested is told apart in one sentence, before and during a run."""

import socket
import ssl
from datetime import UTC, datetime

import httpx
import pytest
import trustme

from contract_tests.availability import why_unusable
from contract_tests.signing import TamsBearer, WorkshopSignature
from contract_tests.tests.broken_targets import http_reply, raw_server, unused_port
from contract_tests.troubles import no_answer

AUTH = {"tams": TamsBearer("token-of-an-app"), "workshop": WorkshopSignature("key", "secret-1")}
JSON = {"content_type": "application/json"}
PASSING = """
@source("TAMS › 5.4")
@pytest.mark.parametrize("n", range(3))
def test_price(tams, n):
    assert tams.estimate([]) > 0
"""


def trouble_of(url, surface="tams", verify=True):
    with httpx.Client(trust_env=False, verify=verify) as http:
        return why_unusable(http, surface, url, AUTH[surface], sleep=lambda seconds: None)


def tls_with(authority, *names, **terms):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(*names, **terms).configure_cert(context)
    return context


@pytest.mark.parametrize(
    ("reply", "area", "words"),
    [
        (http_reply(200, "<!DOCTYPE html><title>Sign in</title>", content_type="text/html"),
         "answer", "200 with an HTML page «Sign in»"),
        (http_reply(503, "<html>down</html>"), "answer", "503 with an HTML page"),
        (http_reply(302, location="https://login.example.test/"), "answer",
         "redirects to https://login.example.test/ (302)"),
        (http_reply(502, "{}", **JSON), "answer", "offline or overloaded: it answers 502"),
        (b"SSH-2.0-OpenSSH_9.2\r\n\r\n", "answer", "does not speak HTTP"),
        (b"", "answer", "breaks the connection"),
        (http_reply(401, '{"code":100001,"message":"unauthorized","tips":"sign error"}', **JSON),
         "credentials", "refuses the credential: 401, 100001 unauthorized sign error"),
        (http_reply(404, '{"code":100001,"message":"unauthorized","tips":"app not found"}', **JSON),
         "credentials", "does not know this app at this endpoint"),
        (http_reply(404, "not found"), "answer", "there is no TAMS API at this address"),
        (http_reply(405, '{"code":"SYSTEM.FAIL"}'), "answer", "there is no TAMS API"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_an_answer_is_one_sentence(reply, area, words):
    with raw_server(reply) as url:
        trouble = trouble_of(url)

    assert trouble.area == area
    assert words in trouble.sentence
    assert trouble.advice


@pytest.mark.parametrize(
    ("status", "headers", "words"),
    [
        (400, {"x_ca_error_code": "A400IK", "x_ca_error_message": "Invalid AppKey"},
         "does not know the AppKey"),
        (400, {"x_ca_error_message": "Invalid AppKey"}, "does not know the AppKey"),
        (403, {"x_ca_error_code": "A403IS", "x_ca_error_message": "Invalid Signature, Server"},
         "refuses the signature"),
        (403, {"x_ca_error_code": "I403AA", "x_ca_error_message": "Unauthorized"},
         "not authorised for this API"),
        (403, {"x_ca_error_code": "A403EP"}, "has expired"),
        (400, {"x_ca_error_message": "Timestamp Expired"}, "refuses the time of the call"),
        (404, {"x_ca_error_code": "I404DO"}, "no such API or host"),
        (400, {"x_ca_error_code": "X400XX"}, "refuses a free call: 400 X400XX"),
    ],
)  # fmt: skip
def test_a_refusal_of_the_gateway_is_one_sentence(status, headers, words):
    with raw_server(http_reply(status, **headers)) as url:
        trouble = trouble_of(url, "workshop")

    assert trouble.area == "credentials"
    assert words in trouble.sentence


@pytest.mark.parametrize(
    ("surface", "reply"),
    [
        ("tams", http_reply(200, '{"credits":1}', **JSON)),
        ("tams", http_reply(429, '{"code":8}', **JSON)),
        ("tams", http_reply(400, '{"code":3}', **JSON)),
        ("tams", http_reply(404, '{"code":5}', **JSON)),
        ("workshop", http_reply(200, '{"status":20}', **JSON)),
        ("workshop", http_reply(400, '{"status":20}', **JSON)),
        ("workshop", http_reply(404, '{"status":20}', **JSON)),
        ("workshop", http_reply(429, x_ca_error_code="T429ID")),
    ],
)
def test_a_service_that_knows_the_credential_is_usable(surface, reply):
    with raw_server(reply) as url:
        assert trouble_of(url, surface) is None


def test_what_breaks_tls_is_one_sentence():
    authority, past = trustme.CA(), datetime(2020, 1, 1, tzinfo=UTC)
    trusted = ssl.create_default_context()
    authority.configure_trust(trusted)
    found = {}
    for name, context, verify in (
        ("authority", tls_with(authority, "127.0.0.1"), True),
        ("expired", tls_with(authority, "127.0.0.1", not_before=past, not_after=past), trusted),
        ("host", tls_with(authority, "other.example.test"), trusted),
    ):
        with raw_server(http_reply(200), context) as url:
            found[name] = trouble_of(url, verify=verify)
    modern = ssl.create_default_context()
    modern.minimum_version = ssl.TLSVersion.TLSv1_3
    old = tls_with(authority, "127.0.0.1")
    old.maximum_version = ssl.TLSVersion.TLSv1_2
    with raw_server(http_reply(200), old) as url:
        found["version"] = trouble_of(url, verify=modern)
    with raw_server(http_reply(400), after=b"") as url:
        found["plain"] = trouble_of(url.replace("http:", "https:"))

    assert {trouble.area for trouble in found.values()} == {"TLS"}
    assert "authority that is not trusted" in found["authority"].sentence
    assert "--ca-file" in found["authority"].advice
    assert "has expired" in found["expired"].sentence
    assert "is for another host, not for 127.0.0.1" in found["host"].sentence
    assert "offers no version of TLS" in found["version"].sentence
    assert "does not speak TLS at this port" in found["plain"].sentence


@pytest.mark.parametrize(
    ("error", "cause", "area", "words"),
    [
        (httpx.ConnectError("x"), socket.gaierror(-2, "Name or service not known"), "name",
         "the name a.example.test is not known"),
        (httpx.ConnectTimeout("x"), None, "connection", "does not answer to a connection"),
        (httpx.ReadTimeout("x"), None, "answer", "too slow"),
        (httpx.ProxyError("403 Forbidden"), None, "connection", "the proxy refuses"),
        (httpx.ConnectError("no route"), OSError(113, "no route"), "connection",
         "cannot be reached"),
    ],
)  # fmt: skip
def test_a_missing_answer_is_one_sentence(error, cause, area, words):
    error.__cause__ = cause

    trouble = no_answer(error, "https://a.example.test")

    assert (trouble.area, words in trouble.sentence) == (area, True)


def test_a_target_that_is_overloaded_for_a_moment_is_asked_again():
    replies = [httpx.Response(503), httpx.Response(200, json={"credits": 1})]
    transport = httpx.MockTransport(lambda request: replies.pop(0))
    slept: list[float] = []

    with httpx.Client(transport=transport) as http:
        trouble = why_unusable(http, "tams", "http://a", AUTH["tams"], sleep=slept.append)

    assert (trouble, slept) == (None, [1.0])


@pytest.mark.parametrize("surface", ["tams", "workshop"])
@pytest.mark.parametrize("broken", [502, 401, "page"])
def test_one_broken_operation_is_for_the_tests_to_tell(surface, broken):
    def answer(request):
        if request.url.path in ("/v1/jobs/credits", "/scc/spQueryToken"):
            return (
                httpx.Response(200, html="<html>") if broken == "page" else httpx.Response(broken)
            )
        return httpx.Response(200, json={"model": {}, "status": 20})

    with httpx.Client(transport=httpx.MockTransport(answer)) as http:
        assert why_unusable(http, surface, "http://a", AUTH[surface], lambda seconds: None) is None


def test_a_target_that_stays_slow_is_too_slow():
    def answer(request):
        raise httpx.ReadTimeout("timed out", request=request)

    slept: list[float] = []
    with httpx.Client(transport=httpx.MockTransport(answer)) as http:
        trouble = why_unusable(http, "tams", "http://a", AUTH["tams"], sleep=slept.append)

    assert trouble is not None
    assert "too slow: a free call got no answer in 20 s" in trouble.sentence
    assert len(slept) == 4  # for two calls


def test_a_run_does_not_start_if_nothing_answers(nested):
    nested.write(PASSING)

    result = nested.run(f"http://127.0.0.1:{unused_port()}")

    assert result.ret == 3
    result.stderr.fnmatch_lines(["*the connection is refused; check host and port*"])
    assert not (nested.folder / "report.json").exists()


def test_a_run_does_not_start_if_a_web_site_answers(nested):
    nested.write(PASSING)

    with raw_server(http_reply(200, "<html>", content_type="text/html")) as url:
        result = nested.run(url)

    assert result.ret == 3
    result.stderr.fnmatch_lines(["*tams cannot be tested: *answers 200 with an HTML page*"])


@pytest.mark.parametrize("workers", [(), ("-p", "xdist.plugin", "-n1")], ids=["alone", "workers"])
@pytest.mark.parametrize(
    ("becomes", "words"),
    [("gone", "the connection is refused"), ("closed", "does not know this app"),
     ("page", "with an HTML page")],
)  # fmt: skip
def test_a_target_that_goes_away_ends_the_run_and_fails_nothing(
    nested, fake_tams, becomes, words, workers
):
    nested.write(PASSING)
    fake_tams.estimates_left, fake_tams.becomes = 2, becomes  # one is for the check before the run

    result = nested.run(fake_tams.url, *workers)

    assert result.ret == 3
    assert nested.outcomes() == {"test_price[0]": "passed", "test_price[1]": "unreachable"}
    assert words in nested.report()["tests"][1]["reason"]
    result.stdout.fnmatch_lines(["Contract NOT JUDGED, TARGET DOWN: 1 passed, 1 unreachable in *"])


def test_a_run_continues_when_its_target_is_back(nested, fake_tams):
    nested.write(PASSING)
    fake_tams.estimates_left, fake_tams.becomes = 2, "closed"
    nested.run(fake_tams.url)
    fake_tams.estimates_left = None

    result = nested.run(fake_tams.url, "--resume")

    assert result.ret == 0
    assert set(nested.outcomes().values()) == {"passed"}


def test_one_call_without_an_answer_is_still_a_failure(nested, fake_tams):
    nested.write(PASSING)
    fake_tams.estimates_left, fake_tams.becomes = 2, "silent"

    result = nested.run(fake_tams.url, "-k", "0 or 1")

    assert nested.outcomes() == {"test_price[0]": "passed", "test_price[1]": "failed"}
    assert result.ret == 1
