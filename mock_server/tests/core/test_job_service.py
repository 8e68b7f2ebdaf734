"""What customers can do: submit, look, cancel, upload, pay; example by example."""

import asyncio
from decimal import Decimal
from itertools import pairwise

import pytest
from msgspec.structs import replace

from mock_server.core.accounts import Progression
from mock_server.core.credits import ZERO
from mock_server.core.errors import (
    AlreadyEnded,
    Conflict,
    CreditsShort,
    NotFound,
    RequestRepeated,
    TooLarge,
)
from mock_server.core.jobs.job import JobState
from mock_server.core.jobs.plan_changes import PlanChange
from mock_server.core.jobs.plans import PROFILES
from mock_server.core.jobs.queue import QueuePlace
from mock_server.core.jobs.service import RANDOM_SEED
from mock_server.core.resources import Resource
from mock_server.tests.makers import (
    NOW,
    AsyncBench,
    Bench,
    HesitatingStore,
    a_planner,
    an_account,
    an_order,
    run,
    some_work,
    too_much_for_memory,
    work_that_costs,
)

CREATED, WAITING, RUNNING = JobState.CREATED, JobState.WAITING, JobState.RUNNING
SUCCEEDED, FAILED, CANCELED = JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELED

ADA = an_account("ada")
LATER = NOW + 1e6


def submit(bench, account=ADA, work=None, now=NOW, **options):
    return bench.submit(account, work, now, **options)


def state(bench, job, now, account=ADA):
    return bench.look(account, job.id, now).state


# Submitting


def test_a_new_job_is_created_and_goes_its_way():
    bench = Bench()
    job = submit(bench).job

    assert state(bench, job, NOW) is CREATED
    assert state(bench, job, job.queued_at) is WAITING
    assert state(bench, job, job.starts_at) is RUNNING
    assert state(bench, job, job.ends_at) is SUCCEEDED


def test_a_job_is_made_of_what_was_ordered():
    order = an_order(seed=12, negative_prompt="fog", model="600423083519508503", count=3)
    job = Bench().submit(ADA, some_work(count=3), order=order).job

    assert job.order == order
    assert (job.account, job.serial, job.submitted_at) == ("ada", 1, NOW)
    assert job.price == some_work(count=3).price


def test_a_random_seed_is_drawn_and_repeats_for_the_same_account():
    def seeds(account):
        bench = Bench()
        order = an_order(seed=RANDOM_SEED)
        return [bench.submit(account, order=order).job.order.seed for _ in "123"]

    assert seeds(ADA) == seeds(ADA)
    assert len({*seeds(ADA), *seeds(replace(ADA, seed=8))}) == 6
    assert all(0 < seed < 2**32 for seed in seeds(ADA))


def test_the_price_is_held_until_the_job_is_over():
    bench = Bench()
    job = submit(bench, work=work_that_costs(8)).job

    assert bench.wallet(ADA, job.ends_at - 0.001).held == Decimal("0.8")
    wallet = bench.wallet(ADA, job.ends_at)
    assert (wallet.held, wallet.charged, wallet.balance) == (ZERO, Decimal("0.8"), Decimal("999.2"))


def test_too_few_credits_leave_everything_as_it_was():
    bench, poor = Bench(), replace(ADA, opening=Decimal(1))
    before = bench.wallet(poor, NOW)

    with pytest.raises(CreditsShort) as refusal:
        submit(bench, poor, work_that_costs(11), request_key="key")

    assert (refusal.value.price, refusal.value.balance) == (Decimal("1.1"), Decimal(1))
    assert bench.wallet(poor, NOW) == before
    job = submit(bench, poor, work_that_costs(10), request_key="key").job
    assert job.serial == 1


def test_ids_are_told_apart_even_if_all_jobs_come_at_one_moment():
    bench = Bench()
    made = [submit(bench).job.id for _ in range(300)]

    assert len(set(made)) == 300
    assert made == sorted(made, key=int)


@pytest.mark.parametrize("progress", Progression)
def test_what_advances_a_job_is_set_with_it_or_by_its_account_or_by_the_server(progress):
    other = Progression.MANUAL if progress is not Progression.MANUAL else Progression.TIME
    bench, bob = Bench(progress=progress), an_account("bob", settings=(("progress", other),))

    assert submit(bench).job.progress is progress
    assert submit(bench, bob).job.progress is other
    assert submit(bench, bob, progress=progress).job.progress is progress


