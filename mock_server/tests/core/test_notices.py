"""The watch of a job is told of each change once, at the moment of the change."""

from itertools import pairwise

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings
from msgspec.structs import replace

from mock_server.core.accounts import Progression
from mock_server.core.jobs.job import JobState
from mock_server.core.jobs.watch import PROGRESS_STEPS, Notify, Watch
from mock_server.core.outbox import Delivery
from mock_server.tests.makers import (
    NOW,
    Bench,
    an_account,
    some_work,
    too_much_for_memory,
)

ADA = an_account()
LATER = NOW + 1000
IN_ORDER = [JobState.CREATED, JobState.PENDING, JobState.WAITING, JobState.RUNNING]


def submit(bench, notify=Notify.END, now=NOW, work=None, topics=None, **changes):
    watch = None if notify is None else Watch("http://127.0.0.1:1/", "toy", notify)
    if watch is not None and topics is not None:
        watch = replace(watch, on_success=topics[0], on_failure=topics[1])
    work = work or some_work()
    return bench.submit(ADA, work, now, watch=watch, **changes).job


def notices(bench, now=LATER):
    """Return the account's notices as they are once time has come to `now`."""

    bench.world(ADA, now)
    return bench.kept(Delivery, ADA.id)


def told(bench, now=LATER):
    return [(each.state, each.made_at) for each in notices(bench, now)]


# Endings


def succeed(bench):
    job = submit(bench)
    return job, JobState.SUCCEEDED, job.ends_at


def run_out_of_memory(bench):
    job = submit(bench, work=too_much_for_memory())
    return job, JobState.FAILED, job.ends_at


def miss_an_input(bench):
    job = submit(bench, work=some_work(inputs=("nothing",)))
    return job, JobState.FAILED, job.starts_at


def be_cancelled_while_running(bench):
    job = submit(bench)
    now = job.starts_at + 0.1
    bench.cancel(ADA, job.id, now)
    return job, JobState.CANCELED, now


def be_cancelled_before_the_start(bench):
    job = submit(bench)
    bench.cancel(ADA, job.id, NOW + 0.1)
    return job, JobState.CANCELED, NOW + 0.1


def be_completed_by_hand(bench):
    job = submit(bench)
    bench.finish(ADA, job.id, NOW + 0.1)
    return job, JobState.SUCCEEDED, NOW + 0.1


def be_failed_by_hand(bench):
    job = submit(bench)
    bench.finish(ADA, job.id, NOW + 0.1, failure="tired")
    return job, JobState.FAILED, NOW + 0.1


def be_done_at_once(bench):
    return submit(bench, progress=Progression.INSTANT), JobState.SUCCEEDED, NOW


def be_polled_to_the_end(bench):
    job = submit(bench, progress=Progression.POLLS)
    for look in range(4):
        bench.look(ADA, job.id, NOW + look)
    return job, JobState.SUCCEEDED, NOW + 3


def be_moved_to_the_end(bench):
    job = submit(bench, progress=Progression.MANUAL)
    while not bench.advance(ADA, job.id, NOW + 7).state.final:
        pass
    return job, JobState.SUCCEEDED, NOW + 7


def be_moved_without_its_input(bench):
    job = submit(bench, progress=Progression.MANUAL, work=some_work(inputs=("nothing",)))
    bench.advance(ADA, job.id, NOW + 7, seconds=1000)
    return job, JobState.FAILED, NOW + 7


@pytest.mark.parametrize(
    "course",
    [
        succeed,
        run_out_of_memory,
        miss_an_input,
        be_cancelled_while_running,
        be_cancelled_before_the_start,
        be_completed_by_hand,
        be_failed_by_hand,
        be_done_at_once,
        be_polled_to_the_end,
        be_moved_to_the_end,
        be_moved_without_its_input,
    ],
    ids=lambda course: course.__name__,
)
def test_the_end_is_told_once_at_its_moment(course):
    bench = Bench()
    job, state, at = course(bench)

    (notice,) = notices(bench)

    assert (notice.job, notice.number, notice.state) == (job.id, 1, state)
    assert notice.made_at == notice.due_at == at
    assert notices(bench, LATER + 1000) == [notice]


def test_nothing_is_told_before_the_end():
    bench = Bench()
    job = submit(bench)

    assert notices(bench, job.ends_at - 0.001) == []


def test_a_job_without_a_watch_tells_nothing():
    bench = Bench()
    submit(bench, None)

    assert notices(bench) == []


# Changes


