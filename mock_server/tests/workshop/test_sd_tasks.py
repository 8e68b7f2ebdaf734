"""Standard SD tasks: requests, progress and results."""

from __future__ import annotations

from decimal import Decimal
from io import BytesIO

import pytest
from dirty_equals import IsFloat, IsPartialDict, IsStr
from PIL import Image

from mock_server.core.account_service import AccountSpec
from mock_server.core.accounts import Progression
from mock_server.core.ledger import entries, records_of
from mock_server.core.resources import Resource
from mock_server.tests.workshop.task_calls import (
    DATA_URI,
    LONG,
    PICTURE,
    download,
    draw,
    finished,
    job_of,
    metadata_in,
    progress,
    redraw,
    reserve,
    running,
    upload,
)
from mock_server.tests.workshop.world import NOW, ORIGIN, a_world

SUBMISSIONS = ("/scc/sd_txt2img", "/scc/sd_img2img")
ULID = r"^[0-9a-hjkmnp-tv-z]{26}$"


def above(picture):
    """Return the pixels above the caption, because the caption has the id of the task."""
    return picture.crop((0, 0, picture.width, 4)).tobytes()


def with_image(path, **members):
    return members if path.endswith("txt2img") else {"init_images": [DATA_URI], **members}


@pytest.mark.parametrize("path", SUBMISSIONS)
async def test_a_submission_answers_an_id_and_the_status_waiting(path):
    async with a_world() as world:
        data = await world.data(path, with_image(path, prompt="a boat"))

    assert data == {"taskId": IsStr(regex=ULID), "status": "waiting"}


async def test_task_ids_are_unique_and_sorted_by_time():
    async with a_world() as world:
        tasks = [await draw(world) for _ in range(20)]

    assert {task[:10] for task in tasks} == {"01kf0ap900"}
    assert len(set(tasks)) == 20


async def test_all_members_of_a_text_to_image_task_are_optional():
    async with a_world() as world:
        data = await world.data("/scc/sd_txt2img")
        made = await finished(world, data["taskId"])

    assert made["parameters"] == IsPartialDict(
        width="512", height="512", steps="20", batch_size="1", sampler_name="Euler a", seed="-1"
    )


async def test_a_waiting_task_has_only_its_place_in_the_queue():
    async with a_world() as world:
        task = await draw(world)
        shown = await progress(world, task)

    remaining = shown.pop("lastQueueRemaining")
    assert remaining >= 1
    assert shown == {"etaRelative": 0, "progress": 0, "taskId": task, "status": "waiting"}


async def test_the_first_place_in_the_queue_is_a_setting():
    async with a_world() as world, a_world(workshop_first_queue_place=0) as other:
        shown = await progress(world, await draw(world))
        lower = await progress(other, await draw(other))

    assert lower["lastQueueRemaining"] == shown["lastQueueRemaining"] - 1


async def test_a_running_task_has_the_state_of_the_web_ui():
    async with a_world() as world:
        task = await draw(world, steps=40)
        await running(world, task)
        await world.advance(0.5)
        shown = await progress(world, task)

    assert shown == {
        "taskId": task,
        "status": "running",
        "progress": IsFloat(gt=0, lt=1),
        "etaRelative": IsFloat(gt=0),
        "message": "sampling",
        "state": {
            "job": f"task({task})",
            "job_no": 0,
            "job_count": 1,
            "job_timestamp": 20260115080000,
            "sampling_step": int(shown["progress"] * 40),
            "sampling_steps": 40,
            "skipped": False,
            "interrupted": False,
        },
    }


async def test_a_finished_task_has_the_members_of_the_example():
    async with a_world() as world:
        task = await draw(world, seed=12345, batch_size=2, negtive_prompt="blurry", clip_skip=2)
        made = await finished(world, task)
        shown = await progress(world, task)

    assert shown == {"etaRelative": 0, "progress": 1, "taskId": task, "status": "succeeded"}
    assert made.keys() == {"images", "parameters", "taskId", "status", "info"}
    assert (made["taskId"], made["status"]) == (task, "succeeded")
    assert made["parameters"] == IsPartialDict(
        prompt="a paper boat", negtive_prompt="blurry", seed="12345", clip_skip="2"
    )
    assert made["info"] == IsPartialDict(seed="12345", all_seeds="12345,12346")


