"""States of accounts that the control API brings about now, as clients see them."""

from __future__ import annotations

from typing import Any

import pytest

from mock_server.core.accounts import LimitMode
from mock_server.tests.tams import world as tams
from mock_server.tests.tams.graphs import text_to_image as graph
from mock_server.tests.tams.world import World, text_to_image
from mock_server.tests.workshop import world as workshop
from mock_server.tests.workshop.page_users import UserBrowser
from mock_server.tests.workshop.task_calls import PICTURE, draw, progress

CONTROL = "http://127.0.0.1/_mock"
MODEL = "600423083519508503"  # of text_to_image


async def bring_about(world: Any, path: str, body: Any = None, method: str = "POST") -> Any:
    """Make a state hold, twice: it does not matter how often that is said."""
    for _ in range(2):
        answer = await world.http.request(method, f"{CONTROL}{path}", json=body)
        assert answer.is_success, answer.text
    return answer.json()


# Credits


async def statuses_of_jobs(world: World, number: int) -> list[int]:
    bodies = [text_to_image() for _ in range(number)]
    return [(await world.call("POST", "/v1/jobs", body)).status_code for body in bodies]


async def test_credits_may_be_enough_for_some_more_jobs_of_the_last_price():
    async with tams.a_world() as world:
        await world.submit()
        await bring_about(world, "/accounts/default/balance", {"jobs": 3}, "PUT")

        assert await statuses_of_jobs(world, 5) == [200, 200, 200, 400, 400]
        assert await world.balance() == 0


async def test_credits_may_be_enough_for_some_more_jobs_of_a_price():
    async with tams.a_world(tams={"fixed_price": 2}) as world:
        body = {"jobs": 1, "price": 2.5, "reason": "one more"}
        await bring_about(world, "/accounts/default/balance", body, "PUT")

        assert await statuses_of_jobs(world, 2) == [200, 400]
        assert await world.balance() == 0.5


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"jobs": 3}, 409),
        ({"jobs": 3, "price": 0}, 409),
        ({"jobs": 1_000_000, "price": 1_000_000_000}, 409),
        ({"jobs": -1, "price": 1}, 400),
        ({"balance": 1, "price": 1}, 409),
        ({"jobs": 1, "price": 1, "balance": 1}, 400),
    ],
)
async def test_a_number_of_jobs_without_a_price_is_refused(body, status):
    async with tams.a_world() as world:
        answer = await world.http.put(f"{CONTROL}/accounts/default/balance", json=body)

        assert answer.status_code == status
        assert await world.balance() == 1000


async def test_credits_that_are_taken_in_mid_batch_leave_the_jobs_that_hold_theirs():
    async with tams.a_world() as world:
        jobs = [await world.submit() for _ in range(3)]
        await bring_about(world, "/accounts/default/balance", {"balance": 0}, "PUT")

        refused = await world.call("POST", "/v1/jobs", text_to_image())
        assert refused.status_code == 400
        assert "credits not enough" in refused.json()["details"][0]["message"]
        await world.advance(1000)
        assert [(await world.job(job["id"]))["status"] for job in jobs] == ["SUCCESS"] * 3
        sums = (await world.http.get(f"{CONTROL}/accounts/default/balance")).json()
        assert (sums["balance"], sums["held"]) == (0, 0)
        assert (await world.http.get(f"{CONTROL}/accounts/default/ledger")).json()["holds"]


async def test_a_limit_that_is_lowered_counts_the_calls_that_were_made_before():
    async with tams.a_world(rate_limit=LimitMode.ON) as world:

        async def status() -> int:
            return (await world.call("GET", f"/v1/models/{MODEL}")).status_code

        assert [await status() for _ in range(3)] == [200] * 3
        await bring_about(world, "/accounts/default/limits", {"qps": 2}, "PUT")
        assert await status() == 429
        await world.advance(1)
        assert [await status() for _ in range(3)] == [200, 200, 429]


# Uploads and results


async def test_an_upload_that_expires_takes_no_bytes_and_jobs_do_not_find_it():
    async with tams.a_world() as world:
        place = (await world.call("POST", "/v1/resource/image", {})).json()
        shown = await bring_about(world, f"/uploads/{place['resourceId']}/expire")
        late = await world.http.put(place["putUrl"], content=PICTURE)

        assert shown["problem"] == f"input image {place['resourceId']} was never uploaded"
        assert (late.status_code, "Request has expired" in late.text) == (403, True)


