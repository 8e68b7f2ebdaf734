"""Jobs through the surface: what a client sees from submission to the end."""

from __future__ import annotations

import asyncio
import io
from decimal import Decimal

import pytest
from dirty_equals import IsStr
from PIL import Image

from mock_server.core.account_service import AccountSpec
from mock_server.core.accounts import Limits, Progression
from mock_server.core.jobs.job import Job
from mock_server.tests.tams.world import BEARER, NOW, ORIGIN, a_world, text_to_image
from mock_server.web import picture_decoding
from mock_server.web.pictures import Recipe, render


async def test_a_job_goes_from_created_through_waiting_and_running_to_success():
    async with a_world() as world:
        created = await world.submit()
        seen = [created["status"]]
        for _ in range(40):
            await world.advance(0.1)
            status = (await world.job(created["id"]))["status"]
            if status != seen[-1]:
                seen.append(status)

    assert seen == ["CREATED", "WAITING", "RUNNING", "SUCCESS"]


async def test_the_answer_to_a_creation_holds_the_job_and_nothing_next_to_it():
    async with a_world() as world:
        answer = await world.call("POST", "/v1/jobs", text_to_image("one"))

    assert answer.json() == {
        "job": {"id": IsStr(regex=r"\d{18}"), "status": "CREATED", "credits": 0.6}
    }


async def test_rank_and_length_only_fall_and_end_at_one():
    async with a_world(slots=1) as world:
        for _ in range(3):
            await world.submit()
        job = await world.submit()
        ranks, lengths = [], []
        for _ in range(200):
            await world.advance(0.05)
            now = await world.job(job["id"])
            if now["status"] == "WAITING":
                ranks.append(int(now["waitingInfo"]["queueRank"]))
                lengths.append(int(now["waitingInfo"]["queueLen"]))

    assert ranks == sorted(ranks, reverse=True)
    assert lengths == sorted(lengths, reverse=True)
    assert ranks[0] >= 4
    assert ranks[-1] == 1


async def test_images_progress_one_after_the_other():
    async with a_world() as world:
        job = await world.submit(count=2)
        seen = []
        for _ in range(80):
            await world.advance(0.05)
            now = await world.job(job["id"])
            if now["status"] == "RUNNING":
                images = now["runningInfo"]["processingImages"]
                seen.append(tuple(image.get("progress", 0) for image in images))

    assert seen == sorted(seen)
    assert any(0 < first < 100 and second == 0 for first, second in seen)
    assert any(first == 100 and 0 < second < 100 for first, second in seen)


async def test_a_finished_job_has_files_as_large_and_as_many_as_it_says():
    async with a_world() as world:
        job = await world.submit(count=2, seed=7, width=640, height=768)
        await world.advance(30)
        finished = await world.job(job["id"])
        info = finished["successInfo"]
        files = [await world.http.get(image["url"]) for image in info["images"]]

    assert finished["credits"] == job["credits"]
    assert info["runtime"] == IsStr(regex=r"\d+")
    for number, (image, file) in enumerate(zip(info["images"], files, strict=True)):
        meta = info["imageExifMetaMap"][image["id"]]["meta"]
        assert image["expiredIn"] == "3600"
        assert image["meta"] == {"image": {"width": 640, "height": 768}}
        assert image["url"].startswith(f"{ORIGIN}/resource-upload/short-term/2026-01-15/COMFY/")
        assert file.headers["content-type"] == meta["MIMEType"] == "image/png"
        assert meta["ImageSize"] == "640x768"
        assert meta["FileSize"] == f"{len(file.content) / 1000:.0f} kB"
        assert meta["Seed"] == str(7 + number)
        picture = Image.open(io.BytesIO(file.content))
        picture.load()
        assert picture.size == (640, 768)
        assert f"Seed: {7 + number}" in picture.info["parameters"]
    assert files[0].content != files[1].content


async def test_the_same_polls_hand_out_the_same_urls():
    async with a_world() as world:
        job = await world.submit()
        await world.advance(30)
        first = await world.job(job["id"])
        await world.advance(60)

        assert await world.job(job["id"]) == first


