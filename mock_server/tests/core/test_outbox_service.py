"""What waits in the outbox, in which order it goes, and what is written down of it."""

from itertools import pairwise

import hypothesis.strategies as st
import pytest
from hypothesis import given
from msgspec.structs import replace

from mock_server.core import outbox_service
from mock_server.core.accounts import Progression
from mock_server.core.jobs.job import Job, JobState
from mock_server.core.jobs.watch import Notify, Watch
from mock_server.core.outbox import Attempt, Delivery
from mock_server.core.resets import ResetService
from mock_server.tests.makers import NOW, Bench, an_account, an_order, run, some_work

ADA, BOB = an_account("ada"), an_account("bob")
FOR_EVER = float("inf")
LATER = NOW + 1000


def a_delivery(job="1", number=1, at=100.0, **changes):
    delivery = Delivery(
        id=f"{job}-{number}",
        account="ada",
        job=job,
        number=number,
        watch=Watch("http://127.0.0.1:1/", "toy"),
        state=JobState.RUNNING,
        done=0.0,
        made_at=at,
        due_at=at,
    )
    return replace(delivery, **changes)


def due_at(delivery):
    return delivery.due_at


def a_bench(*records):
    bench = Bench()
    bench.put(ADA, BOB, *records)
    return bench


def submit(bench, notify=Notify.END, **changes):
    watch = None if notify is None else Watch("http://127.0.0.1:1/", "toy", notify)
    return bench.submit(ADA, changes.pop("work", None), watch=watch, **changes).job


def due(bench, now, until=None):
    """Return what is due until a moment and in turn, and what is open."""

    async def both(world):
        moment = world.now if until is None else until
        ready = [
            await outbox_service.next_for(world, receiver, moment)
            for receiver in await outbox_service.receivers(world, moment)
        ]
        return ready, await world.tx.due(Delivery, "ada", FOR_EVER)

    return bench.act(ADA, now, both)


def ahead(bench, account=ADA):
    return run(outbox_service.ahead(bench.store, account.id, NOW))


def post(bench, topic, content, **options):
    asks = outbox_service.question if "claim" in options else outbox_service.post
    return bench.act(ADA, NOW, lambda world: asks(world, WATCH, topic, content, **options))


def keep(bench, delivery, claim=""):
    now = bench.accounts.latest.get("ada", 100.0)
    bench.act(ADA, now, lambda world: outbox_service.keep(world, claim, delivery))


# One delivery


def test_a_delivery_that_arrives_is_over():
    tried = a_delivery().tried(Attempt(100.0, 204), [10.0])

    assert (tried.arrived, tried.due_at) == (True, None)


@pytest.mark.parametrize("status", [0, 100, 199, 300, 302, 404, 500])
def test_only_a_status_of_the_two_hundreds_is_an_arrival(status):
    assert not Attempt(0.0, status).arrived
    assert Attempt(0.0, 200).arrived
    assert Attempt(0.0, 299).arrived


@given(st.lists(st.floats(0, 1e6), max_size=6))
def test_after_each_failure_the_next_delay_passes_until_there_is_none(delays):
    delivery, moments = a_delivery(), []
    while delivery.due_at is not None:
        moments.append(delivery.due_at)
        delivery = delivery.tried(Attempt(delivery.due_at, 500), delays)

    assert len(moments) == len(delivery.attempts) == len(delays) + 1
    assert moments[0] == 100.0
    for (before, after), delay in zip(pairwise(moments), delays, strict=True):
        assert after == before + delay


def test_a_failure_that_is_final_is_not_tried_again():
    assert a_delivery().tried(Attempt(100.0, 0), [10.0], final=True).due_at is None


def test_a_failure_out_of_turn_leaves_the_schedule_alone():
    waiting = a_delivery().tried(Attempt(100.0, 500), [10.0])

    assert waiting.repeated(Attempt(103.0, 500)).due_at == 110.0
    assert waiting.repeated(Attempt(103.0, 200)).due_at is None


def test_what_has_arrived_once_has_arrived():
    arrived = a_delivery().tried(Attempt(100.0, 200), [])

    again = arrived.repeated(Attempt(200.0, 500))

    assert (again.arrived, again.due_at, len(again.attempts)) == (True, None, 2)


# Whose turn it is


def test_a_later_one_of_a_job_waits_for_the_earlier():
    first, second = a_delivery(number=1, due_at=500.0), a_delivery(number=2, at=101.0)

    assert due(a_bench(first, second), 200.0)[0] == []
    assert due(a_bench(first, second), 500.0)[0] == [first]
    assert due(a_bench(replace(first, due_at=None), second), 200.0)[0] == [second]


