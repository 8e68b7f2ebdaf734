"""Models that customers synchronise: stored, and listed some time later (Workshop › 10).

Each call sends the complete model. If its files are already there, the answer is final; otherwise
an event reports later that the model was listed (choice 38).
"""

from __future__ import annotations

from typing import Literal

from mock_server.core.unit_of_work import UnitOfWork
from mock_server.web.calls import Call
from mock_server.workshop.errors import Refused
from mock_server.workshop.events import EventContext, Events
from mock_server.workshop.own_models import OwnModel
from mock_server.workshop.settings import WorkshopSettings
from mock_server.workshop.validation import MAX_NAME_LENGTH, refused
from mock_server.workshop.wire import CamelBody, Items, scc

MAX_VERSIONS = 100

BaseModel = Literal[
    "v1.4", "v1.5", "v2.0", "v2.1", "vxl_0.9", "vxl_1.0", "vxl_distilled", "v1.5_lcm",
    "vxl_1.0_lcm", "vxl_turbo",
]  # fmt: skip


class ModelVersion(CamelBody):
    """A version of a model; public copies of the documentation omit trigger words and files."""

    model_version_id: str
    name: str
    base_model: BaseModel
    version_desc: str | None = None


class SyncModel(CamelBody):
    """POST /scc/spSdModelSync; `civitia` is the documented spelling."""

    model_id: str
    name: str
    model_type: Literal["checkpoint", "lora", "textualinversion", "vae"]
    source_type: Literal["liblib", "civitia", "hugging_face", "internal"]
    model_desc: str | None = None
    source: str | None = None
    is_original: bool | None = None
    original_creator: str | None = None
    original_creator_homepage: str | None = None
    versions: Items[ModelVersion] | None = None


class Models:
    """Stores synchronised models. `public_url` replaces the caller's origin in events."""

    def __init__(self, settings: WorkshopSettings, events: Events, *, public_url: str = "") -> None:
        self.settings = settings
        self.events = events
        self.public_url = public_url
        self.operations = (scc("spSdModelSync", self.sync, "Synchronise a model", "10", SyncModel),)

    async def sync(self, world: UnitOfWork, call: Call, payload: SyncModel) -> None:
        """Workshop › 10: store the model; new versions are listed some time later."""
        versions = payload.versions or []
        _check_lengths(payload, versions)
        tx, account = world.tx, world.account.id
        id = f"{account}/{payload.model_id}"
        known = await tx.get(OwnModel, id)
        ids = tuple(each.model_version_id for each in versions)
        has_new_versions = known is None or not set(ids) <= set(known.versions)
        listed_at = world.now + self.settings.model_listing_delay
        model = OwnModel(
            id=id,
            account=account,
            kind=payload.model_type,
            versions=ids,
            names=(payload.model_id, payload.name, *ids),
            listed_at=listed_at if known is None or has_new_versions else known.listed_at,
        )
        surplus = await tx.count(OwnModel, account) + 1 - self.settings.most_models
        if known is None and surplus > 0:
            for oldest in await tx.list(OwnModel, account, limit=surplus):
                await tx.delete(OwnModel, oldest.id)
        await tx.put(model)
        if has_new_versions:
            # Nothing public says what the event has (choice 38).
            content = {
                "modelId": payload.model_id,
                "modelVersionIds": ids,
                "success": True,
                "errMessage": None,
            }
            context = EventContext.of(call, self.public_url)
            await self.events.model_listed(world, context, content, model.listed_at)

    async def check(self, world: UnitOfWork, name: str) -> None:
        """Refuse a model that was taken down, or is not in a list of models (choice 14)."""
        problem = f"stable_diffusion_model {name!r} does not exist"
        if name in self.settings.removed_models:
            raise Refused("unlisted", problem)
        if not name or not self.settings.models or name in self.settings.models:
            return
        own = await world.tx.list(OwnModel, world.account.id)
        # Tasks name a file: the name of a version or of the model, with an extension.
        stem = name.rpartition(".")[0] or name
        if not any(each.listed_at <= world.now and {name, stem} & set(each.names) for each in own):
            raise Refused("unlisted", problem)


def _check_lengths(payload: SyncModel, versions: list[ModelVersion]) -> None:
    if len(versions) > MAX_VERSIONS:
        raise refused(f"versions must be at most {MAX_VERSIONS}, found {len(versions)}")
    for path, text in (("modelId", payload.model_id), ("name", payload.name)):
        _check_length(path, text)
    for number, each in enumerate(versions):
        _check_length(f"versions[{number}].modelVersionId", each.model_version_id)
        _check_length(f"versions[{number}].name", each.name)


def _check_length(path: str, text: str) -> None:
    if not 1 <= len(text) <= MAX_NAME_LENGTH:
        raise refused(f"{path} must have 1 to {MAX_NAME_LENGTH} characters, found {len(text)}")
