"""The check that teaches: every mistake is named, and none is named wrongly."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from mock_server.tests.workshop.auth_diagnostics.making import (
    APP_ID,
    OTHER_KEY,
    OTHER_SECRET,
    TOKEN,
    WorkshopMistake,
)
from mock_server.tests.workshop.auth_diagnostics.mistakes import MISTAKES
from mock_server.tests.workshop.authenticator_bench import PATHS
from mock_server.tests.workshop.signing import KEY, NOW, SECRET, TARGET, Request, a_request, signed
from mock_server.web.auth_diagnostics.evidence import Evidence
from mock_server.web.auth_diagnostics.explanations import MAX_TIPS, as_data, as_text, tips
from mock_server.web.auth_diagnostics.findings import Diagnosis
from mock_server.web.auth_diagnostics.known_accounts import KnownAccount
from mock_server.web.auth_diagnostics.search_budget import FULL, SearchBudget
from mock_server.web.auth_diagnostics.turns import finish
from mock_server.workshop.auth_diagnostics.diagnosis import CAUSES, WorkshopDiagnoser
from mock_server.workshop.gateway import Situation
from mock_server.workshop.settings import WorkshopSettings

MINE = KnownAccount("ada", APP_ID, "", TOKEN, KEY, SECRET)
OTHER = KnownAccount("bob", "otherApp", "", "other-token-0002", OTHER_KEY, OTHER_SECRET)
EMPTY = KnownAccount("cem", "emptyApp")
ACCOUNTS = (MINE, OTHER, EMPTY)


def look(
    request: Request,
    budget: SearchBudget = FULL,
    *,
    meant: bool = False,
    settings: WorkshopSettings | None = None,
    refused: Situation | None = None,
) -> Diagnosis:
    evidence = Evidence(
        request.capture(NOW),
        settings or WorkshopSettings(),
        MINE if meant else None,
        ACCOUNTS,
        refused,
        PATHS,
    )
    return finish(WorkshopDiagnoser(evidence, budget).run())


_looked: dict[str, Diagnosis] = {}


def diagnosed(made: WorkshopMistake) -> Diagnosis:
    """Return the diagnosis of a mistake; each is worked out once."""
    name = by_name(made)
    if name not in _looked:
        _looked[name] = look(made.make(), **made.evidence)
    return _looked[name]


def by_name(made: WorkshopMistake) -> str:
    return f"{made.causes[0]}: {made.name}"


@pytest.mark.parametrize("made", MISTAKES, ids=by_name)
def test_a_mistake_is_named_and_nothing_else(made):
    diagnosis = diagnosed(made)

    assert sorted(diagnosis.ids) == sorted(made.causes)
    assert diagnosis.complete
    assert not diagnosis.accepted
    assert_it_can_be_shown(diagnosis, made)


def assert_it_can_be_shown(diagnosis: Diagnosis, made: WorkshopMistake) -> None:
    """Its one line is short ASCII, and no secret is in any form of it."""
    line = tips(diagnosis)
    assert 0 < len(line) <= MAX_TIPS
    assert line.isascii()
    assert line.isprintable()
    assert line.startswith(tuple(made.causes))
    signature = made.make().value("x-ca-signature")
    forms = tips(diagnosis) + json.dumps(as_data(diagnosis)) + as_text(diagnosis) + repr(diagnosis)
    for secret in (SECRET, OTHER_SECRET, TOKEN, signature):
        assert len(secret) < 8 or secret not in forms


def test_every_cause_of_the_catalogue_is_made_by_a_mistake():
    made = {cause for mistake in MISTAKES for cause in mistake.causes}

    assert made == set(CAUSES)


@pytest.mark.parametrize("cause", CAUSES.values(), ids=lambda cause: cause.id)
def test_a_cause_says_what_is_wrong_and_how_to_fix_it(cause):
    assert cause.sentence.endswith(".")
    assert len(cause.fix) > 20
    assert cause.fix.endswith(".")
    assert cause.source.startswith("Workshop › ")


def test_a_fine_signature_has_no_diagnosis():
    diagnosis = look(signed(a_request()))

    assert diagnosis.accepted
    assert diagnosis.found == ()
    assert diagnosis.difference is None


def test_both_strings_are_shown_where_they_differ():
    wrong = signed(a_request(accept="*/*"), believed=a_request(accept=None))
    data = as_data(look(wrong))

    assert data["difference"]["server"]["marked"] == "*/*"
    assert data["difference"]["line"] == 1
    assert data["serverString"]["text"].startswith(r"POST\n*/*\n")
    assert data["signedString"]["text"].startswith(r"POST\n\n")


def test_an_unknown_string_is_answered_with_the_evidence():
    diagnosis = look(signed(a_request(), join=lambda parts: "something else entirely"))

    assert diagnosis.found == ()
    assert not diagnosis.complete
    assert not diagnosis.accepted
    assert diagnosis.expected is not None
    assert dict(diagnosis.facts)["secretsTried"] == "2"
    assert tips(diagnosis).startswith("not explained: none of the ")
    assert "with one of the 2 secrets tried" in as_text(diagnosis)


def test_listed_headers_that_did_not_come_are_noted():
    request = a_request(x_ca_signature_headers="x-ca-key,x-ca-gone")

    assert dict(look(signed(request)).facts)["signedButAbsent"] == "x-ca-gone"


def test_several_mistakes_that_make_the_same_string_are_all_told():
    request = a_request("POST", x_ca_signature_headers="x-ca-key,x-ca-nonce")
    wrong = signed(request, believed=request.having(x_ca_signature_headers="x-ca-key"))
    empty = request.having(x_ca_nonce=None)
    diagnosis = look(signed(empty, believed=empty.having(x_ca_signature_headers="x-ca-key")), FULL)

    assert look(wrong).ids == ("line-left-out",)
    assert {*diagnosis.ids, *(found.cause.id for found in diagnosis.also)} == {
        "line-left-out",
        "empty-lines-left-out",
    }


# --- bounds -----------------------------------------------------------------------------------


def test_the_guesses_are_bounded():
    unexplained = signed(
        a_request(target=TARGET + "?b=2&a=%20", x_ca_stage="PRE"), join=lambda parts: "x"
    )
    looked = look(unexplained)

    assert not looked.complete
    assert 1000 < looked.hashes <= FULL.guesses + 1


def test_only_so_many_secrets_are_tried():
    crowd = tuple(
        KnownAccount(f"a{number}", f"app{number}", key=f"key{number}", secret=f"secret-{number:04}")
        for number in range(5000)
    )
    request = signed(a_request(), join=lambda parts: "x")
    evidence = Evidence(request.capture(), WorkshopSettings(), MINE, crowd)

    assert dict(finish(WorkshopDiagnoser(evidence).run()).facts)["secretsTried"] == str(
        FULL.keys + 1
    )


HOSTILE = {
    "deep JSON": b"[" * 50_000,
    "deeper JSON": b'{"a":' * 900 + b"1" + b"}" * 900,
    "long number": b'{"a":' + b"9" * 5000 + b"}",
    "lone surrogate": b'{"a":"\\ud800","\\udfff":1}',
    "large": b"x" * 3_000_000,
    "zeros": b"\0" * 5000,
}


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("content_type", ["application/json", "application/x-www-form-urlencoded"])
def test_a_hostile_body_is_diagnosed_like_any_other(name, content_type):
    request = a_request(body=HOSTILE[name], content_type=content_type, content_md5="x")
    looked = look(request.having(x_ca_signature="A" * 43 + "="))

    assert not looked.accepted
    assert looked.hashes <= FULL.guesses + 1


TEXTS = st.text(st.characters(codec="latin-1", exclude_characters="\0"), max_size=30)


@settings(max_examples=60)
@given(
    st.dictionaries(
        st.sampled_from(
            ["x_ca_key", "x_ca_signature", "x_ca_timestamp", "x_ca_nonce", "x_ca_stage", "date",
             "x_ca_signature_headers", "x_ca_signature_method", "content_md5", "accept",
             "content_type", "authorization"]
        ),
        TEXTS,
    ),
    st.text("/scc?&=%+a\u00e9", max_size=20),
    st.binary(max_size=40),
)  # fmt: skip
def test_whatever_comes_is_diagnosed_without_failing(headers, target, body):
    request = signed(a_request(), secret="x").having(**headers)
    request = replace(request, target="/" + target, body=body)
    evidence = Evidence(request.capture(0.0), WorkshopSettings(), others=ACCOUNTS)
    diagnosis = finish(WorkshopDiagnoser(evidence).run())

    assert not diagnosis.accepted
    assert tips(diagnosis).isascii()
    assert as_data(diagnosis)["causes"] is not None
