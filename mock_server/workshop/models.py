"""Models that customers bring along: kept, and listed a while later (Workshop › 10).

The whole model is sent each time. What is answered is final if its files are there already; else
an event tells later that it was listed (choice 38).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Literal

from mock_server.core.accounts import Account
from mock_server.core.models import OwnModel
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
    """A version of a model. Public copies of the page end before its trigger words and files."""

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


TellListed = Callable[[Call, OwnModel, float], Awaitable[None]]


async def _tell_nobody(call: Call, model: OwnModel, due_at: float) -> None:
    """Let nobody know that a model was listed."""


class Models:
    """Keeps synchronised models. `tell_listed` lets the customer know when one is listed."""

    def __init__(
        self, store: Store, settings: WorkshopSettings, tell_listed: TellListed = _tell_nobody
    ) -> None:
        self.store = store
        self.settings = settings
        self.tell_listed = tell_listed
        self.operations = (
            Operation(
                "POST", "/scc/spSdModelSync", self.sync, "Bring a model along", "Workshop › 10",
                body=SyncModel,
            ),
        )  # fmt: skip

    async def sync(self, call: Call, payload: SyncModel) -> None:
        """Workshop › 10: keep the model as it is now; new versions are listed after a while."""
        versions = payload.versions or []
        _check_lengths(payload, versions)
        listed_at = call.now + self.settings.model_listing_delay
        async with self.store.transaction(call.account.id) as tx:
            id = f"{call.account.id}/{payload.model_id}"
            known = await tx.get(OwnModel, id)
            ids = tuple(each.model_version_id for each in versions)
            news = known is None or not set(ids) <= set(known.versions)
            model = OwnModel(
                id=id,
                account=call.account.id,
                kind=payload.model_type,
                versions=ids,
                names=(payload.model_id, payload.name, *ids),
                listed_at=listed_at if known is None or news else known.listed_at,
            )
            surplus = await tx.count(OwnModel, call.account.id) + 1 - self.settings.most_models
            if known is None and surplus > 0:
                for oldest in await tx.list(OwnModel, call.account.id, limit=surplus):
                    await tx.delete(OwnModel, oldest.id)
            await tx.put(model)
        if news:
            await self.tell_listed(call, model, listed_at)

    async def check(self, account: Account, name: str, now: float) -> None:
        """Refuse a model that does not exist, where it is known which do (choice 14)."""
        if not name or not self.settings.models or name in self.settings.models:
            return
        brought = await self.store.list(OwnModel, account.id)
        # Tasks name the file, which is that of a version or of the model with an extension.
        stem = name.rpartition(".")[0] or name
        if not any(each.listed_at <= now and {name, stem} & set(each.names) for each in brought):
            raise Refused("unlisted", f"stable_diffusion_model {name!r} does not exist")


def listing_result(model: OwnModel) -> dict[str, Any]:
    """Return what the event says of a model that was listed; nothing public does (choice 38)."""
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
