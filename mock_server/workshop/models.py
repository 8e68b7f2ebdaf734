"""Models that customers synchronise: stored, and listed some time later (Workshop › 10).

Each call sends the complete model. If its files are already there, the answer is final; otherwise
an event reports later that the model was listed (choice 38).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Literal

from mock_server.core.accounts import Account
from mock_server.workshop.own_models import OwnModel
from mock_server.core.store import Store
from mock_server.web.calls import Call
from mock_server.web.pipeline import Operation
from mock_server.workshop.errors import Refused
from mock_server.workshop.settings import WorkshopSettings
from mock_server.workshop.validation import MAX_NAME_LENGTH, refused
from mock_server.workshop.wire import CamelBody

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
    versions: list[ModelVersion] | None = None


ModelListed = Callable[[Call, OwnModel, float], Awaitable[None]]


async def _ignore(call: Call, model: OwnModel, due_at: float) -> None:
    """Do nothing when a model is listed."""


class Models:
    """Stores synchronised models; `tell_listed` informs the customer when one is listed."""

    def __init__(
        self, store: Store, settings: WorkshopSettings, tell_listed: ModelListed = _ignore
    ) -> None:
        self.store = store
        self.settings = settings
        self.tell_listed = tell_listed
        self.operations = (
            Operation(
                "POST", "/scc/spSdModelSync", self.sync, "Synchronise a model", "Workshop › 10",
                body=SyncModel,
            ),
        )  # fmt: skip

    async def sync(self, call: Call, payload: SyncModel) -> None:
        """Workshop › 10: store the model; new versions are listed some time later."""
        versions = payload.versions or []
        _check_lengths(payload, versions)
        listed_at = call.now + self.settings.model_listing_delay
        async with self.store.transaction(call.account.id) as tx:
            id = f"{call.account.id}/{payload.model_id}"
            known = await tx.get(OwnModel, id)
            ids = tuple(each.model_version_id for each in versions)
            has_new_versions = known is None or not set(ids) <= set(known.versions)
            model = OwnModel(
                id=id,
                account=call.account.id,
                kind=payload.model_type,
                versions=ids,
                names=(payload.model_id, payload.name, *ids),
                listed_at=listed_at if known is None or has_new_versions else known.listed_at,
            )
            surplus = await tx.count(OwnModel, call.account.id) + 1 - self.settings.most_models
            if known is None and surplus > 0:
                for oldest in await tx.list(OwnModel, call.account.id, limit=surplus):
                    await tx.delete(OwnModel, oldest.id)
            await tx.put(model)
        if has_new_versions:
            await self.tell_listed(call, model, listed_at)

    async def check(self, account: Account, name: str, now: float) -> None:
        """Refuse a model that does not exist, if a list of models is configured (choice 14)."""
        if not name or not self.settings.models or name in self.settings.models:
            return
        synchronised = await self.store.list(OwnModel, account.id)
        # Tasks name a file: the name of a version or of the model, with an extension.
        stem = name.rpartition(".")[0] or name
        if not any(
            each.listed_at <= now and {name, stem} & set(each.names) for each in synchronised
        ):
            raise Refused("unlisted", f"stable_diffusion_model {name!r} does not exist")


def listing_result(model: OwnModel) -> dict[str, Any]:
    """Return the event about a listed model; its real form is not public (choice 38)."""
    return {
        "modelId": model.id.partition("/")[2],
        "modelVersionIds": list(model.versions),
        "success": True,
        "errMessage": None,
    }


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
