"""What jobs have made, as bytes, and what was uploaded for them."""

from __future__ import annotations

import asyncio

from msgspec.structs import asdict, replace

from mock_server.core.accounts import SERVER
from mock_server.core.jobs.job import Job
from mock_server.core.resources import Resource
from mock_server.core.store import Store
from mock_server.web import picture_decoding, pictures, video_files, videos
from mock_server.web.picture_cache import PictureCache
from mock_server.web.picture_files import media_type
from mock_server.web.pictures import Recipe

_EXTENSIONS = {"png": "png", "jpeg": "jpg", "webp": "webp", "mp4": "mp4"}


async def inspect_upload(resource: Resource, data: bytes) -> Resource:
    """Return the upload with what its bytes were found to be; they are decoded in a thread."""
    stored = replace(resource, size_bytes=len(data), format="", flaw="")
    try:
        found = await asyncio.to_thread(picture_decoding.examined, data)
    except picture_decoding.UndecodablePicture as error:
        return replace(stored, flaw=str(error))
    return replace(stored, format=found.format, width=found.width, height=found.height)


class ResultFiles:
    """Makes the files of finished jobs at the first request."""

    def __init__(self, store: Store, cache: PictureCache) -> None:
        self.store = store
        self.cache = cache

    async def file(self, job: Job, index: int) -> bytes:
        """Return the bytes of one of a job's pictures or videos."""
        key = f"{job.account}/{job.id}/{index}"
        if (kept := self.cache.find(key)) is not None:
            return kept
        recipe = recipe_of(job, index)
        if recipe.is_video:
            original = await self._upload(job, recipe.source)
            return await self.cache.get(key, lambda: videos.render_video(recipe, original))
        source = await self._fitted_upload(job, recipe.source)
        mask = await self._fitted_upload(job, recipe.mask)
        return await self.cache.get(key, lambda: pictures.render(recipe, source, mask))

    async def _fitted_upload(self, job: Job, resource_id: str) -> bytes | None:
        """Return an input picture; for several pictures, it is decoded and fitted only once."""
        data = await self._upload(job, resource_id)
        if data is None or job.order.count == 1:
            return data
        size = job.order.width, job.order.height
        key = f"{job.account}/{job.id}/{resource_id}"
        return await self.cache.get(key, lambda: picture_decoding.fitted_file(data, size))

    async def _upload(self, job: Job, resource_id: str) -> bytes | None:
        """Return an input picture, or None if there is none that can be drawn."""
        if not resource_id:
            return None
        resource = await self.store.get(Resource, resource_id)
        if resource is None or not resource.format:
            return None
        return await self.upload(job.account, resource)

    async def upload(self, account_id: str, resource: Resource) -> bytes | None:
        """Return the bytes of an upload that the account can use, or None."""
        if resource.account == SERVER:
            recipe = Recipe(f"resource {resource.id}")
            return await self.cache.get(f"/shared/{resource.id}", lambda: pictures.render(recipe))
        if resource.account != account_id:
            return None
        return await self.store.blobs.get(resource.id)


def format_of(job: Job, index: int) -> str:
    """Return the format of one of a job's files, such as `png` or `mp4`."""
    return "mp4" if job.order.is_video_at(index) else job.order.format


def extension_of(job: Job, index: int) -> str:
    """Return how the name of one of a job's files ends."""
    return _EXTENSIONS[format_of(job, index)]


def media_type_of(job: Job, index: int) -> str:
    is_video = job.order.is_video_at(index)
    return video_files.MEDIA_TYPE if is_video else media_type(job.order.format)


def size_of(job: Job, index: int) -> tuple[int, int]:
    """Return the width and height of one of a job's files; videos may be smaller than ordered."""
    order = job.order
    if order.is_video_at(index):
        return videos.frame_size(order.width, order.height, order.frames)
    return order.width, order.height


def recipe_of(job: Job, index: int) -> Recipe:
    """Return what decides the bytes of one of a job's pictures or videos."""
    recipe = Recipe(**{**asdict(job.order), "seed": image_seed(job, index), "stills": ()})
    return replace(recipe, frames=1, fps=0) if index in job.order.stills else recipe


def image_seed(job: Job, index: int) -> int:
    """Return the seed really used for a picture: batches count up, as the widespread UI does."""
    return (job.order.seed + index) % 2**64
