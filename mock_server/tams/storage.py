"""The object store beside TAMS: upload URLs and their PUT, and the public download of results.

Facts in TAMS › Resources; the URLs are on the host and scheme that the caller used.
"""

from __future__ import annotations

import hashlib
import hmac
from datetime import UTC, datetime
from functools import partial
from typing import Any
from urllib.parse import quote

from mock_server.core import chance
from mock_server.core.account_service import AccountService
from mock_server.core.accounts import Account
from mock_server.core.errors import NotFound
from mock_server.core.jobs.job import Job
from mock_server.core.resources import Resource
from mock_server.core.unit_of_work import UnitOfWork
from mock_server.tams.settings import TamsSettings
from mock_server.web import pictures
from mock_server.web.calls import Answer, Bounds, Call, json_answer
from mock_server.web.fake_data import faker
from mock_server.web.object_store import StoreRefusal, refusal, refuse, signed_after, terms
from mock_server.web.pictures import Recipe
from mock_server.web.pipeline import Operation, public
from mock_server.web.ranges import ranged
from mock_server.web.results import ResultFiles, extension_of, inspect_upload, media_type_of

_UPLOAD_INTERNATIONAL = "/tams-resource/upload/"
_UPLOAD_MAINLAND = "/short-term/"
_RESULTS = "/resource-upload"
# What the mainland store is told to report; base64 of JSON, as clients have seen it. Made up.
_OSS_CALLBACK = "eyJjYWxsYmFja0JvZHkiOiJvYmplY3Q9JHtvYmplY3R9In0="
_DAY = 86_400
_INDEXES = frozenset(map(str, range(100)))


