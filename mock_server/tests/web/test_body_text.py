"""Compressed bodies and bodies with a byte order mark, for both vendors and the control API."""

import codecs
import gzip
import json
import zlib
from collections.abc import Callable

import pytest

from mock_server.core.errors import Malformed, TooLarge
from mock_server.core.resources import Resource
from mock_server.tests.tams import world as tams
from mock_server.tests.tams.signing import send
from mock_server.tests.tams.world import text_to_image
from mock_server.tests.workshop import world as workshop
from mock_server.web.body_text import MAX_BYTES, MAX_EXPANSION, make_plain
from mock_server.web.calls import Bounds

MARKS = {
    "utf-8": codecs.BOM_UTF8,
    "utf-16-le": codecs.BOM_UTF16_LE,
    "utf-16-be": codecs.BOM_UTF16_BE,
}
marks = pytest.mark.parametrize("encoding", MARKS)

ORDER = json.dumps({"stages": text_to_image()["stages"]}).encode()
LOCAL = {"host": "localhost"}
PRICE = {"credits": 0.6}


def marked(text: bytes, encoding: str) -> bytes:
    return MARKS[encoding] + text.decode().encode(encoding)


def raw_deflate(body: bytes) -> bytes:
    return zlib.compress(body, wbits=-15)


CODINGS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "x-gzip": gzip.compress,
    "Deflate": zlib.compress,
}


class Call:
    """What `make_plain` needs of a call."""

    def __init__(self, body: bytes, coding: str) -> None:
        self.body, self.coding = body, coding.encode()

    def header(self, name: bytes) -> bytes:
        return self.coding


def plain(body: bytes, coding: str, **bounds: int) -> bytes:
    call = Call(body, coding)
    make_plain(call, Bounds(compressed="read", **bounds))  # type: ignore[arg-type]
    return call.body


@marks
async def test_a_mark_before_a_body_of_tams_is_ignored_with_a_remark(encoding):
    async with tams.a_world() as world:
        answer = await world.call("POST", "/v1/jobs/credits", marked(ORDER, encoding))
        kept = await world.http.get(
            f"/_mock/requests/{answer.headers['x-mock-request-id']}", headers=LOCAL
        )

    assert (answer.status_code, answer.json()) == (200, PRICE)
    assert "byte order mark" in kept.json()["remarks"][0]


@marks
async def test_a_mark_before_a_body_of_the_workshop_is_ignored(encoding):
    async with workshop.a_world() as world:
        made = await world.data("/scc/allocate_token", marked(b'{"name": "ada"}', encoding))

    assert made["apiToken"]


@marks
async def test_a_mark_before_a_body_of_the_control_api_is_ignored(encoding):
    async with tams.a_world() as world:
        body = marked(b'{"id": "ada"}', encoding)
        answer = await world.http.post(f"{tams.ORIGIN}/_mock/accounts", content=body, headers=LOCAL)

    assert (answer.status_code, answer.json()["id"]) == (201, "ada")


async def test_a_signature_is_over_the_bytes_with_their_mark():
    body = marked(ORDER, "utf-8")
    async with tams.a_world() as world:
        answers = [
            await world.call(
                "POST", "/v1/jobs/credits", body, headers={"authorization": sent.decode()}
            )
            for sent in (
                send(target=b"/v1/jobs/credits", body=body).authorization,
                send(target=b"/v1/jobs/credits", body=ORDER).authorization,
            )
        ]

    assert [answer.status_code for answer in answers] == [200, 401]


@pytest.mark.parametrize("coding", CODINGS)
async def test_compressed_bodies_are_refused_with_what_to_do(coding):
    headers = {"content-encoding": coding}
    async with tams.a_world() as world:
        body = CODINGS[coding](ORDER)
        answer = await world.call("POST", "/v1/jobs", body, headers=headers | tams.BEARER)
    async with workshop.a_world() as other:
        code, words = await other.refusal("/scc/allocate_token", body, headers=headers)

    assert answer.status_code == 400
    assert "--compressed-bodies read" in answer.json()["message"]
    assert code
    assert "--compressed-bodies read" in words


@pytest.mark.parametrize("coding", CODINGS)
async def test_compressed_bodies_are_read_if_the_setting_says_so(coding):
    headers = {"content-encoding": coding}
    async with tams.a_world(compressed_bodies="read") as world:
        body = CODINGS[coding](ORDER)
        answer = await world.call("POST", "/v1/jobs/credits", body, headers=headers | tams.BEARER)
    async with workshop.a_world(compressed_bodies="read") as other:
        made = await other.data(
            "/scc/allocate_token", CODINGS[coding](b'{"name": "ada"}'), headers=headers
        )

    assert answer.json() == PRICE
    assert made["apiToken"]


@pytest.mark.parametrize(
    ("body", "coding", "problem"),
    [
        (b"no gzip", "gzip", "not in the format gzip"),
        (gzip.compress(ORDER)[:-1], "gzip", "cut short"),
        (gzip.compress(ORDER) + b"more", "gzip", "more follows"),
        (b"no zlib", "deflate", "not in the format deflate"),
        (ORDER, "br", "the Content-Encoding br cannot be read"),
        (gzip.compress(ORDER), "gzip, deflate", "cannot be read"),
        (gzip.compress(ORDER), "", "no Content-Encoding says so"),
    ],
)
def test_what_cannot_be_decompressed_is_said(body, coding, problem):
    with pytest.raises(Malformed, match=problem):
        plain(body, coding)


def test_raw_deflate_data_is_read_too():
    assert plain(raw_deflate(ORDER), "deflate") == ORDER


@pytest.mark.parametrize("size", [MAX_BYTES + 1, 20 * MAX_BYTES])
def test_a_small_body_that_becomes_large_is_refused(size):
    assert plain(gzip.compress(bytes(MAX_BYTES)), "gzip") == bytes(MAX_BYTES)
    with pytest.raises(TooLarge, match=f"{MAX_BYTES} bytes"):
        plain(gzip.compress(bytes(size)), "gzip")


def test_a_large_body_may_become_larger_as_far_as_bodies_may():
    body = gzip.compress(bytes(MAX_BYTES), compresslevel=0)

    assert len(plain(body, "gzip")) < MAX_EXPANSION * len(body)
    with pytest.raises(TooLarge, match="1000 bytes"):
        plain(body, "gzip", body_bytes=1000)


@pytest.mark.parametrize("coding", ["utf-8", "identity", ""])
async def test_other_codings_are_ignored(coding):
    async with tams.a_world() as world:
        headers = {"content-encoding": coding} | tams.BEARER
        answer = await world.call("POST", "/v1/jobs/credits", b" " + ORDER, headers=headers)

    assert answer.json() == PRICE


async def test_uploads_keep_their_bytes():
    data = codecs.BOM_UTF16_LE + gzip.compress(ORDER)
    async with tams.a_world() as world:
        place = (await world.call("POST", "/v1/resource/image", {"expireSec": 60})).json()
        headers = place["headers"] | {"content-encoding": "gzip"}
        put = await world.http.put(place["putUrl"], content=data, headers=headers)
        kept = await world.app.accounts.store.get(Resource, place["resourceId"])

    assert put.status_code == 200, put.text
    assert kept is not None
    assert kept.size_bytes == len(data)
