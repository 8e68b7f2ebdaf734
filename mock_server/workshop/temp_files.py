"""Temporary files: a URL that takes bytes, and one that serves them (Workshop › 8.5).

Both SDKs upload this way what is too large for a call. No document has it.
"""

from __future__ import annotations

import hmac
import re
from typing import Any
from urllib.parse import urlsplit

from mock_server.core import chance
from mock_server.core.accounts import Account
from mock_server.core.resources import Resource
from mock_server.core.unit_of_work import UnitOfWork
from mock_server.web.calls import Answer, Bounds, Call
from mock_server.web.object_store import StoreRefusal, refuse, terms
from mock_server.web.pipeline import Operation
from mock_server.web.ranges import ranged
from mock_server.web.results import inspect_upload
from mock_server.workshop.settings import WorkshopSettings
from mock_server.workshop.token_operations import milliseconds
from mock_server.workshop.validation import refused
from mock_server.workshop.wire import CamelBody, Whole, scc

_FOLDER = "/temp-upload"
_ADDRESS = re.compile(_FOLDER + r"/(?P<key>[^/]+)/(?P<name>[^/]+)")
_KEY = re.compile(r"(?P<id>[0-9a-f-]{36})-(?P<proof>[0-9a-f]{32})")
_MEDIA_TYPE = re.compile(r"[\w!#$&^.+-]+/[\w!#$&^.+-]+( *;[ -~]*)?", re.ASCII)
_MAX_NAME_LENGTH = 100
_MAX_MEDIA_TYPE_LENGTH = 200


class CreateUpload(CamelBody):
    """What is going to be uploaded; only one of the SDKs sends its size (bytes)."""

    content_type: str
    original_filename: str
    size: Whole | None = None


class TempFiles:
    """Hands out the URLs of temporary files, and serves them.

    `upload_bounds` are for the bytes. `public_url` replaces the caller's origin in URLs, unless the
    setting `file_url` does.
    """

    def __init__(
        self, settings: WorkshopSettings, upload_bounds: Bounds, *, public_url: str = ""
    ) -> None:
        self.settings = settings
        self.upload_bounds = upload_bounds
        self.public_url = public_url
        address = _FOLDER + "/{key}/{name}"
        self.operations = (
            scc(
                "sp_create_temp_file_upload_sign", self.sign,
                "Ask for a URL that takes a file", "8.5", CreateUpload,
            ),
            Operation(
                "PUT", address, self.put, "Take the bytes of a temporary file", "Workshop › 8.5",
                caller=upload_url, leaves=True, counted=False, bounds=upload_bounds, refuse=refuse,
            ),
            Operation(
                "GET", address, self.get, "Serve a temporary file to holders of its URL",
                "Workshop › 8.5", caller=access_url, counted=False, refuse=refuse,
            ),
        )  # fmt: skip

    async def sign(self, world: UnitOfWork, call: Call, payload: CreateUpload) -> dict[str, Any]:
        """Workshop › 8.5: all members but accessUrl are required by the Python SDK."""
        media_type = payload.content_type.strip()
        if len(media_type) > _MAX_MEDIA_TYPE_LENGTH or not _MEDIA_TYPE.fullmatch(media_type):
            raise refused("contentType must be a media type such as image/png")
        most = self.upload_bounds.body_bytes
        if payload.size is not None and not 0 <= payload.size <= most:
            raise refused(f"size must be from 0 to {most} bytes, found {payload.size}")
        resource = await world.uploads.reserve(
            upload_for=self.settings.upload_life,
            keep_for=self.settings.upload_kept,
            media_type=media_type,
        )
        path = _path(world.account, resource, _safe_name(payload.original_filename))
        base = self.settings.file_url.rstrip("/") or call.origin(self.public_url)
        expires = str(int(resource.upload_until))
        signature = _signature(world.account, path, expires)
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
        resource: Resource = call.identity
        if call.now >= resource.upload_until:
            raise StoreRefusal(403, "AccessDenied", "Request has expired.")
        sent = (call.header(b"content-type") or b"").decode("latin-1").strip()
        if sent.lower() != resource.media_type.lower():
            declared = f"Declared was {resource.media_type}, and sent {sent or 'no content type'}."
            raise StoreRefusal(403, "SignatureDoesNotMatch", declared)
        found = await inspect_upload(resource, call.body)
        async with call.act() as world:
            place = await world.uploads.get(resource.id)
            if place is None:
                raise StoreRefusal(404, "NoSuchKey", "There is no such upload.")
            if world.now >= place.upload_until:
                raise StoreRefusal(403, "AccessDenied", "Request has expired.")
            limit_bytes = self.upload_bounds.body_bytes
            await world.uploads.keep(found, call.body, limit_bytes=limit_bytes)
        call.decide(bytes=len(call.body))
        return Answer(200, headers=())

    async def get(self, world: UnitOfWork, call: Call, payload: None) -> Answer:
        """Workshop › 8.5: holders of an accessUrl may read the file."""
        resource = await world.uploads.get(call.identity.id)
        data = None
        if resource is not None and _has_bytes(resource, world.now):
            data = await call.accounts.store.blobs.get(resource.id)
        if resource is None or data is None:
            raise StoreRefusal(404, "NoSuchKey", "There are no bytes here, or no longer.")
        headers = (
            (b"content-type", resource.media_type.encode()),
            # A browser must not run an uploaded file.
            (b"content-security-policy", b"sandbox; default-src 'none'"),
            (b"x-content-type-options", b"nosniff"),
        )
        return ranged(Answer(200, data, headers), call.header(b"range"))

    async def of_url(self, world: UnitOfWork, url: str) -> Resource | None:
        """Return the account's upload that an accessUrl stands for, on any host."""
        try:
            path = urlsplit(url).path
        except ValueError:
            return None
        key = _key_in(path)
        resource = None if key is None else await world.uploads.get(key["id"])
        return resource if resource and _is_path_of(path, resource, world.account) else None