async def test_a_picture_that_expires_fails_the_job_that_needs_it():
    async with tams.a_world() as world:
        picture = await world.upload(PICTURE)
        body = text_to_image()
        body["stages"][0]["inputInitialize"]["imageResourceId"] = picture
        waiting = await world.submit(body)

        assert (await bring_about(world, "/accounts/default/uploads/expire"))["expired"] == 1
        await world.advance(1000)

        job = await world.job(waiting["id"])
        assert job["status"] == "FAILED"
        assert job["failedInfo"]["reason"] == f"input image {picture} was kept no longer"
        found = await world.call("POST", "/v1/img2prompt", {"resourceId": picture})
        assert found.status_code == 404


async def test_a_file_of_the_workshop_that_expires_is_not_there_any_more():
    async with workshop.a_world() as world:
        wanted = {"contentType": "image/png", "originalFilename": "a.png"}
        place = await world.data("/scc/sp_create_temp_file_upload_sign", wanted)
        headers = {"content-type": "image/png"}
        await world.http.put(place["uploadUrl"], content=PICTURE, headers=headers)
        [upload] = (await world.http.get(f"{CONTROL}/uploads?account=default")).json()["uploads"]
        assert (upload["format"], upload["problem"]) == ("png", None)

        await bring_about(world, f"/uploads/{upload['id']}/expire")

        assert (await world.http.get(place["accessUrl"])).status_code == 404
        again = await world.http.put(place["uploadUrl"], content=PICTURE, headers=headers)
        assert again.status_code == 403


@pytest.mark.parametrize("settings", [{}, {"result_url": "fresh"}])
async def test_urls_of_a_result_that_expire_are_refused_and_a_poll_gives_new_ones(settings):
    async with tams.a_world(tams=settings) as world:
        job = await world.submit()
        await world.advance(1000)

        async def url() -> str:
            found: str = (await world.job(job["id"]))["successInfo"]["images"][0]["url"]
            return found

        old = await url()
        assert (await world.http.get(old)).status_code == 200
        await bring_about(world, f"/jobs/{job['id']}/results/expire")
        new = await url()

        expired = await world.http.get(old)
        assert (expired.status_code, "has expired" in expired.text) == (403, True)
        assert (await world.http.get(new)).status_code == 200
        forged = await world.http.get(new[:-1] + ("0" if new[-1] != "0" else "1"))
        assert "not signed" in forged.text
        assert (await bring_about(world, "/accounts/default/results/expire"))["expired"] == 1
        assert (await world.http.get(new)).status_code == 403


async def test_urls_of_a_task_that_expire_are_refused_and_its_result_gives_new_ones():
    async with workshop.a_world(progress="instant") as world:
        task = await draw(world)

        async def url() -> str:
            found: str = (await world.data("/scc/sd_get_result", {"taskId": task}))["images"][0]
            return found

        old = await url()
        await bring_about(world, "/accounts/default/results/expire")

        assert (await world.http.get(old)).status_code == 403
        assert (await world.http.get(await url())).status_code == 200


async def test_a_job_without_results_has_no_urls_to_expire():
    async with tams.a_world() as world:
        job = await world.submit()
        path = f"{CONTROL}/jobs/{job['id']}/results/expire"

        assert (await world.http.post(path)).status_code == 409
        assert (await bring_about(world, "/accounts/default/results/expire"))["expired"] == 0


async def test_shared_pictures_are_no_uploads_and_do_not_expire():
    async with tams.a_world() as world:
        shared = world.app.accounts.defaults.shared_uploads[0]

        assert (await world.http.get(f"{CONTROL}/uploads")).json() == {"uploads": [], "next": None}
        for id in (shared, "nothing"):
            assert (await world.http.post(f"{CONTROL}/uploads/{id}/expire")).status_code == 404


# Models


async def test_a_model_that_was_taken_down_is_refused_and_jobs_that_wait_go_on():
    async with tams.a_world() as world:
        job = await world.submit()
        settings = {"tams.removed_models": [MODEL]}
        await bring_about(world, "/accounts/default/settings", settings, "PATCH")

        found = await world.call("GET", f"/v1/models/{MODEL}")
        assert (found.status_code, found.json()["code"]) == (404, 5)
        refused = await world.call("POST", "/v1/jobs", text_to_image())
        assert refused.status_code == 400
        assert "which was taken down" in refused.json()["details"][0]["message"]
        checked = await world.call(
            "POST",
            "/v1/jobs/workflow",
            {
                "params": graph(
                    n4={"classType": "CheckpointLoaderSimple", "inputs": {"ckpt_name": MODEL}}
                )
            },
        )
        assert (checked.status_code, MODEL in checked.text) == (400, True)
        other = await world.call("POST", "/v1/jobs", text_to_image(sdModel="619225630271212879"))
        assert other.status_code == 200
        await world.advance(1000)
        assert (await world.job(job["id"]))["status"] == "SUCCESS"


