"""Back to the seeded start: a world or the whole server, altogether or in parts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema

from mock_server.control.operations import ControlRequest
from mock_server.control.shapes import OutgoingBody, WorldQuery
from mock_server.core.account_service import PARTS, AccountService
from mock_server.web.callbacks import CallbackDispatcher
from mock_server.web.journal import Journal

REQUESTS = "requests"
_PICTURED = {"jobs", "uploads"}
_KNOWN = [*PARTS, REQUESTS]


def _separated(value: Any) -> Any:
    return value.split(",") if isinstance(value, str) else value


def _known(parts: list[str]) -> list[str]:
    for part in parts:
        if part not in _KNOWN:
            raise ValueError(f"knows {', '.join(_KNOWN)}")
    return parts


Parts = Annotated[
    list[str],
    BeforeValidator(_separated),
    AfterValidator(_known),
    WithJsonSchema({"type": "array", "items": {"type": "string", "enum": _KNOWN}, "minItems": 1}),
]


class ResetQuery(WorldQuery):
    """What goes back to its start; everything, if no parts are named."""

    only: Parts | None = Field(None, description="Only these parts, separated by commas")


class ResetBody(OutgoingBody):
    """The accounts that are there now, and the parts that were reset."""

    accounts: list[str]
    parts: list[str]


class Resets:
    """The operation that starts anew."""

    def __init__(
        self,
        account_service: AccountService,
        journal: Journal,
        dispatcher: CallbackDispatcher,
        forget_kept: Callable[[str | None], object],
    ) -> None:
        self.account_service = account_service
        self.journal = journal
        self.dispatcher = dispatcher
        self.forget_kept = forget_kept

    async def reset(self, request: ControlRequest[ResetQuery, None]) -> ResetBody:
        id = request.query.account
        account = None if id is None else await self.account_service.find(id)
        parts = request.query.only or _KNOWN
        # The journal is no part of a world's records; naming it alone leaves those as they are.
        of_worlds = [part for part in request.query.only or () if part != REQUESTS]
        if of_worlds or not request.query.only:
            await self.account_service.reset(account, of_worlds, request.wall)
            self.dispatcher.wake(id)
        if REQUESTS in parts:
            self.journal.forget(id)
        if _PICTURED.intersection(parts):
            self.forget_kept(id)
        left = await self.account_service.all() if account is None else [account]
        return ResetBody(
            accounts=[each.id for each in left], parts=[part for part in _KNOWN if part in parts]
        )
