"""Temporary files: a URL that takes bytes, for whoever has signed for it (Workshop › 8.5).

Both SDKs upload this way what is too large to send along; the call is in no document.
"""

from __future__ import annotations

import hmac
import re
from typing import Any
from urllib.parse import urlsplit

from mock_server.core import chance
from mock_server.core.accounts import Account
from mock_server.core.jobs.service import JobService
from mock_server.core.resources import Resource
from mock_server.web.calls import Answer, Bounds, Call
from mock_server.web.object_store import refusal, terms
from mock_server.web.pipeline import Operation
from mock_server.web.ranges import ranged
from mock_server.web.results import keep_upload
from mock_server.workshop.settings import WorkshopSettings
from mock_server.workshop.token_operations import milliseconds
from mock_server.workshop.validation import refused
from mock_server.workshop.wire import CamelBody, Whole

_FOLDER = "/temp-upload"
_ADDRESS = re.compile(_FOLDER + r"/(?P<key>[^/]+)/(?P<name>[^/]+)")
_KEY = re.compile(r"(?P<id>[0-9a-f-]{36})-(?P<proof>[0-9a-f]{32})")
_MEDIA_TYPE = re.compile(r"[\w!#$&^.+-]+/[\w!#$&^.+-]+( *;[ -~]*)?", re.ASCII)
_MAX_NAME_LENGTH = 100
_MAX_MEDIA_TYPE_LENGTH = 200


class CreateUpload(CamelBody):
    """What is going to be uploaded; only one of the SDKs says its size (bytes)."""

    content_type: str
    original_filename: str
    size: Whole | None = None


