"""What only the keeper of the mock may do: make and end worlds, move their clocks, count money."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Sequence
from decimal import Decimal
from typing import Literal

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
    Progression,
    credential_ids,
)
from mock_server.core.clock import Clock
from mock_server.core.credits import ZERO, Entry, TopUp, Wallet
from mock_server.core.errors import Conflict, Invalid, NotFound
from mock_server.core.jobs.due import apply_due, wallet_of
from mock_server.core.jobs.job import Job, JobState
from mock_server.core.jobs.queue import QueueState
from mock_server.core.jobs.service import JobService, RequestKey, ServerClock
from mock_server.core.ledger import entries
from mock_server.core.models import OwnModel
from mock_server.core.outbox import Delivery
from mock_server.core.rate_limit import Window
from mock_server.core.resources import Resource, shared_upload
from mock_server.core.session_transitions import count_all_work, expire_sessions, forget_lost
from mock_server.core.sessions import Session, SessionEndReason
from mock_server.core.store import Record, Transaction
from mock_server.core.tokens import Token, TokenHistory

# What `reset(only=…)` can name, and the records behind each name.
PARTS: dict[str, tuple[type[Record], ...]] = {
    "jobs": (Job, RequestKey, QueueState, Delivery),
    "credits": (Wallet, TopUp),
    "uploads": (Resource, OwnModel),
    "limits": (Window,),
    "clock": (),
    "callbacks": (Delivery,),
    "tokens": (Token, TokenHistory, Session),
    "sessions": (Session,),
}

# A clock that goes back takes along what it has stamped: a job cannot have ended in the future.
STAMPED: tuple[type[Record], ...] = (
    Job,
    RequestKey,
    QueueState,
    Delivery,
    Resource,
    OwnModel,
    Window,
    Token,
    TokenHistory,
    Session,
)

# Ids stand in paths, and in front of a slash in the ids of other records.
_ACCOUNT_ID = re.compile(r"[!-.0-~]{1,100}")


class AccountSpec(Struct, frozen=True):
    """What may be wished for a new account; what is left out is made up or is the default."""

    id: str = ""
    name: str = ""
    seed: int | None = None
    balance: Decimal | None = None
    limits: Limits | None = None
    progress: Progression | None = None
    slots: int | None = None
    events_url: str = ""
    clock_start: float | None = None
    clock_rate: float | None = None
    app_id: str = ""
    public_key: str = ""
    token: str = ""
    key: str = ""
    secret: str = ""
    ready_made: bool = False


class AccountDefaults(Struct, frozen=True):
    """What new worlds begin with. `keys` gives the n-th test key pair: private, public PEM.

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
    """How many accounts were ever made."""

    id: str
    account: str
    made: int


class Event(Struct, frozen=True):
    """Something that time did to a job, a session or a token; `id` says to which.

    `state` is a job's new one, or why a session or token is over.
    """

    at: float
    account: str
    kind: Literal["job", "session", "token"]
    id: str
    state: JobState | SessionEndReason


