"""How control operations, also those of vendors, find records of one account or of all."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

from mock_server.core.account_service import AccountService
from mock_server.core.errors import AccountGone, NotFound
from mock_server.core.store import Record, Store
from mock_server.core.unit_of_work import UnitOfWork
from mock_server.web.calls import Call

R = TypeVar("R", bound=Record)

_PAGE = 200


async def up_to_date(accounts: AccountService, id: str | None, wall: float) -> dict[str, float]:
    """Apply what is due to one account, or to all; return their times by account id.

    Raises NotFound for an id that does not exist.
    """
    if id is not None:
        async with accounts.act(id, wall) as world:
            return {id: world.now}
    moments: dict[str, float] = {}
    for account in await accounts.all():
        with suppress(AccountGone):
            async with accounts.act(account.id, wall) as world:
                moments[account.id] = world.now
    return moments


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
    *,
    limit: int,
    fits: Callable[[R], bool],
) -> list[R]:
    """Return at most `limit` records that fit, the newest first, of one account or of all."""
    found: list[R] = []
    before = ""
    async with store.view() as view:
        while True:
            page = await view.page(kind, account, limit=_PAGE, before=before)
            for record in filter(fits, page):
                found.append(record)
                if len(found) == limit:
                    return found
            if len(page) < _PAGE:
                return found
            before = page[-1].id
