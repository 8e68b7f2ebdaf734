"""Repeated requests and the request id."""

import pytest

from contract_tests.answers import Unmet
from contract_tests.clients.tams import a_request_id
from contract_tests.markers import needs, observes, source, spends
from contract_tests.tams.graphs import a_graph
from contract_tests.tams.orders import a_small_order, small_stages


def _job_of(answer):
    """Return the job of an answer, None for a refusal; raises `Unmet` for other answers."""
    if answer.status == 200:
        return answer.json["job"]
    if not 400 <= answer.status < 500:
        raise Unmet(f"a request id that was used before got {answer.status}: {answer.excerpt()}")
    return None


def _put_away(tams, *jobs):
    for job in jobs:
        if job is not None:
            tams.call("DELETE", f"/v1/jobs/{job['id']}")


@source("TAMS › 5.1", "TAMS › 3.3")
@spends(2)
def test_the_same_request_twice_makes_no_second_job(tams, observe):
    order = {"requestId": a_request_id(), **a_small_order()}
    job = tams.submit_job(order)

    answer = tams.call("POST", "/v1/jobs", json=order)

    again = _job_of(answer)
    _put_away(tams, job, again)
    observe("U13", "the same request at once", [answer.status, answer.json])
    assert again is None or again["id"] == job["id"], "the repeated request made another job"


@source("TAMS › 5.1", "TAMS › 3.3")
@spends(2)
def test_the_same_request_after_the_end_makes_no_second_job(tams, observe):
    order = {"requestId": a_request_id(), **a_small_order()}
    job = tams.wait_for(tams.submit_job(order), "SUCCESS")

    answer = tams.call("POST", "/v1/jobs", json=order)

    again = _job_of(answer)
    if again is not None and again["id"] != job["id"]:
        _put_away(tams, again)
    observe("U13", "the same request after the end", [answer.status, (again or {}).get("status")])
    assert again is None or again["id"] == job["id"], "the repeated request made another job"


@source("TAMS › 5.1", "TAMS › 10")
@needs("balance")
@spends(2)
def test_the_same_request_twice_is_charged_once(tams):
    order = {"requestId": a_request_id(), **a_small_order()}
    price, before = tams.estimate(order["stages"]), tams.balance()
    job = tams.submit_job(order)

    again = _job_of(tams.call("POST", "/v1/jobs", json=order))
    for made in (job, again or job):
        tams.wait_for(made, "SUCCESS")

    assert before - tams.balance() == price, "a repeated request was charged"


@source("TAMS › 5.1", "TAMS › 14")
@observes
@spends(2)
def test_another_body_with_a_used_request_id_is_observed(tams, observe):
    request_id = a_request_id()
    job = tams.submit_job({"requestId": request_id, **a_small_order()})

    other = {"requestId": request_id, "stages": small_stages(steps=11)}
    answer = tams.call("POST", "/v1/jobs", json=other)

    again = _job_of(answer)
    _put_away(tams, job, again)
    kind = "refused" if again is None else "the first job" if again["id"] == job["id"] else "new"
    observe("U14", "a used request id with another body", [answer.status, kind])


@source("TAMS › 5.1", "TAMS › 5.5", "TAMS › 14")
@observes
@spends(2)
def test_a_request_id_used_at_another_operation_is_observed(tams, observe):
    request_id = a_request_id()
    job = tams.submit_job({"requestId": request_id, **a_small_order()})

    body = {"requestId": request_id, "params": a_graph()}
    answer = tams.call("POST", "/v1/jobs/workflow", json=body)

    again = _job_of(answer)
    _put_away(tams, job, again)
    kind = "refused" if again is None else "the first job" if again["id"] == job["id"] else "new"
    observe("U15", "a request id used at another operation", [answer.status, kind])


@source("TAMS › 5.1", "TAMS › 14")
@spends(2)
def test_a_cancelled_request_that_comes_again_does_not_restart_its_job(tams, observe):
    order = {"requestId": a_request_id(), **a_small_order()}
    job = tams.submit_job(order)
    tams.cancel(job)

    answer = tams.call("POST", "/v1/jobs", json=order)

    again = _job_of(answer)
    observe("U13", "the same request after its job was cancelled", [answer.status, answer.json])
    if again is not None and again["id"] != job["id"]:
        _put_away(tams, again)
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
        tams.cancel(answer.json["job"])


@source("TAMS › 2", "TAMS › 5.1")
@spends(2)
def test_the_request_id_is_known_by_either_spelling(tams, observe):
    request_id = a_request_id()
    job = tams.submit_job({"requestId": request_id, **a_small_order()})

    answer = tams.call("POST", "/v1/jobs", json={"request_id": request_id, **a_small_order()})

    again = _job_of(answer)
    _put_away(tams, job, again)
    observe("U13", "the same request in the other spelling", answer.status)
    assert again is None or again["id"] == job["id"], "the repeated request made another job"
