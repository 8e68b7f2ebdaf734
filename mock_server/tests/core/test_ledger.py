"""The ledger names every line that made the balance."""

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from mock_server.core.credits import ZERO, Entry, TopUp, Wallet
from mock_server.core.jobs.job import Ending, JobState
from mock_server.core.ledger import entries
from mock_server.tests.makers import a_job

states = st.sampled_from([None, JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELED])
amounts = st.decimals("0.1", 50, places=1)


def a_wallet(**sums):
    return Wallet("ada", "ada", Decimal(100), **sums)


def an_ending(state, at=115.0):
    return None if state is None else Ending(at, state)


def lines(wallet, jobs=(), top_ups=()):
    return [(line.kind, line.amount) for line in entries(wallet, jobs, top_ups)]


def test_a_new_account_has_its_opening_balance():
    assert entries(a_wallet(), [], []) == [Entry(0.0, "opening", Decimal(100))]


def test_a_job_that_goes_on_holds_its_price():
    price = Decimal("0.8")

    assert lines(a_wallet(held=price), [a_job()]) == [("opening", 100), ("hold", -price)]


def test_a_charge_makes_the_hold_final_without_taking_twice():
    job = a_job(ending=an_ending(JobState.SUCCEEDED))
    wallet = a_wallet(charged=job.price)

    assert lines(wallet, [job])[1:] == [("hold", -job.price), ("charge", ZERO)]


def test_failed_and_cancelled_jobs_get_their_hold_back():
    for state in (JobState.FAILED, JobState.CANCELED):
        job = a_job(ending=an_ending(state))
        assert lines(a_wallet(), [job])[1:] == [("hold", -job.price), ("release", job.price)]


def test_a_job_that_costs_nothing_has_no_lines():
    jobs = [a_job(price=ZERO, ending=an_ending(state)) for state in (None, *JobState)]

    assert lines(a_wallet(), jobs) == [("opening", 100)]


def test_lines_are_in_the_order_of_their_moments_and_name_their_jobs():
    one = a_job(id="1", submitted_at=100.0, ending=an_ending(JobState.CANCELED, 130.0))
    two = a_job(id="2", submitted_at=110.0, ending=an_ending(JobState.SUCCEEDED, 120.0))
    top_up = TopUp("ada/1", "ada", 115.0, Decimal(5), "birthday")
    wallet = a_wallet(charged=two.price, topped_up=Decimal(5))

    found = entries(wallet, [one, two], [top_up])

    assert [(line.at, line.kind, line.job, line.note) for line in found] == [
        (100.0, "opening", "", ""),
        (100.0, "hold", "1", ""),
        (110.0, "hold", "2", ""),
        (115.0, "top-up", "", "birthday"),
        (120.0, "charge", "2", ""),
        (130.0, "release", "1", ""),
    ]


def test_what_forgotten_jobs_cost_is_carried():
    wallet = a_wallet(charged=Decimal(7))

    assert lines(wallet) == [("opening", 100), ("carried", -7)]


@given(
    st.lists(st.tuples(amounts, states), max_size=10),
    st.lists(amounts | amounts.map(lambda amount: -amount), max_size=5),
    amounts,
)
def test_the_lines_add_up_to_the_balance(ordered, changes, forgotten):
    jobs = [
        a_job(id=str(index), price=price, ending=an_ending(state))
        for index, (price, state) in enumerate(ordered)
    ]
    top_ups = [TopUp(str(index), "ada", 1.0, each, "") for index, each in enumerate(changes)]
    wallet = a_wallet(
        held=sum((price for price, state in ordered if state is None), ZERO),
        charged=sum((price for price, state in ordered if state is JobState.SUCCEEDED), forgotten),
        topped_up=sum(changes, ZERO),
    )

    assert sum(amount for _, amount in lines(wallet, jobs, top_ups)) == wallet.balance
