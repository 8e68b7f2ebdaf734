"""A task from its submission to its end, as polls show it (`Workshop › 7`, `8`)."""

import pytest

from contract_tests.clients.workshop_answers import TASK_ENDS, TASK_STATES
from contract_tests.markers import observes, source, spends
from contract_tests.outcomes import OnlyObserved
from contract_tests.workshop.envelopes import orderly, reason, refused
from contract_tests.workshop.orders import (
    PROMPT,
    SEVERAL,
    TASKS,
    UNITS,
    a_drawing,
    a_prompt,
    a_redrawing,
    some_inputs,
)
from contract_tests.workshop.shared_tasks import kind_of, submitted
from contract_tests.workshop.uses import use

EACH = pytest.mark.parametrize("order", TASKS.values(), ids=TASKS)
MISTAKEN = 20  # a measured duration may be so many times as long or short as an estimate
PLACES = {state: place for place, state in enumerate(TASK_STATES)} | {"failed": 2}
UNKNOWN_TASK = "01j0000000nosuchtask000000"


@source("Workshop › 7", "Workshop › 8.4")
@spends(1)
@EACH
def test_a_task_only_moves_forward(recorded, order):
    seen = recorded(*order).states

    places = [PLACES.get(state, len(PLACES)) for state in seen]
    assert places == sorted(places), f"the order of states runs back: {seen}"


@source("Workshop › 7")
@spends(1)
@EACH
def test_a_task_that_is_over_stays_over(recorded, order):
    task = recorded(*order)

    for look in task.later:
        assert look["status"] in TASK_ENDS, f"a task that is over stays so, not {look['status']}"
        assert look["status"] == task.looks[-1]["status"]


@source("Workshop › 7", "Workshop › 8.4")
@spends(1)
@EACH
def test_a_task_ends_as_its_result_says(recorded, order):
    task = recorded(*order)

    assert task.states[-1] == task.result["status"] == "succeeded"


@source("Workshop › 7")
@spends(1)
@EACH
def test_progress_never_runs_back_and_reaches_its_end_with_the_task(recorded, order):
    task = recorded(*order)
    progress = [look["progress"] for look in task.all_looks]

    assert progress == sorted(progress), f"progress runs back: {progress}"
    running = [look["progress"] for look in task.looks_while("running")]
    assert len(running) < 2 or running[0] < 1, f"progress of a running task is {running}"
    assert len(running) < 4 or len(set(running)) > 1, f"progress stands still: {running}"


@source("Workshop › 7")
@spends(1)
@EACH
def test_the_seconds_to_go_fall_and_are_seconds(recorded, order):
    task = recorded(*order)
    left = [look["etaRelative"] for look in task.looks_while("running")]

    if left:
        assert left[-1] <= left[0], f"etaRelative of a running task rises: {left}"
        longest = MISTAKEN * (task.end - task.begin) + 60
        assert max(left) <= longest, f"etaRelative is {max(left)}, expected seconds"


@source("Workshop › 7")
@spends(1)
@EACH
def test_the_queue_before_a_waiting_task_only_gets_shorter(recorded, order):
    waiting = [look["lastQueueRemaining"] for look in recorded(*order).looks_while("waiting")]

    assert waiting == sorted(waiting, reverse=True), f"lastQueueRemaining rises: {waiting}"


@source("Workshop › 7", "Workshop › 8.2")
@spends(1)
@EACH
def test_a_running_task_shows_its_message_and_its_state(recorded, order):
    running = recorded(*order).looks_while("running")

    for name in ("message", "state"):
        shown = [look.get(name) for look in running]
        assert not running or any(shown), f"no look at a running task has {name}: {shown}"


@source("Workshop › 7")
@spends(1)
@EACH
def test_steps_only_grow_and_stay_within_their_number(recorded, order):
    states = [look["state"] for look in recorded(*order).all_looks if look.get("state")]
    done, number = ("step", "maxSteps") if kind_of(order[0]) == "comfy" else (
        "sampling_step", "sampling_steps"
    )  # fmt: skip

    for place, state in enumerate(states):
        assert state[done] <= state[number], f"{done} is beyond {number}: {state}"
        earlier = states[max(0, place - 1)]
        same = all(state.get(name) == earlier.get(name) for name in ("job_no", "nodeLabel"))
        assert not same or state[done] >= earlier[done], f"{done} runs back: {earlier}, {state}"
        if number == "sampling_steps":
            assert state["job_no"] <= state["job_count"], f"job_no is beyond job_count: {state}"
            assert state["skipped"] is state["interrupted"] is False, f"state is {state}"


@source("Workshop › 7")
@spends(1)
def test_sampling_steps_are_as_many_as_ordered(recorded):
    for look in recorded(*SEVERAL).all_looks:
        if look.get("state"):
            steps = look["state"]["sampling_steps"]
            assert steps == SEVERAL[1]["steps"], f"sampling_steps is {steps}, not as ordered"


