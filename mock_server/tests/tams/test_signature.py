"""TAMS request signatures: the vendor's vectors, the header's grammar, and every small forgery."""

import base64
import itertools
import json
import re
import string
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from hypothesis import assume, given
from hypothesis import strategies as st
from msgspec.structs import replace

from mock_server.tams.key_pairs import key_pair, load_public_key
from mock_server.tams.signature import (
    BearerToken,
    Reason,
    SignatureRefusal,
    SignedHeader,
    check_signature,
    check_timestamp,
    parse_authorization,
    sign,
    string_to_sign,
    verify,
)

FIXTURES = Path(__file__).resolve().parents[3] / "fixtures"
VECTORS = json.loads((FIXTURES / "signatures/tams.json").read_text("utf-8"))
VECTOR_KEY = load_public_key(VECTORS["publicKeyPem"])
KEY = load_public_key(key_pair(0).public_pem)

EXACT = "TAMS-SHA256-RSA app_id=mockApp01,nonce_str=8f3a1c,timestamp=1768464000,signature=ab+/cd=="
EXACT_HEADER = SignedHeader("mockApp01", "8f3a1c", "1768464000", "ab+/cd==")


def outcome(key, authorization: bytes, method: str, target: bytes, body: bytes) -> Reason | None:
    """Return why the request is refused, or None where it is let in."""
    header = parse_authorization(authorization)
    if isinstance(header, SignedHeader):
        refusal = check_signature(header, key, method, target, body)
        return refusal.reason if refusal else None
    assert isinstance(header, SignatureRefusal)
    return header.reason


def with_signature(text: str) -> SignatureRefusal | None:
    """Check a request whose signature has this text."""
    header = replace(EXACT_HEADER, signature=text)
    return check_signature(header, KEY, "GET", b"/v1/jobs/1", b"")


def by_name(vector):
    return vector["name"]


@pytest.mark.parametrize("vector", VECTORS["vectors"], ids=by_name)
def test_a_vector_verifies_over_the_documented_string(vector):
    target, body = vector["pathAndQuery"].encode(), vector["rawBody"].encode()
    header = parse_authorization(vector["authorization"].encode(), lenient=False)
    assert isinstance(header, SignedHeader)

    message = string_to_sign(vector["method"], target, header.timestamp, header.nonce, body)

    assert (header.app_id, header.nonce, header.timestamp) == (
        VECTORS["appId"],
        vector["nonce"],
        vector["timestamp"],
    )
    assert message == vector["stringToSign"].encode()
    assert sha256(message).hexdigest() == vector["sha256OfStringToSign"]
    assert check_signature(header, VECTOR_KEY, vector["method"], target, body) is None


@pytest.mark.parametrize("vector", VECTORS["mustFail"], ids=by_name)
def test_a_vector_that_must_fail_is_a_mismatch(vector):
    target, body = vector["pathAndQuery"].encode(), vector["rawBody"].encode()

    reason = outcome(VECTOR_KEY, vector["authorization"].encode(), vector["method"], target, body)

    assert reason is Reason.MISMATCH


def test_the_vectors_verify_with_the_pkcs1_form_of_their_key_too():
    pem = VECTOR_KEY.public_bytes(Encoding.PEM, PublicFormat.PKCS1).decode()

    for vector in VECTORS["vectors"]:
        target, body = vector["pathAndQuery"].encode(), vector["rawBody"].encode()
        header = vector["authorization"].encode()
        assert outcome(load_public_key(pem), header, vector["method"], target, body) is None


def test_a_key_longer_than_2048_bits_verifies():
    private = rsa.generate_private_key(public_exponent=65537, key_size=3072)
    pem = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    header = sign(pem, "app", "GET", b"/v1/jobs/1", timestamp=5, nonce="n").encode()

    assert outcome(private.public_key(), header, "GET", b"/v1/jobs/1", b"") is None
    assert outcome(KEY, header, "GET", b"/v1/jobs/1", b"") is Reason.SIGNATURE_LENGTH


def test_another_key_of_the_same_length_is_a_mismatch_that_names_what_was_signed():
    text = sign(key_pair(1).private_pem, "app", "GET", b"/v1/x?\xff", timestamp=5, nonce="n")
    header = parse_authorization(text.encode())
    assert isinstance(header, SignedHeader)

    refusal = check_signature(header, KEY, "GET", b"/v1/x?\xff", b"")

    assert refusal is not None
    assert refusal.reason is Reason.MISMATCH
    assert "'/v1/x?\\\\xff'" in refusal.detail


