"""Both signatures match known vectors."""

import hashlib
import json

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from contract_tests import PACKAGE
from contract_tests.signing import (
    BadKey,
    TamsBearer,
    TamsSignature,
    WorkshopSignature,
    tams_string_to_sign,
    workshop_signature,
    workshop_string_to_sign,
)

VECTORS = PACKAGE.parent / "fixtures" / "signatures"
TAMS = json.loads((VECTORS / "tams.json").read_text(encoding="utf-8"))["vectors"]
WORKSHOP = json.loads((VECTORS / "workshop.json").read_text(encoding="utf-8"))["vectors"]


@pytest.fixture(scope="module")
def pem():
    key = rsa.generate_private_key(65537, 2048)
    return key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())


def signed(auth, method="POST", url="http://h/p?a=1", **more):
    return next(auth.sync_auth_flow(httpx.Request(method, url, **more)))


@pytest.mark.parametrize("vector", TAMS, ids=lambda vector: vector["name"])
def test_the_string_of_tams_matches_the_vector(vector):
    text = tams_string_to_sign(
        vector["method"],
        vector["pathAndQuery"].encode(),
        vector["timestamp"],
        vector["nonce"],
        vector["rawBody"].encode(),
    )

    assert text == vector["stringToSign"].encode()
    assert hashlib.sha256(text).hexdigest() == vector["sha256OfStringToSign"]


@pytest.mark.parametrize("vector", WORKSHOP, ids=lambda vector: vector["id"])
def test_the_signature_of_the_workshop_matches_the_vector(vector):
    body = vector.get("rawBody", "").encode()
    text = workshop_string_to_sign(
        vector["method"], vector["target"].encode(), vector["headers"], body
    )

    assert text == vector["stringToSign"].encode()
    assert workshop_signature(vector["appSecret"], text, vector["algorithm"]) == vector["signature"]


def test_the_header_of_tams_has_four_pairs_in_the_documented_order(pem):
    auth = TamsSignature("app1", pem, clock=lambda: 12.9, nonce=lambda: "n")

    header = signed(auth, content=b"{}").headers["authorization"]

    assert header.startswith("TAMS-SHA256-RSA app_id=app1,nonce_str=n,timestamp=12,signature=")


def test_tams_signs_path_and_query_and_not_the_host(pem):
    auth = TamsSignature("app1", pem, clock=lambda: 1, nonce=lambda: "n")

    one = signed(auth, "GET", "http://one/v1?k=%20").headers["authorization"]

    assert one == signed(auth, "GET", "https://two:8/v1?k=%20").headers["authorization"]
    assert one != signed(auth, "GET", "http://one/v1?k=+").headers["authorization"]


def test_the_bearer_token_is_sent_unchanged():
    assert signed(TamsBearer("t")).headers["authorization"] == "Bearer t"


def test_the_workshop_signs_the_headers_as_they_are_sent():
    auth = WorkshopSignature("k", "s", stage="RELEASE", dated=True, clock=lambda: 1.5)

    request = signed(auth, json={"a": 1})

    headers = request.headers
    text = workshop_string_to_sign("POST", b"/p?a=1", headers, request.content)
    assert headers["x-ca-signature"] == workshop_signature("s", text)
    assert headers["x-ca-timestamp"] == "1500"
    assert headers["date"] == "Thu, 01 Jan 1970 00:00:01 GMT"


def test_the_signed_names_are_spelled_as_in_the_list():
    auth = WorkshopSignature("k", "s", signed=("X-Ca-Key",), nonce=lambda: "n", clock=lambda: 0)

    request = signed(auth)

    text = workshop_string_to_sign("POST", b"/p?a=1", request.headers, b"")
    assert b"\nX-Ca-Key:k\n" in text


def test_a_form_has_no_digest_and_counts_as_parameters():
    request = signed(WorkshopSignature("k", "s"), data={"b": "x y"})

    assert "content-md5" not in request.headers
    text = workshop_string_to_sign("POST", b"/p?a=1", request.headers, request.content)
    assert text.endswith(b"\n/p?a=1&b=x y")


@pytest.mark.parametrize("text", ["", "no key", "-----BEGIN PRIVATE KEY-----\nAAAA\n"])
def test_a_text_that_is_not_a_key_is_refused(text):
    with pytest.raises(BadKey, match="cannot be read"):
        TamsSignature("a", text)