async def test_a_result_url_stops_working_and_the_next_poll_hands_out_one_that_works():
    async with a_world() as world:
        job = await world.submit()
        await world.advance(30)
        url = (await world.job(job["id"]))["successInfo"]["images"][0]["url"]
        await world.advance(3600)
        late = await world.http.get(url)
        again = (await world.job(job["id"]))["successInfo"]["images"][0]["url"]
        fresh = await world.http.get(again)
        await world.advance(8 * 86_400)
        expired = await world.job(job["id"])
        gone = await world.http.get(expired["successInfo"]["images"][0]["url"])

    assert late.status_code == 403
    assert fresh.status_code == 200
    assert gone.status_code == 404


async def test_a_result_url_cannot_be_made_up():
    async with a_world() as world:
        job = await world.submit(count=2)
        await world.advance(30)
        url = (await world.job(job["id"]))["successInfo"]["images"][0]["url"]
        other = url.replace("_0.png", "_1.png")
        longer = url.replace("auth_key=17", "auth_key=27")

        for forged in (other, longer, url.partition("?")[0], url[:-1]):
            assert (await world.http.get(forged)).status_code == 403


async def test_an_unfinished_jobs_pictures_are_not_there_yet():
    async with a_world() as world:
        job = await world.submit()
        record = await world.app.accounts.store.get(Job, job["id"])
        assert record is not None
        now = await world.now()
        url = world.tams.storage.result_url(record, world.account, 0, now, ORIGIN)

        assert (await world.http.get(url)).status_code == 404


@pytest.mark.parametrize(("progress", "polls"), [("instant", 1), ("polls", 4), ("time", 1)])
async def test_every_kind_of_progress_ends_well(progress, polls):
    async with a_world(progress=Progression(progress)) as world:
        job = await world.submit()
        if progress == "time":
            await world.advance(10)
        states = [(await world.job(job["id"]))["status"] for _ in range(polls)]

    assert states[-1] == "SUCCESS"
    assert len(set(states)) == min(polls, 3)


async def test_one_job_may_be_moved_in_a_way_of_its_own():
    async with a_world() as world:
        headers = {**BEARER, "x-mock-progress": "instant"}
        answer = await world.call("POST", "/v1/jobs", text_to_image(), headers=headers)
        job = await world.job(answer.json()["job"]["id"])
        other = await world.submit()
        refused = await world.call(
            "POST", "/v1/jobs", text_to_image(), headers={**BEARER, "x-mock-progress": "soon"}
        )
        waiting = await world.job(other["id"])

    assert (job["status"], waiting["status"]) == ("SUCCESS", "CREATED")
    assert refused.status_code == 400
    assert "instant, time, polls, manual" in refused.json()["details"][0]["message"]


async def test_a_job_in_manual_progress_stays_until_a_hand_moves_it():
    async with a_world(progress=Progression.MANUAL) as world:
        job = await world.submit()
        await world.advance(1000)
        assert (await world.job(job["id"]))["status"] == "CREATED"
        seen = []
        for _ in range(3):
            async with world.act() as unit:
                await unit.jobs.advance(job["id"])
            seen.append((await world.job(job["id"]))["status"])

    assert seen == ["WAITING", "RUNNING", "SUCCESS"]


async def test_an_upscaler_beyond_memory_fails_with_the_reason_and_costs_nothing():
    body = text_to_image(width=1024, height=1024)
    body["stages"].append(
        {
            "type": "IMAGE_TO_UPSCALER",
            "imageToUpscaler": {
                "hrUpscaler": "4x-UltraSharp",
                "hrScale": 4,
                "hrSecondPassSteps": 10,
                "denoisingStrength": 0.3,
            },
        }
    )
    async with a_world() as world:
        before = await world.balance()
        job = await world.submit(body)
        held = await world.balance()
        await world.advance(600)
        failed = await world.job(job["id"])
        after = await world.balance()

    assert failed["status"] == "FAILED"
    assert "out of memory" in failed["failedInfo"]["reason"]
    assert failed["failedInfo"]["code"] == "DEFAULT"
    assert held == pytest.approx(before - job["credits"])
    assert after == before


async def test_estimate_hold_and_charge_are_the_same():
    async with a_world() as world:
        body = text_to_image(width=768, height=768, steps=8, sdModel="808939700149555823")
        estimate = (await world.call("POST", "/v1/jobs/credits", body)).json()
        job = await world.submit(body)
        held = await world.balance()
        await world.advance(60)
        await world.job(job["id"])
        charged = await world.balance()

    assert estimate == {"credits": 0.8}
    assert job["credits"] == 0.8
    assert held == charged == 999.2


