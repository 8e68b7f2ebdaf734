"""Which credentials are accepted."""

import httpx
import pytest

from contract_tests.answers import expect_one_of
from contract_tests.markers import leaves_traces, needs, source, spends
from contract_tests.outcomes import OnlyObserved
from contract_tests.signing import TamsBearer, TamsSignature
from contract_tests.tams.graphs import TEMPLATE
from contract_tests.tams.operations import FREE_BODIES, ORDERS, body_here
from contract_tests.tams.orders import MODEL, small_stages

PRICE = "/v1/jobs/credits"


class Changed(httpx.Auth):
    """Signs a request and then changes one byte of what was signed, or of the signature."""

    requires_request_body = True

    def __init__(self, auth: TamsSignature, part: str) -> None:
        self._auth, self._part = auth, part

    def auth_flow(self, request):
        body, target = request.content, request.url.raw_path
        if self._part == "body":
            body = body.replace(b"green", b"greem")
        elif self._part == "query":
            target = target.replace(b"k=1", b"k=2")
        method = "PUT" if self._part == "method" else request.method
        header = self._auth.authorization(method, target, body)
        if self._part == "signature":
            head, _, signature = header.rpartition("signature=")
            other = "A" if signature[40] != "A" else "B"
            header = f"{head}signature={signature[:40]}{other}{signature[41:]}"
        elif self._part in ("nonce_str", "timestamp"):
            head, _, tail = header.partition(f"{self._part}=")
            header = f"{head}{self._part}={'1' if tail[0] != '1' else '2'}{tail[1:]}"
        request.headers["Authorization"] = header
        yield request


@source("TAMS › 3.2", "TAMS › 5.4")
@needs("signature")
def test_a_good_signature_is_accepted(tams, target):
    answer = tams.call(
        "POST",
        f"{PRICE}?k=1",
        auth=target.credentials.tams.signature(),
        json={"stages": small_stages()},
    )

    answer.expect(200)


@source("TAMS › 3.2", "TAMS › 4")
@needs("signature")
@pytest.mark.parametrize("part", ["body", "query", "method", "signature", "nonce_str", "timestamp"])
def test_one_byte_changed_is_a_401(tams, target, observe, part):
    auth = Changed(target.credentials.tams.signature(), part)

    answer = tams.call("POST", f"{PRICE}?k=1", auth=auth, json={"stages": small_stages()})

    answer.expect_status(401)
    observe("U4", "the body of a 401", answer.json)


@source("TAMS › 3.1", "TAMS › 3")
@needs("bearer")
def test_the_bearer_token_is_accepted(tams, target):
    auth = target.credentials.tams.bearer()

    answer = tams.call("POST", PRICE, auth=auth, json={"stages": small_stages()})

    if target.has("signature") and answer.status == 404 and answer.json.get("code") == 100001:
        raise OnlyObserved("this app may use signatures only (U7)")
    answer.expect(200)


@source("TAMS › 3.1", "TAMS › 3.2", "TAMS › 5")
@leaves_traces
@spends(5)
@pytest.mark.parametrize(
    "scheme",
    [
        pytest.param("bearer", marks=needs("bearer")),
        pytest.param("signature", marks=needs("signature")),
    ],
)
def test_each_operation_takes_a_credential_that_one_takes(tams, target, scheme):
    caller = tams.using(getattr(target.credentials.tams, scheme)())
    if caller.call("GET", f"/v1/models/{MODEL}").status != 200:
        pytest.skip("this app uses the other scheme")

    for path in FREE_BODIES:
        caller.call("POST", path, json=body_here(caller, path)).expect(200)
    for path in ORDERS:
        job = caller.submit(body_here(caller, path))
        assert caller.job(job["id"])["id"] == job["id"]
        caller.discard(job)
    caller.template(TEMPLATE)


@source("TAMS › 3.4", "TAMS › 1", "TAMS › 4")
def test_an_unknown_bearer_token_is_told_that_there_is_no_such_app(tams):
    answer = tams.using(TamsBearer("0" * 32)).call("POST", PRICE, json={"stages": small_stages()})

    body = answer.expect(404)
    assert body["code"] == 100001
    assert (body["message"], body["tips"]) == ("unauthorized", "app not found")
    assert "details" not in body, "the body for an unknown key has details"


@source("TAMS › 3.2", "TAMS › 4")
def test_a_call_without_credentials_is_not_carried_out(tams, observe):
    answer = tams.using(None).call("POST", PRICE, json={"stages": small_stages()})

    expect_one_of(answer.status, (401, 404), "the status without credentials")
    observe("U6", "a call without credentials", answer.status)
    observe("U65", "the code in the body for a missing header", answer.json.get("code"))
