"""The lies: each does what it says and nothing else, and the suite notices every one."""

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

from contract_tests.credentials import Credentials, TamsCredentials, WorkshopCredentials
from contract_tests.lies.calls import Call, Reply, a_reply, honest
from contract_tests.lies.catalogue import LIES, lies_named, read_noticed
from contract_tests.lies.hearing import as_toml
from contract_tests.lies.honest import HIDDEN, VARIANTS
from contract_tests.lies.lie import Lie, both, told
from contract_tests.lies.pictures import a_png
from contract_tests.lies.proxy import Proxy
from contract_tests.lies.relay import never, relayed, twice
from contract_tests.lies.resigning import resigned, tams_deviation
from contract_tests.lies.scoring import acquit_each, judge, score, side_by_side
from contract_tests.report.shape import TestResult
from contract_tests.signing import workshop_signature, workshop_string_to_sign

EXCHANGES = Path(__file__).parents[2] / "fixtures" / "exchanges"
SHARES = 3
BY_NAME = {lie.name: lie for lie in LIES}


class Canned:
    """A service that always answers the same, and remembers what it was asked."""

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
            call = Call(request.get("method", "POST"), request["path"], headers, body)
            found.append((call, a_reply(response["httpStatus"], response.get("body"))))
    return found


@cache
def a_key():
    key = rsa.generate_private_key(65537, 2048)
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def credentials():
    return Credentials(
        TamsCredentials("appOne", a_key()), WorkshopCredentials("key-one", "secret-one")
    )


def known():
    return {"appOne": credentials(), "key-one": credentials()}


def a_result(outcome, message="", test="tams/test_jobs.py::test_a_fact"):
    return TestResult(test, "tams", "test_a_fact", [], outcome, message=message)


def a_lie(clue="queueRank"):
    return Lie("rank-as-number", "The rank is a number.", "TAMS › 2", clue, BY_NAME[
        "rank-as-number"].breach)  # fmt: skip


# What every lie keeps to.


def test_there_are_at_least_sixty_lies_over_both_surfaces():
    surfaces = [lie.surface for lie in LIES]

    assert len(LIES) >= 60
    assert surfaces.count("tams") >= 40
    assert surfaces.count("workshop") >= 20


def test_names_are_told_apart():
    names = [*(lie.name for lie in LIES), *(variant.name for variant in VARIANTS)]

    assert len(names) == len(set(names))


@pytest.mark.parametrize("lie", LIES, ids=lambda lie: lie.name)
def test_a_lie_says_what_it_is_and_where_the_truth_stands(lie):
    assert lie.sentence.endswith(".")
    assert re.fullmatch(r"(TAMS|Workshop) › \d+(\.\d+)?", lie.source)
    re.compile(lie.clue)


@pytest.mark.parametrize("lie", LIES, ids=lambda lie: lie.name)
def test_a_lie_leaves_alone_what_it_does_not_concern(lie):
    distort = lie.breach.make()
    for call, reply in exchanges():
        if not lie.breach.concerns(call):
            service = Canned(reply)
            assert distort(call, service) == reply
            assert service.calls[0] == call


@pytest.mark.parametrize("lie", LIES, ids=lambda lie: lie.name)
def test_a_lie_bears_whatever_is_asked(lie):
    distort = lie.breach.make()
    bodies = cycle((b"", b"null", b"[]", b"{}", b"7", b"{", b"\xff"))
    for (call, reply), body in zip(exchanges(), bodies, strict=False):
        assert distort(replace(call, body=body), Canned(reply)).status >= 200


def test_a_lie_begins_anew_each_time():
    lie = BY_NAME["nonce-refused-twice"]
    call = Call("GET", "/v1/jobs/1", (("Authorization", "TAMS-SHA256-RSA nonce_str=1"),))

    first, second = lie.breach.make(), lie.breach.make()

    assert first(call, Canned(Reply(200))).status == 200
    assert first(call, Canned(Reply(200))).status == 401
    assert second(call, Canned(Reply(200))).status == 200


def test_two_breaches_are_told_together():
    first = told("GET", "/a", lambda body, memory: body.update(one=1))
    second = told("GET", "/a", lambda body, memory: body.update(two=2))

    reply = both(first, second).make()(Call("GET", "/a"), Canned(a_reply(200, {})))

    assert reply.json == {"one": 1, "two": 2}


def test_lies_are_found_by_name_and_unknown_names_refused():
    assert [lie.name for lie in lies_named(["rank-as-number"])] == ["rank-as-number"]
    with pytest.raises(ValueError, match="no lie nothing-like-it"):
        lies_named(["nothing-like-it"])


# Some lies by their effect.


def job(status, **members):
    return a_reply(200, {"job": {"id": "7", "status": status, **members}})


