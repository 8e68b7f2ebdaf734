"""Workflow tasks: versions, inputs, progress by node, and results."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from dirty_equals import IsFloat, IsPartialDict, IsStr

from mock_server.core.accounts import Progression
from mock_server.tests.workshop.task_calls import (
    CAPTION,
    DATA_URI,
    FILM,
    LARGE,
    LONG,
    POSTER,
    download,
    draw,
    finished,
    job_of,
    metadata_in,
    progress,
    prompt_of,
    reserve,
    result,
    run_workflow,
    running,
    upload,
)
from mock_server.tests.workshop.world import NOW_MS, ORIGIN, a_world

SUBMIT = "/scc/comfy_prompt"


async def version_run(world, **names):
    data = await world.data(SUBMIT, {"workflow_id": POSTER, "inputs": {"prompt": "x"}, **names})
    metadata = await metadata_in(world, data["taskId"])
    return metadata.workflow, metadata.version


async def test_a_submission_has_the_estimated_duration():
    async with a_world() as world:
        data = await world.data(SUBMIT, prompt_of())
        await world.advance(LONG)
        made = await result(world, data["taskId"])

    estimate = data["estimatedDurationInSeconds"]
    assert data == {"taskId": IsStr, "status": "waiting", "estimatedDurationInSeconds": IsFloat}
    assert made["taskDuration"] / 1000 == pytest.approx(estimate, abs=0.1)


@pytest.mark.parametrize(
    ("names", "version"),
    [
        ({"alias_id": "main"}, "v2"),
        ({"version_id": "v1"}, "v1"),
        ({"alias_id": "main", "version_id": None}, "v2"),
        ({"alias_id": None, "version_id": "v2"}, "v2"),
        ({"alias_id": "main", "version_id": "v1"}, "v1"),
    ],
)
async def test_an_alias_or_a_version_selects_the_version(names, version):
    async with a_world() as world:
        assert await version_run(world, **names) == (POSTER, version)


async def test_the_alias_wins_by_a_setting():
    async with a_world(workshop_both_names="alias") as world:
        assert await version_run(world, alias_id="main", version_id="v1") == (POSTER, "v2")
        assert await version_run(world, version_id="v1") == (POSTER, "v1")


async def test_unset_members_of_the_python_sdk_count_as_absent():
    async with a_world() as world:
        await world.data(
            SUBMIT, {**prompt_of(), "randomise_seeds": None, "return_temp_files": None}
        )


@pytest.mark.parametrize(
    ("body", "refusal"),
    [
        ({"inputs": {}}, ("INVALID_PARAM", "workflow_id is required")),
        ({"workflow_id": POSTER, "alias_id": "main"}, ("INVALID_PARAM", "inputs is required")),
        (
            {"workflow_id": POSTER, "inputs": {}},
            ("INVALID_PARAM", "alias_id or version_id is required"),
        ),
        (
            {"workflow_id": "", "alias_id": "main", "inputs": {}},
            ("INVALID_PARAM", "workflow_id is required"),
        ),
        (
            {"workflow_id": POSTER, "alias_id": "next", "inputs": {}},
            ("WORKFLOW_NOT_FOUND", f"The workflow '{POSTER}' has no alias 'next'"),
        ),
        (
            {"workflow_id": POSTER, "version_id": "v9", "inputs": {}},
            ("WORKFLOW_NOT_FOUND", f"The workflow '{POSTER}' has no version 'v9'"),
        ),
        (
            {"workflow_id": POSTER, "alias_id": "main", "inputs": []},
            ("INVALID_PARAM", "inputs must be an object, found a list"),
        ),
        (
            {"workflow_id": "x" * 201, "alias_id": "main", "inputs": {}},
            ("INVALID_PARAM", "an id must not be longer than 200 characters"),
        ),
        (
            {"workflow_id": "w", "alias_id": "a", "inputs": dict.fromkeys(map(str, range(201)), 1)},
            ("INVALID_PARAM", "inputs must be at most 200, found 201"),
        ),
    ],
)
async def test_an_invalid_submission_is_reported(body, refusal):
    async with a_world() as world:
        assert await world.refusal(SUBMIT, body) == refusal


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ({"prompt": None}, "inputs.prompt is required"),
        ({"prompt": 5}, "inputs.prompt must be a string"),
        ({"seed": "7"}, "inputs.seed must be a number"),
        ({"seed": 1.5}, "inputs.seed must be an integer, found 1.5"),
        ({"seed": 2**64}, f"inputs.seed must be between {-(2**63)} and {2**64 - 1}"),
        ({"steps": 101}, "inputs.steps must be at most 100, found 101"),
        ({"denoise": 1.1}, "inputs.denoise must be at most 1, found 1.1"),
        ({"width": 63}, "inputs.width must be at least 64, found 63"),
        ({"ref_image": 5}, "inputs.ref_image must be a string"),
        ({"ref_image": "data:audio/mpeg;base64,AAAA"}, "inputs.ref_image must be a picture, found"),
    ],
)
async def test_an_invalid_input_is_reported(inputs, message):
    async with a_world() as world:
        code, found = await world.refusal(SUBMIT, prompt_of(**inputs))

    assert code == "INVALID_PARAM"
    assert found.startswith(message)


GRAPH = {"9": {"class_type": "SaveImage", "inputs": {}}}
SAVED = {"nodes": [{"id": 9, "type": "SaveImage"}], "links": []}


@pytest.mark.parametrize("workflow", [POSTER, "unpublished"])
@pytest.mark.parametrize(
    ("inputs", "found"),
    [
        (GRAPH, "a graph of ComfyUI"),
        ({"prompt": GRAPH, "client_id": "c"}, "a graph of ComfyUI"),
        (SAVED, "a workflow as ComfyUI saves it"),
        ({"workflow": SAVED}, "a workflow as ComfyUI saves it"),
    ],
)
async def test_a_graph_in_place_of_inputs_is_refused(workflow, inputs, found):
    async with a_world() as world:
        body = {"workflow_id": workflow, "version_id": "v1", "inputs": inputs}
        code, words = await world.refusal(SUBMIT, body)

    assert code == "INVALID_PARAM"
    assert words == (
        f"inputs must have a value for each published field, found {found}:"
        " publish the workflow, and name it with workflow_id"
    )


async def test_an_unknown_input_gets_a_remark():
    async with a_world() as world:
        await run_workflow(world, colour="red")

        assert "`colour` is not a member of inputs" in world.remarks()


async def test_the_progress_follows_the_nodes():
    async with a_world() as world:
        task = await run_workflow(world, steps=20)
        await running(world, task)
        states = []
        while (shown := await progress(world, task))["status"] == "running":
            states.append(shown["state"])
            await world.advance(0.02)

    labels = list(dict.fromkeys(state["nodeLabel"] for state in states))
    steps = [state["step"] for state in states if state["nodeLabel"] == "KSampler"]
    assert labels == [
        "LoadImage", "CheckpointLoaderSimple", "CLIPTextEncode", "KSampler", "VAEDecode",
        "SaveImageWebsocket",
    ]  # fmt: skip
    assert steps == sorted(steps)
    assert {state["maxSteps"] for state in states} == {1, 20}
    assert max(steps) < 20


async def test_the_progress_of_a_finished_task_has_its_picture():
    async with a_world() as world:
        task = await run_workflow(world)
        await world.advance(LONG)
        shown = await progress(world, task)
        picture = await download(world, shown["currentImage"])

    assert shown == IsPartialDict(progress=1, etaRelative=0, status="succeeded")
    assert picture.size == (472, 472)


async def test_a_result_has_the_members_of_the_example():
    async with a_world() as world:
        task = await run_workflow(world)
        made = await finished(world, task)
        picture = await download(world, made["result"]["poster"]["url"])

    url = made["images"][0]
    name = f"{task}_00000_.webp"
    assert made == {
        "taskId": task,
        "status": "succeeded",
        "images": [IsStr(regex=rf"{ORIGIN}/comfy/output/{name}\?expires=\d+&signature=\w+")],
        "result": {
            "poster": {
                "filename": name,
                "object_key": f"comfy/output/{name}",
                "format": "webp",
                "width": 472,
                "height": 472,
                "type": "image",
                "url": url,
            }
        },
        "taskDuration": made["taskEndTime"] - made["taskBeginTime"],
        "taskBeginTime": made["taskBeginTime"],
        "taskEndTime": made["taskEndTime"],
    }
    assert NOW_MS < made["taskBeginTime"] < made["taskEndTime"]
    assert (picture.format, picture.size) == ("WEBP", (472, 472))


async def test_a_workflow_without_output_fields_has_only_pictures():
    async with a_world() as world:
        task = await run_workflow(world, LARGE, batch_size=2, width=128, height=96)
        made = await finished(world, task)
        pictures = [await download(world, url) for url in made["images"]]

    assert made["result"] is None
    assert [picture.size for picture in pictures] == [(256, 192)] * 2


async def test_output_fields_may_be_several_pictures_and_texts():
    async with a_world() as world:
        made = await finished(world, await run_workflow(world, CAPTION, prompt="two owls"))

    fields = made["result"]
    assert list(fields) == ["picture", "variant", "caption"]
    assert fields["caption"] == "A picture of two owls"
    assert [fields[name]["url"] for name in ("picture", "variant")] == made["images"]


async def test_a_field_can_be_a_video():
    async with a_world() as world:
        url = await upload(world, b"sound", "audio/mpeg", "tone.mp3")
        task = await run_workflow(world, FILM, width=64, height=64, soundtrack=url)
        film = (await finished(world, task))["result"]["film"]
        answer = await world.http.get(film["url"])

    assert film == IsPartialDict(type="video", format="mp4", width=64, height=64)
    assert answer.headers["content-type"] == "video/mp4"
    assert answer.content[4:8] == b"ftyp"


async def test_requested_previews_are_added_to_the_results():
    async with a_world() as world:
        data = await world.data(SUBMIT, {**prompt_of(), "return_temp_files": True})
        made = await finished(world, data["taskId"])
        preview = await download(world, made["images"][1])

    assert len(made["images"]) == 2
    assert "/comfy/temp/" in made["images"][1]
    assert made["result"]["poster"]["url"] == made["images"][0]
    assert preview.size == (472, 472)


@pytest.mark.parametrize("seed", [2**53 + 1, 2**63, 2**64 - 1])
async def test_a_seed_keeps_all_64_bits(seed):
    async with a_world() as world:
        unpublished = [
            {"workflow_id": "unpublished", "version_id": "v1", "inputs": {"seed": each}}
            for each in (seed, str(seed))
        ]
        tasks = [await world.data(SUBMIT, body) for body in (*unpublished, prompt_of(seed=seed))]
        jobs = [await job_of(world, task["taskId"]) for task in tasks]

    assert [job.order.seed for job in jobs] == [seed] * 3


async def test_a_seed_is_used_unless_seeds_are_randomised():
    async def seeds(world, **members):
        tasks = [await world.data(SUBMIT, {**prompt_of(), **members}) for _ in range(3)]
        jobs = [await job_of(world, task["taskId"]) for task in tasks]
        return [job.order.seed for job in jobs]

    async with a_world() as world:
        kept = await seeds(world)
        random = await seeds(world, randomise_seeds=True)

    assert kept == [20240615] * 3
    assert len({*random, *kept}) == 4


async def test_inputs_of_an_unpublished_workflow_are_used_by_name():
    async with a_world() as world:
        task = await run_workflow(
            world, "mine", "v7",
            text="a fox", negtive_prompt="blurry", noise_seed=5, width=200, height=104, steps=9,
            cfg_scale=3, denoising_strength=0.5, batch_size=2, reference=DATA_URI,
        )  # fmt: skip
        order = (await job_of(world, task)).order
        made = await finished(world, task)
        picture = await download(world, made["images"][0])

    assert (order.prompt, order.negative_prompt) == ("a red teapot", "blurry")
    assert (order.seed, order.steps, order.cfg_scale, order.count) == (5, 9, 3, 2)
    assert order.source
    assert order.denoising_strength == 0.5
    assert made["result"] is None
    assert picture.size == (200, 104)


async def test_an_unpublished_workflow_can_be_refused():
    async with a_world(workshop_unknown_workflow="refuse") as world:
        await run_workflow(world)
        refusal = await world.refusal(SUBMIT, prompt_of("mine"))

    assert refusal == ("WORKFLOW_NOT_FOUND", "The workflow 'mine' does not exist")


async def test_the_documented_workflow_accepts_its_inputs():
    inputs = {
        "prompt": "a letter", "negative": "blurry", "seed": 5, "steps": 6, "cfg": 1.5,
        "denoise": 1, "control_image": DATA_URI, "canny_strength": 0.4, "width": 256,
        "height": 256, "safe_confidence_level": 100,
    }  # fmt: skip
    async with a_world() as world:
        task = await run_workflow(world, "artistic_characters", "v4", **inputs)
        made = await finished(world, task)
        asked_as_sd = await world.data("/scc/sd_get_result", {"taskId": task})

        assert world.remarks() == []
    assert made["status"] == "succeeded"
    assert asked_as_sd["images"] == made["images"]


async def test_any_progress_or_result_call_finds_any_task():
    async with a_world() as world:
        tasks = [await draw(world), await run_workflow(world)]
        await world.advance(LONG)
        for task in tasks:
            for what in ("progress", "result"):
                answers = [
                    await world.data(f"/scc/{kind}_get_{what}", {"taskId": task, "alias_id": "x"})
                    for kind in ("sd", "comfy")
                ]
                assert answers[0] == answers[1]


# The end of a task


@pytest.mark.parametrize("kind", [Progression.TIME, Progression.INSTANT])
async def test_a_picture_too_large_for_memory_fails_at_the_node_that_makes_it(kind):
    async with a_world(progress=kind) as world:
        task = await run_workflow(world, width=4096, height=4096)
        await world.advance(LONG)
        code, message = await world.refusal("/scc/comfy_get_result", {"taskId": task})

    assert code == "TASK_FAILED"
    assert message.startswith("Node 6 failed: out of memory")


async def test_an_upscaler_can_run_out_of_memory():
    async with a_world() as world:
        task = await run_workflow(world, LARGE, width=2048, height=2048)
        await world.advance(LONG)
        _, message = await world.refusal("/scc/comfy_get_result", {"taskId": task})

    assert message.startswith("Node 10 failed: out of memory: LatentUpscaleBy")


async def test_a_file_that_was_never_uploaded_fails_at_the_node_that_loads():
    async with a_world() as world:
        task = await run_workflow(world, ref_image=(await reserve(world))["accessUrl"])
        await world.advance(LONG)
        shown = await progress(world, task)
        code, message = await world.refusal("/scc/comfy_get_result", {"taskId": task})

    assert (code, shown["status"]) == ("TASK_FAILED", "failed")
    assert message.startswith("Node 2 failed: ")
    assert "never uploaded" in message
    assert shown["message"] == message


async def test_a_failed_task_has_no_result_if_failures_are_silent():
    async with a_world(workshop_failed_result="silent") as world:
        made = await finished(world, await run_workflow(world, width=4096, height=4096))

    assert made == IsPartialDict(status="failed", images=[], result=None)


async def test_an_unfinished_task_has_no_end_time():
    async with a_world() as world:
        task = await run_workflow(world)
        waits = await result(world, task)
        await running(world, task)
        runs = await result(world, task)

    nothing: dict[str, Any] = {
        "result": None,
        "images": [],
        "taskDuration": None,
        "taskEndTime": None,
    }
    assert waits == {"taskId": task, "status": "waiting", "taskBeginTime": None, **nothing}
    assert runs == {**waits, "status": "running", "taskBeginTime": runs["taskBeginTime"]}
    assert runs["taskBeginTime"] > NOW_MS


async def test_a_workflow_costs_as_much_as_its_nodes():
    async with a_world(workshop_credits="priced", balance=Decimal(10)) as world:
        await finished(world, await run_workflow(world, width=768, height=768, steps=8))

        assert await world.balance() == pytest.approx(10 - 0.8)
