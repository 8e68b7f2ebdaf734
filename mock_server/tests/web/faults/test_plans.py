"""Jobs that go as a tester wants it."""

import json
from io import BytesIO

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import UNSET
from PIL import Image

from mock_server.core.accounts import Progression
from mock_server.core.jobs.plan_changes import Failure, PlaceInRun, PlanChange, Stall
from mock_server.core.jobs.plans import Plan
from mock_server.tests.makers import Bench, an_account
from mock_server.tests.tams.chains import upscaler
from mock_server.tests.tams.world import a_world, text_to_image
from mock_server.tests.workshop.task_calls import draw, run_workflow
from mock_server.tests.workshop.world import a_world as a_workshop
from mock_server.web.callback_formats import CallbackReply

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


# Plans of jobs that exist


async def plan(world, id, status=200, **members):
    """Change how a job goes from now on."""
    answer = await world.http.patch(f"http://127.0.0.1/_mock/jobs/{id}/plan", json=members)
    assert answer.status_code == status, answer.text
    return answer.json()


async def a_running_job(world, part=0.4, **members):
    """Submit a job that runs for ten seconds, and let it run for a part of that."""
    id = await planned(world, run=10, **members)
    await run_to(world, id, part)
    return id


async def test_what_has_run_stays_when_a_job_gets_slower():
    async with a_world() as world:
        id = await a_running_job(world, 0.4)

        job = await plan(world, id, run=100)

        assert job["done"] == pytest.approx(0.4)
        assert job["ends"]["at"] - await world.now() == pytest.approx(60)
        await world.advance(30)
        assert (await state(world, id))["done"] == pytest.approx(0.7)
        await world.advance(31)
        assert (await world.job(id))["status"] == "SUCCESS"


async def test_a_running_job_gets_stuck_until_it_is_released():
    async with a_world() as world:
        id = await a_running_job(world, 0.4)

        job = await plan(world, id, stallAt=0.6, stall="forever")
        assert job["ends"] is None
        await world.advance(1e9)
        assert (await state(world, id))["done"] == pytest.approx(0.6)

        job = await plan(world, id, stallAt=None)
        assert (job["done"], job["ends"]["at"] - await world.now()) == pytest.approx((0.6, 4))
        await world.advance(5)
        assert (await world.job(id))["status"] == "SUCCESS"


@pytest.mark.parametrize(
    ("members", "place"),
    [
        ({"stallAt": 0.2, "stall": 1}, "stallAt"),
        ({"loseAt": 0.2}, "loseAt"),
        ({"failAt": 0.2}, "failAt"),
        ({"failAt": 0.5, "keepStages": True}, "keepStages"),
        ({"pending": 0}, "pending"),
        ({"wait": 0}, "wait"),
        ({"ahead": 0}, "ahead"),
        ({"sit": 1}, "sit"),
    ],
)
async def test_what_has_passed_is_not_planned_again(members, place):
    async with a_world() as world:
        id = await a_running_job(world, 0.4)
        before = await state(world, id)

        problem = await plan(world, id, 422, **members)

        assert problem["type"].endswith(":impossible-plan")
        assert problem["errors"][0]["pointer"] == f"#/{place}"
        assert await state(world, id) == before


@pytest.mark.parametrize(
    ("members", "reason"),
    [
        ({"stall": 3}, "needs stallAt and stall"),
        ({"losses": 2}, "needs loseAt"),
        ({"loseAt": 0.5, "waitAgain": 3}, "needs backTo queue"),
        ({"code": "OOM"}, "needs failAt"),
        ({"failAt": 0.5, "withoutResults": True}, "cannot both"),
        ({"failAt": 0.5, "loseAt": 0.5}, "cannot lose its worker after"),
        ({"failAt": 0.5, "stallAt": 0.6, "stall": 1}, "cannot stall after"),
    ],
)
async def test_members_that_do_not_fit_together_are_refused_in_rules_and_for_a_job(members, reason):
    async with a_world() as world:
        rule = {"fault": {"kind": "plan"} | members}
        answer = await world.http.post("http://127.0.0.1/_mock/faults", json=rule)
        assert (answer.status_code, reason in answer.text) == (422, True)
        id = (await world.submit())["id"]
        assert reason in (await plan(world, id, 422, **members))["detail"]


