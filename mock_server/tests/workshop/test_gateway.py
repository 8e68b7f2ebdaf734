"""The gateway's errors: the examples, the table of messages, and safe headers."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mock_server.tests.workshop.authenticator_bench import AuthenticatorBench
from mock_server.tests.workshop.signing import KEY, Request
from mock_server.web.calls import Answer
from mock_server.workshop.gateway import (
    DIAGNOSIS_HEADER,
    MAX_MESSAGE_LENGTH,
    GatewayRefusal,
    Situation,
    refuse,
    request_id,
    with_request_id,
)

EXAMPLES = Path(__file__).parents[3] / "fixtures" / "exchanges" / "workshop"
CLOCK_MS = 1_768_464_000_000
# Errors that do not depend on credentials.
ELSEWHERE = {
    "gateway-api-not-found": Situation.NOT_FOUND,
    "gateway-throttled": Situation.THROTTLED,
}


def read(name: str) -> tuple[Request, dict[str, Any], float]:
    example = json.loads((EXAMPLES / f"{name}.json").read_text("utf-8"))
    asked = example["request"]
    request = Request(
        asked["method"], asked["path"], tuple(asked["headers"].items()), asked["rawBody"].encode()
    )
    return request, example["response"], example.get("clockMs", CLOCK_MS) / 1000


def headers_of(answer: Answer) -> dict[str, str]:
    return {name.decode(): value.decode() for name, value in answer.headers}


def answer_to(name: str) -> Answer:
    request, _, wall = read(name)
    if name in ELSEWHERE:
        return refuse(ELSEWHERE[name])
    keys = (KEY,) if name == "gateway-unauthorized" else ()
    bench = AuthenticatorBench(unauthorized_keys=keys, debug_header=False)
    if name == "gateway-nonce-used":
        assert bench.turned_away(request, wall) == ""
    return bench.answer(request, wall)


@pytest.mark.parametrize("name", sorted(path.stem for path in EXAMPLES.glob("gateway-*.json")))
def test_an_example_gets_its_answer(name):
    expected = read(name)[1]
    answer = with_request_id(answer_to(name), "00000001")
    headers, recorded = headers_of(answer), dict(expected["headers"])

    assert re.fullmatch(r"[0-9A-F]{8}(-[0-9A-F]{4}){3}-[0-9A-F]{12}", headers["x-ca-request-id"])
    assert len(headers.pop("x-ca-request-id")) == len(recorded.pop("x-ca-request-id"))
    assert headers == recorded
    assert answer.status == expected["httpStatus"]
    assert answer.body == b""


def test_there_are_nine_examples():
    assert len(list(EXAMPLES.glob("gateway-*.json"))) == 9


@pytest.mark.parametrize("situation", Situation)
def test_every_situation_has_a_message_in_both_generations(situation):
    status, code, message, older_status, older_message = situation.value

    assert re.fullmatch(r"[A-Z][0-9]{3}[A-Z0-9]{2}", code)
    assert code[1:4] == str(status)
    assert 400 <= status < 600
    assert 400 <= older_status < 600
    assert message
    assert older_message
    answered = headers_of(refuse(situation, "older"))["x-ca-error-code"]
    assert answered == f"{code[0]}{older_status}{code[4:]}"


@pytest.mark.parametrize(
    ("situation", "status", "message"),
    [
        (Situation.NO_CREDENTIALS, 404, "Empty Signature"),
        (Situation.UNKNOWN_KEY, 400, "Invalid AppKey"),
        (Situation.UNAUTHORIZED, 403, "Unauthorized"),
        (Situation.TIMESTAMP_EXPIRED, 400, "Timestamp Expired"),
        (Situation.TIMESTAMP_MALFORMED, 400, "Invalid Timestamp"),
        (Situation.NONCE_USED, 400, "Nonce Used"),
        (Situation.DIGEST_WRONG, 400, "Invalid Content-MD5"),
        (Situation.BODY_BAD, 400, "Invalid Request Body"),
        (Situation.NOT_FOUND, 400, "API Not Found"),
        (Situation.METHOD_NOT_SUPPORTED, 400, "Invalid HttpMethod"),
        (Situation.DOMAIN_UNKNOWN, 400, "Invalid Domain"),
        (Situation.THROTTLED, 403, "Throttled by API Flow Control"),
        (Situation.FAULT, 500, "Internal Error"),
        (Situation.BACKEND_DOWN, 503, "Service Unavailable"),
    ],
)
def test_the_older_generation_has_the_documented_messages(situation, status, message):
    answer = refuse(situation, "older")

    assert answer.status == status
    assert headers_of(answer)["x-ca-error-message"] == message


def test_an_older_mismatch_echoes_the_string_too():
    answer = refuse(GatewayRefusal(Situation.MISMATCH, "", b"POST\n\n/scc/x"), "older")

    assert answer.status == 400
    assert headers_of(answer)["x-ca-error-message"] == (
        "Invalid Signature, Server StringToSign:`POST##/scc/x`"
    )


@given(st.binary(max_size=200), st.text(max_size=200))
def test_header_values_contain_no_line_ends(string, line):
    answer = refuse(GatewayRefusal(Situation.MISMATCH, "", b"x" + string, line))

    for _, value in answer.headers:
        assert not re.search(rb"[\x00-\x1f\x7f]", value)


def test_the_length_of_a_message_is_limited():
    answer = refuse(GatewayRefusal(Situation.MISMATCH, "", b"x" * 100_000, "y" * 100_000))

    assert all(len(value) <= MAX_MESSAGE_LENGTH for _, value in answer.headers)
    assert headers_of(answer)["x-ca-error-message"].endswith("...")


def test_a_parameter_with_other_characters_is_echoed():
    answer = refuse(GatewayRefusal(Situation.MISMATCH, "", "/scc/x?tenant=华东 1".encode()))

    assert "tenant=华东 1`" in headers_of(answer)["x-ca-error-message"]


def test_a_diagnosis_has_a_header():
    answer = refuse(GatewayRefusal(Situation.NONCE_USED, "", diagnosis="nonce-used: again"))

    assert dict(answer.headers)[DIAGNOSIS_HEADER] == b"nonce-used: again"
    assert DIAGNOSIS_HEADER not in dict(refuse(Situation.NONCE_USED).headers)


@given(st.text(max_size=20), st.text(max_size=20))
def test_request_ids_differ(one, other):
    assert (request_id(one) == request_id(other)) is (one == other)
    assert re.fullmatch(r"[0-9A-F]{8}-[0-9A-F]{4}-4[0-9A-F]{3}-8[0-9A-F]{3}-[0-9A-F]{12}",
                        request_id(one))  # fmt: skip
