"""What time did is written down in its order, and money follows it."""

from decimal import Decimal

import pytest

from mock_server.core.credits import Wallet
from mock_server.core.jobs.due import apply_due, end, input_problem, slots_of, wallet_of
from mock_server.core.jobs.job import Ending, Job, JobState
from mock_server.core.jobs.plans import PlannedFailure
from mock_server.core.jobs.queue import QueueState
from mock_server.stores.memory import MemoryStore
from mock_server.tests.makers import a_job, a_picture, a_plan, an_account, run

PRICE = Decimal("0.8")


def a_home(*records, held=None):
    """Return a home that keeps the records, with their prices held."""
    store = MemoryStore()
    jobs = [each for each in records if isinstance(each, Job)]
    held = sum((job.price for job in jobs), Decimal(0)) if held is None else held

    async def fill():
        async with store.transaction("ada") as tx:
            await tx.put(Wallet("ada", "ada", Decimal(1000), held=held))
            for record in records:
                await tx.put(record)

    run(fill())
    return store


def settled(store, now, slots=2):
    """Settle, and return the jobs that ended and the wallet."""

    async def do():
        async with store.transaction("ada") as tx:
            ended = await apply_due(tx, an_account(), slots, now)
            return ended, await wallet_of(tx, an_account())

    return run(do())


def job_in(store, id):
    async def get():
        async with store.view() as view:
            return await view.get(Job, id)

    return run(get())


def test_nothing_is_written_down_before_its_moment():
    store = a_home(a_job())

    assert settled(store, 114.999)[0] == []
    assert job_in(store, "1").ending is None


def test_a_job_that_succeeded_is_charged():
    store = a_home(a_job())
    ended, wallet = settled(store, 115.0)

    assert [job.ending for job in ended] == [Ending(115.0, JobState.SUCCEEDED)]
    assert job_in(store, "1") == ended[0]
    assert (wallet.charged, wallet.held, wallet.balance) == (PRICE, 0, 1000 - PRICE)


def test_a_job_that_failed_costs_nothing():
    store = a_home(a_job(plan=a_plan(failure=PlannedFailure(0.5, "tired"))))
    ended, wallet = settled(store, 500.0)

    assert [job.ending for job in ended] == [Ending(110.0, JobState.FAILED, "tired")]
    assert (wallet.charged, wallet.held, wallet.balance) == (0, 0, 1000)


def test_settling_twice_changes_nothing():
    store = a_home(a_job())
    _, wallet = settled(store, 500.0)

    assert settled(store, 500.0) == ([], wallet)


def test_what_ended_is_told_in_the_order_of_its_endings():
    store = a_home(
        a_picture(),
        a_job(id="1", starts_at=110.0, waits_for=("picture",), plan=a_plan(stages=(2.0,))),
        a_job(id="2", serial=2, starts_at=105.0, plan=a_plan(stages=(6.0,))),
        a_job(id="3", serial=3, starts_at=105.0, plan=a_plan(stages=(8.0,))),
    )

    ended, _ = settled(store, 500.0)

    assert [(job.id, job.ended_at) for job in ended] == [("2", 111.0), ("1", 112.0), ("3", 113.0)]


def test_a_job_whose_picture_is_there_when_it_starts_goes_on():
    store = a_home(a_picture(), a_job(waits_for=("picture",)))

    assert settled(store, 105.0)[0] == []
    assert job_in(store, "1").waits_for == ()
    assert job_in(store, "1").due_at == 115.0
    assert settled(store, 115.0)[0][0].ending.state is JobState.SUCCEEDED


@pytest.mark.parametrize(
    ("picture", "problem"),
    [
        (None, "was never uploaded"),
        (a_picture(uploaded_at=None), "was never uploaded"),
        (a_picture(uploaded_at=105.1), "was never uploaded"),
        (a_picture(account="bob"), "was never uploaded"),
        (a_picture(keep_until=105.0), "was kept no longer"),
        (a_picture(format=""), "is not an image that can be read"),
        (a_picture(uploaded_at=105.0), ""),
        (a_picture(keep_until=105.1), ""),
    ],
)
def test_pictures_are_looked_at_when_the_job_starts(picture, problem):
    job = a_job(waits_for=("picture",))
    store = a_home(job, *([picture] if picture else []))

    async def ask():
        async with store.transaction("ada") as tx:
            return await input_problem(tx, job, job.starts_at)

    found = run(ask())
    ended, wallet = settled(store, 1000.0)

    assert found == (f"input image picture {problem}" if problem else "")
    if problem:
        assert ended[0].ending == Ending(105.0, JobState.FAILED, found)
        assert (wallet.charged, wallet.held) == (0, 0)
    else:
        assert ended[0].ending == Ending(115.0, JobState.SUCCEEDED)


def test_those_behind_move_up_when_a_job_fails_at_its_start():
    behind = a_job(id="2", serial=2, starts_at=115.0)
    last = a_job(id="3", serial=3, starts_at=125.0)
    line = QueueState("ada", "ada", 3, free_at=(135.0,), starts=((105.0, 115.0, 125.0),))
    store = a_home(line, a_job(waits_for=("picture",)), behind, last)

    ended, wallet = settled(store, 1000.0, slots=1)

    assert [(job.id, job.ended_at) for job in ended] == [("1", 105.0), ("2", 115.0), ("3", 125.0)]
    assert wallet.charged == 2 * PRICE


def test_what_is_seen_does_not_depend_on_how_often_somebody_looked():
    def a_busy_home():
        return a_home(
            a_picture(uploaded_at=110.0),
            a_job(id="1", waits_for=("picture",)),
            a_job(id="2", serial=2, starts_at=115.0, waits_for=("picture",)),
            a_job(
                id="3", serial=3, starts_at=125.0, plan=a_plan(failure=PlannedFailure(0.5, "tired"))
            ),
            a_job(id="4", serial=4, starts_at=135.0, waits_for=("nothing",)),
        )

    seldom, often = a_busy_home(), a_busy_home()
    once, wallet = settled(seldom, 1000.0, slots=1)
    bit_by_bit = [job for now in range(100, 200) for job in settled(often, float(now), slots=1)[0]]

    assert bit_by_bit == once
    assert settled(often, 1000.0, slots=1) == ([], wallet)


def test_an_ending_moves_the_money_of_that_job_alone():
    job = a_job()
    store = a_home(job, held=Decimal(5))

    async def cancel():
        async with store.transaction("ada") as tx:
            await end(tx, an_account(), job, Ending(101.0, JobState.CANCELED))
            return await wallet_of(tx, an_account())

    assert run(cancel()).held == 5 - PRICE


@pytest.mark.parametrize(("wished", "slots"), [(None, 2), (1, 1), (7, 7)])
def test_an_account_has_the_servers_slots_unless_it_has_its_own(wished, slots):
    assert slots_of(an_account(slots=wished), 2) == slots