async def test_parameters_and_info_are_maps_of_texts_as_both_sdks_read_them():
    async with a_world() as world:
        made = await finished(world, await redraw(world, DATA_URI, denoising_strength=0.4))

    for texts in (made["parameters"], made["info"]):
        assert all(isinstance(each, str) for each in texts.values())
    assert made["parameters"]["denoising_strength"] == "0.4"


async def test_the_result_has_the_random_seed():
    async with a_world() as world:
        made = await finished(world, await draw(world, seed=-1))
        again = await finished(world, await draw(world, seed=int(made["info"]["seed"])))
        first, second = [await download(world, each["images"][0]) for each in (made, again)]

    assert made["parameters"]["seed"] == "-1"
    assert above(first) == above(second)


async def test_pictures_are_on_the_callers_host_and_have_the_requested_size():
    async with a_world() as world:
        made = await finished(world, await draw(world, batch_size=3, width=200, height=136))
        pictures = [await download(world, url) for url in made["images"]]

    assert all(url.startswith(f"{ORIGIN}/sd/output/") for url in made["images"])
    assert [picture.size for picture in pictures] == [(200, 136)] * 3
    assert len({picture.tobytes() for picture in pictures}) == 3


async def test_a_result_url_expires_after_an_hour_and_is_renewed():
    async with a_world() as world:
        task = await draw(world)
        url = (await finished(world, task))["images"][0]
        await world.advance(3599)
        early = await world.http.get(url)
        await world.advance(1)
        late = await world.http.get(url)
        again = await world.http.get((await finished(world, task))["images"][0])

    assert (early.status_code, late.status_code, again.status_code) == (200, 403, 200)
    assert "expired" in late.text


@pytest.mark.parametrize(
    ("part", "other", "status"),
    [
        ("_00000_", "_00001_", 403),
        ("_00000_", "_00009_", 404),
        ("/sd/", "/comfy/", 404),
        ("expires=1", "expires=2", 403),
        ("signature=", "signature=0", 403),
        ("?", "?x&", 200),
        ("?", "#", 403),
    ],
)
async def test_a_changed_result_url_is_refused(part, other, status):
    async with a_world() as world:
        url = (await finished(world, await draw(world, batch_size=2)))["images"][0]
        answer = await world.http.get(url.replace(part, other))

    assert answer.status_code == status


async def test_a_result_supports_range_requests():
    async with a_world() as world:
        url = (await finished(world, await draw(world)))["images"][0]
        part = await world.http.get(url, headers={"range": "bytes=0-7"})

    assert (part.status_code, part.content) == (206, b"\x89PNG\r\n\x1a\n")


async def test_a_task_is_removed_a_day_after_its_end():
    async with a_world(workshop_result_url_life=10_000_000) as world:
        task = await draw(world)
        url = (await finished(world, task))["images"][0]
        await world.advance(86_400 - LONG)
        assert (await progress(world, task))["status"] == "succeeded"
        await world.advance(LONG)
        refusals = [
            await world.refusal(f"/scc/sd_get_{what}", {"taskId": task})
            for what in ("progress", "result")
        ]
        gone = await world.http.get(url)

    assert refusals == [("TASK_NOT_FOUND", "The task does not exist")] * 2
    assert gone.status_code == 404


async def test_tasks_of_other_accounts_do_not_exist():
    async with a_world() as world:
        await world.app.accounts.create(AccountSpec(id="bob", key="bob-key"), NOW)
        task = await draw(world)
        for key in ("bob-key", "204800001"):
            envelope = await world.post(
                "/scc/sd_get_progress", {"taskId": task}, headers={"x-ca-key": key}
            )
            assert envelope["status"] == (20 if key == "bob-key" else 10)
        unknown = await world.refusal(
            "/scc/sd_get_progress", {"taskId": "01kf0ap900n0task00000000"}
        )

    assert unknown == ("TASK_NOT_FOUND", "The task does not exist")


