"""Uploads: the place that is handed out, the PUT that fills it, and what the store refuses."""

from __future__ import annotations

import re

import pytest
from dirty_equals import IsUUID

from mock_server.core.resources import Resource
from mock_server.tests.tams.world import BEARER, ORIGIN, a_world, text_to_image
from mock_server.web.pictures import Recipe, render

PNG = b"\x89PNG and what follows"


@pytest.mark.parametrize("body", [b"", b"{}", b"null", b" {} \n", b'{"expire_sec":"60","term":2}'])
async def test_a_place_is_handed_out_for_every_way_of_asking(body):
    async with a_world() as world:
        answer = await world.call("POST", "/v1/resource/image", body)

    place = answer.json()
    assert place.keys() == {"resourceId", "putUrl", "headers"}
    assert place["resourceId"] == IsUUID(4)
    assert place["putUrl"].startswith(f"{ORIGIN}/tams-resource/upload/{place['resourceId']}?")
    assert all(isinstance(value, str) for value in place["headers"].values())
    # A Java client copies the map into a library that refuses these.
    assert not {"host", "content-length", "connection"} & {
        name.lower() for name in place["headers"]
    }


@pytest.mark.parametrize(
    "headers", [{}, {"content-type": "image/png"}, {"content-type": "application/octet-stream"}]
)
async def test_a_put_is_taken_with_any_content_type_and_answers_ok(headers):
    async with a_world() as world:
        place = (await world.call("POST", "/v1/resource/image", {})).json()
        answer = await world.http.put(place["putUrl"], content=PNG, headers=headers)

    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.json() == {"Status": "OK"}


async def test_the_url_is_on_the_host_and_scheme_of_the_caller():
    async with a_world() as world:
        headers = {**BEARER, "host": "mock.internal:9999"}
        answer = await world.http.post("https://other/v1/resource/image", headers=headers)
        odd = await world.http.post(
            "/v1/resource/image", headers={**BEARER, "host": 'evil"><script>'}
        )
    async with a_world(public_url="https://mock.example") as world:
        fixed = await world.call("POST", "/v1/resource/image", {})

    assert answer.json()["putUrl"].startswith("https://mock.internal:9999/")
    assert "script" not in odd.json()["putUrl"]
    assert fixed.json()["putUrl"].startswith("https://mock.example/tams-resource/")


async def test_an_upload_url_ends_with_its_life_on_the_accounts_clock():
    async with a_world() as world:
        place = (await world.call("POST", "/v1/resource/image", {"expireSec": 60})).json()
        await world.advance(59.9)
        in_time = await world.http.put(place["putUrl"], content=PNG)
        await world.advance(0.1)
        late = await world.http.put(place["putUrl"], content=PNG)

    assert (in_time.status_code, late.status_code) == (200, 403)
    assert "expired" in late.text


async def test_an_upload_url_cannot_be_made_up_or_lengthened():
    async with a_world() as world:
        first = (await world.call("POST", "/v1/resource/image", {})).json()
        second = (await world.call("POST", "/v1/resource/image", {})).json()
        url = first["putUrl"]
        forgeries = [
            url.replace(first["resourceId"], second["resourceId"]),
            url.replace("X-Amz-Expires=3600", "X-Amz-Expires=7200"),
            url.partition("?")[0],
            re.sub("Signature=.*", "Signature=", url),
        ]
        codes = [(await world.http.put(each, content=PNG)).status_code for each in forgeries]
        unknown = await world.http.put(f"{ORIGIN}/tams-resource/upload/nobody", content=PNG)

    assert codes == [403] * 4
    assert unknown.status_code == 404


async def test_more_bytes_than_the_store_takes_are_refused_and_not_kept():
    async with a_world(upload_limit_bytes=1000) as world:
        place = (await world.call("POST", "/v1/resource/image", {})).json()
        large = await world.http.put(place["putUrl"], content=b"x" * 1001)
        resource = await world.app.accounts.store.get(Resource, place["resourceId"])

    assert large.status_code == 413
    assert resource is not None
    assert resource.uploaded_at is None


