"""A task from its submission to its end, as polls show it (`Workshop › 7`, `8`)."""

import pytest

from contract_tests.answers import expect_one_of
from contract_tests.clients.workshop import TASK_ENDS, TASK_STATES
from contract_tests.markers import observes, source, spends
from contract_tests.outcomes import OnlyObserved
from contract_tests.workshop.envelopes import orderly, reason, refused
from contract_tests.workshop.orders import a_drawing, a_prompt
from contract_tests.workshop.shared_tasks import submitted
from contract_tests.workshop.uses import use

PAIR = ("sd_txt2img", a_drawing(batch_size=2))
PROMPT = ("comfy_prompt", a_prompt())
BOTH = pytest.mark.parametrize(
    "order", [pytest.param(PAIR, id="sd"), pytest.param(PROMPT, id="comfy")]
)
PLACES = {state: place for place, state in enumerate(TASK_STATES)} | {"failed": 2}
UNKNOWN_TASK = "01j0000000nosuchtask000000"


@source("Workshop › 7", "Workshop › 8.1")
@spends(1)
@BOTH
def test_a_submission_answers_with_id_and_status(recorded, order):
    created = recorded(*order).created

    assert created["taskId"], "a task has no taskId"
    expect_one_of(created["status"], TASK_STATES, "the status of a new task")


@source("Workshop › 8.1")
@spends(1)
def test_a_workflow_task_tells_how_long_it_may_take(recorded):
    estimate = recorded(*PROMPT).created["estimatedDurationInSeconds"]

    assert isinstance(estimate, int | float), f"estimatedDurationInSeconds is {estimate!r}"
    assert estimate >= 0


@source("Workshop › 7", "Workshop › 8.4")
@spends(1)
@BOTH
def test_only_documented_states_are_seen(recorded, order):
    task = recorded(*order)

    for state in (*task.states, task.result["status"]):
        expect_one_of(state, TASK_STATES, "the status of a task")
    assert task.states[-1] == task.result["status"] == "succeeded"


@source("Workshop › 7")
@spends(1)
@BOTH
def test_a_task_only_moves_forward(recorded, order):
    seen = recorded(*order).states

    places = [PLACES.get(state, len(PLACES)) for state in seen]
    assert places == sorted(places), f"the order of states runs back: {seen}"


@source("Workshop › 7")
@spends(1)
@BOTH
def test_a_task_that_is_over_stays_over(recorded, order):
    task = recorded(*order)

    for look in task.later:
        assert look["status"] in TASK_ENDS, f"a task that is over stays so, not {look['status']}"
        assert look["status"] == task.looks[-1]["status"]


@source("Workshop › 7", "Workshop › 8.4")
@spends(1)
@BOTH
def test_each_look_has_what_the_sdks_read(recorded, order):
    for look in recorded(*order).all_looks:
        assert isinstance(look["taskId"], str)
        for name in ("progress", "etaRelative"):
            assert isinstance(look[name], int | float), f"{name} is {look[name]!r}"
            assert not isinstance(look[name], bool)


@source("Workshop › 7")
@spends(1)
@BOTH
def test_progress_is_a_part_of_one_and_never_runs_back(recorded, order):
    progress = [look["progress"] for look in recorded(*order).all_looks]

    assert all(0 <= part <= 1 for part in progress), f"progress is beyond 0 to 1: {progress}"
    assert progress == sorted(progress), f"progress runs back: {progress}"


@source("Workshop › 7")
@spends(1)
@BOTH
def test_the_seconds_to_go_are_never_negative(recorded, order):
    for look in recorded(*order).all_looks:
        assert look["etaRelative"] >= 0


@source("Workshop › 7")
@spends(1)
@BOTH
def test_only_a_waiting_task_has_others_before_it(recorded, order):
    waiting = []
    for look in recorded(*order).all_looks:
        left = look.get("lastQueueRemaining")
        if look["status"] == "waiting":
            waiting.append(left or 0)
        else:
            assert left is None, f"a task that is {look['status']} has lastQueueRemaining {left}"
    assert waiting == sorted(waiting, reverse=True), f"lastQueueRemaining rises: {waiting}"


@source("Workshop › 7")
@spends(1)
def test_sampling_steps_are_as_many_as_ordered_and_only_grow(recorded):
    states = [look.get("state") for look in recorded(*PAIR).all_looks]

    steps = [state["sampling_step"] for state in states if state]
    assert steps == sorted(steps), f"sampling_step runs back: {steps}"
    for state in filter(None, states):
        assert 0 <= state["sampling_step"] <= state["sampling_steps"]
        assert state["skipped"] is False
        assert state["interrupted"] is False


@source("Workshop › 8.2")
@spends(1)
def test_the_state_of_a_workflow_is_a_node_and_its_step(recorded):
    states = [look.get("state") for look in recorded(*PROMPT).all_looks]

    for state in filter(None, states):
        assert state["nodeLabel"], "the state of a workflow names no node"
        assert 0 <= state["step"] <= state["maxSteps"]


@source("Workshop › 8.2")
@spends(1)
def test_a_workflow_that_succeeded_shows_its_picture(recorded):
    looks = [look for look in recorded(*PROMPT).all_looks if look["status"] == "succeeded"]

    for look in looks:
        assert look["currentImage"].startswith(("http://", "https://"))


@source("Workshop › 7", "Workshop › 8.2")
@spends(2)
def test_each_look_is_at_the_task_that_was_asked_for(workshop):
    tasks = [submitted(workshop, *order)["taskId"] for order in (PAIR, PROMPT)]

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
@BOTH
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
    envelope = workshop.ask("sd_get_result", {"taskId": task})

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
def test_the_result_of_a_task_that_failed_is_a_failure(workshop, observe):
    asked = {"contentType": "image/png", "originalFilename": "never-put.png"}
    place = workshop.ask("sp_create_temp_file_upload_sign", asked).expect_success()
    order = a_drawing(init_images=[place["accessUrl"]], denoising_strength=0.5)
    submission = use(workshop, "sd_img2img", order)
    if not submission.ok:
        refused(submission.answer)
        observe("W22", "an input that was never uploaded", reason(submission.answer))
        raise OnlyObserved("a task whose input was never uploaded is refused at its creation")
    task = submission.body["data"]["taskId"]
    end = workshop.wait_for(task)
    observe("W22", "an input that was never uploaded", end["status"])

    if end["status"] == "failed":
        answer = workshop.ask("sd_get_result", {"taskId": task}).answer
        refused(answer)
        observe("W20", "the result of a failed task", reason(answer))
        assert workshop.progress(task)["status"] == "failed"
