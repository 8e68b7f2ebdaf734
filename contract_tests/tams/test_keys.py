"""Unknown keys at every operation."""

import pytest

from contract_tests.answers import expect_one_of
from contract_tests.markers import needs, observes, source, spends
from contract_tests.signing import TamsBearer
from contract_tests.tams.operations import FREE_BODIES, body_for
from contract_tests.tams.orders import MODEL, a_small_order
from contract_tests.tams.refusals import refused
from contract_tests.tams.wrong_credentials import refuse_all

UNKNOWN = TamsBearer("f" * 32)
FREE = (
    ("GET", "/v1/jobs/1"),
    ("DELETE", "/v1/jobs/1"),
    ("POST", "/v1/jobs/credits"),
    ("POST", "/v1/jobs/workflow/params/check"),
    ("GET", "/v1/workflows/676018193025756628"),
    ("POST", "/v1/workflows/template/check"),
    ("GET", f"/v1/models/{MODEL}"),
    ("POST", "/v1/resource/image"),
    ("POST", "/v1/resource/image/sts"),
    ("POST", "/v1/controlnet/detect"),
    ("POST", "/v1/img2prompt"),
)
COSTLY = ("/v1/jobs", "/v1/jobs/workflow", "/v1/jobs/workflow/template")
NEAR_TOKENS = {
    "capitals": str.swapcase,
    "a letter more": lambda token: f"{token}x",
    "a letter before": lambda token: f"x{token}",
    "without its end": lambda token: token[:-1],
    "without its beginning": lambda token: token[1:],
    "half of it": lambda token: token[: len(token) // 2],
    "twice": lambda token: token + token,
    "another word after it": lambda token: f"{token} x",
}
HEADERS = ("Bearer", "bearer", "Bearer ,", "Basic dTpw", "Token x", "")


def expect_no_such_app(answer):
    # Not 401: the live service was observed to answer 404 for every path.
    refused(answer, 404)
    assert "job not found" not in answer.text


@source("TAMS › 3.4", "TAMS › 5")
@pytest.mark.parametrize(("method", "path"), FREE)
def test_no_operation_knows_an_unknown_token(tams, method, path):
    content = b"{}" if method == "POST" else None

    expect_no_such_app(tams.call(method, path, auth=UNKNOWN, content=content))


@source("TAMS › 3.2", "TAMS › 3.4", "TAMS › 5")
@pytest.mark.parametrize(("method", "path"), FREE)
def test_no_operation_takes_wrong_credentials(tams, target, method, path):
    body = body_for(tams, path) if path in FREE_BODIES else None
    options = {} if body is None else {"json": body}

    refuse_all(tams, target, method, path, **options)


@source("TAMS › 3.4", "TAMS › 5")
@spends(1)
@pytest.mark.parametrize("path", COSTLY)
def test_no_job_is_made_for_an_unknown_token(tams, path):
    order = {"requestId": "never-made", **a_small_order()}

    expect_no_such_app(tams.call("POST", path, auth=UNKNOWN, json=order))


@source("TAMS › 3.4", "TAMS › 4")
def test_an_unknown_token_is_refused_before_parameters_are_checked(tams):
    answer = tams.call("POST", "/v1/jobs/credits", auth=UNKNOWN, content=b"{")

    expect_no_such_app(answer)


@source("TAMS › 3.1", "TAMS › 4")
@pytest.mark.parametrize("value", HEADERS)
def test_a_header_without_a_key_is_refused(tams, value):
    answer = tams.call("GET", f"/v1/models/{MODEL}", auth=None, headers={"Authorization": value})

    expect_one_of(answer.status, (400, 401, 404), "the status without a key")
    assert "model" not in answer.json


@source("TAMS › 3.1")
@needs("bearer")
@pytest.mark.parametrize("position", [0, 5, -1])
def test_a_token_with_one_letter_changed_is_unknown(tams, target, position):
    token = target.credentials.tams.access_token
    other = "x" if token[position] != "x" else "y"
    letters = list(token)
    letters[position] = other

    expect_no_such_app(tams.call("GET", f"/v1/models/{MODEL}", auth=TamsBearer("".join(letters))))


@source("TAMS › 3.1")
@needs("bearer")
@pytest.mark.parametrize("change", NEAR_TOKENS)
def test_a_token_that_is_nearly_the_right_one_is_unknown(tams, target, change):
    token = target.credentials.tams.access_token
    near = NEAR_TOKENS[change](token)
    if near == token:
        pytest.skip("this change makes the same token")

    expect_no_such_app(tams.call("GET", f"/v1/models/{MODEL}", auth=TamsBearer(near)))


@source("TAMS › 3.1")
@observes
@needs("bearer")
def test_a_token_may_be_written_with_another_scheme_name_or_not(tams, target, observe):
    token = target.credentials.tams.access_token
    for written in (f"bearer {token}", f"BEARER {token}", token):
        answer = tams.call(
            "GET", f"/v1/models/{MODEL}", auth=None, headers={"Authorization": written}
        )
        expect_one_of(answer.status, (200, 400, 401, 404), "the status")
        observe("U3", f"the token as {written.replace(token, '…')!r}", answer.status)
