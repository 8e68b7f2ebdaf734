"""A refused call changes nothing for any caller: no job, no charge, no used request id."""

from contextlib import contextmanager
from typing import Any

import pytest

from contract_tests.answers import expect_one_of
from contract_tests.clients.tams import the_job
from contract_tests.clients.tams_answers import expect
from contract_tests.markers import needs, source, spends
from contract_tests.tams.job_rules import expect_same_end
from contract_tests.tams.operations import ORDERS, body_for
from contract_tests.tams.orders import a_small_order, small_stages
from contract_tests.tams.refusals import is_refused, refused
from contract_tests.tams.shared_jobs import A_LULL
from contract_tests.tams.wrong_credentials import REFUSED, refuse_all, wrong_credentials

LONG_ENOUGH = 60  # seconds after which a job that was made would be over


@contextmanager
def nothing_changed(tams, target, clock):
    """Raise `Unmet` if the balance has changed once a job that was made would be over."""
    if not target.has("balance"):
        yield
        return
    before = tams.balance()
    yield
    clock.let_pass(LONG_ENOUGH)
    after = tams.balance()
    expect(after == before, f"a refused call changed the balance from {before} to {after}")


@source("TAMS › 3.2", "TAMS › 3.4", "TAMS › 5.1", "TAMS › 10")
@spends(2)
@pytest.mark.parametrize("path", ORDERS)
def test_a_creation_with_wrong_credentials_makes_nothing(tams, target, clock, path):
    body = body_for(tams, path)

    with nothing_changed(tams, target, clock):
        refuse_all(tams, target, "POST", path, json=body)

    # The request id is free: the next job that has it is the one of its own order.
    order = {"requestId": body["requestId"], "stages": small_stages(steps=15)}
    expect_own_job(tams, order)


def expect_own_job(tams, order):
    """Raise `Unmet` unless an order makes a job at its own price; the job is cancelled."""
    price = tams.estimate(order["stages"])
    answer = tams.call("POST", "/v1/jobs", json=order, reservation=tams.reserve(price))
    job = the_job(answer)
    named = tams.job(job["id"])
    tams.discard(job)
    expect(job["status"] == "CREATED", f"a new job is {job['status']}: the request id was used")
    named = named.get("credits", price)
    expect(float(named) == float(price), f"the job costs {named}, not its own price {price}")


@source("TAMS › 3.2", "TAMS › 3.4", "TAMS › 5.3")
@spends(2)
def test_a_job_is_neither_shown_nor_cancelled_with_wrong_credentials(tams, target, clock):
    for name, auth in wrong_credentials(target).items():
        clock.pause(A_LULL)  # the cancel must come while the job can be cancelled
        job = tams.submit_job(a_small_order())
        for method in ("DELETE", "GET"):
            answer = tams.call(method, f"/v1/jobs/{job['id']}", auth=auth)
            expect_one_of(answer.status, REFUSED, f"the status with {name}")
        assert tams.job(job["id"])["status"] != "CANCELED", "a refused cancel is carried out"
        tams.discard(job)


@source("TAMS › 5.1", "TAMS › 4")
@spends(3)
@pytest.mark.parametrize("what", ["stages", "count", "graph", "template"])
def test_a_refused_order_leaves_its_request_id_free(tams, target, clock, what):
    body = body_for(tams, "/v1/jobs")
    orders: dict[str, tuple[str, dict[str, Any]]] = {
        "stages": ("/v1/jobs", {"stages": [{"type": "NO_SUCH_STAGE"}]}),
        "count": ("/v1/jobs", {"stages": small_stages(count=5)}),
        "graph": ("/v1/jobs/workflow", {"params": {}}),
        "template": ("/v1/jobs/workflow/template", {"templateId": "1", "fields": {}}),
    }
    path, wrong = orders[what]

    with nothing_changed(tams, target, clock):
        answer = tams.call("POST", path, json={"requestId": body["requestId"], **wrong})
        if not is_refused(answer):
            tams.discard(answer.expect(200)["job"])
            pytest.skip("this host accepts the order")
        refused(answer)

    expect_own_job(tams, body)


@source("TAMS › 5.4", "TAMS › 5.6", "TAMS › 3.3")
@spends(1)
def test_asking_for_a_price_leaves_the_request_id_free(tams):
    # The official demos send one request id with the price call and with the job.
    body = body_for(tams, "/v1/jobs")
    checked = {
        "requestId": body["requestId"],
        "params": body_for(tams, "/v1/jobs/workflow")["params"],
    }

    tams.call("POST", "/v1/jobs/credits", json={**body, "stages": small_stages(steps=15)}).expect(
        200
    )
    tams.call("POST", "/v1/jobs/workflow/params/check", json=checked).expect(200)

    expect_own_job(tams, body)


@source("TAMS › 5.1", "TAMS › 14")
@needs("accounts", "balance")
@spends(1)
def test_a_neighbours_jobs_are_no_business_of_this_account(tams, target, clock):
    body = body_for(tams, "/v1/jobs")
    neighbour = tams.using(target.another_account().tams.auth())

    with nothing_changed(tams, target, clock):
        theirs = neighbour.submit_job({**body, "stages": small_stages(steps=15)})

    assert theirs["status"] == "CREATED"
    own = the_job(tams.call("POST", "/v1/jobs", json=body))
    assert own["id"] != theirs["id"], "one app got the job of another by its request id"
    tams.discard(own)
    for answer in (
        tams.call("GET", f"/v1/jobs/{theirs['id']}"),
        neighbour.call("GET", f"/v1/jobs/{own['id']}"),
        neighbour.call("DELETE", f"/v1/jobs/{own['id']}"),
    ):
        answer.expect_status(403, 404)
    neighbour.discard(theirs)


@source("TAMS › 5.3", "TAMS › 10")
@needs("balance")
@spends(1)
def test_a_second_cancel_gives_nothing_back(tams, target, clock):
    with nothing_changed(tams, target, clock):
        job = tams.submit_job(a_small_order())
        tams.cancel(job)
        ended = tams.job(job["id"])
        for _ in range(2):
            assert tams.call("DELETE", f"/v1/jobs/{job['id']}").status < 500

    expect_same_end(ended, tams.job(job["id"]))


@source("TAMS › 5.2", "TAMS › 5.4", "TAMS › 10")
@spends(2)
@needs("balance")
def test_a_cancel_after_the_end_gives_nothing_back(tams, target, clock, recorded):
    job = recorded(a_small_order())

    with nothing_changed(tams, target, clock):
        assert tams.call("DELETE", f"/v1/jobs/{job.created['id']}").status < 500