def test_the_topics_of_a_job_do_not_wait_for_each_other():
    first, second = a_delivery(number=1, due_at=500.0), a_delivery(number=2, at=101.0)
    other = a_delivery(number=3, at=102.0, topic="other")

    assert due(a_bench(first, second, other), 200.0)[0] == [other]


def test_what_is_about_no_job_waits_for_nothing():
    first, second = (a_delivery("", id=id, at=at) for id, at in (("a-1", 500.0), ("b-2", 101.0)))

    assert due(a_bench(first, second), 200.0)[0] == [second]


def test_each_receiver_has_a_turn():
    here, there = (Watch(f"http://{host}/hook", "toy") for host in ("me@Here:1", "there"))
    bench = a_bench(
        a_delivery(job="1", at=101.0, watch=here),
        a_delivery(job="2", at=100.0, watch=here),
        a_delivery(job="3", at=102.0, watch=there),
    )

    assert [each.job for each in due(bench, 200.0)[0]] == ["2", "3"]
    busy = bench.act(
        ADA, 200.0, lambda world: outbox_service.receivers(world, 200.0, busy=["http://here:1"])
    )
    assert busy == ["http://there"]


outboxes = st.lists(
    st.builds(
        a_delivery,
        job=st.sampled_from("123"),
        topic=st.sampled_from(["", "other"]),
        number=st.integers(1, 15),
        at=st.just(0.0),
        due_at=st.none() | st.floats(0, 200),
    ),
    max_size=30,
    unique_by=lambda each: each.id,
)


@given(outboxes, st.floats(0, 200))
def test_the_earliest_of_those_that_are_first_on_their_topic_is_next(outbox, until):
    firsts: dict[tuple[str, str], Delivery] = {}
    for each in sorted(outbox, key=lambda each: each.number):
        if each.due_at is not None:
            firsts.setdefault((each.job, each.topic), each)
    ready = [each for each in firsts.values() if due_at(each) <= until]

    found, _ = due(a_bench(*outbox), 200.0, until)

    assert found == sorted(ready, key=lambda each: (each.due_at, each.id))[:1]


# Records


def test_what_has_fallen_due_is_written_down_before_it_is_handed_out():
    bench = Bench()
    job = submit(bench)

    assert due(bench, job.ends_at - 0.001) == ([], [])
    ready, open_ones = due(bench, job.ends_at)

    assert ready == open_ones
    assert [each.state for each in ready] == [JobState.SUCCEEDED]


def test_looking_ahead_does_not_move_time():
    bench = a_bench()
    job = submit(bench)
    late = a_delivery(job="0", at=NOW, due_at=job.ends_at + 1000)
    bench.put(late)

    assert due(bench, NOW, FOR_EVER) == ([late], [late])
    assert due(bench, NOW) == ([], [late])


def test_what_lies_ahead_is_the_next_notice_or_while_jobs_are_watched_the_next_change_of_one():
    bench = Bench()
    assert ahead(bench) == (None, None)
    submit(bench, None)
    assert ahead(bench) == (None, None)

    bench = Bench()
    job = submit(bench, Notify.CHANGES)
    assert ahead(bench) == (job.queued_at, None)

    bench.world(ADA, job.queued_at)
    (notice,) = bench.kept(Delivery)
    assert ahead(bench) == (notice.due_at, None) == (job.queued_at, None)
    keep(bench, notice.tried(Attempt(job.queued_at, 200), []))
    assert ahead(bench) == (job.starts_at, None)
    assert ahead(bench, BOB) == (None, None)

    bench.cancel(ADA, job.id, job.starts_at)
    for each in bench.kept(Delivery)[1:]:
        keep(bench, each.tried(Attempt(job.starts_at, 200), []))
    submit(bench, None, now=job.starts_at)
    assert ahead(bench) == (None, None)


def test_what_a_hand_moves_has_no_moment_ahead():
    bench = Bench()
    submit(bench, progress=Progression.MANUAL)

    assert ahead(bench) == (None, None)


def test_a_start_that_may_fail_is_looked_at_because_others_move_up_then():
    bench = Bench(slots=1)
    unwatched = submit(bench, None, work=some_work(inputs=("nothing",)))
    behind = submit(bench)

    assert ahead(bench)[0] <= unwatched.starts_at < behind.ends_at


def test_a_notice_that_was_forgotten_meanwhile_stays_so():
    bench = a_bench()
    keep(bench, a_delivery().tried(Attempt(100.0, 200), []))

    assert bench.kept(Delivery) == []


