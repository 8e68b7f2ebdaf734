"""Which calls the gateway accepts, in which order it checks, and what it remembers."""

from __future__ import annotations

import asyncio

import pytest
from msgspec.structs import replace

from mock_server.core.accounts import Account
from mock_server.tests.makers import a_clock
from mock_server.tests.work import calls_of
from mock_server.tests.workshop.authenticator_bench import AuthenticatorBench
from mock_server.tests.workshop.signing import KEY, NOW, SECRET, a_request, signed
from mock_server.web.authentication import complete_verdict
from mock_server.workshop.authentication import NONCE_LIFE, WorkshopVerdict
from mock_server.workshop.gateway import DIAGNOSIS_HEADER, GatewayRefusal
from mock_server.workshop.signature import MAX_FORM_BYTES, MAX_PARAMETERS

FRESH = signed(a_request())


def another(nonce: str = "another", **headers: str | None):
    """Return a request as good as the first, with another nonce."""
    return signed(a_request(x_ca_nonce=nonce).having(**headers))


def test_a_signed_call_is_its_accounts():
    bench = AuthenticatorBench()
    call = bench.call(FRESH)

    assert bench.open(call) == bench.account
    assert call.trace.account == "ada"
    assert call.trace.verdict.body(call.head) == {
        "accepted": True,
        "scheme": "gateway",
        "checked": True,
        "appKey": KEY,
        "nonce": FRESH.value("x-ca-nonce"),
        "timestamp": f"{NOW}000",
        "stage": None,
        "signedHeaders": FRESH.value("x-ca-signature-headers").split(","),
    }


def test_each_account_has_its_own_secret():
    bench = AuthenticatorBench()
    bob = bench.add("bob", key="204800002", secret="another-secret")

    assert bench.open(signed(a_request(x_ca_key="204800002"), secret="another-secret")) == bob
    assert bench.turned_away(signed(a_request(x_ca_key="204800002"))) == "mismatch"


TURNED_AWAY = {
    "unsigned": (a_request(), "no-credentials"),
    "without a key": (FRESH.having(x_ca_key=None), "no-credentials"),
    "of an unknown key": (another(x_ca_key="999"), "unknown-key"),
    "signed for another method": (
        signed(a_request(), believed=a_request("post")),
        "mismatch",
    ),
    "of another algorithm": (another(x_ca_signature_method="HmacMD5"), "header-bad"),
    "too late": (another(x_ca_timestamp=f"{NOW - 901}000"), "timestamp-expired"),
    "in seconds": (another(x_ca_timestamp=f"{NOW}"), "timestamp-expired"),
    "at no time": (another(x_ca_timestamp="soon"), "timestamp-malformed"),
    "for no stage": (another(x_ca_stage="BETA"), "stage-unknown"),
    "with another body": (replace(FRESH, body=b"{}"), "digest-wrong"),
}


@pytest.mark.parametrize(
    "body", [b"a=%41&" * MAX_PARAMETERS, b"a=" + b"%41" * MAX_FORM_BYTES], ids=["many", "long"]
)
def test_a_long_form_is_refused_before_it_is_read(body):
    bench = AuthenticatorBench()
    form = a_request(content_type="application/x-www-form-urlencoded", content_md5=None)
    call = bench.call(signed(replace(form, body=body)))

    assert calls_of(lambda: bench.turned_away(call)) < 1000
    assert call.trace.verdict.body(call.head)["reason"] == "body-too-large"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("x_ca_signature_headers", "a," * 15_000),
        ("x_ca_signature_headers", "a;" * 15_000),
        ("x_ca_timestamp", "1" * 30_000),
    ],
)
def test_a_long_header_is_diagnosed_in_few_steps(name, value):
    bench = AuthenticatorBench()
    call = bench.call(FRESH.having(**{name: value}))

    assert calls_of(lambda: bench.turned_away(call)) < 1_000_000


@pytest.mark.parametrize("name", TURNED_AWAY)
def test_a_call_is_refused_that_is(name):
    request, situation = TURNED_AWAY[name]
    bench = AuthenticatorBench()
    call = bench.call(request)

    assert bench.turned_away(call) == situation
    assert isinstance(call.trace.verdict, WorkshopVerdict)
    body = call.trace.verdict.body(call.head)
    assert body is not None
    assert (body["accepted"], body["reason"]) == (False, situation)
    assert not body["diagnosis"]["accepted"]
    assert body["diagnosis"]["complete"]


def test_a_nonce_can_be_used_once_in_fifteen_minutes():
    bench = AuthenticatorBench(timestamp_window=0)

    assert [bench.turned_away(FRESH, NOW + later) for later in (0, 1, NONCE_LIFE - 1)] == [
        "",
        "nonce-used",
        "nonce-used",
    ]
    assert bench.turned_away(FRESH, NOW + NONCE_LIFE) == ""


def test_two_keys_may_use_the_same_nonce():
    bench = AuthenticatorBench()
    bench.add("bob", key="204800002", secret="another-secret")

    assert bench.turned_away(FRESH) == ""
    assert bench.turned_away(signed(a_request(x_ca_key="204800002"), secret="another-secret")) == ""


@pytest.mark.parametrize(
    "refused",
    [
        FRESH.having(x_ca_signature="AAAA"),
        replace(FRESH, body=b"{}"),
        signed(a_request(x_ca_timestamp="5")),
        signed(a_request(x_ca_stage="BETA")),
    ],
    ids=["signature", "digest", "timestamp", "stage"],
)
def test_a_refused_call_does_not_use_its_nonce(refused):
    bench = AuthenticatorBench()

    assert refused.value("x-ca-nonce") == FRESH.value("x-ca-nonce")
    assert bench.turned_away(refused) != ""
    assert bench.turned_away(FRESH) == ""


