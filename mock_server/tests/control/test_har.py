"""The export of the journal as HAR 1.2."""

from base64 import b64decode
from datetime import datetime
from typing import Any

import jsonschema
import pytest

from mock_server.tests.tams.world import a_world, text_to_image
from mock_server.web.capture_formats import har_entry


def an_object(optional: str = "", /, **members: Any) -> dict[str, Any]:
    required = [name for name in members if name not in optional.split()]
    return {"type": "object", "required": required, "properties": members}


def a_list(items: Any) -> dict[str, Any]:
    return {"type": "array", "items": items}


# What the specification of HAR 1.2 demands of a log, as far as the mock writes it.
TEXT, NUMBER, SIZE = {"type": "string"}, {"type": "number"}, {"type": "integer", "minimum": -1}
PAIRS = a_list(an_object(name=TEXT, value=TEXT))
MESSAGE = {
    "httpVersion": TEXT,
    "cookies": PAIRS,
    "headers": PAIRS,
    "headersSize": SIZE,
    "bodySize": SIZE,
}
CONTENT = {"mimeType": TEXT, "text": TEXT, "encoding": TEXT, "comment": TEXT}
ENTRY = an_object(
    startedDateTime={"type": "string", "format": "date-time"},
    time={"type": "number", "minimum": 0},
    request=an_object(
        "postData",
        method=TEXT,
        url={"type": "string", "format": "uri"},
        queryString=PAIRS,
        postData=an_object("text encoding comment", **CONTENT),
        **MESSAGE,
    ),
    response=an_object(
        status={"type": "integer"},
        statusText=TEXT,
        redirectURL=TEXT,
        content=an_object("text encoding comment", size=SIZE, **CONTENT),
        **MESSAGE,
    ),
    cache={"type": "object"},
    timings=an_object(send=NUMBER, wait=NUMBER, receive=NUMBER),
)
LOG = an_object(
    version={"const": "1.2"},
    creator=an_object(name=TEXT, version=TEXT),
    pages={"type": "array"},
    entries=a_list(ENTRY),
)


async def exported(http, query=""):
    har = await http("GET", f"/requests.har{query}")
    checker = jsonschema.FormatChecker()
    jsonschema.validate(har, an_object(log=LOG), format_checker=checker)
    return har["log"]["entries"]


async def test_exchanges_are_exported_with_the_oldest_first(http):
    http.mock.answer = {"text": "für"}
    await http.vendor("GET", "/toy/ü?a=b&c=%20", headers={"x-account": "ready"})
    await http.vendor("POST", "/toy", json={"a": "ü"}, headers={"x-status": "404"})

    first, second = await exported(http)

    assert first["request"]["url"] == "http://127.0.0.1:8080/toy/%C3%BC?a=b&c=%20"
    assert first["request"]["queryString"] == [
        {"name": "a", "value": "b"},
        {"name": "c", "value": " "},
    ]
    assert "postData" not in first["request"]
    assert datetime.fromisoformat(first["startedDateTime"]).timestamp() == http.mock.wall
    assert first["time"] == first["timings"]["wait"] > 0
    assert (first["_id"], first["_account"], first["_operation"]) == (
        "00000001",
        "ready",
        "GET /toy/ü",
    )
    assert second["request"]["postData"] == {"mimeType": "application/json", "text": '{"a":"ü"}'}
    assert second["request"]["bodySize"] == 10
    assert (second["response"]["status"], second["response"]["statusText"]) == (404, "Not Found")
    content = second["response"]["content"]
    assert content == {"size": 15, "mimeType": "application/json", "text": '{"text":"für"}'}


async def test_an_export_has_the_filters_of_the_list(http):
    for path in ("/a/1", "/b", "/a/2", "/a/3"):
        await http.vendor("GET", path)

    entries = await exported(http, "?path=/a&limit=2")

    assert [each["_id"] for each in entries] == ["00000003", "00000004"]
    await http.problem(400, "GET", "/requests.har?status=ok")
    assert await exported(http, "?account=unknown") == []


async def test_bytes_and_what_was_cut_are_marked(http):
    await http.vendor("POST", "/toy", content=b"\xff\x00")
    http.mock.answer = "x" * 2000
    await http.vendor("POST", "/toy", content=b"x" * 2000)

    binary, long = await exported(http)

    posted = binary["request"]["postData"]
    assert (posted["encoding"], b64decode(posted["text"])) == ("base64", b"\xff\x00")
    assert har_entry(binary).body == b"\xff\x00"
    for message, content in (
        (long["request"], long["request"]["postData"]),
        (long["response"], long["response"]["content"]),
    ):
        assert message["bodySize"] == -1
        assert "only the beginning" in content["comment"]
        assert len(content["text"]) == 1000


async def test_an_export_shows_no_secrets_and_an_unanswered_call_has_status_0():
    async with a_world() as world:
        await world.call("POST", "/v1/jobs", text_to_image())
        headers = {"authorization": "Bearer KLMNOPQRST", "x-mock-fault": "empty; moment=received"}
        with pytest.raises(ConnectionResetError):
            await world.http.get("http://127.0.0.1/v1/models/1?auth_key=ABCDEFGH", headers=headers)

        answer = await world.http.get("http://127.0.0.1/_mock/requests.har")

        jsonschema.validate(answer.json(), an_object(log=LOG))
        job, model = answer.json()["log"]["entries"]
        assert har_entry(job).header("authorization") == "Bearer ***"
        assert "KLMNOPQRST" not in answer.text
        assert "ABCDEFGH" not in answer.text
        assert model["response"]["status"] == 0
        assert model["response"]["_error"] == "no answer was sent"
        assert model["_remarks"]
