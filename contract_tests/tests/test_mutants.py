"""Each mutant changes only what it says."""

import re
from dataclasses import replace
from itertools import cycle

import pytest

from contract_tests.mutants.calls import HttpCall, a_reply
from contract_tests.mutants.catalogue import MUTANTS
from contract_tests.mutants.mutant import combine, on_json
from contract_tests.mutants.pictures import a_png
from contract_tests.tests.canned_service import CannedService, exchanges

BY_NAME = {mutant.name: mutant for mutant in MUTANTS}


# What is true of every mutant.


def test_there_are_at_least_sixty_mutants_of_both_surfaces():
    surfaces = [mutant.surface for mutant in MUTANTS]

    assert len(MUTANTS) >= 60
    assert surfaces.count("tams") >= 40
    assert surfaces.count("workshop") >= 20


def test_names_are_unique():
    names = [mutant.name for mutant in MUTANTS]

    assert len(names) == len(set(names))


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_a_mutant_has_a_sentence_and_a_source(mutant):
    assert mutant.sentence.endswith(".")
    assert re.fullmatch(r"(TAMS|Workshop) › \d+(\.\d+)?", mutant.source)
    re.compile(mutant.clue)


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_a_mutant_changes_only_the_calls_it_concerns(mutant):
    handle = mutant.mutation.make()
    for call, reply in exchanges():
        if not mutant.mutation.concerns(call):
            service = CannedService(reply)
            assert handle(call, service) == reply
            assert service.calls[0] == call


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_a_mutant_accepts_any_body(mutant):
    handle = mutant.mutation.make()
    bodies = cycle((b"", b"null", b"[]", b"{}", b"7", b"{", b"\xff"))
    for (call, reply), body in zip(exchanges(), bodies, strict=False):
        assert handle(replace(call, body=body), CannedService(reply)).status >= 200


def test_a_mutation_has_new_memory_each_time():
    mutation, running = BY_NAME["state-runs-back"].mutation, CannedService(job("RUNNING"))
    call = HttpCall("GET", "/v1/jobs/7")

    first, second = mutation.make(), mutation.make()

    states = [handle(call, running).json["job"]["status"] for handle in (first, first, second)]
    assert states == ["RUNNING", "WAITING", "RUNNING"]


def test_two_mutations_can_be_combined():
    first = on_json("GET", "/a", lambda body, memory: body.update(one=1))
    second = on_json("GET", "/a", lambda body, memory: body.update(two=2))

    reply = combine(first, second).make()(HttpCall("GET", "/a"), CannedService(a_reply(200, {})))

    assert reply.json == {"one": 1, "two": 2}


# Some mutants by their effect.


def job(status, **members):
    return a_reply(200, {"job": {"id": "7", "status": status, **members}})


def tell(name, *replies, call=None):
    """Return what a mutant makes of answers to the same call."""
    handle = BY_NAME[name].mutation.make()
    call = call or HttpCall("GET", "/v1/jobs/7")
    return [handle(call, CannedService(reply)) for reply in replies]


def test_a_rank_becomes_a_number_and_nothing_else_changes():
    info = {"queueRank": "3", "queueLen": "5"}

    (reply,) = tell("rank-as-number", job("WAITING", waitingInfo=info))

    waiting = {"queueRank": 3, "queueLen": "5"}
    assert reply.json == {"job": {"id": "7", "status": "WAITING", "waitingInfo": waiting}}


def test_a_job_that_ran_waits_again():
    replies = tell("state-runs-back", job("RUNNING"), job("RUNNING"), job("RUNNING"))

    assert [r.json["job"]["status"] for r in replies] == ["RUNNING", "WAITING", "RUNNING"]


def test_a_session_of_another_token_is_answered():
    handle = BY_NAME["session-of-another-token"].mutation.make()
    for token in ("one", "two"):
        data = {"apiToken": token, "sessionUrl": f"http://h/{token}"}
        create = HttpCall("POST", "/scc/spCreateSession")
        handle(create, CannedService(a_reply(200, {"status": 10, "data": data})))
    data = {"apiToken": "two", "sessionUrl": "http://h/two"}

    reply = handle(
        HttpCall("POST", "/scc/spQuerySession"),
        CannedService(a_reply(200, {"status": 10, "data": data})),
    )

    assert reply.json["data"]["apiToken"] == "one"


def test_a_charge_is_taken_from_the_balance_once_for_each_job():
    handle = BY_NAME["failure-charged"].mutation.make()
    failed = CannedService(job("FAILED", credits=1.5))
    handle(HttpCall("GET", "/v1/jobs/7"), failed)
    handle(HttpCall("GET", "/v1/jobs/7"), failed)

    balance = HttpCall("GET", "/_mock/accounts/a/balance")
    reply = handle(balance, CannedService(a_reply(200, {"balance": 10})))

    assert reply.json == {"balance": 8.5}


def test_a_generated_picture_is_a_png_of_its_size():
    from io import BytesIO

    from PIL import Image

    picture = Image.open(BytesIO(a_png(64, 48)))
    picture.load()
    assert picture.size == (64, 48)