def tell(name, *replies, call=None):
    """Return what a lie makes of answers to the same call."""
    distort = BY_NAME[name].breach.make()
    call = call or Call("GET", "/v1/jobs/7")
    return [distort(call, Canned(reply)) for reply in replies]


def test_a_rank_becomes_a_number_and_nothing_else_changes():
    info = {"queueRank": "3", "queueLen": "5"}

    (reply,) = tell("rank-as-number", job("WAITING", waitingInfo=info))

    waiting = {"queueRank": 3, "queueLen": "5"}
    assert reply.json == {"job": {"id": "7", "status": "WAITING", "waitingInfo": waiting}}


def test_a_job_that_ran_waits_again():
    replies = tell("state-runs-back", job("RUNNING"), job("RUNNING"), job("RUNNING"))

    assert [r.json["job"]["status"] for r in replies] == ["RUNNING", "WAITING", "RUNNING"]


def test_a_session_of_another_token_is_told():
    distort = BY_NAME["session-of-another-token"].breach.make()
    for token in ("one", "two"):
        data = {"apiToken": token, "sessionUrl": f"http://h/{token}"}
        create = Call("POST", "/scc/spCreateSession")
        distort(create, Canned(a_reply(200, {"status": 10, "data": data})))
    data = {"apiToken": "two", "sessionUrl": "http://h/two"}

    reply = distort(
        Call("POST", "/scc/spQuerySession"), Canned(a_reply(200, {"status": 10, "data": data}))
    )

    assert reply.json["data"]["apiToken"] == "one"


def test_a_charge_is_taken_from_the_balance_once_for_each_job():
    distort = BY_NAME["failure-charged"].breach.make()
    failed = Canned(job("FAILED", credits=1.5))
    distort(Call("GET", "/v1/jobs/7"), failed)
    distort(Call("GET", "/v1/jobs/7"), failed)

    balance = Call("GET", "/_mock/accounts/a/balance")
    reply = distort(balance, Canned(a_reply(200, {"balance": 10})))

    assert reply.json == {"balance": 8.5}


def test_a_made_picture_is_a_png_of_its_size():
    from io import BytesIO

    from PIL import Image

    picture = Image.open(BytesIO(a_png(64, 48)))
    picture.load()
    assert picture.size == (64, 48)


# Honest variants.


@pytest.mark.parametrize(
    "variant", [v for v in VARIANTS if v.name != "slower"], ids=lambda v: v.name
)
def test_an_honest_variant_keeps_every_member_and_the_status(variant):
    distort = variant.breach.make()
    for call, reply in exchanges():
        told_reply = distort(call, Canned(reply))
        assert told_reply.status == reply.status
        assert_holds(reply.json, told_reply.json, variant.name)


def assert_holds(less, more, name):
    """Assert that all of `less` is in `more`, the words of free messages aside."""
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
    distort = HIDDEN.make()

    assert distort(Call("GET", "/_mock/version"), Canned(Reply(200))).status == 404
    assert distort(Call("GET", "/v1/jobs/1"), Canned(Reply(200))).status == 200


# What the mock sends by itself.


def what_arrives(breach):
    """Return what a receiver gets of one notification, once it goes through a lie."""
    got = []

    def keep(call, service):
        got.append((call.target, call.body))
        return Reply(202)

    with Proxy("http://127.0.0.1:1", keep) as receiver:
        distort = breach.make()
        service = Canned(Reply(200))
        distort(
            Call("POST", "/v1/jobs", (), json.dumps({"notifyUrl": receiver.url}).encode()), service
        )
        own = service.calls[0].json["notifyUrl"].removeprefix(service.url)
        answer = distort(Call("POST", f"{own}?a=1", (), b"{}"), service)
    return own, got, answer.status


def test_what_is_sent_passes_the_proxy_and_the_answer_comes_back():
    breach = relayed("POST", "/v1/jobs", "notifyUrl", lambda told, send, memory: send(told))

    own, got, status = what_arrives(breach)

    assert own.startswith("/lies/received/")
    assert got == [("/?a=1", b"{}")]
    assert status == 202


def test_what_is_sent_may_come_twice_or_never():
    assert len(what_arrives(relayed("POST", "/v1/jobs", "notifyUrl", twice))[1]) == 2
    assert what_arrives(relayed("POST", "/v1/jobs", "notifyUrl", never))[1:] == ([], 200)


# Signing on behalf.


def signed_tams(body=b"{}", method="POST", target="/v1/jobs?k=1"):
    return resigned(Call(method, target, (("Content-Type", "application/json"),), body), known())


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


def test_what_differs_in_more_than_a_byte_is_not_taken_for_a_neighbour():
    assert tams_deviation(replace(signed_tams(), body=b'{"a":1}'), a_key()) == ""


def test_a_workshop_call_is_signed_with_the_secret_of_its_key():
    headers = (("Accept", "*/*"), ("x-ca-key", "key-one"), ("x-ca-signature", "wrong"))

    call = resigned(Call("POST", "/scc/spQueryToken", headers, b"{}"), known())

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
    with an_echo() as upstream, Proxy(upstream, honest) as proxy, httpx.Client() as client:
        yield proxy, client


