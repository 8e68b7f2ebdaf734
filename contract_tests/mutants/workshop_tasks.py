"""Mutants of the Workshop: tasks and their results."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from contract_tests.mutants.calls import HttpCall, HttpReply, Service
from contract_tests.mutants.mutant import Memory, Mutant, on_reply, on_request
from contract_tests.mutants.workshop_authentication import FAILURE, SUCCESS, body_of, on_data

SUBMITTED = r"/scc/(sd_txt2img|sd_img2img|comfy_prompt)"
PROGRESS = r"/scc/(sd|comfy)_get_progress"
RESULT = r"/scc/(sd|comfy)_get_result"
TASKS = rf"{SUBMITTED}|{PROGRESS}|{RESULT}"


def _in_status(status: str, change: Callable[[Any, Memory], object]) -> Callable[..., None]:
    def change_some(data: Any, memory: Memory) -> None:
        if data.get("status") == status:
            change(data, memory)

    return change_some


def _back(data: Any, memory: Memory) -> None:
    ran = memory.setdefault("ran", set())
    if data["taskId"] in ran:
        data["status"] = "waiting"
    ran ^= {data["taskId"]}


def _awake(data: Any, memory: Memory) -> None:
    ended = memory.setdefault("ended", set())
    if data["taskId"] in ended:
        data.update(status="running", progress=0.5)
    ended.add(data["taskId"])


def _falling(data: Any, memory: Memory) -> None:
    memory["progress"] = memory.get("progress", 1.0) - 0.05
    data["progress"] = max(0.01, memory["progress"])


def _failed_well(call: HttpCall, reply: HttpReply, memory: Memory, service: Service) -> HttpReply:
    body = reply.json
    if not isinstance(body, dict) or body.get("status") != FAILURE:
        return reply
    question = call.json
    task = question.get("taskId") if isinstance(question, dict) else None
    look = replace(call, target=call.path.replace("_result", "_progress"))
    seen = (service(service.signed(look)).json or {}).get("data")
    if not isinstance(seen, dict) or seen.get("status") != "failed":
        return reply
    nothing = {"errCode": None, "errMessage": None, "subErrCode": None, "subErrMessage": None}
    data: dict[str, Any] = {"taskId": task, "status": "failed", "images": []}
    return reply.with_json({**body, **nothing, "status": SUCCESS, "data": data})


def _one_less(data: Any, memory: Memory) -> None:
    if isinstance(data.get("images"), list) and data["images"]:
        data["images"].pop()


def _swapped(call: HttpCall, memory: Memory, service: Service) -> HttpCall | HttpReply:
    """Ask for the previous task."""
    body = call.json
    task = body.get("taskId") if isinstance(body, dict) else None
    other = memory.get("last")
    memory["last"] = task
    if other in (None, task) or task is None:
        return call
    return service.signed(call.with_json({**body, "taskId": other}))


def _numbers(data: Any, memory: Memory) -> None:
    for name in ("info", "parameters"):
        if isinstance(data.get(name), dict):
            data[name] = dict.fromkeys(data[name], 7) or {"seed": 7}


def _first_image(data: Any, memory: Memory) -> None:
    data["images"] = [data["images"][0]] * len(data["images"]) if data.get("images") else []


def _without(name: str) -> Callable[[Any, Memory], object]:
    return lambda data, memory: data.pop(name, None)


def _begun_a_day_ago(data: Any, memory: Memory) -> None:
    if data.get("taskBeginTime"):
        data["taskBeginTime"] -= 86_400_000


def _seeds_kept(call: HttpCall, memory: Memory, service: Service) -> HttpCall | HttpReply:
    body = body_of(call)
    if not body.get("randomise_seeds"):
        return call
    return service.signed(call.with_json({**body, "randomise_seeds": False}))


def _header_signed(call: HttpCall, memory: Memory, service: Service) -> HttpCall | HttpReply:
    unsigned = call.header("X-SP-RESOURCE-CONFIG-ID") and (
        "x-sp-resource-config-id" not in call.header("x-ca-signature-headers").lower()
    )
    refusal = HttpReply(
        403, (("X-Ca-Error-Code", "A403IS"), ("X-Ca-Error-Message", "sign the pool"))
    )
    return refusal if unsigned else call


def _with_a_dead_url(data: Any, memory: Memory) -> None:
    if isinstance(data.get("result"), dict) and data["result"]:
        data["result"]["preview"] = "http://127.0.0.1:9/gone.png"


MUTANTS = (
    Mutant("status-successed", "Tasks are `successed`.", "Workshop › 7", "successed",
        on_data(TASKS, _in_status("succeeded", lambda data, memory:
                                    data.update(status="successed")))),
    Mutant("status-undocumented", "Tasks are `queued` where they wait.", "Workshop › 7",
        "queued", on_data(TASKS, _in_status("waiting", lambda data, memory:
                                    data.update(status="queued")))),
    Mutant("task-runs-back", "A task that ran waits again.", "Workshop › 7",
        "(?i)back|order|forward", on_data(PROGRESS, _in_status("running", _back))),
    Mutant("task-runs-again", "A task that succeeded runs again.", "Workshop › 7",
        "(?i)stays|running|back", on_data(PROGRESS, _in_status("succeeded", _awake))),
    Mutant("task-without-id", "The answer to a submission has no taskId.", "Workshop › 7", "taskId",
        on_data(SUBMITTED, lambda data, memory: data.pop("taskId"))),
    Mutant("workflow-without-estimate", "A workflow task has no estimatedDurationInSeconds.",
        "Workshop › 8.1", "estimatedDurationInSeconds", on_data(
            r"/scc/comfy_prompt",
            lambda data, memory: data.pop("estimatedDurationInSeconds", 0))),
    Mutant("progress-without-eta", "Progress has no etaRelative.", "Workshop › 8.4", "etaRelative",
        on_data(PROGRESS, lambda data, memory: data.pop("etaRelative", 0))),
    Mutant("progress-without-id", "Progress has no taskId.", "Workshop › 8.4", "taskId",
        on_data(PROGRESS, lambda data, memory: data.pop("taskId", 0))),
    Mutant("progress-in-percent", "Progress goes up to 100.", "Workshop › 7", "(?i)progress",
        on_data(PROGRESS, lambda data, memory: data.update(
            progress=100 * data.get("progress", 0)))),
    Mutant("progress-runs-back", "Progress falls.", "Workshop › 7", "(?i)progress",
        on_data(PROGRESS, _in_status("running", _falling))),
    Mutant("failure-with-status-10", "The result of a failed task is a success.", "Workshop › 8.4",
        "(?i)fail", on_reply("POST", RESULT, _failed_well)),
    Mutant("result-without-images", "A result has no images.", "Workshop › 7", "'images'",
        on_data(RESULT, _in_status("succeeded", lambda data, memory: data.pop("images", 0)))),
    Mutant("image-missing", "One image is missing.", "Workshop › 7",
        "(?i)as.many", on_data(RESULT, _in_status("succeeded", _one_less))),
    Mutant("another-task-answered", "A query is answered with another task.", "Workshop › 7",
        "(?i)asked.for", on_request("POST", rf"{PROGRESS}|{RESULT}", _swapped)),
    Mutant("info-has-numbers", "Maps of a result hold numbers.", "Workshop › 8.4",
        "(?i)info|parameters|text|str", on_data(RESULT, _numbers)),
    Mutant("times-as-text", "The times of a result are texts.", "Workshop › 8.3",
        "(?i)task\\w*Time", on_data(RESULT, lambda data, memory: data.update(
            {name: str(data[name]) for name in ("taskBeginTime", "taskEndTime") if name in data}))),
    Mutant("two-images-at-most", "A task has two images at most.", "Workshop › 7", "as_many",
        on_data(RESULT, lambda data, memory: data.update(images=(data.get("images") or [])[:2]))),
    Mutant("image-comes-twice", "All images of a task are the first one.", "Workshop › 7",
        "(?i)twice", on_data(RESULT, _first_image)),
    Mutant("queue-unknown", "A waiting task has no lastQueueRemaining.", "Workshop › 7",
        "lastQueueRemaining", on_data(PROGRESS, _without("lastQueueRemaining"))),
    Mutant("queue-of-a-running-task", "A running task has a lastQueueRemaining.",
        "Workshop › 7", "lastQueueRemaining", on_data(PROGRESS, _in_status("running",
            lambda data, memory: data.update(lastQueueRemaining=1)))),
    Mutant("progress-while-waiting", "A waiting task has progress.", "Workshop › 7",
        "(?i)progress", on_data(PROGRESS, _in_status("waiting",
            lambda data, memory: data.update(progress=0.1)))),
    Mutant("progress-stops-short", "The progress of a finished task is 0.99.", "Workshop › 7",
        "(?i)progress", on_data(PROGRESS, _in_status("succeeded",
            lambda data, memory: data.update(progress=0.99)))),
    Mutant("eta-at-the-end", "A finished task has seconds to go.", "Workshop › 7",
        "etaRelative", on_data(PROGRESS, _in_status("succeeded",
            lambda data, memory: data.update(etaRelative=5)))),
    Mutant("eta-in-milliseconds", "etaRelative is in milliseconds.", "Workshop › 7",
        "etaRelative", on_data(PROGRESS, lambda data, memory:
            data.update(etaRelative=1000 * data["etaRelative"]))),
    Mutant("estimate-in-milliseconds", "The estimate for a workflow is in milliseconds.",
        "Workshop › 8.1", "estimatedDurationInSeconds", on_data(r"/scc/comfy_prompt",
            lambda data, memory: data.update(estimatedDurationInSeconds=1000
                * data["estimatedDurationInSeconds"]))),
    Mutant("estimate-of-a-drawing", "A drawing has an estimate.", "Workshop › 7",
        "estimatedDurationInSeconds", on_data(r"/scc/sd_\w+2img",
            lambda data, memory: data.update(estimatedDurationInSeconds=3))),
    Mutant("state-unknown", "A running task shows no state.", "Workshop › 7", "state",
        on_data(PROGRESS, _without("state"))),
    Mutant("state-without-count", "The state of a drawing has no job_count.", "Workshop › 7",
        "job_count", on_data(PROGRESS, lambda data, memory:
            (data.get("state") or {}).pop("job_count", 0))),
    Mutant("message-unknown", "A running task has no message.", "Workshop › 7", "message",
        on_data(PROGRESS, _without("message"))),
    Mutant("end-before-the-end", "A running task has a taskEndTime.", "Workshop › 8.3",
        "taskEndTime", on_data(RESULT, lambda data, memory:
            data.update(taskEndTime=data.get("taskEndTime") or 1768464011200))),
    Mutant("duration-off", "taskDuration is not the time from begin to end.", "Workshop › 8.3",
        "taskDuration", on_data(RESULT, _in_status("succeeded", lambda data, memory:
            data.update(taskDuration=data.get("taskDuration", 0) + 9000)))),
    Mutant("begins-too-early", "A task begins before it was submitted.", "Workshop › 8.3",
        "taskBeginTime|taskDuration", on_data(RESULT, _begun_a_day_ago)),
    Mutant("failed-task-runs", "A task that failed runs for ever.", "Workshop › 7",
        "(?i)still running", on_data(PROGRESS, _in_status("failed",
            lambda data, memory: data.update(status="running", progress=0.9)))),
    Mutant("pool-header-must-be-signed", "X-SP-RESOURCE-CONFIG-ID has to be signed.",
        "Workshop › 3.1", "(?i)header|signed|pool", on_request("POST", SUBMITTED, _header_signed)),
    Mutant("dead-url-in-a-result", "A result has a URL that nobody can fetch.", "Workshop › 8.4",
        "(?i)files", on_data(r"/scc/comfy_get_result", _with_a_dead_url)),
    Mutant("seeds-not-random", "randomise_seeds changes nothing.", "Workshop › 8.1",
        "randomise_seeds|random", on_request("POST", r"/scc/comfy_prompt", _seeds_kept)),
)  # fmt: skip