async def test_the_plan_of_a_job_that_is_over_or_unknown_is_not_changed():
    async with a_world() as world:
        id = (await world.submit())["id"]
        await world.advance(1000)

        assert (await plan(world, id, 409, run=5))["type"].endswith(":already-ended")
        await plan(world, "1", 404, run=5)
        for wrong in ("long", True, -1, 1e9, [1]):
            problem = await plan(world, id, 400, wait=wrong)
            assert [each["pointer"] for each in problem["errors"]] == ["#/wait"]


async def test_for_ever_is_shown_as_it_was_given():
    async with a_world() as world:
        await planned(world, wait="forever")

        (listed,) = (await world.http.get("http://127.0.0.1/_mock/faults")).json()["faults"]

        assert listed["rule"]["fault"] == {"kind": "plan", "wait": "forever"}


async def test_a_failure_is_planned_with_a_code_and_taken_away_again():
    async with a_world() as world:
        ids = [await a_running_job(world, 0.1) for _ in range(2)]
        for id in ids:
            await plan(world, id, failAt=0.9, reason="no memory", code="OUT_OF_MEMORY")
        await plan(world, ids[1], failAt=None)
        await world.advance(100)

        failed, done = [await world.job(id) for id in ids]
        assert failed["failedInfo"] == {"reason": "no memory", "code": "OUT_OF_MEMORY"}
        assert done["status"] == "SUCCESS"


@pytest.mark.parametrize("member", ["pending", "wait", "sit"])
async def test_a_job_waits_for_ever_and_others_pass_it(member):
    async with a_world() as world:
        stuck = await planned(world, ahead=3, **{member: "forever"})
        others = [(await world.submit())["id"] for _ in range(3)]
        await world.advance(1e9)

        assert [(await world.job(id))["status"] for id in others] == ["SUCCESS"] * 3
        job = await world.job(stuck)
        if member == "pending":
            assert job["status"] == "PENDING"
        else:
            assert (job["status"], job["waitingInfo"]["queueRank"]) == ("WAITING", "4")
        assert (await state(world, stuck))["starts"] is None

        await plan(world, stuck, wait=0, **({"pending": 0} if member == "pending" else {}))
        assert (await world.job(stuck))["status"] == "RUNNING"
        await world.advance(100)
        assert (await world.job(stuck))["status"] == "SUCCESS"


async def ranks(world, *ids, after=0):
    """Return the ranks of jobs after some seconds; 0 is none."""
    await world.advance(after)
    return [int((await world.job(id)).get("waitingInfo", {}).get("queueRank", 0)) for id in ids]


async def test_a_rank_stands_still_and_so_do_those_behind():
    async with a_world(slots=1) as world:
        first = await planned(world, ahead=4, wait=50, sit=600, run=100)
        await world.advance(1)
        second = (await world.submit())["id"]

        stands = [await ranks(world, first, second, after=100) for _ in range(5)]
        falls = [await ranks(world, first, second, after=10) for _ in range(15)]

        assert stands == [[5, 6]] * 5
        assert falls == sorted(falls, reverse=True)
        assert [one for one, other in falls][-1] == 0
        assert all(one < other for one, other in falls)


async def test_the_rank_of_a_waiting_job_is_set_and_stands_still():
    async with a_world() as world:
        id = await planned(world, ahead=2, wait=100, run=100)
        assert await ranks(world, id, after=51) == [2]

        await plan(world, id, ahead=7, sit=30)

        assert await ranks(world, id) == await ranks(world, id, after=30) == [8]
        assert await ranks(world, id, after=47) == [1]
        await world.advance(4)
        assert (await world.job(id))["status"] == "RUNNING"


async def test_those_behind_start_later_if_a_job_runs_longer():
    async with a_world(slots=1) as world:
        first = await a_running_job(world, 0.5)
        second, third = [(await world.submit())["id"] for _ in range(2)]

        end = (await plan(world, first, run=100))["ends"]["at"]
        starts = [(await state(world, id))["starts"]["at"] for id in (second, third)]
        assert starts[0] == end
        assert starts[1] > end

        await plan(world, first, run=1)
        assert (await state(world, second))["starts"]["at"] < end - 40


