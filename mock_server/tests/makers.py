"""Small makers: what a test does not care about is made up here."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import AbstractAsyncContextManager
from decimal import Decimal
from functools import partial
from random import Random
from typing import Any, TypeVar

from msgspec.structs import replace

from mock_server.core.account_service import AccountDefaults, AccountService, AccountSpec
from mock_server.core.accounts import Account, Credentials, Limits, OwnSettings, Progression
from mock_server.core.clock import Clock
from mock_server.core.credits import Entry, Wallet
from mock_server.core.jobs.job import Job, Order
from mock_server.core.jobs.plans import PROFILES, JobRules, Pass, Plan, Planner, Work
from mock_server.core.jobs.service import Snapshot
from mock_server.core.ledger import entries, records_of, set_balance
from mock_server.core.resets import ResetService
from mock_server.core.resources import Resource
from mock_server.core.state_documents import read, written
from mock_server.core.states import Restored, SavedState, StateService
from mock_server.core.store import Record, Store
from mock_server.core.unit_of_work import UnitOfWork
from mock_server.stores.memory import MemoryStore
from mock_server.web.auth_diagnostics.turns import finish

T = TypeVar("T")
R = TypeVar("R", bound=Record)

NOW = 1_750_000_000.0
MEMORY_PIXELS = 1024 * 1024


def run(coroutine: Coroutine[Any, Any, T]) -> T:
    """Return what a coroutine returns that never has to wait, as on the memory store."""
    try:
        coroutine.send(None)
    except StopIteration as finished:
        return finished.value  # type: ignore[no-any-return]
    coroutine.close()
    raise AssertionError("the coroutine waited for something")


def an_account(id: str = "ada", **changes: Any) -> Account:
    credentials = Credentials(f"app-{id}", f"token-{id}", f"key-{id}", f"secret-{id}")
    account = Account(id=id, number=1, seed=7, opening=Decimal(1000), credentials=credentials)
    return replace(account, **changes)


def an_order(**changes: Any) -> Order:
    return replace(Order(prompt="a lighthouse in the fog"), **changes)


def a_pass(width: int = 512, height: int = 512, steps: int = 15, **changes: Any) -> Pass:
    return Pass(changes.pop("name", "diffusion"), width, height, steps, **changes)


def some_work(*passes: Pass, **changes: Any) -> Work:
    """Return work that costs 0.6 credits for each picture, unless a price is given."""
    price = changes.pop("price", Decimal("0.6") * changes.get("count", 1))
    return Work(passes or (a_pass(),), price, **changes)


def work_that_costs(tenths: int, **changes: Any) -> Work:
    """Return work for exactly so many tenths of a credit, which takes longer if it costs more."""
    price, passes = Decimal(tenths) / 10, (Pass("diffusion", 768, 768, 2),)
    return Work(passes, price, factor=Decimal(tenths) / 5, **changes)


def too_much_for_memory() -> Work:
    return some_work(a_pass(), a_pass(2048, 2048, name="upscaler"))


def a_plan(**changes: Any) -> Plan:
    return replace(Plan(created=1.0, pending=0.0, wait=4.0, stages=(10.0,)), **changes)


def a_job(**changes: Any) -> Job:
    """A job of `a_plan`, submitted at 100: in line from 101, running from 105, over at 115."""
    plan = changes.setdefault("plan", a_plan())
    submitted_at = changes.setdefault("submitted_at", 100.0)
    job = Job(
        id=changes.get("id", "1"),
        account="ada",
        serial=1,
        order=an_order(),
        plan=plan,
        price=Decimal("0.8"),
        progress=Progression.TIME,
        submitted_at=submitted_at,
        starts_at=submitted_at + plan.lead,
        position=submitted_at,
    )
    return replace(job, **changes)


def a_picture(id: str = "picture", **changes: Any) -> Resource:
    """A picture that was uploaded long ago and is kept for ever."""
    picture = Resource(
        id=id,
        account="ada",
        made_at=0.0,
        upload_until=60.0,
        uploaded_at=1.0,
        size_bytes=4,
        format="png",
        width=8,
        height=8,
    )
    return replace(picture, **changes)


def a_planner(name: str = "short", **changes: Any) -> Planner:
    return replace(Planner(PROFILES[name], MEMORY_PIXELS), **changes)


def some_rules(**changes: Any) -> JobRules:
    return JobRules(changes.pop("planner", a_planner()), **changes)


def _rules_of(server: JobRules, own: OwnSettings) -> JobRules:
    fields = {name: value for name, value in own if name in JobRules.__struct_fields__}
    if "progress" in fields:
        fields["progress"] = Progression(str(fields["progress"]))
    return replace(server, **fields)


def an_account_service(
    store: Store | None = None,
    *,
    wall: float = NOW,
    start: float | None = None,
    rate: float = 0.0,
    keep_accounts: int = 100,
    is_open: bool = True,
    **rules: Any,
) -> AccountService:
    """Return a server whose clock stands still, with the ready-made account "ready".

    Settings of accounts have the names of rules. With another store than one in memory, the test
    opens it.
    """
    server_rules = some_rules(**rules)
    account_service = AccountService(
        store or MemoryStore(),
        server_rules,
        AccountDefaults(
            balance=Decimal(100),
            limits=Limits(),
            seed=7,
            keys=lambda number: (f"private key {number}", f"public key {number}"),
            keep_accounts=keep_accounts,
            clock_start=start,
            clock_rate=rate,
        ),
        AccountSpec(id="ready", ready_made=True),
        partial(_rules_of, server_rules),
    )
    if is_open:
        run(account_service.open(wall))
    return account_service


def loaded(
    accounts: AccountService,
    wall: float,
    into: AccountService,
    id: str | None = None,
    resets: ResetService | None = None,
) -> Restored:
    """Save the state of an account (None: of the server) as a file, and load it into a server.

    `resets` has the kinds of records of vendors.
    """
    states = StateService(accounts, resets or ResetService(accounts))
    state = run(states.save_all(wall)) if id is None else SavedState([run(states.save(id, wall))])
    data = b"".join(written(state, "a test"))
    others = StateService(into, resets or ResetService(into))
    return run(others.restore(finish(read(data, others)), wall))


def a_clock(at: float = NOW, rate: float = 0.0) -> Clock:
    return Clock.at(at, rate=rate)


class AsyncBench:
    """One-line calls on an account service: each is one unit of work at a moment of the wall.

    Accounts are stored when they are used first. Without an opened server and without a clock in
    the account, the account's time is the wall's.
    """

    def __init__(self, accounts: AccountService | None = None, **options: Any) -> None:
        self.accounts = accounts or an_account_service(**{"is_open": False} | options)
        self.store = self.accounts.store

    async def act(
        self,
        account: Account | str,
        now: float,
        body: Callable[[UnitOfWork], Awaitable[T]],
    ) -> T:
        """Do something in a unit of work; return what it returns."""
        if isinstance(account, Account):
            async with self.store.transaction(account.id) as tx:
                if await tx.get(Account, account.id) is None:
                    await tx.put(account)
            account = account.id
        async with self.accounts.act(account, now) as world:
            return await body(world)

    async def world(self, account: Account | str, now: float = NOW) -> UnitOfWork:
        """Bring the account up to date; return what the unit of work knew."""

        async def itself(world: UnitOfWork) -> UnitOfWork:
            return world

        return await self.act(account, now, itself)

    async def put(self, *records: Record) -> None:
        for record in records:
            async with self.store.transaction(record.account) as tx:
                await tx.put(record)

    async def submit(
        self,
        account: Account | str,
        work: Work | None = None,
        now: float = NOW,
        *,
        order: Order | None = None,
        **options: Any,
    ) -> Snapshot:
        order = order or an_order()
        work = work or some_work()
        return await self.act(account, now, lambda world: world.jobs.submit(order, work, **options))

    async def look(self, account: Account | str, job: str, now: float = NOW) -> Snapshot:
        return await self.act(account, now, lambda world: world.jobs.look(job))

    async def cancel(
        self, account: Account | str, job: str, now: float = NOW, **options: Any
    ) -> Snapshot:
        return await self.act(account, now, lambda world: world.jobs.cancel(job, **options))

    async def finish(
        self, account: Account | str, job: str, now: float = NOW, **options: Any
    ) -> Snapshot:
        return await self.act(account, now, lambda world: world.jobs.finish(job, **options))

    async def advance(
        self, account: Account | str, job: str, now: float = NOW, **options: Any
    ) -> Snapshot:
        """Move a job by hand."""
        return await self.act(account, now, lambda world: world.jobs.advance(job, **options))

    async def reserve(self, account: Account | str, now: float = NOW, **options: Any) -> Resource:
        options = {"upload_for": 60, "keep_for": None} | options
        return await self.act(account, now, lambda world: world.uploads.reserve(**options))

    async def keep(
        self, account: Account | str, upload: Resource, data: bytes = b"data", **options: Any
    ) -> None:
        now = upload.uploaded_at or NOW
        await self.act(account, now, lambda world: world.uploads.keep(upload, data, **options))

    async def upload(
        self,
        account: Account | str,
        now: float = NOW,
        keep_for: float | None = None,
        **changes: Any,
    ) -> Resource:
        """Reserve a place and put a picture there."""
        place = await self.reserve(account, now, keep_for=keep_for)
        changes = {"uploaded_at": now, "size_bytes": 4, "format": "png"} | changes
        picture = replace(place, **changes)
        await self.act(account, now, lambda world: world.uploads.keep(picture, b"data"))
        return picture

    async def wallet(self, account: Account | str, now: float = NOW) -> Wallet:
        return await self.act(account, now, lambda world: world.wallet())

    async def ledger(self, account: Account | str, now: float = NOW) -> tuple[Wallet, list[Entry]]:
        wallet, jobs, top_ups = await self.act(account, now, records_of)
        return wallet, entries(wallet, jobs, top_ups)

    async def set_balance(
        self, account: Account | str, now: float = NOW, *, reason: str = "test", **change: Any
    ) -> Wallet:
        return await self.act(
            account, now, lambda world: set_balance(world, reason=reason, **change)
        )

    async def admit(
        self, account: Account | str, limits: Limits, now: float = NOW, scope: str = ""
    ) -> str:
        return await self.act(account, now, lambda world: world.admit(limits, scope))

    async def kept(self, kind: type[R], account: str | None = None) -> list[R]:
        return list(await self.store.list(kind, account))

    async def get(self, kind: type[R], id: str) -> R | None:
        return await self.store.get(kind, id)


class Bench:
    """The calls of an AsyncBench on a store in memory, where none of them has to wait."""

    def __init__(self, accounts: AccountService | None = None, **options: Any) -> None:
        self.calls = AsyncBench(accounts, **options)
        self.accounts = self.calls.accounts
        self.store = self.calls.store

    def __getattr__(self, name: str) -> Callable[..., Any]:
        call = getattr(self.calls, name)
        return lambda *args, **options: run(call(*args, **options))


class HesitatingStore:
    """A store that lets all others go first before it does anything, as one on a wire may.

    With a `seed` it does so up to three times, or not at all.
    """

    def __init__(self, store: Store | None = None, *, seed: int | None = None) -> None:
        self.store = store or MemoryStore()
        self.blobs = self.store.blobs
        draws = None if seed is None else Random(seed)

        async def hesitate() -> None:
            for _ in range(1 if draws is None else draws.randrange(4)):
                await asyncio.sleep(0)

        self._hesitate = hesitate

    def view(self) -> AbstractAsyncContextManager[Any]:
        return _Hesitating(self.store.view(), self._hesitate)

    def transaction(self, account: str) -> AbstractAsyncContextManager[Any]:
        return _Hesitating(self.store.transaction(account), self._hesitate)

    def __getattr__(self, name: str) -> Any:
        return _hesitant(getattr(self.store, name), self._hesitate)


Hesitate = Callable[[], Awaitable[None]]


class _Hesitating:
    def __init__(self, opening: AbstractAsyncContextManager[Any], hesitate: Hesitate) -> None:
        self._opening = opening
        self._hesitate = hesitate

    async def __aenter__(self) -> _Hesitating:
        await self._hesitate()
        self._opened = await self._opening.__aenter__()
        return self

    async def __aexit__(self, *exc_info: Any) -> bool | None:
        try:
            await self._hesitate()
        except BaseException as error:  # It was cancelled, so it is not committed.
            await self._opening.__aexit__(type(error), error, error.__traceback__)
            raise
        return await self._opening.__aexit__(*exc_info)

    def __getattr__(self, name: str) -> Any:
        return _hesitant(getattr(self._opened, name), self._hesitate)


def _hesitant(call: Callable[..., Awaitable[Any]], hesitate: Hesitate) -> Any:
    async def hesitating(*args: Any, **options: Any) -> Any:
        await hesitate()
        return await call(*args, **options)

    return hesitating


class CountingStore:
    """A store that counts what is asked of it, by the name of the operation."""

    def __init__(self, store: Store | None = None) -> None:
        self.store = store or MemoryStore()
        self.blobs = self.store.blobs
        self.counts = Counter[str]()

    def view(self) -> AbstractAsyncContextManager[Any]:
        self.counts["view"] += 1
        return _Counting(self.store.view(), self.counts)

    def transaction(self, account: str) -> AbstractAsyncContextManager[Any]:
        self.counts["transaction"] += 1
        return _Counting(self.store.transaction(account), self.counts)

    def __getattr__(self, name: str) -> Any:
        self.counts[name] += 1
        return getattr(self.store, name)


class _Counting:
    def __init__(self, opening: AbstractAsyncContextManager[Any], counts: Counter[str]) -> None:
        self._opening = opening
        self._counts = counts

    async def __aenter__(self) -> _Counting:
        self._opened = await self._opening.__aenter__()
        return self

    async def __aexit__(self, *exc_info: Any) -> bool | None:
        return await self._opening.__aexit__(*exc_info)

    def __getattr__(self, name: str) -> Any:
        self._counts[name] += 1
        return getattr(self._opened, name)
