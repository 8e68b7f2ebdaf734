"""Uploads by form (TAMS › 5.12): what a page needs to post a file, and the store that takes it.

The names of the nine strings are documented and point to an Aliyun-type object store. The rest is
that store's PostObject operation (version 1 of its signature) as its own documentation has it: the
file is the last field, a signed policy says what is allowed, and refusals are XML.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
from collections.abc import Mapping

from msgspec import Struct
from msgspec.structs import replace

from mock_server.core import chance
from mock_server.core.account_service import AccountService
from mock_server.core.accounts import Account, credential_id
from mock_server.core.errors import AccountGone, DomainError
from mock_server.core.resources import Resource
from mock_server.core.unit_of_work import UnitOfWork
from mock_server.tams.form_policies import (
    BadPolicy,
    Policy,
    PolicyMatch,
    SizeRange,
    decoded,
    encoded,
    is_signed,
    read_policy,
    sign,
)
from mock_server.tams.settings import TamsSettings
from mock_server.web.calls import Answer, Bounds, Call, json_answer
from mock_server.web.forms import MalformedForm, NotAForm, Part, read_form
from mock_server.web.object_store import StoreRefusal
from mock_server.web.pipeline import Operation
from mock_server.web.results import inspect_upload

_PATH = "/oss-form"
_TEMPORARY = "STS."  # how temporary access ids begin; the account's key follows
_MAX_FIELD_BYTES = 8192
# What a form has around its file: the other fields, and what stands between them.
_AROUND_BYTES = 128 * 1024


class _UploadForm(Struct, frozen=True):
    """The file's bytes, and the fields before it by their names in lower case."""

    fields: Mapping[str, str]
    file: bytes

    def required(self, name: str) -> str:
        if value := self.fields.get(name.lower()):
            return value
        raise _bad(
            "InvalidArgument",
            f"Bucket POST must contain a field named '{name}'. If it is specified, please check"
            " the order of the fields.",
        )


class FormUploads:
    """Hands out what a form needs, and answers the form when a browser posts it."""

    def __init__(
        self, accounts: AccountService, settings: TamsSettings, upload_bounds: Bounds
    ) -> None:
        self.accounts = accounts
        self.settings = settings
        least_bytes = 1 if settings.empty_upload == "refuse" else 0
        self.sizes = SizeRange(least_bytes, upload_bounds.body_bytes)
        bounds = replace(upload_bounds, body_bytes=upload_bounds.body_bytes + _AROUND_BYTES)
        self.operations = (
            Operation(
                "POST", _PATH, self.post, "Take the form of a reserved upload", "TAMS › 5.12",
                caller=self.signer, leaves=True, counted=False, bounds=bounds, refuse=_refuse,
            ),
        )  # fmt: skip

    def place(self, resource: Resource, account: Account, origin: str) -> dict[str, str]:
        """Return the nine strings with which a form can be posted to `host`."""
        file_path = _file_path(resource)
        policy = Policy(
            resource.upload_until, (self.sizes,), (PolicyMatch("key", file_path),)
        ).encoded()
        # The real store calls this URL and passes its answer on. The mock calls nothing.
        callback = {
            "callbackUrl": f"{origin}/oss-callback",
            "callbackBody": "object=${object}",
            "callbackBodyType": "application/x-www-form-urlencoded",
        }
        return {
            "resourceId": resource.id,
            "accessId": _TEMPORARY + account.credentials.key,
            "signature": sign(policy, account.credentials.secret),
            "host": origin + _PATH,
            "expire": str(int(resource.upload_until)),
            "callback": encoded(callback),
            "filePath": file_path,
            "policy": policy,
            "securityToken": _security_token(resource, account),
        }

    async def signer(self, call: Call) -> Account:
        """Return the account whose access id the form has, if it signed the policy."""
        form = call.identity = _read(call)
        form.required("key")
        policy_text = form.required("policy")
        access_id, signature = form.required("OSSAccessKeyId"), form.required("Signature")
        account = None
        if access_id.startswith(_TEMPORARY):
            account = await self.accounts.by_credential(
                credential_id("key", access_id.removeprefix(_TEMPORARY))
            )
        if account is None:
            raise StoreRefusal(
                403,
                "InvalidAccessKeyId",
                "The OSS Access Key Id you provided does not exist in our records.",
            )
        if not is_signed(policy_text, signature, account.credentials.secret):
            raise StoreRefusal(
                403,
                "SignatureDoesNotMatch",
                "The request signature we calculated does not match the signature you provided."
                " Check your key and signing method.",
            )
        return account

    async def post(self, call: Call, payload: None) -> Answer:
        """Store the file of a form that was filled in as it was handed out."""
        form: _UploadForm = call.identity
        async with call.act() as world:
            resource = await self._place(world, form)
        calls_back = _calls_back(form)
        found = await inspect_upload(resource, form.file)
        async with call.act() as world:
            await self._place(world, form)
            await world.uploads.keep(found, form.file)
        if calls_back and self.settings.upload_answer == "ok":
            return json_answer({"Status": "OK"})
        if calls_back and self.settings.upload_answer == "callback-failed":
            # The object is kept all the same, as with a PUT.
            return _refusal(call, 203, "CallbackFailed", "The store's own callback failed.")
        key = form.required("key")
        return await asyncio.to_thread(_own_answer, form, key, call.origin())

    async def _place(self, world: UnitOfWork, form: _UploadForm) -> Resource:
        """Return the upload that the form is for, or refuse it as it stands now."""
        _check_policy(form.required("policy"), form, world.now)
        key = form.required("key")
        resource = await world.uploads.get(key.rpartition("/")[2])
        if resource is None or key != _file_path(resource):
            raise StoreRefusal(404, "NoSuchKey", "There is no such upload.")
        _check_token(form, resource, world.account)
        if world.now >= resource.upload_until:
            raise _denied("The time for this upload has run out.")
        _check_size(form, self.sizes)
        if resource.uploaded_at is not None and self.settings.second_upload == "refuse":
            raise _denied("The object is there already.")
        return resource


