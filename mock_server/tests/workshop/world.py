"""A mock for one test, called as an integrator calls it, with a frozen clock.

It does not check signatures: other tests do.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import httpx
from msgspec.structs import replace

from mock_server.app import App, create_app
from mock_server.core.accounts import Account, LimitMode
from mock_server.core.jobs.job import Job
from mock_server.core.store import Record
from mock_server.core.unit_of_work import UnitOfWork
from mock_server.settings import Settings
from mock_server.web.wall import wall
from mock_server.workshop.vendor import WorkshopVendor

R = TypeVar("R", bound=Record)

NOW = 1_768_464_000.0  # 2026-01-15T08:00:00Z, the examples' common clock
NOW_MS = 1_768_464_000_000
ORIGIN = "http://mock.test:8080"
SUCCESS, FAILURE = 10, 20


class World:
    """The ready-made account of a fresh mock, and a client that speaks for it."""

    def __init__(self, app: App, http: httpx.AsyncClient, account: Account) -> None:
        self.app = app
        self.http = http
        self.account = account

    async def call(
        self, path: str, body: Any = None, *, headers: Mapping[str, str] | None = None
    ) -> httpx.Response:
        """Post a body (bytes as they are, anything else as JSON)."""
        content = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        return await self.http.post(path, content=content, headers=headers)

    async def post(
        self, path: str, body: Any = None, *, headers: Mapping[str, str] | None = None
    ) -> dict[str, Any]:
        """Return the envelope of an answer that has one."""
        answer = await self.call(path, body, headers=headers)
        assert answer.status_code == 200, (answer.status_code, answer.headers, answer.text)
        envelope: dict[str, Any] = answer.json()
        return envelope

    async def data(
        self, path: str, body: Any = None, *, headers: Mapping[str, str] | None = None
    ) -> Any:
        """Return the data of a call that goes well."""
        envelope = await self.post(path, body, headers=headers)
        assert envelope["status"] == SUCCESS, envelope
        return envelope["data"]

    async def refusal(
        self, path: str, body: Any = None, *, headers: Mapping[str, str] | None = None
    ) -> tuple[str, str]:
        """Return code and message of a call that fails, as the vendor's SDKs read them."""
        envelope = await self.post(path, body, headers=headers)
        assert envelope["status"] == FAILURE, envelope
        assert envelope["data"] is None
        code = envelope["subErrCode"] or envelope["errCode"]
        return code, envelope["subErrMessage"] or envelope["errMessage"]

    async def advance(self, seconds: float) -> None:
        """Move the server's clock ahead."""
        at = wall()
        await self.app.accounts.advance(
            None, at, lambda clock: clock.moved_to(at, clock.now(at) + seconds)
        )

    async def now(self) -> float:
        """Return the ready-made account's time."""
        return await self.app.accounts.now(self.account, wall())

    async def balance(self) -> float:
        """Return what can be spent."""
        async with self.act() as world:
            return float((await world.wallet()).balance)

    def act(self) -> UnitOfWork:
        """Open a unit of work on the ready-made account."""
        return self.app.accounts.act(self.account.id, wall())

    async def change_account(self, **changes: Any) -> None:
        """Write the ready-made account with other members."""
        async with self.act() as world:
            await world.change_account(replace(world.account, **changes))

    async def job(self, id: str) -> Job:
        """Return a job as it is now."""
        job = await self.kept(Job, id)
        assert job is not None, id
        return job

    async def kept(self, kind: type[R], id: str) -> R | None:
        """Return one of the account's records as it is now."""
        async with self.act() as world:
            return await world.own(kind, id)

    async def cancel(self, task: str) -> None:
        """Cancel a task, as the control API does."""
        async with self.act() as world:
            await world.jobs.cancel(task)

    async def finish(self, task: str, failure: str | None = None) -> None:
        """End a task by hand."""
        async with self.act() as world:
            await world.jobs.finish(task, failure=failure)

    async def disable(self, token: str) -> None:
        """Disable a token."""
        async with self.act() as world:
            await self.vendor.session_service.change(world, token, disabled=True)

    async def deliver(self) -> None:
        """Send the callbacks that are due."""
        await self.app.dispatcher.deliver_due(self.account.id)

    @property
    def vendor(self) -> WorkshopVendor:
        vendor = self.app.vendors["workshop"]
        assert isinstance(vendor, WorkshopVendor)
        return vendor

    def remarks(self) -> list[str]:
        """Return what the journal noted about the calls so far."""
        return [remark for trace in self.app.journal for remark in trace.remarks]


@asynccontextmanager
async def a_world(**settings: Any) -> AsyncIterator[World]:
    """Open a fresh mock, its clock frozen at NOW. Settings of the Workshop have its prefix.

    `a_world(workshop_credits="priced")` is the choice `credits` of the Workshop.
    """
    prefix = "workshop_"
    chosen = {name[len(prefix) :]: value for name, value in settings.items() if prefix in name}
    others = {name: value for name, value in settings.items() if prefix not in name}
    chosen = {
        "clock_start": NOW,
        "clock_rate": 0,
        "rate_limit": LimitMode.OFF,
        "workshop": {"signature_check": "off", **chosen},
        **others,
    }
    app = create_app(Settings(**chosen))
    account = await app.open(wall())
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url=ORIGIN) as http:
        yield World(app, http, account)
    await app.close()
