"""Wrong signatures, also with small differences, and how they are refused."""

import base64
import json

import pytest

from contract_tests import wall
from contract_tests.credentials import WorkshopCredentials
from contract_tests.markers import needs, observes, source, spends
from contract_tests.signing import FORM
from contract_tests.workshop.gateways import (
    A_QUESTION,
    QUERY,
    accepted,
    ask_gateway,
    expect_digests,
    mismatch,
    rejected,
    verdict,
)
from contract_tests.workshop.orders import a_drawing
from contract_tests.workshop.signers import (
    SIGNATURE,
    WorkshopSigner,
    digest_of,
    milliseconds_ago,
    one_byte_off,
)

BODY = json.dumps(A_QUESTION, separators=(",", ":")).encode()
CHANGED_AFTER = {
    "accept": ("accept", 3),
    "content-type": ("content-type", -1),
    "date": ("date", 6),
    "timestamp": ("x-ca-timestamp", -1),
    "nonce": ("x-ca-nonce", 4),
    "a header of one's own": ("x-custom", 0),
    "the name of a signed header": ("x-ca-signature-headers", -1),
}


def _swapped(text):
    lines = text.split("\n")
    lines[5], lines[6] = lines[6], lines[5]
    return "\n".join(lines)


SIGNED_OTHERWISE = {
    "another method": lambda text: "PUT" + text[4:],
    "method in lower case": lambda text: "post" + text[4:],
    "another path": lambda text: text.replace("/scc/", "/scd/"),
    "path in lower case": lambda text: text.replace("spQueryToken", "spquerytoken"),
    "path with host": lambda text: text.replace("/scc/", "127.0.0.1/scc/"),
    "without the query": lambda text: text.partition("?")[0],
    "another value in the query": lambda text: text.replace("a=1", "a=2"),
    "query in another order": lambda text: text.replace("a=1&b=2", "b=2&a=1"),
    "query not decoded": lambda text: text.replace("x y", "x%20y"),
    "equals sign of an empty value": lambda text: text.replace("&d", "&d="),
    "line feed at the end": lambda text: text + "\n",
    "line ends of Windows": lambda text: text.replace("\n", "\r\n"),
    "empty line left out": lambda text: text.replace("\n\n", "\n", 1),
    "blank after the colon": lambda text: text.replace("x-ca-key:", "x-ca-key: "),
    "header lines in another order": _swapped,
    "header line left out": lambda text: _without_line(text, "x-ca-nonce"),
    "names spelled otherwise": lambda text: text.replace("x-ca-nonce", "X-Ca-Nonce"),
}
DIGEST = digest_of(BODY)
NEAR_DIGESTS = {
    "of something else": digest_of(b"something else"),
    "in the other case": DIGEST.swapcase(),
    "with another end": DIGEST[:12] + digest_of(b"something else")[12:],
}
NEAR_SIGNATURES = {
    "in the other case": str.swapcase,
    "its beginning": lambda signature: signature[:20],
    "without its padding": lambda signature: signature.rstrip("="),
    "with more behind it": lambda signature: signature + "AAAA",
    "twice": lambda signature: f"{signature},{signature}",
    "in hex": lambda signature: base64.b64decode(signature).hex(),
}


def _without_line(text, name):
    return "\n".join(line for line in text.split("\n") if not line.startswith(name))


@source("Workshop › 3.2", "Workshop › 3.4")
@pytest.mark.parametrize("part", CHANGED_AFTER)
def test_one_byte_of_a_header_changed_after_signing_is_refused(workshop, app, part):
    name, place = CHANGED_AFTER[part]
    headers = {
        "date": "Thu, 15 Jan 2026 08:00:00 GMT",
        "x-custom": "value",
        "x-ca-signature-headers": "x-custom,x-ca-key,x-ca-timestamp,x-ca-nonce",
        "x-ca-signature-method": None,
    }

    mismatch(
        ask_gateway(workshop, WorkshopSigner(app, headers=headers, after=one_byte_off(name, place)))
    )


@source("Workshop › 3.2", "Workshop › 3.4")
@pytest.mark.parametrize("place", [0, 20, 42])
def test_one_byte_of_the_signature_changed_is_refused(workshop, app, place):
    mismatch(ask_gateway(workshop, WorkshopSigner(app, after=one_byte_off(SIGNATURE, place))))