def test_out_of_memory_fails_the_job_and_costs_nothing():
    bench = Bench()
    job = submit(bench, work=too_much_for_memory()).job
    snapshot = bench.look(ADA, job.id, LATER)

    assert snapshot.state is FAILED
    assert "out of memory: upscaler" in snapshot.job.reason_at(LATER)
    assert bench.wallet(ADA, LATER).balance == 1000


# Request keys


def test_a_repeated_request_is_told_the_first_job():
    bench = Bench()
    first = submit(bench, request_key="key", fingerprint=1).job

    with pytest.raises(RequestRepeated) as same:
        submit(bench, request_key="key", fingerprint=1)
    with pytest.raises(RequestRepeated) as other:
        submit(bench, request_key="key", fingerprint=2)

    assert (same.value.job_id, same.value.same_content) == (first.id, True)
    assert (other.value.job_id, other.value.same_content) == (first.id, False)
    assert bench.wallet(ADA, NOW).held == first.price


def test_a_repeated_request_is_told_the_first_job_even_without_credits():
    bench, poor = Bench(), replace(ADA, opening=Decimal(1))
    submit(bench, poor, work_that_costs(10), request_key="key")

    with pytest.raises(RequestRepeated):
        submit(bench, poor, work_that_costs(10), request_key="key")


def test_a_request_key_is_one_accounts_own():
    bench = Bench()
    submit(bench, request_key="key")

    submit(bench, an_account("bob"), request_key="key")


def test_a_request_without_a_key_is_never_a_repetition():
    bench = Bench()

    assert submit(bench).job.id != submit(bench).job.id


def test_a_request_key_is_remembered_for_its_life():
    bench = Bench()
    first = submit(bench, request_key="key").job

    with pytest.raises(RequestRepeated):
        submit(bench, now=NOW + 60, request_key="key", key_life=60)
    second = submit(bench, now=NOW + 60.001, request_key="key", key_life=60).job

    assert second.id != first.id
    with pytest.raises(RequestRepeated) as refusal:
        submit(bench, now=NOW + 61, request_key="key", key_life=60)
    assert refusal.value.job_id == second.id


def test_a_key_that_a_newer_job_uses_again_outlives_the_older_job():
    bench = Bench(keep_jobs=2, progress=Progression.INSTANT)
    submit(bench, request_key="key")
    second = submit(bench, now=NOW + 100, request_key="key", key_life=60).job
    submit(bench, now=NOW + 101)  # The first job has to make room.

    with pytest.raises(RequestRepeated) as refusal:
        submit(bench, now=NOW + 102, request_key="key", key_life=60)
    assert refusal.value.job_id == second.id


def test_parallel_repetitions_make_one_job():
    bench = AsyncBench(store=HesitatingStore())

    async def all_at_once():
        return await asyncio.gather(
            *(bench.submit(ADA, request_key="key", fingerprint=each) for each in (1, 1, 1, 2)),
            return_exceptions=True,
        )

    first, *others = asyncio.run(all_at_once())

    assert [type(each) for each in others] == [RequestRepeated] * 3
    assert {each.job_id for each in others} == {first.job.id}
    assert [each.same_content for each in others] == [True, True, False]


@pytest.mark.parametrize(("affordable", "asking"), [(0, 3), (1, 5), (7, 20)])
@pytest.mark.parametrize("progress", Progression)
def test_of_parallel_jobs_exactly_those_get_in_that_can_be_paid(affordable, asking, progress):
    bench = AsyncBench(store=HesitatingStore(), progress=progress)
    account = replace(ADA, opening=Decimal("0.8") * affordable + Decimal("0.7"))

    async def all_at_once():
        answers = await asyncio.gather(
            *(bench.submit(account, work_that_costs(8)) for _ in range(asking)),
            return_exceptions=True,
        )
        return answers, await bench.wallet(account, LATER)

    answers, wallet = asyncio.run(all_at_once())
    refusals = [each for each in answers if isinstance(each, BaseException)]

    assert [type(each) for each in refusals] == [CreditsShort] * (asking - affordable)
    assert len({each.job.id for each in answers if each not in refusals}) == affordable
    assert wallet.balance == Decimal("0.7")


def test_parallel_calls_are_counted_one_by_one():
    bench = AsyncBench(store=HesitatingStore())

    async def all_at_once():
        calls = [bench.admit(ADA, ADA.limits, NOW) for _ in range(8)]
        return await asyncio.gather(*calls, return_exceptions=True)

    assert [each == "" for each in asyncio.run(all_at_once())] == [True] * 5 + [False] * 3


