"""Prices and what is charged."""

from decimal import Decimal

import pytest

from contract_tests.clients.tams import a_request_id
from contract_tests.markers import leaves_traces, needs, source, spends
from contract_tests.tams.operations import FREE_BODIES, ORDERS, body_for, body_here
from contract_tests.tams.orders import MODEL, a_small_order, small_stages

SMALL = a_small_order()
PAIR = a_small_order(count=2, width=576)


@source("TAMS › 5.4", "TAMS › 10")
def test_the_estimate_is_a_number_above_nothing(tams, observe):
    price = tams.estimate(small_stages())

    assert price > 0
    observe("U34", "the price of one 512×512 picture with 10 steps", str(price))


@source("TAMS › 5.4")
def test_the_same_order_has_the_same_price(tams):
    assert len({tams.estimate(small_stages()) for _ in range(3)}) == 1


@source("TAMS › 10")
def test_more_pictures_never_cost_less(tams):
    prices = [tams.estimate(small_stages(count=count)) for count in (1, 2, 4)]

    assert prices == sorted(prices)


@source("TAMS › 10", "TAMS › 5")
@leaves_traces
@needs("balance")
@pytest.mark.parametrize("path", FREE_BODIES)
def test_only_generation_costs(tams, path):
    body = body_here(tams, path)
    before = tams.balance()

    tams.call("POST", path, json=body).expect(200)
    for read in (f"/v1/models/{MODEL}", "/v1/workflows/1", "/v1/jobs/1"):
        tams.call("GET", read)

    assert tams.balance() == before, "an estimate or another free call was charged"


@source("TAMS › 10", "TAMS › 7")
@spends(2)
@pytest.mark.parametrize("order", [SMALL, PAIR], ids=["one", "two"])
def test_the_job_names_the_estimate_as_its_price(recorded, order):
    job = recorded(order)

    assert Decimal(str(job.last["credits"])) == job.estimate
    for look in job.looks:
        assert Decimal(str(look.get("credits", job.estimate))) == job.estimate


@source("TAMS › 5.1", "TAMS › 10")
@spends(2)
def test_a_creation_that_names_a_price_names_the_estimate(recorded, observe):
    job = recorded(SMALL)

    named = job.created.get("credits")
    observe("U33", "the credits in the answer to a creation", named)
    assert named is None or Decimal(str(named)) == job.estimate, "another price than estimated"


@source("TAMS › 5.4", "TAMS › 10")
@spends(2)
@needs("balance")
@pytest.mark.parametrize("order", [SMALL, PAIR], ids=["one", "two"])
def test_a_job_that_succeeds_is_charged_what_was_estimated(recorded, observe, order):
    job = recorded(order)

    before, between, after = job.balances
    assert job.last["status"] == "SUCCESS"
    assert before - after == job.estimate, "the charge is not the estimate"
    observe("U33", "taken at creation, and until the end", [
        str(before - between), str(before - after),
    ])  # fmt: skip


@source("TAMS › 10", "TAMS › 5.2")
@spends(1)
@needs("balance")
def test_looking_at_a_finished_job_costs_nothing(recorded, tams):
    job, before = recorded(SMALL), tams.balance()

    tams.job(job.created["id"])

    assert tams.balance() == before, "a look was charged"


@source("TAMS › 4", "TAMS › 14")
@needs("accounts")
@spends(2)
@pytest.mark.parametrize("path", ORDERS)
def test_a_job_that_cannot_be_paid_is_refused(tams, target, observe, path):
    poor = tams.using(target.another_account(balance=0.1).tams.auth())
    body = body_for(poor, path)
    price = poor.price_of(body)

    answer = poor.call("POST", path, json=body)

    assert price > Decimal("0.1")
    assert 400 <= answer.status < 500, f"the status for too few credits is {answer.status}"
    assert answer.json["message"] == "Params Valid"
    assert "credits not enough" in answer.json["details"][0]["message"]
    observe("U12", "too few credits", [answer.status, answer.json])
    observe("U35", "credits too few after an estimate", answer.status)


@source("TAMS › 4", "TAMS › 10")
@needs("accounts")
@spends(2)
def test_what_can_just_be_paid_is_accepted(tams, target, observe):
    price = tams.estimate(SMALL["stages"])
    poor = tams.using(target.another_account(balance=float(price)).tams.auth())

    job = poor.submit_job(SMALL)

    assert job["status"] == "CREATED"
    second = poor.call("POST", "/v1/jobs", json={"requestId": a_request_id(), **SMALL})
    observe("U33", "a second job that only the credits of an open one could pay", second.status)
    poor.discard(job)
