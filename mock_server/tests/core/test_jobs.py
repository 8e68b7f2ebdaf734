"""A job only moves forward, and what is said about it follows from time alone."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from mock_server.core.accounts import Progression
from mock_server.core.jobs.job import Ending, JobState, position_after_polls
from mock_server.core.jobs.plans import AT_ONCE, Plan, PlannedFailure
from mock_server.tests.makers import a_job, a_plan, an_order

CREATED, PENDING, WAITING = JobState.CREATED, JobState.PENDING, JobState.WAITING
RUNNING, SUCCEEDED = JobState.RUNNING, JobState.SUCCEEDED
FAILED, CANCELED = JobState.FAILED, JobState.CANCELED

ORDER = [CREATED, PENDING, WAITING, RUNNING]

seconds = st.one_of(st.sampled_from([0.0, 0.1, 0.2, 1.0, 3.0]), st.floats(0, 100))
failures = st.builds(PlannedFailure, st.floats(0, 1), st.just("why"))
plans = st.builds(
    Plan,
    created=seconds,
    pending=st.one_of(st.just(0.0), seconds),
    wait=seconds,
    stages=st.lists(seconds, min_size=1, max_size=3).map(tuple),
    ahead=st.integers(0, 12),
    behind=st.integers(0, 9),
    failure=st.one_of(st.none(), failures),
)
starts = st.one_of(st.sampled_from([0.0, 100.0, 1_750_000_000.1]), st.floats(0, 4e9))
endings = st.one_of(
    st.none(), st.tuples(st.floats(0, 400), st.sampled_from([SUCCEEDED, FAILED, CANCELED]))
)


@st.composite
def timed_jobs(draw):
    """Jobs that time moves, behind others in line or not, some ended before their time."""
    plan, submitted_at = draw(plans), draw(starts)
    job = a_job(plan=plan, submitted_at=submitted_at, order=an_order(count=draw(st.integers(1, 4))))
    job = a_job(
        plan=plan,
        submitted_at=submitted_at,
        order=job.order,
        starts_at=job.starts_at + draw(seconds),
    )
    ended = draw(endings)
    if ended is not None and submitted_at + ended[0] < job.ends_at:
        ending = Ending(submitted_at + ended[0], ended[1])
        job = replace(job, ending=ending)
    return job


def telling_moments(job, others):
    """Return moments at, just before and between all that happens to a job."""
    places = [job.submitted_at, job.pending_at, job.queued_at, job.starts_at, job.ends_at]
    places += [job.submitted_at + each for each in others]
    if job.ending is not None:
        places.append(job.ending.at)
    return sorted(place for place in places if place >= job.submitted_at)


def forward(before, after):
    """Whether a state may follow another."""
    if before.final:
        return after is before
    return after.final or ORDER.index(before) <= ORDER.index(after)


@given(timed_jobs(), st.lists(st.floats(0, 400), max_size=10))
def test_states_only_move_forward_and_a_final_one_stays(job, others):
    states = [job.state_at(now) for now in telling_moments(job, others)]

    assert all(forward(before, after) for before, after in pairwise(states))
    assert states[-1].final or job.ends_at > telling_moments(job, others)[-1]
    assert job.state_at(job.ends_at + 1e6).final


@given(timed_jobs(), st.lists(st.floats(0, 400), max_size=10))
def test_progress_and_finished_pictures_only_grow(job, others):
    moments = telling_moments(job, others)
    done = [job.done_at(now) for now in moments]
    pictures = [job.images_done_at(now) for now in moments]

    assert all(0 <= before <= after <= 1 for before, after in pairwise([*done, done[-1]]))
    for before, after in pairwise(pictures):
        assert len(before) == job.order.count
        assert all(0 <= one <= other <= 1 for one, other in zip(before, after, strict=True))
    for each in pictures:
        assert list(each) == sorted(each, reverse=True)
        assert sum(0 < one < 1 for one in each) <= 1


@given(timed_jobs(), st.lists(st.floats(0, 400), max_size=10))
def test_strangers_only_become_fewer(job, others):
    other_tenants = [job.other_tenants_at(now) for now in telling_moments(job, others)]

    for (ahead, behind), (ahead_later, behind_later) in pairwise(other_tenants):
        assert ahead >= ahead_later >= 0
        assert behind >= behind_later >= 0
    assert other_tenants[0] <= (job.plan.ahead, job.plan.behind)


@given(timed_jobs(), st.lists(st.floats(0, 400), max_size=10))
def test_stages_come_in_their_order(job, others):
    stages = [job.stage_at(now) for now in telling_moments(job, others)]

    assert stages == sorted(stages)
    assert 0 <= stages[0] <= stages[-1] < len(job.plan.stages)


@given(timed_jobs())
def test_what_is_announced_for_a_moment_is_true_at_that_moment(job):
    announced = job.moments()

    assert [at for at, _ in announced] == sorted(at for at, _ in announced)
    for at, state in announced:
        # Of several changes at one moment, the last is what can be seen.
        assert job.state_at(at) is [each for moment, each in announced if moment == at][-1], state


@given(timed_jobs())
def test_writing_down_what_time_did_changes_no_answer(job):
    if job.ending is None:
        ending = Ending(job.ends_at, job.state_at(job.ends_at), job.reason_at(job.ends_at))
        names = {name: getattr(job, name) for name in job.__slots__}
        settled = a_job(**names | {"ending": ending})
        for now in telling_moments(job, [500.0]):
            assert settled.state_at(now) is job.state_at(now)
            assert settled.reason_at(now) == job.reason_at(now)
            assert settled.done_at(now) == job.done_at(now)
            assert settled.ended_at == job.ended_at


@pytest.mark.parametrize(
    ("now", "state"),
    [
        (100, CREATED),
        (100.99, CREATED),
        (101, WAITING),
        (104.99, WAITING),
        (105, RUNNING),
        (114.99, RUNNING),
        (115, SUCCEEDED),
        (1e9, SUCCEEDED),
    ],
)
def test_a_job_goes_through_its_plan(now, state):
    assert a_job().state_at(now) is state


def test_a_job_is_pending_only_if_its_plan_says_so():
    job = a_job(plan=a_plan(pending=2.0))

    assert [job.state_at(now) for now in (100.5, 101, 102.9, 103, 107)] == [
        *(CREATED, PENDING, PENDING, WAITING, RUNNING)
    ]


def test_a_plan_without_any_time_is_over_at_once():
    assert a_job(plan=AT_ONCE).state_at(100) is SUCCEEDED


def test_a_cancelled_job_stays_cancelled():
    job = a_job(ending=Ending(107, CANCELED))

    assert job.state_at(106) is RUNNING
    assert job.state_at(107) is CANCELED
    assert job.state_at(1000) is CANCELED
    assert job.done_at(1000) == pytest.approx(0.2)


def test_a_failure_ends_the_job_early_and_says_why():
    job = a_job(plan=a_plan(failure=PlannedFailure(0.6, "out of memory")))

    assert job.state_at(110.9) is RUNNING
    assert job.reason_at(110.9) == ""
    assert job.state_at(111) is FAILED
    assert job.reason_at(111) == "out of memory"
    assert job.done_at(1000) == pytest.approx(0.6)


def test_a_job_that_fails_by_hand_has_the_reason_of_that_hand():
    job = a_job(ending=Ending(107, FAILED, "tripped over a cable"))

    assert job.reason_at(107) == "tripped over a cable"


def test_pictures_are_made_one_after_the_other():
    job = a_job(order=an_order(count=4))

    assert job.images_done_at(104) == (0, 0, 0, 0)
    assert job.images_done_at(108.75) == (1, 0.5, 0, 0)
    assert job.images_done_at(115) == (1, 1, 1, 1)


def test_each_stage_takes_its_own_time():
    job = a_job(plan=a_plan(stages=(2.0, 8.0)))

    assert [job.stage_at(now) for now in (100, 106.9, 107.1, 114.9, 115)] == [0, 0, 1, 1, 1]


def test_strangers_leave_evenly_and_the_last_of_them_before_the_start():
    job = a_job(plan=a_plan(ahead=3, behind=1))

    assert [job.other_tenants_at(now) for now in (100, 101, 102, 103, 103.9, 104)] == [
        *((3, 1), (3, 1), (2, 1), (1, 0), (1, 0), (0, 0))
    ]


@pytest.mark.parametrize(
    ("changes", "due_at"),
    [
        ({}, 115),
        ({"waits_for": ("picture",)}, 105),
        ({"ending": Ending(107, CANCELED)}, None),
        ({"progress": Progression.POLLS}, None),
        ({"progress": Progression.MANUAL, "waits_for": ("picture",)}, None),
    ],
)
def test_something_is_due_where_time_will_change_what_is_written_down(changes, due_at):
    assert a_job(**changes).due_at == due_at


@pytest.mark.parametrize(
    ("needed", "seen"),
    [
        (0, [SUCCEEDED]),
        (1, [SUCCEEDED]),
        (2, [WAITING, SUCCEEDED]),
        (3, [WAITING, RUNNING, SUCCEEDED]),
        (4, [WAITING, WAITING, RUNNING, SUCCEEDED]),
        (7, [*[WAITING] * 3, *[RUNNING] * 3, SUCCEEDED]),
    ],
)
def test_looks_show_a_job_waiting_then_running_then_over(needed, seen):
    states = []
    for polls in range(1, max(needed, 1) + 1):
        job = a_job(progress=Progression.POLLS)
        job = a_job(progress=Progression.POLLS, position=position_after_polls(job, polls, needed))
        states.append(job.state_at(0))

    assert states == seen


@given(plans, starts, st.integers(1, 10))
def test_the_last_look_ends_a_job_and_none_moves_it_back(plan, submitted_at, needed):
    job = a_job(plan=plan, submitted_at=submitted_at, progress=Progression.POLLS)
    states = [job.state_at(submitted_at)]
    for polls in range(1, needed + 1):
        position = position_after_polls(job, polls, needed)
        job = a_job(
            plan=plan, submitted_at=submitted_at, progress=Progression.POLLS, position=position
        )
        states.append(job.state_at(submitted_at))

    assert all(forward(before, after) for before, after in pairwise(states))
    assert states[-1] is (SUCCEEDED if plan.failure is None else FAILED)


@given(plans, starts)
def test_a_hand_that_goes_from_state_to_state_reaches_the_end(plan, submitted_at):
    job = a_job(plan=plan, submitted_at=submitted_at, progress=Progression.MANUAL)
    states = [job.state_at(submitted_at)]
    while not states[-1].final and len(states) < 6:
        job = a_job(
            plan=plan,
            submitted_at=submitted_at,
            progress=Progression.MANUAL,
            position=job.next_moment(),
        )
        states.append(job.state_at(submitted_at))

    assert len(states) == len(set(states)) <= 5
    assert all(forward(before, after) for before, after in pairwise(states))