# At once, by polls, by hand


def test_an_instant_job_is_over_and_paid_when_it_was_submitted():
    bench = Bench(progress=Progression.INSTANT)
    snapshot = submit(bench, work=work_that_costs(8))

    assert snapshot.state is SUCCEEDED
    assert snapshot.job.ending is not None
    assert bench.wallet(ADA, NOW).charged == Decimal("0.8")


def test_an_instant_job_can_fail_all_the_same():
    bench = Bench(progress=Progression.INSTANT)

    assert submit(bench, work=too_much_for_memory()).state is FAILED
    assert submit(bench, work=some_work(inputs=("nothing",))).state is FAILED
    assert submit(bench, work=some_work(inputs=(bench.upload(ADA).id,))).state is SUCCEEDED


def test_instant_jobs_need_no_slot():
    bench = Bench(progress=Progression.INSTANT, slots=1)

    assert [submit(bench).state for _ in range(5)] == [SUCCEEDED] * 5


@pytest.mark.parametrize("polls", [1, 2, 4, 9])
def test_so_many_looks_end_a_job_while_time_stands(polls):
    bench = Bench(progress=Progression.POLLS, polls=polls)
    job = submit(bench).job
    seen = [state(bench, job, NOW) for _ in range(polls)]

    assert seen[-1] is SUCCEEDED
    assert not any(each.final for each in seen[:-1])
    assert bench.wallet(ADA, NOW).held == 0


def test_time_does_not_move_a_job_that_polls_move():
    bench = Bench(progress=Progression.POLLS)
    job = submit(bench).job

    assert bench.wallet(ADA, LATER).held == job.price
    assert state(bench, job, LATER) is WAITING


def test_a_look_never_moves_a_job_back_from_where_a_hand_has_put_it():
    bench = Bench(progress=Progression.POLLS, polls=8)
    job = submit(bench).job
    bench.advance(ADA, job.id, NOW)
    assert bench.advance(ADA, job.id, NOW).state is RUNNING

    assert state(bench, job, NOW) is RUNNING


@pytest.mark.parametrize("now", [0.0, 0.1, 1234.567, NOW, NOW + 0.123])
def test_a_hand_moves_a_job_from_state_to_state(now):
    bench = Bench(progress=Progression.MANUAL)
    job = submit(bench, work=some_work(pending=0.3), now=now).job
    states = [bench.advance(ADA, job.id, now).state for _ in range(4)]

    assert states == [JobState.PENDING, WAITING, RUNNING, SUCCEEDED]
    with pytest.raises(AlreadyEnded):
        bench.advance(ADA, job.id, now)


def test_a_hand_moves_a_job_even_where_nothing_takes_any_time():
    profile = replace(PROFILES["short"], created=0.0, wait=(0.0, 0.0), load=0.0, per_effort=0.0)
    bench = Bench(progress=Progression.MANUAL, planner=a_planner(profile=profile))
    job = submit(bench).job

    assert bench.advance(ADA, job.id, NOW).state is SUCCEEDED


def test_a_hand_moves_a_job_by_seconds_of_its_own():
    bench = Bench(progress=Progression.MANUAL)
    job = submit(bench).job
    halfway = job.plan.lead + job.plan.run / 2

    assert bench.advance(ADA, job.id, NOW, seconds=-5).job.position == NOW
    snapshot = bench.advance(ADA, job.id, NOW, seconds=halfway)
    assert snapshot.state is RUNNING
    assert snapshot.job.done_at(NOW) == pytest.approx(0.5, abs=1e-5)
    assert bench.advance(ADA, job.id, NOW, seconds=float("inf")).state is SUCCEEDED


def test_a_job_that_time_moves_is_moved_by_no_hand():
    bench = Bench()
    job = submit(bench).job

    with pytest.raises(Conflict, match="time moves this job"):
        bench.advance(ADA, job.id, NOW)


@pytest.mark.parametrize("progress", [Progression.MANUAL, Progression.POLLS])
def test_a_job_that_is_moved_by_hand_looks_at_its_pictures_when_it_starts(progress):
    bench = Bench(progress=progress)
    poor = submit(bench, work=some_work(inputs=("nothing",))).job
    rich = submit(bench, work=some_work(inputs=(bench.upload(ADA).id,))).job
    for _ in range(2):
        bench.advance(ADA, rich.id, NOW)
        snapshot = bench.advance(ADA, poor.id, NOW)

    assert snapshot.state is FAILED
    assert "never uploaded" in snapshot.job.reason_at(NOW)
    assert bench.advance(ADA, rich.id, NOW).state is SUCCEEDED
    assert bench.wallet(ADA, NOW).charged == rich.price


