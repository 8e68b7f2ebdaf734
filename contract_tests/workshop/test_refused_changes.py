"""A refused call changes nothing, for each reason that the gateway or the service can have.

Calls with another app's token or task, or with one that is almost right, are among them.
"""

import secrets
from typing import Any

import pytest

from contract_tests.credentials import WorkshopCredentials
from contract_tests.markers import leaves_traces, needs, source, spends
from contract_tests.workshop.envelopes import orderly, reason
from contract_tests.workshop.gateways import (
    UNKNOWN_TOKEN,
    accepted,
    ask_gateway,
    expect_digests,
    rejected,
)
from contract_tests.workshop.orders import PROMPT, SEVERAL
from contract_tests.workshop.shared_tasks import kind_of, submitted
from contract_tests.workshop.signers import WorkshopSigner, digest_of, milliseconds_ago
from contract_tests.workshop.uses import use
from contract_tests.workshop.witness import QUESTIONS, Witness, expect_nothing, near_misses

NONCE = f"spent-{secrets.token_hex(8)}"
REFUSED = {
    "without credentials": lambda app: None,
    "with a wrong signature": lambda app: WorkshopSigner(app, secret="x"),  # noqa: S106
    "with another body's digest": lambda app: headed(app, "content-md5", digest_of(b"else")),
    "of twenty minutes ago": lambda app: headed(app, "x-ca-timestamp", milliseconds_ago(1200)),
    "with a used nonce": lambda app: headed(app, "x-ca-nonce", NONCE),
    "with an unknown stage": lambda app: headed(app, "x-ca-stage", "NOSUCHSTAGE"),
    "with an unknown key": lambda app: WorkshopSigner(
        WorkshopCredentials("100000000000001", app.app_secret)
    ),
}
WRONG_TERMS: dict[str, dict[str, Any]] = {
    "an unknown sub-product": {"subProduct": "no_such_product"},
    "a sub-product of a number": {"subProduct": 10},
    "an unknown mode": {"sessionMode": 30},
    "a mode of a word": {"sessionMode": "session"},
    "a lifetime of a word": {"expiredInSeconds": "long"},
    "a lifetime of a list": {"expiredInSeconds": []},
    "a role of a number": {"roleId": 7},
}
LOOKS = [(what, order) for order in (SEVERAL, PROMPT) for what in ("progress", "result")]
EACH_LOOK = pytest.mark.parametrize(
    ("what", "order"), LOOKS, ids=[f"{kind_of(order[0])} {what}" for what, order in LOOKS]
)


def headed(app, name, value):
    """Return the signature of a call with a header."""
    return WorkshopSigner(app, headers={name: value})


@pytest.fixture(scope="session")
def neighbour(workshop, target):
    """Another app; the test `needs("accounts")`."""
    return workshop.using(target.another_account().workshop.auth())


@source("Workshop › 3.4", "Workshop › 6.4")
@leaves_traces
@spends(2)
@pytest.mark.parametrize("way", REFUSED)
def test_a_call_that_the_gateway_refuses_changes_nothing(workshop, app, way):
    witness = Witness(workshop)
    if way == "with another body's digest":
        expect_digests(workshop, app)
    if way == "with a used nonce":
        ask_gateway(workshop, REFUSED[way](app))

    with witness.unchanged(f"a call {way}"):
        for operation, body in witness.changes():
            rejected(use(workshop, operation, body, auth=REFUSED[way](app)).answer)


@source("Workshop › 6.2", "Workshop › 6.4", "Workshop › 12")
@leaves_traces
@spends(8)
@pytest.mark.parametrize("terms", WRONG_TERMS)
def test_a_change_of_a_session_that_is_refused_changes_nothing(workshop, observe, terms):
    witness = Witness(workshop)
    before = witness.state()

    for operation, body in witness.changes(**WRONG_TERMS[terms]):
        answer = use(workshop, operation, body).answer
        taken = orderly(answer)
        observe("W22", f"{operation} with {terms}", reason(answer))
        after = witness.state()
        assert taken or after == before, (
            f"{operation} with {terms} was refused, and changed {before}"
        )
        before = after