async def test_a_tams_job_is_not_a_task():
    async with a_world() as world:
        job = await world.http.post(
            "/v1/jobs",
            headers={"authorization": "Bearer mock-token-0001"},
            json={
                "stages": [
                    {"type": "INPUT_INITIALIZE", "inputInitialize": {"seed": 1, "count": 1}},
                    {"type": "DIFFUSION", "diffusion": {
                        "width": 512, "height": 512, "prompts": [{"text": "x"}],
                        "sdModel": "600423083519508503", "steps": 10,
                    }},
                ]
            },
        )  # fmt: skip
        refusal = await world.refusal("/scc/sd_get_progress", {"taskId": job.json()["job"]["id"]})

    assert refusal[0] == "TASK_NOT_FOUND"


# Invalid requests


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ({"width": 7}, "width must be from 8 to 4096, found 7"),
        ({"height": 4097}, "height must be from 8 to 4096, found 4097"),
        ({"steps": 0}, "steps must be from 1 to 150, found 0"),
        ({"batch_size": 17}, "batch_size must be from 1 to 16, found 17"),
        ({"cfg_scale": -0.5}, "cfg_scale must be from 0 to 100, found -0.5"),
        ({"prompt": "x" * 20_001}, "prompt must not be longer than 20000 characters, found 20001"),
        ({"sampler_name": "x" * 501}, "sampler_name must not be longer than 500 characters"),
    ],
)
@pytest.mark.parametrize("path", SUBMISSIONS)
async def test_a_value_outside_its_range_is_reported(path, members, message):
    async with a_world() as world:
        code, found = await world.refusal(path, with_image(path, **members))

    assert code == "INVALID_PARAM"
    assert found.startswith(message)


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ({"width": "512"}, "width must be an integer, found a string"),
        ({"steps": 1.5}, "steps must be an integer, found a number"),
        ({"cfg_scale": "7"}, "cfg_scale must be a number, found a string"),
        ({"prompt": 5}, "prompt must be a string, found a number"),
        ({"seed": 2**63}, "seed must fit a signed integer of 64 bits"),
    ],
)
@pytest.mark.parametrize("path", SUBMISSIONS)
async def test_a_value_of_another_type_is_reported(path, members, message):
    async with a_world() as world:
        assert await world.refusal(path, with_image(path, **members)) == ("INVALID_PARAM", message)


@pytest.mark.parametrize(
    ("unit", "message"),
    [
        ({"guidance_start": 1.5}, "guidance_start must be from 0 to 1, found 1.5"),
        ({"guidance_end": -0.1}, "guidance_end must be from 0 to 1, found -0.1"),
        ({"weight": 2.1}, "weight must be from 0 to 2, found 2.1"),
    ],
)
@pytest.mark.parametrize("out_of_range", ["refuse", "clamp"])
async def test_no_setting_changes_the_ranges_of_control_nets(unit, message, out_of_range):
    body = {"alwayson_scripts": {"controlnet": {"units": [{}, unit]}}}
    async with a_world(workshop_out_of_range=out_of_range) as world:
        code, found = await world.refusal("/scc/sd_txt2img", body)

    assert (code, found) == ("INVALID_PARAM", f"alwayson_scripts.controlnet.units[1].{message}")


async def test_other_values_can_be_clamped():
    async with a_world(workshop_out_of_range="clamp") as world:
        made = await finished(world, await draw(world, width=1, steps=1000, batch_size=0))
        picture = await download(world, made["images"][0])

        assert "steps must be from 1 to 150, found 1000" in world.remarks()
    assert picture.size == (8, 512)
    assert made["parameters"] == IsPartialDict(steps="150", batch_size="1")


@pytest.mark.parametrize(
    "scripts", [None, {}, {"controlnet": None}, {"controlnet": {}}, {"controlnet": {"units": None}}]
)
async def test_scripts_may_be_empty_at_any_depth(scripts):
    async with a_world() as world:
        await draw(world, alwayson_scripts=scripts)


async def test_a_model_must_be_listed_if_models_are_configured():
    async with a_world(workshop_models=["base.safetensors"]) as world:
        await draw(world, stable_diffusion_model="base.safetensors")
        await draw(world)
        refusal = await world.refusal("/scc/sd_txt2img", {"stable_diffusion_model": "other"})

    assert refusal == ("NOT_IN_CATALOGUE", "stable_diffusion_model 'other' does not exist")


