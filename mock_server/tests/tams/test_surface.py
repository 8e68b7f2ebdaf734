"""Who is let in, what is answered to bad input, and what is not offered."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import httpx
import pytest
from msgspec.structs import replace

from mock_server.core.account_service import AccountSpec
from mock_server.core.jobs.service import JobService
from mock_server.tams import signature
from mock_server.tams.key_pairs import key_pair
from mock_server.tams.settings import STRICT, TamsSettings
from mock_server.tests.tams.world import BEARER, NOW, ORIGIN, World, a_world, text_to_image
from mock_server.web.wall import wall

JOB = "/v1/jobs/1"
BODY = b'{"stages": [{"type": "INPUT_INITIALIZE", "inputInitialize": {"count": 1}}]}'


def signed(
    world: World, method: str, target: str, body: bytes = b"", *, timestamp: int = int(NOW)
) -> dict[str, str]:
    """Return the header that the ready-made account's own key makes."""
    return {
        "authorization": signature.sign(
            key_pair(0).private_pem,
            world.account.credentials.app_id,
            method,
            target.encode(),
            body,
            timestamp=timestamp,
            nonce="n1",
        )
    }


async def test_a_signature_over_the_raw_bytes_is_let_in():
    body = b' \n{"request_id" :"x" }\t'
    async with a_world() as world:
        get = await world.call("GET", JOB, headers=signed(world, "GET", JOB))
        post = await world.call(
            "POST", "/v1/jobs", body, headers=signed(world, "POST", "/v1/jobs", body)
        )
        query = await world.call(
            "GET", f"{JOB}?b=%2F&a=1", headers=signed(world, "GET", f"{JOB}?b=%2F&a=1")
        )

    assert (get.status_code, get.json()["message"]) == (404, "job not found")
    assert (post.status_code, post.json()["message"]) == (400, "Params Valid")
    assert query.json()["message"] == "job not found"


async def test_equal_nonces_are_let_in_unless_chosen_otherwise():
    async with a_world() as world:
        header = signed(world, "GET", JOB)
        assert [(await world.call("GET", JOB, headers=header)).status_code for _ in "ab"] == [
            404,
            404,
        ]
    async with a_world(tams={"nonce_replay": "refuse"}) as world:
        header = signed(world, "GET", JOB)
        codes = [(await world.call("GET", JOB, headers=header)).status_code for _ in "ab"]

    assert codes == [404, 401]


@pytest.mark.parametrize(
    ("settings", "headers", "status", "tips"),
    [
        ({}, {}, 401, "authorization header missing"),
        ({"no_authorization_status": 404}, {}, 404, "authorization header missing"),
        ({}, {"authorization": "Bearer nobody"}, 404, "app not found"),
        ({"unknown_app_status": 401}, {"authorization": "Bearer nobody"}, 401, "app not found"),
        ({"schemes": "one"}, BEARER, 404, "app not found"),
        ({}, {"authorization": "Basic YTpi"}, 401, "scheme"),
    ],
)
async def test_who_is_not_known_is_told_so(settings, headers, status, tips):
    async with a_world(tams=settings) as world:
        answer = await world.call("GET", JOB, headers=headers)

    assert answer.status_code == status
    body = answer.json()
    assert body.keys() == {"code", "message", "tips"}
    assert (body["code"], body["message"]) == (100001, "unauthorized")
    assert tips in body["tips"]


@pytest.mark.parametrize("headers", [{}, {"authorization": "Basic YTpi"}])
async def test_an_unreadable_header_can_have_a_body_for_it(headers):
    async with a_world(tams={"bad_authorization_body": "invalid-header"}) as world:
        answer = await world.call("GET", JOB, headers=headers)
        other = await world.call("GET", JOB, headers={"authorization": "Bearer nobody"})

    assert answer.status_code == 401
    assert (answer.json()["code"], answer.json()["message"]) == (
        100002,
        "invalid authorization header",
    )
    assert other.json()["code"] == 100001


async def test_a_refusal_can_be_an_rpc_status():
    async with a_world(tams={"auth_error_body": "rpc"}) as world:
        answer = await world.call("GET", JOB, headers={})

    assert answer.json()["code"] == 16
    assert answer.json()["details"] == []


