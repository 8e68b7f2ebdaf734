"""Cancelling a job, in each state and more than once."""

import pytest

from contract_tests.clients.tams_answers import expect_whole
from contract_tests.markers import needs, observes, source, spends
from contract_tests.tams.job_rules import expect_forward, expect_same_end
from contract_tests.tams.orders import a_small_order
from contract_tests.tams.shared_jobs import A_LULL

LONGER = a_small_order(count=2, steps=20)


def _caught(tams, clock, order, state):
    """Return a new job once it shows a state; skip the test if it never does."""
    clock.pause(A_LULL)
    for look in tams.watch(tams.submit_job(order), every=0.2, slower=1.1):
        if look["status"] == state:
            return look
    pytest.skip(f"the job was over before it was seen {state}")


@source("TAMS › 5.3", "TAMS › 7")
@spends(1)
def test_cancelling_at_once_ends_a_job_and_it_stays_so(tams, clock, observe):
    job = tams.submit_job(a_small_order())

    answer = tams.cancel(job)

    assert answer.json["jobId"] == job["id"]
    for pause in (0, 1, 10, 60):
        clock.let_pass(pause)
        ended = tams.job(job["id"])
        assert ended["status"] == "CANCELED"
        expect_whole(ended)
        expect_forward([job, ended])
    observe("U33", "the credits member of a cancelled job", ended.get("credits"))


@source("TAMS › 5.3", "TAMS › 7")
@spends(1)
def test_a_waiting_job_can_be_cancelled(tams, clock, observe):
    job = _caught(tams, clock, a_small_order(), "WAITING")

    answer = tams.call("DELETE", f"/v1/jobs/{job['id']}")

    observe("U30", "cancelling a waiting job", answer.status)
    # The job may start to run before the call; that case is not documented.
    ended = tams.wait_for(job)
    expect_whole(ended)
    expect_forward([job, ended])
    if answer.status == 200:
        assert answer.json["jobId"] == job["id"]


@source("TAMS › 5.3", "TAMS › 7", "TAMS › 14")
@spends(2)
def test_cancelling_a_running_job_leads_to_an_end(tams, clock, observe):
    job = _caught(tams, clock, LONGER, "RUNNING")

    answer = tams.call("DELETE", f"/v1/jobs/{job['id']}")
    ended = tams.wait_for(job)

    assert answer.status < 500
    expect_whole(ended)
    expect_forward([job, ended])
    observe("U30", "cancelling a running job", [answer.status, ended["status"]])
    observe("U33", "credits of a job cancelled while it ran", ended.get("credits"))


@source("TAMS › 5.3", "TAMS › 14")
@spends(1)
def test_cancelling_twice_leaves_the_job_cancelled(tams, observe):
    job = tams.submit_job(a_small_order())
    tams.cancel(job)

    again = tams.call("DELETE", f"/v1/jobs/{job['id']}")

    assert again.status < 500
    observe("U31", "cancelling a cancelled job", [again.status, again.json])
    assert tams.job(job["id"])["status"] == "CANCELED"


@source("TAMS › 5.3", "TAMS › 7")
@spends(2)
def test_cancelling_a_finished_job_does_not_change_it(tams, recorded, observe):
    job = recorded(a_small_order())

    answer = tams.call("DELETE", f"/v1/jobs/{job.created['id']}")

    assert answer.status < 500
    observe("U31", "cancelling a finished job", [answer.status, answer.json])
    expect_same_end(job.last, tams.job(job.created["id"]))


@source("TAMS › 5.3")
@observes
def test_cancelling_an_unknown_job_is_observed(tams, observe):
    answer = tams.call("DELETE", "/v1/jobs/1")

    assert answer.status < 500
    observe("U32", "cancelling an unknown job", [answer.status, answer.json])


@source("TAMS › 5.3", "TAMS › 14")
@needs("accounts")
@spends(1)
def test_another_account_cannot_cancel_a_job(tams, target, observe):
    job = tams.submit_job(a_small_order())
    stranger = tams.using(target.another_account().tams.auth())

    answer = stranger.call("DELETE", f"/v1/jobs/{job['id']}")

    answer.expect_status(403, 404)
    observe("U9", "cancelling another app's job", [answer.status, answer.json])
    assert tams.job(job["id"])["status"] != "CANCELED"
    tams.discard(job)


@source("TAMS › 10", "TAMS › 5.3")
@needs("balance")
@spends(1)
def test_a_job_cancelled_at_once_costs_nothing(tams, clock):
    before = tams.balance()
    job = tams.submit_job(a_small_order())

    tams.cancel(job)
    clock.let_pass(5)

    assert tams.job(job["id"])["status"] == "CANCELED"
    assert tams.balance() == before, "a cancelled job was charged"
