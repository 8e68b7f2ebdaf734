"""Small makers: whatever a test does not care about is made up here."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from contextlib import AbstractAsyncContextManager
from decimal import Decimal
from typing import Any, TypeVar

from msgspec.structs import replace

from mock_server.core.account_service import AccountDefaults, AccountService, AccountSpec
from mock_server.core.accounts import Account, Credentials, Limits, Progression
from mock_server.core.clock import Clock
from mock_server.core.jobs.job import Job, Order
from mock_server.core.jobs.plans import PROFILES, Pass, Plan, Planner, Work
from mock_server.core.jobs.service import JobRules, JobService
from mock_server.core.resources import Resource
from mock_server.core.store import Record, Store, Transaction
from mock_server.stores.memory import MemoryStore

T = TypeVar("T")

NOW = 1_750_000_000.0
MEMORY_PIXELS = 1024 * 1024


def run(coroutine: Coroutine[Any, Any, T]) -> T:
    """Return what a coroutine says that never has to wait, as on the memory home."""
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
    return Work(passes or (a_pass(),), **changes)


def work_that_costs(tenths: int, **changes: Any) -> Work:
    """Work for exactly so many tenths of a credit."""
    return Work((Pass("diffusion", 768, 768, 2),), factor=Decimal(tenths) / 5, **changes)


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


def a_job_service(store: Store | None = None, **rules: Any) -> JobService:
    return JobService(store or MemoryStore(), JobRules(rules.pop("planner", a_planner()), **rules))


def some_worlds(
    *,
    wall: float = NOW,
    start: float | None = None,
    rate: float = 0.0,
    keep_accounts: int = 100,
    **rules: Any,
) -> AccountService:
    """An opened server whose clock stands still, with the ready-made account "ready"."""
    account_service = AccountService(
        a_job_service(**rules),
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
    )
    run(account_service.open(wall))
    return account_service


def a_clock(at: float = NOW, rate: float = 0.0) -> Clock:
    return Clock.at(at, rate=rate)


class HesitatingStore:
    """A home that lets everybody else go first before it does anything, as one on a wire may."""

    def __init__(self, home: Store | None = None) -> None:
        self.home = home or MemoryStore()
        self.blobs = self.home.blobs

    def view(self) -> AbstractAsyncContextManager[Any]:
        return _Hesitating(self.home.view())

    async def get(self, kind: type[Any], id: str) -> Any:
        await asyncio.sleep(0)
        return await self.home.get(kind, id)

    async def list(
        self, kind: type[Any], account: str | None = None, *, limit: int | None = None
    ) -> Sequence[Any]:
        await asyncio.sleep(0)
        return await self.home.list(kind, account, limit=limit)

    async def count(self, kind: type[Any], account: str | None = None) -> int:
        await asyncio.sleep(0)
        return await self.home.count(kind, account)

    async def due(self, kind: type[Any], account: str, before: float) -> Sequence[Any]:
        await asyncio.sleep(0)
        return await self.home.due(kind, account, before)

    def transaction(self, account: str) -> AbstractAsyncContextManager[Any]:
        return _Hesitating(self.home.transaction(account))

    async def drop(self, account: str, kinds: Sequence[type[Record]] | None = None) -> None:
        await asyncio.sleep(0)
        await self.home.drop(account, kinds)

    async def close(self) -> None:
        await self.home.close()


class _Hesitating:
    def __init__(self, opening: AbstractAsyncContextManager[Any]) -> None:
        self._opening = opening

    async def __aenter__(self) -> _Hesitating:
        self._opened: Transaction = await self._opening.__aenter__()
        return self

    async def __aexit__(self, *exc_info: Any) -> bool | None:
        await asyncio.sleep(0)
        return await self._opening.__aexit__(*exc_info)

    def __getattr__(self, name: str) -> Any:
        async def hesitate(*args: Any, **options: Any) -> Any:
            await asyncio.sleep(0)
            return await getattr(self._opened, name)(*args, **options)

        return hesitate
