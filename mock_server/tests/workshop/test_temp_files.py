"""Temporary files: the URL that takes bytes, the PUT, and who may read them."""

from __future__ import annotations

import pytest
from dirty_equals import IsInt, IsStr
from hypothesis import given
from hypothesis import strategies as st

from mock_server.core.accounts import Progression
from mock_server.tests.workshop.task_calls import (
    PICTURE,
    finished,
    job_of,
    redraw,
    reserve,
    run_workflow,
    upload,
)
from mock_server.tests.workshop.world import NOW_MS, ORIGIN, a_world
from mock_server.workshop.temp_files import _safe_name

SIGN = "/scc/sp_create_temp_file_upload_sign"
PNG = {"content-type": "image/png"}


async def put(world, url, data=PICTURE, headers=None):
    return await world.http.put(url, content=data, headers=PNG if headers is None else headers)


async def test_the_urls_of_an_upload_have_the_members_that_the_sdks_read():
    async with a_world() as world:
        place = await reserve(world)

    assert place == {
        "uploadUrl": IsStr(regex=rf"{ORIGIN}/temp-upload/\S+/in\.png\?expires=\d+&signature=\w+"),
        "accessUrl": place["uploadUrl"].partition("?")[0],
        "objectKey": IsStr(regex=r"temp-upload/\S+/in\.png"),
        "path": place["objectKey"],
        "expireTime": NOW_MS + 3_600_000,
    }
    assert place["expireTime"] == IsInt


async def test_the_unit_of_the_expiry_is_a_setting():
    async with a_world(workshop_expire_time="seconds") as world:
        assert (await reserve(world))["expireTime"] == NOW_MS // 1000 + 3600


@pytest.mark.parametrize(
    ("data", "media_type"),
    [(PICTURE, "image/png"), (b"", "text/plain; charset=utf-8"), (b"\0\xff" * 999, "audio/mpeg")],
)
async def test_any_bytes_are_served_with_their_declared_type(data, media_type):
    async with a_world() as world:
        url = await upload(world, data, media_type)
        answer = await world.http.get(url)

    assert (answer.status_code, answer.content) == (200, data)
    assert answer.headers["content-type"] == media_type


async def test_a_browser_never_runs_an_uploaded_file():
    async with a_world() as world:
        answer = await world.http.get(await upload(world, b"<script>1</script>", "text/html"))

    assert answer.headers["content-security-policy"] == "sandbox; default-src 'none'"
    assert answer.headers["x-content-type-options"] == "nosniff"


async def test_a_range_of_a_file_can_be_read():
    async with a_world() as world:
        url = await upload(world, b"0123456789", "text/plain")
        answer = await world.http.get(url, headers={"range": "bytes=2-4"})

    assert (answer.status_code, answer.content) == (206, b"234")


async def test_a_put_needs_no_credentials_but_the_declared_content_type():
    async with a_world() as world:
        url = (await reserve(world))["uploadUrl"]
        await world.change_account(settings=(("workshop.signature_check", "on"),))
        other, none, right = [
            await put(world, url, headers=headers)
            for headers in ({"content-type": "image/jpeg"}, {}, {"content-type": "IMAGE/PNG"})
        ]

    assert [each.status_code for each in (other, none, right)] == [403, 403, 200]
    assert "Declared was image/png, and sent image/jpeg" in other.text
    assert right.content == b""


async def test_an_upload_url_and_its_file_expire_separately():
    async with a_world(workshop_upload_life=10, workshop_upload_kept=100) as world:
        first, second = await reserve(world), await reserve(world)
        await world.advance(9)
        assert (await put(world, first["uploadUrl"])).status_code == 200
        await world.advance(1)
        late = await put(world, second["uploadUrl"])
        await world.advance(89)
        there = await world.http.get(first["accessUrl"])
        await world.advance(1)
        gone = await world.http.get(first["accessUrl"])

    assert (late.status_code, there.status_code, gone.status_code) == (403, 200, 404)
    assert "expired" in late.text


