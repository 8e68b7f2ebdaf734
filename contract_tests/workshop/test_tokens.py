"""Tokens, one for each end user (`Workshop › 5`)."""

import secrets

import pytest

from contract_tests.clients.workshop_answers import SUCCESS
from contract_tests.markers import leaves_traces, observes, source
from contract_tests.workshop.envelopes import orderly, plain_success, reason, refused
from contract_tests.workshop.gateways import UNKNOWN_TOKEN
from contract_tests.workshop.sessions import a_token
from contract_tests.workshop.uses import stays

MEMBERS = ("apiToken", "tokenExpiredAt", "usedSessionTimeInSeconds")
TOMORROW = 86_400  # seconds
NOTHING = {"an empty object": b"{}", "null": b"null", "an empty body": b"", "white space": b" \n"}


def a_name():
    """Return a name that no other token has (W18)."""
    return f"contract-{secrets.token_hex(4)}"


@source("Workshop › 2", "Workshop › 5.1")
@leaves_traces
@pytest.mark.parametrize("body", NOTHING)
def test_a_token_is_made_of_nothing(workshop, body):
    headers = {"Content-Type": "application/json; charset=utf-8"}

    answer = workshop.call("POST", "/scc/allocate_token", content=NOTHING[body], headers=headers)

    envelope = answer.expect(200)
    assert envelope["status"] == SUCCESS, f"{body} was refused: {answer.excerpt()}"
    assert stays(workshop, envelope["data"])["apiToken"]


@source("Workshop › 2", "Workshop › 5.1")
@leaves_traces
def test_a_member_that_is_null_is_as_one_that_is_absent(workshop, observe):
    nulls = {"name": None, "tokenExpiredAt": None, "sceneRoleId": None}

    token = stays(workshop, plain_success(workshop.ask("allocate_token", nulls))["data"])

    plain = workshop.allocate_token()
    assert (token["tokenExpiredAt"] is None) == (plain["tokenExpiredAt"] is None)
    observe("W12", "tokenExpiredAt where none was asked for", plain["tokenExpiredAt"])


@source("Workshop › 5.1")
@leaves_traces
def test_a_new_token_tells_its_expiry_and_has_used_nothing(workshop):
    data = workshop.allocate_token(name=a_name())

    for name in MEMBERS:
        assert name in data, f"a token has no {name}"
    assert data["apiToken"]
    assert data["usedSessionTimeInSeconds"] == 0


@source("Workshop › 5.1", "Workshop › 5.2", "Workshop › 2")
@leaves_traces
def test_a_token_keeps_the_expiry_that_was_asked_for(workshop, clock):
    expiry = int((clock.now() + TOMORROW) * 1000)

    made = workshop.allocate_token(name=a_name(), tokenExpiredAt=expiry)

    assert made["tokenExpiredAt"] == expiry, "tokenExpiredAt of a new token, in milliseconds"
    for _ in range(3):
        known = workshop.query_token(made["apiToken"])
        assert known["tokenExpiredAt"] == expiry, "tokenExpiredAt of a token that is asked for"
        clock.let_pass(2)


@source("Workshop › 5.1", "Workshop › 5.2")
@leaves_traces
def test_a_query_tells_what_was_told_when_the_token_was_made(workshop):
    made = workshop.allocate_token(name=a_name())

    known = workshop.query_token(made["apiToken"])

    for name in MEMBERS:
        assert known[name] == made[name], f"{name} of a token"


@source("Workshop › 5.4", "Workshop › 5.1")
@leaves_traces
def test_each_end_user_has_a_different_token(workshop, observe):
    tokens = [a_token(workshop, name=a_name()) for _ in range(3)]

    assert len(set(tokens)) == 3, "two end users have the same token"
    for token in tokens:
        assert workshop.query_token(token)["apiToken"] == token
    name = a_name()
    for place in range(2):
        envelope = workshop.ask("allocate_token", {"name": name})
        taken = orderly(envelope.answer)
        if taken:
            assert stays(workshop, envelope.body["data"])["apiToken"] not in tokens
        observe("W18", f"token {place + 1} of one name", reason(envelope.answer))


@source("Workshop › 5.2")
def test_an_unknown_token_is_not_found(workshop, observe):
    envelope = workshop.ask("spQueryToken", {"apiToken": UNKNOWN_TOKEN})

    observe("W14", "a query of an unknown token", reason(envelope.answer))
    if orderly(envelope.answer):
        assert envelope.body["data"] is None, "an unknown token is found"


@source("Workshop › 5.3")
@leaves_traces
def test_what_is_attached_to_a_token_can_be_changed(workshop, observe):
    token = a_token(workshop)
    attached = {"sceneRoleId": "role-2", "sdCheckpointFileId": "m-1", "sdVae": "Automatic"}

    for name, value in attached.items():
        envelope = workshop.ask("sp_put_user_state", {"apiToken": token, name: value})
        if orderly(envelope.answer) or name == "sdVae":  # roles and models may be unknown
            plain_success(envelope)
        else:
            observe("W14", f"an unknown {name}", reason(envelope.answer))
    for what, vae in (("null", None), ("an empty text", "")):
        envelope = workshop.ask("sp_put_user_state", {"apiToken": token, "sdVae": vae})
        orderly(envelope.answer)
        observe("W17", f"{what} as sdVae", reason(envelope.answer))


@source("Workshop › 5.3")
@leaves_traces
def test_changing_what_is_attached_changes_neither_expiry_nor_usage(workshop, clock):
    expiry = int((clock.now() + TOMORROW) * 1000)
    made = workshop.allocate_token(name=a_name(), tokenExpiredAt=expiry)

    workshop.put_user_state(made["apiToken"], sdVae="None", tokenExpiredAt=expiry + 9000)

    known = workshop.query_token(made["apiToken"])
    assert {name: known[name] for name in MEMBERS} == {name: made[name] for name in MEMBERS}


@source("Workshop › 5.3")
def test_nothing_can_be_attached_without_a_token(workshop):
    refused(workshop.ask("sp_put_user_state", {"sceneRoleId": "role-1"}).answer)


@source("Workshop › 5.1", "Workshop › 12")
@observes
@leaves_traces
def test_which_expiries_a_token_may_have(workshop, clock, observe):
    now = clock.now()
    for what, value in (
        ("of a minute ago", int((now - 60) * 1000)),
        ("in seconds", int(now + TOMORROW)),
        ("that is negative", -1),
        ("in a text of digits", str(int((now + TOMORROW) * 1000))),
    ):
        envelope = workshop.ask("allocate_token", {"tokenExpiredAt": value})
        if orderly(envelope.answer):
            stays(workshop, envelope.body["data"])
        observe("W12", f"an expiry {what}", reason(envelope.answer))


@source("Workshop › 5.1", "Workshop › 12")
@observes
@leaves_traces
def test_what_a_token_with_a_role_gets(workshop, observe):
    envelope = workshop.ask("allocate_token", {"name": a_name(), "sceneRoleId": "01j1w6cxqzrole"})
    if orderly(envelope.answer):
        stays(workshop, envelope.body["data"])
    observe("W14", "a token with an unknown role", reason(envelope.answer))


@source("Workshop › 5.1", "Workshop › 12")
@observes
@leaves_traces
def test_how_long_a_name_may_be(workshop, observe):
    for length in (128, 129, 2000):
        envelope = workshop.ask("allocate_token", {"name": "n" * length})
        if orderly(envelope.answer):
            stays(workshop, envelope.body["data"])
        observe("W18", f"a name of {length} characters", reason(envelope.answer))
