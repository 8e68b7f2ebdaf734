"""The mutants: each changes only what it says, and the suite notices every one."""

import json
import re
import socket
from contextlib import contextmanager
from dataclasses import replace
from functools import cache, partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import cycle
from pathlib import Path
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
from contract_tests.mutants.calls import HttpCall, HttpReply, a_reply, unchanged
from contract_tests.mutants.catalogue import MUTANTS, mutants_named, read_noticed
from contract_tests.mutants.equivalents import HIDDEN, VARIANTS
from contract_tests.mutants.harness import as_toml
from contract_tests.mutants.mutant import Mutant, combine, on_json
from contract_tests.mutants.pictures import a_png
from contract_tests.mutants.proxy import MutatingProxy
from contract_tests.mutants.relay import never, relayed, twice
from contract_tests.mutants.resigning import resigned, tams_deviation
from contract_tests.mutants.scoring import check_equivalents, in_parallel, judge, score
from contract_tests.report.shape import TestResult
from contract_tests.signing import workshop_signature, workshop_string_to_sign

EXCHANGES = Path(__file__).parents[2] / "fixtures" / "exchanges"
SHARES = 3
BY_NAME = {mutant.name: mutant for mutant in MUTANTS}


class Canned:
    """A service that always gives the same answer, and records its calls."""

    url = "http://127.0.0.1:1"

    def __init__(self, reply):
        self.reply, self.calls = reply, []

    def __call__(self, call):
        self.calls.append(call)
        return self.reply

    def signed(self, call):
        return call

    def tams_key(self, app_id):
        return ""

    def moved(self):
        return 0.0


@cache
def exchanges():
    found = []
    for path in sorted(EXCHANGES.glob("*/*.json")):
        data = json.loads(path.read_text(encoding="utf-8"))
        request, response = data.get("request", {}), data.get("response", {})
        if "path" in request and "httpStatus" in response:
            headers = tuple(request.get("headers", {}).items())
            body = request.get("rawBody", "").encode()
            call = HttpCall(request.get("method", "POST"), request["path"], headers, body)
            found.append((call, a_reply(response["httpStatus"], response.get("body"))))
    return found


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


def a_result(outcome, message="", test="tams/test_jobs.py::test_a_fact"):
    return TestResult(test, "tams", "test_a_fact", [], outcome, message=message)


def a_mutant(clue="queueRank"):
    return Mutant("rank-as-number", "The rank is a number.", "TAMS › 2", clue, BY_NAME[
        "rank-as-number"].mutation)  # fmt: skip


# What is true of every mutant.


def test_there_are_at_least_sixty_mutants_of_both_surfaces():
    surfaces = [mutant.surface for mutant in MUTANTS]

    assert len(MUTANTS) >= 60
    assert surfaces.count("tams") >= 40
    assert surfaces.count("workshop") >= 20


def test_names_are_unique():
    names = [*(mutant.name for mutant in MUTANTS), *(variant.name for variant in VARIANTS)]

    assert len(names) == len(set(names))


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_a_mutant_has_a_sentence_and_a_source(mutant):
    assert mutant.sentence.endswith(".")
    assert re.fullmatch(r"(TAMS|Workshop) › \d+(\.\d+)?", mutant.source)
    re.compile(mutant.clue)


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_a_mutant_changes_only_the_calls_it_concerns(mutant):
    handle = mutant.mutation.make()
    for call, reply in exchanges():
        if not mutant.mutation.concerns(call):
            service = Canned(reply)
            assert handle(call, service) == reply
            assert service.calls[0] == call


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_a_mutant_accepts_any_body(mutant):
    handle = mutant.mutation.make()
    bodies = cycle((b"", b"null", b"[]", b"{}", b"7", b"{", b"\xff"))
    for (call, reply), body in zip(exchanges(), bodies, strict=False):
        assert handle(replace(call, body=body), Canned(reply)).status >= 200


def test_a_mutation_has_new_memory_each_time():
    mutant = BY_NAME["nonce-refused-twice"]
    call = HttpCall("GET", "/v1/jobs/1", (("Authorization", "TAMS-SHA256-RSA nonce_str=1"),))

    first, second = mutant.mutation.make(), mutant.mutation.make()

    assert first(call, Canned(HttpReply(200))).status == 200
    assert first(call, Canned(HttpReply(200))).status == 401
    assert second(call, Canned(HttpReply(200))).status == 200


def test_two_mutations_can_be_combined():
    first = on_json("GET", "/a", lambda body, memory: body.update(one=1))
    second = on_json("GET", "/a", lambda body, memory: body.update(two=2))

    reply = combine(first, second).make()(HttpCall("GET", "/a"), Canned(a_reply(200, {})))

    assert reply.json == {"one": 1, "two": 2}


def test_mutants_are_found_by_name_and_unknown_names_are_refused():
    assert [mutant.name for mutant in mutants_named(["rank-as-number"])] == ["rank-as-number"]
    with pytest.raises(ValueError, match="no mutant is named nothing-like-it"):
        mutants_named(["nothing-like-it"])


# Some mutants by their effect.


def job(status, **members):
    return a_reply(200, {"job": {"id": "7", "status": status, **members}})


def tell(name, *replies, call=None):
    """Return what a mutant makes of answers to the same call."""
    handle = BY_NAME[name].mutation.make()
    call = call or HttpCall("GET", "/v1/jobs/7")
    return [handle(call, Canned(reply)) for reply in replies]


def test_a_rank_becomes_a_number_and_nothing_else_changes():
    info = {"queueRank": "3", "queueLen": "5"}

    (reply,) = tell("rank-as-number", job("WAITING", waitingInfo=info))

    waiting = {"queueRank": 3, "queueLen": "5"}
    assert reply.json == {"job": {"id": "7", "status": "WAITING", "waitingInfo": waiting}}


