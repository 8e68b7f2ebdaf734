"""Calls that tests about tasks make."""

from __future__ import annotations

from base64 import b64encode
from io import BytesIO
from typing import Any

from PIL import Image

from mock_server.core.jobs.job import Job
from mock_server.tests.workshop.world import World
from mock_server.web.pictures import Recipe, render
from mock_server.workshop.task_metadata import TaskMetadata, metadata_of

POSTER = "01key7y1m0workf10w00000001"
LARGE = "01key7y1m0workf10w00000002"
CAPTION = "01key7y1m0workf10w00000003"
FILM = "01key7y1m0workf10w00000004"

LONG = 1000  # seconds after which every task has ended

PICTURE = render(Recipe("a brass key", seed=3, width=64, height=48))
DATA_URI = "data:image/png;base64," + b64encode(PICTURE).decode()


async def draw(world: World, **members: Any) -> str:
    """Create a text-to-image task; return its id."""
    data = await world.data("/scc/sd_txt2img", {"prompt": "a paper boat", **members})
    task_id: str = data["taskId"]
    return task_id


async def redraw(world: World, *images: str, **members: Any) -> str:
    """Create an image-to-image task; return its id."""
    data = await world.data("/scc/sd_img2img", {"init_images": images, **members})
    task_id: str = data["taskId"]
    return task_id


def prompt_of(workflow: str = POSTER, version: str = "", **inputs: Any) -> dict[str, Any]:
    """Return the body of a workflow task, by its alias unless a version is named."""
    named = {"version_id": version} if version else {"alias_id": "main"}
    return {"workflow_id": workflow, **named, "inputs": {"prompt": "a red teapot", **inputs}}


async def run_workflow(
    world: World, workflow: str = POSTER, version: str = "", **inputs: Any
) -> str:
    """Create a workflow task; return its id."""
    data = await world.data("/scc/comfy_prompt", prompt_of(workflow, version, **inputs))
    task_id: str = data["taskId"]
    return task_id


async def progress(world: World, task_id: str) -> dict[str, Any]:
    data: dict[str, Any] = await world.data("/scc/sd_get_progress", {"taskId": task_id})
    return data


async def result(world: World, task_id: str) -> dict[str, Any]:
    data: dict[str, Any] = await world.data("/scc/comfy_get_result", {"taskId": task_id})
    return data


async def finished(world: World, task_id: str) -> dict[str, Any]:
    """Wait until a task has ended; return its result."""
    await world.advance(LONG)
    return await result(world, task_id)


async def running(world: World, task_id: str) -> dict[str, Any]:
    """Wait until a task runs; return its progress."""
    for _ in range(100):
        shown = await progress(world, task_id)
        if shown["status"] == "running":
            return shown
        await world.advance(0.1)
    raise AssertionError("the task does not run")


async def job_of(world: World, task_id: str) -> Job:
    """Return the job of a task."""
    return await world.job(task_id)


async def metadata_in(world: World, task_id: str) -> TaskMetadata:
    """Return the metadata of a task."""
    metadata = metadata_of(await job_of(world, task_id))
    assert metadata is not None
    return metadata


async def download(world: World, url: str) -> Image.Image:
    """Return the picture behind a URL, decoded."""
    answer = await world.http.get(url)
    assert answer.status_code == 200, answer.text
    image = Image.open(BytesIO(answer.content))
    image.load()
    assert answer.headers["content-type"] == f"image/{(image.format or '').lower()}"
    return image


async def upload(
    world: World, data: bytes = PICTURE, media_type: str = "image/png", name: str = "in.png"
) -> str:
    """Upload a temporary file; return its accessUrl."""
    urls = await reserve(world, media_type, name)
    answer = await world.http.put(
        urls["uploadUrl"], content=data, headers={"content-type": media_type}
    )
    assert answer.status_code == 200, answer.text
    url: str = urls["accessUrl"]
    return url


async def reserve(
    world: World, media_type: str = "image/png", name: str = "in.png", **members: Any
) -> dict[str, Any]:
    """Request the URLs of a temporary file."""
    body = {"contentType": media_type, "originalFilename": name, **members}
    urls: dict[str, Any] = await world.data("/scc/sp_create_temp_file_upload_sign", body)
    return urls