@pytest.mark.parametrize("pending", [0.0, 1.5])
def test_every_change_is_told_in_order(pending):
    bench = Bench()
    job = submit(bench, Notify.CHANGES, work=some_work(pending=pending))

    expected = [
        (JobState.PENDING, job.pending_at),
        (JobState.WAITING, job.queued_at),
        (JobState.RUNNING, job.starts_at),
        (JobState.SUCCEEDED, job.ends_at),
    ]
    assert told(bench) == expected[not pending :]
    assert [each.number for each in notices(bench)] == list(range(1, len(told(bench)) + 1))


def test_a_change_is_told_as_soon_as_it_has_happened():
    bench = Bench()
    job = submit(bench, Notify.CHANGES)

    assert told(bench, job.queued_at - 0.001) == []
    assert len(told(bench, job.queued_at)) == 1
    assert len(told(bench, job.starts_at)) == 2


def test_a_job_that_is_cancelled_before_its_start_never_ran():
    bench = Bench()
    job = submit(bench, Notify.CHANGES)
    bench.cancel(ADA, job.id, job.queued_at + 0.1)

    assert [state for state, _ in told(bench)] == [JobState.WAITING, JobState.CANCELED]


def test_a_job_without_its_input_never_ran():
    bench = Bench()
    job = submit(bench, Notify.CHANGES, work=some_work(inputs=("nothing",)))

    expected = [(JobState.WAITING, job.queued_at), (JobState.FAILED, job.starts_at)]
    assert told(bench) == expected


def test_a_job_that_ends_at_once_tells_of_its_end_alone():
    bench = Bench()
    submit(bench, Notify.CHANGES, progress=Progression.INSTANT)

    assert told(bench) == [(JobState.SUCCEEDED, NOW)]


def test_polls_tell_of_the_changes_that_they_bring():
    bench = Bench()
    job = submit(bench, Notify.CHANGES, progress=Progression.POLLS)
    seen = [bench.look(ADA, job.id, NOW + look).state for look in range(6)]

    changes = [seen[0], *(after for before, after in pairwise(seen) if after is not before)]
    assert [state for state, _ in told(bench)] == changes
    assert changes == [JobState.WAITING, JobState.RUNNING, JobState.SUCCEEDED]


def test_a_hand_tells_of_the_changes_that_it_brings():
    bench = Bench()
    job = submit(bench, Notify.CHANGES, progress=Progression.MANUAL)
    for seconds in (None, 0.0, 0.001, None, None):
        bench.advance(ADA, job.id, NOW + 5, seconds=seconds)

    assert told(bench) == [
        (JobState.WAITING, NOW + 5),
        (JobState.RUNNING, NOW + 5),
        (JobState.SUCCEEDED, NOW + 5),
    ]


def test_a_start_that_moves_up_is_told_at_its_new_moment():
    bench = Bench(slots=1)
    first = submit(bench)
    second = submit(bench, Notify.CHANGES)
    now = first.starts_at + 0.1
    bench.cancel(ADA, first.id, now)
    moved = bench.look(ADA, second.id, now).job

    of_second = [each for each in notices(bench) if each.job == second.id]

    assert moved.starts_at < second.starts_at
    assert [(each.state, each.made_at) for each in of_second] == [
        (JobState.WAITING, second.queued_at),
        (JobState.RUNNING, moved.starts_at),
        (JobState.SUCCEEDED, moved.ends_at),
    ]


# Topics


@pytest.mark.parametrize(
    ("topics", "work", "expected"),
    [
        ((("kept", "done"), ("undone",)), some_work(), ["kept", "done"]),
        ((("kept", "done"), ("undone",)), too_much_for_memory(), ["undone"]),
        (((), ("undone",)), some_work(), []),
        ((("kept",), ()), too_much_for_memory(), []),
    ],
)
def test_a_good_and_a_bad_end_are_told_under_topics_of_their_own(topics, work, expected):
    bench = Bench()
    submit(bench, work=work, topics=topics)

    found = notices(bench)

    assert [each.topic for each in found] == expected
    assert [each.number for each in found] == list(range(1, len(expected) + 1))
    assert len({each.made_at for each in found}) <= 1


def test_a_cancelled_job_has_ended_badly():
    bench = Bench()
    job = submit(bench, topics=(("kept",), ("undone",)))
    bench.cancel(ADA, job.id, NOW + 0.1)

    assert [each.topic for each in notices(bench)] == ["undone"]


def test_changes_before_the_end_have_no_topic():
    bench = Bench()
    submit(bench, Notify.CHANGES, topics=(("kept", "done"), ()))

    assert [each.topic for each in notices(bench)] == ["", "", "kept", "done"]


# Progress


