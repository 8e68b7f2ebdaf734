"""The files of a task: sent along, uploaded before, or results of earlier tasks (Workshop › 8.5).

A file field takes a public URL or a data URI; SD tasks take plain Base64 too, as the web UI behind
them does. The mock fetches no URL. For one that it did not hand out itself, the journal gets a
remark and the task runs without the file.
"""

from __future__ import annotations

import asyncio
import binascii
from base64 import b64decode
from collections.abc import Mapping
from urllib.parse import unquote_to_bytes

from msgspec import Struct
from msgspec.structs import replace

from mock_server.core.resources import Resource
from mock_server.core.unit_of_work import UnitOfWork
from mock_server.web.calls import Call
from mock_server.web.results import inspect_upload
from mock_server.workshop.outputs import Outputs
from mock_server.workshop.sd_tasks import FileField
from mock_server.workshop.settings import WorkshopSettings
from mock_server.workshop.temp_files import TempFiles
from mock_server.workshop.validation import Remark, refused

_SHOWN = 80


class FileBytes(Struct, frozen=True):
    """Bytes that stand for a file field, and what they were found to be."""

    data: bytes
    found: Resource


class FileInputs:
    """Reads the files of a new task, and keeps them with it."""

    def __init__(self, settings: WorkshopSettings, temp_files: TempFiles, outputs: Outputs) -> None:
        self.settings = settings
        self.temp_files = temp_files
        self.outputs = outputs

    async def read(self, call: Call, fields: tuple[FileField, ...]) -> dict[str, FileBytes]:
        """Return the bytes of fields by their names; this leaves the event loop.

        Fields without bytes, such as the URL of an upload, are not in it.
        """
        files: dict[str, FileBytes] = {}
        for field in fields:
            if not field.value:
                continue
            if field.value.startswith(("http://", "https://")):
                made = await self.outputs.of_url(call, field.value)
            else:
                made = await asyncio.to_thread(_inlined, field)
            if made is not None:
                files[field.name] = await self._inspected(call, field, *made)
        return files

    async def _inspected(
        self, call: Call, field: FileField, data: bytes, media_type: str
    ) -> FileBytes:
        if field.picture and not media_type.startswith("image/"):
            raise refused(f"{field.name} must be a picture, found {media_type}")
        account, now = call.account.id, call.now
        blank = Resource("", account, now, now, uploaded_at=now, media_type=media_type)
        found = await inspect_upload(blank, data)
        if field.picture and not found.format:
            raise refused(f"{field.name} is no picture that can be read")
        return FileBytes(data, found)

    async def keep(
        self,
        world: UnitOfWork,
        field: FileField,
        files: Mapping[str, FileBytes],
        remark: Remark,
    ) -> str:
        """Return the id of the upload that the task has to wait for, or nothing."""
        file = files.get(field.name)
        if file is not None:
            return await self._kept(world, file)
        if not field.value:
            return ""
        resource = await self.temp_files.of_url(world, field.value)
        if resource is not None:
            if field.picture and not resource.is_picture:
                raise refused(f"{field.name} must be a picture, found {resource.media_type}")
            return resource.id
        shown = field.value[:_SHOWN]
        remark(f"{field.name} is not fetched, so the task goes without it: {shown}")
        return ""

    async def _kept(self, world: UnitOfWork, file: FileBytes) -> str:
        found = file.found
        place = await world.uploads.reserve(
            upload_for=0, keep_for=self.settings.upload_kept, media_type=found.media_type
        )
        kept = replace(
            place,
            size_bytes=found.size_bytes,
            format=found.format,
            width=found.width,
            height=found.height,
        )
        limit_bytes = self.temp_files.upload_bounds.body_bytes
        await world.uploads.keep(kept, file.data, limit_bytes=limit_bytes)
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
