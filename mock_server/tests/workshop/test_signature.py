"""The gateway's signatures: the vendor's vectors, any request, and every small forgery."""

from __future__ import annotations

import base64
import hashlib
import json
from pathlib import Path
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from msgspec.structs import replace

from mock_server.tests.workshop.signing import (
    FORM,
    KEY,
    LIST,
    NOW,
    SECRET,
    STAMP,
    TARGET,
    Request,
    a_request,
    joined,
    md5,
    names,
    parts,
    signed,
)
from mock_server.workshop.gateway import GatewayRefusal, Situation
from mock_server.workshop.signature import (
    GatewayCredentials,
    check_digest,
    check_signature,
    check_timestamp,
    decoded,
    read_credentials,
    sign,
    signature_of,
    string_to_sign,
)

FIXTURES = Path(__file__).resolve().parents[3] / "fixtures"
VECTORS = json.loads((FIXTURES / "signatures/workshop.json").read_text("utf-8"))["vectors"]


def outcome(request: Request, secret: str = SECRET, **options) -> Situation | None:
    """Return why a request is refused, or None where it is let in."""
    headers = {name.lower(): value for name, value in request.wire}
    credentials = read_credentials(headers.get)
    if isinstance(credentials, GatewayRefusal):
        return credentials.situation
    refusal = check_signature(
        credentials,
        secret,
        request.method,
        request.target.encode("latin-1"),
        headers.get,
        request.body,
        **options,
    ) or check_digest(headers.get, request.body)
    return refusal.situation if refusal else None


def of(vector) -> Request:
    headers = {**vector["headers"], "X-Ca-Signature": vector["signature"]}
    body = vector.get("rawBody", "").encode()
    return Request(vector["method"], vector["target"], tuple(headers.items()), body)


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["id"])
def test_a_vector_verifies_over_the_documented_string(vector):
    request = of(vector)
    headers = {name.lower(): value for name, value in request.wire}
    credentials = read_credentials(headers.get)
    assert isinstance(credentials, GatewayCredentials)

    string = string_to_sign(
        request.method, request.target.encode(), headers.get, request.body, credentials.names or ()
    )

    assert credentials.key == vector["appKey"]
    assert string == vector["stringToSign"].encode()
    secret = vector["appSecret"].encode()
    assert signature_of(secret, string, credentials.algorithm) == vector["signature"].encode()
    assert outcome(request, vector["appSecret"]) is None


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["id"])
def test_a_vector_does_not_verify_with_another_secret(vector):
    assert outcome(of(vector), vector["appSecret"] + "x") is Situation.MISMATCH


# --- any request ------------------------------------------------------------------------------

TOKENS = st.text("abcXYZ019-._~/; =\u00e9", min_size=1, max_size=20).map(str.strip)
WORDS = st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), max_size=8)
SPELLINGS = st.sampled_from([str.lower, str.title, str.upper])
EXTRA = st.dictionaries(
    st.sampled_from(["x_ca_stage", "x_ca_version", "x_ca_nonce", "x_ca_timestamp", "user_agent"]),
    TOKENS,
    max_size=5,
)


@st.composite
def queries(draw) -> str:
    pairs = draw(st.lists(st.tuples(WORDS.filter(bool), WORDS), max_size=6))
    spell = draw(st.sampled_from([quote, quote_plus]))
    return "&".join(
        f"{spell(name)}={spell(value)}" if value or draw(st.booleans()) else spell(name)
        for name, value in pairs
    )


EITHER, BODIES = st.booleans(), st.binary(max_size=60)