@source("Workshop › 8.1")
@spends(1)
def test_the_estimate_for_a_workflow_is_in_seconds(recorded):
    task = recorded(*PROMPT)
    estimate = task.created["estimatedDurationInSeconds"]

    longest = MISTAKEN * (task.end - task.begin) + 60
    assert estimate <= longest, f"estimatedDurationInSeconds is {estimate}, expected seconds"


@source("Workshop › 7", "Workshop › 8.2", "Workshop › 8.3")
@spends(2)
def test_each_look_is_at_the_task_that_was_asked_for(workshop):
    tasks = [submitted(workshop, *order)["taskId"] for order in (SEVERAL, PROMPT)]

    assert len(set(tasks)) == 2, "two tasks have the same taskId"
    for _ in range(2):
        for task, kind in zip(tasks, ("sd", "comfy"), strict=True):
            assert workshop.progress(task, kind)["taskId"] == task, "a look is at another task"
    for task, kind in zip(tasks, ("sd", "comfy"), strict=True):
        workshop.wait_for(task, kind=kind)
    for task, kind in zip(tasks, ("sd", "comfy"), strict=True):
        assert workshop.result(task, kind)["taskId"] == task, "a result is of another task"


@source("Workshop › 7", "Workshop › 8", "Workshop › 12")
@pytest.mark.parametrize("kind", ["sd", "comfy"])
@pytest.mark.parametrize("what", ["progress", "result"])
def test_an_unknown_task_is_not_found(workshop, observe, kind, what):
    envelope = workshop.ask(f"{kind}_get_{what}", {"taskId": UNKNOWN_TASK})

    observe("W30", f"{kind}_get_{what} of an unknown task", reason(envelope.answer))
    if orderly(envelope.answer):
        data = envelope.body["data"]
        assert not (data and data.get("images")), "an unknown task has images"


@source("Workshop › 7", "Workshop › 8.2", "Workshop › 12")
@spends(1)
@EACH
def test_what_the_result_of_an_unfinished_task_is(recorded, order, observe):
    early = recorded(*order).early

    if early is None or early["status"] != 10:
        observe("W31", "the result of an unfinished task", early)
        raise OnlyObserved("the result of an unfinished task is refused")
    data = early["data"]
    if data and data["status"] in ("waiting", "running"):
        assert not data.get("images"), "an unfinished task has images already"
    observe("W31", "the result of an unfinished task", data)


@source("Workshop › 7", "Workshop › 8", "Workshop › 12")
@observes
@spends(1)
def test_whether_tasks_of_both_kinds_share_their_ids(workshop, observe):
    task = workshop.submit_prompt(**PROMPT[1])["taskId"]
    workshop.wait_for(task, kind="comfy")

    # The page of a preset workflow points to the result call of SD tasks.
    envelope = workshop.ask("sd_get_result", {"taskId": task}, checked=False)

    orderly(envelope.answer)
    observe("W34", "sd_get_result of a workflow task", reason(envelope.answer))


@source("Workshop › 8.2")
@spends(1)
def test_extra_members_of_a_look_are_ignored(workshop):
    task = workshop.submit_prompt(**PROMPT[1])["taskId"]
    more = {"workflow_id": PROMPT[1]["workflow_id"], "alias_id": "main"}

    data = workshop.ask("comfy_get_progress", {"taskId": task, **more}).expect_success()

    assert data["taskId"] == task


@source("Workshop › 7", "Workshop › 8.4", "Workshop › 8.5")
@spends(1)
@pytest.mark.parametrize("operation", ["sd_txt2img", "sd_img2img", "comfy_prompt"])
def test_the_result_of_a_task_that_failed_is_a_failure(workshop, observe, operation):
    asked = {"contentType": "image/png", "originalFilename": "never-put.png"}
    url = workshop.ask("sp_create_temp_file_upload_sign", asked).expect_success()["accessUrl"]
    net = {"controlnet": {"units": [{**UNITS[0], "input_image": url}]}}
    orders = {
        "sd_txt2img": a_drawing(alwayson_scripts=net), "sd_img2img": a_redrawing(url),
        "comfy_prompt": a_prompt(inputs=some_inputs(control_image=url)),
    }  # fmt: skip
    submission = use(workshop, operation, orders[operation])
    if not submission.ok:
        refused(submission.answer)
        observe("W22", "an input that was never uploaded", reason(submission.answer))
        raise OnlyObserved("a task whose input was never uploaded is refused at its creation")
    task, kind = submission.body["data"]["taskId"], kind_of(operation)
    end = workshop.wait_for(task, kind=kind)
    observe("W22", "an input that was never uploaded", end["status"])

    if end["status"] == "failed":
        for _ in range(2):
            answer = workshop.ask(f"{kind}_get_result", {"taskId": task}).answer
            refused(answer)
            again = workshop.progress(task, kind)
            assert again["status"] == "failed", "a task that failed does not stay so"
            assert again["progress"] == end["progress"], "the progress of a failed task moves"
            workshop.wire.clock.pause(1)
        observe("W20", "the result of a failed task", reason(answer))
