"""Preprocessors and words: what they make of an upload, and which uploads they refuse."""

from __future__ import annotations

from io import BytesIO

import pytest
from dirty_equals import IsUUID
from PIL import Image

from mock_server.core.account_service import AccountSpec
from mock_server.tests.tams.world import NOW, ORIGIN, World, a_world, text_to_image
from mock_server.web.pictures import Recipe, render
from mock_server.web.wall import wall

DETECT = "/v1/controlnet/detect"
DESCRIBE = "/v1/img2prompt"
KITE = render(Recipe("a red kite, green hills", width=320, height=256))


async def detected(world: World, resource_id: str, module: str = "canny") -> dict[str, str]:
    body = {"controlnetModule": module, "resourceId": resource_id}
    answer = await world.call("POST", DETECT, body)
    assert answer.status_code == 200, answer.text
    result: dict[str, str] = answer.json()["result"]
    return result


async def words_for(world: World, resource_id: str, **members: str) -> str:
    answer = await world.call("POST", DESCRIBE, {"resourceId": resource_id, **members})
    assert answer.status_code == 200, answer.text
    (words,) = answer.json()["prompts"]
    assert isinstance(words, str)
    return words


async def test_a_result_is_a_picture_of_the_account_that_jobs_can_use():
    async with a_world() as world:
        balance = await world.balance()
        result = await detected(world, await world.upload(KITE))
        file = await world.http.get(result["url"])
        part = await world.http.get(result["url"], headers={"range": "bytes=0-7"})
        after = await world.balance()
        body = text_to_image()
        body["stages"][0]["inputInitialize"]["imageResourceId"] = result["resourceId"]
        job = await world.submit(body)
        await world.advance(60)
        state = (await world.job(job["id"]))["status"]

    assert result == {
        "controlnetModule": "canny",
        "resourceId": IsUUID(4),
        "url": f"{ORIGIN}/resource-upload/short-term/2026-01-15/{result['resourceId']}.png",
    }
    assert Image.open(BytesIO(file.content)).size == (320, 256)
    assert (part.status_code, part.content) == (206, b"\x89PNG\r\n\x1a\n")
    assert state == "SUCCESS"
    assert balance == after


async def test_a_result_is_kept_as_long_as_other_short_term_images():
    async with a_world(tams={"short_term_days": 1}) as world:
        result = await detected(world, await world.upload(KITE))
        await world.advance(86_399)
        before = await world.http.get(result["url"])
        await world.advance(1)
        after = await world.http.get(result["url"])

    assert (before.status_code, after.status_code) == (200, 404)


async def test_uploads_have_no_url_like_that_of_a_result():
    async with a_world() as world:
        upload = await world.upload(KITE)
        result = await detected(world, upload)
        other = await world.http.get(result["url"].replace(result["resourceId"], upload))

    assert other.status_code == 404


async def test_the_same_picture_has_the_same_result_each_time():
    async with a_world() as world:
        first = await detected(world, await world.upload(KITE), "openpose_full")
        second = await detected(world, await world.upload(KITE), "openpose_full")
        files = [(await world.http.get(each["url"])).content for each in (first, second)]

    assert first["resourceId"] != second["resourceId"]
    assert files[0] == files[1]


@pytest.mark.parametrize("path", [DETECT, DESCRIBE])
async def test_pictures_that_cannot_be_used_are_refused_with_the_reason(path):
    async with a_world() as world:
        place = (await world.call("POST", "/v1/resource/image", {})).json()
        cases = {
            "": (400, "required"),
            "00000000-0000-4000-8000-000000000000": (404, "resource not found"),
            place["resourceId"]: (400, "was never uploaded"),
            await world.upload(b"<html>"): (400, "is not an image that can be read"),
        }
        answers = {
            id: await world.call("POST", path, {"controlnetModule": "canny", "resourceId": id})
            for id in cases
        }

    for id, (status, words) in cases.items():
        answer = answers[id]
        assert answer.status_code == status, answer.text
        body = answer.json()
        details = [each["message"] for each in body["details"]]
        assert words in " ".join([body["message"], *details])
        assert body["message"] == ("Params Valid" if status == 400 else "resource not found")


@pytest.mark.parametrize("path", [DETECT, DESCRIBE])
async def test_expired_and_foreign_pictures_are_unknown(path):
    async with a_world(tams={"short_term_days": 1}) as world:
        upload = await world.upload(KITE)
        body = {"controlnetModule": "canny", "resourceId": upload}
        other = await world.app.accounts.create(AccountSpec(), NOW)
        foreign = await world.call(
            "POST", path, body, headers={"authorization": f"Bearer {other.credentials.token}"}
        )
        await world.advance(86_400)
        expired = await world.call("POST", path, body)

    for answer in (foreign, expired):
        assert (answer.status_code, answer.json()["message"]) == (404, "resource not found")


async def test_an_unknown_preprocessor_is_a_warning_or_refused():
    async with a_world() as world:
        upload = await world.upload(KITE)
        result = await detected(world, upload, "telepathy")
        nameless = await world.call("POST", DETECT, {"resourceId": upload})
    async with a_world(tams={"unlisted_value": "refuse"}) as world:
        body = {"controlnetModule": "telepathy", "resourceId": await world.upload(KITE)}
        refused = await world.call("POST", DETECT, body)
        known = await detected(world, body["resourceId"], "openpose")

    assert result["controlnetModule"] == "telepathy"
    assert nameless.status_code == refused.status_code == 400
    assert "'telepathy' is not a known preprocessor" in refused.json()["details"][0]["message"]
    assert known["controlnetModule"] == "openpose"


async def test_an_account_that_is_reset_meanwhile_gets_no_result(monkeypatch):
    async with a_world() as world:
        upload = await world.upload(KITE)
        pictures = world.tams.pictures
        work = pictures._work

        async def interrupted(*args):
            found = await work(*args)
            await world.app.resets.reset(world.account, (), wall())
            return found

        monkeypatch.setattr(pictures, "_work", interrupted)
        body = {"controlnetModule": "canny", "resourceId": upload}
        answer = await world.call("POST", DETECT, body)

    assert answer.status_code == 404


async def test_words_begin_with_the_pictures_own_prompt():
    async with a_world() as world:
        upload = await world.upload(KITE)
        tags = await words_for(world, upload)
        sentence = await words_for(world, upload, tagger="llm")

    assert tags.startswith("a red kite, green hills, ")
    assert "320x256" in tags.split(", ")
    assert sentence.startswith("A ")
    assert '"a red kite, green hills"' in sentence


async def test_open_choices_have_other_answers():
    async with a_world(tams={"detection_result": "empty", "image_words": "fixed"}) as world:
        upload = await world.upload(KITE)
        result = await detected(world, upload)
        words = await words_for(world, upload)
        sentence = await words_for(world, upload, tagger="llm")

    assert result == {}
    assert words == "1girl, solo, looking at viewer"
    assert sentence == "A girl looks at the viewer."