@pytest.mark.parametrize(
    ("settings", "puts", "status"),
    [
        ({}, 2, 200),
        ({"second_upload": "refuse"}, 2, 403),
        ({"empty_upload": "refuse"}, 0, 400),
        ({"upload_answer": "callback-failed"}, 1, 203),
        ({"upload_answer": "empty"}, 1, 200),
    ],
)
async def test_the_store_follows_the_choices(settings, puts, status):
    async with a_world(tams=settings) as world:
        place = (await world.call("POST", "/v1/resource/image", {})).json()
        for _ in range(max(1, puts)):
            answer = await world.http.put(place["putUrl"], content=PNG if puts else b"")

    assert answer.status_code == status
    if settings == {"upload_answer": "empty"}:
        assert answer.content == b""


async def test_the_mainland_store_has_other_urls_and_headers():
    async with a_world(tams={"store_style": "mainland"}) as world:
        place = (await world.call("POST", "/v1/resource/image", {})).json()
        answer = await world.http.put(place["putUrl"], content=PNG, headers=place["headers"])
        forged = await world.http.put(place["putUrl"].replace("Expires=1", "Expires=2"))

    assert place["headers"].keys() == {"X-Oss-Callback"}
    assert place["putUrl"].startswith(f"{ORIGIN}/short-term/{place['resourceId']}?Expires=")
    assert (answer.status_code, forged.status_code) == (200, 403)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"expireSec": "undefined"}, "expireSec"),
        ({"expireSec": -1}, "expireSec"),
        ({"term": 3}, "term"),
        ({"term": True}, "term"),
    ],
)
async def test_bad_terms_are_refused(body, message):
    async with a_world() as world:
        answer = await world.call("POST", "/v1/resource/image", body)

    assert answer.status_code == 400
    assert answer.json()["code"] == 3
    assert message in answer.text


async def test_an_expiry_that_is_no_number_is_the_default_where_so_chosen():
    async with a_world(tams={"bad_expire": "default", "upload_life": 60}) as world:
        answer = await world.call("POST", "/v1/resource/image", {"expireSec": "undefined"})

    assert "X-Amz-Expires=60&" in answer.json()["putUrl"]


async def test_a_missing_term_is_short_or_refused():
    async with a_world() as world:
        await world.call("POST", "/v1/resource/image", {})
        short = await world.upload(b"x")
        for_ever = await world.upload(b"x", term=2)
        kept = [await world.app.accounts.store.get(Resource, each) for each in (short, for_ever)]
    async with a_world(tams={"missing_term": "refuse"}) as world:
        refused = await world.call("POST", "/v1/resource/image", {})

    assert [each and each.keep_until is None for each in kept] == [False, True]
    assert refused.status_code == 400


async def test_a_browser_may_upload_from_any_origin():
    async with a_world() as world:
        place = (await world.call("POST", "/v1/resource/image", {})).json()
        asked = {
            "origin": "https://app.example",
            "access-control-request-method": "PUT",
            "access-control-request-headers": "content-type",
        }
        preflight = await world.http.options(place["putUrl"], headers=asked)
        put = await world.http.put(
            place["putUrl"], content=PNG, headers={"origin": "https://app.example"}
        )

    assert preflight.status_code == 204
    assert preflight.headers["access-control-allow-origin"] == "*"
    assert "PUT" in preflight.headers["access-control-allow-methods"]
    assert preflight.headers["access-control-allow-headers"] == "content-type"
    assert put.headers["access-control-allow-origin"] == "*"


async def test_a_second_upload_does_not_undo_a_start_that_saw_the_first():
    picture = render(Recipe("first", width=64, height=64))
    async with a_world() as world:
        place = (await world.call("POST", "/v1/resource/image", {})).json()
        await world.http.put(place["putUrl"], content=picture)
        body = text_to_image()
        body["stages"][0]["inputInitialize"]["imageResourceId"] = place["resourceId"]
        job = await world.submit(body)
        await world.advance(1.5)  # It runs by now, and nobody has looked.
        await world.http.put(place["putUrl"], content=picture)
        await world.advance(60)

        assert (await world.job(job["id"]))["status"] == "SUCCESS"