def said_through(proxied, method, target, **options):
    proxy, client = proxied
    url = httpx.URL(proxy.url, raw_path=target)
    return client.request(method, url, **options).json()


@given(target=st.text("abc/%2F?=&+~'", max_size=30))
def test_the_target_passes_as_it_came(proxied, target):
    line, _, _ = said_through(proxied, "GET", b"/v1" + target.encode())

    assert line == f"GET /v1{target} HTTP/1.1"


@given(body=st.binary(max_size=300))
def test_a_body_passes_byte_by_byte(proxied, body):
    assert said_through(proxied, "POST", b"/v1", content=body)[2].encode("latin-1") == body


def test_a_body_in_pieces_passes_whole(proxied):
    assert said_through(proxied, "POST", b"/v1", content=iter([b"ab", b"c"]))[2] == "abc"


def test_headers_and_the_host_that_was_asked_pass(proxied):
    _, headers, _ = said_through(proxied, "GET", b"/", headers={"X-Ca-Key": "7"})

    sent = {name.lower(): value for name, value in headers}
    assert sent["x-ca-key"] == "7"
    assert sent["host"] == proxied[0].url.removeprefix("http://")


def test_an_answer_to_head_has_no_body(proxied):
    proxy, client = proxied

    assert client.head(f"{proxy.url}/v1").content == b""


def test_an_answer_in_pieces_is_read_whole():
    distort = lambda call, service: Reply(200, (), b"some words", chunked=True)  # noqa: E731
    with Proxy("http://127.0.0.1:1", distort) as proxy, httpx.Client() as client:
        answer = client.get(proxy.url)

    assert answer.text == "some words"
    assert answer.headers["transfer-encoding"] == "chunked"


def test_a_mock_that_is_gone_is_a_502():
    with socket.create_server(("127.0.0.1", 0)) as gone:
        url = f"http://127.0.0.1:{gone.getsockname()[1]}"
    with Proxy(url, honest) as proxy, httpx.Client() as client:
        assert client.get(proxy.url).status_code == 502


def test_a_lie_that_is_broken_itself_is_told():
    def broken(call, service):
        raise KeyError("job")

    with Proxy("http://127.0.0.1:1", broken) as proxy, httpx.Client() as client:
        assert client.get(proxy.url).status_code == 500

    assert "KeyError" in proxy.faults[0]


# Verdicts.


def test_a_failure_that_names_the_lie_is_a_notice():
    verdict = judge(a_lie(), [a_result("passed"), a_result("failed", "queueRank is 3")])

    assert verdict.good


def test_a_failure_in_other_words_is_none():
    verdict = judge(a_lie(), [a_result("failed", "something else")])

    assert not verdict.good
    assert verdict.unnamed == ("tams/test_jobs.py::test_a_fact",)


def test_an_error_of_the_suite_is_none():
    verdict = judge(a_lie(), [a_result("error", "queueRank")])

    assert not verdict.good
    assert verdict.broken == ("tams/test_jobs.py::test_a_fact",)


def test_a_lie_without_a_test_is_not_noticed():
    assert not judge(a_lie(), []).good


WORDS = st.text("a\"\\\n'é€")


@given(
    st.dictionaries(st.text("abc_", min_size=1), WORDS | st.integers(0, 9) | st.booleans()),
    st.dictionaries(st.text("xyz_", min_size=1), WORDS),
)
def test_settings_are_written_as_toml(plain, table):
    import tomllib

    assert tomllib.loads(as_toml({**plain, "table": table})) == {**plain, "table": table}


# The suite, lied to.


@pytest.mark.parametrize("lie", LIES, ids=lambda lie: lie.name)
def test_every_lie_has_a_test(lie):
    assert read_noticed().get(lie.name)


@pytest.mark.timeout(300)
@pytest.mark.parametrize("share", range(SHARES))
def test_every_lie_is_noticed_by_a_failure_that_names_it(share, record_testsuite_property):
    names = [lie.name for lie in LIES[share::SHARES]]

    verdicts = list(side_by_side(partial(score, read_noticed()), names, 1))

    good = [verdict.name for verdict in verdicts if verdict.good]
    record_testsuite_property(f"lies noticed, share {share}", f"{len(good)} of {len(names)}")
    print(f"lies noticed: {len(good)} of {len(names)}")
    assert sorted(set(names) - set(good)) == []


@pytest.mark.timeout(300)
def test_nothing_honest_is_taken_for_a_lie():
    tests = sorted({tests[0] for tests in read_noticed().values()})

    (verdict,) = side_by_side(partial(acquit_each, tests), ["all-together"], 1)

    assert verdict.accused == {}
    assert verdict.good
