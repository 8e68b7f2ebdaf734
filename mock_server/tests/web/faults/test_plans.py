"""Jobs that go as a tester wants it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mock_server.core.jobs.plan_changes import PlaceInRun, PlanChange
from mock_server.core.jobs.plans import Plan
from mock_server.tests.makers import Bench, an_account
from mock_server.tests.tams.world import a_world, text_to_image

JOB = {"operation": "CreateJob"}


async def planned(world, match=JOB, **members):
    """Let the next job go like this, and submit it."""
    rule = {"fault": {"kind": "plan"} | members, "match": match, "times": 1}
    answer = await world.http.post("http://127.0.0.1/_mock/faults", json=rule)
    assert answer.status_code == 201, answer.text
    return (await world.submit(text_to_image()))["id"]


async def state(world, id):
    return (await world.http.get(f"http://127.0.0.1/_mock/jobs/{id}")).json()


async def run_to(world, id, part):
    """Advance to a part of the job's running time as it was planned without a stall."""
    job = await state(world, id)
    now = await world.now()
    begin, end = job["starts"]["at"], job["ends"]["at"]
    await world.advance(begin + (end - begin) * part - now)
    return await state(world, id)


async def test_a_job_fails_at_a_part_of_its_run_and_gives_its_credits_back():
    async with a_world() as world:
        before = await world.balance()
        id = await planned(world, failAt=0.4, reason="the worker was lost", run=100)
        job = await state(world, id)
        assert job["ends"]["at"] - job["starts"]["at"] == pytest.approx(40)

        await world.advance(1000)

        failed = await world.job(id)
        assert (failed["status"], failed["failedInfo"]["reason"]) == (
            "FAILED",
            "the worker was lost",
        )
        assert await world.balance() == before


async def test_a_job_stalls_and_goes_on():
    async with a_world() as world:
        id = await planned(world, run=10, stallAt=0.4, stall=90)

        seen = [(await run_to(world, id, part))["done"] for part in (0.03, 0.05, 0.5, 0.93, 0.97)]

        assert seen == pytest.approx([0.3, 0.4, 0.4, 0.4, 0.7])
        await world.advance(1000)
        assert (await world.job(id))["status"] == "SUCCESS"


async def test_a_job_waits_and_runs_as_long_as_is_wanted():
    async with a_world() as world:
        plain = await state(world, (await world.submit())["id"])
        await world.advance(1000)
        id = await planned(world, wait=500, run=50, ahead=7)

        job = await state(world, id)

        assert job["starts"]["at"] - job["submitted"]["at"] == pytest.approx(500, abs=1)
        assert job["ends"]["at"] - job["starts"]["at"] == pytest.approx(50)
        assert plain["ends"]["at"] - plain["starts"]["at"] < 10
        await world.advance(1)
        assert (await world.job(id))["waitingInfo"]["queueRank"] == "8"


async def test_a_job_takes_some_times_as_long():
    async with a_world() as world:
        jobs = []
        for members in ({}, {"factor": 3}):
            jobs.append(await state(world, await planned(world, **members)))
            await world.advance(1000)
            await world.http.post("http://127.0.0.1/_mock/reset?account=default")

        plain, slow = [job["ends"]["at"] - job["starts"]["at"] for job in jobs]
        assert slow == pytest.approx(3 * plain)


async def test_a_cancel_can_lose_the_race():
    async with a_world() as world:
        before = await world.balance()
        id = await planned(world, ignoreCancel=True)

        assert (await world.call("DELETE", f"/v1/jobs/{id}")).status_code == 200
        await world.advance(1000)

        assert (await world.job(id))["status"] == "SUCCESS"
        assert await world.balance() < before


async def test_a_job_can_succeed_without_pictures():
    async with a_world() as world:
        before = await world.balance()
        id = await planned(world, withoutResults=True)
        await world.advance(1000)

        job = await world.job(id)

        assert job["status"] == "SUCCESS"
        assert not job["successInfo"].get("images")
        assert await world.balance() < before


async def test_two_jobs_fail_and_the_third_succeeds():
    async with a_world() as world:
        rule = {"fault": {"kind": "plan", "failAt": 0.5}, "match": JOB, "times": 2}
        await world.http.post("http://127.0.0.1/_mock/faults", json=rule)
        ids = [(await world.submit())["id"] for _ in range(3)]
        await world.advance(1000)

        assert [(await world.job(id))["status"] for id in ids] == ["FAILED", "FAILED", "SUCCESS"]


async def test_a_prompt_can_plan_its_job():
    async with a_world() as world:
        prompt = [{"text": "a kite [mock:plan; failAt=0.1; reason=no]"}]
        id = (await world.submit(prompts=prompt))["id"]
        await world.advance(1000)

        assert (await world.job(id))["failedInfo"]["reason"] == "no"


PARTS = st.floats(0, 1)
PLANS = st.builds(
    Plan,
    created=st.floats(0, 5),
    pending=st.just(0.0),
    wait=st.floats(0, 5),
    stages=st.lists(st.floats(0.1, 9), min_size=1, max_size=4).map(tuple),
)
CHANGES = st.builds(
    PlanChange,
    factor=st.floats(0.1, 10),
    run=st.none() | st.floats(0.1, 100),
    stalls_at=st.none() | st.builds(PlaceInRun, st.integers(0, 5), PARTS),
    stall=st.floats(0.1, 1000),
    fails_at=st.none() | st.builds(PlaceInRun, st.integers(0, 5), PARTS),
)


@given(PLANS, CHANGES, st.lists(PARTS, max_size=10))
def test_progress_never_decreases_and_ends_where_the_plan_says(plan, change, parts):
    changed = change.apply(plan)
    end = changed.until_end

    worked = [changed.worked_after(end * part) for part in (0, *sorted(parts), 1)]

    assert worked == sorted(worked)
    expected = changed.run * (1 if changed.failure is None else changed.failure.after)
    assert worked[-1] == pytest.approx(expected)


def test_jobs_without_a_change_are_planned_as_before():
    assert PlanChange().apply(PLAN) == PLAN
    assert Bench().submit(an_account()).job.plan.stall == 0


PLAN = Plan(created=1.0, pending=0.0, wait=2.0, stages=(3.0, 4.0))
