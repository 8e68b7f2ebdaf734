"""What each answer of the Workshop must and must not have, in each state of a task.

The client checks every answer, so a test that looks at something else notices, too. These checks
come before those of the OpenAPI file, because they name the member.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from contract_tests.answers import ReceivedAnswer, Remembered, Unmet, expect_one_of

SUCCESS, FAILURE = 10, 20  # `Workshop › 4`: `status` of the envelope
UNIT, SECOND = 100, 1000  # a wrong unit is farther off than this; milliseconds
TASK_STATES = ("waiting", "running", "succeeded", "failed")
TASK_ENDS = ("succeeded", "failed")
CODE = "X-Ca-Error-Code"
ERRORS = ("errCode", "errMessage", "subErrCode", "subErrMessage")
MEMBERS = ("status", "apiInvokeId", "data", *ERRORS, "startTime", "endTime")

Judge = Callable[[Any, Any, Remembered], None]
"""Raises `Unmet` unless `data` is right; the first argument is the body of the call."""


def complete(body: Any) -> Any:
    """Return an envelope that has all its members, or raise `Unmet`."""
    if not isinstance(body, dict):
        raise Unmet(f"the answer is {body!r}, expected an envelope")
    missing = [name for name in MEMBERS if name not in body]
    if missing:
        raise Unmet(f"the envelope has no member {', '.join(missing)}")
    if body["status"] not in (SUCCESS, FAILURE) or not isinstance(body["status"], int):
        raise Unmet(f"the envelope's status is {body['status']!r}, expected 10 or 20")
    if not isinstance(body["data"], dict | list | None):
        raise Unmet(f"data is {body['data']!r}, expected an object, a list or null")
    if not is_text(body["apiInvokeId"]):
        raise Unmet(f"apiInvokeId is {body['apiInvokeId']!r}, expected the id of this call")
    for name in ERRORS:
        if body["status"] == SUCCESS and body[name] is not None:
            raise Unmet(f"{name} of a success is {body[name]!r}, expected null")
        if not isinstance(body[name], str | None):
            raise Unmet(f"{name} is {body[name]!r}, expected a text or null")
    return body


def judge(answer: ReceivedAnswer, path: str, remembered: Remembered) -> None:
    """Raise `Unmet` unless an answer has what is documented."""
    if path not in _JUDGES:
        return
    if not 200 <= answer.status < 300:
        _expect_refusal(answer)
        return
    if CODE in answer.headers:
        raise Unmet(f"{answer.sent} answered {answer.status} with {CODE}, which is of refusals")
    answer.expect_json_type()
    body = complete(answer.json)
    remembered.expect_new("apiInvokeId", body["apiInvokeId"])
    data = body["data"]
    if body["status"] != SUCCESS:
        return
    if answer.status != 200:
        raise Unmet(f"{answer.sent} answered a success with {answer.status}, expected 200")
    if data is None and path not in _WITHOUT_DATA:
        raise Unmet(f"{answer.sent} answered a success without data")
    if data is not None:
        for found in data if isinstance(data, list) else [data]:
            _JUDGES[path](_asked(answer), found, remembered)


def _expect_refusal(answer: ReceivedAnswer) -> None:
    """Raise `Unmet` unless a refusal of the gateway has its headers (`Workshop › 3.4`)."""
    if CODE in answer.headers:
        for name in ("X-Ca-Error-Message", "X-Ca-Request-Id"):
            if not answer.headers.get(name):
                raise Unmet(f"{answer.sent} was refused by the gateway without {name}")


def _asked(answer: ReceivedAnswer) -> Any:
    try:
        asked = json.loads(answer.sent.body or b"{}")
    except ValueError:
        asked = {}
    return asked if isinstance(asked, dict) else {}


def is_text(value: Any) -> bool:
    """Say whether a value is a text with something in it."""
    return isinstance(value, str) and value != ""


def is_number(value: Any) -> bool:
    """Say whether a value is a number that is not negative."""
    return isinstance(value, int | float) and not isinstance(value, bool) and value >= 0


def is_whole(value: Any) -> bool:
    """Say whether a value is a whole number that is not negative."""
    return is_number(value) and isinstance(value, int)


def is_moment(value: Any) -> bool:
    """Say whether a value is a time in milliseconds, which has thirteen digits."""
    return is_whole(value) and len(str(value)) == 13


def is_url(value: Any) -> bool:
    """Say whether a value is an absolute URL."""
    return isinstance(value, str) and re.match(r"https?://[^/]", value) is not None


def is_texts(value: Any) -> bool:
    """Say whether a value is a map from texts to texts, as the SDKs read it."""
    return isinstance(value, dict) and all(isinstance(item, str) for item in value.values())


def is_urls(value: Any) -> bool:
    """Say whether a value is a list of URLs."""
    return isinstance(value, list) and all(map(is_url, value))


def expect_members(data: Any, members: Mapping[str, Callable[[Any], bool]], what: str) -> None:
    """Raise `Unmet` unless the data has each member, of its kind."""
    if not isinstance(data, dict):
        raise Unmet(f"{what} is {data!r}, expected an object")
    for name, kind in members.items():
        if name not in data:
            raise Unmet(f"{what} has no {name!r}; it has: {', '.join(data)}")
        if not kind(data[name]):
            raise Unmet(f"{name} of {what} is {data[name]!r}")


def _expect_absent(data: Any, names: tuple[str, ...], what: str) -> None:
    for name in names:
        if data.get(name) not in (None, []):
            raise Unmet(f"{what} has {name} {data[name]!r}, expected none")


def _expect_the_same(asked: Any, data: Any, name: str) -> None:
    if data[name] != asked.get(name, data[name]):
        raise Unmet(f"{name} of the answer is {data[name]!r}, not {asked[name]!r}, as asked for")


_TOKEN = {
    "apiToken": is_text,
    "tokenExpiredAt": lambda value: isinstance(value, int | None),  # its unit is as given (W12)
    "usedSessionTimeInSeconds": is_whole,
}
_SESSION = {
    "apiToken": is_text, "sessionUrl": is_url, "expiredAt": is_moment, "expiredInSeconds": is_whole
}  # fmt: skip
_TASK = {"taskId": is_text, "status": is_text}
_PROGRESS = {**_TASK, "progress": is_number, "etaRelative": is_number}
_STATES = {
    "sd": {
        "job": lambda value: isinstance(value, str),
        **dict.fromkeys(
            ("job_no", "job_count", "job_timestamp", "sampling_step", "sampling_steps"), is_whole
        ),
        **dict.fromkeys(("skipped", "interrupted"), lambda value: isinstance(value, bool)),
    },
    "comfy": {"nodeLabel": is_text, "step": is_whole, "maxSteps": is_whole},
}
_RESULTS = {
    "sd": {**_TASK, "images": is_urls, "parameters": is_texts, "info": is_texts},
    "comfy": {
        **_TASK, "images": is_urls, "taskDuration": is_whole, "taskBeginTime": is_moment,
        "taskEndTime": is_moment,
    },
}  # fmt: skip
_WITHOUT_DATA = {  # no data is documented, or there may be no session (W5)
    f"/scc/{operation}"
    for operation in ("sp_put_user_state", "spDeleteSession", "spSdModelSync", "spQuerySession")
}
_OUTPUT = {
    **dict.fromkeys(("filename", "object_key", "format"), is_text),
    **dict.fromkeys(("width", "height"), is_whole),
}
_PLACE = {"uploadUrl": is_url, "objectKey": is_text, "path": is_text, "expireTime": is_whole}
_POOL = {"resourceConfigId": is_text, "monitorData": lambda value: isinstance(value, list)}
_USE = {"utilizationRatio": is_number, "computingGroupId": is_text}


def _token(asked: Any, data: Any, remembered: Remembered) -> None:
    expect_members(data, _TOKEN, "a token")
    _expect_the_same(asked, data, "apiToken")


def _session(asked: Any, data: Any, remembered: Remembered) -> None:
    expect_members(data, _SESSION, "a session")
    _expect_the_same(asked, data, "apiToken")
    remembered.expect_owner("sessionUrl", data["sessionUrl"], data["apiToken"])


def _submission(kind: str) -> Judge:
    def check(asked: Any, data: Any, remembered: Remembered) -> None:
        expect_members(data, _TASK, "a new task")
        expect_one_of(data["status"], TASK_STATES, "the status of a new task")
        remembered.expect_new("taskId of a new task", data["taskId"])
        if kind == "comfy":
            expect_members(data, {"estimatedDurationInSeconds": is_number}, "a new task")
        else:
            _expect_absent(data, ("estimatedDurationInSeconds",), "a drawing")

    return check


def _progress(kind: str) -> Judge:
    def check(asked: Any, data: Any, remembered: Remembered) -> None:
        expect_members(data, _PROGRESS, "a look at a task")
        _expect_the_same(asked, data, "taskId")
        expect_one_of(data["status"], TASK_STATES, "the status of a task")
        what, progress = f"a task that is {data['status']}", data["progress"]
        if not 0 <= progress <= 1:
            raise Unmet(f"progress is {progress}, which is beyond 0 to 1")
        if data["status"] == "waiting":
            expect_members(data, {"lastQueueRemaining": is_whole}, what)
            if progress:
                raise Unmet(f"progress of {what} is {progress}, expected 0")
        else:
            _expect_absent(data, ("lastQueueRemaining",), what)
        if data["status"] == "succeeded":
            if progress != 1 or data["etaRelative"]:
                raise Unmet(f"progress and etaRelative of {what} are {progress} and "
                            f"{data['etaRelative']}, expected 1 and 0")  # fmt: skip
            if kind == "comfy":
                expect_members(data, {"currentImage": is_url}, what)
        if data.get("state") is not None:
            expect_members(data["state"], _STATES[kind], f"state of {what}")

    return check


def _result(kind: str) -> Judge:
    def check(asked: Any, data: Any, remembered: Remembered) -> None:
        expect_members(data, _TASK, "a result")
        _expect_the_same(asked, data, "taskId")
        expect_one_of(data["status"], TASK_STATES, "the status of a result")
        if data["status"] == "succeeded":
            expect_members(data, _RESULTS[kind], "a result")
            if len(set(data["images"])) < len(data["images"]):
                raise Unmet(f"an image of a result comes twice: {data['images']}")
            if kind == "comfy":
                _expect_times(data)
                _expect_outputs(data.get("result") or {})
        else:
            _expect_absent(data, ("images", "result", "taskEndTime"), f"a {data['status']} task")

    return check


def _expect_times(data: Any) -> None:
    begin, end, duration = data["taskBeginTime"], data["taskEndTime"], data["taskDuration"]
    if begin > end:
        raise Unmet(f"a task began at {begin} and ended before, at {end}")
    # All are milliseconds. What counts as duration is not said, so only the unit is checked.
    if not (end - begin) / UNIT <= duration <= (end - begin) * UNIT + SECOND:
        raise Unmet(f"a task took {duration} ms, and lasted from {begin} to {end}")


def _expect_outputs(fields: Any) -> None:
    """Output fields that are files have these members (`Workshop › 8.3`)."""
    if not isinstance(fields, dict):
        raise Unmet(f"the result of a workflow is {fields!r}, expected an object")
    for name, field in fields.items():
        if isinstance(field, dict) and {"url", "type"} & set(field):
            expect_members(field, {"url": is_url, "type": is_text}, f"the output {name}")
            kinds = {member: kind for member, kind in _OUTPUT.items() if member in field}
            expect_members(field, kinds, f"the output {name}")


def _place(asked: Any, data: Any, remembered: Remembered) -> None:
    expect_members(data, _PLACE, "a place for an upload")
    remembered.expect_new("uploadUrl", data["uploadUrl"])


def _pool(asked: Any, data: Any, remembered: Remembered) -> None:
    expect_members(data, _POOL, "a pool")
    for entry in data["monitorData"]:
        expect_members(entry, _USE, "monitorData of a pool")


def _nothing_more(asked: Any, data: Any, remembered: Remembered) -> None:
    """Accept any data: none is documented."""


_JUDGES: Mapping[str, Judge] = {
    f"/scc/{operation}": check
    for operation, check in {
        "allocate_token": _token,
        "spQueryToken": _token,
        "sp_put_user_state": _nothing_more,
        "spCreateSession": _session,
        "spRefreshOrCreateSession": _session,
        "spRefreshSession": _session,
        "spQuerySession": _session,
        "spDeleteSession": _nothing_more,
        "sd_txt2img": _submission("sd"),
        "sd_img2img": _submission("sd"),
        "comfy_prompt": _submission("comfy"),
        "sd_get_progress": _progress("sd"),
        "comfy_get_progress": _progress("comfy"),
        "sd_get_result": _result("sd"),
        "comfy_get_result": _result("comfy"),
        "sp_create_temp_file_upload_sign": _place,
        "query_sp_resource_monitor_data": _pool,
        "spSdModelSync": _nothing_more,
    }.items()
}