async def test_too_few_credits_are_told_in_the_details_and_take_nothing():
    async with a_world(balance=Decimal("0.3")) as world:
        answer = await world.call("POST", "/v1/jobs", text_to_image("one"))
        assert answer.status_code == 400
        error = answer.json()
        assert await world.balance() == 0.3

    assert error["message"] == "Params Valid"
    assert "credits not enough" in error["details"][0]["message"]
    assert error["details"][0]["field"] == "credits"


async def test_parallel_submissions_never_overdraw():
    async with a_world(balance=Decimal("3.0")) as world:
        answers = await asyncio.gather(
            *(world.call("POST", "/v1/jobs", text_to_image(f"r{n}")) for n in range(20))
        )
        assert sorted(answer.status_code for answer in answers) == [200] * 5 + [400] * 15
        assert await world.balance() == 0


async def test_a_repeated_request_id_is_the_first_job_as_it_stands_and_costs_once():
    async with a_world() as world:
        body = text_to_image("same")
        first = await world.submit(body)
        await world.advance(60)
        again = await world.call("POST", "/v1/jobs", body)
        other = await world.call("POST", "/v1/jobs", text_to_image("same", width=640))
        assert await world.balance() == pytest.approx(1000 - first["credits"])

    assert again.json()["job"]["status"] == "SUCCESS"
    assert again.json()["job"]["id"] == other.json()["job"]["id"] == first["id"]


@pytest.mark.parametrize(
    ("settings", "other_body", "status", "code"),
    [
        ({"repeated_request": "refuse"}, False, 409, 6),
        ({"repeated_request_other_body": "refuse"}, True, 400, 3),
        ({"repeated_request_other_body": "refuse"}, False, 200, None),
        ({"repeated_request": "new"}, False, 200, None),
    ],
)
async def test_repeated_request_ids_follow_the_choices(settings, other_body, status, code):
    async with a_world(tams=settings) as world:
        first = await world.submit(text_to_image("same"))
        width = 640 if other_body else 512
        answer = await world.call("POST", "/v1/jobs", text_to_image("same", width=width))

    assert answer.status_code == status
    assert answer.json().get("code") == code
    if settings == {"repeated_request": "new"}:
        assert answer.json()["job"]["id"] != first["id"]


async def test_a_request_id_is_forgotten_after_its_life():
    async with a_world(tams={"request_id_life": 60}) as world:
        first = await world.submit(text_to_image("same"))
        await world.advance(61)
        later = await world.submit(text_to_image("same"))

    assert first["id"] != later["id"]


async def test_a_missing_request_id_is_accepted_or_refused_as_chosen():
    async with a_world(tams={"request_id_missing": "refuse"}) as world:
        answer = await world.call("POST", "/v1/jobs", text_to_image())

    assert answer.status_code == 400
    assert answer.json()["details"][0]["message"] == "requestId: required"


@pytest.mark.parametrize("wait", [0.1, 0.9, 2.0])
async def test_a_cancelled_job_stays_cancelled_and_gives_its_credits_back(wait):
    async with a_world(profile="realistic") as world:
        job = await world.submit()
        await world.advance(wait)
        answer = await world.call("DELETE", f"/v1/jobs/{job['id']}")
        await world.advance(1000)
        after = await world.job(job["id"])
        assert await world.balance() == 1000

    assert answer.json() == {"jobId": job["id"]}
    assert after["status"] == "CANCELED"


async def test_cancelling_a_running_job_is_refused_where_so_chosen():
    async with a_world(tams={"cancel_running": "refuse"}) as world:
        job = await world.submit()
        while (await world.job(job["id"]))["status"] != "RUNNING":
            await world.advance(0.1)
        answer = await world.call("DELETE", f"/v1/jobs/{job['id']}")
        await world.advance(60)
        after = await world.job(job["id"])

    assert answer.status_code == 400
    assert answer.json()["code"] == 9
    assert after["status"] == "SUCCESS"


async def test_cancelling_a_finished_job_changes_nothing():
    async with a_world() as world:
        job = await world.submit()
        await world.advance(60)
        answer = await world.call("DELETE", f"/v1/jobs/{job['id']}")
        after = await world.job(job["id"])

    assert answer.status_code == 200
    assert after["status"] == "SUCCESS"


async def test_cancelling_an_unknown_job_is_not_found():
    async with a_world() as world:
        answer = await world.call("DELETE", "/v1/jobs/1")

    assert (answer.status_code, answer.json()["message"]) == (404, "job not found")


