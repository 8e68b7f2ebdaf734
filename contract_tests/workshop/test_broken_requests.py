"""Malformed requests: they are refused in the documented form, without server errors."""

import json
from typing import Any

import pytest

from contract_tests.markers import leaves_traces, observes, source, spends
from contract_tests.workshop.envelopes import orderly, reason, refused
from contract_tests.workshop.gateways import A_QUESTION, QUERY, UNKNOWN_TOKEN
from contract_tests.workshop.orders import a_drawing, a_prompt, a_redrawing
from contract_tests.workshop.uses import stays, use

GOOD = json.dumps(A_QUESTION)
BROKEN = {
    "half of it": GOOD[: len(GOOD) // 2].encode(),
    "a word": b"apiToken",
    "two values": (GOOD + GOOD).encode(),
    "single quotes": GOOD.replace('"', "'").encode(),
    "a comma too many": GOOD.replace("}", ",}").encode(),
    "bytes that are not UTF-8": GOOD.replace("nosuch", "nos\xfcch").encode("latin-1"),
    "a list": b"[]",
    "a text": b'"apiToken"',
    "a number": b"7",
    "null": b"null",
    "nothing": b"",
    "a member of NaN": b'{"apiToken": NaN}',
    "half of a pair of surrogates": b'{"apiToken": "\\ud83e"}',
    "lists in lists": b'{"x": ' + b"[" * 20_000 + b"]" * 20_000 + b"}",
    "a number without end": b'{"apiToken": ' + b"9" * 5000 + b"}",
}
SESSION_CALLS = ["spCreateSession", "spRefreshOrCreateSession", "spRefreshSession"]
NO_TOKENS: dict[str, dict[str, Any]] = {
    "nothing": {},
    "null": {"apiToken": None},
    "an empty text": {"apiToken": ""},
    "a number": {"apiToken": 7},
    "a truth": {"apiToken": True},
    "a list": {"apiToken": [UNKNOWN_TOKEN]},
    "an object": {"apiToken": {}},
    "another spelling": {"api_token": UNKNOWN_TOKEN},
    "a very long text": {"apiToken": "0" * 10_000},
    "a zero character": {"apiToken": "\0"},
}
ABSENT = ("nothing", "null", "another spelling")
WRONG_DRAWINGS: dict[str, dict[str, Any]] = {
    "a width of a word": {"width": "wide"},
    "a width of digits": {"width": "512"},
    "a negative width": {"width": -512},
    "no steps": {"steps": 0},
    "a batch of none": {"batch_size": 0},
    "a prompt of a number": {"prompt": 7},
    "a seed of a fraction": {"seed": 1.5},
    "a sampler that does not exist": {"sampler_name": "no such sampler"},
    "control nets of a text": {"alwayson_scripts": "controlnet"},
    "a unit beyond its range": {
        "alwayson_scripts": {"controlnet": {"units": [{"weight": 3, "guidance_start": -1}]}}
    },
}
WRONG_TOKENS = {
    "a name of a number": {"name": 7},
    "an expiry of a word": {"tokenExpiredAt": "tomorrow"},
    "an expiry of a truth": {"tokenExpiredAt": True},
    "a role of a list": {"sceneRoleId": []},
}


def expect_nothing(answer):
    """Raise `Unmet` if a call found something; the call may fail or succeed (W14)."""
    if orderly(answer):
        assert answer.json["data"] is None, f"something was found: {answer.excerpt()}"


@source("Workshop › 2", "Workshop › 4")
@pytest.mark.parametrize("body", BROKEN)
def test_a_body_that_is_not_a_json_object_finds_no_token(workshop, observe, body):
    headers = {"Content-Type": "application/json"}

    answer = workshop.call("POST", QUERY, content=BROKEN[body], headers=headers)

    expect_nothing(answer)
    observe("W22", f"a body of {body}", reason(answer))


@source("Workshop › 5.2", "Workshop › 6.1")
@pytest.mark.parametrize("operation", ["spQueryToken", "spQuerySession"])
@pytest.mark.parametrize("token", NO_TOKENS)
def test_a_value_that_is_not_a_token_finds_nothing(workshop, observe, operation, token):
    envelope = workshop.ask(operation, NO_TOKENS[token])

    observe("W22", f"{token} as apiToken of {operation}", reason(envelope.answer))
    if token in ABSENT:
        refused(envelope.answer)
    else:
        expect_nothing(envelope.answer)


@source("Workshop › 6.1", "Workshop › 6.2")
@spends(1)
@pytest.mark.parametrize("operation", SESSION_CALLS)
def test_no_session_is_opened_without_a_token(workshop, operation):
    refused(use(workshop, operation, {"expiredInSeconds": 60}).answer)


@source("Workshop › 6.1")
def test_no_session_is_destroyed_without_a_token(workshop):
    refused(workshop.ask("spDeleteSession", {"subProduct": "sd_webui"}).answer)


@source("Workshop › 5.1", "Workshop › 12")
@observes
@leaves_traces
@pytest.mark.parametrize("members", WRONG_TOKENS)
def test_what_a_token_with_wrong_members_gets(workshop, observe, members):
    envelope = workshop.ask("allocate_token", WRONG_TOKENS[members])

    if orderly(envelope.answer):
        stays(workshop, envelope.body["data"])
    observe("W22", f"a token with {members}", reason(envelope.answer))


@source("Workshop › 7", "Workshop › 8", "Workshop › 2")
@pytest.mark.parametrize("operation", ["sd_get_progress", "sd_get_result", "comfy_get_result"])
@pytest.mark.parametrize("body", [{}, {"taskId": None}, {"task_id": "x"}], ids=str)
def test_a_look_without_a_task_fails(workshop, operation, body):
    refused(workshop.ask(operation, body).answer)


@source("Workshop › 7", "Workshop › 12")
@observes
@pytest.mark.parametrize("task", [7, [], {}, True, ""], ids=str)
def test_what_a_look_at_no_task_gets(workshop, observe, task):
    answer = workshop.ask("sd_get_progress", {"taskId": task}).answer

    orderly(answer)
    observe("W22", f"a taskId of {task!r}", reason(answer))


@source("Workshop › 7", "Workshop › 12")
@observes
@spends(1)
@pytest.mark.parametrize("members", WRONG_DRAWINGS)
def test_what_a_drawing_with_wrong_members_gets(workshop, observe, members):
    answer = use(workshop, "sd_txt2img", a_drawing(**WRONG_DRAWINGS[members])).answer

    orderly(answer)
    observe("W22", f"a drawing with {members}", reason(answer))


@source("Workshop › 7", "Workshop › 8.5")
@observes
@spends(1)
@pytest.mark.parametrize(
    "image", ["", "no Base64!", "data:text/plain,hello", "data:image/png;base64,AAAA"]
)
def test_what_a_drawing_over_no_picture_gets(workshop, observe, image):
    answer = use(workshop, "sd_img2img", a_redrawing(image)).answer

    orderly(answer)
    observe("W22", f"init_images of {image!r}", reason(answer))


@source("Workshop › 8.1")
@observes
@spends(1)
@pytest.mark.parametrize("inputs", [[], "prompt", 7], ids=str)
def test_what_inputs_that_are_not_an_object_get(workshop, observe, inputs):
    answer = use(workshop, "comfy_prompt", a_prompt(inputs=inputs)).answer

    orderly(answer)
    observe("W22", f"inputs of {inputs!r}", reason(answer))


@source("Workshop › 2")
@observes
@pytest.mark.parametrize("media_type", ["text/plain", "application/xml", "image/png", "x"])
def test_what_a_body_of_another_type_gets(workshop, observe, media_type):
    answer = workshop.call("POST", QUERY, content=GOOD, headers={"Content-Type": media_type})

    orderly(answer)
    observe("W22", f"a Content-Type of {media_type}", reason(answer))