def test_settings_allow_used_nonces_or_require_nonces():
    lax, strict = AuthenticatorBench(nonce_replay="accept"), AuthenticatorBench(nonce_required=True)
    without = signed(a_request(x_ca_nonce=None, x_ca_signature_headers="x-ca-key"))

    assert [lax.turned_away(FRESH), lax.turned_away(FRESH)] == ["", ""]
    assert [AuthenticatorBench().turned_away(without), strict.turned_away(without)] == [
        "",
        "nonce-missing",
    ]


def test_a_setting_requires_a_timestamp():
    without = another(x_ca_timestamp=None, x_ca_signature_headers="x-ca-key")

    assert AuthenticatorBench().turned_away(without) == ""
    assert AuthenticatorBench(timestamp_required=True).turned_away(without) == "header-missing"


def test_a_timestamp_is_judged_by_real_time_whatever_the_accounts_clock_says():
    bench = AuthenticatorBench()
    bench.set_clock(a_clock(NOW + 1e6))

    assert bench.turned_away(FRESH) == ""
    assert bench.turned_away(another(), NOW + 1e6) == "timestamp-expired"


def test_a_timestamp_can_be_judged_by_the_accounts_clock():
    bench = AuthenticatorBench(timestamp_clock="account")
    bench.set_clock(a_clock(NOW))

    assert bench.turned_away(FRESH, NOW + 1e6) == ""


def test_a_lax_setting_accepts_a_digest_of_other_bytes():
    assert AuthenticatorBench(content_md5="lax").turned_away(replace(FRESH, body=b"{}")) == ""


def test_stages_can_be_chosen():
    assert AuthenticatorBench().turned_away(another(x_ca_stage="PRE")) == ""
    assert (
        AuthenticatorBench(stages=("RELEASE",)).turned_away(another(x_ca_stage="PRE"))
        == "stage-unknown"
    )


def test_a_key_can_lose_its_authorisation():
    assert AuthenticatorBench(unauthorized_keys=(KEY,)).turned_away(FRESH) == "unauthorized"
    assert AuthenticatorBench(expired_keys=(KEY,)).turned_away(FRESH) == "authorization-expired"


def test_without_a_list_the_choice_says_what_is_signed():
    plain = a_request(x_ca_signature_headers=None)
    of_key = signed(plain, believed=plain.having(x_ca_signature_headers="X-Ca-Key"))

    assert AuthenticatorBench().turned_away(of_key) == ""
    assert AuthenticatorBench(missing_header_list="none").turned_away(of_key) == "mismatch"


def test_without_checks_the_key_alone_names_the_account():
    bench = AuthenticatorBench(signature_check="off")
    bob = bench.add("bob", key="204800002")
    unsigned = a_request(x_ca_key="204800002", x_ca_timestamp="5", content_md5="x")
    call = bench.call(unsigned)

    assert bench.open(call) == bob
    assert call.trace.verdict.body(call.head) == {
        "accepted": True,
        "scheme": "gateway",
        "checked": False,
    }
    stand_in = bench.open(a_request(x_ca_key=None))
    assert isinstance(stand_in, Account)
    assert stand_in.ready_made
    assert bench.turned_away(a_request(x_ca_key="999")) == "unknown-key"


def test_a_refusal_says_in_a_header_what_is_wrong():
    wrong = signed(a_request(), secret=SECRET + "\n")

    assert dict(AuthenticatorBench().answer(wrong).headers)[DIAGNOSIS_HEADER].startswith(
        b"secret-decorated: "
    )
    assert DIAGNOSIS_HEADER not in dict(
        AuthenticatorBench(debug_header=False).answer(wrong).headers
    )


def test_of_a_flood_the_first_are_searched_and_the_last_can_be_asked_for():
    bench = AuthenticatorBench()
    calls = [bench.call(signed(a_request("GET"), believed=a_request("PUT"))) for _ in range(22)]
    lines = [bench.open(call).diagnosis for call in calls]  # type: ignore[union-attr]

    assert lines[0].startswith("method-other: ")
    assert lines[-1].startswith(
        "not searched further: too many wrong signatures at once; ask"
        " GET /_mock/requests/00000001 or tams-mock explain"
    )
    trace = calls[-1].trace
    asyncio.run(complete_verdict(trace))
    body = trace.verdict.body(calls[-1].head)
    assert body is not None
    assert [cause["id"] for cause in body["diagnosis"]["causes"]] == ["method-other"]


def test_a_flood_of_one_account_takes_nothing_from_another():
    bench = AuthenticatorBench()
    bench.add("bob", key="204800002", secret="another-secret")
    for _ in range(30):
        bench.turned_away(FRESH.having(x_ca_signature="A" * 43 + "="))
    wrong = signed(a_request("GET", x_ca_key="204800002"), secret="another-secret\n")
    refusal = bench.open(wrong)

    assert isinstance(refusal, GatewayRefusal)
    assert refusal.diagnosis.startswith("secret-decorated: ")


def test_a_secret_in_the_place_of_the_key_does_not_show():
    bench = AuthenticatorBench()
    call = bench.call(signed(a_request(x_ca_key=SECRET), secret=KEY))
    refusal = bench.open(call)

    assert isinstance(refusal, GatewayRefusal)
    assert refusal.diagnosis.startswith("key-and-secret-swapped: ")
    assert SECRET not in str(call.trace.verdict.body(call.head))
    assert SECRET not in str(refusal)
