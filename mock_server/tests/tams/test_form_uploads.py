"""Uploads by form: what is handed out, the form that a browser posts, and what is refused."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from dirty_equals import IsUUID

from mock_server.core.account_service import AccountSpec
from mock_server.core.accounts import Progression
from mock_server.core.resources import Resource
from mock_server.serving import serve_in_thread
from mock_server.settings import Settings
from mock_server.tams.catalogue import demo_uploads
from mock_server.tams.form_policies import BadPolicy, read_policy
from mock_server.tests.browser import STAY, looked_at
from mock_server.tests.tams.world import BEARER, NOW, ORIGIN, World, a_world, text_to_image
from mock_server.web.pictures import Recipe, render

PNG = render(Recipe("a red kite", width=64, height=64))


async def a_place(world: World, **body: Any) -> dict[str, str]:
    answer = await world.call("POST", "/v1/resource/image/sts", body)
    assert answer.status_code == 200, answer.text
    place: dict[str, str] = answer.json()
    return place


def fields_of(place: dict[str, str], **changes: str | None) -> dict[str, str]:
    """Return the fields of a form; a change to None leaves a field out."""
    fields: dict[str, str | None] = {
        "key": place["filePath"],
        "policy": place["policy"],
        "OSSAccessKeyId": place["accessId"],
        "signature": place["signature"],
        "x-oss-security-token": place["securityToken"],
        "callback": place["callback"],
        **changes,
    }
    return {name: value for name, value in fields.items() if value is not None}


async def post(
    world: World, place: dict[str, str], data: bytes = PNG, /, **changes: str | None
) -> httpx.Response:
    """Post a form as a browser writes it, the file last."""
    fields = fields_of(place, **changes)
    files = {"file": ("kite.png", data, "image/png")}
    return await world.http.post(place["host"], data=fields, files=files)


def self_signed(world: World, document: Any) -> dict[str, str]:
    """Return a policy of somebody's own, under the account's secret."""
    text = base64.b64encode(json.dumps(document).encode()).decode()
    secret = world.account.credentials.secret
    digest = hmac.new(secret.encode(), text.encode(), hashlib.sha1).digest()
    return {"policy": text, "signature": base64.b64encode(digest).decode()}


@pytest.mark.parametrize("body", [b"", b"{}", b'{"expire_sec":"60","term":2}'])
async def test_nine_strings_are_handed_out_for_every_way_of_asking(body):
    async with a_world() as world:
        answer = await world.call("POST", "/v1/resource/image/sts", body)

    place = answer.json()
    assert list(place) == [
        "resourceId", "accessId", "signature", "host", "expire",
        "callback", "filePath", "policy", "securityToken",
    ]  # fmt: skip
    assert all(isinstance(value, str) and value for value in place.values())
    term, life = ("long", 60) if b"term" in body else ("short", 3600)
    assert place["resourceId"] == IsUUID(4)
    assert place["filePath"] == f"{term}-term/{place['resourceId']}"
    assert place["expire"] == str(int(NOW) + life)
    assert place["host"] == f"{ORIGIN}/oss-form"
    assert "callbackUrl" in json.loads(base64.b64decode(place["callback"]))


async def test_the_policy_says_until_when_for_which_key_and_how_large():
    async with a_world(upload_limit_bytes=1000) as world:
        place = await a_place(world, expireSec=90)
        secret = world.account.credentials.secret

    assert json.loads(base64.b64decode(place["policy"])) == {
        "expiration": "2026-01-15T08:01:30.000Z",
        "conditions": [["content-length-range", 0, 1000], ["eq", "$key", place["filePath"]]],
    }
    digest = hmac.new(secret.encode(), place["policy"].encode(), hashlib.sha1).digest()
    assert base64.b64decode(place["signature"]) == digest


async def test_the_form_is_posted_to_the_host_and_scheme_of_the_caller():
    async with a_world() as world:
        headers = {**BEARER, "host": "mock.internal:9999"}
        answer = await world.http.post("https://other/v1/resource/image/sts", headers=headers)
    async with a_world(public_url="https://mock.example") as world:
        fixed = await a_place(world)

    assert answer.json()["host"] == "https://mock.internal:9999/oss-form"
    assert fixed["host"] == "https://mock.example/oss-form"


async def test_a_posted_file_is_there_for_jobs():
    async with a_world() as world:
        place = await a_place(world)
        answer = await post(world, place)
        job = text_to_image()
        job["stages"][0]["inputInitialize"]["imageResourceId"] = place["resourceId"]
        made = await world.submit(job)
        await world.advance(60)
        state = (await world.job(made["id"]))["status"]
        resource = await world.app.accounts.store.get(Resource, place["resourceId"])

    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.json() == {"Status": "OK"}
    assert state == "SUCCESS"
    assert resource is not None
    assert (resource.format, resource.width, resource.size_bytes) == ("png", 64, len(PNG))


async def test_a_job_without_the_file_fails():
    async with a_world() as world:
        place = await a_place(world)
        refused = await post(world, place, signature="bW9jaw==")
        job = text_to_image()
        job["stages"][0]["inputInitialize"]["imageResourceId"] = place["resourceId"]
        made = await world.submit(job)
        await world.advance(60)
        state = (await world.job(made["id"]))["status"]

    assert refused.status_code == 403
    assert state == "FAILED"


@pytest.mark.parametrize(
    ("asked", "status"), [(None, 204), ("200", 200), ("201", 201), ("204", 204), ("500", 204)]
)
async def test_without_a_callback_the_store_answers_itself(asked, status):
    async with a_world() as world:
        place = await a_place(world)
        answer = await post(world, place, callback=None, success_action_status=asked)

    assert answer.status_code == status
    etag = f'"{hashlib.md5(PNG).hexdigest().upper()}"'
    assert answer.headers["etag"] == etag
    if status == 201:
        assert answer.headers["content-type"] == "application/xml"
        assert f"<Key>{place['filePath']}</Key><ETag>{etag}</ETag>" in answer.text
    else:
        assert answer.content == b""


@pytest.mark.parametrize(
    ("choice", "status", "text"),
    [
        ("ok", 200, '{"Status":"OK"}'),
        ("callback-failed", 203, "CallbackFailed"),
        ("empty", 204, ""),
    ],
)
async def test_the_choice_of_upload_answers_decides_what_the_callback_says(choice, status, text):
    async with a_world(tams={"upload_answer": choice}) as world:
        place = await a_place(world)
        answer = await post(world, place)
        resource = await world.app.accounts.store.get(Resource, place["resourceId"])

    assert answer.status_code == status
    assert text in answer.text
    assert resource is not None
    assert resource.uploaded_at == NOW


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        ({"key": None}, 400, "InvalidArgument"),
        ({"policy": None}, 400, "InvalidArgument"),
        ({"OSSAccessKeyId": None}, 400, "InvalidArgument"),
        ({"signature": None}, 400, "InvalidArgument"),
        ({"signature": ""}, 400, "InvalidArgument"),
        ({"x-oss-security-token": None}, 400, "InvalidArgument"),
        ({"callback": "no base64"}, 400, "InvalidArgument"),
        ({"callback": "e30="}, 400, "InvalidArgument"),
        ({"callback": "W10="}, 400, "InvalidArgument"),
        ({"key": "x" * 8193}, 400, "FieldItemTooLong"),
        ({"key": "short-term/another"}, 403, "AccessDenied"),
        ({"policy": "e30="}, 403, "SignatureDoesNotMatch"),
        ({"signature": "bW9jay1zaWduYXR1cmU="}, 403, "SignatureDoesNotMatch"),
        ({"signature": "é"}, 403, "SignatureDoesNotMatch"),
        ({"OSSAccessKeyId": "STS.nobody"}, 403, "InvalidAccessKeyId"),
        ({"OSSAccessKeyId": "nobody"}, 403, "InvalidAccessKeyId"),
        ({"x-oss-security-token": "wrong é"}, 403, "InvalidSecurityToken"),
    ],
)
async def test_a_form_that_is_not_as_it_was_handed_out_is_refused(changes, status, code):
    async with a_world() as world:
        place = await a_place(world)
        answer = await post(world, place, **changes)
        resource = await world.app.accounts.store.get(Resource, place["resourceId"])

    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/xml"
    assert f"<Code>{code}</Code>" in answer.text
    assert resource is not None
    assert resource.uploaded_at is None


async def test_nothing_of_a_place_can_be_used_for_another():
    async with a_world() as world:
        place, other = await a_place(world), await a_place(world)
        answers = [
            await post(world, place, key=other["filePath"]),
            await post(world, place, policy=other["policy"]),
            await post(world, place, signature=other["signature"]),
            await post(world, place, **{"x-oss-security-token": other["securityToken"]}),
        ]
        late = await a_place(world, expireSec=7200)
        mixed = await post(world, place, policy=late["policy"], signature=late["signature"])

    assert [answer.status_code for answer in [*answers, mixed]] == [403] * 5


@pytest.mark.parametrize(
    ("extra", "status"), [(-1, 200), (0, 200), (1, 400), (10_000, 400), (200_000, 413)]
)
async def test_a_file_above_the_limit_is_refused_and_not_kept(extra, status):
    async with a_world(upload_limit_bytes=1000) as world:
        place = await a_place(world)
        answer = await post(world, place, b"x" * (1000 + extra))
        resource = await world.app.accounts.store.get(Resource, place["resourceId"])

    assert answer.status_code == status
    assert resource is not None
    assert (resource.uploaded_at is None) is (status != 200)
    if status == 400:
        assert "<Code>EntityTooLarge</Code>" in answer.text


@pytest.mark.parametrize(("choice", "status"), [("accept", 200), ("refuse", 400)])
async def test_an_empty_file_is_stored_or_too_small(choice, status):
    async with a_world(tams={"empty_upload": choice}) as world:
        answer = await post(world, await a_place(world), b"")

    assert answer.status_code == status
    assert ("EntityTooSmall" in answer.text) is (status == 400)


@pytest.mark.parametrize(("choice", "status"), [("accept", 200), ("refuse", 403)])
async def test_a_second_file_replaces_the_first_or_is_refused(choice, status):
    async with a_world(tams={"second_upload": choice}) as world:
        place = await a_place(world)
        first = await post(world, place)
        second = await post(world, place, b"other")

    assert (first.status_code, second.status_code) == (200, status)


async def test_a_form_ends_with_its_policy_on_the_accounts_clock():
    async with a_world() as world:
        place = await a_place(world, expireSec=60)
        await world.advance(59.9)
        in_time = await post(world, place)
        await world.advance(0.1)
        late = await post(world, place)

    assert (in_time.status_code, late.status_code) == (200, 403)
    assert "Policy expired" in late.text


@pytest.mark.parametrize(
    ("content_type", "body", "status", "code"),
    [
        ("application/json", b"{}", 412, "PreconditionFailed"),
        ("multipart/form-data", b"", 400, "MalformedPOSTRequest"),
        ("multipart/form-data; boundary=b", b"--b\r\n", 400, "MalformedPOSTRequest"),
        (
            "multipart/form-data; boundary=b",
            b"--b--\r\n",
            400,
            "IncorrectNumberOfFilesInPOSTRequest",
        ),
    ],
)
async def test_what_is_no_form_is_refused(content_type, body, status, code):
    async with a_world() as world:
        answer = await world.http.post(
            "/oss-form", content=body, headers={"content-type": content_type}
        )

    assert answer.status_code == status
    assert f"<Code>{code}</Code>" in answer.text


async def test_fields_after_the_file_do_not_count():
    async with a_world() as world:
        place = await a_place(world)
        fields = [(name, (None, value)) for name, value in fields_of(place).items()]
        file = ("file", ("kite.png", PNG))
        first = await world.http.post("/oss-form", files=[file, *fields])
        after = await world.http.post("/oss-form", files=[*fields, file, ("key", (None, "x"))])

    assert first.status_code == 400
    assert "check the order" in first.text
    assert after.status_code == 200


async def test_an_account_may_sign_policies_of_its_own():
    """As with the real store: whoever has the secret decides, within what was reserved."""
    async with a_world() as world:
        place = await a_place(world)
        ends_at = datetime.fromtimestamp(NOW + 5, UTC).isoformat()

        async def answer(conditions: Any, data: bytes = PNG) -> httpx.Response:
            document = {"expiration": ends_at, "conditions": conditions}
            return await post(world, place, data, **self_signed(world, document))

        good = await answer([["starts-with", "$key", "short-term/"], {"key": place["filePath"]}])
        bad = await answer([["starts-with", "$key", "user/"]])
        short = await answer([["content-length-range", 5, 9]], b"1234")
        elsewhere = await post(
            world, place, key="short-term/nowhere",
            **self_signed(world, {"expiration": ends_at, "conditions": []}),
        )  # fmt: skip
        shared = await post(
            world, place, key=f"short-term/{demo_uploads()[0]}",
            **self_signed(world, {"expiration": ends_at, "conditions": []}),
        )  # fmt: skip

    codes = [each.status_code for each in (good, bad, short, elsewhere, shared)]
    assert codes == [200, 403, 400, 404, 404]
    assert 'Policy Condition failed: ["starts-with", "$key", "user/"]' in bad.text


@pytest.mark.parametrize(
    "document",
    [
        [],
        {"conditions": []},
        {"expiration": "2030-01-01T00:00:00Z"},
        {"expiration": "tomorrow", "conditions": []},
        {"expiration": "2030-01-01T00:00:00", "conditions": []},
        {"expiration": "2030-01-01T00:00:00Z", "conditions": {}},
        {"expiration": "2030-01-01T00:00:00Z", "conditions": [["like", "$key", "x"]]},
        {"expiration": "2030-01-01T00:00:00Z", "conditions": [["eq", "key", "x"]]},
        {"expiration": "2030-01-01T00:00:00Z", "conditions": [{"key": 1}]},
        {"expiration": "2030-01-01T00:00:00Z", "conditions": [["content-length-range", 1, "2"]]},
    ],
)
async def test_a_policy_that_cannot_be_understood_is_refused(document):
    async with a_world() as world:
        place = await a_place(world)
        answer = await post(world, place, **self_signed(world, document))

    assert answer.status_code == 400
    assert "<Code>InvalidPolicyDocument</Code>" in answer.text


@pytest.mark.parametrize(
    "text", ["", "é", "W10", "bm8ganNvbg==", base64.b64encode(b"[" * 6000).decode()]
)
def test_texts_that_are_no_policies(text):
    with pytest.raises(BadPolicy):
        read_policy(text)


async def test_another_accounts_form_does_not_fill_this_place():
    async with a_world() as world:
        place = await a_place(world)
        stranger = await world.app.accounts.create(AccountSpec(), NOW)
        other_bearer = {"authorization": f"Bearer {stranger.credentials.token}"}
        answer = await world.call("POST", "/v1/resource/image/sts", {}, headers=other_bearer)
        other = answer.json()
        theirs = await post(world, other)
        stolen = await post(world, other, key=place["filePath"])

    assert (theirs.status_code, stolen.status_code) == (200, 403)


async def test_a_page_of_any_origin_may_post_and_read_the_answer():
    async with a_world() as world:
        place = await a_place(world)
        origin = {"origin": "https://app.example"}
        asked = {**origin, "access-control-request-method": "POST"}
        preflight = await world.http.options(place["host"], headers=asked)
        answer = await world.http.post(
            place["host"], data=fields_of(place), files={"file": PNG}, headers=origin
        )

    assert preflight.status_code == 204
    assert "POST" in preflight.headers["access-control-allow-methods"]
    assert answer.status_code == 200
    assert answer.headers["access-control-allow-origin"] == "*"


PAGE = """<!doctype html>
<form action="%(host)s" method="post" enctype="multipart/form-data" target="answer">
%(fields)s
<input type="file" name="file">
<input type="submit">
</form>
<iframe name="answer"></iframe>
<script>
const file = new File([Uint8Array.from(atob("%(file)s"), sign => sign.charCodeAt(0))], "kite.png")
const chosen = new DataTransfer()
chosen.items.add(file)
document.querySelector("[type=file]").files = chosen.files
document.querySelector("iframe").onload = () => done()
document.querySelector("form").submit()
</script>
"""


def test_a_plain_form_posted_by_a_browser_is_stored(tmp_path):
    with serve_in_thread(Settings(port=0, progress=Progression.INSTANT)) as server:
        bearer = {"authorization": f"Bearer {server.account['accessToken']}"}
        with httpx.Client(base_url=server.url, headers=bearer) as http:
            place = http.post("/v1/resource/image/sts", json={}).json()
            fields = "".join(
                f'<input type="hidden" name="{name}" value="{value}">\n'
                for name, value in fields_of(place).items()
            )
            file = base64.b64encode(PNG).decode()
            page = PAGE % {"host": place["host"], "fields": fields, "file": file} + STAY
            looked_at({"/": ("text/html", page.encode())}, tmp_path)

            job = text_to_image()
            job["stages"][0]["inputInitialize"]["imageResourceId"] = place["resourceId"]
            made = http.post("/v1/jobs", json=job).json()["job"]
            state = http.get(f"/v1/jobs/{made['id']}").json()["job"]["status"]

    assert place["host"].startswith(server.url)
    assert state == "SUCCESS"