async def test_the_correct_spelling_of_negative_prompt_gets_a_remark():
    async with a_world() as world:
        made = await finished(world, await draw(world, negative_prompt="blurry"))

        assert world.remarks() == [
            "`negative_prompt` is not a member of the body; did you mean `negtive_prompt`?"
        ]
    assert made["parameters"]["negtive_prompt"] == ""


# Source pictures


async def test_image_to_image_shows_its_source():
    async with a_world() as world:
        url = await upload(world)
        members = {"width": 64, "height": 48, "denoising_strength": 0, "seed": 1}
        made = [
            await finished(world, await redraw(world, image, **members))
            for image in (DATA_URI, DATA_URI.partition(",")[2], url)
        ]
        sent, plain, uploaded = [await download(world, each["images"][0]) for each in made]

    assert above(sent) == above(plain) == above(uploaded) == above(Image.open(BytesIO(PICTURE)))


async def test_the_result_of_one_task_can_be_the_source_of_the_next():
    async with a_world() as world:
        first = (await finished(world, await draw(world, width=64, height=64)))["images"][0]
        second = await redraw(world, first, width=64, height=64, denoising_strength=0)
        source = (await job_of(world, second)).order.source
        resource = await world.kept(Resource, source)

        assert resource is not None
        assert (resource.width, resource.height) == (64, 64)
        assert world.remarks() == []


async def test_an_external_picture_is_not_downloaded():
    async with a_world() as world:
        made = await finished(world, await redraw(world, "https://files.mock.example/in.png"))

        assert any("not fetched" in remark for remark in world.remarks())
    assert made["status"] == "succeeded"


async def test_a_picture_that_was_never_uploaded_makes_the_task_fail():
    async with a_world() as world:
        url = (await reserve(world))["accessUrl"]
        task = await redraw(world, url)
        await world.advance(LONG)
        shown = await progress(world, task)
        code, message = await world.refusal("/scc/sd_get_result", {"taskId": task})

    assert (shown["status"], code) == ("failed", "TASK_FAILED")
    assert "never uploaded" in message
    assert shown["message"] == message


@pytest.mark.parametrize(
    ("image", "problem"),
    [
        ("data:image/png;base64,!!", "must be a URL, or a data URI with Base64"),
        ("file:///etc/passwd", "must be a URL, or a data URI with Base64"),
        ("/etc/passwd", "must be a URL, or a data URI with Base64"),
        ("data:image/png;base64,AAAA", "is no picture that can be read"),
        ("data:text/html;base64,AAAA", "must be a picture, found text/html"),
    ],
)
async def test_an_invalid_picture_is_refused(image, problem):
    async with a_world() as world:
        code, message = await world.refusal("/scc/sd_img2img", {"init_images": [image]})

    assert code == "INVALID_PARAM"
    assert message.startswith(f"init_images[0] {problem}")


async def test_image_to_image_without_a_source_is_a_setting():
    async with a_world() as world, a_world(workshop_missing_init_image="accept") as lenient:
        refusal = await world.refusal("/scc/sd_img2img", {"prompt": "x"})
        made = await finished(lenient, await redraw(lenient))

    assert refusal == ("INVALID_PARAM", "init_images is required")
    assert made["status"] == "succeeded"


async def test_a_task_waits_for_its_control_picture():
    async with a_world() as world:
        url = (await reserve(world))["accessUrl"]
        scripts = {"controlnet": {"units": [{"module": "canny", "input_image": url}]}}
        task = await draw(world, alwayson_scripts=scripts)
        await world.advance(LONG)

        assert (await progress(world, task))["status"] == "failed"


# The end of a task


async def test_a_picture_too_large_for_memory_makes_the_task_fail():
    async with a_world() as world:
        task = await draw(world, width=4096, height=4096)
        await world.advance(LONG)
        shown = await progress(world, task)
        code, message = await world.refusal("/scc/sd_get_result", {"taskId": task})

    assert code == "TASK_FAILED"
    assert "out of memory" in message
    assert shown == IsPartialDict(status="failed", message=message, progress=IsFloat(lt=1))