async def test_the_body_of_the_404_that_was_observed_is_no_choice():
    async with a_world(tams={"auth_error_body": "rpc"}) as world:
        answer = await world.call("GET", JOB, headers={"authorization": "Bearer nobody"})

    assert answer.status_code == 404
    assert answer.json()["tips"] == "app not found"


async def test_the_tips_of_a_wrong_signature_say_what_was_expected_and_nothing_is_done():
    async with a_world() as world:
        spaced = json.dumps(text_to_image()).encode()
        compact = spaced.replace(b", ", b",").replace(b": ", b":")
        header = signed(world, "POST", "/v1/jobs", compact)
        answer = await world.call("POST", "/v1/jobs", spaced, headers=header)
        assert await world.balance() == 1000
        trace = next(iter(world.app.journal))
        verdict = trace.verdict.body(trace.head)

    assert answer.status_code == 401
    assert answer.json()["tips"].startswith("body-compact: ")
    assert [cause["id"] for cause in verdict["diagnosis"]["causes"]] == ["body-compact"]


async def test_an_account_without_a_key_cannot_sign():
    async with a_world() as world:
        bare = replace(world.account.credentials, public_key="")
        await world.change_account(credentials=bare)
        answer = await world.call("GET", JOB, headers=signed(world, "GET", JOB))

    assert answer.status_code == 401
    assert "public key" in answer.json()["tips"]


async def test_the_timestamp_is_checked_where_so_chosen_against_the_wall():
    async with a_world(tams={"clock_skew": 300}) as world:
        old = await world.call("GET", JOB, headers=signed(world, "GET", JOB))
        new = signed(world, "GET", JOB, timestamp=int(wall()))
        fresh = await world.call("GET", JOB, headers=new)

    assert (old.status_code, fresh.status_code) == (401, 404)


async def test_a_strict_header_grammar_takes_the_documented_form_only():
    async with a_world(tams={"header_grammar": "strict"}) as world:
        header = signed(world, "GET", JOB)["authorization"]
        loose = {"authorization": header.replace(",", ", ")}
        strict = await world.call("GET", JOB, headers={"authorization": header})
        refused = await world.call("GET", JOB, headers=loose)
    async with a_world() as world:
        accepted = await world.call("GET", JOB, headers=loose)

    assert (strict.status_code, refused.status_code, accepted.status_code) == (404, 401, 404)


async def test_worlds_do_not_see_each_other():
    async with a_world() as world:
        other = await world.app.accounts.create(AccountSpec(), NOW)
        job = await world.submit(text_to_image("same"))
        headers = {"authorization": f"Bearer {other.credentials.token}"}
        again = await world.call("POST", "/v1/jobs", text_to_image("same"), headers=headers)
        key = {"authorization": signed(world, "GET", JOB)["authorization"]}
        forged = key["authorization"].replace("mockApp01", other.credentials.app_id)
        crossed = await world.call("GET", JOB, headers={"authorization": forged})

    assert again.json()["job"]["id"] != job["id"]
    assert crossed.status_code == 401


BAD_BODIES: dict[str, bytes] = {
    "nothing": b"",
    "null": b"null",
    "a list": b"[]",
    "a string": b'"x"',
    "no json": b'{"requestId": oops}',
    "cut short": b'{"stages": [',
    "two values": b"{} {}",
    "not a number": b'{"stages": NaN}',
    "invalid utf-8": b'{"requestId": "\xff\xfe"}',
    "a surrogate": b'{"requestId": "\\ud800"}',
    "a byte order mark": b"\xef\xbb\xbf{}",
    "too deep": b'{"a":' * 20_000 + b"1" + b"}" * 20_000,
    "too deep a list": b"[" * 100_000,
    "a huge number": b'{"stages": 1' + b"0" * 5000 + b"}",
    "a huge seed": b'{"stages":[{"type":"INPUT_INITIALIZE","inputInitialize":{"seed":1e999}}]}',
    "a wrong type": b'{"stages": "none"}',
    "a boolean number": b'{"stages":[{"inputInitialize":{"count":true}}]}',
    "an unknown stage": b'{"stages":[{"type":"MAGIC"}]}',
    "no member": b'{"stages":[{"type":"INPUT_INITIALIZE"},{"type":"DIFFUSION"}]}',
    "nul bytes": b"\x00\x00",
}