def _bad(code: str, message: str) -> StoreRefusal:
    return StoreRefusal(400, code, message)


def _denied(message: str) -> StoreRefusal:
    return StoreRefusal(403, "AccessDenied", message)


def _refuse(error: DomainError, call: Call) -> Answer | None:
    if isinstance(error, AccountGone):
        return _refusal(call, 404, "NoSuchKey", "There is no such upload.")
    if not isinstance(error, StoreRefusal):
        return None
    return _refusal(call, error.status, error.code, error.message)


def _read(call: Call) -> _UploadForm:
    try:
        parts = read_form(call.header(b"content-type"), call.body)
    except NotAForm as error:
        raise StoreRefusal(
            412,
            "PreconditionFailed",
            f"Bucket POST must be of the enclosure-type multipart/form-data: {error}.",
        ) from error
    except MalformedForm as error:
        raise _bad(
            "MalformedPOSTRequest",
            f"The body of your POST request is not well-formed multipart/form-data: {error}.",
        ) from error
    fields: dict[str, str] = {}
    for part in parts:
        name = part.name.lower()
        if name == "file":
            return _UploadForm(fields, part.data)  # what follows the file is not looked at
        fields.setdefault(name, _entered(part))
    raise _bad(
        "IncorrectNumberOfFilesInPOSTRequest",
        "POST requires exactly one file upload per request, as the last field.",
    )


def _entered(part: Part) -> str:
    if len(part.data) > _MAX_FIELD_BYTES:
        raise _bad(
            "FieldItemTooLong",
            f"Your form field '{part.name[:60]}' has more than {_MAX_FIELD_BYTES} bytes.",
        )
    return part.text


def _check_policy(policy_text: str, form: _UploadForm, now: float) -> None:
    """Refuse a form that is late, or not what the policy allows."""
    try:
        policy = read_policy(policy_text)
    except BadPolicy as error:
        # Its signature is right: a holder of the account's secret may sign other policies.
        raise _bad("InvalidPolicyDocument", f"Invalid Policy: {error}.") from error
    if now >= policy.expires_at:
        raise _denied("Invalid according to Policy: Policy expired.")
    for match in policy.matches:
        if not match.met_by(form.fields):
            problem = f"Invalid according to Policy: Policy Condition failed: {match}"
            raise _denied(problem)
    for sizes in policy.sizes:
        _check_size(form, sizes)


def _check_size(form: _UploadForm, sizes: SizeRange) -> None:
    size_bytes = len(form.file)
    if size_bytes < sizes.least:
        raise _bad(
            "EntityTooSmall",
            f"Your proposed upload of {size_bytes} bytes is smaller than the minimum allowed"
            f" object size of {sizes.least}.",
        )
    if size_bytes > sizes.most:
        raise _bad(
            "EntityTooLarge",
            f"Your proposed upload of {size_bytes} bytes exceeds the maximum allowed object size"
            f" of {sizes.most}.",
        )


def _check_token(form: _UploadForm, resource: Resource, account: Account) -> None:
    token = form.required("x-oss-security-token")
    if not hmac.compare_digest(token.encode(), _security_token(resource, account).encode()):
        raise StoreRefusal(
            403, "InvalidSecurityToken", "The security token you provided is invalid."
        )


def _calls_back(form: _UploadForm) -> bool:
    """Say whether the form asks for a callback, and refuse one that cannot be understood."""
    text = form.fields.get("callback")
    if not text:
        return False
    try:
        callback = decoded(text)
    except ValueError:
        callback = None
    if not isinstance(callback, dict) or not callback.get("callbackUrl"):
        raise _bad(
            "InvalidArgument",
            "The callback configuration is not base64 of JSON with a callbackUrl.",
        )
    return True


def _own_answer(form: _UploadForm, key: str, origin: str) -> Answer:
    """Return the store's answer without a callback: nothing, unless the form asks for it."""
    import html

    digest = hashlib.md5(form.file, usedforsecurity=False).hexdigest().upper()
    etag = (b"etag", f'"{digest}"'.encode())
    match form.fields.get("success_action_status"):
        case "200":
            return Answer(200, headers=(etag,))
        case "201":
            location = html.escape(f"{origin}{_PATH}/{key}")
            body = (
                '<?xml version="1.0" encoding="UTF-8"?>\n<PostResponse>'
                f"<Bucket>mock</Bucket><Location>{location}</Location>"
                f'<Key>{html.escape(key)}</Key><ETag>"{digest}"</ETag></PostResponse>'
            )
            return Answer(201, body.encode(), (_XML, etag))
        case _:
            return Answer(204, headers=(etag,))


_XML = (b"content-type", b"application/xml")


def _refusal(call: Call, status: int, code: str, message: str) -> Answer:
    import html

    body = (
        '<?xml version="1.0" encoding="UTF-8"?>\n<Error>'
        f"<Code>{code}</Code><Message>{html.escape(message, quote=False)}</Message>"
        f"<RequestId>{call.trace.id}</RequestId></Error>"
    )
    return Answer(status, body.encode("utf-8", "replace"), (_XML,))


def _file_path(resource: Resource) -> str:
    term = "long" if resource.keep_until is None else "short"
    return f"{term}-term/{resource.id}"


def _security_token(resource: Resource, account: Account) -> str:
    return chance.mac(account.credentials.secret, "form upload", resource.id)
