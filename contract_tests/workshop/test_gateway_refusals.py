"""What the gateway in front of the service refuses, and the form of its refusals."""

import json
import re

import pytest

from contract_tests.clients.workshop_answers import CODE
from contract_tests.credentials import WorkshopCredentials
from contract_tests.markers import observes, source
from contract_tests.workshop.gateways import (
    A_QUESTION,
    MESSAGE,
    QUERY,
    ask_gateway,
    expect_digests,
    rejected,
    verdict,
)
from contract_tests.workshop.signers import WorkshopSigner, digest_of

NEWER = {  # the code of the newer gateway
    "no credentials": "A400MA",
    "an unknown key": "A400IK",
    "a wrong signature": "A403IS",
    "a wrong digest": "I400I5",
    "a path without an operation": "I404NF",
}
OLDER = {  # status and words of the older gateway
    "no credentials": (404, "Empty Signature"),
    "an unknown key": (400, "Invalid AppKey"),
    "a wrong signature": (400, "Invalid Signature"),
    "a wrong digest": (400, "Invalid Content-MD5"),
    "a path without an operation": (400, "API Not Found|Invalid Url"),
}
WAYS = {
    "no credentials": lambda app: None,
    "an unknown key": lambda app: WorkshopSigner(WorkshopCredentials("100000000000001", "x")),
    "a wrong signature": lambda app: WorkshopSigner(app, secret="x"),  # noqa: S106 - it is wrong
    "a wrong digest": lambda app: WorkshopSigner(app, headers={"content-md5": digest_of(b"else")}),
    "a path without an operation": WorkshopSigner,
}


@source("Workshop › 3", "Workshop › 12")
@observes
@pytest.mark.parametrize("scheme", ["APPCODE", "Bearer"])
def test_whether_anything_else_than_a_signature_opens(workshop, app, observe, scheme):
    headers = {"Authorization": f"{scheme} {app.app_key}"}

    answer = ask_gateway(workshop, None, headers=headers)

    assert answer.status < 500
    observe("W27", f"Authorization: {scheme} with the AppKey", verdict(answer))


@source("Workshop › 3.1", "Workshop › 3.4")
def test_a_stage_that_does_not_exist_is_refused(workshop, app, observe):
    answer = rejected(
        ask_gateway(workshop, WorkshopSigner(app, headers={"x-ca-stage": "NOSUCHSTAGE"}))
    )

    observe("W23", "an unknown stage", verdict(answer))


@source("Workshop › 3.4")
def test_each_refusal_has_a_different_id(workshop):
    ids = {rejected(ask_gateway(workshop, None)).headers["X-Ca-Request-Id"] for _ in range(3)}

    assert len(ids) == 3, f"X-Ca-Request-Id is repeated: {ids}"


@source("Workshop › 3.4", "Workshop › 12")
@pytest.mark.parametrize("reason", WAYS)
def test_how_the_gateway_words_its_refusals(workshop, app, observe, reason):
    if reason == "a wrong digest":
        expect_digests(workshop, app)
    status, words = OLDER[reason]
    target = "/scc/noSuchOperation" if reason == "a path without an operation" else QUERY

    answer = rejected(ask_gateway(workshop, WAYS[reason](app), target=target))

    observe("W23", reason, verdict(answer))
    newer = answer.headers[CODE] == NEWER[reason]
    older = answer.status == status and re.search(words, answer.headers[MESSAGE])
    assert newer or older, f"{reason} is refused with {verdict(answer)}, not as documented"


@source("Workshop › 2", "Workshop › 12")
@observes
@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH"])
def test_what_other_methods_get(workshop, app, observe, method):
    answer = workshop.call(method, f"{QUERY}?apiToken=01j0000000", auth=WorkshopSigner(app))

    assert answer.status < 500
    observe("W28", f"{method} on a query", verdict(answer))


@source("Workshop › 3.4", "Workshop › 12")
@observes
def test_what_a_large_body_or_url_gets(workshop, app, observe):
    for megabytes in (1, 11):
        body = json.dumps({**A_QUESTION, "note": "x" * megabytes * 1_000_000}).encode()
        answer = ask_gateway(workshop, WorkshopSigner(app), content=body, checked=False)
        assert answer.status < 500
        observe("W23", f"a body of {megabytes} MB", verdict(answer))
    for kilobytes in (4, 40):
        target = f"{QUERY}?note={'x' * kilobytes * 1000}"
        answer = ask_gateway(workshop, WorkshopSigner(app), target=target, checked=False)
        assert answer.status < 500
        observe("W23", f"a URL of {kilobytes} kB", verdict(answer))