@pytest.mark.parametrize("path", ["/v1/jobs", "/v1/jobs/credits"])
@pytest.mark.parametrize("name", BAD_BODIES)
async def test_a_bad_body_is_refused_in_the_vendors_form_and_changes_nothing(path, name):
    async with a_world() as world:
        answer = await world.call("POST", path, BAD_BODIES[name])
        assert await world.balance() == 1000

    assert answer.status_code == 400, answer.text
    body = answer.json()
    assert body["code"] == 3
    assert isinstance(body["message"], str)
    assert isinstance(body["details"], list)


@pytest.mark.parametrize(
    ("job_id", "status", "words"),
    [
        ("1", 404, "job not found"),
        ("18446744073709551615", 404, "job not found"),
        ("18446744073709551616", 400, "out of range"),
        ("9" * 500, 400, "out of range"),
        ("abc", 400, 'parsing "abc": invalid syntax'),
        ("-1", 400, "invalid syntax"),
        ("٣", 400, "invalid syntax"),
        ("1%20", 400, "invalid syntax"),
        ("%00", 400, "invalid syntax"),
        ("%ff", 400, "invalid syntax"),
    ],
)
async def test_an_id_in_the_path_is_an_unsigned_number_of_64_bits(job_id, status, words):
    async with a_world() as world:
        for method in ("GET", "DELETE"):
            answer = await world.call(method, f"/v1/jobs/{job_id}")
            assert answer.status_code == status
            assert words in answer.json()["message"]


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/v1",
        "/v1/",
        "/v1/jobs/",
        "/v1//jobs",
        "/v1/models",
        "/v1/models?limit=1",
        "/v2/jobs",
        "/v1/jobs/1/cancel",
        "/v1/jobs/../jobs/1/x",
        "/resource-upload/../../etc/passwd",
    ],
)
async def test_what_is_not_offered_is_not_found(path):
    async with a_world() as world:
        answer = await world.call("GET", path)

    assert answer.status_code == 404
    assert answer.json() == {"code": 5, "message": "Not Found", "details": []}


@pytest.mark.parametrize(("settings", "status"), [({}, 405), ({"wrong_method_status": 501}, 501)])
async def test_a_wrong_method_names_those_that_are_right(settings, status):
    async with a_world(tams=settings) as world:
        answer = await world.call("PUT", "/v1/jobs")

    assert answer.status_code == status
    assert answer.json()["code"] == 12
    assert answer.headers["allow"] == "POST"


@pytest.mark.parametrize(("settings", "status"), [({}, 413), ({"too_large_status": 400}, 400)])
async def test_a_body_above_the_limit_is_refused_before_it_is_read(settings, status):
    async with a_world(body_limit_bytes=1000, tams=settings) as world:
        announced = await world.call("POST", "/v1/jobs", b"x" * 1001)

        async def unannounced() -> Any:
            for _ in range(11):
                yield b"x" * 100

        streamed = await world.http.post("/v1/jobs", content=unannounced(), headers=BEARER)

    assert (announced.status_code, streamed.status_code) == (status, status)
    assert announced.json()["code"] == 3


async def test_a_body_that_does_not_come_is_given_up():
    async with a_world(body_timeout=0.05) as world:
        sent: list[Any] = []
        scope = {
            "type": "http",
            "method": "POST",
            "path": "/v1/jobs",
            "raw_path": b"/v1/jobs",
            "query_string": b"",
            "scheme": "http",
            "headers": [(b"content-length", b"10")],
        }

        async def receive() -> Any:
            await asyncio.Event().wait()

        async def send(message: Any) -> None:
            sent.append(message)

        await world.app(scope, receive, send)

    assert sent[0]["status"] == 408
    assert b"did not arrive" in sent[1]["body"]


async def test_a_client_that_goes_away_before_its_body_is_there_leaves_no_trace_of_work():
    async with a_world() as world:
        sent: list[Any] = []
        scope = {
            "type": "http",
            "method": "POST",
            "path": "/v1/jobs",
            "raw_path": b"/v1/jobs",
            "query_string": b"",
            "scheme": "http",
            "headers": [(b"content-length", b"10")],
        }

        async def receive() -> Any:
            return {"type": "http.disconnect"}

        async def send(message: Any) -> None:
            sent.append(message)

        await world.app(scope, receive, send)

    assert sent == []