@source("Workshop › 3.1", "Workshop › 3.4")
@pytest.mark.parametrize("near", NEAR_SIGNATURES)
def test_what_is_almost_the_signature_is_refused(workshop, app, near):
    def replaced(headers):
        headers[SIGNATURE] = NEAR_SIGNATURES[near](headers[SIGNATURE])

    rejected(ask_gateway(workshop, WorkshopSigner(app, after=replaced)))


@source("Workshop › 3.2", "Workshop › 3.4")
@pytest.mark.parametrize("text", SIGNED_OTHERWISE)
def test_a_signature_of_another_text_is_refused(workshop, app, text):
    target = f"{QUERY}?b=2&a=1&c=x%20y&d="

    mismatch(ask_gateway(workshop, WorkshopSigner(app, text=SIGNED_OTHERWISE[text]), target=target))


@source("Workshop › 3.2", "Workshop › 3.4")
def test_one_byte_of_a_form_changed_after_signing_is_refused(workshop, app):
    headers = {"content-type": FORM}

    def before(text):
        return text.replace("b=2", "b=3")

    auth = WorkshopSigner(app, headers=headers, text=before)
    mismatch(ask_gateway(workshop, auth, content="apiToken=01j0000000&b=2"))


@source("Workshop › 3.2", "Workshop › 3.4")
def test_a_signature_with_another_secret_is_refused(workshop, app):
    secret = app.app_secret

    for other in (secret[:-1] + "~", secret[:-1], secret + "~", secret.swapcase(), ""):
        mismatch(ask_gateway(workshop, WorkshopSigner(app, secret=other)))


@source("Workshop › 3.1", "Workshop › 3.4")
def test_a_signature_of_another_algorithm_than_the_one_named_is_refused(workshop, app):
    def renamed(headers):
        headers["x-ca-signature-method"] = "HmacSHA1"

    mismatch(ask_gateway(workshop, WorkshopSigner(app, after=renamed)))


@source("Workshop › 3.1")
@pytest.mark.parametrize("value", ["", "*", "AAAA", "0" * 64], ids=["none", "*", "AAAA", "hex"])
def test_a_text_that_is_not_a_signature_is_refused(workshop, app, value):
    def replaced(headers):
        headers[SIGNATURE] = value

    rejected(ask_gateway(workshop, WorkshopSigner(app, after=replaced)))


@source("Workshop › 3.4")
def test_the_refusal_tells_the_string_that_should_have_been_signed(workshop, app):
    answer = ask_gateway(workshop, WorkshopSigner(app, secret="not the secret"))  # noqa: S106

    # The server's string, signed with the right secret, makes the same call acceptable.
    mismatch(answer)
    told = answer.headers["X-Ca-Error-Message"].partition("StringToSign:")[2].strip(" `")
    lines = told.split("#")
    assert lines[0] == "POST"
    assert lines[-1] == QUERY
    assert f"x-ca-key:{app.app_key}" in lines


@source("Workshop › 3.4", "Workshop › 3")
def test_a_call_without_credentials_is_refused(workshop):
    rejected(ask_gateway(workshop, None))


@source("Workshop › 3.4", "Workshop › 3.1")
def test_a_call_without_its_key_is_refused(workshop, app):
    headers = {"x-ca-key": None, "x-ca-signature-headers": "x-ca-timestamp,x-ca-nonce"}

    rejected(ask_gateway(workshop, WorkshopSigner(app, headers=headers)))


@source("Workshop › 3.4")
@pytest.mark.parametrize("known_secret", [True, False], ids=["right secret", "any secret"])
def test_an_unknown_key_is_refused(workshop, app, known_secret):
    secret = app.app_secret if known_secret else "anything"
    other = "0" if app.app_key[-1] != "0" else "1"

    for key in ("100000000000001", app.app_key[:-1], app.app_key[:-1] + other, app.app_key + other):
        stranger = WorkshopCredentials(key, secret)
        rejected(ask_gateway(workshop, WorkshopSigner(stranger)))


@source("Workshop › 3.3", "Workshop › 3.4")
@pytest.mark.parametrize("near", NEAR_DIGESTS)
def test_a_digest_that_is_not_of_the_body_is_refused(workshop, app, near):
    expect_digests(workshop, app)
    headers = {"content-md5": NEAR_DIGESTS[near], "content-type": "application/json"}

    rejected(ask_gateway(workshop, WorkshopSigner(app, headers=headers), content=BODY))


