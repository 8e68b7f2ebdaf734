"""What time did is written down in its order, and money follows it."""

from decimal import Decimal

import pytest
from msgspec.structs import replace

from mock_server.core.credits import Wallet
from mock_server.core.jobs.due import end, input_problem
from mock_server.core.jobs.job import Ending, Job, JobState
from mock_server.core.jobs.plans import PlannedFailure
from mock_server.core.jobs.queue import QueuePlace, QueueState
from mock_server.tests.makers import Bench, a_job, a_picture, a_plan, an_account

ADA = an_account()
PRICE = Decimal("0.8")


def a_bench(*records, held=None, slots=2):
    """Return a bench whose store has the records, with the prices of jobs held."""
    bench = Bench(slots=slots)
    jobs = [each for each in records if isinstance(each, Job)]
    held = sum((job.price for job in jobs), Decimal(0)) if held is None else held
    bench.put(ADA, Wallet("ada", "ada", Decimal(1000), held=held), *records)
    return bench


def applied(bench, now):
    """Apply what is due; return the jobs that ended on the way, and the wallet."""
    world = bench.world(ADA, now)
    ended = [event.id for event in world.events if JobState(event.state).final]
    return [bench.get(Job, id) for id in ended], bench.wallet(ADA, now)


def test_nothing_is_written_down_before_its_moment():
    bench = a_bench(a_job())

    assert applied(bench, 114.999)[0] == []
    assert bench.get(Job, "1").ending is None


def test_a_job_that_succeeded_is_charged():
    bench = a_bench(a_job())
    ended, wallet = applied(bench, 115.0)

    assert [job.ending for job in ended] == [Ending(115.0, JobState.SUCCEEDED)]
    assert bench.get(Job, "1") == ended[0]
    assert (wallet.charged, wallet.held, wallet.balance) == (PRICE, 0, 1000 - PRICE)


def test_a_job_that_failed_costs_nothing():
    bench = a_bench(a_job(plan=a_plan(failure=PlannedFailure(0.5, "tired"))))
    ended, wallet = applied(bench, 500.0)

    assert [job.ending for job in ended] == [Ending(110.0, JobState.FAILED, "tired")]
    assert (wallet.charged, wallet.held, wallet.balance) == (0, 0, 1000)


def test_applying_twice_changes_nothing():
    bench = a_bench(a_job())
    _, wallet = applied(bench, 500.0)

    assert applied(bench, 500.0) == ([], wallet)


def test_what_ended_is_told_in_the_order_of_its_endings():
    bench = a_bench(
        a_picture(),
        a_job(id="1", starts_at=110.0, waits_for=("picture",), plan=a_plan(stages=(2.0,))),
        a_job(id="2", serial=2, starts_at=105.0, plan=a_plan(stages=(6.0,))),
        a_job(id="3", serial=3, starts_at=105.0, plan=a_plan(stages=(8.0,))),
    )

    ended, _ = applied(bench, 500.0)

    assert [(job.id, job.ended_at) for job in ended] == [("2", 111.0), ("1", 112.0), ("3", 113.0)]


def test_a_job_whose_picture_is_there_when_it_starts_goes_on():
    bench = a_bench(a_picture(), a_job(waits_for=("picture",)))

    assert applied(bench, 105.0)[0] == []
    assert bench.get(Job, "1").waits_for == ()
    assert bench.get(Job, "1").due_at == 115.0
    assert applied(bench, 115.0)[0][0].ending.state is JobState.SUCCEEDED


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
    bench = a_bench(job, *([picture] if picture else []))

    found = bench.act(ADA, 100.0, lambda world: input_problem(world, job, job.starts_at))
    ended, wallet = applied(bench, 1000.0)

    assert found == (f"input image picture {problem}" if problem else "")
    if problem:
        assert ended[0].ending == Ending(105.0, JobState.FAILED, found)
        assert (wallet.charged, wallet.held) == (0, 0)
    else:
        assert ended[0].ending == Ending(115.0, JobState.SUCCEEDED)


def test_those_behind_move_up_when_a_job_fails_at_its_start():
    behind = a_job(id="2", serial=2, starts_at=115.0)
    last = a_job(id="3", serial=3, starts_at=125.0)
    first = a_job(waits_for=("picture",))
    places = [QueuePlace(job.id, "ada", job.starts_at) for job in (first, behind, last)]
    line = QueueState("ada", "ada", 3, free_at=(135.0,), waiting=3, last_start=125.0)
    bench = a_bench(line, first, behind, last, *places, slots=1)

    ended, wallet = applied(bench, 1000.0)

    assert [(job.id, job.ended_at) for job in ended] == [("1", 105.0), ("2", 115.0), ("3", 125.0)]
    assert wallet.charged == 2 * PRICE


def test_what_is_seen_does_not_depend_on_how_often_somebody_looked():
    def a_busy_account():
        return a_bench(
            a_picture(uploaded_at=110.0),
            a_job(id="1", waits_for=("picture",)),
            a_job(id="2", serial=2, starts_at=115.0, waits_for=("picture",)),
            a_job(
                id="3", serial=3, starts_at=125.0, plan=a_plan(failure=PlannedFailure(0.5, "tired"))
            ),
            a_job(id="4", serial=4, starts_at=135.0, waits_for=("nothing",)),
            slots=1,
        )

    seldom, often = a_busy_account(), a_busy_account()
    once, wallet = applied(seldom, 1000.0)
    bit_by_bit = [job for now in range(100, 200) for job in applied(often, float(now))[0]]

    assert bit_by_bit == once
    assert applied(often, 1000.0) == ([], wallet)


def test_an_ending_moves_the_money_of_that_job_alone():
    job = a_job()
    bench = a_bench(job, held=Decimal(5))

    bench.act(ADA, 101.0, lambda world: end(world, job, Ending(101.0, JobState.CANCELED)))

    assert bench.wallet(ADA, 101.0).held == 5 - PRICE


@pytest.mark.parametrize(("own", "slots"), [((), 2), ((("slots", 1),), 1), ((("slots", 7),), 7)])
def test_an_account_has_the_rules_of_the_server_unless_it_has_its_own(own, slots):
    assert Bench(slots=2).world(an_account(settings=own)).rules.slots == slots


@pytest.mark.parametrize(("slots", "running"), [(1, 2), (2, 2), (3, 3), (9, 4)])
def test_jobs_that_wait_move_up_once_more_may_run_at_the_same_time(slots, running):
    bench = Bench(slots=2)
    jobs = [bench.submit(ADA).job for _ in range(4)]
    ready = max(job.ready_at for job in jobs)

    async def change(world):
        await world.change_account(replace(world.account, settings=(("slots", slots),)))

    bench.act(ADA, ready, change)
    states = [bench.look(ADA, job.id, ready + 0.01).state for job in jobs]

    assert states.count(JobState.RUNNING) == running
