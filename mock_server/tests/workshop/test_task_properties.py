"""Properties of all tasks, for any requests and any order of queries."""

from __future__ import annotations

import asyncio
import json
from itertools import pairwise

import hypothesis.strategies as st
from hypothesis import given, settings

from mock_server.core.accounts import Progression
from mock_server.tests.workshop.task_calls import (
    LARGE,
    POSTER,
    download,
    draw,
    finished,
    progress,
    run_workflow,
)
from mock_server.tests.workshop.world import a_world

ORDER = ("waiting", "running", "succeeded", "failed")
NUMBERS = st.integers() | st.floats() | st.sampled_from([0, -1, 1, 8, 512, 4097, 2**63, 1e308])
TEXTS = st.text(max_size=20) | st.sampled_from(
    ["main", "v2", POSTER, LARGE, "data:,", "data:image/png;base64,AAAA", "http://[", "https://x/"]
)
SCALARS = st.none() | st.booleans() | NUMBERS | TEXTS
NAMES = st.sampled_from(
    ["prompt", "seed", "steps", "width", "height", "cfg", "cfg_scale", "denoise", "batch_size",
     "ref_image", "control_image", "negative_prompt", "negtive_prompt", "init_images", "inputs",
     "alwayson_scripts", "controlnet", "units", "weight", "input_image", "workflow_id", "alias_id",
     "version_id", "taskId", "contentType", "originalFilename", "size", "resourceConfigIds",
     "subProduct", "modelId", "name", "modelType", "sourceType", "versions", "return_temp_files"]
)  # fmt: skip
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES | TEXTS, inner, max_size=6),
    max_leaves=12,
)
BODIES = st.dictionaries(NAMES, VALUES, max_size=10)
PATHS = st.sampled_from(
    ["sd_txt2img", "sd_img2img", "comfy_prompt", "sd_get_progress", "comfy_get_result",
     "sp_create_temp_file_upload_sign", "query_sp_resource_monitor_data", "spSdModelSync"]
)  # fmt: skip


@given(
    kind=st.sampled_from([Progression.TIME, Progression.POLLS]),
    steps=st.lists(st.floats(0, 2), min_size=5, max_size=30),
    side=st.sampled_from([64, 512, 4096]),
    others=st.integers(0, 4),
    workflow=st.booleans(),
)
@settings(max_examples=25)
def test_progress_queue_places_and_status_are_monotonic(kind, steps, side, others, workflow):
    async def looks():
        async with a_world(progress=kind, slots=1) as world:
            for _ in range(others):
                await draw(world, width=64, height=64)
            submit = run_workflow if workflow else draw
            task = await submit(world, width=side, height=side)
            seen = [await progress(world, task)]
            for step in steps:
                await world.advance(step)
                seen.append(await progress(world, task))
            await world.advance(1000)
            return [*seen, *[await progress(world, task) for _ in range(5)]]

    seen = asyncio.run(looks())
    for before, after in pairwise(seen):
        assert before["progress"] <= after["progress"]
        assert ORDER.index(before["status"]) <= ORDER.index(after["status"])
        if after["status"] == "waiting":
            assert after["lastQueueRemaining"] <= before["lastQueueRemaining"]
    for each in seen:
        assert ("lastQueueRemaining" in each) == (each["status"] == "waiting")
        assert ("state" in each) == (each["status"] == "running")
        assert (each["progress"] == 1) == (each["status"] == "succeeded")
        assert each["etaRelative"] >= 0
    assert seen[-1]["status"] == ("failed" if side == 4096 else "succeeded")


@given(
    width=st.integers(8, 160),
    height=st.integers(8, 160),
    count=st.integers(1, 4),
    workflow=st.booleans(),
)
@settings(max_examples=25)
def test_results_have_the_requested_number_and_size(width, height, count, workflow):
    async def sizes():
        async with a_world() as world:
            size = {"width": width, "height": height, "batch_size": count}
            task = await (run_workflow(world, "any", **size) if workflow else draw(world, **size))
            made = await finished(world, task)
            return [(await download(world, url)).size for url in made["images"]]

    assert asyncio.run(sizes()) == [(width, height)] * count


@given(st.lists(st.tuples(PATHS, BODIES), min_size=1, max_size=8))
@settings(max_examples=30)
def test_every_body_gets_an_answer(calls):
    async def answers():
        async with a_world() as world:
            return [
                await world.call(f"/scc/{path}", json.dumps(body).encode()) for path, body in calls
            ]

    for answer in asyncio.run(answers()):
        assert answer.status_code == 200
        envelope = answer.json()
        failed = envelope["status"] == 20
        assert failed == bool(envelope["errCode"])
        assert envelope["errCode"] != "SYSTEM_ERROR"
