"""The wall clock is set back: what ended stays so, and what runs takes as long as before."""

import pytest

from mock_server.core.clock import Clock
from mock_server.core.errors import NotFound
from mock_server.core.jobs.job import JobState
from mock_server.core.jobs.watch import Notify, Watch
from mock_server.core.outbox import Attempt, Delivery
from mock_server.core.outbox_service import claim, keep
from mock_server.tests.makers import NOW, Bench, an_account

ADA = an_account()
BACK = NOW - 3600
WATCH = Watch("http://127.0.0.1:1/", "toy", Notify.CHANGES)


@pytest.fixture
def bench() -> Bench:
    return Bench(slots=1)


def test_a_job_that_has_ended_stays_so_and_keeps_its_age(bench):
    job = bench.submit(ADA).job
    ended = bench.look(ADA, job.id, NOW + 60).job
    before = bench.wallet(ADA, NOW + 60)

    again = bench.look(ADA, job.id, BACK)

    assert again.state is JobState.SUCCEEDED
    assert BACK - again.job.ended_at == NOW + 60 - ended.ended_at
    assert bench.wallet(ADA, BACK) == before


def test_a_call_that_waited_moves_no_jobs_however_fast_the_clock_is():
    fast = Clock.at(NOW, start=NOW, rate=1000.0)
    bench = Bench()
    account = an_account(clock=fast)
    job = bench.submit(account).job
    ended = bench.look(account, job.id, NOW + 1).job  # a thousand seconds later

    late = bench.look(account, job.id, NOW + 0.5).job

    assert late.ended_at == ended.ended_at


def test_jobs_that_run_and_wait_take_as_long_as_before(bench):
    first, second = (bench.submit(ADA, watch=WATCH).job for _ in range(2))
    running = bench.look(ADA, first.id, first.starts_at + 1)
    done = running.job.done_at(first.starts_at + 1)
    assert running.state is JobState.RUNNING

    passed = first.starts_at + 1 - NOW
    again = bench.look(ADA, first.id, BACK)
    assert again.job.done_at(BACK) == pytest.approx(done)
    assert again.state is JobState.RUNNING
    assert bench.look(ADA, second.id, BACK).state is JobState.WAITING
    for job in (first, second):
        over = BACK - passed + (job.ends_at - NOW)
        assert bench.look(ADA, job.id, over - 0.01).state is not JobState.SUCCEEDED
        assert bench.look(ADA, job.id, over + 0.01).state is JobState.SUCCEEDED


def test_a_later_job_waits_for_the_ones_before_as_usual(bench):
    bench.submit(ADA)
    later = bench.submit(ADA, now=BACK).job

    assert later.starts_at < BACK + 60


def test_notices_that_wait_are_sent_as_soon_as_before(bench):
    bench.submit(ADA, watch=WATCH)
    bench.world(ADA, NOW + 60)
    before = [delivery.due_at - NOW - 60 for delivery in bench.kept(Delivery)]

    bench.world(ADA, BACK)

    assert [delivery.due_at - BACK for delivery in bench.kept(Delivery)] == before


def test_a_notice_that_is_being_sent_meanwhile_moves_too(bench):
    bench.submit(ADA, watch=WATCH)
    bench.world(ADA, NOW + 60)
    sent = bench.kept(Delivery)[0]
    bench.act(ADA, NOW + 60, lambda world: claim(world, sent, "mine", 30))

    over = sent.tried(Attempt(NOW + 60, 500), [10])
    bench.act(ADA, BACK, lambda world: keep(world, "mine", over))

    kept, behind = sorted(bench.kept(Delivery), key=lambda each: each.number)[:2]
    assert (kept.made_at - BACK, kept.due_at - BACK) == pytest.approx((sent.made_at - NOW - 60, 10))
    assert behind.due_at == kept.due_at


def test_those_behind_a_notice_that_arrives_meanwhile_are_sent_at_once(bench):
    bench.submit(ADA, watch=WATCH)
    bench.world(ADA, NOW + 60)
    sent = bench.kept(Delivery)[0]
    bench.act(ADA, NOW + 60, lambda world: claim(world, sent, "mine", 30))

    over = sent.tried(Attempt(NOW + 60, 200), [])
    bench.act(ADA, BACK, lambda world: keep(world, "mine", over))

    assert max(each.due_at for each in bench.kept(Delivery) if each.due_at is not None) <= BACK


def test_a_request_that_is_a_little_late_moves_nothing(bench):
    job = bench.submit(ADA).job

    assert bench.look(ADA, job.id, NOW - 2).job == job


def test_the_clock_of_the_account_counts_not_the_wall(bench):
    """A frozen clock stands, so its jobs stand too."""
    ada = bench.world(ADA).account
    job = bench.submit(ada).job
    bench.act(ada, NOW, lambda world: world.set_clock(world.clock.with_rate(NOW, 0)))

    assert bench.look(ada, job.id, BACK).job == job


def test_a_refused_call_moves_them_too_and_only_once(bench):
    job = bench.submit(ADA).job
    with pytest.raises(NotFound):
        bench.cancel(ADA, "unknown", BACK)

    assert bench.look(ADA, job.id, BACK).job.submitted_at == BACK


def test_a_clock_that_was_moved_in_vain_moves_no_jobs(bench):
    job = bench.submit(ADA).job

    async def moved_in_vain(world):
        await world.save()
        await world.set_clock(world.clock.advanced(NOW, 86_400))
        raise NotFound("nothing")

    with pytest.raises(NotFound):
        bench.act(ADA, NOW, moved_in_vain)

    assert bench.look(ADA, job.id, NOW).job == job


def test_those_behind_a_job_that_is_cancelled_afterwards_move_up(bench):
    first, second = (bench.submit(ADA).job for _ in range(2))
    bench.look(ADA, first.id, first.starts_at + 1)

    bench.cancel(ADA, first.id, BACK)

    assert bench.look(ADA, second.id, BACK).state is JobState.RUNNING