@source("Workshop › 1", "Workshop › 5", "Workshop › 6")
@needs("accounts")
@leaves_traces
@spends(2)
def test_a_token_is_unknown_to_another_app(workshop, neighbour):
    witness = Witness(workshop)
    asked = {"apiToken": witness.token}

    for operation, body in [*((question, asked) for question in QUESTIONS), *witness.changes()]:
        unknown = use(neighbour, operation, {**body, "apiToken": UNKNOWN_TOKEN})
        with witness.unchanged(f"{operation} of another app"):
            answered = use(neighbour, operation, body)
            expect_nothing(answered, f"{operation} of another app", unknown)
        expect_nothing(neighbour.ask("spQuerySession", asked), f"{operation} of another app")


@source("Workshop › 1", "Workshop › 7", "Workshop › 8")
@needs("accounts")
@spends(1)
@EACH_LOOK
def test_a_task_is_unknown_to_another_app(workshop, neighbour, what, order):
    asked = {"taskId": submitted(workshop, *order)["taskId"]}

    envelope = neighbour.ask(f"{kind_of(order[0])}_get_{what}", asked)

    expect_nothing(envelope, "a look at the task of another app")


@source("Workshop › 3.2", "Workshop › 3.4", "Workshop › 1")
@needs("accounts")
def test_a_signature_with_the_secret_of_another_app_is_refused(workshop, app, target):
    other = target.another_account().workshop

    accepted(ask_gateway(workshop, WorkshopSigner(other)))
    for mixed in (
        WorkshopCredentials(app.app_key, other.app_secret),
        WorkshopCredentials(other.app_key, app.app_secret),
    ):
        rejected(ask_gateway(workshop, WorkshopSigner(mixed)))


@source("Workshop › 5", "Workshop › 6")
@leaves_traces
@spends(2)
def test_what_is_almost_a_token_is_no_token(workshop):
    witness = Witness(workshop)
    calls = [*((question, {}) for question in QUESTIONS), *witness.changes()]
    unknown = [use(workshop, name, {**body, "apiToken": UNKNOWN_TOKEN}) for name, body in calls]

    for what, token in near_misses(witness.token).items():
        with witness.unchanged(f"a call with a token {what}"):
            for (operation, body), known in zip(calls, unknown, strict=True):
                envelope = use(workshop, operation, {**body, "apiToken": token})
                expect_nothing(envelope, f"{operation} with what is almost a token, {what},", known)


@source("Workshop › 7", "Workshop › 8")
@spends(1)
@EACH_LOOK
def test_what_is_almost_the_id_of_a_task_finds_nothing(workshop, what, order):
    for how, task in near_misses(submitted(workshop, *order)["taskId"]).items():
        envelope = workshop.ask(f"{kind_of(order[0])}_get_{what}", {"taskId": task})
        expect_nothing(envelope, f"a look at a task by its id {how}")


@source("Workshop › 6.1", "Workshop › 6.4")
@leaves_traces
@spends(1)
def test_what_is_no_change_of_a_session_changes_none(workshop):
    witness = Witness(workshop)
    before = witness.state()

    for operation in (*QUESTIONS, "sp_put_user_state"):
        asked = {"apiToken": witness.token, "sdVae": "None"}
        workshop.ask(operation, asked).expect_success()
        assert witness.state() == before, f"{operation} changed a session"


@source("Workshop › 6.4")
@leaves_traces
@spends(7)
def test_a_change_for_one_token_is_none_for_another(workshop):
    witness, other = Witness(workshop), Witness(workshop)
    before = other.state()

    for operation, body in witness.changes():
        orderly(use(workshop, operation, body).answer)
        assert other.state() == before, f"{operation} changed the session of another token"