async def test_jobs_of_another_app_are_not_found_or_forbidden_as_chosen():
    for settings, status in (({}, 404), ({"foreign_job_status": 403}, 403)):
        async with a_world(tams=settings) as world:
            other = await world.app.accounts.create(AccountSpec(id="other"), NOW)
            job = await world.submit()
            headers = {"authorization": f"Bearer {other.credentials.token}"}
            for method in ("GET", "DELETE"):
                path = f"/v1/jobs/{job['id']}"
                answer = await world.call(method, path, headers=headers)
                assert answer.status_code == status
            assert (await world.job(job["id"]))["status"] == "CREATED"


async def test_the_limit_refuses_the_sixth_call_in_a_second_and_lets_the_next_second_in():
    async with a_world(rate_limit="on") as world:
        codes = [(await world.call("GET", "/v1/jobs/1")).status_code for _ in range(7)]
        await world.advance(0.999)
        codes.append((await world.call("GET", "/v1/jobs/1")).status_code)
        await world.advance(0.001)
        codes.append((await world.call("GET", "/v1/jobs/1")).status_code)

    assert codes == [404] * 5 + [429] * 3 + [404]


async def control(world, path):
    return (await world.http.get(f"http://localhost/_mock{path}")).json()


@pytest.mark.parametrize(
    ("scope", "counts", "words"),
    [("app", None, "5 of 5 calls within"), ("path", "GET /v1/jobs/{job_id}", "(GET /v1/jobs/")],
)
async def test_a_429_is_explained_in_the_journal_and_in_the_limits(scope, counts, words):
    async with a_world(rate_limit="on", tams={"limit_scope": scope}) as world:
        for _ in range(6):
            answer = await world.call("GET", "/v1/jobs/1")
        (entry, *_) = (await control(world, "/requests"))["requests"]
        limits = await control(world, "/accounts/default/limits")
        now = await world.now()
        await world.advance(1)
        later = await control(world, "/accounts/default/limits")

    assert answer.json() == {"code": 8, "message": "RATELIMIT_EXCEEDED", "details": []}
    assert entry["refusal"].startswith("rate limit reached: 5 of 5 calls ")
    assert words in entry["refusal"]
    assert "next one is let through in 1.000 s" in entry["refusal"]
    assert "clock is frozen" in entry["refusal"]
    window = limits["windows"][-1]
    assert (window["counts"], window["qps"], window["used"]) == (counts, 5, 5)
    assert window["next"]["at"] == now + 1
    assert (later["windows"][-1]["used"], later["windows"][-1]["next"]) == (0, None)


async def test_uploads_and_downloads_are_not_counted_against_the_limit():
    async with a_world(rate_limit="on") as world:
        place = (await world.call("POST", "/v1/resource/image", {})).json()
        puts = [await world.http.put(place["putUrl"], content=b"x") for _ in range(8)]

    assert [answer.status_code for answer in puts] == [200] * 8


async def test_a_limit_in_shadow_lets_calls_through_and_remarks_on_them():
    async with a_world(rate_limit="shadow") as world:
        codes = [(await world.call("GET", "/v1/jobs/1")).status_code for _ in range(6)]
        remarks = [trace.remarks for trace in world.app.journal]

    assert codes == [404] * 6
    assert [bool(remark) for remark in remarks] == [True] + [False] * 5


async def test_the_limit_can_be_one_of_each_path_and_tell_when_to_come_again():
    settings = {"limit_scope": "path", "limit_retry_after": True}
    async with a_world(rate_limit="on", tams=settings) as world:
        await world.change_account(limits=Limits(qps=1))
        first = await world.call("GET", "/v1/jobs/1")
        other = await world.call("GET", "/v1/models/1")
        again = await world.call("GET", "/v1/jobs/1")

    assert (first.status_code, other.status_code, again.status_code) == (404, 404, 429)
    assert again.headers["retry-after"] == "1"


async def test_an_image_that_was_uploaded_shows_in_the_result():
    red = io.BytesIO()
    Image.new("RGB", (512, 512), (255, 0, 0)).save(red, "PNG")
    async with a_world() as world:
        resource = await world.upload(red.getvalue())
        with_image = text_to_image(seed=5, denoisingStrength=0.2)
        with_image["stages"][0]["inputInitialize"]["imageResourceId"] = resource
        jobs = [await world.submit(with_image), await world.submit(seed=5)]
        await world.advance(60)
        shown = []
        for job in jobs:
            image = (await world.job(job["id"]))["successInfo"]["images"][0]
            file = await world.http.get(image["url"])
            shown.append(Image.open(io.BytesIO(file.content)).convert("RGB").resize((1, 1)))

    with_it, without = (tuple(picture.tobytes()) for picture in shown)
    assert with_it[0] > 150 > with_it[2]
    assert with_it != without