# --- the header's grammar ---------------------------------------------------------------------


@pytest.mark.parametrize("lenient", [True, False])
def test_the_documented_form_is_read(lenient):
    assert parse_authorization(EXACT.encode(), lenient=lenient) == EXACT_HEADER


@pytest.mark.parametrize(
    "text",
    [
        EXACT.replace(",", ", "),
        EXACT.replace(",", ",   "),
        EXACT.replace("RSA ", "RSA   "),
        EXACT.replace("TAMS-SHA256-RSA", "tams-sha256-rsa"),
        EXACT.replace("=mockApp01", '="mockApp01"').replace("=ab+/cd==", '="ab+/cd=="'),
        EXACT.replace("app_id", "version=1,app_id"),
        "TAMS-SHA256-RSA signature=ab+/cd==,timestamp=1768464000,nonce_str=8f3a1c,app_id=mockApp01",
    ],
)
def test_only_the_lenient_grammar_reads_other_spellings(text):
    assert parse_authorization(text.encode()) == EXACT_HEADER
    refusal = parse_authorization(text.encode(), lenient=False)
    assert isinstance(refusal, SignatureRefusal)
    assert refusal.reason in {Reason.GRAMMAR, Reason.SCHEME_UNKNOWN}


@pytest.mark.parametrize("lenient", [True, False])
@pytest.mark.parametrize("value", [b" \t" + EXACT.encode(), EXACT.encode() + b"\t  "])
def test_blanks_around_the_whole_value_are_no_part_of_it(value, lenient):
    assert parse_authorization(value, lenient=lenient) == EXACT_HEADER


def test_a_value_is_split_from_its_name_at_the_first_equals_sign():
    header = parse_authorization(EXACT.replace("8f3a1c", "a=b=c").encode())

    assert header == replace(EXACT_HEADER, nonce="a=b=c")


@pytest.mark.parametrize("lenient", [True, False])
@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (None, Reason.HEADER_MISSING),
        (b"", Reason.HEADER_MISSING),
        (b" \t ", Reason.HEADER_MISSING),
        (b"Basic bW9jazptb2Nr", Reason.SCHEME_UNKNOWN),
        (b"mock-token-0001", Reason.SCHEME_UNKNOWN),
        (b"TAMS-SHA1-RSA app_id=a", Reason.SCHEME_UNKNOWN),
        (EXACT.removeprefix("TAMS-SHA256-RSA ").encode(), Reason.SCHEME_UNKNOWN),
        (EXACT.replace("RSA ", "RSA,").encode(), Reason.SCHEME_UNKNOWN),
        (b"Bearer", Reason.GRAMMAR),
        (b"Bearer   ", Reason.GRAMMAR),
        (b"TAMS-SHA256-RSA", Reason.GRAMMAR),
        (b"TAMS-SHA256-RSA secretsecretsecret", Reason.GRAMMAR),
        (b"TAMS-SHA256-RSA ,,,", Reason.GRAMMAR),
        (EXACT.encode() + b",", Reason.GRAMMAR),
        (EXACT.replace(",nonce", ",,nonce").encode(), Reason.GRAMMAR),
        (EXACT.replace(",", ";").encode(), Reason.PAIR_MISSING),
        (EXACT.replace("mockApp01", '"mockApp01').encode(), Reason.GRAMMAR),
        (EXACT.replace("mockApp01", 'mock"App01').encode(), Reason.GRAMMAR),
        (EXACT.replace("mockApp01", "mock\x00App01").encode(), Reason.GRAMMAR),
        (EXACT.replace("mockApp01", "mock\tApp01").encode(), Reason.GRAMMAR),
        (EXACT.replace("mockApp01", "möck").encode(), Reason.GRAMMAR),
        (EXACT.replace("mockApp01", "möck").encode("latin-1"), Reason.GRAMMAR),
        (EXACT.replace("mockApp01", "m" * 9000).encode(), Reason.GRAMMAR),
        (b"Bearer " + b"t" * 9000, Reason.GRAMMAR),
        (b"Bearer t\xff", Reason.GRAMMAR),
        (EXACT.replace("nonce_str", "nonce").encode(), Reason.PAIR_MISSING),
        (EXACT.replace("mockApp01", "").encode(), Reason.PAIR_MISSING),
        (EXACT.replace("mockApp01", '""').encode(), Reason.PAIR_MISSING),
        (EXACT.replace(",nonce_str=8f3a1c", "").encode(), Reason.PAIR_MISSING),
        (EXACT.encode() + b",app_id=other", Reason.PAIR_REPEATED),
        (EXACT.encode() + b",app_id=mockApp01", Reason.PAIR_REPEATED),
        (EXACT.replace("1768464000", "today").encode(), Reason.TIMESTAMP_NOT_A_NUMBER),
        (EXACT.replace("1768464000", "-1").encode(), Reason.TIMESTAMP_NOT_A_NUMBER),
        (EXACT.replace("1768464000", "1.5").encode(), Reason.TIMESTAMP_NOT_A_NUMBER),
        (EXACT.replace("1768464000", "1_000").encode(), Reason.TIMESTAMP_NOT_A_NUMBER),
        (EXACT.replace("1768464000", " 1768464000").encode(), Reason.TIMESTAMP_NOT_A_NUMBER),
        (EXACT.replace("1768464000", "9" * 5000).encode(), Reason.TIMESTAMP_NOT_A_NUMBER),
    ],
)
def test_a_header_that_cannot_be_read_is_refused_with_its_reason(value, reason, lenient):
    refusal = parse_authorization(value, lenient=lenient)

    assert isinstance(refusal, SignatureRefusal)
    assert refusal.reason is reason
    assert len(refusal.detail) < 400
    assert refusal.detail.isascii()
    assert refusal.detail.isprintable()


