"""How control operations, also those of vendors, find records of one account or of all."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import TypeVar

from mock_server.core.account_service import AccountService
from mock_server.core.errors import AccountGone, NotFound
from mock_server.core.store import Record, Store
from mock_server.core.unit_of_work import UnitOfWork
from mock_server.web.calls import Call
from mock_server.web.json_bodies import PageQuery
from mock_server.web.wall import let_others_run

R = TypeVar("R", bound=Record)

MAX_LOOKED_AT = 10_000  # records for one page, about


async def up_to_date(accounts: AccountService, id: str | None, wall: float) -> None:
    """Apply what is due to one account, or to all.

    Raises NotFound for an id that does not exist.
    """
    if id is not None:
        async with accounts.act(id, wall):
            return
    changing = dict.fromkeys(accounts.scenarios.running)
    for kind in accounts.due.apply:
        changing |= dict.fromkeys(await accounts.store.accounts_due(kind))
    for number, each in enumerate(changing):
        with suppress(AccountGone):
            async with accounts.act(each, wall):
                pass
        if number % 100 == 99:
            await let_others_run()


async def act_on_owner(call: Call, kind: type[Record], name: str) -> UnitOfWork:
    """Open a unit of work on the account that has the record with the id in the path.

    Raises NotFound with the record's `name`, such as "job".
    """
    id = call.params["id"]
    record = await call.accounts.store.get(kind, id)
    if record is None:
        raise NotFound(name, id)
    return call.accounts.act(record.account, call.wall)


async def newest(
    store: Store,
    kind: type[R],
    account: str | None,
    query: PageQuery,
    fits: Callable[[R], Awaitable[bool]] | None = None,
) -> tuple[list[R], str | None]:
    """Return a page of the records that fit, of one account or of all, and where the next begins.

    The page ends early where many records do not fit. Raises NotFound for a place that is not kept.
    """
    found: list[R] = []
    before = query.before or ""
    async with store.view() as view:
        if before and await view.get(kind, before) is None:
            raise NotFound("place", before)
        looked_at, at_once = 0, query.limit
        while looked_at < MAX_LOOKED_AT:
            page = await view.page(kind, account, limit=at_once + 1, before=before)
            for record in page[:at_once]:
                if len(found) == query.limit:
                    return found, before
                before = record.id
                if fits is None or await fits(record):
                    found.append(record)
            if len(page) <= at_once:
                return found, None
            if len(found) == query.limit:
                break
            looked_at += at_once
            at_once = MAX_LOOKED_AT // 4
    return found, before
