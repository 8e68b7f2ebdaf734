"""What a client sees while a scenario runs: a function for each scenario, with its name."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from io import BytesIO
from itertools import pairwise
from typing import Any

import httpx
import pytest
from anyio.lowlevel import checkpoint
from PIL import Image

from mock_server.tests.scenarios.watcher import Watcher, job_of
from mock_server.tests.tams.world import text_to_image
from mock_server.tests.workshop.page_users import SAME_ORIGIN

Symptom = Callable[[Watcher], Awaitable[None]]
SYMPTOMS: dict[str, Symptom] = {}

RECEIVER = "http://127.0.0.1:1/hook"
UPSCALER = {
    "type": "IMAGE_TO_UPSCALER",
    "imageToUpscaler": {
        "hrUpscaler": "4x-UltraSharp",
        "hrScale": 2,
        "hrSecondPassSteps": 10,
        "denoisingStrength": 0.3,
    },
}


def symptom(test: Symptom) -> Symptom:
    """Name what a client sees by the scenario, which runs meanwhile."""
    SYMPTOMS[test.__name__.strip("_").replace("_", "-")] = test
    return test


# What several clients do


async def statuses(watcher: Watcher, calls: int = 20) -> Counter[int]:
    """Return how often each status came for a poll of an unknown job."""
    return Counter([(await watcher.poll("1")).status_code for _ in range(calls)])


async def broken(call: Callable[[], Awaitable[httpx.Response]], times: int) -> httpx.Response:
    """Call until the connection does not break any more; return the answer."""
    for _ in range(times):
        with pytest.raises(ConnectionResetError, match="half"):
            await call()
    answer = await call()
    assert answer.status_code == 200
    return answer


async def slowly(watcher: Watcher, call: Awaitable[httpx.Response], seconds: int) -> httpx.Response:
    """Return an answer that comes after so many seconds of virtual time, and not before."""
    task = asyncio.ensure_future(call)
    while not (await watcher.mock("GET", "/faults"))["faults"][0]["hits"]:
        await checkpoint()
    await watcher.advance(seconds - 0.1)
    assert not task.done()
    await watcher.advance(0.1)
    return await task


async def finished(watcher: Watcher) -> dict[str, Any]:
    """Return a job that is over."""
    job = await watcher.submitted()
    await watcher.advance(100)
    return await watcher.job(job)


async def first_picture(watcher: Watcher) -> str:
    """Return the link to the picture of a new job."""
    url: str = (await finished(watcher))["successInfo"]["images"][0]["url"]
    return url


def decoded(answer: httpx.Response) -> Image.Image:
    assert answer.status_code == 200
    image = Image.open(BytesIO(answer.content))
    image.load()
    return image


async def charged(watcher: Watcher) -> float:
    charged: float = (await watcher.mock("GET", "/accounts/default/balance"))["charged"]
    return charged


async def upload(watcher: Watcher, *, after: float = 0) -> httpx.Response:
    """Reserve a place, wait, and put a picture there."""
    place = await a_place(watcher)
    await watcher.advance(after)
    return await put(watcher, place)


async def a_place(watcher: Watcher) -> dict[str, Any]:
    place: dict[str, Any] = (await watcher.tams("POST", "/v1/resource/image", {})).json()
    return place


async def put(watcher: Watcher, place: dict[str, Any]) -> httpx.Response:
    with BytesIO() as file:
        Image.new("RGB", (64, 64)).save(file, "PNG")
        picture = file.getvalue()
    return await watcher.http.put(place["putUrl"], content=picture, headers=place["headers"])


async def told(watcher: Watcher, seconds: float = 100) -> list[str]:
    """Make a job with callbacks; return the states that were told in this time."""
    await watcher.tams("POST", "/v1/jobs", text_to_image() | {"notifyUrl": RECEIVER})
    for _ in range(10):
        await watcher.advance(seconds / 10)
    return watcher.told


async def a_session(watcher: Watcher) -> tuple[str, dict[str, Any]]:
    """Return a token and its session."""
    token = (await watcher.data("/scc/allocate_token"))["apiToken"]
    return token, await watcher.data("/scc/spCreateSession", {"apiToken": token})


async def refused_session(watcher: Watcher, token: str, word: str) -> None:
    answer = await watcher.workshop("/scc/spRefreshOrCreateSession", {"apiToken": token})
    assert answer.json()["status"] == 20
    assert word in answer.text


# Calls


@symptom
async def _429_storm(watcher):
    found = await statuses(watcher)
    assert set(found) == {404, 429}
    assert found[429] > 10

    await watcher.advance(60)
    assert await statuses(watcher) == {404: 20}


@symptom
async def service_down_for_a_minute(watcher):
    await watcher.advance(1)
    assert await statuses(watcher) == {503: 20}
    assert (await watcher.submit()).status_code == 503

    await watcher.advance(59)
    assert await statuses(watcher) == {404: 20}


@symptom
async def _30_percent_errors(watcher):
    found = await statuses(watcher, 60)
    assert set(found) == {404, 500}
    assert 8 < found[500] < 30


@symptom
async def polls_that_fail_now_and_then(watcher):
    job = await watcher.submitted()
    found = Counter([(await watcher.poll(job)).status_code for _ in range(40)])
    assert set(found) == {200, 503}
    assert 5 < found[503] < 22


@symptom
async def service_offline_after_five_polls(watcher):
    job = await watcher.submitted()
    assert [(await watcher.poll(job)).status_code for _ in range(7)] == [200] * 5 + [502] * 2
    await watcher.advance(30)
    assert (await watcher.poll(job)).status_code == 200


@symptom
async def rate_limit_lowered(watcher):
    assert await statuses(watcher, 3) == {404: 1, 429: 2}
    await watcher.advance(1)
    assert await statuses(watcher, 2) == {404: 1, 429: 1}
    await watcher.advance(1)


@symptom
async def html_instead_of_json(watcher):
    for _ in range(3):
        answer = await watcher.poll("1")
        assert (answer.status_code, answer.headers["content-type"]) == (503, "text/html")
        with pytest.raises(ValueError, match="Expecting value"):
            answer.json()
    assert (await watcher.poll("1")).status_code == 404


@symptom
async def half_an_answer(watcher):
    job = await watcher.submitted()
    assert job_of(await broken(lambda: watcher.poll(job), 3))["status"] == "CREATED"


@symptom
async def truncated_json(watcher):
    job = await watcher.submitted()
    for _ in range(3):
        answer = await watcher.poll(job)
        assert answer.status_code == 200
        assert int(answer.headers["content-length"]) == len(answer.content)
        with pytest.raises(ValueError, match=r"Unterminated|Expecting"):
            answer.json()
    assert (await watcher.job(job))["status"] == "CREATED"


@symptom
async def slow_answers(watcher):
    answer = await slowly(watcher, watcher.poll("1"), 20)
    assert answer.status_code == 404
    await watcher.mock("DELETE", "/faults")


@symptom
async def repeat_the_request(watcher):
    answers = [await watcher.submit("order-7") for _ in range(3)]
    assert [answer.status_code for answer in answers] == [202, 202, 200]
    assert "job" not in answers[0].json()
    assert len(await watcher.jobs()) == 1


@symptom
async def connection_reset_after_submit(watcher):
    with pytest.raises(ConnectionResetError):
        await watcher.submit("order-7")
    (job,) = await watcher.jobs()
    assert job_of(await watcher.submit("order-7"))["id"] == job["id"]
    assert len(await watcher.jobs()) == 1


@symptom
async def answer_lost_after_submit(watcher):
    assert (await watcher.submit("order-7")).status_code == 504
    (job,) = await watcher.jobs()
    assert job_of(await watcher.submit("order-7"))["id"] == job["id"]
    assert len(await watcher.jobs()) == 1


@symptom
async def duplicate_request_id_with_another_body(watcher):
    job = await watcher.submitted("order-7")
    assert await watcher.submitted("order-7") == job
    assert (await watcher.submit("order-7", width=768)).status_code == 400


# Jobs


@symptom
async def queue_jam_at_peak_hour(watcher):
    job = await watcher.submitted()
    ranks = []
    for _ in range(6):
        await watcher.advance(95)
        waiting = await watcher.job(job)
        assert waiting["status"] == "WAITING"
        ranks.append(int(waiting["waitingInfo"]["queueRank"]))
    assert 30 < ranks[0] < 40
    assert ranks == sorted(ranks, reverse=True)
    assert ranks[-1] < 5
    await watcher.advance(100)
    assert (await watcher.job(job))["status"] == "SUCCESS"


@symptom
async def noisy_neighbour(watcher):
    (run,) = (await watcher.mock("GET", "/scenarios/noisy-neighbour"))["runs"]
    first = await watcher.submitted()
    for _ in range(3):
        await watcher.submitted_by(run["accounts"]["neighbour"])
    second = await watcher.submitted()
    await watcher.advance(100)
    assert (await watcher.job(first))["status"] == "SUCCESS"
    waiting = await watcher.job(second)
    assert (waiting["status"], waiting["waitingInfo"]["queueRank"] > "1") == ("WAITING", True)

    third = await watcher.submitted()
    await watcher.advance(300)
    assert [(await watcher.job(job))["status"] for job in (second, third)] == ["SUCCESS"] * 2


@symptom
async def rank_that_stands_still(watcher):
    job = await watcher.submitted()
    await watcher.advance(30)
    ranks = []
    for _ in range(5):
        waiting = await watcher.job(job)
        assert waiting["status"] == "WAITING"
        ranks.append(waiting["waitingInfo"]["queueRank"])
        await watcher.advance(100)
    assert len(set(ranks)) == 1
    await watcher.advance(300)
    assert (await watcher.job(job))["status"] == "SUCCESS"


@symptom
async def pending_for_ever(watcher):
    job = await watcher.submitted()
    for _ in range(3):
        await watcher.advance(86_400)
        assert (await watcher.job(job))["status"] == "PENDING"
    assert (await watcher.tams("DELETE", f"/v1/jobs/{job}")).status_code == 200
    assert await charged(watcher) == 0


@symptom
async def upscaler_out_of_memory(watcher):
    job = await watcher.submitted(stages=[UPSCALER])
    await watcher.advance(1)
    assert (await watcher.job(job))["status"] == "RUNNING"
    await watcher.advance(100)
    failed = await watcher.job(job)
    assert failed["status"] == "FAILED"
    assert "out of memory" in failed["failedInfo"]["reason"]
    assert await charged(watcher) == 0


@symptom
async def second_stage_lost(watcher):
    job = await watcher.submitted(stages=[UPSCALER])
    await watcher.advance(100)
    failed = await watcher.job(job)
    assert failed["status"] == "FAILED"
    assert "the last stage was lost" in failed["failedInfo"]["reason"]
    (picture,) = failed["failedInfo"]["stages"][0]["processingImages"]
    assert decoded(await watcher.http.get(picture["resourceImage"]["url"])).size == (512, 512)


@symptom
async def worker_lost_and_restarted(watcher):
    job = await watcher.submitted()
    done = []
    while (found := await watcher.job(job))["status"] != "SUCCESS":
        if "runningInfo" in found:
            (image,) = found["runningInfo"]["processingImages"]
            done.append(image["progress"])
        await watcher.advance(10)
    falls = [(before, after) for before, after in pairwise(done) if after < before]
    assert len(falls) == 1
    assert falls[0][0] > 50


@symptom
async def stalled_at_forty_percent(watcher):
    job = await watcher.submitted()
    await watcher.advance(60)
    before = await watcher.job(job)
    await watcher.advance(500)
    assert (await watcher.job(job)) == before
    assert before["status"] == "RUNNING"
    await watcher.advance(100)
    assert (await watcher.job(job))["status"] == "SUCCESS"


@symptom
async def late_success(watcher):
    job = await watcher.submitted()
    await watcher.advance(3500)
    assert (await watcher.job(job))["status"] == "RUNNING"
    await watcher.advance(200)
    done = await watcher.job(job)
    assert done["status"] == "SUCCESS"
    assert (await watcher.http.get(done["successInfo"]["images"][0]["url"])).status_code == 200
    assert await charged(watcher) > 0


@symptom
async def cancel_that_loses_the_race(watcher):
    job = await watcher.submitted()
    await watcher.advance(1)
    assert (await watcher.tams("DELETE", f"/v1/jobs/{job}")).status_code == 200
    assert (await watcher.job(job))["status"] == "RUNNING"
    await watcher.advance(100)
    assert (await watcher.job(job))["status"] == "SUCCESS"
    assert await charged(watcher) > 0


@symptom
async def fails_twice_then_succeeds(watcher):
    ends = []
    for _ in range(3):
        job = await watcher.submitted()
        await watcher.advance(100)
        ends.append((await watcher.job(job))["status"])
    assert ends == ["FAILED", "FAILED", "SUCCESS"]


@symptom
async def success_without_pictures(watcher):
    job = await finished(watcher)
    assert job["status"] == "SUCCESS"
    assert not job["successInfo"].get("images")
    assert await charged(watcher) > 0


@symptom
async def missing_success_info(watcher):
    job = await finished(watcher)
    assert job["status"] == "SUCCESS"
    assert "successInfo" not in job


@symptom
async def unknown_status(watcher):
    job = await watcher.submitted()
    seen = [(await watcher.job(job))["status"] for _ in range(4)]
    assert seen == ["UNKNOWN_TO_ALL_DOCUMENTS"] * 3 + ["CREATED"]


@symptom
async def numbers_as_strings(watcher):
    made = job_of(await watcher.submit())
    assert made["credits"] == (await watcher.job(made["id"]))["credits"] == "0.6"


@symptom
async def new_member_in_answers(watcher):
    assert (await watcher.job(await watcher.submitted()))["priority"] == {"class": "gold"}


@symptom
async def null_instead_of_an_object(watcher):
    job = await watcher.submitted()
    await watcher.advance(1)
    found = await watcher.job(job)
    assert (found["status"], found["runningInfo"]) == ("RUNNING", None)


@symptom
async def stale_polls(watcher):
    job = await watcher.submitted()
    assert (await watcher.job(job))["status"] == "CREATED"
    await watcher.advance(100)
    assert [(await watcher.job(job))["status"] for _ in range(11)] == ["CREATED"] * 10 + ["SUCCESS"]


@symptom
async def job_unknown_just_after_submission(watcher):
    job = await watcher.submitted()
    early = await watcher.poll(job)
    assert (early.status_code, "job not found" in early.text) == (404, True)
    await watcher.advance(3)
    assert (await watcher.poll(job)).status_code == 200


# Credits and credentials


@symptom
async def credits_gone_in_mid_batch(watcher):
    jobs = [await watcher.submitted() for _ in range(3)]
    await watcher.advance(100)
    refused = await watcher.submit()

    assert refused.status_code == 400
    assert "credits not enough" in refused.text
    assert [(await watcher.job(job))["status"] for job in jobs] == ["SUCCESS"] * 3


@symptom
async def credits_gone_answered_as_429(watcher):
    refused = await watcher.submit()
    assert (refused.status_code, "credits not enough" in refused.text) == (429, True)


@symptom
async def credits_for_one_more_job(watcher):
    await watcher.submitted()
    job = await watcher.submitted()
    assert "credits not enough" in (await watcher.submit()).text
    await watcher.mock("POST", f"/jobs/{job}/fail", {})
    assert (await watcher.submit()).status_code == 200


@symptom
async def key_rotated(watcher):
    job = await watcher.submitted()
    assert (await watcher.poll(job)).status_code == 200
    await watcher.advance(10)
    assert (await watcher.poll(job)).status_code == 401

    new = await watcher.mock("GET", "/accounts/default")
    headers = {"authorization": f"Bearer {new['accessToken']}"}
    assert (await watcher.http.get(f"/v1/jobs/{job}", headers=headers)).status_code == 200


@symptom
async def key_revoked_in_mid_batch(watcher):
    first, second = [await watcher.submitted() for _ in range(2)]
    assert (await watcher.job(first))["status"] == "CREATED"
    await watcher.advance(1)  # Both of them run.

    assert (await watcher.poll(first)).status_code == 401
    assert (await watcher.submit()).status_code == 401
    await watcher.advance(100)
    kept = await watcher.mock("GET", f"/jobs/{second}")
    assert kept["state"] == "succeeded"


@symptom
async def permission_withdrawn(watcher):
    assert (await watcher.submit()).status_code == 403
    assert (await watcher.poll("1")).status_code == 404


@symptom
async def clients_clock_ahead(watcher):
    assert (await watcher.poll("1")).status_code == 401
    refused = await watcher.workshop("/scc/allocate_token")
    assert (refused.status_code, refused.content) == (400, b"")
    assert "timestamp" in refused.headers["x-ca-error-message"].lower()


@symptom
async def model_taken_down(watcher):
    model = "/v1/models/600423083519508503"
    assert (await watcher.tams("GET", model)).status_code == 200
    await watcher.advance(10)
    assert (await watcher.tams("GET", model)).status_code == 404
    assert (await watcher.submit()).status_code == 400


@symptom
async def model_taken_down_while_jobs_wait(watcher):
    job = await watcher.submitted()
    await watcher.advance(10)
    assert (await watcher.job(job))["status"] == "WAITING"
    await watcher.advance(100)
    assert (await watcher.job(job))["status"] == "FAILED"
    assert await charged(watcher) == 0


# Pictures


@symptom
async def upload_answers_203(watcher):
    put = await upload(watcher)
    assert (put.status_code, b"<" in put.content) == (203, True)


@symptom
async def upload_url_expired(watcher):
    assert (await upload(watcher)).status_code == 200
    assert (await upload(watcher, after=6)).status_code == 403


@symptom
async def input_picture_expired(watcher):
    place = await a_place(watcher)
    assert (await put(watcher, place)).status_code == 200
    body = text_to_image()
    body["stages"][0]["inputInitialize"]["imageResourceId"] = place["resourceId"]
    job = job_of(await watcher.tams("POST", "/v1/jobs", body))["id"]
    await watcher.advance(100)
    failed = await watcher.job(job)
    assert failed["status"] == "FAILED"
    assert "input image" in failed["failedInfo"]["reason"]


@symptom
async def result_link_expired_before_download(watcher):
    job = await finished(watcher)
    url = job["successInfo"]["images"][0]["url"]
    assert (await watcher.http.get(url)).status_code == 200
    await watcher.advance(6)
    assert (await watcher.http.get(url)).status_code == 403
    again = (await watcher.job(job["id"]))["successInfo"]["images"][0]["url"]
    assert (await watcher.http.get(again)).status_code == 200


@symptom
async def slow_pictures(watcher):
    url = await first_picture(watcher)
    picture = await slowly(watcher, watcher.http.get(url), 60)
    assert decoded(picture).size == (512, 512)


@symptom
async def corrupt_picture(watcher):
    url = await first_picture(watcher)
    for _ in range(2):
        answer = await watcher.http.get(url)
        assert int(answer.headers["content-length"]) == len(answer.content)
        with pytest.raises((OSError, SyntaxError)):
            decoded(answer)
    assert decoded(await watcher.http.get(url)).size == (512, 512)


@symptom
async def download_breaks_off(watcher):
    url = await first_picture(watcher)
    assert decoded(await broken(lambda: watcher.http.get(url), 2)).size == (512, 512)


# Callbacks


@symptom
async def callback_lost(watcher):
    assert await told(watcher) == []
    assert (await watcher.jobs())[0]["state"] == "succeeded"


@symptom
async def callback_doubled(watcher):
    assert await told(watcher) == ["SUCCESS", "SUCCESS"]
    assert watcher.received[0] == watcher.received[1]


@symptom
async def callbacks_out_of_order(watcher):
    assert (await told(watcher))[-2:] == ["SUCCESS", "RUNNING"]


@symptom
async def callback_late(watcher):
    assert await told(watcher, 100) == []
    assert (await watcher.jobs())[0]["state"] == "succeeded"
    await watcher.advance(300)
    assert len(watcher.received) == 1


@symptom
async def callback_replayed(watcher):
    assert await told(watcher, 100) == ["SUCCESS"]
    await watcher.advance(3600)
    assert watcher.told == ["SUCCESS", "SUCCESS"]


@symptom
async def callback_truncated(watcher):
    assert await told(watcher) == ["broken"]


@symptom
async def callback_before_the_answer(watcher):
    body = text_to_image() | {"notifyUrl": RECEIVER}
    call = asyncio.ensure_future(watcher.tams("POST", "/v1/jobs", body))
    while not watcher.received:
        await watcher.mock("POST", "/callbacks/drain")
    assert not call.done()
    await watcher.advance(30)
    assert job_of(await call)["id"] == watcher.received[0]["jobId"]
    await watcher.mock("DELETE", "/faults")


# The Workshop


@symptom
async def session_expires_in_mid_generation(watcher):
    token, session = await a_session(watcher)
    await watcher.advance(29.9)
    drawn = await watcher.http.post(
        f"{session['sessionUrl']}/generate", json={"prompt": "a boat"}, headers=SAME_ORIGIN
    )
    assert drawn.status_code == 200
    assert (await watcher.http.get(session["sessionUrl"])).status_code == 200
    await watcher.advance(0.1)
    assert (await watcher.jobs())[0]["state"] in ("waiting", "created")
    assert (await watcher.http.get(session["sessionUrl"])).status_code != 200
    again = await watcher.data("/scc/spRefreshOrCreateSession", {"apiToken": token})
    assert (await watcher.http.get(again["sessionUrl"])).status_code == 200


@symptom
async def token_shared_by_two_users(watcher):
    token, first = await a_session(watcher)
    second = await watcher.data("/scc/spCreateSession", {"apiToken": token})
    assert (await watcher.http.get(first["sessionUrl"])).status_code != 200
    assert (await watcher.http.get(second["sessionUrl"])).status_code == 200


@symptom
async def token_of_another_account(watcher):
    (run,) = (await watcher.mock("GET", "/scenarios/token-of-another-account"))["runs"]
    other = run["accounts"]["other"]
    key, secret = other["appKey"], other["appSecret"]
    allocated = (await watcher.workshop("/scc/allocate_token", None, key, secret)).json()
    token = {"apiToken": allocated["data"]["apiToken"]}

    assert (await watcher.workshop("/scc/spCreateSession", token)).json()["status"] != 10
    own = await watcher.workshop("/scc/spCreateSession", token, key, secret)
    assert own.json()["status"] == 10
    assert (await watcher.poll(await watcher.submitted_by(other))).status_code == 404


@symptom
async def token_disabled_in_use(watcher):
    token, _ = await a_session(watcher)
    await watcher.advance(30)
    await refused_session(watcher, token, "disabled")


@symptom
async def token_expires_in_use(watcher):
    token, _ = await a_session(watcher)
    await watcher.advance(30)
    await refused_session(watcher, token, "expired")


@symptom
async def gateway_throttles(watcher):
    found = Counter(
        [(await watcher.workshop("/scc/allocate_token")).status_code for _ in range(20)]
    )
    assert set(found) == {200, 429}
    await watcher.advance(60)
    await watcher.data("/scc/allocate_token")


@symptom
async def gateway_loses_the_service(watcher):
    answer = await watcher.workshop("/scc/allocate_token")
    assert (answer.status_code >= 500, answer.content) == (True, b"")
    assert answer.headers["x-ca-error-code"]
    await watcher.advance(60)
    await watcher.data("/scc/allocate_token")


@symptom
async def pools_busy(watcher):
    answer = await watcher.workshop("/scc/sd_txt2img", {"prompt": "a paper boat"})
    assert (answer.status_code, answer.json()["status"]) == (200, 20)
    await watcher.advance(60)
    await watcher.data("/scc/sd_txt2img", {"prompt": "a paper boat"})


@symptom
async def workshop_task_fails(watcher):
    task = (await watcher.data("/scc/sd_txt2img", {"prompt": "a paper boat"}))["taskId"]
    await watcher.advance(1000)
    progress = await watcher.data("/scc/sd_get_progress", {"taskId": task})
    result = (await watcher.workshop("/scc/sd_get_result", {"taskId": task})).json()
    assert progress["status"] == "failed"
    assert result["status"] == 20
