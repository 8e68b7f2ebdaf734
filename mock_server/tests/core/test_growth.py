"""What is done among many takes no more steps than among few."""

import sys

import pytest

from mock_server.core.accounts import Progression
from mock_server.core.jobs.queue import MAX_MOVED
from mock_server.core.jobs.watch import Watch
from mock_server.core.outbox import Attempt, Delivery
from mock_server.core.outbox_service import ahead, claim, keep, next_for
from mock_server.tests.makers import NOW, Bench, an_account, run, some_work

ADA = an_account()
WATCH = Watch("http://127.0.0.1:1/", "toy")
FEW, MANY = MAX_MOVED + 20, 20 * MAX_MOVED


def steps(call):
    """Return how many lines of Python a call runs."""
    count, before = 0, sys.gettrace()

    def trace(frame, event, arg):
        nonlocal count
        count += event == "line"
        return trace

    sys.settrace(trace)
    try:
        call()
    finally:
        sys.settrace(before)
    return count


def queue_of(number, **options):
    bench = Bench(**options)
    return bench, [bench.submit(ADA).job for _ in range(number)]


def create_beyond_what_is_kept(number):
    bench, _ = queue_of(number, keep_jobs=10)
    return lambda: bench.submit("ada")


def replace_the_oldest(number):
    bench, _ = queue_of(number, keep_jobs=number, progress=Progression.INSTANT)
    return lambda: bench.submit("ada")


def look_at_one_that_waits(number):
    bench, jobs = queue_of(number)
    return lambda: bench.look("ada", jobs[number // 2].id)


def cancel_the_first(number):
    bench, jobs = queue_of(number)
    return lambda: bench.cancel("ada", jobs[0].id)


def cancel_one_in_the_middle(number):
    bench, jobs = queue_of(number)
    return lambda: bench.cancel("ada", jobs[number // 2].id)


def start_the_next_job_after_a_cancellation(number):
    bench, jobs = queue_of(number, slots=1)
    bench.cancel("ada", jobs[1].id)
    second = bench.look("ada", jobs[2].id).job
    bench.world("ada", second.starts_at - 0.0001)
    return lambda: bench.world("ada", second.starts_at)


def send_the_next_callback(number):
    bench = Bench(progress=Progression.INSTANT)
    for _ in range(number):
        bench.submit(ADA, watch=WATCH)

    async def send(world):
        found = await next_for(world, "http://127.0.0.1:1", NOW)
        assert found is not None
        claimed = await claim(world, found, "mine", 20.0)
        await keep(world, "mine", claimed.tried(Attempt(NOW, 200), []))

    return lambda: bench.act("ada", NOW, send)


def create_with_a_callback(number):
    bench = Bench(progress=Progression.INSTANT)
    for _ in range(number):
        bench.submit(ADA, watch=WATCH)
    return lambda: bench.submit("ada", watch=WATCH)


def look_ahead(number):
    bench = Bench()
    for _ in range(number):
        bench.submit(ADA, watch=WATCH)
    return lambda: run(ahead(bench.store, "ada", NOW))


@pytest.mark.parametrize(
    "prepared",
    [
        create_beyond_what_is_kept,
        replace_the_oldest,
        look_at_one_that_waits,
        cancel_the_first,
        cancel_one_in_the_middle,
        start_the_next_job_after_a_cancellation,
        send_the_next_callback,
        create_with_a_callback,
        look_ahead,
    ],
    ids=lambda prepared: prepared.__name__,
)
def test_among_many_it_takes_as_many_steps_as_among_few(prepared):
    among_few, among_many = (steps(prepared(number)) for number in (FEW, MANY))

    assert among_many <= 1.1 * among_few


def test_jobs_that_fail_at_their_start_take_the_same_steps_each():
    def advanced(number):
        bench = Bench(slots=1)
        for _ in range(number):
            bench.submit(ADA, some_work(inputs=("nothing",)))
        return lambda: bench.world("ada", NOW + 1000)

    few, many = 2 * MAX_MOVED, 8 * MAX_MOVED
    assert steps(advanced(many)) / many <= 1.1 * steps(advanced(few)) / few


def test_all_callbacks_of_an_account_are_kept_until_they_are_sent():
    bench = Bench(progress=Progression.INSTANT)
    for _ in range(1500):
        bench.submit(ADA, watch=WATCH)

    assert len(bench.kept(Delivery)) == 1500