async def test_the_result_of_a_failed_task_is_an_error_unless_a_setting_says_no():
    body = {"width": 4096, "height": 4096}
    async with a_world(workshop_failed_result="silent") as world:
        data = await finished(world, await draw(world, **body))

    assert (data["status"], data["images"]) == ("failed", [])


async def test_a_cancelled_task_is_shown_as_failed():
    async with a_world() as world:
        task = await draw(world)
        await world.cancel(task)
        shown = await progress(world, task)
        refusal = await world.refusal("/scc/sd_get_result", {"taskId": task})

    assert shown == IsPartialDict(status="failed", message="The task was cancelled")
    assert refusal == ("TASK_FAILED", "The task was cancelled")


async def test_the_result_of_an_unfinished_task_has_its_status_and_no_pictures():
    async with a_world() as world, a_world(workshop_unfinished_result="fail") as strict:
        data = await world.data("/scc/sd_get_result", {"taskId": await draw(world)})
        refusal = await strict.refusal("/scc/sd_get_result", {"taskId": await draw(strict)})

    assert data == IsPartialDict(status="waiting", images=[])
    assert refusal == ("TASK_UNFINISHED", "The task is waiting")


@pytest.mark.parametrize("progress_kind", list(Progression))
async def test_every_kind_of_progress_comes_to_an_end(progress_kind):
    async with a_world(progress=progress_kind, polls=3) as world:
        task = await draw(world)
        if progress_kind is Progression.MANUAL:
            await world.finish(task)
        if progress_kind is Progression.TIME:
            await world.advance(LONG)
        seen = [(await progress(world, task))["status"] for _ in range(4)]

    assert seen[-1] == "succeeded"


# Prices


async def test_a_task_is_free_and_not_in_the_ledger():
    async with a_world(balance=Decimal(0)) as world:
        await finished(world, await draw(world))
        async with world.act() as unit:
            lines = entries(*await records_of(unit))

        assert await world.balance() == 0
    assert [entry.kind for entry in lines] == ["opening"]


async def test_a_task_can_cost_as_much_as_a_job():
    body = {"width": 768, "height": 768, "steps": 8, "batch_size": 2}
    async with a_world(workshop_credits="priced", balance=Decimal(2)) as world:
        await finished(world, await draw(world, **body))
        left = await world.balance()
        code, message = await world.refusal("/scc/sd_txt2img", body)

    assert left == pytest.approx(0.4)
    assert code == "CREDITS_NOT_ENOUGH"
    assert "1.6" in message


async def test_a_task_has_its_pool():
    async with a_world() as world:
        header = {"x-sp-resource-config-id": "poolA"}
        data = await world.data("/scc/sd_txt2img", {}, headers=header)
        metadata = await metadata_in(world, data["taskId"])

    assert (metadata.pool, metadata.product) == ("poolA", "sd_webui")


async def test_an_upload_that_is_not_a_picture_makes_the_task_fail():
    async with a_world() as world:
        url = await upload(world, PICTURE[:200])
        task = await redraw(world, url)
        await world.advance(LONG)
        code, message = await world.refusal("/scc/sd_get_result", {"taskId": task})

    assert code == "TASK_FAILED"
    assert "not an image that can be read" in message


async def test_a_header_sets_the_progression_of_one_task():
    async with a_world() as world:
        headers = {"x-mock-progress": "instant"}
        task = await world.data("/scc/sd_txt2img", {"prompt": "x"}, headers=headers)

        assert task["status"] == "succeeded"


async def test_an_unknown_progression_in_the_header_is_refused():
    async with a_world() as world:
        headers = {"x-mock-progress": "soon"}
        refused = await world.refusal("/scc/sd_txt2img", {"prompt": "x"}, headers=headers)

        assert refused[1] == "X-Mock-Progress must be one of instant, time, polls, manual"


async def test_the_choices_of_the_other_vendor_do_not_delay_a_task():
    async with a_world(tams={"pending_seconds": 10 * LONG}) as world:
        task = await world.data("/scc/sd_txt2img", {"prompt": "x"})
        await world.advance(LONG)
        progress = await world.data("/scc/sd_get_progress", {"taskId": task["taskId"]})

    assert progress["status"] == "succeeded"
