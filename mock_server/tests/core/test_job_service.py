"""What customers can do: submit, look, cancel, upload, pay; example by example."""

import asyncio
from decimal import Decimal
from itertools import pairwise

import pytest
from msgspec.structs import replace

from mock_server.core.accounts import Credential, Progression, credential_ids
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
from mock_server.core.jobs.plans import PROFILES
from mock_server.core.jobs.service import RANDOM_SEED
from mock_server.tests.makers import (
    NOW,
    HesitatingStore,
    a_clock,
    a_job_service,
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


def submit(job_service, account=ADA, work=None, now=NOW, **options):
    return run(job_service.submit(account, an_order(), work or some_work(), now, **options))


def state(job_service, job, now, account=ADA):
    return run(job_service.look(account, job.id, now)).state


def a_picture_of(job_service, account=ADA, now=NOW, **changes):
    """Reserve a place and put a picture there."""
    place = run(job_service.reserve(account, now, upload_for=60, keep_for=None))
    picture = replace(place, uploaded_at=now, size_bytes=4, format="png", **changes)
    run(job_service.receive(account, picture, b"data"))
    return picture


# Submitting


def test_a_new_job_is_created_and_goes_its_way():
    job_service = a_job_service()
    job = submit(job_service).job

    assert state(job_service, job, NOW) is CREATED
    assert state(job_service, job, job.queued_at) is WAITING
    assert state(job_service, job, job.starts_at) is RUNNING
    assert state(job_service, job, job.ends_at) is SUCCEEDED


def test_a_job_is_made_of_what_was_ordered():
    order = an_order(seed=12, negative_prompt="fog", model="600423083519508503", count=3)
    job = run(a_job_service().submit(ADA, order, some_work(count=3), NOW)).job

    assert job.order == order
    assert (job.account, job.serial, job.submitted_at) == ("ada", 1, NOW)
    assert job.price == some_work(count=3).price


def test_a_random_seed_is_drawn_and_repeats_for_the_same_world():
    def seeds(account):
        job_service = a_job_service()
        order = an_order(seed=RANDOM_SEED)
        return [
            run(job_service.submit(account, order, some_work(), NOW)).job.order.seed for _ in "123"
        ]

    assert seeds(ADA) == seeds(ADA)
    assert len({*seeds(ADA), *seeds(replace(ADA, seed=8))}) == 6
    assert all(0 < seed < 2**32 for seed in seeds(ADA))


def test_the_price_is_held_until_the_job_is_over():
    job_service = a_job_service()
    job = submit(job_service, work=work_that_costs(8)).job

    assert run(job_service.wallet(ADA, job.ends_at - 0.001)).held == Decimal("0.8")
    wallet = run(job_service.wallet(ADA, job.ends_at))
    assert (wallet.held, wallet.charged, wallet.balance) == (ZERO, Decimal("0.8"), Decimal("999.2"))


def test_too_few_credits_leave_everything_as_it_was():
    job_service, poor = a_job_service(), replace(ADA, opening=Decimal(1))
    before = run(job_service.wallet(poor, NOW))

    with pytest.raises(CreditsShort) as refusal:
        submit(job_service, poor, work_that_costs(11), request_key="key")

    assert (refusal.value.price, refusal.value.balance) == (Decimal("1.1"), Decimal(1))
    assert run(job_service.wallet(poor, NOW)) == before
    job = submit(job_service, poor, work_that_costs(10), request_key="key").job
    assert job.serial == 1


def test_ids_are_told_apart_even_if_all_jobs_come_at_one_moment():
    job_service = a_job_service()
    made = [submit(job_service).job.id for _ in range(300)]

    assert len(set(made)) == 300
    assert made == sorted(made, key=int)


@pytest.mark.parametrize("progress", Progression)
def test_what_moves_a_job_is_wished_with_it_or_by_its_account_or_by_the_server(progress):
    other = Progression.MANUAL if progress is not Progression.MANUAL else Progression.TIME
    job_service = a_job_service(progress=progress)

    assert submit(job_service).job.progress is progress
    assert submit(job_service, replace(ADA, progress=other)).job.progress is other
    assert (
        submit(job_service, replace(ADA, progress=other), progress=progress).job.progress
        is progress
    )


def test_out_of_memory_fails_the_job_and_costs_nothing():
    job_service = a_job_service()
    job = submit(job_service, work=too_much_for_memory()).job
    snapshot = run(job_service.look(ADA, job.id, LATER))

    assert snapshot.state is FAILED
    assert "out of memory: upscaler" in snapshot.job.reason_at(LATER)
    assert run(job_service.wallet(ADA, LATER)).balance == 1000


# Request keys


def test_a_repeated_request_is_told_the_first_job():
    job_service = a_job_service()
    first = submit(job_service, request_key="key", fingerprint=1).job

    with pytest.raises(RequestRepeated) as same:
        submit(job_service, request_key="key", fingerprint=1)
    with pytest.raises(RequestRepeated) as other:
        submit(job_service, request_key="key", fingerprint=2)

    assert (same.value.job_id, same.value.same_content) == (first.id, True)
    assert (other.value.job_id, other.value.same_content) == (first.id, False)
    assert run(job_service.wallet(ADA, NOW)).held == first.price


def test_a_repeated_request_is_told_the_first_job_even_without_credits():
    job_service, poor = a_job_service(), replace(ADA, opening=Decimal(1))
    submit(job_service, poor, work_that_costs(10), request_key="key")

    with pytest.raises(RequestRepeated):
        submit(job_service, poor, work_that_costs(10), request_key="key")


def test_a_request_key_is_one_accounts_own():
    job_service = a_job_service()
    submit(job_service, request_key="key")

    submit(job_service, an_account("bob"), request_key="key")


def test_a_request_without_a_key_is_never_a_repetition():
    job_service = a_job_service()

    assert submit(job_service).job.id != submit(job_service).job.id


def test_a_request_key_is_remembered_for_its_life():
    job_service = a_job_service()
    first = submit(job_service, request_key="key").job

    with pytest.raises(RequestRepeated):
        submit(job_service, now=NOW + 60, request_key="key", key_life=60)
    second = submit(job_service, now=NOW + 60.001, request_key="key", key_life=60).job

    assert second.id != first.id
    with pytest.raises(RequestRepeated) as refusal:
        submit(job_service, now=NOW + 61, request_key="key", key_life=60)
    assert refusal.value.job_id == second.id


def test_a_key_that_a_newer_job_uses_again_outlives_the_older_job():
    job_service = a_job_service(keep_jobs=2, progress=Progression.INSTANT)
    submit(job_service, request_key="key")
    second = submit(job_service, now=NOW + 100, request_key="key", key_life=60).job
    submit(job_service, now=NOW + 101)  # The first job has to make room.

    with pytest.raises(RequestRepeated) as refusal:
        submit(job_service, now=NOW + 102, request_key="key", key_life=60)
    assert refusal.value.job_id == second.id


def test_parallel_repetitions_make_one_job():
    job_service = a_job_service(HesitatingStore())

    async def all_at_once():
        return await asyncio.gather(
            *(
                job_service.submit(
                    ADA, an_order(), some_work(), NOW, request_key="key", fingerprint=each
                )
                for each in (1, 1, 1, 2)
            ),
            return_exceptions=True,
        )

    first, *others = asyncio.run(all_at_once())

    assert [type(each) for each in others] == [RequestRepeated] * 3
    assert {each.job_id for each in others} == {first.job.id}
    assert [each.same_content for each in others] == [True, True, False]


@pytest.mark.parametrize(("affordable", "asking"), [(0, 3), (1, 5), (7, 20)])
@pytest.mark.parametrize("progress", Progression)
def test_of_parallel_jobs_exactly_those_get_in_that_can_be_paid(affordable, asking, progress):
    job_service = a_job_service(HesitatingStore(), progress=progress)
    account = replace(ADA, opening=Decimal("0.8") * affordable + Decimal("0.7"))

    async def all_at_once():
        answers = await asyncio.gather(
            *(
                job_service.submit(account, an_order(), work_that_costs(8), NOW)
                for _ in range(asking)
            ),
            return_exceptions=True,
        )
        return answers, await job_service.wallet(account, LATER)

    answers, wallet = asyncio.run(all_at_once())
    refusals = [each for each in answers if isinstance(each, BaseException)]

    assert [type(each) for each in refusals] == [CreditsShort] * (asking - affordable)
    assert len({each.job.id for each in answers if each not in refusals}) == affordable
    assert wallet.balance == Decimal("0.7")


def test_parallel_calls_are_counted_one_by_one():
    job_service = a_job_service(HesitatingStore())

    async def all_at_once():
        calls = [job_service.admit(ADA, ADA.limits, NOW) for _ in range(8)]
        return await asyncio.gather(*calls, return_exceptions=True)

    assert [each == "" for each in asyncio.run(all_at_once())] == [True] * 5 + [False] * 3


# At once, by polls, by hand


def test_an_instant_job_is_over_and_paid_when_it_was_submitted():
    job_service = a_job_service(progress=Progression.INSTANT)
    snapshot = submit(job_service, work=work_that_costs(8))

    assert snapshot.state is SUCCEEDED
    assert snapshot.job.ending is not None
    assert run(job_service.wallet(ADA, NOW)).charged == Decimal("0.8")


def test_an_instant_job_can_fail_all_the_same():
    job_service = a_job_service(progress=Progression.INSTANT)

    assert submit(job_service, work=too_much_for_memory()).state is FAILED
    assert submit(job_service, work=some_work(inputs=("nothing",))).state is FAILED
    assert (
        submit(job_service, work=some_work(inputs=(a_picture_of(job_service).id,))).state
        is SUCCEEDED
    )


def test_instant_jobs_need_no_slot():
    job_service = a_job_service(progress=Progression.INSTANT, slots=1)

    assert [submit(job_service).state for _ in range(5)] == [SUCCEEDED] * 5


@pytest.mark.parametrize("polls", [1, 2, 4, 9])
def test_so_many_looks_end_a_job_while_time_stands(polls):
    job_service = a_job_service(progress=Progression.POLLS, polls=polls)
    job = submit(job_service).job
    seen = [state(job_service, job, NOW) for _ in range(polls)]

    assert seen[-1] is SUCCEEDED
    assert not any(each.final for each in seen[:-1])
    assert run(job_service.wallet(ADA, NOW)).held == 0


def test_time_does_not_move_a_job_that_polls_move():
    job_service = a_job_service(progress=Progression.POLLS)
    job = submit(job_service).job

    assert run(job_service.wallet(ADA, LATER)).held == job.price
    assert state(job_service, job, LATER) is WAITING


def test_a_look_never_moves_a_job_back_from_where_a_hand_has_put_it():
    job_service = a_job_service(progress=Progression.POLLS, polls=8)
    job = submit(job_service).job
    run(job_service.advance(ADA, job.id, NOW))
    assert run(job_service.advance(ADA, job.id, NOW)).state is RUNNING

    assert state(job_service, job, NOW) is RUNNING


@pytest.mark.parametrize("now", [0.0, 0.1, 1234.567, NOW, NOW + 0.123])
def test_a_hand_moves_a_job_from_state_to_state(now):
    job_service = a_job_service(progress=Progression.MANUAL, planner=a_planner(pending=0.3))
    job = submit(job_service, now=now).job
    states = [run(job_service.advance(ADA, job.id, now)).state for _ in range(4)]

    assert states == [JobState.PENDING, WAITING, RUNNING, SUCCEEDED]
    with pytest.raises(AlreadyEnded):
        run(job_service.advance(ADA, job.id, now))


def test_a_hand_moves_a_job_even_where_nothing_takes_any_time():
    profile = replace(PROFILES["short"], created=0.0, wait=(0.0, 0.0), load=0.0, per_effort=0.0)
    job_service = a_job_service(progress=Progression.MANUAL, planner=a_planner(profile=profile))
    job = submit(job_service).job

    assert run(job_service.advance(ADA, job.id, NOW)).state is SUCCEEDED


def test_a_hand_moves_a_job_by_seconds_of_its_own():
    job_service = a_job_service(progress=Progression.MANUAL)
    job = submit(job_service).job
    halfway = job.plan.lead + job.plan.run / 2

    assert run(job_service.advance(ADA, job.id, NOW, seconds=-5)).job.position == NOW
    snapshot = run(job_service.advance(ADA, job.id, NOW, seconds=halfway))
    assert snapshot.state is RUNNING
    assert snapshot.job.done_at(NOW) == pytest.approx(0.5, abs=1e-5)
    assert run(job_service.advance(ADA, job.id, NOW, seconds=float("inf"))).state is SUCCEEDED


def test_a_job_that_time_moves_is_moved_by_no_hand():
    job_service = a_job_service()
    job = submit(job_service).job

    with pytest.raises(Conflict, match="time moves this job"):
        run(job_service.advance(ADA, job.id, NOW))


@pytest.mark.parametrize("progress", [Progression.MANUAL, Progression.POLLS])
def test_a_job_that_is_moved_by_hand_looks_at_its_pictures_when_it_starts(progress):
    job_service = a_job_service(progress=progress)
    poor = submit(job_service, work=some_work(inputs=("nothing",))).job
    rich = submit(job_service, work=some_work(inputs=(a_picture_of(job_service).id,))).job
    for _ in range(2):
        run(job_service.advance(ADA, rich.id, NOW))
        snapshot = run(job_service.advance(ADA, poor.id, NOW))

    assert snapshot.state is FAILED
    assert "never uploaded" in snapshot.job.reason_at(NOW)
    assert run(job_service.advance(ADA, rich.id, NOW)).state is SUCCEEDED
    assert run(job_service.wallet(ADA, NOW)).charged == rich.price


# Looking, cancelling, ending by hand


def test_jobs_of_others_are_not_found():
    job_service, bob = a_job_service(), an_account("bob")
    job = submit(job_service).job

    for call in (job_service.look, job_service.cancel, job_service.finish, job_service.advance):
        with pytest.raises(NotFound, match="job not found"):
            run(call(bob, job.id, NOW))
        with pytest.raises(NotFound):
            run(call(ADA, "1", NOW))
    assert state(job_service, job, NOW) is CREATED


def test_a_rank_falls_to_none_and_those_behind_have_a_larger_one():
    job_service = a_job_service(slots=1)
    jobs = [submit(job_service, now=NOW + 0.01 * number).job for number in range(5)]
    moments = [NOW + 0.05 * step for step in range(int((jobs[-1].ends_at - NOW) / 0.05))]
    seen: dict[str, list[tuple[int, int]]] = {job.id: [] for job in jobs}
    for now in moments:
        snapshots = [run(job_service.look(ADA, job.id, now)) for job in jobs]
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
    job_service = a_job_service(slots=1)
    first, second = submit(job_service).job, submit(job_service).job
    now = first.starts_at + 0.1
    snapshot = run(job_service.cancel(ADA, first.id, now))

    assert snapshot.state is CANCELED
    assert run(job_service.wallet(ADA, now)).held == second.price
    assert run(job_service.look(ADA, second.id, now)).job.starts_at < second.starts_at
    assert state(job_service, first, LATER) is CANCELED


def test_a_running_job_is_not_cancelled_where_that_is_the_rule():
    job_service = a_job_service()
    job = submit(job_service).job

    with pytest.raises(AlreadyEnded):
        run(job_service.cancel(ADA, job.id, job.starts_at, running_too=False))
    snapshot = run(job_service.cancel(ADA, job.id, job.starts_at - 0.001, running_too=False))
    assert snapshot.state is CANCELED


def test_a_job_ends_by_hand_well_or_with_a_reason():
    job_service = a_job_service()
    good, bad = submit(job_service).job, submit(job_service).job

    assert run(job_service.finish(ADA, good.id, NOW)).state is SUCCEEDED
    snapshot = run(job_service.finish(ADA, bad.id, NOW, failure="the cat"))
    assert snapshot.state is FAILED
    assert snapshot.job.reason_at(NOW) == "the cat"
    wallet = run(job_service.wallet(ADA, NOW))
    assert (wallet.charged, wallet.held) == (good.price, ZERO)


@pytest.mark.parametrize("call", ["cancel", "finish"])
@pytest.mark.parametrize("end", ["cancel", "finish", "time"])
def test_what_is_over_stays_as_it_is(call, end):
    job_service = a_job_service()
    job = submit(job_service).job
    now = job.ends_at if end == "time" else NOW
    if end != "time":
        run(getattr(job_service, end)(ADA, job.id, now))
    before = run(job_service.look(ADA, job.id, now)), run(job_service.wallet(ADA, now))

    # Neither at that moment nor if somebody's clock were behind is there anything left to end.
    for moment in (now, now - 0.01):
        with pytest.raises(AlreadyEnded) as refusal:
            run(getattr(job_service, call)(ADA, job.id, moment))
        assert refusal.value.job_id == job.id
    assert (run(job_service.look(ADA, job.id, now)), run(job_service.wallet(ADA, now))) == before


# Making room


@pytest.mark.parametrize("progress", [Progression.INSTANT, Progression.TIME])
def test_no_more_jobs_are_kept_than_that(progress):
    job_service = a_job_service(keep_jobs=5, progress=progress)
    made = [
        submit(job_service, now=NOW + 100 * each, request_key=str(each)).job for each in range(20)
    ]

    for job in made[:-5]:
        with pytest.raises(NotFound):
            run(job_service.look(ADA, job.id, LATER))
        submit(job_service, an_account("bob"), now=LATER)  # Others make no room for it.
    for job in made[-5:]:
        assert state(job_service, job, LATER) is SUCCEEDED
    submit(job_service, now=LATER, request_key="0")  # Its key went with it.


def test_jobs_that_go_on_are_kept_however_many():
    job_service = a_job_service(keep_jobs=2, progress=Progression.MANUAL)
    going = [submit(job_service).job for _ in range(5)]
    over = submit(job_service, progress=Progression.INSTANT).job
    last = submit(job_service, progress=Progression.INSTANT).job

    assert [state(job_service, job, NOW) for job in going] == [CREATED] * 5
    assert state(job_service, last, NOW) is SUCCEEDED
    with pytest.raises(NotFound):
        run(job_service.look(ADA, over.id, NOW))


# Uploads


def test_a_place_is_open_for_a_while_and_what_lies_there_is_kept_for_a_while():
    job_service = a_job_service()
    place = run(job_service.reserve(ADA, NOW, upload_for=60, keep_for=3600))

    assert (place.upload_until, place.keep_until) == (NOW + 60, NOW + 3600)
    assert run(job_service.resource(place.id)) == place
    assert run(job_service.reserve(ADA, NOW, upload_for=60, keep_for=None)).keep_until is None


def test_an_upload_is_kept_with_its_bytes():
    job_service = a_job_service()
    picture = a_picture_of(job_service)

    assert run(job_service.resource(picture.id)) == picture
    assert run(job_service.store.blobs.get(picture.id)) == b"data"


def test_an_upload_that_is_too_large_leaves_nothing():
    job_service = a_job_service(upload_bytes=3)
    place = run(job_service.reserve(ADA, NOW, upload_for=60, keep_for=None))

    with pytest.raises(TooLarge) as refusal:
        run(job_service.receive(ADA, replace(place, uploaded_at=NOW), b"data"))

    assert refusal.value.limit_bytes == 3
    assert run(job_service.resource(place.id)) == place
    assert run(job_service.store.blobs.get(place.id)) is None


def test_places_are_told_apart_even_if_all_are_reserved_at_one_moment():
    job_service = a_job_service()
    accounts = [ADA, an_account("bob")]
    made = {
        run(job_service.reserve(account, NOW, upload_for=60, keep_for=None)).id
        for account in accounts
        for _ in range(100)
    }

    assert len(made) == 200


def test_an_upload_may_have_a_limit_of_its_own():
    job_service = a_job_service(upload_bytes=3)
    place = run(job_service.reserve(ADA, NOW, upload_for=60, keep_for=None))

    run(job_service.receive(ADA, replace(place, uploaded_at=NOW), b"data", limit_bytes=4))
    with pytest.raises(TooLarge):
        run(job_service.receive(ADA, replace(place, uploaded_at=NOW), b"data", limit_bytes=3))


@pytest.mark.parametrize(
    ("media_type", "found", "ends"),
    [("", "", FAILED), ("image/png", "", FAILED), ("image/png", "png", SUCCEEDED),
     ("audio/mpeg", "", SUCCEEDED)],
)  # fmt: skip
def test_only_what_is_meant_to_be_a_picture_has_to_be_one(media_type, found, ends):
    job_service = a_job_service()
    place = run(job_service.reserve(ADA, NOW, upload_for=60, keep_for=None, media_type=media_type))
    run(job_service.receive(ADA, replace(place, uploaded_at=NOW, format=found), b"data"))
    job = submit(job_service, work=some_work(inputs=(place.id,))).job

    assert state(job_service, job, LATER) is ends


def test_the_jobs_ahead_are_counted_from_the_submission_on():
    job_service = a_job_service(slots=1)
    jobs = [submit(job_service).job for _ in range(3)]
    job = jobs[-1]
    created = run(job_service.look(ADA, job.id, NOW))
    waiting = run(job_service.look(ADA, job.id, job.queued_at))

    assert (created.state, waiting.state) == (CREATED, WAITING)
    assert created.ahead >= waiting.ahead >= 2


def test_the_oldest_upload_makes_room():
    job_service = a_job_service(keep_resources=2)
    first, second, third = (a_picture_of(job_service) for _ in range(3))

    assert run(job_service.resource(first.id)) is None
    assert run(job_service.resource(second.id)) == second
    assert run(job_service.resource(third.id)) == third


# Who calls, and when


def test_no_credential_is_kept_under_a_secret():
    kept = credential_ids(ADA.credentials)

    assert len(set(kept)) == 3
    assert not any(ADA.credentials.token in name or ADA.credentials.secret in name for name in kept)


@pytest.mark.parametrize("credential", credential_ids(ADA.credentials))
def test_an_account_is_found_by_each_of_its_credentials(credential):
    job_service = a_job_service()

    async def log_in():
        async with job_service.store.transaction("ada") as tx:
            await tx.put(ADA)
            await tx.put(Credential(credential, "ada"))

    assert run(job_service.account(credential)) is None
    run(log_in())
    assert run(job_service.account(credential)) == ADA
    assert run(job_service.owner("ada")) == ADA


def test_an_account_without_a_clock_goes_by_the_walls_time_until_there_is_a_server_clock():
    assert run(a_job_service().now(ADA, 123.0)) == 123.0


def test_an_account_goes_by_its_own_clock_if_it_has_one():
    assert run(a_job_service().now(replace(ADA, clock=a_clock(50.0)), 123.0)) == 50.0


def test_looking_at_a_job_writes_nothing_while_nothing_is_due():
    job_service = a_job_service()
    job = submit(job_service).job

    async def look_while_somebody_else_is_at_it():
        async with job_service.store.transaction("ada"):
            return await job_service.look(ADA, job.id, NOW)

    assert run(look_while_somebody_else_is_at_it()).state is CREATED
