"""What the gateway in front of the service refuses, and the form of its refusals."""

import pytest

from contract_tests.credentials import WorkshopCredentials
from contract_tests.markers import observes, source
from contract_tests.workshop.gateways import QUERY, ask_gateway, rejected, verdict
from contract_tests.workshop.signers import WorkshopSigner, digest_of


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
def test_how_the_gateway_words_its_refusals(workshop, app, observe):
    for what, auth in (
        ("no credentials", None),
        ("an unknown key", WorkshopSigner(WorkshopCredentials("100000000000001", "x"))),
        ("a wrong signature", WorkshopSigner(app, secret="x")),  # noqa: S106 - it has to be wrong
        ("a wrong digest", WorkshopSigner(app, headers={"content-md5": digest_of(b"else")})),
    ):
        answer = rejected(ask_gateway(workshop, auth))
        observe("W23", what, verdict(answer))


@source("Workshop › 3.4")
def test_a_path_without_an_operation_is_refused(workshop, app, observe):
    answer = rejected(ask_gateway(workshop, WorkshopSigner(app), target="/scc/noSuchOperation"))

    observe("W23", "a path without an operation", verdict(answer))


@source("Workshop › 2", "Workshop › 12")
@observes
@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH"])
def test_what_other_methods_get(workshop, app, observe, method):
    answer = workshop.call(method, f"{QUERY}?apiToken=01j0000000", auth=WorkshopSigner(app))

    assert answer.status < 500
    observe("W28", f"{method} on a query", verdict(answer))