@pytest.mark.parametrize("progress", ["time", "polls", "manual"])
async def test_jobs_that_wait_for_a_model_that_was_taken_down_may_fail(progress):
    async with tams.a_world(progress=progress, polls=2) as world:
        job = await world.submit()
        settings = {"tams.removed_models": [MODEL], "tams.removed_model_jobs": "fail"}
        await bring_about(world, "/accounts/default/settings", settings, "PATCH")
        if progress == "time":
            await world.advance(1000)
        elif progress == "manual":
            for _ in range(2):
                await world.http.post(f"{CONTROL}/jobs/{job['id']}/advance", json={})
        for _ in range(3):
            found = await world.job(job["id"])

        assert found["status"] == "FAILED"
        assert found["failedInfo"]["reason"] == f"model {MODEL} is no longer available"
        assert await world.balance() == 1000


async def test_a_job_that_runs_already_has_its_model():
    async with tams.a_world() as world:
        job = await world.submit()
        while (await world.job(job["id"]))["status"] != "RUNNING":
            await world.advance(0.2)
        settings = {"tams.removed_models": [MODEL], "tams.removed_model_jobs": "fail"}
        await bring_about(world, "/accounts/default/settings", settings, "PATCH")
        await world.advance(1000)

        assert (await world.job(job["id"]))["status"] == "SUCCESS"


async def test_a_model_of_the_workshop_that_was_taken_down_is_refused():
    async with workshop.a_world() as world:
        settings = {"workshop.removed_models": "old.safetensors, older.safetensors"}
        await bring_about(world, "/accounts/default/settings", settings, "PATCH")

        named = {"prompt": "a boat", "stable_diffusion_model": "old.safetensors"}
        _, words = await world.refusal("/scc/sd_txt2img", named)
        assert words == "stable_diffusion_model 'old.safetensors' does not exist"
        await draw(world, stable_diffusion_model="new.safetensors")


# Tokens and sessions of the Workshop


async def a_user(world: workshop.World) -> UserBrowser:
    token = (await world.data("/scc/allocate_token", {}))["apiToken"]
    session = await world.data("/scc/spCreateSession", {"apiToken": token})
    return UserBrowser(world, token, session["sessionUrl"])


@pytest.mark.parametrize(
    ("what", "why"), [("tokens/disable", "disabled"), ("sessions/close", "closed")]
)
async def test_a_session_is_over_in_mid_generation_and_the_task_goes_on(what, why):
    async with workshop.a_world() as world:
        user = await a_user(world)
        task = await user.draw()
        await world.advance(1)
        await bring_about(world, f"/accounts/default/{what}")

        page = await user.get("state")
        assert (page.status_code, page.json()["why"]) == (403, why)
        assert (await user.generate(prompt="a second boat")).status_code == 403
        await world.advance(1000)
        assert (await progress(world, task))["status"] == "succeeded"


@pytest.mark.parametrize(
    ("what", "code"), [("disable", "TOKEN_DISABLED"), ("expire", "TOKEN_EXPIRED")]
)
async def test_tokens_that_are_disabled_or_expired_get_no_session(what, code):
    async with workshop.a_world() as world:
        user = await a_user(world)
        assert (await bring_about(world, f"/accounts/default/tokens/{what}")) == {"tokens": 1}

        found, _ = await world.refusal("/scc/spCreateSession", {"apiToken": user.token})
        assert found == code
        await bring_about(world, "/accounts/default/tokens/enable")
        if what == "disable":
            await world.data("/scc/spCreateSession", {"apiToken": user.token})


async def test_a_token_that_expired_keeps_the_moment_of_its_expiry():
    async with workshop.a_world() as world:
        user = await a_user(world)
        path = f"{CONTROL}/tokens/{user.token}"
        first = (await world.http.post(f"{path}/expire")).json()["expires"]
        await world.advance(10)
        await bring_about(world, "/accounts/default/tokens/expire")

        assert (await world.http.get(path)).json()["expires"] == first


@pytest.mark.parametrize(
    "path",
    ["tokens/disable", "tokens/expire", "sessions/close", "uploads/expire", "results/expire"],
)
async def test_an_account_that_is_not_there_has_no_states(path):
    async with tams.a_world() as world:
        answer = await world.http.post(f"{CONTROL}/accounts/nobody/{path}")
        assert answer.status_code == 404
