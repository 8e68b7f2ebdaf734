"""Accounts: act on one, find it by what a caller shows, make and delete it, move its clock."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import suppress
from decimal import Decimal

from msgspec import Struct
from msgspec.structs import replace

from mock_server.core import chance
from mock_server.core.accounts import (
    SERVER,
    Account,
    Credential,
    Credentials,
    InitialAccount,
    Limits,
    OwnSettings,
    credential_ids,
)
from mock_server.core.clock import Clock
from mock_server.core.credits import ZERO, Wallet
from mock_server.core.errors import AccountGone, Conflict, Invalid, NotFound
from mock_server.core.events import DueRecords, Event
from mock_server.core.fault_rules import FaultCounter, FaultRule
from mock_server.core.jobs.due import apply_job
from mock_server.core.jobs.job import Job
from mock_server.core.jobs.plans import JobRules
from mock_server.core.outbox import Delivery
from mock_server.core.resources import Resource, shared_upload
from mock_server.core.scenarios import OwnScenario, ScenarioService, ScenarioStep
from mock_server.core.store import Store, Transaction, View
from mock_server.core.unit_of_work import ServerClock, UnitOfWork

# Ids stand in paths, and in front of a slash in the ids of other records.
_ACCOUNT_ID = re.compile(r"[!-.0-~]{1,100}")


class AccountSpec(Struct, frozen=True):
    """What may be asked for in a new account; the rest is generated or is the default."""

    id: str = ""
    name: str = ""
    seed: int | None = None
    balance: Decimal | None = None
    limits: Limits | None = None
    settings: OwnSettings = ()
    clock_start: float | None = None
    clock_rate: float | None = None
    app_id: str = ""
    public_key: str = ""
    token: str = ""
    key: str = ""
    secret: str = ""
    ready_made: bool = False
    owner: str = ""


class AccountDefaults(Struct, frozen=True):
    """What new accounts begin with. `keys` gives the n-th test key pair: private, public PEM.

    `shared_uploads` are ids of pictures that every account finds uploaded already.
    """

    balance: Decimal
    limits: Limits
    seed: int
    keys: Callable[[int], tuple[str, str]]
    keep_accounts: int
    shared_uploads: tuple[str, ...] = ()
    clock_start: float | None = None
    clock_rate: float = 1.0


class AccountCounter(Struct, frozen=True):
    """How many accounts were made since the last reset of the server, and incarnations ever."""

    id: str
    account: str
    made: int = 0
    incarnations: int = 0


class AccountService:
    """All accounts of a server, over one store.

    `own_rules` are the rules of accounts with settings of their own. `due` is the registry of what
    falls due. `on_callbacks` is called with an account's id after a commit that may have made
    callbacks due, or due sooner, and `on_gone` with that of an account that was deleted.
    """

    def __init__(
        self,
        store: Store,
        rules: JobRules,
        defaults: AccountDefaults,
        ready_made: AccountSpec,
        own_rules: Callable[[OwnSettings], JobRules] | None = None,
    ) -> None:
        self.store = store
        self.rules = rules
        self.own_rules = own_rules or (lambda own: rules)
        self.defaults = defaults
        self.ready_made = ready_made
        self.due = DueRecords()
        self.due.register(Job, apply_job)
        self.due.register(Delivery)
        self.due.register(ScenarioStep)
        self.scenarios = ScenarioService(self)
        self.on_callbacks: Callable[[str], None] = lambda account: None
        self.on_gone: Callable[[str], object] = lambda account: None
        self.latest: dict[str, float] = {}  # the time of each account at its last unit of work

    async def open(self, wall: float) -> Account:
        """Make what every server begins with: its clock, shared uploads, the ready-made account.

        Callbacks, and jobs that may have some, are picked up in a store that was used before.
        """
        await self.scenarios.open()
        due = [id for kind in self.due.all for id in await self.store.accounts_due(kind)]
        for id in dict.fromkeys(due):
            self.on_callbacks(id)
        async with self.store.transaction(SERVER) as tx:
            known = await tx.get(Account, self.ready_made.id)
            return known or await self._begin(tx, wall)

    async def start_anew(self, wall: float) -> Account:
        """Delete everything, and make what every server begins with."""
        async with self.store.transaction(SERVER) as tx:
            for each in await tx.list(Account):
                await self.store.drop(each.id)
            self.latest.clear()
            self.scenarios.running.clear()
            for kind in (Resource, FaultRule, FaultCounter, OwnScenario):
                await tx.clear(kind)
            # What is under way must not take a new account for the one that it began with.
            await self.count(tx, made=0)
            return await self._begin(tx, wall)

    async def _begin(self, tx: Transaction, wall: float) -> Account:
        await tx.put(ServerClock(SERVER, SERVER, self.first_clock(wall)))
        for id in self.defaults.shared_uploads:
            await tx.put(shared_upload(id))
        return await self.make(tx, self.ready_made, wall)

    # One account

    def act(self, id: str, wall: float, incarnation: int | None = None) -> UnitOfWork:
        """Open a unit of work: `async with accounts.act(id, wall) as world`.

        Raises AccountGone for an account that does not exist, or was reset or deleted since the
        `incarnation`.
        """
        return UnitOfWork(self, id, wall, incarnation)

    async def get(self, id: str) -> Account | None:
        return await self.store.get(Account, id)

    async def find(self, id: str) -> Account:
        """Return the account, or raise NotFound."""
        account = await self.get(id)
        if account is None:
            raise NotFound("account", id)
        return account

    async def by_credential(self, credential: str) -> Account | None:
        """Return whose credential this is, by its `credential_id`."""
        found = await self.store.get(Credential, credential)
        if found is None or found.revoked:
            return None
        return await self.store.get(Account, found.account)

    async def all(self) -> Sequence[Account]:
        """Return every account, the oldest first."""
        return await self.store.list(Account)

    async def now(self, account: Account | None, wall: float) -> float:
        """Return the virtual time of an account, or of the server, without applying what is due."""
        now = (await self.clock(account)).now(wall)
        return now if account is None else min(now, self.scenarios.held.get(account.id, now))

    # Making and deleting

    async def create(self, spec: AccountSpec, wall: float) -> Account:
        """Make an account; an id or credential that is taken raises Conflict.

        The oldest accounts make room for it, but never a ready-made one.
        """
        async with self.store.transaction(SERVER) as tx:
            account = await self.make(tx, spec, wall)
            surplus = await self.surplus(tx, {account.id})
        for id in surplus:
            await self.drop(id)
        return account

    async def surplus(self, tx: Transaction, needed: Collection[str]) -> list[str]:
        """Return the oldest accounts that are too many, but never ready-made or needed ones."""
        number = await tx.count(Account) - self.defaults.keep_accounts
        if number <= 0:
            return []
        spare = (each for each in await tx.list(Account) if not each.ready_made)
        return [each.id for each in spare if each.id not in needed][:number]

    async def drop(self, id: str) -> bool:
        """Forget an account, and those that its scenario made; return whether it was there."""
        made = self.scenarios.made_for(id)
        was_there = await self.store.drop(id)
        self.forget(id)
        self.on_gone(id)
        for each in made:
            await self.drop(each)
        return was_there

    async def make(self, tx: Transaction, spec: AccountSpec, wall: float) -> Account:
        """Make an account in a transaction of the server; what is taken raises Conflict."""
        number = await self.made(tx)
        while not spec.id and await tx.get(Account, f"account-{number}") is not None:
            number += 1  # Another account was made with that id.
        account = self._account(spec, number, wall)
        incarnation = await self.count(tx, made=number + 1, incarnations=1)
        account = replace(account, incarnation=incarnation)
        if await tx.get(Account, account.id) is not None:
            raise Conflict(f"there is an account {account.id!r} already")
        names = credential_ids(account.credentials)
        for name in names:
            if await tx.get(Credential, name) is not None:
                raise Conflict(f"another account has the credential {name.split(':')[0]} of it")
        await tx.put(account)
        await tx.put(InitialAccount(account.id, account.id, account))
        for name in names:
            await tx.put(Credential(name, account.id))
        return account

    async def change_credentials(
        self, id: str, wall: float, change: Callable[[Credentials, int], Credentials]
    ) -> tuple[Account, Wallet]:
        """Give an account other credentials; the old ones are refused from then on.

        `change` gets the credentials, and a number that no account had before. An empty credential
        is revoked. Raises Conflict for one that another account has or had.
        """
        await self.scenarios.catch_up(id, wall)
        with self.scenarios.paused(id):
            async with self.store.transaction(SERVER) as tx, self.act(id, wall) as world:
                number = await self.made(tx)
                await self.count(tx, made=number + 1)
                account = world.account
                changed = replace(account, credentials=change(account.credentials, number))
                await point_credentials(world.tx, account, changed)
                await world.change_account(changed)
                return changed, await world.wallet()

    def new_credential(self, kind: str, id: str, number: int) -> str:
        """Return a credential that follows from the seed: an app, token, key or secret."""
        digits = {"app": 10, "token": 32, "key": 16, "secret": 32}[kind]
        secret = f"tams-mock/{self.defaults.seed}"
        made = chance.mac(secret, kind, id, number, hex_digits=digits)
        return made[:9] if kind == "app" else made

    async def delete(self, id: str) -> None:
        """Delete an account; a ready-made one can only be reset."""
        account = await self.find(id)
        if account.ready_made:
            raise Conflict("a ready-made account cannot be deleted; reset it instead")
        if not await self.drop(id):
            raise NotFound("account", id)  # It was deleted meanwhile.

    async def new_incarnation(self) -> int:
        """Return a number that no account had before."""
        async with self.store.transaction(SERVER) as tx:
            return await self.count(tx, incarnations=1)

    async def made(self, view: View) -> int:
        """Return how many accounts were made since the last reset of the server."""
        counter = await view.get(AccountCounter, SERVER)
        return 0 if counter is None else counter.made

    async def count(
        self, tx: Transaction, *, made: int | None = None, incarnations: int = 0
    ) -> int:
        """Note how many accounts were made, and new incarnations; return the last of those."""
        counter = await tx.get(AccountCounter, SERVER) or AccountCounter(SERVER, SERVER)
        last = counter.incarnations + incarnations
        await tx.put(
            replace(counter, made=counter.made if made is None else made, incarnations=last)
        )
        return last

    def forget(self, id: str) -> None:
        """Forget what is known of an account that is another one now, or is gone."""
        self.latest.pop(id, None)
        self.scenarios.running.pop(id, None)

    # Clocks

    async def clock(self, account: Account | None) -> Clock:
        """Return the clock that an account has or follows, or the server's."""
        if account is not None and account.owner and account.clock is None:
            account = await self.get(account.owner)
        if account is not None and account.clock is not None:
            return account.clock
        return await self._server_clock(self.store)

    async def change_clock(
        self, id: str | None, wall: float, change: Callable[[Clock], Clock]
    ) -> Clock:
        """Change an account's clock, or the server's; return it.

        An account that followed the server has a clock from here on.
        """
        if id is not None:
            async with self.act(id, wall) as world:
                await world.set_clock(world.clock_after(change))
                return world.clock
        await self.scenarios.catch_up_all(wall)
        async with self.store.transaction(SERVER) as tx:
            clock = change(await self._server_clock(tx))
            await tx.put(ServerClock(SERVER, SERVER, clock))
        return clock

    async def advance(
        self, id: str | None, wall: float, move: Callable[[Clock], Clock] | None = None
    ) -> list[Event]:
        """Move a clock ahead, or (without `move`) to the next thing that falls due.

        Returns what happened on the way, in order.
        """
        if id is not None:
            _, *others = await self.followers(id)
            moment = None if move else await self._next_moment(others, wall)
            async with self.act(id, wall) as world:
                if move is None:
                    own = await world.next_moment()
                    moments = [each for each in (own, moment) if each is not None]
                    if not moments:
                        return []
                    move = _to(wall, min(moments))
                clock, before = world.clock_after(move), world.now
                if id not in self.scenarios.running:
                    return await world.advance(clock)
                # It is still the moment before, and steps of its scenario may come in between.
                await world.change_account(replace(world.account, clock=clock))
                world.callbacks_changed = True
            return await self._happened([id, *others], before, wall)
        await self.scenarios.catch_up_all(wall)
        followers = await self.followers(None)
        async with self.store.transaction(SERVER) as tx:
            clock = await self._server_clock(tx)
            if move is None:
                moment = await self._next_moment(followers, wall)
                if moment is None:
                    return []
                move = _to(wall, moment)
            before = clock.now(wall)
            await tx.put(ServerClock(SERVER, SERVER, move(clock)))
        return await self._happened(followers, before, wall)

    async def followers(self, id: str | None) -> list[str]:
        """Return whose time the clock of an account shows, or the server's."""
        if id is None:
            known = {each.id: each for each in await self.all()}
            return [
                id
                for id, each in known.items()
                if each.clock is None and getattr(known.get(each.owner), "clock", None) is None
            ]
        made = [await self.get(each) for each in self.scenarios.made_for(id)]
        return [id, *(each.id for each in made if each is not None and each.clock is None)]

    async def _happened(self, ids: Iterable[str], after: float, wall: float) -> list[Event]:
        """Bring accounts up to date; return what happened after the moment."""
        events: list[Event] = []
        for each in ids:
            with suppress(AccountGone):
                async with self.act(each, wall) as world:
                    events += [event for event in world.events if event.at > after]
        return sorted(events, key=lambda event: (event.at, event.id))

    async def _next_moment(self, ids: Sequence[str], wall: float) -> float | None:
        moments: list[float] = []
        for id in ids:
            with suppress(AccountGone):
                async with self.act(id, wall) as world:
                    if world.account.clock is not None:
                        continue  # It does not follow the server's clock any longer.
                    moment = await world.next_moment()
                if moment is not None:
                    moments.append(moment)
        return min(moments, default=None)

    async def _server_clock(self, view: View) -> Clock:
        server = await view.get(ServerClock, SERVER)
        if server is None:
            raise NotFound("server clock")
        return server.clock

    def first_clock(self, wall: float) -> Clock:
        """Return the clock that the server begins with."""
        return Clock.at(wall, start=self.defaults.clock_start, rate=self.defaults.clock_rate)

    def _account(self, spec: AccountSpec, number: int, wall: float) -> Account:
        id = spec.id or f"account-{number}"
        check_id(id, "id")
        opening = self.defaults.balance if spec.balance is None else spec.balance
        if opening < ZERO:
            raise Invalid("balance", f"must not be negative, found {opening}")
        seed = chance.number(self.defaults.seed, id) >> 11 if spec.seed is None else spec.seed
        private_key, public_key = ("", spec.public_key)
        if not public_key:
            private_key, public_key = self.defaults.keys(number)

        def generated(kind: str) -> str:
            return self.new_credential(kind, id, number)

        clock = None
        if spec.clock_start is not None or spec.clock_rate is not None:
            rate = 1.0 if spec.clock_rate is None else spec.clock_rate
            clock = Clock.at(wall, start=spec.clock_start, rate=rate)
        return Account(
            id=id,
            number=number,
            seed=seed,
            opening=opening,
            credentials=Credentials(
                app_id=spec.app_id or generated("app"),
                token=spec.token or generated("token"),
                key=spec.key or generated("key"),
                secret=spec.secret or generated("secret"),
                public_key=public_key,
                private_key=private_key,
            ),
            name=spec.name,
            limits=spec.limits or self.defaults.limits,
            clock=clock,
            settings=spec.settings,
            ready_made=spec.ready_made,
            owner=spec.owner,
        )


async def point_credentials(tx: Transaction, account: Account, changed: Account) -> None:
    """Let the credentials of a changed account lead to it, and those that it had no longer."""
    names = credential_ids(changed.credentials)
    for name in names:
        known = await tx.get(Credential, name)
        if known is not None and known.account != account.id:
            raise Conflict(f"another account has or had the credential {name.split(':')[0]} of it")
    for name in {*credential_ids(account.credentials), *names}:
        await tx.put(Credential(name, account.id, revoked=name not in names))


def check_id(id: str, field: str) -> None:
    """Raise Invalid for a text that cannot be the id of an account."""
    if id == SERVER or not _ACCOUNT_ID.fullmatch(id):
        raise Invalid(field, f"must be 1 to 100 ASCII characters but no blank or /: {id!r}")


def _to(wall: float, moment: float) -> Callable[[Clock], Clock]:
    return lambda clock: clock.moved_to(wall, max(moment, clock.now(wall)))
