"""Secrets are not written down."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract_tests.answers import SentRequest
from contract_tests.redaction import HIDDEN, SecretRedactor
from contract_tests.transcripts import MAX_BODY, ExchangeResult, Transcript

SECRETS = st.text(st.characters(codec="ascii", categories=["L", "N"]), min_size=8, max_size=40)


@given(SECRETS, st.text(max_size=30), st.text(max_size=30))
def test_a_known_secret_is_hidden_wherever_it_stands(secret, before, after):
    redactor = SecretRedactor([secret])

    shown = redactor.text(f"{before} {secret} {after}")

    assert secret not in shown


@given(SECRETS)
def test_values_in_places_for_secrets_are_hidden(secret):
    redactor = SecretRedactor()

    assert redactor.header("Authorization", f"Bearer {secret}") == f"Bearer {HIDDEN}"
    assert redactor.header("X-Ca-Signature", secret) == HIDDEN
    assert redactor.text(f'{{"apiToken": "{secret}"}}') == f'{{"apiToken": "{HIDDEN}"}}'
    assert redactor.text(f"http://h/p?auth_key={secret}&k=1") == f"http://h/p?auth_key={HIDDEN}&k=1"
    assert redactor.value({"a": [{"accessToken": secret}]}) == {"a": [{"accessToken": HIDDEN}]}


def test_the_public_parts_of_a_signature_stay():
    header = "TAMS-SHA256-RSA app_id=app1,nonce_str=n1,timestamp=12,signature=abc+/="

    shown = SecretRedactor().header("Authorization", header)

    assert shown == f"TAMS-SHA256-RSA app_id=app1,nonce_str=n1,timestamp=12,{HIDDEN}"


def test_every_line_of_a_private_key_is_a_secret():
    lines = ["-----BEGIN PRIVATE KEY-----", "A" * 64, "B" * 64, "-----END PRIVATE KEY-----"]
    redactor = SecretRedactor(["\n".join(lines)])

    assert "B" * 64 not in redactor.text("stolen: " + "B" * 64)


def test_a_transcript_has_no_secret_and_describes_binary_bodies(tmp_path):
    transcript = Transcript(tmp_path / "t.jsonl", "w-", SecretRedactor(["the-secret"]))
    sent = SentRequest(
        "PUT", "http://h/?x=the-secret", (("Authorization", "Bearer the-secret"),), b"\xff"
    )

    result = ExchangeResult(at=1, took=0.5, status=200, content=b"the-secret")
    key, _ = transcript.write("t", "tams", sent, result)
    transcript.close()

    text = (tmp_path / "t.jsonl").read_text(encoding="utf-8")
    entry = json.loads(text)
    assert "the-secret" not in text
    assert entry["exchange"] == key == "w-00001"
    assert entry["request"]["bytes"] == 1


def test_a_long_body_is_cut(tmp_path):
    transcript = Transcript(tmp_path / "t.jsonl", "", SecretRedactor())

    result = ExchangeResult(at=1, took=0, status=200, content=b"x" * 70_000)
    _, entry = transcript.write("t", "tams", SentRequest("GET", "u", (), b""), result)
    transcript.close()

    assert len(entry["response"]["body"]) == MAX_BODY
    assert entry["response"]["bytes"] == 70_000


@pytest.mark.parametrize("offset", range(-24, 3))
def test_a_secret_at_the_cut_of_a_very_long_body_is_not_halved(tmp_path, offset):
    # The long member is hidden as a whole, so the text behind it moves to the front.
    begin = '{"token": "'
    filler = "я" * ((4 * MAX_BODY - len(begin) + offset) // 2)
    content = f'{begin}{filler}", "x": "the-secret"}}'.encode() + b" " * 600_000
    transcript = Transcript(tmp_path / "t.jsonl", "", SecretRedactor(["the-secret"]))

    result = ExchangeResult(at=1, took=0, status=200, content=content)
    _, entry = transcript.write("t", "tams", SentRequest("GET", "u", (), b""), result)
    transcript.close()

    assert "the-" not in json.dumps(entry)
    assert entry["response"]["bytes"] == len(content)
    assert entry["response"]["cut"] is True