async def test_a_worker_is_lost_twice_and_the_job_is_charged_once():
    async with a_world() as world:
        before = await world.balance()
        id = await planned(world, run=10, loseAt=0.5, losses=2)
        job = await state(world, id)
        assert job["ends"]["at"] - job["starts"]["at"] == pytest.approx(20)

        seen = [(await run_to(world, id, part))["done"] for part in (0.2, 0.3, 0.45, 0.6, 0.95)]

        assert seen == pytest.approx([0.4, 0.1, 0.4, 0.2, 0.9])
        await world.advance(100)
        assert (await world.job(id))["status"] == "SUCCESS"
        assert before - await world.balance() == pytest.approx(job["price"])


async def test_a_job_that_lost_its_worker_is_back_in_the_queue():
    async with a_world() as world:
        members = {"backTo": "queue", "waitAgain": 30, "ahead": 4}
        id = await planned(world, run=10, loseAt=0.5, **members)
        await run_to(world, id, 0.12)
        assert (await world.job(id))["status"] == "WAITING"

        assert await ranks(world, id) == [5]
        assert await ranks(world, id, after=25) == [1]
        assert (await state(world, id))["done"] == 0
        await world.advance(6)
        assert (await world.job(id))["status"] == "RUNNING"


async def test_callbacks_tell_that_a_job_is_back_in_the_queue():
    async with a_world(tams={"notify_states": "changes"}) as world:
        told = []

        async def receive(target, body):
            told.append(json.loads(body)["status"])
            return CallbackReply(200)

        world.app.dispatcher._send = receive
        rule = {"fault": {"kind": "plan", "loseAt": 0.5, "backTo": "queue"}, "match": JOB}
        await world.http.post("http://127.0.0.1/_mock/faults", json=rule)
        await world.submit(text_to_image() | {"notifyUrl": "http://127.0.0.1:1/hook"})
        await world.http.post("http://127.0.0.1/_mock/clock/advance", json={"seconds": 100})

        assert told == ["WAITING", "RUNNING", "WAITING", "RUNNING", "SUCCESS"]


async def test_a_worker_that_is_lost_in_a_stage_begins_it_again():
    async with a_world() as world:
        id = await planned_upscaling(world, loseAt=0.5, stage=2, backTo="stage")
        job = await state(world, id)
        await world.advance(job["ends"]["at"] - await world.now() - 0.001)

        assert (await state(world, id))["done"] == pytest.approx(1, abs=0.01)
        begun = job["ends"]["at"] - job["starts"]["at"]
        assert begun > 10  # It would have taken ten seconds.


async def planned_upscaling(world, **members):
    rule = {"fault": {"kind": "plan", "run": 10} | members, "match": JOB, "times": 1}
    await world.http.post("http://127.0.0.1/_mock/faults", json=rule)
    body = text_to_image(count=2)
    body["stages"].append(upscaler(hrScale=2))
    return (await world.submit(body))["id"]


async def test_the_second_stage_is_lost_and_the_pictures_of_the_first_are_kept():
    async with a_world() as world:
        before = await world.balance()
        id = await planned_upscaling(world, failAt=0.5, stage=2, keepStages=True)
        await world.advance(100)

        job = await world.job(id)

        assert job["status"] == "FAILED"
        (stage,) = job["failedInfo"]["stages"]
        assert "stageIndex" not in stage  # zero
        files = [each["resourceImage"] for each in stage["processingImages"]]
        sizes = {(512, 512)}
        assert {
            (each["meta"]["image"]["width"], each["meta"]["image"]["height"]) for each in files
        } == sizes
        assert {await size_at(world, each["url"]) for each in files} == sizes
        assert await world.balance() == before


async def size_at(world, url):
    answer = await world.http.get(url)
    assert answer.status_code == 200
    return Image.open(BytesIO(answer.content)).size


async def test_pictures_are_kept_only_by_the_failure_that_was_planned():
    async with a_world() as world:
        id = await planned_upscaling(world, failAt=0.5, stage=2, keepStages=True)
        await world.http.post(f"http://127.0.0.1/_mock/jobs/{id}/fail")

        assert "stages" not in (await world.job(id))["failedInfo"]


