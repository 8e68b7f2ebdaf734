"""State in and out: accounts as data, put back into a server, or copied to a new account (a fork).

Every kind of record that a reset can forget is carried, and so needs nothing more.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Generator, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack, suppress
from typing import Any, TypeVar

from msgspec import Struct
from msgspec.structs import fields, replace

from mock_server.core.account_service import AccountService, AccountSpec
from mock_server.core.accounts import SERVER, Account, Credential, InitialAccount, credential_ids
from mock_server.core.clock import Clock
from mock_server.core.errors import AccountGone, Conflict, NotFound
from mock_server.core.fault_rules import FaultCounter
from mock_server.core.outbox import Delivery
from mock_server.core.renaming import Renaming
from mock_server.core.resets import OF_THE_SERVER, ResetService
from mock_server.core.scenarios import ScenarioRun
from mock_server.core.store import Record, Transaction
from mock_server.core.unit_of_work import ServerClock

Records = Mapping[type[Record], Sequence[Any]]
T = TypeVar("T")
Paced = Generator[None, None, T]
Finish = Callable[[Paced["SavedAccount"]], Awaitable["SavedAccount"]]

_OWN: tuple[type[Record], ...] = (Account, Credential)  # are not copied
_AT_ONCE = 50  # records that are copied before others have a turn


class SavedAccount(Struct, frozen=True):
    """All that an account has, or the server (SERVER), at one moment; records the oldest first.

    `clock` is the one that it had, as it stood; None if it follows the server's where it is put.
    Of uploads, `blobs` are the ids and the bytes. `over` has the ids of records that are over, the
    first one first, where they did not end in the order of their age. `in_flight` notices were
    being sent.
    """

    id: str
    clock: Clock | None
    records: Records
    blobs: Sequence[tuple[str, bytes]] = ()
    over: Mapping[type[Record], Sequence[str]] = {}
    in_flight: int = 0

    def only(self, kind: type[Any]) -> Any:
        """Return the record of a kind of which there is one."""
        return self.records[kind][0]


class SavedState(Struct, frozen=True):
    """Accounts, and with `server` the whole server. `made` counts the accounts made so far.

    `settings` of the server, by name, hold for accounts beside their own; only to be compared.
    """

    accounts: Sequence[SavedAccount]
    server: SavedAccount | None = None
    made: int = 0
    settings: Mapping[str, Any] = {}


class Restored(Struct, frozen=True):
    """The ids of the accounts that were made, replaced and deleted."""

    created: list[str]
    replaced: list[str]
    deleted: list[str]


class StateService:
    """Saves and restores accounts.

    The `checks` of a kind of record, or of a SavedAccount as a whole, raise Invalid or ValueError
    for one that makes no sense.
    """

    def __init__(self, accounts: AccountService, resets: ResetService) -> None:
        self.accounts = accounts
        self.resets = resets
        self.checks: list[tuple[type[Any], Callable[[Any], object]]] = []

    @property
    def kinds(self) -> dict[str, type[Record]]:
        """Every kind of record that is carried, by name."""
        forgotten = (kind for part in self.resets.parts.values() for kind in part)
        carried: Iterable[type[Any]] = (
            *_OWN,
            InitialAccount,
            FaultCounter,
            *OF_THE_SERVER.values(),
            *forgotten,
        )
        return {kind.__name__: kind for kind in carried}

    # Out

    async def save(self, id: str, wall: float) -> SavedAccount:
        """Return what an account has, up to date; raises NotFound."""
        async with self.accounts.act(id, wall) as world:
            return await self._saved(world.tx, id, world.clock, wall)

    async def save_all(self, wall: float) -> SavedState:
        """Return what the server and all its accounts have."""
        store = self.accounts.store
        async with store.transaction(SERVER) as tx:
            server = await self._saved(tx, SERVER, await self.accounts.clock(None), wall)
        accounts = []
        for each in await self.accounts.all():
            with suppress(AccountGone):  # It may be deleted meanwhile.
                saved = await self.save(each.id, wall)
                follows = saved.only(Account).clock is None
                accounts.append(replace(saved, clock=None) if follows else saved)
        return SavedState(accounts, server, await self.accounts.made(store))

    async def _saved(self, tx: Transaction, id: str, clock: Clock, wall: float) -> SavedAccount:
        records: dict[type[Record], Sequence[Any]] = {}
        for kind in self.kinds.values():
            if found := await tx.list(kind, id):
                records[kind] = found
        notices = records.get(Delivery, ())
        in_flight = sum(each.is_claimed(wall) for each in notices)
        if any(each.claim for each in notices):
            records[Delivery] = [_unclaimed(each) for each in notices]
        over: dict[type[Record], Sequence[str]] = {}
        ended: Sequence[Any]
        for kind, ended in records.items():
            if hasattr(kind, "is_over"):
                ids = [each.id for each in await tx.over(kind, id, limit=len(ended))]
                if ids != [each.id for each in ended if each.is_over]:
                    over[kind] = ids
        clock = clock.moved_to(wall, clock.now(wall))
        blobs = await self.accounts.store.blobs.all(id)
        return SavedAccount(id, clock, records, blobs, over, in_flight)

    # In

    async def restore(self, state: SavedState, wall: float) -> Restored:
        """Put accounts in place of those with their ids, or the whole server; all or nothing.

        The time of each goes on from the moment at which it was saved. With the whole server, all
        other accounts are deleted, except the ready-made one. Raises Conflict where another
        account has something with the same id, or the same credential.
        """
        accounts, whole = self.accounts, state.server is not None
        ids = {each.id for each in state.accounts}
        async with AsyncExitStack() as stack:
            server = await stack.enter_async_context(accounts.store.transaction(SERVER))
            known = {each.id: each for each in await server.list(Account)}
            kept = ids | _made_by_scenarios(state.accounts)
            deleted = [
                id
                for id, each in known.items()
                if id not in ids
                and not each.ready_made
                and (whole or (each.owner in ids and id not in kept))
            ]
            if len(known.keys() | ids) - len(deleted) > accounts.defaults.keep_accounts:
                raise Conflict(
                    f"the server keeps at most {accounts.defaults.keep_accounts} accounts"
                    " (--keep-accounts)"
                )
            made = state.made if whole else max(state.made, await accounts.made(server))
            incarnation = await accounts.count(server, made=made, incarnations=len(ids))
            # The last one that is opened is committed first, and is the oldest from then on.
            transactions = {
                each.id: await stack.enter_async_context(accounts.store.transaction(each.id))
                for each in reversed(state.accounts)
            }
            for number, saved in enumerate(state.accounts):
                tx = transactions[saved.id]
                await self._refuse_taken(tx, saved, deleted)
                new = self._goes_on(saved, incarnation - number, wall)
                await self._put(tx, new, keeps_age=not whole)
            if state.server is not None:
                await self._put(server, state.server)
                if state.server.clock is not None:
                    clock = _anchored(state.server.clock, wall)
                    await server.put(ServerClock(SERVER, SERVER, clock))
            for id in deleted:
                await accounts.store.drop(id)
        for id in (*ids, *deleted):
            accounts.forget(id)
        await accounts.scenarios.open()
        replaced = [id for id in ids if id in known]
        return Restored(sorted(ids - known.keys()), sorted(replaced), deleted)

    def _goes_on(self, saved: SavedAccount, incarnation: int, wall: float) -> SavedAccount:
        """Return the account as it goes on in this server."""
        account, first = saved.only(Account), saved.only(InitialAccount)
        ready_made = saved.id == self.accounts.ready_made.id
        changed = replace(account, ready_made=ready_made, incarnation=incarnation)
        if saved.clock is not None:
            changed = replace(changed, clock=_anchored(saved.clock, wall))
        first = replace(first, first=replace(first.first, ready_made=ready_made))
        records = dict(saved.records) | {Account: [changed], InitialAccount: [first]}
        if Delivery in records:
            records[Delivery] = [_unclaimed(each) for each in records[Delivery]]
        return replace(saved, records=records)

    async def _refuse_taken(
        self, tx: Transaction, saved: SavedAccount, deleted: Collection[str]
    ) -> None:
        for kind, records in saved.records.items():
            for record in records:
                known = await tx.get(kind, record.id)
                if known is None or known.account == saved.id or known.account in deleted:
                    continue
                what = f"the {kind.__name__} {record.id!r}"
                if kind is Credential:
                    what = f"the credential {record.id.partition(':')[0]}"
                raise Conflict(f"account {known.account} has {what} of account {saved.id} already")

    async def _put(self, tx: Transaction, saved: SavedAccount, *, keeps_age: bool = False) -> None:
        """Write the records in place of those that are there."""
        for kind in self.kinds.values():
            if not (keeps_age and kind is Account):
                await tx.clear(kind)
        await tx.clear_blobs()
        for records in saved.records.values():
            for record in records:
                await tx.put(record)
        for kind, ids in saved.over.items():
            await tx.order_over(kind, ids)
        for id, data in saved.blobs:
            await tx.put_blob(id, data)

    # Forks

    async def fork(
        self, id: str, spec: AccountSpec, wall: float, finish: Finish
    ) -> tuple[Account, Renaming, SavedAccount]:
        """Make an account that goes on from the state of another one, with its own credentials.

        `finish` does long work with pauses. Returns the new account, its new ids, and the state
        that it goes on from.
        """
        saved = await self.save(id, wall)
        account = await self.accounts.create(spec, wall)
        try:
            renaming = Renaming(id, account.id, account.credentials.secret)
            for kind, records in saved.records.items():
                for record in records if kind not in _OWN else ():
                    await renaming.add(self.accounts.store, kind, record.id)
            copied = await finish(_copied(saved, account, renaming))
            await self.restore(SavedState([copied]), wall)
        except BaseException:
            with suppress(NotFound):
                await self.accounts.delete(account.id)
            raise
        return await self.accounts.find(account.id), renaming, saved


def _copied(saved: SavedAccount, account: Account, renaming: Renaming) -> Paced[SavedAccount]:
    """Make the state of a new account, whose identity stays its own, out of a saved one."""
    own: dict[str, Any] = {name: getattr(account, name) for name in ("id", "number", "credentials")}
    if account.name:
        own["name"] = account.name
    records: dict[type[Record], Sequence[Any]] = {
        Account: [replace(saved.only(Account), **own)],
        Credential: [Credential(name, account.id) for name in credential_ids(account.credentials)],
    }
    for kind, found in saved.records.items():
        if kind in _OWN:
            continue
        copies: list[Any] = []
        records[kind] = copies
        accounts = [each.name for each in fields(type(found[0])) if each.type is Account]
        for record in found:
            copy = renaming.copy(record)
            if accounts:  # as it was before
                inner = {name: replace(getattr(copy, name), **own) for name in accounts}
                copy = replace(copy, **inner)
            copies.append(copy)
            if len(copies) % _AT_ONCE == 0:
                yield
    blobs = [(renaming.id(id), data) for id, data in saved.blobs]
    # The clock of the new account is a copy, or the server's, which it follows too.
    over = {kind: [renaming.id(id) for id in ids] for kind, ids in saved.over.items()}
    return SavedAccount(account.id, None, records, blobs, over)


def _made_by_scenarios(accounts: Iterable[SavedAccount]) -> set[str]:
    runs = (run for saved in accounts for run in saved.records.get(ScenarioRun, ()))
    return {id for run in runs if run.stopped_at is None for id in run.accounts.values()}


def _anchored(clock: Clock, wall: float) -> Clock:
    """Return the clock going on now from where it stood when it was saved."""
    return replace(clock, wall_anchor=wall)


def _unclaimed(delivery: Delivery) -> Delivery:
    """Return the notice as nobody sends it; what was under way cannot be carried."""
    return replace(delivery, claim="", claimed_until=0.0) if delivery.claim else delivery
