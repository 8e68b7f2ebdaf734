"""Each generated mutant changes what its name says, and the kept score is complete and high."""

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract_tests.mutants.calls import HttpCall, a_reply
from contract_tests.mutants.generated.allowed import ALLOWED, why_allowed
from contract_tests.mutants.generated.kinds import KINDS, other_spelling, spots
from contract_tests.mutants.generated.making import all_generated
from contract_tests.mutants.generated.recording import SeenExchange
from contract_tests.mutants.generated.scores import (
    Scores,
    all_lies,
    chosen,
    read_scores,
    write_scores,
)
from contract_tests.mutants.generated.scoring import changes
from contract_tests.tests.canned_service import CannedService

LEAST_SHARE = 0.97  # of the generated mutants that the reference does not allow
DONE = {"job": {"id": "7", "status": "SUCCESS", "credits": 0.8, "successInfo": {
    "runtime": "13", "images": [{"id": "a", "url": "http://h/a"}, {"id": "b", "url": "http://h/b"}],
}}}  # fmt: skip
LOOK = HttpCall("GET", "/v1/jobs/7")


def told(name, *bodies, call=LOOK, status=200):
    """Return what a mutant makes of answers to the same call."""
    handle = all_generated()[name].mutation.make()
    return [handle(call, CannedService(a_reply(status, body))) for body in bodies]


# The score.


def test_every_generated_mutant_is_scored():
    scores = read_scores()

    assert set(scores.noticed) | set(scores.missed) == set(all_lies())
    assert not set(scores.noticed) & set(scores.missed)


def test_nearly_all_generated_mutants_are_noticed(record_testsuite_property):
    scores = read_scores()

    record_testsuite_property("generated mutants noticed", f"{100 * scores.share:.1f} %")
    assert scores.share >= LEAST_SHARE
    assert all(scores.missed.values())


def test_a_score_is_read_as_it_was_written(tmp_path):
    first, second, third = list(all_lies())[:3]
    scores = Scores({first: "a.py::a", second: "a.py::a"}, {third: "no test sees what it changes"})

    write_scores(scores, tmp_path / "scores.json")

    assert read_scores(tmp_path / "scores.json") == scores
    assert read_scores(tmp_path / "none.json") == Scores()


def test_a_sample_depends_on_its_seed_alone():
    anything = re.compile(".*")

    assert chosen(anything, 50, 1) == chosen(anything, 50, 1) != chosen(anything, 50, 2)
    assert {made.operation for made in chosen(re.compile("tams:getModel:.*"), None, 0)} == {
        "getModel"
    }


# What the reference allows.


def test_each_thing_that_is_allowed_is_a_mutant_and_has_a_reason():
    allowed = {name: why for name in all_generated() if (why := why_allowed(name))}

    assert [pattern for pattern, why in ALLOWED if why not in allowed.values()] == []
    assert all(why.endswith(".") for why in allowed.values())


@pytest.mark.parametrize("name", [
    "tams:getJob:SUCCESS:job.successInfo.images[].id:drop",
    "tams:getJob:WAITING:job.waitingInfo.queueRank:retype",
    "tams:getJob:RUNNING:job.successInfo:stray",
    "tams:createJob:any:request.stages[].inputInitialize.seed:ignore",
    "workshop:querySession:success:data.expiredAt:thousandth",
    "workshop:queryToken:403:x-ca-error-code:drop",
    "workshop:createSession:success::of-another-account",
])  # fmt: skip
def test_a_lie_is_not_allowed(name):
    assert name in all_lies()


@pytest.mark.parametrize("name", [
    "tams:getJob:SUCCESS:job.successInfo.workflowFinishItem.progress:retype",
    "tams:getJob:WAITING:job.waitingInfo.queueRank:drop",
    "workshop:allocateToken:success:startTime:filled",
])  # fmt: skip
def test_what_the_reference_leaves_open_is_no_lie(name):
    assert name in all_generated()
    assert why_allowed(name)


# Mutations.


@pytest.mark.parametrize(("member", "change"), [
    ("successInfo.runtime:drop", lambda job: job["successInfo"].pop("runtime")),
    ("id:retype", lambda job: job.update(id=7)),
    ("credits:retype", lambda job: job.update(credits="0.8")),
    ("status:value=FAILED", lambda job: job.update(status="FAILED")),
    ("successInfo.images[].id:swap=url", lambda job: [
        image.update(id=image["url"], url=image["id"]) for image in job["successInfo"]["images"]
    ]),
    ("successInfo.images:short", lambda job: job["successInfo"]["images"].pop()),
    ("successInfo.runtime:thousandfold", lambda job: job["successInfo"].update(runtime="13000")),
    ("successInfo:rename", lambda job: job.update(success_info=job.pop("successInfo"))),
])  # fmt: skip
def test_a_member_is_changed_wherever_it_stands_and_nothing_else(member, change):
    expected = json.loads(json.dumps(DONE))
    change(expected["job"])

    (reply,) = told(f"tams:getJob:SUCCESS:job.{member}", DONE)

    assert reply.json == expected


def test_answers_in_another_state_are_not_changed():
    waiting = {"job": {"id": "7", "status": "WAITING"}}

    (reply,) = told("tams:getJob:SUCCESS:job.id:drop", waiting)

    assert reply.json == waiting


def test_a_stale_answer_is_the_one_before():
    later = {"job": {**DONE["job"], "credits": 1}}

    example, before = told("tams:getJob:SUCCESS::stale", DONE, later)

    assert example.json["job"]["id"] != DONE["job"]["id"]
    assert before.json == DONE


def test_an_answer_of_another_account_is_what_another_caller_got():
    handle = all_generated()["tams:getJob:SUCCESS::of-another-account"].mutation.make()
    other = {"job": {**DONE["job"], "id": "8"}}
    for token, body in (("one", other), ("two", DONE)):
        call = HttpCall("GET", "/v1/jobs/7", (("Authorization", f"Bearer {token}"),))
        reply = handle(call, CannedService(a_reply(200, body)))

    assert reply.json == other


def test_an_ignored_member_does_not_reach_the_service_in_either_spelling():
    handle = all_generated()["tams:createJob:any:request.notifyUrl:ignore"].mutation.make()
    for spelling in ("notifyUrl", "notify_url"):
        call = HttpCall("POST", "/v1/jobs").with_json({"requestId": "1", spelling: "http://h"})
        service = CannedService(a_reply(200, DONE))
        handle(call, service)
        assert service.calls[-1].json == {"requestId": "1"}


def test_a_mutant_that_changes_nothing_of_a_test_is_told_from_one_that_does():
    mutant = all_generated()["tams:getJob:SUCCESS:job.id:drop"]
    other = a_reply(200, {"job": {"id": "7", "status": "WAITING"}})

    assert changes(mutant, [SeenExchange(LOOK, a_reply(200, DONE))])
    assert not changes(mutant, [SeenExchange(LOOK, other)])


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


@given(VALUES, st.sampled_from(sorted(KINDS)))
def test_any_value_can_be_changed_in_any_way(value, kind):
    body = {"member": value}

    for spot in spots(body, "member"):
        KINDS[kind].change(spot)

    json.dumps(body)


@pytest.mark.parametrize(("name", "other"), [
    ("jobId", "job_id"), ("job_id", "jobId"), ("id", "Id"), ("hrResizeX", "hr_resize_x"),
])  # fmt: skip
def test_a_name_has_another_spelling(name, other):
    assert other_spelling(name) == other