class AccountService:
    """Accounts, clocks, resets and ledgers over the studio's home for state."""

    def __init__(
        self, job_service: JobService, defaults: AccountDefaults, ready_made: AccountSpec
    ) -> None:
        self.job_service = job_service
        self.store = job_service.store
        self.defaults = defaults
        self.ready_made = ready_made

    async def open(self, wall: float) -> Account:
        """Lay out the seeded start: the server's clock and the ready-made account."""
        known = await self.store.get(Account, self.ready_made.id)
        if known is not None:
            return known
        await self._put_server_clock(self._first_clock(wall))
        async with self.store.transaction(SERVER) as tx:
            for id in self.defaults.shared_uploads:
                await tx.put(shared_upload(id))
        return await self.create(self.ready_made, wall)

    # Accounts

    async def create(self, wish: AccountSpec, wall: float) -> Account:
        """Make a world; an id or credential that is taken raises Conflict.

        The oldest worlds make room for it, but never the ready-made one.
        """
        async with self.store.transaction(SERVER) as tx:
            counter = await tx.get(AccountCounter, SERVER) or AccountCounter(SERVER, SERVER, 0)
            number = counter.made
            while not wish.id and await tx.get(Account, f"account-{number}") is not None:
                number += 1  # Somebody wished for that id.
            account = self._account(wish, number, wall)
            await tx.put(replace(counter, made=number + 1))
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
            surplus = await tx.count(Account) - self.defaults.keep_accounts
            oldest = await tx.list(Account, limit=surplus + 1) if surplus > 0 else ()
        spare = [old.id for old in oldest if not old.ready_made and old.id != account.id]
        for id in spare[: max(0, surplus)]:
            await self.store.drop(id)
        return account

    async def find(self, id: str) -> Account:
        """Return the account, or raise NotFound."""
        account = await self.job_service.owner(id)
        if account is None:
            raise NotFound("account", id)
        return account

    async def all(self) -> Sequence[Account]:
        """Return every account, the oldest first."""
        return await self.store.list(Account)

    async def change(self, account: Account) -> Account:
        """Write an account with other limits, clock, progress or slots."""
        async with self.store.transaction(account.id) as tx:
            await tx.put(account)
        return account

    async def apply_due(self, account: Account, now: float) -> None:
        """Write down what has fallen due in a world, before somebody lists what is in it."""
        async with self.store.transaction(account.id) as tx:
            await apply_due(tx, account, self.job_service.rules.slots, now)
            await expire_sessions(tx, account, now)

    async def delete(self, id: str) -> None:
        """End a world; the ready-made one can only be reset."""
        account = await self.find(id)
        if account.ready_made:
            raise Conflict("the ready-made account cannot be deleted; reset it instead")
        await self.store.drop(id)

    # Clocks

    async def clock(self, account: Account | None) -> Clock:
        """Return the account's clock, or the server's."""
        if account is not None and account.clock is not None:
            return account.clock
        server = await self.store.get(ServerClock, SERVER)
        if server is None:
            raise NotFound("server clock")
        return server.clock

    async def set_clock(self, account: Account | None, clock: Clock) -> Clock:
        """Put a clock in place; an account that followed the server has its own from here on."""
        if account is None:
            await self._put_server_clock(clock)
        else:
            await self.change(replace(account, clock=clock))
        return clock

    async def advance(
        self, account: Account | None, wall: float, to: float | None
    ) -> tuple[Clock, list[Event]]:
        """Move a clock to a moment (None: to the next event) and let what falls due happen.

        Returns the clock and what happened, in order.
        """
        followers = [account] if account is not None else await self._followers()
        clock = await self.clock(account)
        before = clock.now(wall)
        if to is None:
            to = await self._next_moment(followers, before)
            if to is None:
                return clock, []
        clock = await self.set_clock(account, clock.moved_to(wall, to))
        fired: list[Event] = []
        for each in followers:
            async with self.store.transaction(each.id) as tx:
                open_before = [job.id for job in await _open_jobs(tx, each)]
                await apply_due(tx, each, self.job_service.rules.slots, to)
                for id in open_before:
                    job = await tx.get(Job, id)
                    if job is not None:
                        fired.extend(_events(job, before, to))
                fired.extend(_expiries("session", await expire_sessions(tx, each, to), before))
                fired.extend(_expiries("token", await tx.due(Token, each.id, to), before))
        return clock, sorted(fired, key=lambda event: (event.at, event.id))

    # Resets

    async def reset(
        self, account: Account | None, only: Collection[str], wall: float
    ) -> list[Account]:
        """Bring one world, or the whole server, back to its seeded start; return what is left.

        `only` names PARTS; with none of them everything goes, and a server forgets the accounts
        that were made. Jobs that are forgotten hold no credits any more; what they had been charged
        stays charged unless the credits go too. Jobs that are kept go on holding theirs. Where a
        clock goes back, what it has STAMPED is forgotten as well.
        """
        unknown = set(only) - PARTS.keys()
        if unknown:
            raise Invalid("only", f"knows {', '.join(PARTS)}; found {', '.join(sorted(unknown))}")
        if account is not None:
            return [await self._reset_account(account, only, wall, await self.clock(None))]
        if only:
            server = self._first_clock(wall) if "clock" in only else await self.clock(None)
            left = [
                await self._reset_account(each, only, wall, server) for each in await self.all()
            ]
            await self._put_server_clock(server)
            return left
        for each in await self.all():
            await self.store.drop(each.id)
        await self.store.drop(SERVER)
        return [await self.open(wall)]

    # Money

    async def set_balance(
        self, account: Account, now: float, *, to: Decimal | None, by: Decimal, reason: str
    ) -> Wallet:
        """Change what can be spent, to an amount or by one; it cannot become negative."""
        async with self.store.transaction(account.id) as tx:
            await apply_due(tx, account, self.job_service.rules.slots, now)
            wallet = await wallet_of(tx, account)
            change = by if to is None else to - wallet.balance
            if change < ZERO and wallet.balance + change < ZERO:
                raise Invalid("balance", f"cannot become negative: {wallet.balance + change}")
            wallet = wallet.top_up(change)
            serial = await tx.count(TopUp, account.id) + 1
            await tx.put(TopUp(f"{account.id}/{serial}", account.id, now, change, reason))
            await tx.put(wallet)
            return wallet

    async def ledger(self, account: Account, now: float) -> tuple[Wallet, list[Entry]]:
        """Return the sums and every line that made them, the oldest first."""
        async with self.store.transaction(account.id) as tx:
            await apply_due(tx, account, self.job_service.rules.slots, now)
            wallet = await wallet_of(tx, account)
            jobs = await tx.list(Job, account.id)
            return wallet, entries(wallet, jobs, await tx.list(TopUp, account.id))

    # Inside

    def _account(self, wish: AccountSpec, number: int, wall: float) -> Account:
        id = wish.id or f"account-{number}"
        if id == SERVER or not _ACCOUNT_ID.fullmatch(id):
            raise Invalid("id", f"must be 1 to 100 ASCII characters but no blank or /: {id!r}")
        opening = self.defaults.balance if wish.balance is None else wish.balance
        if opening < ZERO:
            raise Invalid("balance", f"must not be negative, found {opening}")
        seed = chance.number(self.defaults.seed, id) >> 11 if wish.seed is None else wish.seed
        private_key, public_key = ("", wish.public_key)
        if not public_key:
            private_key, public_key = self.defaults.keys(number)

        def made_up(what: str, digits: int) -> str:
            secret = f"tams-mock/{self.defaults.seed}"
            return chance.mac(secret, what, id, number, hex_digits=digits)

        clock = None
        if wish.clock_start is not None or wish.clock_rate is not None:
            rate = 1.0 if wish.clock_rate is None else wish.clock_rate
            clock = Clock.at(wall, start=wish.clock_start, rate=rate)
        return Account(
            id=id,
            number=number,
            seed=seed,
            opening=opening,
            credentials=Credentials(
                app_id=wish.app_id or made_up("app", 10)[:9],
                token=wish.token or made_up("token", 32),
                key=wish.key or made_up("key", 16),
                secret=wish.secret or made_up("secret", 32),
                public_key=public_key,
                private_key=private_key,
            ),
            name=wish.name,
            limits=wish.limits or self.defaults.limits,
            clock=clock,
            progress=wish.progress,
            slots=wish.slots,
            events_url=wish.events_url,
            ready_made=wish.ready_made,
        )

    async def _reset_account(
        self, account: Account, only: Collection[str], wall: float, server: Clock
    ) -> Account:
        """Bring back the parts; `server` is the clock that followers will have afterwards."""
        parts = only or PARTS
        now = await self.job_service.now(account, wall)
        async with self.store.transaction(account.id) as tx:
            await apply_due(tx, account, self.job_service.rules.slots, now)
            await expire_sessions(tx, account, now)
            await count_all_work(tx, account)
            initial = await tx.get(InitialAccount, account.id)
        first = account if initial is None else initial.spec
        if "clock" in parts:
            clock = first.clock and replace(first.clock, wall_anchor=wall)
            account = replace(account, clock=clock)
        if "limits" in parts:
            account = replace(account, limits=first.limits)
        if not only:
            account = replace(first, clock=account.clock)
        kinds = {kind for part in parts for kind in PARTS[part]}
        if (account.clock or server).now(wall) < now:
            kinds.update(STAMPED)
        await self.store.drop(account.id, list(kinds))
        if Resource in kinds:
            await self.store.blobs.drop(account.id)
        async with self.store.transaction(account.id) as tx:
            await tx.put(account)
            await forget_lost(tx, account)
            wallet = await wallet_of(tx, account)
            jobs = await tx.list(Job, account.id)
            held = sum((job.price for job in jobs if job.ending is None), ZERO)
            if held != wallet.held:
                await tx.put(replace(wallet, held=held))
        return account

    def _first_clock(self, wall: float) -> Clock:
        return Clock.at(wall, start=self.defaults.clock_start, rate=self.defaults.clock_rate)

    async def _put_server_clock(self, clock: Clock) -> None:
        async with self.store.transaction(SERVER) as tx:
            await tx.put(ServerClock(SERVER, SERVER, clock))

    async def _followers(self) -> list[Account]:
        return [account for account in await self.all() if account.clock is None]

    async def _next_moment(self, accounts: Sequence[Account], after: float) -> float | None:
        moments: list[float] = []
        for account in accounts:
            async with self.store.transaction(account.id) as tx:
                await apply_due(tx, account, self.job_service.rules.slots, after)
                for job in await _open_jobs(tx, account):
                    moments.extend(moment for moment, _ in job.moments() if moment > after)
                others: list[Delivery | Session | Token] = [
                    *await tx.due(Delivery, account.id, float("inf")),
                    *await tx.due(Session, account.id, float("inf")),
                    *await tx.due(Token, account.id, float("inf")),
                ]
                dues = (each.due_at for each in others)
                moments.extend(due_at for due_at in dues if due_at is not None and due_at > after)
        return min(moments, default=None)


async def _open_jobs(tx: Transaction, account: Account) -> Sequence[Job]:
    return await tx.due(Job, account.id, float("inf"))


def _events(job: Job, after: float, until: float) -> list[Event]:
    return [
        Event(moment, job.account, "job", job.id, state)
        for moment, state in job.moments()
        if after < moment <= until
    ]


def _expiries(
    kind: Literal["session", "token"], expired: Sequence[Session | Token], after: float
) -> list[Event]:
    return [
        Event(each.expires_at, each.account, kind, each.id, SessionEndReason.EXPIRED)
        for each in expired
        if each.expires_at is not None and each.expires_at > after
    ]