@pytest.mark.parametrize("work", [some_work(), too_much_for_memory()], ids=["well", "badly"])
def test_progress_is_told_in_ten_growing_steps_and_then_the_end(work):
    bench = Bench()
    job = submit(bench, Notify.PROGRESS, work=work)

    *steps, end = notices(bench)

    assert [step.state for step in steps] == [JobState.RUNNING] * PROGRESS_STEPS
    assert end.state is (JobState.SUCCEEDED if job.plan.failure is None else JobState.FAILED)
    assert steps[0].done == 0
    assert all(one.done < other.done for one, other in pairwise([*steps, end]))
    assert all(one.made_at < other.made_at for one, other in pairwise([*steps, end]))
    assert end.done == pytest.approx(job.plan.until_end / job.plan.run)


def test_progress_stops_where_a_job_is_cancelled():
    bench = Bench()
    job = submit(bench, Notify.PROGRESS)
    bench.cancel(ADA, job.id, job.starts_at + job.plan.run * 0.35)

    assert [state for state, _ in told(bench)] == [JobState.RUNNING] * 4 + [JobState.CANCELED]


def test_progress_tells_nothing_of_a_job_that_is_cancelled_before_its_start():
    bench = Bench()
    job = submit(bench, Notify.PROGRESS)
    bench.cancel(ADA, job.id, job.queued_at)

    (notice,) = notices(bench)
    assert (notice.state, notice.done) == (JobState.CANCELED, 0)


# The whole


@pytest.mark.parametrize("by_hand", [False, True])
def test_no_notice_that_was_promised_makes_room(by_hand):
    bench = Bench(slots=1, keep_callbacks=5)
    progress = Progression.MANUAL if by_hand else Progression.TIME
    jobs = [submit(bench, Notify.CHANGES, NOW, progress=progress) for _ in range(4)]
    for job in jobs if by_hand else ():
        for _ in range(3):
            bench.advance(ADA, job.id, NOW + 3)

    kept = notices(bench)

    assert len(kept) == 12
    assert (kept[-1].job, kept[-1].state) == (jobs[-1].id, JobState.SUCCEEDED)
    assert all(one.made_at <= other.made_at for one, other in pairwise(kept))


moments = st.integers(0, 120).map(lambda tenths: NOW + tenths / 10)
deeds = st.tuples(
    moments,
    st.sampled_from(["submit", "submit", "submit", "cancel", "complete", "advance"]),
    st.integers(0, 5),
    st.sampled_from([None, *Notify]),
    st.sampled_from([Progression.TIME, Progression.TIME, Progression.INSTANT, Progression.MANUAL]),
    st.sampled_from([some_work(), some_work(inputs=("nothing",)), too_much_for_memory()]),
)


def history(happenings, looks):
    """Return the notices after deeds, with looks in between that change nothing."""
    bench = Bench(slots=1)
    jobs = []
    # A look at the moment of a deed comes before it.
    course = sorted(
        [*((at, 0, None) for at in looks), *((deed[0], 1, deed) for deed in happenings)],
        key=lambda step: step[:2],
    )
    for now, _, deed in course:
        if deed is None:
            notices(bench, now)
            continue
        _, what, number, notify, progress, work = deed
        if what == "submit":
            jobs.append(
                submit(bench, notify, now, replace(work, pending=0.1), progress=progress).id
            )
        elif jobs:
            id = jobs[number % len(jobs)]
            over = bench.look(ADA, id, now).state.final
            if what == "cancel" and not over:
                bench.cancel(ADA, id, now)
            elif what == "complete" and not over:
                bench.finish(ADA, id, now)
            elif not over and not bench.look(ADA, id, now).job.on_the_clock:
                bench.advance(ADA, id, now)
    return notices(bench)


@settings(max_examples=150)
@given(st.lists(deeds, max_size=12), st.lists(moments, max_size=12))
def test_what_is_told_does_not_depend_on_how_often_somebody_looked(happenings, looks):
    found = history(happenings, looks)

    assert found == history(happenings, [])
    assert all(one.made_at <= other.made_at for one, other in pairwise(found))
    by_job: dict[str, list[Delivery]] = {}
    for each in found:
        by_job.setdefault(each.job, []).append(each)
    for told_of in by_job.values():
        assert [each.number for each in told_of] == list(range(1, len(told_of) + 1))
        *before, last = told_of
        *first, end = [each.state for each in told_of if each.state is not None]
        assert not any(state.final for state in first)
        assert end.final or end in IN_ORDER
        states = [IN_ORDER.index(state) for state in first]
        assert states == sorted(states)
        if last.watch.notify is Notify.CHANGES:
            assert len(set(states)) == len(states)
        if last.watch.notify is Notify.END:
            assert not before
        assert all(one.done <= other.done for one, other in pairwise(told_of))