@pytest.mark.parametrize(
    "value",
    [
        b"secretsecretsecretsecret",
        b"TAMS-SHA256-RSA secretsecretsecretsecret",
        b"TAMS-SHA256-RSA secretsecretsecretsecret==",
        b"Token:secretsecretsecretsecret more",
        b"Bearer secretsecretsecretsecret\x00",
    ],
)
def test_a_refusal_never_repeats_what_may_be_a_token(value):
    refusal = parse_authorization(value)

    assert isinstance(refusal, SignatureRefusal)
    assert "secret" not in refusal.detail


@pytest.mark.parametrize("value", [b"Bearer mock-token-0001", b"Bearer  mock-token-0001 "])
@pytest.mark.parametrize("lenient", [True, False])
def test_a_bearer_header_gives_its_token_which_stays_out_of_repr(value, lenient):
    token = parse_authorization(value, lenient=lenient)

    assert token == BearerToken("mock-token-0001")
    assert "mock-token" not in repr(token)


def test_bearer_in_another_case_is_read_leniently_only():
    refusal = parse_authorization(b"bearer mock-token-0001", lenient=False)

    assert parse_authorization(b"bearer mock-token-0001") == BearerToken("mock-token-0001")
    assert isinstance(refusal, SignatureRefusal)
    assert refusal.reason is Reason.SCHEME_UNKNOWN


@given(st.binary() | st.binary().map(lambda tail: b"TAMS-SHA256-RSA " + tail), st.booleans())
def test_reading_never_raises(value, lenient):
    assert isinstance(
        parse_authorization(value, lenient=lenient), SignedHeader | BearerToken | SignatureRefusal
    )


@given(st.lists(st.sampled_from([*'",= ab1', "app_id", "nonce_str", "timestamp", "signature"])))
def test_what_the_strict_grammar_reads_the_lenient_one_reads_alike(tokens):
    value = ("TAMS-SHA256-RSA " + "".join(tokens)).encode()
    strict = parse_authorization(value, lenient=False)

    if isinstance(strict, SignedHeader):
        assert parse_authorization(value) == strict


# --- base64 -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("-_8=", "'-' at position 0"),
        ("ab_8", "'_' at position 2"),
        ("+/8", "not a multiple of four"),
        ("deadbeef", "hexadecimal"),
        ("DEADBEEF", "hexadecimal"),
        ("+/9=", "its last character"),
        ("+/8==", "not a multiple of four"),
        ("+/8=+/8=", "misplaced padding"),
        ("====", "misplaced padding"),
        ("+/ 8", "' ' at position 2"),
        ("\u20ac\u20ac8=", "'\u20ac' at position 0"),
    ],
)
def test_a_signature_in_another_encoding_is_refused_with_what_was_found(text, found):
    refusal = with_signature(text)

    assert refusal is not None
    assert refusal.reason is Reason.SIGNATURE_NOT_BASE64
    assert found in refusal.detail


