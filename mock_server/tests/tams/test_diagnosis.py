"""The signature check that teaches: every mistake is named, and none is named wrongly."""

import base64
import json
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from mock_server.tams.auth_diagnostics.diagnosis import CAUSES, TamsDiagnoser
from mock_server.tams.key_pairs import key_pair
from mock_server.tams.settings import TamsSettings
from mock_server.tams.signature import Reason
from mock_server.tests.tams.body_mistakes import ALL_MISTAKES as MISTAKES
from mock_server.tests.tams.mistakes import OTHER_TOKEN, SECRET, TOKEN, TamsMistake
from mock_server.tests.tams.signing import APP, BODY, HOST, NOW, Sent, send
from mock_server.web.auth_diagnostics.evidence import Evidence
from mock_server.web.auth_diagnostics.explanations import MAX_TIPS, as_data, as_text, tips
from mock_server.web.auth_diagnostics.findings import Diagnosis
from mock_server.web.auth_diagnostics.known_accounts import KnownAccount
from mock_server.web.auth_diagnostics.search_budget import FULL, SearchBudget
from mock_server.web.auth_diagnostics.turns import finish

MINE = KnownAccount("default", APP, key_pair(0).public_pem, TOKEN, "mock-key-0001", SECRET)
OTHER = KnownAccount(
    "other", "otherApp", key_pair(1).public_pem, OTHER_TOKEN, "other-key", "other-secret"
)
KEYLESS = KnownAccount("third", "keyless")
ACCOUNTS = (MINE, OTHER, KEYLESS)


def look(
    sent: Sent,
    budget: SearchBudget = FULL,
    *,
    meant: bool = False,
    refused: Reason | None = None,
    paths: Sequence[bytes] = (),
    **choices: Any,
) -> Diagnosis:
    known = MINE if meant else None
    evidence = Evidence(sent.capture, TamsSettings(**choices), known, ACCOUNTS, refused, paths)
    return finish(TamsDiagnoser(evidence, budget).run())


_looked: dict[str, Diagnosis] = {}


def diagnosed(made: TamsMistake) -> Diagnosis:
    """Return the diagnosis of a mistake; each is worked out once."""
    name = by_name(made)
    if name not in _looked:
        _looked[name] = look(made.make(), **made.evidence)
    return _looked[name]


def by_name(made: TamsMistake) -> str:
    return f"{made.causes[0]}: {made.name}"


@pytest.mark.parametrize("made", MISTAKES, ids=by_name)
def test_a_mistake_is_named_and_nothing_else(made):
    diagnosis = diagnosed(made)

    assert sorted(diagnosis.ids) == sorted(made.causes)
    assert diagnosis.complete
    assert not diagnosis.accepted
    assert_it_can_be_shown(diagnosis, made)


def assert_it_can_be_shown(diagnosis: Diagnosis, made: TamsMistake) -> None:
    """Its one line is short ASCII, and no secret is in any form of it."""
    line = tips(diagnosis)
    assert 0 < len(line) <= MAX_TIPS
    assert line.isascii()
    assert line.isprintable()
    assert line.startswith(tuple(made.causes))
    signature = made.make().authorization.rpartition(b"signature=")[2].decode("latin-1")
    forms = tips(diagnosis) + json.dumps(as_data(diagnosis)) + as_text(diagnosis) + repr(diagnosis)
    for secret in (SECRET, TOKEN, OTHER_TOKEN, TOKEN.upper(), "other-secret", signature[:40]):
        assert not secret or len(secret) < 8 or secret not in forms


def test_every_cause_of_the_catalogue_is_made_by_a_mistake():
    made = {cause for mistake in MISTAKES for cause in mistake.causes}

    assert made == set(CAUSES)
    assert len(CAUSES) >= 25


@pytest.mark.parametrize("cause", CAUSES.values(), ids=lambda cause: cause.id)
def test_a_cause_says_what_is_wrong_and_how_to_fix_it(cause):
    assert cause.sentence.endswith((".", ")."))
    assert len(cause.fix) > 20
    assert cause.fix.endswith(".")
    assert cause.source.startswith("TAMS › ")


