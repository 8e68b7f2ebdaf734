"""A mock of one's own, spoken to through ASGI, with a clock that stands until it is moved."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
from msgspec.structs import replace

from mock_server.app import App, create_app
from mock_server.core.accounts import Account, LimitMode
from mock_server.core.unit_of_work import UnitOfWork
from mock_server.settings import Settings
from mock_server.tams.surface import TamsSurface
from mock_server.web.wall import wall

NOW = 1_768_464_000.0  # 2026-01-15T08:00:00Z, the examples' common clock
TOKEN = "mock-token-0001"
BEARER = {"authorization": f"Bearer {TOKEN}"}
ORIGIN = "http://mock.test:8080"


class World:
    """The ready-made account of a fresh mock, and a client that holds its token."""

    def __init__(self, app: App, http: httpx.AsyncClient, account: Account) -> None:
        self.app = app
        self.http = http
        self.account = account

    async def call(
        self, method: str, path: str, body: Any = None, *, headers: dict[str, str] | None = None
    ) -> httpx.Response:
        """Send a body (bytes as they are, anything else as JSON) under the bearer token."""
        content = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        headers = BEARER if headers is None else headers
        return await self.http.request(method, path, content=content, headers=headers)

    async def advance(self, seconds: float) -> None:
        """Move the server's clock ahead."""
        now = wall()
        await self.app.accounts.advance(None, now, lambda clock: clock.advanced(now, seconds))

    async def now(self) -> float:
        """Return the ready-made account's time."""
        return await self.app.accounts.now(self.account, wall())

    async def job(self, job_id: str) -> dict[str, Any]:
        """Poll a job that is there."""
        answer = await self.call("GET", f"/v1/jobs/{job_id}")
        assert answer.status_code == 200, answer.text
        job: dict[str, Any] = answer.json()["job"]
        return job

    async def submit(self, body: dict[str, Any] | None = None, **changes: Any) -> dict[str, Any]:
        """Create a job that is taken: text to image unless said otherwise."""
        answer = await self.call("POST", "/v1/jobs", body or text_to_image(**changes))
        assert answer.status_code == 200, answer.text
        job: dict[str, Any] = answer.json()["job"]
        return job

    async def upload(self, data: bytes, **body: Any) -> str:
        """Reserve a place and put the bytes there; return the resource's id."""
        place = (await self.call("POST", "/v1/resource/image", body)).json()
        answer = await self.http.put(place["putUrl"], content=data, headers=place["headers"])
        assert answer.status_code == 200, answer.text
        resource_id: str = place["resourceId"]
        return resource_id

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
            self.account = world.account

    @property
    def tams(self) -> TamsSurface:
        """The surface under test."""
        surface = self.app.vendors["tams"].surface
        assert isinstance(surface, TamsSurface)
        return surface


@asynccontextmanager
async def a_world(**settings: Any) -> AsyncIterator[World]:
    """Open a fresh mock. Its clock is frozen at NOW and nothing is limited unless asked for."""
    chosen = {
        "clock_start": NOW,
        "clock_rate": 0,
        "rate_limit": LimitMode.OFF,
        **settings,
    }
    app = create_app(Settings(**chosen))
    account = await app.open(wall())
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url=ORIGIN) as http:
        yield World(app, http, account)
    await app.close()


def text_to_image(
    request_id: str | None = None, *, count: int = 1, seed: int = -1, **diffusion: Any
) -> dict[str, Any]:
    """Return the body of an everyday job; `diffusion` members replace the usual ones."""
    body: dict[str, Any] = {
        "stages": [
            {"type": "INPUT_INITIALIZE", "inputInitialize": {"seed": seed, "count": count}},
            {
                "type": "DIFFUSION",
                "diffusion": {
                    "width": 512,
                    "height": 512,
                    "prompts": [{"text": "a red kite over green hills"}],
                    "sdModel": "600423083519508503",
                    "sdVae": "Automatic",
                    "sampler": "DPM++ 2M Karras",
                    "steps": 15,
                    "cfgScale": 7,
                    **diffusion,
                },
            },
        ]
    }
    return body if request_id is None else {"requestId": request_id, **body}
