"""A job from its creation to its end, as polls show it."""

import pytest

from contract_tests.answers import expect_one_of
from contract_tests.clients.tams import STATES, TERMINAL
from contract_tests.markers import needs, observes, source, spends
from contract_tests.tams.orders import a_small_order

ORDER_OF_STATES = {state: place for place, state in enumerate(STATES[:4])}
INFOS = {"WAITING": "waitingInfo", "RUNNING": "runningInfo", "SUCCESS": "successInfo"}
PAIR = a_small_order(count=2, width=576)
SMALL = a_small_order()


def _infos(job, name):
    """Return the infos of a job; skips the test if it was never seen in their state."""
    return job.infos(name) or pytest.skip(f"no look at the job had {name}")


@source("TAMS › 5.1", "TAMS › 7")
@spends(2)
def test_a_job_is_created_when_its_creation_is_answered(recorded):
    created = recorded(PAIR).created

    assert created["status"] == "CREATED"
    assert created["id"].isdecimal()


@source("TAMS › 5.2", "TAMS › 7")
@spends(2)
def test_only_documented_states_are_seen(recorded, observe):
    job = recorded(PAIR)

    for state in job.states:
        expect_one_of(state, STATES, "a state of the job")
    assert job.states[-1] in TERMINAL
    observe("U27", "the states that were seen", list(dict.fromkeys(job.states)))
    observe("U29", "PENDING was shown", "PENDING" in job.states)


@source("TAMS › 7")
@spends(2)
def test_a_job_only_moves_forward(recorded):
    seen = recorded(PAIR).states

    places = [ORDER_OF_STATES.get(state, len(STATES)) for state in seen]
    assert places == sorted(places), f"the order of states runs back: {seen}"


@source("TAMS › 7")
@spends(2)
def test_each_look_is_at_the_job_that_was_asked_for(recorded, tams):
    first, second = recorded(PAIR), recorded(SMALL)

    for job in (first, second):
        assert {look["id"] for look in job.looks} == {job.created["id"]}
    for job in (first, second, first):
        assert tams.job(job.created["id"])["id"] == job.created["id"]


@source("TAMS › 7")
@spends(2)
def test_a_state_brings_its_info_along(recorded):
    for look in recorded(PAIR).looks:
        name = INFOS.get(look["status"])
        assert name is None or isinstance(look[name], dict)


@source("TAMS › 7")
@spends(2)
def test_progress_never_runs_back(recorded):
    infos = _infos(recorded(PAIR), "runningInfo")
    progress = [
        [image.get("progress", 0) for image in info.get("processingImages") or []] for info in infos
    ]

    sums = [sum(each) for each in progress]
    assert all(0 <= one <= 100 for each in progress for one in each)
    assert sums == sorted(sums), f"progress runs back: {progress}"


@source("TAMS › 7")
@spends(2)
def test_the_rank_in_the_queue_never_rises(recorded, observe):
    infos = _infos(recorded(PAIR), "waitingInfo")

    ranks = [int(info.get("queueRank", 0)) for info in infos]
    assert ranks == sorted(ranks, reverse=True), f"the queue rank rises: {ranks}"
    observe("U28", "the ranks that were seen", [info.get("queueRank") for info in infos])


@source("TAMS › 7")
@spends(2)
def test_the_queue_is_as_long_as_the_rank_at_least(recorded):
    for info in _infos(recorded(PAIR), "waitingInfo"):
        rank = int(info.get("queueRank", 0))
        assert rank <= int(info.get("queueLen", rank)), "the rank is beyond the queue"


@source("TAMS › 7", "TAMS › 5.2")
@spends(2)
def test_a_finished_job_stays_finished(recorded, tams, clock):
    job = recorded(PAIR)

    for pause in (0, 2, 5):
        clock.let_pass(pause)
        status = tams.job(job.created["id"])["status"]
        assert status == job.last["status"], "a finished job stays as it is"


@source("TAMS › 7")
@observes
@spends(2)
def test_a_running_job_may_show_what_it_works_at(recorded, observe):
    job = recorded(PAIR)

    infos = _infos(job, "runningInfo")
    members = sorted({name for info in infos for name in info})
    observe("U55", "stages in runningInfo", "stages" in members)
    shown = [image for info in infos for image in info.get("processingImages") or []]
    observe("U53", "members of pictures in the making", sorted({n for i in shown for n in i}))
    observe("U53", "members of a job when it is created", sorted(job.created))
    assert all(isinstance(info, dict) for info in infos)


@source("TAMS › 5.2", "TAMS › 4")
def test_an_unknown_job_is_not_found(tams):
    body = tams.call("GET", "/v1/jobs/1").expect(404)

    assert "job not found" in body["message"]


@source("TAMS › 5.2", "TAMS › 14")
@needs("accounts")
@spends(1)
def test_the_job_of_another_account_is_not_shown(tams, target, recorded, observe):
    job = recorded(SMALL)
    stranger = tams.using(target.another_account().tams.auth())

    answer = stranger.call("GET", f"/v1/jobs/{job.created['id']}")

    answer.expect_status(403, 404)
    observe("U9", "a look at another app's job", [answer.status, answer.json])