@pytest.mark.parametrize("spell", [bytes.hex, base64.urlsafe_b64encode])
def test_a_right_signature_in_hexadecimal_or_url_safe_base64_is_not_base64(spell):
    text = sign(key_pair(0).private_pem, "app", "GET", b"/v1/jobs/1", timestamp=5, nonce="n")
    head, _, encoded = text.partition("signature=")
    spelled = spell(base64.b64decode(encoded))
    authorization = f"{head}signature=".encode() + (
        spelled if isinstance(spelled, bytes) else spelled.encode()
    )

    assert outcome(KEY, text.encode(), "GET", b"/v1/jobs/1", b"") is None
    assert outcome(KEY, authorization, "GET", b"/v1/jobs/1", b"") is Reason.SIGNATURE_NOT_BASE64


@given(st.binary(min_size=1))
def test_standard_base64_is_decoded(signature):
    text = base64.b64encode(signature).decode()
    assume(not re.fullmatch("[0-9a-f]+|[0-9A-F]+", text))

    refusal = with_signature(text)

    assert refusal is not None
    assert refusal.reason is Reason.SIGNATURE_LENGTH
    assert f"has {len(signature)} bytes" in refusal.detail


@given(st.text())
def test_no_text_of_a_signature_raises(text):
    assert isinstance(with_signature(text), SignatureRefusal)


# --- freshness --------------------------------------------------------------------------------


def test_a_timestamp_is_not_looked_at_without_a_tolerance():
    assert check_timestamp(replace(EXACT_HEADER, timestamp="0"), 1768464000.0, None) is None


@pytest.mark.parametrize("wall", [1768463700.0, 1768464000.5, 1768464300.0])
def test_a_timestamp_within_the_tolerance_passes(wall):
    assert check_timestamp(EXACT_HEADER, wall, 300) is None


@pytest.mark.parametrize(
    ("timestamp", "wall", "words"),
    [
        ("1768464000", 1768464301.0, "301 s behind the server's 1768464301"),
        ("1768464000", 1768463699.0, "301 s ahead of the server's 1768463699"),
        ("1768464000000", 1768464000.0, "s ahead of"),
        ("9" * 20, 1768464000.0, "s ahead of"),
    ],
)
def test_a_timestamp_beyond_the_tolerance_is_refused_with_the_difference(timestamp, wall, words):
    refusal = check_timestamp(replace(EXACT_HEADER, timestamp=timestamp), wall, 300)

    assert refusal is not None
    assert refusal.reason is Reason.CLOCK_SKEW
    assert words in refusal.detail
    assert "expected at most 300 s" in refusal.detail


# --- laws -------------------------------------------------------------------------------------

# Nonces are "any random string"; what has a meaning in the header cannot be part of one.
NONCES = st.text(sorted(set(string.printable[:94]) - set('",')), min_size=1, max_size=64)
SIGNED_PARTS = ("method", "target", "body", "timestamp", "nonce", "signature")


@st.composite
def signed_requests(draw) -> dict[str, bytes]:
    """Draw a request as its parts, signed by test key 0."""
    method = draw(st.sampled_from(["GET", "POST", "DELETE", "PUT"]))
    target = b"/v1/" + draw(st.binary(max_size=40))
    body = draw(st.binary(max_size=200))
    timestamp, nonce = draw(st.integers(0, 10**12)), draw(NONCES)
    header = parse_authorization(
        sign(
            key_pair(0).private_pem, "app", method, target, body, timestamp=timestamp, nonce=nonce
        ).encode(),
        lenient=False,
    )
    assert isinstance(header, SignedHeader)
    assert header.nonce == nonce
    return {
        "method": method.encode(),
        "target": target,
        "body": body,
        "timestamp": header.timestamp.encode(),
        "nonce": header.nonce.encode(),
        "signature": header.signature.encode(),
    }


