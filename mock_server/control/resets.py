"""Resets: an account, or the whole server, goes back to its start, as a whole or in parts."""

from __future__ import annotations

from functools import cache
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema, create_model

from mock_server.control.dependencies import ControlDependencies
from mock_server.web.calls import Call
from mock_server.web.json_bodies import AccountQuery, OutgoingBody

REQUESTS = "requests"
# Parts of which something is kept outside the store as well.
_CACHED = {"jobs", "uploads"}


@cache
def reset_query(parts: tuple[str, ...]) -> type[Any]:
    """Return the type of the query, which depends on the parts that the vendors add."""

    def check(named: list[str]) -> list[str]:
        if set(named) - set(parts):
            raise ValueError(f"must be among {', '.join(parts)}")
        return named

    array = {"type": "array", "items": {"type": "string", "enum": list(parts)}, "minItems": 1}
    names = Annotated[
        list[str],
        BeforeValidator(_separated),
        AfterValidator(check),
        WithJsonSchema(array),
    ]
    only = Field(None, description="Only these parts, separated by commas")
    return create_model("ResetQuery", __base__=AccountQuery, only=(names | None, only))


def _separated(value: Any) -> Any:
    return value.split(",") if isinstance(value, str) else value


class ResetBody(OutgoingBody):
    """The accounts that exist now, and the parts that were reset."""

    accounts: list[str]
    parts: list[str]


class Resets:
    """The operation that resets."""

    def __init__(self, known: ControlDependencies) -> None:
        self.known = known
        self.parts = (*known.resets.parts, REQUESTS)

    async def reset(self, call: Call, query: Any) -> ResetBody:
        known, id, only = self.known, query.account, query.only
        account = None if id is None else await known.accounts.find(id)
        parts = only or self.parts
        # The journal is in no store. Naming it alone leaves everything else as it is.
        stored = [part for part in only or () if part != REQUESTS]
        if stored or not only:
            left = await known.resets.reset(account, stored, call.wall)
            if account is None:
                if not only:
                    await known.seed(call.wall)
                    known.recorder.begin(call.wall, was_reset=True)
                known.dispatcher.wake()
        else:
            left = list(await known.accounts.all()) if account is None else [account]
        if REQUESTS in parts:
            known.journal.forget(id)
        if _CACHED.intersection(parts):
            known.forget(id)
        return ResetBody(
            accounts=[each.id for each in left],
            parts=[part for part in self.parts if part in parts],
        )
