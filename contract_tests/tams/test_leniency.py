"""What a service has to put up with, at every operation with a body (`TAMS › 2`)."""

from decimal import Decimal
from typing import Any

import pytest

from contract_tests.answers import RefusedCall
from contract_tests.clients.tams import the_job
from contract_tests.clients.tams_answers import expect_whole
from contract_tests.markers import leaves_traces, source, spends
from contract_tests.tams.operations import (
    ALL_AT_ONCE,
    FREE_BODIES,
    ORDERS,
    SPELLINGS,
    BodySpelling,
    body_for,
    body_here,
)
from contract_tests.tams.orders import small_stages
from contract_tests.tams.refusals import refused

PRICE = "/v1/jobs/credits"
NEW_EACH_TIME = (
    "resourceId", "putUrl", "headers", "signature", "expire", "callback", "filePath", "policy",
    "securityToken", "result", "prompts",
)  # fmt: skip
ORDER_SPELLINGS = {
    "everything at once": ALL_AT_ONCE,
    "unknown members": SPELLINGS["unknown members"],
    "no media type": SPELLINGS["no media type"],
    "the media type of a form": SPELLINGS["the media type of a form"],
}
NULLS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "seed": ({"seed": None}, {}),
    "count": ({"count": None}, {}),
    "start image": ({"imageResourceId": None}, {}),
    "negative prompts": ({}, {"negativePrompts": None}),
    "control net": ({}, {"controlnet": None}),
    "clipSkip": ({}, {"clipSkip": None}),
}
TRUTHS = ("true", "false", "True", "1")


def _lasting(body):
    return {name: value for name, value in body.items() if name not in NEW_EACH_TIME}


@source("TAMS › 2.3", "TAMS › 2.4", "TAMS › 2.5", "TAMS › 2.7", "TAMS › 2.8", "TAMS › 5")
@leaves_traces
@pytest.mark.parametrize("path", FREE_BODIES)
def test_each_spelling_of_a_body_gets_the_same_answer(tams, path):
    body = body_here(tams, path)
    answer = BodySpelling().send(tams, path, body)
    plain = answer.expect(200)

    assert answer.headers.get("content-type", "").startswith("application/json"), "answers are JSON"
    for name, spelling in SPELLINGS.items():
        try:
            other = spelling.send(tams, path, body).expect(200)
        except RefusedCall as refusal:
            raise RefusedCall(f"{name}: {refusal}") from None
        assert set(other) == set(plain), f"the members with {name}"
        assert _lasting(other) == _lasting(plain), f"the answer with {name}"


@source("TAMS › 2.3", "TAMS › 2.4", "TAMS › 2.5", "TAMS › 2.7", "TAMS › 2.8", "TAMS › 5")
@spends(2)
@pytest.mark.parametrize("path", ORDERS)
@pytest.mark.parametrize("spelling", ORDER_SPELLINGS)
def test_a_job_is_made_however_its_order_is_spelled(tams, path, spelling):
    body = body_here(tams, path)
    price = tams.price_of(body)

    answer = ORDER_SPELLINGS[spelling].send(tams, path, body, reservation=tams.reserve(price))

    job = the_job(answer)
    expect_whole(job)
    assert Decimal(str(job.get("credits", price))) == price, f"another price with {spelling}"
    tams.discard(job)


@source("TAMS › 2.4", "TAMS › 12")
@pytest.mark.parametrize("name", NULLS)
def test_null_is_like_nothing(tams, name):
    start, diffusion = NULLS[name]
    without = small_stages()
    for member in (*start, *diffusion):
        without[0]["inputInitialize"].pop(member, None)

    stages = small_stages(start=start, **diffusion)

    assert tams.estimate(stages) == tams.estimate(without), f"null for {name}"


@source("TAMS › 2.4")
@pytest.mark.parametrize("text", TRUTHS)
def test_a_text_is_not_a_boolean(tams, text):
    refused(tams.call("POST", PRICE, json={"stages": small_stages(enableElla=text)}))


@source("TAMS › 3.3", "TAMS › 5.1")
@spends(1)
@pytest.mark.parametrize("written", ["md5", "short", "workflow"])
def test_a_request_id_has_no_fixed_shape(tams, written):
    whole = body_for(tams, "/v1/jobs")
    fresh = whole["requestId"].removeprefix("contract-")
    shapes = {
        "md5": fresh.ljust(32, "0"), "short": fresh[:23], "workflow": f"workflow_{fresh}",
    }  # fmt: skip

    order = {**whole, "requestId": shapes[written]}

    tams.discard(the_job(tams.call("POST", "/v1/jobs", json=order)))