@st.composite
def requests(draw, forms=EITHER, bodies=BODIES) -> Request:
    """Any request that a client may sign, with any list in any spelling and order."""
    query, form = draw(queries()), draw(forms)
    extra = draw(EXTRA)
    request = a_request(
        draw(st.sampled_from(["GET", "POST"])),
        TARGET + (f"?{query}" if query else ""),
        draw(queries()).encode() if form else draw(bodies),
        FORM if form else draw(st.sampled_from(["application/json", "text/plain; a=b", ""])),
        date=draw(st.sampled_from([None, "Thu, 15 Jan 2026 08:00:00 GMT+00:00", ""])),
        accept=draw(st.none() | TOKENS),
        x_ca_signature_method=draw(st.sampled_from([None, "HmacSHA256", "HmacSHA1"])),
        **extra,
    )
    sent = [name for name, _ in request.headers if name.startswith("x-ca-s") is False]
    signable = [name for name in sent if name.startswith(("x-ca", "user-agent"))]
    chosen = draw(st.lists(st.sampled_from([*signable, "x-ca-absent"]), unique=True, max_size=8))
    spell = draw(SPELLINGS)
    listed = ", ".join(spell(name) for name in draw(st.permutations(chosen)))
    return request.having(x_ca_signature_headers=listed or None)


@given(requests())
def test_what_an_independent_signer_signs_is_let_in(request):
    assert outcome(signed(request)) is None


@given(requests(), st.data())
def test_the_order_of_the_list_is_irrelevant(request, data):
    listed = data.draw(st.permutations(names(request)))
    shuffled = signed(request).having(x_ca_signature_headers=" ,".join(listed) or None)

    assert outcome(shuffled) is None


@given(requests(), SPELLINGS)
def test_the_case_of_the_sent_header_names_is_irrelevant(request, spell):
    sent = signed(request)
    respelled = replace(sent, headers=tuple((spell(name), value) for name, value in sent.headers))

    assert outcome(respelled) is None


@given(requests(), SPELLINGS)
def test_the_case_of_the_names_in_the_list_counts(request, spell):
    listed = [spell(name) for name in names(request)]
    assume(set(listed) != set(names(request)))
    respelled = signed(request).having(x_ca_signature_headers=",".join(listed))

    assert outcome(respelled) is Situation.MISMATCH


@given(
    requests(st.just(False), st.binary(min_size=1, max_size=60)),
    st.integers(0),
    st.integers(1, 255),
)
def test_another_byte_in_the_body_is_refused(request, position, change):
    body = bytearray(request.body)
    body[position % len(body)] ^= change

    assert outcome(replace(signed(request), body=bytes(body))) is Situation.DIGEST_WRONG


LETTERS = st.sampled_from("abcXYZ019-._~+/=:;,% \u00e9")


@given(requests(), st.data())
def test_another_letter_in_a_signed_header_is_refused(request, data):
    sent = signed(request)
    known = [name.lower() for name in names(request)]
    apart = ["accept", "content-type", "date", "content-md5", "x-ca-signature"]
    names_ = [name for name in (*known, *apart) if sent.value(name)]
    name = data.draw(st.sampled_from(names_))
    value = sent.value(name)
    at = data.draw(st.integers(0, len(value) - 1))
    changed = value[:at] + data.draw(LETTERS) + value[at + 1 :]
    assume(changed.strip(" ") != value)
    forged = sent.having(**{name.replace("-", "_"): changed})

    assert outcome(forged) is not None


@given(requests(), st.data())
def test_another_letter_in_the_path_or_query_is_refused(request, data):
    sent = signed(request)
    at = data.draw(st.integers(0, len(sent.target) - 1))
    letter = data.draw(st.sampled_from("abcXYZ019-._~+/=:&?%"))
    forged = replace(sent, target=sent.target[:at] + letter + sent.target[at + 1 :])
    # Parameters are signed decoded, and of each name the first value alone.
    assume(parts(forged)[6] != parts(request)[6])

    assert outcome(forged) is Situation.MISMATCH