async def test_the_source_of_several_pictures_is_decoded_once(monkeypatch):
    red = io.BytesIO()
    Image.new("RGB", (700, 600), (255, 0, 0)).save(red, "PNG")
    decoded = []
    fitted = picture_decoding.fitted

    def counted(data, size):
        decoded.append(len(data))
        return fitted(data, size)

    monkeypatch.setattr(picture_decoding, "fitted", counted)
    async with a_world() as world:
        body = text_to_image()
        body["stages"][0]["inputInitialize"] |= {
            "imageResourceId": await world.upload(red.getvalue()), "count": 4,
        }  # fmt: skip
        job = await world.submit(body)
        await world.advance(600)
        images = (await world.job(job["id"]))["successInfo"]["images"]
        files = await asyncio.gather(*(world.http.get(image["url"]) for image in images))

    assert [file.status_code for file in files] == [200] * 4
    assert decoded.count(len(red.getvalue())) == 1


@pytest.mark.parametrize(("name", "maximum"), [("requestId", 200), ("notifyUrl", 2000)])
async def test_what_is_kept_with_a_job_has_a_bound(name, maximum):
    async with a_world() as world:
        answer = await world.call("POST", "/v1/jobs", text_to_image() | {name: "x" * 10_000})

    assert answer.status_code == 400
    assert f"{name}: must have at most {maximum} characters, found 10000" in answer.text


@pytest.mark.parametrize(
    ("upload", "reason"),
    [(None, "never uploaded"), (b"not a picture", "not an image"), (b"", "not an image")],
)
async def test_a_job_without_a_readable_input_fails_when_it_starts(upload, reason):
    async with a_world() as world:
        if upload is None:
            place = (await world.call("POST", "/v1/resource/image", {})).json()
            resource = place["resourceId"]
        else:
            resource = await world.upload(upload)
        body = text_to_image()
        body["stages"][0]["inputInitialize"]["imageResourceId"] = resource
        job = await world.submit(body)
        await world.advance(0.3)
        waiting = await world.job(job["id"])
        await world.advance(30)
        failed = await world.job(job["id"])
        assert await world.balance() == 1000

    assert waiting["status"] == "WAITING"
    assert failed["status"] == "FAILED"
    assert reason in failed["failedInfo"]["reason"]


async def test_an_upload_that_comes_after_the_job_but_before_its_start_is_in_time():
    # The vendor's Node demo creates its job before it puts the image.
    async with a_world() as world:
        place = (await world.call("POST", "/v1/resource/image", {})).json()
        body = text_to_image()
        body["stages"][0]["inputInitialize"]["imageResourceId"] = place["resourceId"]
        job = await world.submit(body)
        await world.advance(0.1)
        await world.http.put(place["putUrl"], content=render(Recipe("late", width=64, height=64)))
        await world.advance(30)

        assert (await world.job(job["id"]))["status"] == "SUCCESS"


async def test_a_missing_input_is_refused_at_once_where_so_chosen():
    async with a_world(tams={"missing_resource": "refuse"}) as world:
        body = text_to_image()
        body["stages"][0]["inputInitialize"]["imageResourceId"] = "nowhere"
        answer = await world.call("POST", "/v1/jobs", body)
        assert await world.balance() == 1000

    assert answer.status_code == 400
    assert "nowhere" in answer.json()["details"][0]["message"]


async def test_an_answer_carries_its_type_its_length_and_the_request_id_and_no_more():
    async with a_world() as world:
        answer = await world.http.get("/v1/jobs/1", headers=BEARER)

    assert set(answer.headers) == {"content-type", "content-length", "x-mock-request-id"}


async def test_the_same_order_gives_the_same_bytes_in_every_job():
    async with a_world() as world:
        downloads = []
        for seed, count in ((7, 1), (7, 1), (6, 2)):
            stages = text_to_image(seed=seed, count=count)
            created = await world.submit(stages)
            await world.advance(600)
            job = await world.job(created["id"])
            last = job["successInfo"]["images"][-1]
            downloads.append((await world.http.get(last["url"])).content)

    assert downloads[0] == downloads[1] == downloads[2]
