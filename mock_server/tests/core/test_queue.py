"""The queue is fair: no slot is used twice, no start moves back, and ranks never cross."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from mock_server.core.jobs.job import Ending, Job, JobState
from mock_server.core.jobs.plans import AT_ONCE, Plan
from mock_server.core.jobs.queue import APART, QueueState
from mock_server.tests.makers import NOW, a_job, a_plan

plans = st.builds(
    Plan,
    created=st.just(0.5),
    pending=st.just(0.0),
    wait=st.sampled_from([0.0, 1.0, 4.0]),
    stages=st.tuples(st.sampled_from([0.0, 0.5, 3.0, 10.0])),
    ahead=st.integers(0, 12),
    behind=st.integers(0, 9),
)
steps = st.lists(
    st.one_of(
        st.tuples(st.just("submit"), plans),
        st.tuples(st.just("submit"), plans),
        st.tuples(st.just("cancel"), st.integers(0, 30)),
        st.tuples(st.just("wait"), st.sampled_from([0.0, 0.001, 0.5, 2.0, 7.0])),
    ),
    min_size=1,
    max_size=30,
)


class QueueModel:
    """A queue and its jobs, kept by hand as the job service keeps them."""

    def __init__(self, slots, now=100.0, at_once=32):
        self.slots, self.now = slots, now
        self.state = QueueState("ada", "ada")
        self.jobs: dict[int, Job] = {}
        self.promised: dict[int, float] = {}
        self.waiting: list[int] = []
        self.at_once = at_once

    def submit(self, plan):
        self.go_on()
        self.state, plan, starts_at = self.state.joined(plan, self.slots, self.now, 0)
        serial = len(self.jobs) + 1
        job = a_job(serial=serial, plan=plan, submitted_at=self.now, starts_at=starts_at)
        self.jobs[serial] = job
        self.promised[serial] = starts_at
        self.waiting.append(serial)

        self.go_on()
        return self.jobs[serial]

    def go_on(self):
        """Start the jobs that are due by now."""
        while self.waiting and (job := self.jobs[self.waiting[0]]).starts_at <= self.now:
            del self.waiting[0]
            self.state = self.state.started(job.ends_at, job.starts_at)
            if self.state.inexact:
                self.move_up(job.starts_at, job.starts_at + APART)

    def move_up(self, now, not_before):
        count = None if len(self.waiting) <= self.at_once else 1
        first = [self.jobs[serial] for serial in self.waiting[:count]]
        self.state, moved = self.state.moved_up(first, self.slots, now, not_before)
        self.jobs.update((job.serial, job) for job in moved)

    def cancel(self, serial):
        self.go_on()
        job = self.jobs[serial]
        if not job.state_at(self.now).final:
            self.jobs[serial] = replace(job, ending=Ending(self.now, JobState.CANCELED))
            self.state = self.state.left(job, has_place=serial in self.waiting)
            if serial in self.waiting:
                self.waiting.remove(serial)
            self.move_up(self.now, self.now)
            self.go_on()

    def rank(self, job):
        self.go_on()
        own = self.waiting.index(job.serial) if job.serial in self.waiting else 0
        return job.other_tenants_at(self.now)[0] + own

    def ranks(self):
        """Return serial and rank of all that wait."""
        waiting = [job for job in self.jobs.values() if job.state_at(self.now) is JobState.WAITING]
        return {job.serial: self.rank(job) for job in waiting}

    def starts_to_come(self):
        going = [job for job in self.jobs.values() if not job.state_at(self.now).final]
        return tuple(sorted(job.starts_at for job in going if job.starts_at > self.now))

    def most_at_once(self):
        """Return how many jobs ever run at one instant: it is enough to look at each start."""
        ran = [job for job in self.jobs.values() if job.starts_at < job.ended_at]
        return max(
            (sum(each.starts_at <= job.starts_at < each.ended_at for each in ran) for job in ran),
            default=0,
        )


@given(steps, st.integers(1, 4), st.sampled_from([0.0, 100.0, NOW + 0.1]))
def test_whatever_happens_the_queue_stays_fair(history, slots, now):
    queue = QueueModel(slots, now)
    ranks: dict[int, int] = {}
    for what, detail in history:
        if what == "submit":
            queue.submit(detail)
        elif what == "cancel" and detail in queue.jobs:
            queue.cancel(detail)
        elif what == "wait":
            queue.now += detail
        assert queue.most_at_once() <= slots
        queue.go_on()
        assert queue.state.waiting == len(queue.starts_to_come())
        assert queue.state.last_start == max(queue.starts_to_come(), default=queue.state.last_start)
        for serial, job in queue.jobs.items():
            assert job.ready_at <= job.starts_at <= queue.promised[serial]
            queue.promised[serial] = job.starts_at
        before, ranks = ranks, queue.ranks()
        for serial in before.keys() & ranks.keys():
            assert ranks[serial] <= before[serial]
        for (_, rank), (_, later) in pairwise(sorted(ranks.items())):
            assert rank < later


@given(st.lists(plans, min_size=1, max_size=8), st.integers(1, 3))
def test_no_slot_is_idle_while_somebody_could_use_it(plans, slots):
    queue = QueueModel(slots)
    jobs = [queue.submit(plan) for plan in plans]

    for job in jobs:
        others = [each for each in jobs if each.serial < job.serial]
        reasons = [job.ready_at, *(each.starts_at + APART for each in others)]
        reasons += [each.ends_at for each in others]
        assert job.starts_at in reasons
        if job.starts_at > max([job.ready_at, *(each.starts_at + APART for each in others)]):
            at_work = [each for each in others if each.ends_at >= job.starts_at]
            assert len(at_work) >= slots


def test_a_job_starts_when_it_is_ready_if_a_slot_is_free():
    queue = QueueModel(slots=2)

    assert queue.submit(a_plan()).starts_at == 105
    assert queue.submit(a_plan()).starts_at == 105 + APART
    assert queue.submit(a_plan()).starts_at == 115


def test_a_free_slot_needs_no_mention():
    queue = QueueModel(slots=3)
    queue.submit(a_plan())
    queue.now = 1000.0
    queue.submit(a_plan())

    assert (queue.starts_to_come(), queue.state.free_at) == ((1005,), (1015,))


def test_those_behind_move_up_when_one_is_cancelled():
    queue = QueueModel(slots=1)
    first, second, third = (queue.submit(a_plan()) for _ in range(3))
    assert (second.starts_at, third.starts_at) == (115, 125)

    queue.now = 107.0
    queue.cancel(first.serial)

    assert queue.jobs[second.serial].starts_at == 107.0
    assert queue.jobs[third.serial].starts_at == 117.0


def test_no_job_moves_up_to_before_it_is_ready():
    queue = QueueModel(slots=1)
    first = queue.submit(a_plan())
    second = queue.submit(a_plan(wait=9.0))

    queue.now = 106.0
    queue.cancel(first.serial)

    assert queue.jobs[second.serial].starts_at == second.ready_at == 110


def test_cancelling_one_that_waits_leaves_those_ahead_where_they_are():
    queue = QueueModel(slots=1)
    first, second, third = (queue.submit(a_plan()) for _ in range(3))

    queue.cancel(second.serial)

    assert queue.jobs[first.serial].starts_at == 105
    assert queue.jobs[third.serial].starts_at == 115


def test_the_rank_counts_the_own_jobs_ahead_and_falls_as_they_start():
    queue = QueueModel(slots=1)
    *_, third = (queue.submit(a_plan()) for _ in range(3))
    ranks = []
    for queue.now in (102.0, 104.9, 105.0, 114.9, 115.0):
        ranks.append(queue.rank(third))

    assert ranks == [2, 2, 1, 1, 0]


def test_a_later_job_has_no_fewer_other_tenants_ahead():
    queue = QueueModel(slots=1)
    first = queue.submit(a_plan(ahead=9))
    second = queue.submit(a_plan(ahead=1))
    assert (first.plan.ahead, second.plan.ahead) == (9, 9)

    queue.now = 1000.0  # No job waits any more, so none has to be behind another.
    assert queue.submit(a_plan(ahead=1)).plan.ahead == 1


def test_jobs_that_neither_wait_nor_run_start_at_once():
    queue = QueueModel(slots=1)

    assert [queue.submit(AT_ONCE).starts_at for _ in range(4)] == [100] * 4
    assert queue.state.free_at == ()


def test_with_fewer_slots_the_next_job_waits_for_all_but_those():
    queue = QueueModel(slots=3)
    for _ in range(3):
        queue.submit(a_plan())

    queue.slots = 1
    assert queue.submit(a_plan()).starts_at == 105 + APART + APART + 10


def test_with_more_slots_the_next_job_has_a_free_one():
    queue = QueueModel(slots=1)
    queue.submit(a_plan())

    queue.slots = 2
    assert queue.submit(a_plan()).starts_at == 105 + APART


def test_fewer_slots_move_no_start_back():
    queue = QueueModel(slots=3)
    jobs = [queue.submit(a_plan()) for _ in range(6)]

    queue.slots = 1
    queue.cancel(jobs[0].serial)

    for job in jobs[1:]:
        assert queue.jobs[job.serial].starts_at <= job.starts_at
    assert queue.state.last_start == queue.starts_to_come()[-1]


@given(steps, st.integers(1, 4))
def test_in_a_long_queue_jobs_start_when_they_would_in_a_short_one(history, slots):
    long, short = QueueModel(slots, at_once=1), QueueModel(slots)
    for what, detail in history:
        for queue in (long, short):
            if what == "submit":
                queue.submit(detail)
            elif what == "cancel" and detail in queue.jobs:
                queue.cancel(detail)
            elif what == "wait":
                # In a long queue each start brings the next one near.
                queue.now += detail
                queue.go_on()
        assert long.waiting == short.waiting
        for serial, job in short.jobs.items():
            has_started = serial not in short.waiting and job.ending is None
            if has_started or serial in short.waiting[:1]:
                assert long.jobs[serial].starts_at == job.starts_at
            assert long.jobs[serial].starts_at >= job.starts_at