@given(requests(st.just(True)), st.data())
def test_another_letter_in_a_form_is_refused(request, data):
    assume(request.body)
    sent = signed(request)
    at = data.draw(st.integers(0, len(sent.body) - 1))
    letter = data.draw(st.sampled_from("abcXYZ019-._~+/=:&%")).encode()
    forged = replace(sent, body=sent.body[:at] + letter + sent.body[at + 1 :])
    assume(parts(forged)[6] != parts(request)[6])

    assert outcome(forged) is Situation.MISMATCH


@pytest.mark.parametrize("position", range(44))
def test_every_letter_of_the_signature_counts(position):
    sent = signed(a_request())
    right = sent.value("x-ca-signature")
    for letter in "AB+/=a0":
        wrong = right[:position] + letter + right[position + 1 :]
        expected = None if wrong == right else Situation.MISMATCH
        assert outcome(sent.having(x_ca_signature=wrong)) is expected


def test_another_method_is_refused():
    assert outcome(replace(signed(a_request()), method="GET")) is Situation.MISMATCH


@given(st.binary(max_size=30))
def test_decoding_a_parameter_never_fails(text):
    assert isinstance(decoded(text), bytes)


# --- headers ----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["x_ca_key", "x_ca_signature"])
@pytest.mark.parametrize("value", [None, "", "  "])
def test_without_key_or_signature_there_are_no_credentials(name, value):
    sent = signed(a_request()).having(**{name: value})

    assert outcome(sent) is Situation.NO_CREDENTIALS


@pytest.mark.parametrize("method", ["HmacMD5", "hmacsha256", "HMAC-SHA256", "RSA", "SHA1"])
def test_another_algorithm_is_a_bad_header(method):
    assert outcome(signed(a_request(x_ca_signature_method=method))) is Situation.HEADER_BAD


def test_headers_with_a_part_of_their_own_are_signed_in_that_alone():
    plain = signed(a_request(x_ca_signature_headers="x-ca-key"))
    listed = "Accept, x-ca-key,content-md5,Content-Type,DATE,x-ca-signature,X-Ca-Signature-Headers"

    assert outcome(plain.having(x_ca_signature_headers=listed)) is None


def test_a_name_that_is_listed_twice_is_signed_once():
    plain = signed(a_request(x_ca_signature_headers="x-ca-key"))

    assert outcome(plain.having(x_ca_signature_headers="x-ca-key,,x-ca-key,")) is None


@pytest.mark.parametrize("listed", [None, "", ",", " , "])
@pytest.mark.parametrize(
    ("taken", "signed_as", "let_in"),
    [
        ("either", "", True),
        ("either", "X-Ca-Key", True),
        ("either", "x-ca-key", True),
        ("either", LIST, False),
        ("none", "", True),
        ("none", "X-Ca-Key", False),
        ("key", "", False),
        ("key", "X-Ca-Key", True),
        ("key", "x-ca-key", True),
    ],
)
def test_without_a_list_nothing_or_the_key_is_signed(listed, taken, signed_as, let_in):
    sent = a_request(x_ca_signature_headers=listed)
    sent = signed(sent, believed=sent.having(x_ca_signature_headers=signed_as))

    assert (outcome(sent, missing_list=taken) is None) is let_in


def test_blanks_around_a_value_are_no_part_of_it():
    sent = signed(a_request())
    padded = tuple((name, f"  {value}\t ") for name, value in sent.headers)

    assert outcome(replace(sent, headers=padded)) is None


def test_a_mismatch_carries_the_servers_string():
    sent = signed(a_request(), secret="other")
    headers = dict(sent.wire)
    credentials = read_credentials(headers.get)
    assert isinstance(credentials, GatewayCredentials)

    refusal = check_signature(credentials, SECRET, "POST", TARGET.encode(), headers.get, sent.body)

    assert refusal is not None
    assert refusal.expected == joined(parts(sent)).encode()


def test_a_form_of_a_great_many_fields_is_signed_without_delay():
    body = b"&".join(b"%d=1" % number for number in range(200_000))
    credentials = GatewayCredentials(KEY, b"x", names=())
    headers = {b"content-type": FORM.encode()}

    refusal = check_signature(credentials, SECRET, "POST", TARGET.encode(), headers.get, body)

    assert refusal is not None
    assert refusal.situation is Situation.MISMATCH