class TempFiles:
    """Hands out the URLs of temporary files and answers them.

    `upload_bounds` is for the bytes. `public_url` is what URLs begin with in place of the caller's
    address, unless the choice says otherwise.
    """

    def __init__(
        self,
        job_service: JobService,
        settings: WorkshopSettings,
        upload_bounds: Bounds,
        *,
        public_url: str = "",
    ) -> None:
        self.job_service = job_service
        self.settings = settings
        self.upload_bounds = upload_bounds
        self.public_url = public_url
        address = _FOLDER + "/{key}/{name}"
        self.operations = (
            Operation(
                "POST", "/scc/sp_create_temp_file_upload_sign", self.sign,
                "Ask for a URL that takes a file", "Workshop › 8.5", body=CreateUpload,
            ),
            Operation(
                "PUT", address, self.put, "Take the bytes of a temporary file", "Workshop › 8.5",
                public=True, bounds=upload_bounds,
            ),
            Operation(
                "GET", address, self.get, "Serve a temporary file to whoever has its URL",
                "Workshop › 8.5", public=True,
            ),
        )  # fmt: skip

    async def sign(self, call: Call, payload: CreateUpload) -> dict[str, Any]:
        """Workshop › 8.5: all members but accessUrl are required by the Python SDK."""
        media_type = payload.content_type.strip()
        if len(media_type) > _MAX_MEDIA_TYPE_LENGTH or not _MEDIA_TYPE.fullmatch(media_type):
            raise refused("contentType must be a media type such as image/png")
        most = self.upload_bounds.body_bytes
        if payload.size is not None and not 0 <= payload.size <= most:
            raise refused(f"size must be from 0 to {most} bytes, found {payload.size}")
        resource = await self.job_service.reserve(
            call.account,
            call.now,
            upload_for=self.settings.upload_life,
            keep_for=self.settings.upload_kept,
            media_type=media_type,
        )
        path = _path(call.account, resource, _safe_name(payload.original_filename))
        base = self.settings.file_url.rstrip("/") or call.origin(self.public_url)
        expires = str(int(resource.upload_until))
        signature = _signature(call.account, path, expires)
        until = milliseconds(resource.upload_until)
        return {
            "uploadUrl": f"{base}{path}?expires={expires}&signature={signature}",
            "accessUrl": f"{base}{path}",
            "objectKey": path[1:],
            "path": path[1:],
            "expireTime": until if self.settings.expire_time == "milliseconds" else until // 1000,
        }

    async def put(self, call: Call, payload: None) -> Answer:
        """Workshop › 8.5: no credentials, the declared content type, and any status of success."""
        found = await self._find(call.path)
        if found is None:
            return refusal(404, "NoSuchKey", "There is no such upload.")
        resource, account = found
        call.trace.account = account.id
        expires = terms(call).get("expires", "")
        signature = _signature(account, call.path, expires)
        if not hmac.compare_digest(terms(call).get("signature", "").encode(), signature.encode()):
            return refusal(403, "SignatureDoesNotMatch", "The URL is not the one handed out.")
        now = call.trace.now = await self.job_service.now(account, call.wall)
        if now >= resource.upload_until:
            return refusal(403, "AccessDenied", "Request has expired.")
        sent = (call.header(b"content-type") or b"").decode("latin-1").strip()
        if sent.lower() != resource.media_type.lower():
            declared = f"Declared was {resource.media_type}, and sent {sent or 'no content type'}."
            return refusal(403, "SignatureDoesNotMatch", declared)
        limit_bytes = self.upload_bounds.body_bytes
        await keep_upload(
            self.job_service, account, resource, call.body, now, limit_bytes=limit_bytes
        )
        return Answer(200, headers=())

    async def get(self, call: Call, payload: None) -> Answer:
        """Workshop › 8.5: whoever has an accessUrl may read the file."""
        found = await self._find(call.path)
        if found is None:
            return refusal(404, "NoSuchKey", "There is no such object.")
        resource, account = found
        call.trace.account = account.id
        now = call.trace.now = await self.job_service.now(account, call.wall)
        data = None
        if resource.uploaded_at is not None and _is_kept(resource, now):
            data = await self.job_service.store.blobs.get(resource.id)
        if data is None:
            return refusal(404, "NoSuchKey", "There are no bytes here, or no longer.")
        headers = (
            (b"content-type", resource.media_type.encode()),
            # What somebody has uploaded is nothing that a browser should run.
            (b"content-security-policy", b"sandbox; default-src 'none'"),
            (b"x-content-type-options", b"nosniff"),
        )
        return ranged(Answer(200, data, headers), call.header(b"range"))

    async def of_url(self, url: str, account: Account) -> Resource | None:
        """Return the account's upload that an accessUrl stands for, on whichever host it was."""
        try:
            path = urlsplit(url).path
        except ValueError:
            return None
        found = await self._find(path)
        return None if found is None or found[1].id != account.id else found[0]

    async def _find(self, path: str) -> tuple[Resource, Account] | None:
        """Return the upload at a path, and whose it is, if the path is one that was handed out."""
        address = _ADDRESS.fullmatch(path)
        key = None if address is None else _KEY.fullmatch(address["key"])
        if address is None or key is None:
            return None
        resource = await self.job_service.resource(key["id"])
        account = None if resource is None else await self.job_service.owner(resource.account)
        if resource is None or account is None:
            return None
        expected = _path(account, resource, address["name"])
        proved = hmac.compare_digest(path.encode(), expected.encode())
        return (resource, account) if proved else None


def _is_kept(resource: Resource, now: float) -> bool:
    return resource.keep_until is None or now < resource.keep_until


def _path(account: Account, resource: Resource, name: str) -> str:
    """Return where a file lies; the key cannot be guessed, as whoever has it may read the file."""
    proof = chance.mac(account.credentials.secret, "temp-upload", resource.id, name)
    return f"{_FOLDER}/{resource.id}-{proof}/{name}"


def _signature(account: Account, path: str, expires: str) -> str:
    return chance.mac(account.credentials.secret, "PUT", path, expires)


def _safe_name(name: str) -> str:
    """Return a file name that can stand in a URL as it is."""
    last = re.split(r"[/\\]", name)[-1]
    return re.sub(r"[^A-Za-z0-9._-]+", "_", last)[-_MAX_NAME_LENGTH:].strip("._") or "file"