def test_secrets_inside_the_signed_parts_are_covered():
    body = f'{{"token": "{TOKEN}", "pem": "{key_pair(0).private_pem}"}}'.encode()
    diagnosis = look(send(body=body, signed_method=b"post"))
    forms = json.dumps(as_data(diagnosis)) + as_text(diagnosis) + tips(diagnosis)

    assert diagnosis.ids == ("method-case",)
    assert TOKEN not in forms
    assert key_pair(0).private_pem.split("\n")[1] not in forms


def test_a_fine_signature_has_no_diagnosis():
    diagnosis = look(send())

    assert diagnosis.accepted
    assert diagnosis.found == ()
    assert diagnosis.difference is None


def test_an_unknown_string_is_answered_with_the_evidence():
    diagnosis = look(send(signed_body=b"something else entirely"))

    assert diagnosis.found == ()
    assert not diagnosis.complete
    assert not diagnosis.accepted
    assert {"signedDigest", "serverDigest", "signedWithKeyOf"} <= dict(diagnosis.facts).keys()
    assert tips(diagnosis).startswith("not explained: none of the ")


@pytest.mark.parametrize(
    ("causes", "options"),
    [
        ("method-case body-compact", {"signed_method": b"post", "signed_body": "compact"}),
        ("query-left-out body-left-out", {"signed_target": b"/v1/jobs", "signed_body": b""}),
        ("version-missing trailing-slash-added", {"signed_target": b"/jobs/?b=2&a=x%20y"}),
        (
            "query-left-out timestamp-milliseconds-signed",
            {"signed_target": b"/v1/jobs", "signed_timestamp": f"{NOW}000".encode()},
        ),
        (
            "separator-crlf method-case",
            {"signed_method": b"post", "join": lambda *parts: b"\r\n".join(parts)},
        ),
        ("signature-hex query-left-out", {"encode": bytes.hex, "signed_target": b"/v1/jobs"}),
        ("key-of-another-account body-left-out", {"key": 1, "signed_body": b""}),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_two_mistakes_are_both_named(causes, options):
    if options.get("signed_body") == "compact":
        options |= {
            "signed_body": json.dumps(
                json.loads(BODY), separators=(",", ":"), ensure_ascii=False
            ).encode()
        }
    diagnosis = look(send(**options))

    assert set(diagnosis.ids) == set(causes.split())
    assert diagnosis.complete


def test_the_place_of_the_difference_is_marked():
    diagnosis = look(send(body=b'{"a":1}', signed_body=b'{"a": 1}'))
    differs = diagnosis.difference

    assert differs is not None
    assert differs.signed.marked == b" "
    assert differs.expected.marked == b""
    assert str(differs.signed).endswith('{"a":[[ ]]1}')
    assert '+ {"a": 1}' in as_text(diagnosis)
    assert "\x1b" not in as_text(diagnosis)
    assert "\x1b[32m" in as_text(diagnosis, colours=True)


def test_of_two_causes_with_the_same_bytes_the_other_is_told_too():
    diagnosis = look(send(signed_body=BODY + b"\n"))

    assert diagnosis.ids == ("body-newline-added",)
    assert "final-lf-extra" in {found.cause.id for found in diagnosis.also}
    assert "final-lf-extra" in as_text(diagnosis)


def test_a_message_that_was_signed_unhashed_is_shown():
    from mock_server.tests.tams.signing import padded, raw_rsa

    diagnosis = look(
        send(signed_body=b"elsewhere", sign=lambda message, key: raw_rsa(padded(message), key))
    )

    assert diagnosis.ids == ("hash-left-out",)
    assert not diagnosis.complete
    assert diagnosis.signed is not None
    assert diagnosis.signed.data.endswith(b"elsewhere")


def test_a_long_body_is_shown_in_part():
    body = b'{"a": "' + b"x" * 100_000 + b'"}'
    data = as_data(look(send(body=body, signed_body=body + b"\n")))

    assert data["causes"][0]["id"] == "body-newline-added"
    assert data["serverString"]["truncated"]
    assert len(json.dumps(data)) < 12_000
    assert data["difference"]["signed"]["marked"] == "\\n"


# Laws

METHODS = st.sampled_from(["GET", "POST", "DELETE", "PUT"])
LETTERS = st.text("abcXYZ019 _-.~%/é猫<&\\\"'+", max_size=8)
QUERIES = st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from(["1", "x%20y", "a+b"])))
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | LETTERS | st.floats(allow_nan=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(LETTERS, inner, max_size=3),
    max_leaves=6,
)
BODIES = (
    st.just(b"")
    | st.binary(max_size=40)
    | st.dictionaries(LETTERS, VALUES, max_size=3).map(lambda value: json.dumps(value).encode())
)


