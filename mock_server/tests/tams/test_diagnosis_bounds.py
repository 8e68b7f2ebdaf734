"""How much work a diagnosis may be, counted and not timed."""

import base64
import json

import pytest

from mock_server.tams.auth_diagnostics.diagnosis import diagnose
from mock_server.tams.auth_diagnostics.findings import Evidence
from mock_server.tams.key_pairs import key_pair
from mock_server.tests.tams.signing import APP, TARGET, Sent, send
from mock_server.web.auth_diagnostics.known_accounts import KnownAccount
from mock_server.web.auth_diagnostics.search_budget import FULL, QUICK

MINE = KnownAccount("default", APP, key_pair(0).public_pem)
UNEXPLAINED = send(signed_body=b"something else entirely")


def evidence(sent: Sent, others: tuple[KnownAccount, ...] = (MINE,)) -> Evidence:
    return Evidence(sent.method, sent.target, sent.authorization, sent.body, others=others)


def crowd(size: int) -> tuple[KnownAccount, ...]:
    return (
        MINE,
        *(KnownAccount(f"a{n}", f"app{n}", key_pair(n).public_pem) for n in range(1, size)),
    )


def forged(size_bytes: int = 256) -> Sent:
    text = base64.b64encode(bytes(range(1, size_bytes // 2 + 1)) * 2).decode()
    return send(encode=lambda data: text)


@pytest.mark.parametrize("effort", [FULL, QUICK], ids=["full", "quick"])
def test_the_guesses_are_bounded(effort):
    looked = diagnose(evidence(UNEXPLAINED), effort)

    assert not looked.complete
    assert 50 < looked.hashes <= effort.hashes + 1


def test_a_forged_signature_costs_no_guess_at_all():
    looked = diagnose(evidence(forged()))

    assert looked.ids == ("key-not-registered",)
    assert looked.hashes == 0


@pytest.mark.parametrize(("effort", "tried"), [(FULL, FULL.keys + 1), (QUICK, QUICK.keys + 1)])
def test_only_so_many_keys_are_tried(effort, tried):
    looked = diagnose(evidence(forged(), crowd(60)), effort)

    assert dict(looked.facts)["keysTried"] == str(tried)


def test_guesses_at_an_hmac_are_bounded():
    sent = send(sign=lambda message, key: bytes(32))
    looked = diagnose(evidence(sent))

    assert looked.ids == ("signature-length",)
    assert looked.hashes <= 10 * (QUICK.hashes + 2)


def test_a_large_body_is_hashed_a_few_times_only():
    body = b"x" * 4_000_000
    looked = diagnose(evidence(send(body=body, signed_body=b"other")), QUICK)

    assert not looked.complete
    assert looked.hashes <= 5


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 50_000,
        b"[" * 5_000 + b"]" * 5_000,
        b'{"a":' * 900 + b"1" + b"}" * 900,
        b'{"a":' + b"9" * 5000 + b"}",
        b'{"a":1e999,"b":NaN,"c":-0,"d":1e400}',
        b'{"a":"\\ud800","b":"\\"","c":"\xed\xa0\x80"}',
        json.dumps({str(n): [n, "é"] for n in range(3000)}).encode(),
    ],
    ids=["open", "deep", "deep object", "long number", "odd numbers", "lone surrogate", "many"],
)
def test_a_hostile_body_is_diagnosed_like_any_other(body):
    looked = diagnose(evidence(send(body=body, signed_body=b"other")))

    assert not looked.complete
    assert looked.hashes <= FULL.hashes + 1


def test_a_hostile_query_is_diagnosed_like_any_other():
    target = TARGET + b"&" + b"%" * 2000 + b"=" * 2000 + b"/" * 2000
    looked = diagnose(evidence(send(target=target, signed_target=b"other")))

    assert looked.hashes <= FULL.hashes + 1
