"""Repeated requests and the request id."""

import pytest

from contract_tests.clients.tams import a_request_id, the_job
from contract_tests.clients.tams_answers import expect, expect_whole
from contract_tests.markers import needs, observes, source, spends
from contract_tests.tams.graphs import a_graph
from contract_tests.tams.job_rules import expect_forward, expect_same_end
from contract_tests.tams.operations import ORDERS, body_here
from contract_tests.tams.orders import a_small_order, small_stages
from contract_tests.tams.refusals import is_refused, refused
from contract_tests.tams.shared_jobs import FIRST_PAUSE

FIRST, NEW, REFUSED = "the first job", "a new job", "refused"


def repeated(tams, path, order, job):
    """Send the order of a job again, and return which of the answers of U13 it gets.

    A new job is cancelled.
    """
    reservation = tams.reserve(tams.price_of(order))
    answer = tams.call("POST", path, json=order, reservation=reservation)
    if is_refused(answer):
        refused(answer)
        return REFUSED
    again = the_job(answer)
    expect_whole(again)
    if again["id"] == job["id"]:
        expect_forward([job, again])
        return FIRST
    expect(again["status"] == "CREATED", f"a new job is {again['status']}")
    tams.discard(again)
    return NEW


@source("TAMS › 5.1", "TAMS › 5.5", "TAMS › 5.9", "TAMS › 3.3")
@spends(3)
@pytest.mark.parametrize("path", ORDERS)
def test_the_same_request_twice_gets_the_job_another_or_none(tams, observe, path):
    order = body_here(tams, path)
    job = tams.submit(order)

    observe("U13", f"the same request to {path} at once", repeated(tams, path, order, job))

    tams.discard(job)


@source("TAMS › 5.1", "TAMS › 3.3", "TAMS › 14")
@spends(2)
@pytest.mark.parametrize(
    "hours", [0, pytest.param(1, marks=needs("clock")), pytest.param(23, marks=needs("clock"))]
)
def test_the_same_request_after_the_end_restarts_nothing(tams, clock, observe, hours):
    order = {"requestId": a_request_id(), **a_small_order()}
    job = tams.wait_for(tams.submit_job(order), "SUCCESS")
    clock.let_pass(hours * 3600)

    kind = repeated(tams, "/v1/jobs", order, job)

    observe("U15", f"the same request {hours} hours after the end", kind)
    expect_same_end(job, tams.job(job["id"]))


@source("TAMS › 5.1", "TAMS › 10")
@needs("balance")
@spends(2)
def test_the_same_request_twice_is_charged_once(tams, clock):
    order = {"requestId": a_request_id(), **a_small_order()}
    price, before = tams.estimate(order["stages"]), tams.balance()
    job = tams.submit_job(order)

    repeated(tams, "/v1/jobs", order, job)
    waiting = tams.wait_for(job, "WAITING", "RUNNING", "SUCCESS", every=FIRST_PAUSE)
    repeated(tams, "/v1/jobs", order, waiting)
    tams.wait_for(job, "SUCCESS")
    clock.let_pass(60)

    assert before - tams.balance() == price, "a repeated request was charged"


@source("TAMS › 5.1", "TAMS › 14")
@spends(2)
def test_another_body_with_a_used_request_id_changes_nothing_about_the_first(tams, observe):
    order = {"requestId": a_request_id(), **a_small_order()}
    job = tams.submit_job(order)

    kind = repeated(tams, "/v1/jobs", {**order, "stages": small_stages(steps=11)}, job)

    observe("U14", "a used request id with another body", kind)
    expect_forward([job, tams.job(job["id"])])
    tams.discard(job)


@source("TAMS › 5.1", "TAMS › 5.5", "TAMS › 14")
@spends(2)
def test_a_request_id_used_at_another_operation_changes_nothing_about_the_first(tams, observe):
    order = {"requestId": a_request_id(), **a_small_order()}
    job = tams.submit_job(order)
    graph = {"requestId": order["requestId"], "params": a_graph()}

    observe("U15", "another operation", repeated(tams, "/v1/jobs/workflow", graph, job))

    expect_forward([job, tams.job(job["id"])])
    tams.discard(job)


@source("TAMS › 5.1", "TAMS › 14")
@spends(2)
def test_a_cancelled_request_that_comes_again_does_not_restart_its_job(tams, observe):
    order = {"requestId": a_request_id(), **a_small_order()}
    job = tams.submit_job(order)
    tams.cancel(job)

    kind = repeated(tams, "/v1/jobs", order, job)

    observe("U13", "the same request after its job was cancelled", kind)
    assert tams.job(job["id"])["status"] == "CANCELED"


@source("TAMS › 5.1", "TAMS › 14")
@observes
@spends(1)
@pytest.mark.parametrize("request_id", [{}, {"requestId": ""}], ids=["missing", "empty"])
def test_a_job_without_a_request_id_is_observed(tams, observe, request_id):
    answer = tams.call("POST", "/v1/jobs", json={**request_id, **a_small_order()})

    assert answer.status < 500
    observe("U16", f"a job with {request_id or 'no request id'}", answer.status)
    if answer.status == 200:
        tams.discard(answer.json["job"])


@source("TAMS › 2", "TAMS › 5.1")
@spends(3)
def test_the_request_id_is_known_by_either_spelling(tams):
    request_id = a_request_id()
    job = tams.submit_job({"requestId": request_id, **a_small_order()})

    kinds = [
        repeated(tams, "/v1/jobs", {name: request_id, **a_small_order()}, job)
        for name in ("requestId", "request_id")
    ]

    # Another spelling may count as another body (U14).
    assert kinds[1] in (kinds[0], REFUSED), f"the spellings of the request id get {kinds}"
    tams.discard(job)