def outcome_of(parts: dict[str, bytes]) -> Reason | None:
    authorization = (
        b"TAMS-SHA256-RSA app_id=app,nonce_str=%(nonce)b,timestamp=%(timestamp)b,"
        b"signature=%(signature)b"
    )
    values = {name.encode(): value for name, value in parts.items()}
    method = parts["method"].decode("latin-1")
    return outcome(KEY, authorization % values, method, parts["target"], parts["body"])


def small_changes(value: bytes, alphabet: bytes) -> Iterator[bytes]:
    """Yield `value` with one byte left out, added or replaced, at every position."""
    for at in range(len(value) + 1):
        for byte in alphabet:
            yield value[:at] + bytes((byte,)) + value[at:]
            if at < len(value) and byte != value[at]:
                yield value[:at] + bytes((byte,)) + value[at + 1 :]
        if at < len(value):
            yield value[:at] + value[at + 1 :]


def is_change(name: str, changed: bytes, original: bytes) -> bool:
    """Blanks after the header's last byte are no part of its value (RFC 9110, 5.5)."""
    return not (name == "signature" and changed.rstrip(b" \t") == original)


@given(signed_requests())
def test_what_was_signed_verifies(parts):
    assert outcome_of(parts) is None


@given(signed_requests(), st.sampled_from(SIGNED_PARTS), st.data())
def test_every_change_of_one_byte_is_refused(parts, name, data):
    value = parts[name]
    at = data.draw(st.integers(0, len(value)))
    added = data.draw(st.binary(max_size=1))
    removed = data.draw(st.integers(0, 1))
    changed = value[:at] + added + value[at + removed :]

    if changed != value and is_change(name, changed, value):
        assert outcome_of({**parts, name: changed}) is not None


@pytest.mark.parametrize("name", SIGNED_PARTS)
def test_no_position_of_a_signed_request_can_be_changed(name):
    parts = {"method": b"POST", "target": b"/v1/jobs?a=1", "body": b'{"a": 1}\n'}
    text = sign(
        key_pair(0).private_pem,
        "app",
        "POST",
        parts["target"],
        parts["body"],
        timestamp=5,
        nonce="n=1",
    )
    header = parse_authorization(text.encode())
    assert isinstance(header, SignedHeader)
    parts |= {
        "timestamp": header.timestamp.encode(),
        "nonce": header.nonce.encode(),
        "signature": header.signature.encode(),
    }
    assert outcome_of(parts) is None
    alphabet = b'A/=,"_ \n\x00\xff' if name == "signature" else bytes(range(256))

    accepted = [
        changed
        for changed in small_changes(parts[name], alphabet)
        if is_change(name, changed, parts[name]) and outcome_of({**parts, name: changed}) is None
    ]

    assert accepted == []


def test_only_one_last_character_of_a_signature_is_accepted():
    text = sign(key_pair(0).private_pem, "app", "GET", b"/v1/jobs/1", timestamp=5, nonce="n")
    head, last = text[:-3], text[-3]
    assert text.endswith("==")

    accepted = [
        letter
        for letter in string.ascii_letters + string.digits + "+/"
        if outcome(KEY, f"{head}{letter}==".encode(), "GET", b"/v1/jobs/1", b"") is None
    ]

    assert accepted == [last]


def test_a_signature_without_its_leading_zero_does_not_verify():
    private = key_pair(0).private_pem
    texts = (sign(private, "app", "GET", b"/", timestamp=n, nonce="n") for n in itertools.count())
    headers = (parse_authorization(text.encode()) for text in texts)
    header = next(
        each
        for each in headers
        if isinstance(each, SignedHeader) and base64.b64decode(each.signature)[0] == 0
    )
    short = base64.b64encode(base64.b64decode(header.signature)[1:]).decode()

    refusal = check_signature(replace(header, signature=short), KEY, "GET", b"/", b"")

    assert check_signature(header, KEY, "GET", b"/", b"") is None
    assert refusal is not None
    assert refusal.reason is Reason.SIGNATURE_LENGTH


@given(st.binary(max_size=600), st.binary(max_size=50))
def test_verifying_never_raises(signature, message):
    assert verify(KEY, signature, message) is False


def test_a_message_without_a_body_ends_in_a_line_feed():
    assert string_to_sign("GET", b"/v1/x", "5", "n", b"") == b"GET\n/v1/x\n5\nn\n"
