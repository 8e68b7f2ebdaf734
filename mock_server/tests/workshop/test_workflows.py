"""The catalogue of workflows: shipped ones, those of the user, and invalid files."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pydantic import ValidationError

from mock_server.settings import Settings
from mock_server.tests.workshop.task_calls import POSTER, finished, run_workflow
from mock_server.tests.workshop.world import a_world
from mock_server.workshop.workflows import load_workflows

NODES = [{"id": "1", "label": "KSampler", "samples": True}]


def a_workflow(**changes: Any) -> dict[str, Any]:
    return {"id": "mine", "aliases": {"main": "v1"}, "versions": {"v1": a_version()}, **changes}


def a_version(**changes: Any) -> dict[str, Any]:
    return {"nodes": NODES, **changes}


def written(tmp_path, *workflows):
    path = tmp_path / "workflows.json"
    path.write_text(json.dumps({"workflows": workflows}))
    return path


def test_the_shipped_catalogue_has_a_workflow_of_every_kind_of_output():
    shipped = tuple(load_workflows(None).known.values())
    versions = [version for each in shipped for version in each.versions.values()]
    kinds = {output.type for version in versions for output in version.outputs}

    assert kinds == {"image", "text", "video"}
    assert any(not version.outputs for version in versions)


def test_every_shipped_workflow_has_a_main_version_and_a_description():
    for workflow in tuple(load_workflows(None).known.values()):
        assert "main" in workflow.aliases
        assert workflow.name
        assert workflow.description
        for version in workflow.versions.values():
            assert all(each.label for each in version.inputs)


async def test_a_users_workflow_is_added_to_the_shipped_ones(tmp_path):
    own = a_workflow(
        versions={
            "v1": a_version(
                inputs=[{"name": "text", "type": "text", "default": "a fox"}],
                outputs=[{"name": "card", "type": "image"}],
                format="jpeg",
            )
        }
    )
    async with a_world(workflows_file=written(tmp_path, own)) as world:
        mine = await finished(world, await run_workflow(world, "mine", text="an owl"))
        shipped = await finished(world, await run_workflow(world))

    assert mine["result"]["card"]["format"] == "jpeg"
    assert list(shipped["result"]) == ["poster"]


@pytest.mark.parametrize(("format", "still"), [("mp4", "png"), ("webp", "webp")])
async def test_a_workflow_makes_pictures_beside_a_video(tmp_path, format, still):
    outputs = [{"name": "cover", "type": "image"}, {"name": "film", "type": "video"}]
    own = a_workflow(versions={"v1": a_version(outputs=outputs, format=format, frames=8)})
    async with a_world(workflows_file=written(tmp_path, own)) as world:
        done = await finished(world, await run_workflow(world, "mine", text="an owl"))
        files = [await world.http.get(done["result"][name]["url"]) for name in ("cover", "film")]

    made = [
        (done["result"][name]["type"], done["result"][name]["format"]) for name in ("cover", "film")
    ]
    assert made == [("image", still), ("video", "mp4")]
    types = [file.headers["content-type"] for file in files]
    assert types == [f"image/{still}", "video/mp4"]
    assert files[1].content[4:8] == b"ftyp"


def test_a_users_workflow_overrides_a_shipped_one(tmp_path):
    known = load_workflows(written(tmp_path, a_workflow(id=POSTER, name="Mine"))).known

    assert known[POSTER].name == "Mine"
    assert len(known) == len(load_workflows(None).known)


@pytest.mark.parametrize(
    ("workflow", "problem"),
    [
        (a_workflow(versions={}), "workflows.0.versions: Dictionary should have at least 1 item"),
        (a_workflow(aliases={"main": "v9"}), "alias main points to v9, which is not a version"),
        (a_workflow(colour="red"), "workflows.0.colour: Extra inputs are not permitted"),
        (a_workflow(versions={"v1": {"nodes": []}}), "should have at least 1 item"),
        (
            a_workflow(versions={"v1": a_version(inputs=[{"name": "a", "type": "colour"}])}),
            "workflows.0.versions.v1.inputs.0.type: Input should be 'text'",
        ),
        (
            a_workflow(
                versions={
                    "v1": a_version(inputs=[{"name": "a", "type": "integer", "default": "x"}])
                }
            ),
            "must be a number",
        ),
        (
            a_workflow(
                versions={
                    "v1": a_version(
                        inputs=[{"name": "a", "type": "number", "default": 2, "maximum": 1}]
                    )
                }
            ),
            "must be at most 1, found 2",
        ),
        (
            a_workflow(versions={"v1": a_version(outputs=[{"name": "a", "type": "text"}])}),
            "outputs must have an image or a video among them",
        ),
        (
            a_workflow(versions={"v1": a_version(outputs=[{"name": "a", "type": "video"}])}),
            "format must be mp4 for videos, and must not be mp4 for others",
        ),
        (
            a_workflow(versions={"v1": {"nodes": [{"id": "1", "label": "Up", "scale": 8}] * 2}}),
            "nodes must not scale by more than 16, up or down",
        ),
    ],
)
def test_an_invalid_workflow_is_refused_when_it_is_read(tmp_path, workflow, problem):
    with pytest.raises(ValueError, match="workflows") as refusal:
        load_workflows(written(tmp_path, workflow))

    assert problem in str(refusal.value)


def test_an_unreadable_file_is_an_invalid_setting(tmp_path):
    with pytest.raises(ValidationError, match="the file cannot be read: No such file"):
        Settings(workflows_file=tmp_path / "missing.json")
    broken = tmp_path / "broken.json"
    broken.write_text("{")
    with pytest.raises(ValidationError, match="Invalid JSON"):
        Settings(workflows_file=broken)
