"""What the value of a file field stands for: sent along, uploaded before, or somewhere else.

A file field takes a public URL or a data URI (Workshop › 8.5); SD tasks take plain Base64 too, as
the web UI behind them does. Nothing is ever fetched: of a URL that is not ours only the remark is
left that the task is carried out without it.
"""

from __future__ import annotations

import binascii
from base64 import b64decode
from urllib.parse import unquote_to_bytes

from mock_server.core.accounts import Account
from mock_server.core.jobs.service import JobService
from mock_server.web.results import keep_upload
from mock_server.workshop.outputs import Outputs
from mock_server.workshop.sd_tasks import FileField
from mock_server.workshop.settings import WorkshopSettings
from mock_server.workshop.temp_files import TempFiles
from mock_server.workshop.validation import Remark, refused

_SHOWN = 80


class FileInputs:
    """Looks up the files of tasks that are to be made."""

    def __init__(
        self,
        job_service: JobService,
        settings: WorkshopSettings,
        temp_files: TempFiles,
        outputs: Outputs,
    ) -> None:
        self.job_service = job_service
        self.settings = settings
        self.temp_files = temp_files
        self.outputs = outputs

    async def take(self, account: Account, field: FileField, now: float, remark: Remark) -> str:
        """Return the id of the upload that the task has to wait for, or nothing."""
        value = field.value
        if not value:
            return ""
        if not value.startswith(("http://", "https://")):
            data, media_type = _inlined(field)
            return await self._kept(account, field, data, media_type, now)
        resource = await self.temp_files.of_url(value, account)
        if resource is not None:
            if field.picture and not resource.is_picture:
                raise refused(f"{field.name} must be a picture, found {resource.media_type}")
            return resource.id
        made = await self.outputs.of_url(value, now)
        if made is not None:
            return await self._kept(account, field, *made, now)
        remark(f"{field.name} is not fetched, so the task goes without it: {value[:_SHOWN]}")
        return ""

    async def _kept(
        self, account: Account, field: FileField, data: bytes, media_type: str, now: float
    ) -> str:
        if field.picture and not media_type.startswith("image/"):
            raise refused(f"{field.name} must be a picture, found {media_type}")
        place = await self.job_service.reserve(
            account,
            now,
            upload_for=0,
            keep_for=self.settings.upload_kept,
            media_type=media_type,
        )
        limit_bytes = self.temp_files.upload_bounds.body_bytes
        kept = await keep_upload(
            self.job_service, account, place, data, now, limit_bytes=limit_bytes
        )
        if field.picture and not kept.format:
            raise refused(f"{field.name} is no picture that can be read")
        return kept.id


def _inlined(field: FileField) -> tuple[bytes, str]:
    """Return the bytes and the media type of a data URI, or of plain Base64."""
    head, comma, body = field.value.partition(",")
    if not head.startswith("data:"):
        head, comma, body = "data:image/png;base64", ",", field.value
    media_type, *parameters = head.removeprefix("data:").split(";")
    encoded = "base64" in parameters
    try:
        if not comma or not body.isascii():
            raise ValueError
        data = b64decode("".join(body.split()), validate=True) if encoded else None
    except (binascii.Error, ValueError):
        expected = "a URL, or a data URI with Base64"
        raise refused(f"{field.name} must be {expected}, found {field.value[:20]!r}") from None
    return unquote_to_bytes(body) if data is None else data, media_type or "text/plain"
