"""The files of finished tasks: URLs that expire, and the download (Workshop › 7, 8.3).

The URL is enough to download a file. The file is drawn at the first download.
"""

from __future__ import annotations

import re
from functools import partial
from typing import Any
from urllib.parse import parse_qs, urlsplit

from mock_server.core import chance
from mock_server.core.account_service import AccountService
from mock_server.core.accounts import Account
from mock_server.core.jobs.job import Job
from mock_server.web.calls import Answer, Call
from mock_server.web.object_store import StoreRefusal, refuse, signed_after, terms
from mock_server.web.pipeline import Operation
from mock_server.web.ranges import ranged
from mock_server.web.results import (
    ResultFiles,
    extension_of,
    format_of,
    media_type_of,
    size_of,
)
from mock_server.workshop.settings import WorkshopSettings
from mock_server.workshop.task_metadata import COMFYUI, TaskMetadata, metadata_of

_FOLDERS = {"sd_webui": "sd", COMFYUI: "comfy"}
_NAME = re.compile(r"(?P<task>[0-9a-z]{26})_(?P<index>\d{5})_\.(?:png|jpg|webp|mp4)")


class Outputs:
    """Makes the URLs of results, and answers requests for them."""

    def __init__(self, settings: WorkshopSettings, results: ResultFiles) -> None:
        self.settings = settings
        self.results = results
        self.operations = tuple(
            Operation(
                "GET",
                f"/{folder}/{assets}/{{name}}",
                self.get,
                "Download a result by its URL",
                "Workshop › 8.3",
                caller=result_url,
                leaves=True,
                counted=False,
                refuse=refuse,
            )
            for folder, assets in (("sd", "output"), ("comfy", "output"), ("comfy", "temp"))
        )

    def url(self, job: Job, index: int, account: Account, now: float, origin: str) -> str:
        """Return a URL for one of a task's files; it expires (choice 30)."""
        path = f"/{object_key(job, index)}"
        expires = str(int(now) + self.settings.result_url_life)
        base = self.settings.file_url.rstrip("/") or origin
        signature = _signature(account, path, expires, job.expired_links)
        return f"{base}{path}?expires={expires}&signature={signature}"

    def file(self, job: Job, index: int, url: str) -> dict[str, Any]:
        """Return a file in an output field of a workflow (observed members)."""
        key = object_key(job, index)
        width, height = size_of(job, index)
        return {
            "filename": key.rpartition("/")[2],
            "object_key": key,
            "format": format_of(job, index),
            "width": width,
            "height": height,
            "type": "video" if job.order.is_video_at(index) else "image",
            "url": url,
        }

    async def get(self, call: Call, payload: None) -> Answer:
        """Workshop › 8.3: the files expire and must be copied."""
        job_id, index = call.identity
        job = await call.accounts.store.get(Job, job_id)
        if job is not None and _is_expired(job, call.account, call.path, terms(call), call.now):
            problem = "The URL has expired; ask for the result again."
            raise StoreRefusal(403, "AccessDenied", problem)
        if job is None or not self._is_kept(job, index, call.now):
            raise StoreRefusal(404, "NoSuchKey", "The object is kept no longer.")
        headers = (
            (b"content-type", media_type_of(job, index).encode()),
            (b"cache-control", b"private, max-age=3600"),
            (b"x-content-type-options", b"nosniff"),
        )
        answer = Answer(200, await self.results.file(job, index), headers)
        return ranged(answer, call.header(b"range"))

    async def of_url(self, call: Call, url: str) -> tuple[bytes, str] | None:
        """Return bytes and media type of the result at a URL that a call names, if it still works.

        It must not have expired by the time of the call's account.
        """
        try:
            parts = urlsplit(url)
            query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        except ValueError:
            return None
        found = await _find(call.accounts, parts.path)
        if found is None:
            return None
        job, index, account = found
        if _signed(job, account, parts.path, query) is None:
            return None
        if not self._is_kept(job, index, call.now):
            return None
        if _is_expired(job, account, parts.path, query, call.now):
            return None
        return await self.results.file(job, index), media_type_of(job, index)

    def _is_kept(self, job: Job, index: int, now: float) -> bool:
        is_made = job.state_at(now).final and index < job.files
        return is_made and now < job.ended_at + self.settings.task_life


async def result_url(call: Call) -> Account:
    """Return the account that signed the URL of a result."""
    found = await _find(call.accounts, call.path)
    if found is None:
        raise StoreRefusal(404, "NoSuchKey", "There is no such object.")
    job, index, account = found
    if _signed(job, account, call.path, terms(call)) is None:
        raise StoreRefusal(403, "AccessDenied", "The URL is not the one handed out.")
    call.identity = job.id, index
    return account


async def _find(accounts: AccountService, path: str) -> tuple[Job, int, Account] | None:
    """Return the job, the number of the file, and the account for a path."""
    match = _NAME.fullmatch(path.rpartition("/")[2])
    job = None if match is None else await accounts.store.get(Job, match["task"])
    if match is None or job is None or metadata_of(job) is None:
        return None
    index = int(match["index"])
    account = await accounts.get(job.account)
    if account is None or index >= job.order.count or path != f"/{object_key(job, index)}":
        return None
    return job, index, account


def object_key(job: Job, index: int) -> str:
    """Return the key of a task's file; previews have their own folder (observed for outputs)."""
    metadata = metadata_of(job) or TaskMetadata("txt2img")
    assets = "temp" if index >= job.order.count - metadata.previews else "output"
    return f"{_FOLDERS[metadata.product]}/{assets}/{job.id}_{index:05}_.{extension_of(job, index)}"


def _signed(job: Job, account: Account, path: str, query: dict[str, str]) -> int | None:
    signature_of = partial(_signature, account, path, query.get("expires", ""))
    return signed_after(query.get("signature", ""), signature_of, job.expired_links)


def _is_expired(job: Job, account: Account, path: str, query: dict[str, str], now: float) -> bool:
    expires = int(query["expires"])  # what was signed has it
    return now >= expires or _signed(job, account, path, query) != job.expired_links


def _signature(account: Account, path: str, expires: str, expired_links: int) -> str:
    by_hand = (expired_links,) if expired_links else ()
    return chance.mac(account.credentials.secret, "GET", path, expires, *by_hand)