@pytest.mark.parametrize(
    ("part", "other", "status"),
    [("?", "?x&", 200), ("expires=1", "expires=2", 403), ("signature=", "signature=0", 403),
     ("in.png", "on.png", 404), ("temp-upload/", "temp-upload/0", 404), ("?", "#", 403)],
)  # fmt: skip
async def test_a_changed_upload_url_takes_no_bytes(part, other, status):
    async with a_world() as world:
        url = (await reserve(world))["uploadUrl"]

        assert (await put(world, url.replace(part, other, 1))).status_code == status


async def test_a_file_that_is_not_there_is_not_found():
    async with a_world() as world:
        url = (await reserve(world))["accessUrl"]
        reserved = await world.http.get(url)
        unknown = await world.http.get(f"{ORIGIN}/temp-upload/x/in.png")

    assert (reserved.status_code, unknown.status_code) == (404, 404)


async def test_more_bytes_than_the_limit_are_refused():
    async with a_world(workshop_upload_limit_bytes=100) as world:
        place = await reserve(world)
        over = await put(world, place["uploadUrl"], bytes(101))
        exact = await put(world, place["uploadUrl"], bytes(100))
        declared = await world.refusal(
            SIGN, {"contentType": "a/b", "originalFilename": "x", "size": 101}
        )

    assert (over.status_code, exact.status_code) == (413, 200)
    assert declared == ("INVALID_PARAM", "size must be from 0 to 100 bytes, found 101")


async def test_a_file_may_be_larger_than_other_bodies():
    async with a_world(upload_limit_bytes=10, body_limit_bytes=1000) as world:
        url = await upload(world, bytes(2000), "audio/mpeg")

        assert len((await world.http.get(url)).content) == 2000


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"originalFilename": "x"}, "contentType is required"),
        ({"contentType": "image/png"}, "originalFilename is required"),
        (
            {"contentType": "png", "originalFilename": "x"},
            "contentType must be a media type such as image/png",
        ),
        (
            {"contentType": "image/png\r\nx-evil: 1", "originalFilename": "x"},
            "contentType must be a media type such as image/png",
        ),
        (
            {"contentType": "image/png", "originalFilename": "x", "size": -1},
            "size must be from 0 to 104857600 bytes, found -1",
        ),
    ],
)
async def test_an_invalid_upload_is_refused(body, message):
    async with a_world() as world:
        assert await world.refusal(SIGN, body) == ("INVALID_PARAM", message)


async def test_the_urls_can_be_on_another_base():
    async with a_world(workshop_file_url="https://files.example/x/") as world:
        place = await reserve(world)
        made = await finished(world, await run_workflow(world))

    assert place["uploadUrl"].startswith("https://files.example/x/temp-upload/")
    assert made["images"][0].startswith("https://files.example/x/comfy/output/")


async def test_an_upload_is_found_by_its_url_on_any_host():
    async with a_world() as world:
        url = await upload(world)
        task = await redraw(world, url.replace("mock.test:8080", "192.168.0.7"))

        assert (await job_of(world, task)).order.source
        assert world.remarks() == []


async def test_an_upload_of_another_type_is_not_a_picture():
    async with a_world() as world:
        url = await upload(world, b"sound", "audio/mpeg")
        refusal = await world.refusal("/scc/sd_img2img", {"init_images": [url]})

    assert refusal == ("INVALID_PARAM", "init_images[0] must be a picture, found audio/mpeg")


async def test_a_file_that_arrives_before_the_task_starts_is_in_time():
    async with a_world(progress=Progression.TIME) as world:
        place = await reserve(world)
        task = await redraw(world, place["accessUrl"])
        await put(world, place["uploadUrl"])

        assert (await finished(world, task))["status"] == "succeeded"


@given(st.text(max_size=300))
def test_a_file_name_is_always_safe_in_a_url(name):
    safe = _safe_name(name)

    assert 1 <= len(safe) <= 100
    assert set(safe) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-")
    assert safe.strip(".")