# Looking, cancelling, ending by hand


def test_jobs_of_others_are_not_found():
    bench, bob = Bench(), an_account("bob")
    job = submit(bench).job

    for call in (bench.look, bench.cancel, bench.finish, bench.advance):
        with pytest.raises(NotFound, match="job not found"):
            call(bob, job.id, NOW)
        with pytest.raises(NotFound):
            call(ADA, "1", NOW)
    assert state(bench, job, NOW) is CREATED


def test_a_rank_falls_to_none_and_those_behind_have_a_larger_one():
    bench = Bench(slots=1)
    jobs = [submit(bench, now=NOW + 0.01 * number).job for number in range(5)]
    moments = [NOW + 0.05 * step for step in range(int((jobs[-1].ends_at - NOW) / 0.05))]
    seen: dict[str, list[tuple[int, int]]] = {job.id: [] for job in jobs}
    for now in moments:
        snapshots = [bench.look(ADA, job.id, now) for job in jobs]
        ranks = [each.ahead for each in snapshots if each.state is WAITING]
        assert ranks == sorted(set(ranks))
        for each in snapshots:
            if each.state is WAITING:
                seen[each.job.id].append((each.ahead, each.ahead + each.behind))

    for number, job in enumerate(jobs):
        assert seen[job.id][0][0] >= number
        assert all(
            rank >= later and length >= shorter
            for (rank, length), (later, shorter) in pairwise(seen[job.id])
        )
        assert seen[job.id][-1][0] == 0


def test_a_cancelled_job_gives_its_credits_back_and_its_slot():
    bench = Bench(slots=1)
    first, second = submit(bench).job, submit(bench).job
    now = first.starts_at + 0.1
    snapshot = bench.cancel(ADA, first.id, now)

    assert snapshot.state is CANCELED
    assert bench.wallet(ADA, now).held == second.price
    assert bench.look(ADA, second.id, now).job.starts_at < second.starts_at
    assert state(bench, first, LATER) is CANCELED


def test_a_running_job_is_not_cancelled_where_that_is_the_rule():
    bench = Bench()
    job = submit(bench).job

    with pytest.raises(AlreadyEnded):
        bench.cancel(ADA, job.id, job.starts_at, running_too=False)
    snapshot = bench.cancel(ADA, job.id, job.starts_at - 0.001, running_too=False)
    assert snapshot.state is CANCELED


def test_a_job_ends_by_hand_well_or_with_a_reason():
    bench = Bench()
    good, bad = submit(bench).job, submit(bench).job

    assert bench.finish(ADA, good.id, NOW).state is SUCCEEDED
    snapshot = bench.finish(ADA, bad.id, NOW, failure="the cat")
    assert snapshot.state is FAILED
    assert snapshot.job.reason_at(NOW) == "the cat"
    wallet = bench.wallet(ADA, NOW)
    assert (wallet.charged, wallet.held) == (good.price, ZERO)


@pytest.mark.parametrize("call", ["cancel", "finish"])
@pytest.mark.parametrize("end", ["cancel", "finish", "time"])
def test_what_is_over_stays_as_it_is(call, end):
    bench = Bench()
    job = submit(bench).job
    now = job.ends_at if end == "time" else NOW
    if end != "time":
        getattr(bench, end)(ADA, job.id, now)
    before = bench.look(ADA, job.id, now), bench.wallet(ADA, now)

    # Neither at that moment nor if somebody's clock were behind is there anything left to end.
    for moment in (now, now - 0.01):
        with pytest.raises(AlreadyEnded) as refusal:
            getattr(bench, call)(ADA, job.id, moment)
        assert refusal.value.job_id == job.id
    assert (bench.look(ADA, job.id, now), bench.wallet(ADA, now)) == before


# Making room


@pytest.mark.parametrize("progress", [Progression.INSTANT, Progression.TIME])
def test_no_more_jobs_are_kept_than_that(progress):
    bench = Bench(keep_jobs=5, progress=progress)
    made = [submit(bench, now=NOW + 100 * each, request_key=str(each)).job for each in range(20)]

    for job in made[:-5]:
        with pytest.raises(NotFound):
            bench.look(ADA, job.id, LATER)
        submit(bench, an_account("bob"), now=LATER)  # Others make no room for it.
    for job in made[-5:]:
        assert state(bench, job, LATER) is SUCCEEDED
    submit(bench, now=LATER, request_key="0")  # Its key went with it.