class Storage:
    """Hands out upload and result URLs and answers them."""

    def __init__(
        self,
        accounts: AccountService,
        settings: TamsSettings,
        results: ResultFiles,
        upload_bounds: Bounds,
    ) -> None:
        self.accounts = accounts
        self.settings = settings
        self.results = results
        at_store = partial(
            Operation, source="TAMS › 9 Resources", leaves=True, counted=False, refuse=refuse
        )
        take = partial(
            at_store, "PUT", run=self.put, summary="Take the bytes of a reserved upload",
            name="UploadImage", caller=self.upload_url, bounds=upload_bounds,
        )  # fmt: skip
        serve = partial(
            at_store, "GET", run=self.get_result, name="DownloadResult",
            caller=self.result_url_holder,
        )  # fmt: skip
        folder = _RESULTS + "/{term}/{date}/COMFY"
        self.operations = (
            take(_UPLOAD_INTERNATIONAL + "{resource_id}"),
            take(_UPLOAD_MAINLAND + "{resource_id}"),
            serve(folder + "/images/{name}", summary="Serve a result to holders of its URL"),
            serve(folder + "/videos/{name}", summary="Serve a video to holders of its URL"),
            Operation(
                "GET", "/showcase/{model_id}/{name}", self.get_showcase,
                "Serve a model's showcase picture", "TAMS › 5.10", caller=public,
            ),
        )  # fmt: skip

    # Uploads

    def upload_place(self, resource: Resource, account: Account, origin: str) -> dict[str, Any]:
        """Return the URL for the PUT and the headers that go with it, all values strings."""
        life = round(resource.upload_until - resource.made_at)
        if self.settings.store_style == "mainland":
            path = _UPLOAD_MAINLAND + resource.id
            expires = str(int(resource.upload_until))
            signature = _upload_signature(account, path, expires)
            query = f"Expires={expires}&OSSAccessKeyId=mock&Signature={signature}"
            headers = {"X-Oss-Callback": _OSS_CALLBACK}
        else:
            path = _UPLOAD_INTERNATIONAL + resource.id
            made_at = datetime.fromtimestamp(resource.made_at, UTC)
            date = f"{made_at:%Y%m%dT%H%M%SZ}"
            scope = quote(f"mock/{made_at:%Y%m%d}/auto/s3/aws4_request", safe="")
            signature = _upload_signature(account, path, f"{date}/{life}")
            query = (
                f"X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential={scope}&X-Amz-Date={date}"
                f"&X-Amz-Expires={life}&X-Amz-SignedHeaders=host&X-Amz-Signature={signature}"
            )
            headers = {"Content-Type": "image/png"}
        return {"putUrl": f"{origin}{path}?{query}", "headers": headers}

    async def upload_url(self, call: Call) -> Account:
        """Return the account for which an upload URL was handed out."""
        resource = await self.accounts.store.get(Resource, call.params["resource_id"])
        account = None if resource is None else await self.accounts.get(resource.account)
        if account is None:
            raise StoreRefusal(404, "NoSuchKey", "There is no such upload.")
        if not _upload_proved(account, call):
            raise StoreRefusal(403, "SignatureDoesNotMatch", "The URL is not the one handed out.")
        return account

    async def put(self, call: Call, payload: None) -> Answer:
        """Store an upload's bytes as they are; whether they are a picture shows in the job."""
        async with call.act() as world:
            resource = await self._place(world, call)
        found = await inspect_upload(resource, call.body)
        async with call.act() as world:
            await self._place(world, call)
            await world.uploads.keep(found, call.body)
        call.decide(resource=found.id, bytes=len(call.body))
        match self.settings.upload_answer:
            case "ok":
                return json_answer({"Status": "OK"})
            case "empty":
                return Answer(200, headers=())
            case "callback-failed":
                # Seen by clients of the mainland store, which has kept the object all the same.
                return refusal(203, "CallbackFailed", "The store's own callback failed.")

    async def _place(self, world: UnitOfWork, call: Call) -> Resource:
        """Return the upload that the URL is for, or refuse it as it stands now."""
        resource = await world.uploads.get(call.params["resource_id"])
        if resource is None:
            raise StoreRefusal(404, "NoSuchKey", "There is no such upload.")
        if world.now >= resource.upload_until:
            raise StoreRefusal(403, "AccessDenied", "Request has expired")
        if resource.uploaded_at is not None and self.settings.second_upload == "refuse":
            raise StoreRefusal(403, "AccessDenied", "The object is there already.")
        if not call.body and self.settings.empty_upload == "refuse":
            raise StoreRefusal(400, "MissingContentLength", "There are no bytes.")
        return resource

    # Results

    def result_url(self, job: Job, account: Account, index: int, now: float, origin: str) -> str:
        """Return a signed URL for one picture, good until the present period ends.

        Observed form: `auth_key=<unix expiry>-<32 hex>-0-<md5>`, as content networks sign.
        """
        ended_at = job.ended_at
        life = self.settings.result_url_life
        day = datetime.fromtimestamp(ended_at, UTC)
        path = f"{_RESULTS}/short-term/{day:%Y-%m-%d}/COMFY/{_file(job, index)}"
        if self.settings.result_url == "fresh":
            expiry, salt = int(now) + life, f"{now:.6f}"
        else:
            periods = max(0, int((now - ended_at) // life))
            expiry, salt = int(ended_at) + life * (periods + 1), "stable"
        nonce = chance.mac(account.credentials.secret, path, salt)
        digest = _result_digest(account, path, str(expiry), nonce, job.expired_links)
        return f"{origin}{path}?auth_key={expiry}-{nonce}-0-{digest}"

    def results_until(self, job: Job, now: float) -> float:
        """Return when the period ends in which a finished job's URLs stay the same."""
        life = self.settings.result_url_life
        return job.ended_at + life * ((now - job.ended_at) // life + 1)

    def result_life(self, job: Job, now: float) -> int:
        """Return the seconds that an answer says its URLs have left."""
        life = self.settings.result_url_life
        if self.settings.expired_in == "constant" or self.settings.result_url == "fresh":
            return life
        return life - int((now - job.ended_at) % life)

    async def result_url_holder(self, call: Call) -> Account:
        """Return the account of the job whose result a URL names."""
        stem = call.params["name"].partition(".")[0]
        job_id, _, index_text = stem.partition("_")
        job = await self.accounts.store.get(Job, job_id)
        account = None if job is None else await self.accounts.get(job.account)
        index = int(index_text) if index_text in _INDEXES else -1
        if (
            job is None
            or account is None
            or not 0 <= index < job.order.count
            or not call.path.endswith(f"/COMFY/{_file(job, index)}")
        ):
            raise StoreRefusal(404, "NoSuchKey", "There is no such object.")
        call.identity = (job_id, index)
        return account

    async def get_result(self, call: Call, payload: None) -> Answer:
        """Serve a finished picture, drawn at its first download and kept for a while."""
        job_id, index = call.identity
        job = await self.accounts.store.get(Job, job_id)
        expired_links = 0 if job is None else job.expired_links
        if problem := _result_problem(call.account, call, expired_links):
            raise StoreRefusal(403, "AccessDenied", problem)
        kept = self.settings.short_term_days * _DAY
        if (
            job is None
            or call.now >= job.ended_at + kept
            or not (job.state_at(call.now).final and index < job.files)
        ):
            raise StoreRefusal(404, "NoSuchKey", "The object is kept no longer.")
        answer = _file_answer(await self.results.file(job, index), media_type_of(job, index))
        return ranged(answer, call.header(b"range"))

    async def get_showcase(self, call: Call, payload: None) -> Answer:
        """Serve one of the made-up pictures that a model shows itself with."""
        name = call.params["name"]
        model_id = call.params["model_id"]
        if not (model_id.isascii() and model_id.isdigit() and len(model_id) <= 20) or (
            name not in {"1.png", "2.png", "3.png"}
        ):
            raise NotFound("object")
        recipe = Recipe(
            prompt=faker(0, "showcase", model_id, name).sentence(nb_words=6),
            seed=chance.number(0, "showcase", model_id, name) >> 33,
            model=model_id,
        )
        data = await self.results.cache.get(
            f"/showcase/{model_id}/{name}", lambda: pictures.render(recipe)
        )
        return _file_answer(data, "image/png")


def _file(job: Job, index: int) -> str:
    """Return where the store keeps a result, and how it is called there."""
    folder = "videos" if job.order.is_video_at(index) else "images"
    return f"{folder}/{job.id}_{index}.{extension_of(job, index)}"


def _upload_signature(account: Account, path: str, terms: str) -> str:
    secret = account.credentials.secret.encode()
    return hmac.new(secret, f"PUT\n{path}\n{terms}".encode(), hashlib.sha256).hexdigest()


def _upload_proved(account: Account, call: Call) -> bool:
    query = terms(call)
    if call.path.startswith(_UPLOAD_MAINLAND):
        agreed, signature = query.get("Expires", ""), query.get("Signature", "")
    else:
        agreed = f"{query.get('X-Amz-Date', '')}/{query.get('X-Amz-Expires', '')}"
        signature = query.get("X-Amz-Signature", "")
    expected = _upload_signature(account, call.path, agreed)
    return hmac.compare_digest(signature.encode(), expected.encode())


def _result_digest(account: Account, path: str, expiry: str, nonce: str, expired: int) -> str:
    text = f"{path}-{expiry}-{nonce}-0-{account.credentials.secret}"
    if expired:  # by hand, so often
        text += f"-{expired}"
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


def _result_problem(account: Account, call: Call, expired_links: int) -> str:
    """Return why a result URL does not open its picture now, or nothing."""
    expiry, _, rest = terms(call).get("auth_key", "").partition("-")
    nonce, _, rest = rest.partition("-")
    user, _, digest = rest.partition("-")
    digest_of = partial(_result_digest, account, call.path, expiry, nonce)
    signed = signed_after(digest, digest_of, expired_links)
    if user != "0" or signed is None:
        return "The URL is not signed as it was handed out."
    is_good = signed == expired_links and call.now < int(expiry)
    return "" if is_good else "The URL has expired; ask for the job again."


def _file_answer(data: bytes, media_type: str) -> Answer:
    headers = (b"content-type", media_type.encode()), (b"cache-control", b"public, max-age=3600")
    return Answer(200, data, headers)