@source("Workshop › 3.3", "Workshop › 3.4")
def test_one_byte_of_a_digested_body_changed_is_refused(workshop, app):
    expect_digests(workshop, app)
    headers = {"content-md5": digest_of(BODY), "content-type": "application/json"}
    changed = BODY.replace(b"nosuch", b"nosucx")

    rejected(ask_gateway(workshop, WorkshopSigner(app, headers=headers), content=changed))


@source("Workshop › 3.3")
def test_a_digest_without_a_body_is_refused(workshop, app):
    expect_digests(workshop, app)
    headers = {"content-md5": digest_of(b"something")}

    rejected(ask_gateway(workshop, WorkshopSigner(app, headers=headers), content=b""))


@source("Workshop › 3.3", "Workshop › 12")
@observes
def test_what_a_body_gets_that_was_digested_in_another_spelling(workshop, app, observe):
    # One SDK makes the digest of compact JSON, and an old HTTP library sends JSON with blanks.
    headers = {"content-md5": digest_of(BODY), "content-type": "application/json"}

    spaced = json.dumps(A_QUESTION).encode()
    answer = ask_gateway(workshop, WorkshopSigner(app, headers=headers), content=spaced)

    assert answer.status < 500
    observe("W26", "the digest is of compact JSON, and blanks were sent", verdict(answer))


@source("Workshop › 3.1", "Workshop › 3.4")
@pytest.mark.parametrize("minutes", [16, 60 * 24, 60 * 24 * 365])
def test_a_timestamp_beyond_fifteen_minutes_is_too_old(workshop, app, observe, minutes):
    headers = {"x-ca-timestamp": milliseconds_ago(minutes * 60)}

    answer = rejected(ask_gateway(workshop, WorkshopSigner(app, headers=headers)))

    observe("W24", "an old timestamp", verdict(answer))


@source("Workshop › 3.1", "Workshop › 12")
@observes
def test_what_a_timestamp_ahead_of_time_or_malformed_gets(workshop, app, observe):
    for what, value in (
        ("of an hour ahead", milliseconds_ago(-3600)),
        ("in seconds", str(int(wall.now()))),
        ("that is a word", "yesterday"),
    ):
        answer = ask_gateway(workshop, WorkshopSigner(app, headers={"x-ca-timestamp": value}))
        assert answer.status < 500
        observe("W24", f"a timestamp {what}", verdict(answer))


@source("Workshop › 3.1", "Workshop › 3.4")
def test_a_nonce_is_taken_once(workshop, app, observe):
    nonce = f"once-{milliseconds_ago(0)}-{id(app)}"
    headers = {"x-ca-nonce": nonce}

    accepted(ask_gateway(workshop, WorkshopSigner(app, headers=headers)))
    again = rejected(ask_gateway(workshop, WorkshopSigner(app, headers=headers)))

    observe("W24", "a nonce that was used", verdict(again))


@source("Workshop › 3.1")
def test_nonces_that_are_almost_the_same_are_two(workshop, app):
    nonce = f"twice-{milliseconds_ago(0)}-{id(app)}-A"

    for other in (nonce, nonce.lower(), nonce[:-1], nonce + "A"):
        accepted(ask_gateway(workshop, WorkshopSigner(app, headers={"x-ca-nonce": other})))


@source("Workshop › 3.1", "Workshop › 3.4")
@needs("clock")
def test_a_nonce_is_remembered_for_fifteen_minutes(workshop, app, clock):
    headers = {"x-ca-nonce": f"kept-{milliseconds_ago(0)}-{id(app)}"}
    accepted(ask_gateway(workshop, WorkshopSigner(app, headers=headers)))

    for minutes in (6, 8):
        clock.let_pass(minutes * 60)
        rejected(ask_gateway(workshop, WorkshopSigner(app, headers=headers)))


@source("Workshop › 3.1", "Workshop › 3.4")
def test_a_request_and_its_nonce_cannot_be_played_again(workshop, app):
    first = ask_gateway(workshop, WorkshopSigner(app))
    accepted(first)

    again = workshop.call(
        "POST", QUERY, auth=None, content=first.sent.body,
        headers={name: value for name, value in first.sent.headers if name.lower() != "host"},
    )  # fmt: skip

    rejected(again)


@source("Workshop › 3.4", "Workshop › 7")
@spends(1)
def test_a_task_whose_signature_is_wrong_is_not_made(workshop, app):
    auth = WorkshopSigner(app, text=lambda text: text + " ")

    mismatch(workshop.call("POST", "/scc/sd_txt2img", auth=auth, json=a_drawing()))
