"""A mock of one's own, spoken to as an integrator does, with a clock that stands until it is moved.

Signatures are not looked at: what the gateway makes of them is tested beside it.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import httpx

from mock_server.app import App, create_app
from mock_server.core.accounts import Account, LimitMode
from mock_server.settings import Settings
from mock_server.web.wall import wall

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
        clock = await self.app.account_service.clock(None)
        await self.app.account_service.advance(None, wall(), clock.now(wall()) + seconds)

    async def now(self) -> float:
        """Return the ready-made account's time."""
        return await self.app.job_service.now(self.account, wall())

    async def balance(self) -> float:
        """Return what can be spent."""
        account = await self.app.account_service.find(self.account.id)
        return float((await self.app.job_service.wallet(account, await self.now())).balance)

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