def test_a_job_that_ran_waits_again():
    replies = tell("state-runs-back", job("RUNNING"), job("RUNNING"), job("RUNNING"))

    assert [r.json["job"]["status"] for r in replies] == ["RUNNING", "WAITING", "RUNNING"]


def test_a_session_of_another_token_is_answered():
    handle = BY_NAME["session-of-another-token"].mutation.make()
    for token in ("one", "two"):
        data = {"apiToken": token, "sessionUrl": f"http://h/{token}"}
        create = HttpCall("POST", "/scc/spCreateSession")
        handle(create, Canned(a_reply(200, {"status": 10, "data": data})))
    data = {"apiToken": "two", "sessionUrl": "http://h/two"}

    reply = handle(
        HttpCall("POST", "/scc/spQuerySession"), Canned(a_reply(200, {"status": 10, "data": data}))
    )

    assert reply.json["data"]["apiToken"] == "one"


def test_a_charge_is_taken_from_the_balance_once_for_each_job():
    handle = BY_NAME["failure-charged"].mutation.make()
    failed = Canned(job("FAILED", credits=1.5))
    handle(HttpCall("GET", "/v1/jobs/7"), failed)
    handle(HttpCall("GET", "/v1/jobs/7"), failed)

    balance = HttpCall("GET", "/_mock/accounts/a/balance")
    reply = handle(balance, Canned(a_reply(200, {"balance": 10})))

    assert reply.json == {"balance": 8.5}


def test_a_generated_picture_is_a_png_of_its_size():
    from io import BytesIO

    from PIL import Image

    picture = Image.open(BytesIO(a_png(64, 48)))
    picture.load()
    assert picture.size == (64, 48)


# Equivalent variants.


@pytest.mark.parametrize(
    "variant", [v for v in VARIANTS if v.name != "slower"], ids=lambda v: v.name
)
def test_an_equivalent_variant_keeps_every_member_and_the_status(variant):
    handle = variant.mutation.make()
    for call, reply in exchanges():
        told_reply = handle(call, Canned(reply))
        assert told_reply.status == reply.status
        assert_holds(reply.json, told_reply.json, variant.name)


def assert_holds(less, more, name):
    """Assert that all of `less` is in `more`, except the words of free messages."""
    if isinstance(less, dict):
        for key in less:
            if not (key == "message" and name in ("other-words", "all-together")):
                assert_holds(less[key], more[key], name)
    elif isinstance(less, list):
        assert len(less) == len(more)
        for one, other in zip(less, more, strict=True):
            assert_holds(one, other, name)
    else:
        assert less == more


def test_a_hidden_control_api_is_not_found():
    handle = HIDDEN.make()

    assert handle(HttpCall("GET", "/_mock/version"), Canned(HttpReply(200))).status == 404
    assert handle(HttpCall("GET", "/v1/jobs/1"), Canned(HttpReply(200))).status == 200


# Notifications of the mock.


def what_arrives(mutation):
    """Return what a receiver gets if a mutation changes one notification."""
    got = []

    def keep(call, service):
        got.append((call.target, call.body))
        return HttpReply(202)

    with MutatingProxy("http://127.0.0.1:1", keep) as receiver:
        handle = mutation.make()
        service = Canned(HttpReply(200))
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
    handle = lambda call, service: HttpReply(200, (), b"some words", chunked=True)  # noqa: E731
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


# Verdicts.


def test_a_failure_that_names_the_mutant_counts():
    verdict = judge(a_mutant(), [a_result("passed"), a_result("failed", "queueRank is 3")])

    assert verdict.good


def test_a_failure_in_other_words_does_not_count():
    verdict = judge(a_mutant(), [a_result("failed", "something else")])

    assert not verdict.good
    assert verdict.unnamed == ("tams/test_jobs.py::test_a_fact",)


def test_an_error_of_the_suite_does_not_count():
    verdict = judge(a_mutant(), [a_result("error", "queueRank")])

    assert not verdict.good
    assert verdict.broken == ("tams/test_jobs.py::test_a_fact",)


def test_a_mutant_without_a_test_is_not_noticed():
    assert not judge(a_mutant(), []).good


WORDS = st.text("a\"\\\n'é€")


@given(
    st.dictionaries(st.text("abc_", min_size=1), WORDS | st.integers(0, 9) | st.booleans()),
    st.dictionaries(st.text("xyz_", min_size=1), WORDS),
)
def test_settings_are_written_as_toml(plain, table):
    import tomllib

    assert tomllib.loads(as_toml({**plain, "table": table})) == {**plain, "table": table}


# The suite against mutants.


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_every_mutant_has_a_test(mutant):
    assert read_noticed().get(mutant.name)


@pytest.mark.timeout(300)
@pytest.mark.parametrize("share", range(SHARES))
def test_every_mutant_is_noticed_by_a_failure_that_names_it(share, record_testsuite_property):
    names = [mutant.name for mutant in MUTANTS[share::SHARES]]

    verdicts = list(in_parallel(partial(score, read_noticed()), names, 1))

    good = [verdict.name for verdict in verdicts if verdict.good]
    record_testsuite_property(f"mutants noticed, share {share}", f"{len(good)} of {len(names)}")
    print(f"mutants noticed: {len(good)} of {len(names)}")
    assert sorted(set(names) - set(good)) == []


@pytest.mark.timeout(300)
def test_an_equivalent_variant_fails_no_test():
    tests = sorted({tests[0] for tests in read_noticed().values()})

    (verdict,) = in_parallel(partial(check_equivalents, tests), ["all-together"], 1)

    assert verdict.failures == {}
    assert verdict.good
