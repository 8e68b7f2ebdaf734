"""Malformed requests: they are refused in the documented form, without server errors."""

import json

import pytest

from contract_tests.markers import observes, source
from contract_tests.tams.orders import MODEL, small_stages
from contract_tests.tams.refusals import NOT_OFFERED, expect_no_crash, refused

PRICE = "/v1/jobs/credits"
GOOD = json.dumps({"stages": small_stages()})
BROKEN = {
    "nothing": b"",
    "half of it": GOOD[: len(GOOD) // 2].encode(),
    "a word": b"stages",
    "two values": (GOOD + GOOD).encode(),
    "single quotes": GOOD.replace('"', "'").encode(),
    "a comma too many": GOOD.replace("]}", "],}").encode(),
    "a comment": b"// stages\n" + GOOD.encode(),
    "bytes that are not UTF-8": GOOD.replace("red", "r\xe9d").encode("latin-1"),
    "zero bytes": b"\0" * 32,
    "a form": b"stages=1&requestId=2",
    "a list": b"[]",
    "a text": b'"stages"',
    "a number": b"7",
    "null": b"null",
}
ODD = {
    "NaN": GOOD.replace(": 7", ": NaN"),
    "Infinity": GOOD.replace(": 7", ": -Infinity"),
    "a number without end": GOOD.replace(": 7", ": " + "9" * 5000),
    "a number with a huge exponent": GOOD.replace(": 7", ": 1e999999"),
    "half of a pair of surrogates": GOOD.replace("red", r"\ud83e"),
    "a zero character in a text": GOOD.replace("red", r"\u0000"),
    "the same member twice": GOOD.replace('{"stages"', '{"stages": [], "stages"'),
    "lists in lists": '{"x": ' + "[" * 20_000 + "]" * 20_000 + "}",
    "lists that are not closed": "[" * 20_000,
    "objects in objects": '{"x":' * 5_000 + "1" + "}" * 5_000,
}
WRONG = {
    "no stages": {},
    "an empty list": {"stages": []},
    "stages of null": {"stages": None},
    "a number for the stages": {"stages": 5},
    "an object for the stages": {"stages": {"type": "DIFFUSION"}},
    "numbers for stages": {"stages": [1, 2]},
    "a list for a stage": {"stages": [[]]},
    "a stage without type": {"stages": [{}]},
    "a type that does not exist": {"stages": [{"type": "NO_SUCH_STAGE"}]},
    "a text for the sampling": {"stages": [{"type": "DIFFUSION", "diffusion": "512x512"}]},
    "a word for a number": {"stages": small_stages(width="wide")},
    "a truth for a number": {"stages": small_stages(steps=True)},
    "a list for a number": {"stages": small_stages(steps=[10])},
    "a text for the prompts": {"stages": small_stages(prompts="a red kite")},
}
IDS = {
    "letters": "abc",
    "a sign": "-1",
    "a fraction": "1.5",
    "65 bits": str(2**64),
    "forty digits": "9" * 40,
    "a thousand digits": "9" * 1000,
    "digits of another script": "%E0%A5%A7%E0%A5%A8",
    "a blank": "%20",
    "a zero byte": "%00",
    "bytes that are not UTF-8": "%ff%fe",
    "a path": "..%2f..%2fetc%2fpasswd",
    "quotes": "%27%22",
}
NOT_THERE = (
    ("GET", "/v1/models?limit=1"),
    ("GET", "/v1/models?page=1"),
    ("GET", "/v1/jobs"),
    ("GET", "/v1/workflows"),
    ("GET", "/v1/resource/image/00000000-0000-4000-8000-000000000902"),
    ("GET", "/v1/nothing"),
    ("GET", "/v2/models/1"),
    ("POST", "/v1/jobs/1/cancel"),
    ("DELETE", f"/v1/models/{MODEL}"),
    ("PUT", "/v1/jobs/credits"),
    ("GET", "/v1/jobs/workflow/params/check"),
)


@source("TAMS › 4")
@pytest.mark.parametrize("name", BROKEN)
def test_a_body_that_is_not_a_json_object_is_refused(tams, name, observe):
    answer = tams.call("POST", PRICE, content=BROKEN[name])

    body = refused(answer)
    observe("U57", f"a body that is {name}", [answer.status, body["code"]])


@source("TAMS › 4")
@observes
@pytest.mark.parametrize("name", ODD)
def test_an_odd_body_is_not_a_server_error(tams, name, observe):
    answer = tams.call("POST", PRICE, content=ODD[name].encode())

    expect_no_crash(answer)
    observe("U57", f"a body with {name}", answer.status)


@source("TAMS › 4", "TAMS › 5.4")
@pytest.mark.parametrize("name", WRONG)
def test_parameters_of_a_wrong_kind_are_refused(tams, name, observe):
    body = refused(tams.call("POST", PRICE, json=WRONG[name]))

    observe("U57", f"{name}", [body["code"], body["message"]])


@source("TAMS › 5.2", "TAMS › 5.7", "TAMS › 5.10", "TAMS › 4")
@pytest.mark.parametrize("path", ["/v1/jobs/{}", "/v1/workflows/{}", "/v1/models/{}"])
@pytest.mark.parametrize("name", IDS)
def test_an_id_that_is_not_a_64_bit_number_is_refused(tams, path, name, observe):
    # Not compared with the OpenAPI file, because a path with an escaped slash is no operation.
    answer = tams.call("GET", path.format(IDS[name]), checked=False)

    body = refused(answer)
    observe("U57", f"an id that is {name}", [answer.status, body["code"]])


@source("TAMS › 5.2", "TAMS › 5.3")
@pytest.mark.parametrize("method", ["GET", "DELETE"])
@pytest.mark.parametrize("job", ["1", str(2**63), str(2**64 - 1)])
def test_an_id_of_64_bits_that_no_job_has_is_not_found(tams, method, job):
    body = refused(tams.call(method, f"/v1/jobs/{job}"), 404)

    assert "job not found" in body["message"]


@source("TAMS › 5")
@pytest.mark.parametrize(("method", "path"), NOT_THERE)
def test_what_is_not_offered_is_refused(tams, method, path, observe):
    answer = tams.call(method, path, content=b"{}" if method in ("POST", "PUT") else None)

    body = refused(answer, *NOT_OFFERED)
    observe("U58", f"{method} {path}", [answer.status, body["code"], body["message"]])


@source("TAMS › 11")
@observes
def test_a_large_body_is_not_a_server_error(tams, observe):
    for megabytes in (1, 4, 11):
        stages = small_stages(prompts=[{"text": "kite " * (megabytes * 200_000)}])
        # A gateway may refuse a large body with an HTML page.
        answer = tams.call("POST", PRICE, json={"stages": stages}, checked=False)
        assert answer.status < 500, f"a body of {megabytes} MB is a server error"
        observe("U59", f"a body of {megabytes} MB", answer.status)


@source("TAMS › 2.8")
def test_the_body_of_a_get_is_ignored(tams):
    answer = tams.call("GET", f"/v1/models/{MODEL}", content=b"{", headers={"Accept": "*/*"})

    answer.expect(200)