async def test_a_late_success_is_charged_and_its_pictures_are_there():
    async with a_world() as world:
        before = await world.balance()
        id = await planned(world, wait=7200)
        await world.advance(3600)
        assert (await world.job(id))["status"] == "WAITING"
        await world.advance(3700)

        (image,) = (await world.job(id))["successInfo"]["images"]

        assert await size_at(world, image["url"]) == (512, 512)
        assert await world.balance() < before


async def test_plans_hold_for_jobs_that_would_be_done_at_once():
    async with a_world(progress=Progression.INSTANT) as world:
        id = await planned(world, wait=20, run=10, stallAt=0.5, stall=60)

        assert (await world.job(id))["status"] == "WAITING"
        await world.advance(40)
        assert (await state(world, id))["done"] == pytest.approx(0.5)
        await world.advance(50)
        assert (await world.job(id))["status"] == "SUCCESS"


@pytest.mark.parametrize(
    ("members", "status"),
    [
        ({"pending": "forever"}, "PENDING"),
        ({"wait": "forever"}, "WAITING"),
        ({"stallAt": 0.5, "stall": "forever"}, "RUNNING"),
    ],
)
async def test_a_job_that_polls_advance_stands_for_ever_too(members, status):
    async with a_world(progress=Progression.POLLS) as world:
        id = await planned(world, **members)
        assert [(await world.job(id))["status"] for _ in range(20)][-3:] == [status] * 3

        await plan(
            world, id, **dict.fromkeys(members, 0) if status != "RUNNING" else {"stallAt": None}
        )
        assert [(await world.job(id))["status"] for _ in range(5)][-1] == "SUCCESS"


# Tasks of the Workshop


TASK = {"operation": "sd_txt2img"}


async def test_tasks_of_the_workshop_are_planned_too():
    async with a_workshop() as world:
        id = await draw(world)
        await plan(world, id, wait="forever", ahead=6)
        progress = await world.data("/scc/sd_get_progress", {"taskId": id})
        assert (progress["status"], progress["lastQueueRemaining"]) == ("waiting", 7)

        await plan(world, id, wait=0, run=10, failAt=0.5, reason="no memory", code="OOM")
        await world.advance(6)

        failed = await world.post("/scc/sd_get_result", {"taskId": id})
        assert (failed["subErrCode"], failed["subErrMessage"]) == ("OOM", "no memory")


async def test_a_workflow_keeps_its_first_picture():
    async with a_workshop() as world:
        id = await run_workflow(world)
        stages = len((await world.job(id)).plan.stages)
        await plan(world, id, failAt=0.9, stage=stages, keepStages=stages > 1)
        await world.advance(1000)

        progress = await world.data("/scc/comfy_get_progress", {"taskId": id})

        assert progress["status"] == "failed"
        assert (await world.http.get(progress["currentImage"])).status_code == 200


# Plans by themselves

PARTS = st.floats(0, 1)
PLANS = st.builds(
    Plan,
    created=st.floats(0, 5),
    pending=st.just(0.0),
    wait=st.floats(0, 5),
    stages=st.lists(st.floats(0.1, 9), min_size=1, max_size=4).map(tuple),
)
PLACES = st.builds(PlaceInRun, st.integers(0, 5), PARTS)
CHANGES = st.builds(
    PlanChange,
    factor=st.floats(0.1, 10),
    run=st.none() | st.floats(0.1, 100),
    stall=st.just(UNSET) | st.builds(Stall, PLACES, st.floats(0.1, 1000)),
    failure=st.just(UNSET) | st.builds(Failure, PLACES, st.just("why")),
)


@given(PLANS, CHANGES, st.lists(PARTS, max_size=10))
def test_progress_never_decreases_and_ends_where_the_plan_says(plan, change, parts):
    changed = change.apply(plan)
    end = changed.until_end

    done = [changed.done_after(end * part) for part in (0, *sorted(parts), 1)]

    assert done == sorted(done)
    assert done[-1] == pytest.approx(1 if changed.failure is None else changed.failure.after)


def test_jobs_without_a_change_are_planned_as_before():
    assert PlanChange().apply(PLAN) == PLAN
    assert Bench().submit(an_account()).job.plan.course == ()


PLAN = Plan(created=1.0, pending=0.0, wait=2.0, stages=(3.0, 4.0))