async def test_a_browser_may_call_from_any_origin():
    asked = {
        "origin": "https://app.example",
        "access-control-request-method": "POST",
        "access-control-request-headers": "authorization,content-type",
    }
    async with a_world() as world:
        preflight = await world.http.options("/v1/jobs", headers=asked)
        answer = await world.call("GET", JOB, headers={**BEARER, "origin": "https://app.example"})
        refused = await world.http.get(JOB, headers={"origin": "https://app.example"})

    assert preflight.status_code == 204
    assert preflight.headers["access-control-allow-headers"] == "authorization,content-type"
    for each in (preflight, answer, refused):
        assert each.headers["access-control-allow-origin"] == "*"


async def test_every_answer_carries_a_request_id_of_its_own():
    async with a_world() as world:
        answers = [await world.call("GET", path) for path in (JOB, "/nowhere", "/v1/models/1")]
        ids = [answer.headers["x-mock-request-id"] for answer in answers]
        kept = [trace.id for trace in world.app.journal]

    assert len(set(ids)) == 3
    assert kept == ids[::-1]


async def test_what_nobody_foresaw_is_a_500_with_the_request_id(monkeypatch):
    async with a_world() as world:

        async def broken(*_: Any, **__: Any) -> None:
            raise RuntimeError("not foreseen")

        monkeypatch.setattr(JobService, "look", broken)
        answer = await world.call("GET", JOB)

    assert answer.status_code == 500
    assert answer.headers["x-mock-request-id"] in answer.json()["message"]


async def test_a_model_that_is_known_has_a_picture_to_show_and_a_locked_one_wants_its_key():
    known = "600423083519508503"
    async with a_world(tams={"locked_models": (known,)}) as world:
        model = (await world.call("GET", f"/v1/models/{known}")).json()["model"]
        showcase = await world.http.get(model["showcaseImageUrls"][0])
        locked = await world.call("POST", "/v1/jobs", text_to_image())
        opened = await world.call("POST", "/v1/jobs", text_to_image(modelAccessKey="key"))

    assert model["id"] == known
    assert showcase.headers["content-type"] == "image/png"
    assert showcase.request.url.host == httpx.URL(ORIGIN).host
    assert (locked.status_code, opened.status_code) == (403, 200)


@pytest.mark.parametrize(
    ("settings", "status"),
    [({}, 200), ({"strict": True}, 400), ({"strict": True, "bad_size": "accept"}, 200)],
)
async def test_strict_refuses_what_is_let_through_with_a_remark(settings, status):
    body = text_to_image("one", width=520)
    strict = settings.pop("strict", False)
    async with a_world(strict=strict, tams=settings) as world:
        answer = await world.call("POST", "/v1/jobs", body)
        remarks = next(iter(world.app.journal)).remarks

    assert answer.status_code == status
    assert ("invalid_height_or_width" in answer.text) == (status == 400)
    assert bool(remarks) == (status == 200)


async def test_as_documented_refuses_undocumented_sizes_and_not_models_that_the_mock_lacks():
    async with a_world(as_documented=True) as world:
        size = await world.call("POST", "/v1/jobs", text_to_image("one", width=520))
        model = await world.call("POST", "/v1/jobs", text_to_image("two", sdModel="123456"))

    assert (size.status_code, model.status_code) == (400, 200)


def test_strict_turns_every_leniency_that_is_not_set_by_itself():
    strict = TamsSettings(strict=True, unknown_model="accept")

    assert {name: getattr(strict, name) for name in STRICT} == {**STRICT, "unknown_model": "accept"}
    assert all(getattr(TamsSettings(), name) != value for name, value in STRICT.items())
    lenient = {
        name
        for name, field in TamsSettings.model_fields.items()
        if field.default == "accept" and name not in OF_THE_CALLER
    }
    assert lenient <= STRICT.keys()


# Accepted as they are documented or customary, and nothing that a stricter service would refuse.
OF_THE_CALLER = {"nonce_replay", "cancel_running", "cancel_finished", "second_upload"}
OF_THE_CALLER |= {"empty_upload"}