def test_jobs_that_go_on_are_kept_however_many():
    bench = Bench(keep_jobs=2, progress=Progression.MANUAL)
    going = [submit(bench).job for _ in range(5)]
    over = submit(bench, progress=Progression.INSTANT).job
    last = submit(bench, progress=Progression.INSTANT).job

    assert [state(bench, job, NOW) for job in going] == [CREATED] * 5
    assert state(bench, last, NOW) is SUCCEEDED
    with pytest.raises(NotFound):
        bench.look(ADA, over.id, NOW)


# Uploads


def test_a_place_is_open_for_a_while_and_what_lies_there_is_kept_for_a_while():
    bench = Bench()
    place = bench.reserve(ADA, NOW, upload_for=60, keep_for=3600)

    assert (place.upload_until, place.keep_until) == (NOW + 60, NOW + 3600)
    assert bench.get(Resource, place.id) == place
    assert bench.reserve(ADA, NOW).keep_until is None


def test_an_upload_is_kept_with_its_bytes():
    bench = Bench()
    picture = bench.upload(ADA)

    assert bench.get(Resource, picture.id) == picture
    assert run(bench.store.blobs.get(picture.id)) == b"data"


def test_an_upload_that_is_too_large_leaves_nothing():
    bench = Bench(upload_bytes=3)
    place = bench.reserve(ADA, NOW)

    with pytest.raises(TooLarge) as refusal:
        bench.keep(ADA, replace(place, uploaded_at=NOW), b"data")

    assert refusal.value.limit_bytes == 3
    assert bench.get(Resource, place.id) == place
    assert run(bench.store.blobs.get(place.id)) is None


def test_places_are_told_apart_even_if_all_are_reserved_at_one_moment():
    bench = Bench()
    accounts = [ADA, an_account("bob")]
    made = {bench.reserve(account, NOW).id for account in accounts for _ in range(100)}

    assert len(made) == 200


def test_an_upload_may_have_a_limit_of_its_own():
    bench = Bench(upload_bytes=3)
    place = bench.reserve(ADA, NOW)

    bench.keep(ADA, replace(place, uploaded_at=NOW), b"data", limit_bytes=4)
    with pytest.raises(TooLarge):
        bench.keep(ADA, replace(place, uploaded_at=NOW), b"data", limit_bytes=3)


@pytest.mark.parametrize(
    ("media_type", "found", "ends"),
    [("", "", FAILED), ("image/png", "", FAILED), ("image/png", "png", SUCCEEDED),
     ("audio/mpeg", "", SUCCEEDED)],
)  # fmt: skip
def test_only_what_is_meant_to_be_a_picture_has_to_be_one(media_type, found, ends):
    bench = Bench()
    place = bench.reserve(ADA, NOW, media_type=media_type)
    bench.keep(ADA, replace(place, uploaded_at=NOW, format=found), b"data")
    job = submit(bench, work=some_work(inputs=(place.id,))).job

    assert state(bench, job, LATER) is ends


def test_the_jobs_ahead_are_counted_from_the_submission_on():
    bench = Bench(slots=1)
    jobs = [submit(bench).job for _ in range(3)]
    job = jobs[-1]
    created = bench.look(ADA, job.id, NOW)
    waiting = bench.look(ADA, job.id, job.queued_at)

    assert (created.state, waiting.state) == (CREATED, WAITING)
    assert created.ahead >= waiting.ahead >= 2


def test_the_oldest_upload_makes_room():
    bench = Bench(keep_resources=2)
    first, second, third = (bench.upload(ADA) for _ in range(3))

    assert bench.get(Resource, first.id) is None
    assert bench.get(Resource, second.id) == second
    assert bench.get(Resource, third.id) == third


def test_a_late_request_changes_the_plan_of_a_job_that_runs_already():
    """Its wall may be a little behind that of a request which was done before it."""
    ada, bench = an_account(), Bench()
    job = bench.submit(ada).job
    bench.look(ada, job.id, job.starts_at + 0.1)

    async def longer(world):
        return await world.jobs.change_plan(job.id, PlanChange(run=500.0))

    assert bench.act(ada, job.starts_at - 1, longer).job.ends_at > job.ends_at
    assert bench.kept(QueuePlace) == []