def test_a_claim_counts_until_its_lease_ends_and_only_its_claimer_keeps_the_result():
    bench = a_bench(a_delivery())
    claimed = bench.act(
        ADA, 100.0, lambda world: outbox_service.claim(world, a_delivery(), "mine", 20.0)
    )

    assert bench.get(Delivery, "1-1") == claimed
    assert due(bench, 119.9) == ([], [claimed])
    assert due(bench, 120.0) == ([claimed], [claimed])
    assert [claimed.is_claimed(wall) for wall in (100.0, 119.9, 120.0)] == [True, True, False]
    over = claimed.tried(Attempt(100.0, 200), [])
    keep(bench, over, claim="another")
    assert bench.get(Delivery, "1-1") == claimed
    keep(bench, over, claim="mine")
    assert bench.get(Delivery, "1-1") == over
    assert not over.is_claimed(100.0)


def test_what_waited_for_a_notice_is_due_when_that_is_over():
    first, second = a_delivery(number=1), a_delivery(number=2, at=101.0)
    third, other = a_delivery(number=3, at=300.0), a_delivery(job="2", at=101.0)
    bench = a_bench(first, second, third, other)

    waiting = first.tried(Attempt(100.0, 500), [50.0])
    keep(bench, waiting)
    assert bench.kept(Delivery) == [waiting, replace(second, due_at=150.0), third, other]

    over = waiting.tried(Attempt(150.0, 500), [50.0])
    keep(bench, over)
    assert bench.kept(Delivery) == [over, replace(second, due_at=150.0), third, other]


# About other things than jobs

WATCH = Watch("http://127.0.0.1:1/", "toy", reference="i_1")


def test_a_notice_about_no_job_is_due_when_it_is_told_to_be():
    bench = a_bench()

    now = post(bench, "listed", b"{}")
    late = post(bench, "listed", b"[]", due_at=NOW + 60)

    assert (now.due_at, late.due_at) == (NOW, NOW + 60)
    assert (now.made_at, late.made_at) == (NOW, NOW + 60)
    assert (late.job, late.state, late.topic, late.content) == ("", None, "listed", b"[]")
    assert late.watch.reference == "i_1"
    assert due(bench, NOW) == due(bench, NOW, FOR_EVER) == ([now], [now, late])
    assert ahead(bench) == (NOW, None)


def test_a_question_is_kept_and_never_due():
    bench = a_bench()
    question = post(bench, "may I", b"{}", claim="mine")

    assert (question.asked, question.due_at) == (True, None)
    assert due(bench, FOR_EVER) == ([], [])
    assert bench.kept(Delivery) == [question]


def test_notices_about_no_job_have_ids_that_no_other_has():
    bench = Bench()
    ids = [post(bench, "", b"").id for _ in range(3)]
    job = submit(bench, progress=Progression.INSTANT)

    assert len({*ids, f"{job.id}-1"}) == 4
    assert [each.id for each in bench.kept(Delivery)] == [*ids, f"{job.id}-1"]


# Bounds


def test_what_has_been_over_for_longest_makes_room_and_what_is_open_never_does():
    bench = Bench(keep_callbacks=3)
    first = post(bench, "", b"")
    asked = [post(bench, "", b"", claim=str(number)) for number in range(5)]
    for number in (4, 2, 0, 1, 3):
        keep(bench, asked[number].repeated(Attempt(NOW, 200)), claim=str(number))

    kept = bench.kept(Delivery)

    assert [each.id for each in kept] == [first.id, *(asked[number].id for number in (0, 1, 3))]


def test_beyond_the_bound_calls_are_told_that_there_will_be_no_notices():
    bench = Bench(keep_callbacks=2)
    told: list[str] = []

    async def submitted(world):
        world.announce = told.append
        return await world.jobs.submit(an_order(), some_work(), watch=WATCH)

    jobs = [bench.act(ADA, NOW, submitted).job for _ in range(3)]
    assert [job.watch for job in jobs] == [WATCH, WATCH, None]
    (text,) = told
    assert "no callbacks will be sent" in text
    assert "--keep-callbacks" in text
    assert post(bench, "", b"") is None

    bench.world(ADA, LATER)
    first, _ = bench.kept(Delivery)
    assert post(bench, "", b"") is None
    keep(bench, first.tried(Attempt(LATER, 200), []))
    assert post(bench, "", b"") is not None


def test_a_job_is_kept_as_long_as_a_notice_about_it_is_open():
    bench = Bench(keep_jobs=1, progress=Progression.INSTANT)
    first, second = submit(bench), submit(bench)
    assert [job.id for job in bench.kept(Job)] == [first.id, second.id]

    notice, _ = bench.kept(Delivery)
    keep(bench, notice.tried(Attempt(NOW, 200), []))
    third = submit(bench)

    assert [job.id for job in bench.kept(Job)] == [second.id, third.id]


def test_a_job_whose_notices_were_forgotten_can_make_room():
    bench = Bench(keep_jobs=1, progress=Progression.INSTANT)
    submit(bench)
    run(ResetService(bench.accounts).reset(bench.world(ADA).account, ["callbacks"], NOW))

    last = submit(bench)

    assert [job.id for job in bench.kept(Job)] == [last.id]