# --- timestamps -------------------------------------------------------------------------------


def stamped(text: str, now: float = NOW, window: float = 900, **options) -> Situation | None:
    refusal = check_timestamp(
        GatewayCredentials(KEY, b"x", timestamp=text.encode()), now, window, **options
    )
    return refusal.situation if refusal else None


@pytest.mark.parametrize("seconds", [0, 899.999, 900, -900, -899.999])
def test_a_timestamp_is_good_for_fifteen_minutes(seconds):
    assert stamped(STAMP, NOW + seconds) is None


@pytest.mark.parametrize("seconds", [900.001, -900.001, 86_400, -1e9])
def test_a_timestamp_beyond_the_window_has_expired(seconds):
    assert stamped(STAMP, NOW + seconds) is Situation.TIMESTAMP_EXPIRED
    assert stamped(STAMP, NOW + seconds, window=0) is None


@pytest.mark.parametrize("text", ["now", "-5", "1e12", "1768464000000.5", "9" * 21, "٣"])
def test_a_timestamp_is_digits(text):
    assert stamped(text) is Situation.TIMESTAMP_MALFORMED
    assert stamped(text, window=0) is Situation.TIMESTAMP_MALFORMED


def test_a_timestamp_may_be_missing_unless_it_is_asked_for():
    assert stamped("") is None
    assert stamped("", required=True) is Situation.HEADER_MISSING


# --- digests ----------------------------------------------------------------------------------


def digested(content_md5: str | None, body: bytes, content_type: str = "application/json"):
    request = a_request(body=body, content_type=content_type, content_md5=content_md5)
    refusal = check_digest(dict(request.wire).get, body)
    return refusal.situation if refusal else None


@given(st.binary(min_size=1, max_size=50), st.binary(max_size=50))
def test_a_digest_fits_its_own_body_alone(body, other):
    assert digested(md5(body), body) is None
    assert digested(md5(body), other) is (None if body == other else Situation.DIGEST_WRONG)


def test_a_digest_is_base64_of_the_bytes():
    digest = hashlib.md5(b"{}").digest()

    for wrong in (digest.hex(), base64.b64encode(digest.hex().encode()).decode(), "x"):
        assert digested(wrong, b"{}") is Situation.DIGEST_WRONG


def test_a_digest_wants_a_body():
    assert digested(md5(b""), b"") is Situation.DIGEST_WRONG
    assert digested(None, b"") is None


def test_a_body_needs_no_digest():
    assert digested(None, b"{}") is None
    assert digested("", b"{}") is None


def test_a_form_has_no_digest():
    assert digested("whatever", b"a=b", FORM + "; charset=utf-8") is None


# --- signing ----------------------------------------------------------------------------------


@given(st.binary(max_size=50), queries(), st.sampled_from(["HmacSHA256", "HmacSHA1"]))
def test_what_is_signed_here_is_let_in(body, query, algorithm):
    target = f"{TARGET}?{query}"
    headers = sign(
        SECRET, KEY, "POST", target.encode(), body,
        timestamp_ms=int(STAMP), nonce="n", algorithm=algorithm,
    )  # fmt: skip
    request = Request("POST", target, tuple(headers.items()), body)

    assert outcome(request) is None
    assert signed(request).value("x-ca-signature") == headers["x-ca-signature"]


def test_a_form_is_signed_by_its_fields():
    headers = sign(
        SECRET, KEY, "POST", b"/scc/x", b"b=&a=1", content_type=FORM,
        timestamp_ms=int(STAMP), nonce="n",
    )  # fmt: skip

    assert "content-md5" not in headers
    assert outcome(Request("POST", "/scc/x", tuple(headers.items()), b"b=&a=1")) is None
