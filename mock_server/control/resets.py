"""Back to the seeded start: a world or the whole server, altogether or in parts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema

from mock_server.control.operations import Ask
from mock_server.control.shapes import OutgoingBody, WorldQuery
from mock_server.core.worlds import PARTS, Worlds
from mock_server.web.callbacks import Postman
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
        worlds: Worlds,
        journal: Journal,
        postman: Postman,
        forget_kept: Callable[[str | None], object],
    ) -> None:
        self.worlds = worlds
        self.journal = journal
        self.postman = postman
        self.forget_kept = forget_kept

    async def reset(self, ask: Ask[ResetQuery, None]) -> ResetBody:
        id = ask.query.account
        account = None if id is None else await self.worlds.find(id)
        parts = ask.query.only or _KNOWN
        # The journal is no part of a world's records; naming it alone leaves those as they are.
        of_worlds = [part for part in ask.query.only or () if part != REQUESTS]
        if of_worlds or not ask.query.only:
            await self.worlds.reset(account, of_worlds, ask.wall)
            self.postman.wake(id)
        if REQUESTS in parts:
            self.journal.forget(id)
        if _PICTURED.intersection(parts):
            self.forget_kept(id)
        left = await self.worlds.all() if account is None else [account]
        return ResetBody(
            accounts=[each.id for each in left], parts=[part for part in _KNOWN if part in parts]
        )
