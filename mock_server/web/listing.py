"""Lists that the control API and the vendors' control operations answer, the newest first."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

from mock_server.core.account_service import AccountService
from mock_server.core.errors import AccountGone
from mock_server.core.store import Record, Store

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