@st.composite
def targets(draw: st.DrawFn) -> bytes:
    query = "&".join(f"{name}={value}" for name, value in draw(QUERIES))
    path = draw(st.sampled_from(["/v1/jobs", "/v1/jobs/12", "/v1/models/7", "/v1/resource/image"]))
    return (f"{path}?{query}" if query else path).encode()


@given(METHODS, targets(), BODIES)
def test_a_right_signature_is_never_diagnosed(method, target, body):
    assert look(send(method, target, body)).accepted


@given(METHODS, targets(), BODIES, st.binary(min_size=256, max_size=256))
def test_a_forged_signature_has_no_cause_by_digest(method, target, body, signature):
    text = base64.b64encode(signature).decode()
    sent = send(method, target, body, encode=lambda data: text)
    diagnosis = look(sent)

    assert [found for found in diagnosis.found if found.proof == "digest"] == []
    assert diagnosis.ids == ("key-not-registered",)


@given(METHODS, targets(), BODIES, st.binary(max_size=20))
def test_other_bytes_are_never_explained_by_a_string_that_was_not_signed(
    method, target, body, other
):
    diagnosis = look(send(method, target, body, signed_body=other))

    if diagnosis.complete and not diagnosis.accepted:
        assert diagnosis.signed is not None
        assert diagnosis.signed.data == b"\n".join(
            (method.encode(), target, b"%d" % NOW, diagnosis.signed.data.split(b"\n")[3], other)
        )


SIMPLE: dict[str, dict[str, Any]] = {
    "query-left-out": {"signed_target": lambda target: target.partition(b"?")[0]},
    "version-missing": {"signed_target": lambda target: target.removeprefix(b"/v1")},
    "version-doubled": {"signed_target": lambda target: b"/v1" + target},
    "scheme-and-host-included": {"signed_target": lambda target: b"http://" + HOST + target},
    "method-case": {"signed_method": bytes.lower},
    "timestamp-milliseconds-signed": {"signed_timestamp": lambda stamp: stamp + b"000"},
    "body-left-out": {"signed_body": b""},
    "body-newline-added": {"signed_body": lambda body: body + b"\n"},
    "separator-crlf": {"join": lambda *parts: b"\r\n".join(parts)},
    "app-id-included": {"join": lambda *parts: b"\n".join((APP.encode(), *parts))},
    "signature-hex": {"encode": bytes.hex},
}


@settings(max_examples=60)
@given(METHODS, targets(), BODIES, st.sampled_from(sorted(SIMPLE)))
def test_one_mistake_in_any_request_is_found_and_named(method, target, body, cause):
    sent = send(method, target, body, **SIMPLE[cause])
    # Leaving out what is not there is no mistake, and without a body there is nothing to end.
    assume(body or cause != "body-newline-added")
    assume(sent.authorization != send(method, target, body).authorization)
    diagnosis = look(sent)

    assert diagnosis.complete
    named = {*diagnosis.ids, *(found.cause.id for found in diagnosis.also)}
    assert cause in named
    assert len(diagnosis.found) == 1


@given(st.binary(max_size=300))
def test_any_header_is_diagnosed_without_an_error(value):
    for grammar in ("lenient", "strict"):
        sent = Sent("POST", b"/v1/jobs", value, BODY)
        assert not look(sent, header_grammar=grammar).accepted