async def access_url(call: Call) -> Account:
    """Return the account whose upload has this path; the path has a secret part."""
    key = _key_in(call.path)
    resource = None if key is None else await call.accounts.store.get(Resource, key["id"])
    account = None if resource is None else await call.accounts.get(resource.account)
    if resource is None or account is None or not _is_path_of(call.path, resource, account):
        what = "upload" if call.method == "PUT" else "object"
        raise StoreRefusal(404, "NoSuchKey", f"There is no such {what}.")
    call.identity = resource
    return account


async def upload_url(call: Call) -> Account:
    """Return the account that signed the URL of an upload."""
    account = await access_url(call)
    shown = terms(call)
    signature = _signature(account, call.path, shown.get("expires", ""))
    if not hmac.compare_digest(shown.get("signature", "").encode(), signature.encode()):
        raise StoreRefusal(403, "SignatureDoesNotMatch", "The URL is not the one handed out.")
    return account


def _has_bytes(resource: Resource, now: float) -> bool:
    kept = resource.keep_until is None or now < resource.keep_until
    return kept and resource.uploaded_at is not None


def _key_in(path: str) -> re.Match[str] | None:
    address = _ADDRESS.fullmatch(path)
    return None if address is None else _KEY.fullmatch(address["key"])


def _is_path_of(path: str, resource: Resource, account: Account) -> bool:
    expected = _path(account, resource, path.rpartition("/")[2])
    return hmac.compare_digest(path.encode(), expected.encode())


def _path(account: Account, resource: Resource, name: str) -> str:
    """Return where a file is. The key is a secret, since its holders may read the file."""
    proof = chance.mac(account.credentials.secret, "temp-upload", resource.id, name)
    return f"{_FOLDER}/{resource.id}-{proof}/{name}"


def _signature(account: Account, path: str, expires: str) -> str:
    return chance.mac(account.credentials.secret, "PUT", path, expires)


def _safe_name(name: str) -> str:
    """Return a file name that needs no encoding in a URL."""
    last = re.split(r"[/\\]", name)[-1]
    return re.sub(r"[^A-Za-z0-9._-]+", "_", last)[-_MAX_NAME_LENGTH:].strip("._") or "file"
