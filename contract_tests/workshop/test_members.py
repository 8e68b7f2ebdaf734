"""The members of answers, by name (`Workshop › 5.1`, `6.3`, `7`, `8`).

Answers are not compared with the OpenAPI file here, so that failures name the missing member.
"""

import pytest

from contract_tests.markers import leaves_traces, source, spends
from contract_tests.workshop.orders import a_drawing, a_prompt
from contract_tests.workshop.sessions import a_token
from contract_tests.workshop.shared_tasks import kind_of
from contract_tests.workshop.uses import stays, use

TOKEN = {"apiToken": str, "tokenExpiredAt": int | None, "usedSessionTimeInSeconds": int}
SESSION = {"apiToken": str, "sessionUrl": str, "expiredAt": int, "expiredInSeconds": int}
SUBMISSION = {"taskId": str, "status": str}
PROGRESS = {"taskId": str, "status": str, "progress": int | float, "etaRelative": int | float}
SD_RESULT = {"taskId": str, "status": str, "images": list, "parameters": dict, "info": dict}
COMFY_RESULT = {
    "taskId": str, "status": str, "images": list, "taskDuration": int, "taskBeginTime": int,
    "taskEndTime": int,
}  # fmt: skip
TASKS = [
    pytest.param("sd_txt2img", a_drawing(), SUBMISSION, SD_RESULT, id="sd"),
    pytest.param(
        "comfy_prompt", a_prompt(),
        {**SUBMISSION, "estimatedDurationInSeconds": int | float}, COMFY_RESULT, id="comfy",
    ),
]  # fmt: skip


def expect_members(data, members, what):
    """Raise `Unmet` unless the data has each member, of its type."""
    for name, kind in members.items():
        value = data[name]
        right = isinstance(value, kind) and not isinstance(value, bool)
        assert right, f"{name} of {what} is {value!r}"


@source("Workshop › 5.1", "Workshop › 5.2")
@leaves_traces
def test_a_token_has_its_members(workshop):
    made = workshop.ask("allocate_token", {}, checked=False).expect_success()
    stays(workshop, made)
    asked = {"apiToken": made["apiToken"]}
    found = workshop.ask("spQueryToken", asked, checked=False).expect_success()

    for what, data in (("a new token", made), ("a token that is asked for", found)):
        expect_members(data, TOKEN, what)


@source("Workshop › 6.3")
@leaves_traces
@spends(1)
@pytest.mark.parametrize("operation", ["spCreateSession", "spRefreshOrCreateSession"])
def test_a_session_has_its_members(workshop, operation):
    asked = {"apiToken": a_token(workshop), "expiredInSeconds": 60}
    made = use(workshop, operation, asked, checked=False).expect_success()
    found = workshop.ask("spQuerySession", asked, checked=False).expect_success()

    for what, data in (("a new session", made), ("a live session", found)):
        expect_members(data, SESSION, what)


@source("Workshop › 7", "Workshop › 8", "Workshop › 8.4")
@spends(1)
@pytest.mark.parametrize(("operation", "order", "submission", "result"), TASKS)
def test_a_task_has_its_members(workshop, operation, order, submission, result):
    kind = kind_of(operation)
    made = use(workshop, operation, order, checked=False).expect_success()
    expect_members(made, submission, "a new task")
    asked = {"taskId": made["taskId"]}

    look = workshop.ask(f"{kind}_get_progress", asked, checked=False).expect_success()
    expect_members(look, PROGRESS, "a look at a task")
    workshop.wait_for(made["taskId"], "succeeded", kind=kind)

    data = workshop.ask(f"{kind}_get_result", asked, checked=False).expect_success()
    expect_members(data, result, "a result")
