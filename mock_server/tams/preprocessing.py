"""What TAMS finds in an uploaded picture: a preprocessor's result (5.13), and words (5.14)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, TypeVar

from msgspec.structs import replace

from mock_server.core.account_service import AccountService
from mock_server.core.accounts import SERVER, Account
from mock_server.core.errors import Invalid, NotFound
from mock_server.core.resources import Resource
from mock_server.core.unit_of_work import UnitOfWork
from mock_server.tams.catalogue import listed
from mock_server.tams.requests import DescribeImage, DetectControlnet
from mock_server.tams.settings import TamsSettings
from mock_server.web import picture_words, preprocessors
from mock_server.web.calls import Answer, Call
from mock_server.web.object_store import StoreRefusal, refuse
from mock_server.web.picture_decoding import UndecodablePicture
from mock_server.web.picture_files import media_type
from mock_server.web.pipeline import Operation
from mock_server.web.ranges import ranged
from mock_server.web.results import ResultFiles

_DAY = 86_400
MAX_AT_ONCE = 2  # pictures that are decoded at the same time
_FIXED_TAGS = "1girl, solo, looking at viewer"
_FIXED_SENTENCE = "A girl looks at the viewer."

Found = TypeVar("Found")


class PictureOperations:
    """Works on uploaded pictures, in threads; free of charge.

    Each one that is decoded takes one of the `turns`.
    """

    def __init__(
        self,
        accounts: AccountService,
        settings: TamsSettings,
        results: ResultFiles,
        turns: asyncio.Semaphore,
        public_url: str,
    ) -> None:
        self.accounts = accounts
        self.settings = settings
        self.results = results
        self.public_url = public_url
        self._turns = turns
        self.operations = (
            Operation(
                "POST", "/v1/controlnet/detect", self.detect,
                "Run a control-net preprocessor on an uploaded image",
                "TAMS › 5.13", body=DetectControlnet, leaves=True, name="ControlnetDetect",
            ),
            Operation(
                "POST", "/v1/img2prompt", self.describe, "Describe an uploaded image in words",
                "TAMS › 5.14", body=DescribeImage, leaves=True, name="Img2Prompt",
            ),
            Operation(
                "GET", "/resource-upload/{term}/{date}/{name}", self.get_detection,
                "Serve the result of a preprocessor", "TAMS › 5.13",
                caller=self.detection_url, leaves=True, counted=False, refuse=refuse,
            ),
        )  # fmt: skip

    async def detect(self, call: Call, payload: DetectControlnet) -> dict[str, Any]:
        """TAMS › 5.13: a new short-term image that shows what the preprocessor finds (U63)."""
        name = payload.controlnet_module
        if not name:
            raise Invalid("controlnetModule", "controlnetModule: required")
        if not preprocessors.is_known(name) and name not in listed("controlnet_preprocessors"):
            shown = name if len(name) <= 100 else name[:100] + "…"
            problem = f"controlnetModule: {shown!r} is not a known preprocessor"
            if self.settings.unlisted_value == "refuse":
                raise Invalid("controlnetModule", problem)
            call.remark(f"{problem}; the result shows the picture as it is")
        resource = await self._usable(call, payload.resource_id)
        if self.settings.detection_result == "empty":
            return {"result": {}}
        found, size = await self._work(
            resource, call.account, lambda data: preprocessors.detect(data, name)
        )
        async with call.act() as world:
            made = await self._keep(world, found, size)
        call.decide(resource=made.id)
        url = f"{call.origin(self.public_url)}{_path(made)}"
        return {"result": {"controlnetModule": name, "resourceId": made.id, "url": url}}

    async def describe(self, call: Call, payload: DescribeImage) -> dict[str, Any]:
        """TAMS › 5.14: tags, or with the tagger `llm` a sentence (U64)."""
        resource = await self._usable(call, payload.resource_id)
        in_sentences = payload.tagger == "llm"
        if self.settings.image_words == "fixed":
            return {"prompts": [_FIXED_SENTENCE if in_sentences else _FIXED_TAGS]}
        seen = await self._work(resource, call.account, picture_words.describe)
        words = picture_words.sentence(seen) if in_sentences else picture_words.tags(seen)
        return {"prompts": [words]}

    async def detection_url(self, call: Call) -> Account:
        """Return the account that a result's URL belongs to."""
        resource = await self.accounts.store.get(Resource, call.params["name"].partition(".")[0])
        account = None if resource is None else await self.accounts.get(resource.account)
        if resource is None or account is None or not _is_detection(resource, call.path):
            raise StoreRefusal(404, "NoSuchKey", "There is no such object.")
        call.identity = resource
        return account

    async def get_detection(self, call: Call, payload: None) -> Answer:
        """Serve a result for as long as it is kept."""
        resource: Resource = call.identity
        data = await self.accounts.store.blobs.get(resource.id)
        if data is None or resource.problem_at(call.now):
            raise StoreRefusal(404, "NoSuchKey", "The object is kept no longer.")
        headers = ((b"content-type", media_type("png").encode()),)
        return ranged(Answer(200, data, headers), call.header(b"range"))

    async def _usable(self, call: Call, id: str) -> Resource:
        """Return a picture that the account can use now, or refuse it (404 is documented)."""
        if not id:
            raise Invalid("resourceId", "resourceId: required")
        async with call.act() as world:
            resource = await world.tx.get(Resource, id)
            if resource is None or resource.account not in (world.account.id, SERVER):
                raise NotFound("resource", id)
            if resource.keep_until is not None and resource.keep_until <= world.now:
                call.remark(f"resource {id} was kept no longer")
                raise NotFound("resource", id)
            if problem := resource.problem_at(world.now):
                raise Invalid("resourceId", problem)
        return resource

    async def _work(
        self, resource: Resource, account: Account, look: Callable[[bytes], Found]
    ) -> Found:
        """Look at the bytes in a thread; at most `MAX_AT_ONCE` pictures are open."""
        async with self._turns:
            data = await self.results.upload(account.id, resource)
            if data is None:
                raise NotFound("resource", resource.id)
            try:
                return await asyncio.to_thread(look, data)
            except UndecodablePicture as error:
                raise Invalid("resourceId", f"input image {resource.id}: {error}") from None

    async def _keep(self, world: UnitOfWork, data: bytes, size: tuple[int, int]) -> Resource:
        kept = self.settings.short_term_days * _DAY
        # Its place is closed from the beginning: no client can put other bytes there.
        resource = await world.uploads.reserve(upload_for=0, keep_for=kept)
        made = replace(resource, size_bytes=len(data), format="png", width=size[0], height=size[1])
        await world.uploads.keep(made, data, limit_bytes=len(data))
        return made


def _path(resource: Resource) -> str:
    day = datetime.fromtimestamp(resource.made_at, UTC)
    return f"/resource-upload/short-term/{day:%Y-%m-%d}/{resource.id}.png"


def _is_detection(resource: Resource, path: str) -> bool:
    """Whether the resource was made by a preprocessor, and has this path."""
    return resource.upload_until == resource.made_at and path == _path(resource)
