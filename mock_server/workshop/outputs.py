"""The files that tasks have made: URLs that expire, and the download (Workshop › 7, 8.3).

Whoever has a URL may download; the file itself is drawn when it is asked for first.
"""

from __future__ import annotations

import hmac
import re
from typing import Any
from urllib.parse import parse_qs, urlsplit

from mock_server.core import chance
from mock_server.core.accounts import Account
from mock_server.core.jobs.job import Job, JobState
from mock_server.core.jobs.service import JobService
from mock_server.web.calls import Answer, Call
from mock_server.web.object_store import refusal, terms
from mock_server.web.pipeline import Operation
from mock_server.web.ranges import ranged
from mock_server.web.results import ResultFiles, extension_of, media_type_of
from mock_server.web.videos import frame_size
from mock_server.workshop.settings import WorkshopSettings
from mock_server.workshop.task_metadata import COMFYUI, TaskMetadata, metadata_of

_FOLDERS = {"sd_webui": "sd", COMFYUI: "comfy"}
_NAME = re.compile(r"(?P<task>[0-9a-z]{26})_(?P<index>\d{5})_\.(?:png|jpg|webp|mp4)")


class Outputs:
    """Hands out the URLs of results and answers them."""

    def __init__(
        self, job_service: JobService, settings: WorkshopSettings, results: ResultFiles
    ) -> None:
        self.job_service = job_service
        self.settings = settings
        self.results = results
        self.operations = tuple(
            Operation(
                "GET",
                f"/{folder}/{assets}/{{name}}",
                self.get,
                "Serve a result to whoever has its URL",
                "Workshop › 8.3",
                public=True,
            )
            for folder, assets in (("sd", "output"), ("comfy", "output"), ("comfy", "temp"))
        )

    def url(self, job: Job, index: int, account: Account, now: float, origin: str) -> str:
        """Return a URL for one of a task's files, good for a while from now (choice 30)."""
        path = f"/{object_key(job, index)}"
        expires = str(int(now) + self.settings.result_url_life)
        base = self.settings.file_url.rstrip("/") or origin
        return f"{base}{path}?expires={expires}&signature={_signature(account, path, expires)}"

    def file(self, job: Job, index: int, url: str) -> dict[str, Any]:
        """Return what a workflow's output field says of a file (observed members)."""
        key = object_key(job, index)
        width, height = job.order.width, job.order.height
        if job.order.is_video:
            width, height = frame_size(width, height, job.order.frames)
        return {
            "filename": key.rpartition("/")[2],
            "object_key": key,
            "format": "mp4" if job.order.is_video else job.order.format,
            "width": width,
            "height": height,
            "type": "video" if job.order.is_video else "image",
            "url": url,
        }

    async def get(self, call: Call, payload: None) -> Answer:
        """Workshop › 8.3: the files expire and must be copied."""
        found = await self._find(call.path)
        if found is None:
            return refusal(404, "NoSuchKey", "There is no such object.")
        job, index, account = found
        call.trace.account = account.id
        now = call.trace.now = await self.job_service.now(account, call.wall)
        problem = _problem(account, call.path, terms(call), now)
        if problem:
            return refusal(403, "AccessDenied", problem)
        if not self._is_there(job, now):
            return refusal(404, "NoSuchKey", "The object is kept no longer.")
        headers = (
            (b"content-type", media_type_of(job).encode()),
            (b"cache-control", b"private, max-age=3600"),
            (b"x-content-type-options", b"nosniff"),
        )
        answer = Answer(200, await self.results.file(job, index), headers)
        return ranged(answer, call.header(b"range"))

    async def of_url(self, url: str, now: float) -> tuple[bytes, str] | None:
        """Return the bytes and the media type that a result's URL stands for, if it is still good.

        `now` is the time of whoever gave the URL.
        """
        try:
            parts = urlsplit(url)
            query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        except ValueError:
            return None
        found = await self._find(parts.path)
        if found is None:
            return None
        job, index, account = found
        if _problem(account, parts.path, query, now) or not self._is_there(job, now):
            return None
        return await self.results.file(job, index), media_type_of(job)

    def _is_there(self, job: Job, now: float) -> bool:
        succeeded = job.state_at(now) is JobState.SUCCEEDED
        return succeeded and now < job.ended_at + self.settings.task_life

    async def _find(self, path: str) -> tuple[Job, int, Account] | None:
        """Return the job and the number of the file at a path, and whose it is."""
        match = _NAME.fullmatch(path.rpartition("/")[2])
        job = None if match is None else await self.job_service.job(match["task"])
        if match is None or job is None or metadata_of(job) is None:
            return None
        index = int(match["index"])
        account = await self.job_service.owner(job.account)
        if account is None or index >= job.order.count or path != f"/{object_key(job, index)}":
            return None
        return job, index, account


def object_key(job: Job, index: int) -> str:
    """Return where a task's file lies; workflows keep previews apart (observed for outputs)."""
    metadata = metadata_of(job) or TaskMetadata("txt2img")
    assets = "temp" if index >= job.order.count - metadata.previews else "output"
    return f"{_FOLDERS[metadata.product]}/{assets}/{job.id}_{index:05}_.{extension_of(job)}"


def _problem(account: Account, path: str, query: dict[str, str], now: float) -> str:
    """Return why a URL does not open its file now, or nothing."""
    expires = query.get("expires", "")
    expected = _signature(account, path, expires)
    if not hmac.compare_digest(query.get("signature", "").encode(), expected.encode()):
        return "The URL is not the one handed out."
    return "" if now < int(expires) else "The URL has expired; ask for the result again."


def _signature(account: Account, path: str, expires: str) -> str:
    return chance.mac(account.credentials.secret, "GET", path, expires)
