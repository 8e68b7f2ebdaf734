"""Members that nothing reads are named, a few of them, with the name that may be meant."""

from __future__ import annotations

import json
from typing import Any

import pytest

from mock_server.tests.tams import graphs
from mock_server.tests.tams.world import World, a_world, text_to_image
from mock_server.tests.workshop.world import a_world as a_workshop
from mock_server.web.hints import nearest
from mock_server.web.unread_members import MAX_NAMED, MAX_OBJECTS, unread_members

KINDS: dict[str, dict[str, str | None]] = {
    "body": {"width": None, "size": "size", "sizes": "size", "free": None},
    "size": {"height": None, "stepCount": None, "step_count": None},
}


def found(data: Any) -> list[str]:
    return [str(each) for each in unread_members("body", data, KINDS.__getitem__)]


@pytest.mark.parametrize(
    ("data", "sentences"),
    [
        ({"width": 1, "free": {"any": 1}, "size": {"height": 1}}, []),
        ({"widht": 1}, ["`widht` is not a member of the body; did you mean `width`?"]),
        ({"widht": None}, []),
        ({"zzz": 1}, ["`zzz` is not a member of the body"]),
        ({"size": {"hieght": 1}}, ["`hieght` is not a member of size; did you mean `height`?"]),
        (
            {"sizes": [{}, {"size": {"a": 1}, "step_cuont": 1}]},
            [
                "`size` is not a member of sizes[1]",
                "`step_cuont` is not a member of sizes[1]; did you mean `step_count`?",
            ],
        ),
        ({"size": 5, "sizes": {"height": 1}}, []),
    ],
)
def test_members_are_found_at_all_levels(data, sentences):
    assert found(data) == sentences


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("step_Count", "step_count"),
        ("stepcount", "stepCount"),
        ("STEPCOUNTS", "stepCount"),
        ("webhook", ""),
        ("stepCount" * 100, ""),
    ],
)
def test_the_nearest_name_has_the_spelling_of_the_client(name, near):
    assert nearest(name, KINDS["size"]) == near


def test_few_members_are_named_and_not_all_objects_are_looked_at():
    many = {f"member{number}": 1 for number in range(100_000)}
    late = {"sizes": [*({} for _ in range(MAX_OBJECTS)), {"hieght": 1}]}

    assert len(found(many)) == MAX_NAMED
    assert found(late) == []
    assert len(found({"x" * 100_000: 1})[0]) < 200


# TAMS


def misspelled(**diffusion: Any) -> dict[str, Any]:
    body = text_to_image(seed=5)
    body["stages"][1]["diffusion"] |= diffusion
    return body


async def remarks(world: World) -> list[str]:
    return [*next(iter(world.app.journal)).remarks]


@pytest.mark.parametrize("path", ["/v1/jobs", "/v1/jobs/credits"])
async def test_tams_remarks_on_a_member_that_nothing_reads(path):
    async with a_world() as world:
        await world.call("POST", path, misspelled(widht=5, sampler_nam="x", webhook=None))
        told = await remarks(world)

    assert told == [
        "`widht` is not a member of diffusion; did you mean `width`? (in stages[1].diffusion)",
        "`sampler_nam` is not a member of diffusion; did you mean `sampler`?"
        " (in stages[1].diffusion)",
    ]


async def test_known_members_get_no_remark_in_either_spelling_even_without_an_effect():
    async with a_world() as world:
        body = misspelled(enable_ella=True, enablePix2pix=True, v1_clip=True, loraX=None)
        body["stages"][1]["diffusion"]["cfg_scale"] = body["stages"][1]["diffusion"].pop("cfgScale")
        body["stages"].append({"type": "IMAGE_TO_ANIMATE_DIFF", "image_to_animate_diff": {"a": 1}})
        await world.call("POST", "/v1/jobs/credits", body)

        assert await remarks(world) == []


async def test_strict_tams_refuses_a_member_that_nothing_reads_in_its_own_words():
    text = json.dumps(misspelled(widht=5), indent=1)
    async with a_world(tams={"unread_member": "refuse"}) as world:
        answer = await world.call("POST", "/v1/jobs", text.encode())
        good = await world.call("POST", "/v1/jobs/credits", text_to_image())

    line = text[: text.index('"widht"')].count("\n") + 1
    assert answer.status_code == 400
    assert answer.json() == {
        "code": 3,
        "message": f'proto: (line {line}:5): unknown field "widht"',
        "details": [],
    }
    assert good.status_code == 200


@pytest.mark.parametrize(("choice", "status"), [("accept", 200), ("refuse", 400)])
async def test_an_input_that_a_class_of_nodes_does_not_have_is_named(choice, status):
    graph = graphs.text_to_image()
    sampler = next(each for each in graph.values() if each["classType"] == "KSampler")
    sampler["inputs"] |= {"stepz": 5, "control_after_generate": "fixed"}
    async with a_world(tams={"unread_member": choice}) as world:
        answer = await world.call("POST", "/v1/jobs/workflow/params/check", {"params": graph})
        told = await remarks(world)

    assert answer.status_code == status
    said = " ".join(told) if status == 200 else answer.json()["details"][0]["message"]
    assert "stepz: is not an input of KSampler; did you mean `steps`?" in said
    assert "control_after_generate" not in said


# The Workshop


async def test_the_workshop_remarks_on_a_member_that_nothing_reads():
    async with a_workshop() as world:
        await world.call("/scc/allocate_token", {"nmae": "a", "scene_role_id": "b", "x": None})
        told = world.remarks()

    assert told == [
        "`nmae` is not a member of the body; did you mean `name`?",
        "`scene_role_id` is not a member of the body; did you mean `sceneRoleId`?",
    ]


async def test_the_workshop_looks_into_objects_and_lists():
    units = [{"module": "canny"}, {"modul": "canny"}]
    async with a_workshop() as world:
        body = {"alwayson_scripts": {"controlnet": {"units": units}}}
        await world.call("/scc/sd_txt2img", body)

        assert world.remarks() == [
            "`modul` is not a member of units[1]; did you mean `module`?"
            " (in alwayson_scripts.controlnet.units[1])"
        ]


async def test_the_strict_workshop_refuses_a_member_that_nothing_reads_in_its_envelope():
    async with a_workshop(workshop_unread_member="refuse") as world:
        refusal = await world.refusal("/scc/allocate_token", {"nmae": "a"})

    assert refusal[1] == "nmae is not a known member; did you mean `name`?"
