"""End users in tests: each has a token, the URL of a session, and a browser."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import httpx

from mock_server.tests.workshop.task_calls import LONG
from mock_server.tests.workshop.world import ORIGIN, World

SAME_ORIGIN = {"sec-fetch-site": "same-origin", "origin": ORIGIN}


class UserBrowser:
    """A browser at a session's page; `path` is where the page is now."""

    def __init__(self, world: World, token: str, url: str) -> None:
        self.world = world
        self.token = token
        self.url = url
        self.path = urlsplit(url).path
        transport = httpx.ASGITransport(app=world.app)
        self.http = httpx.AsyncClient(transport=transport, base_url=ORIGIN)

    async def open(self) -> httpx.Response:
        """Load the page."""
        return await self.http.get(self.path)

    async def get(self, below: str) -> httpx.Response:
        return await self.http.get(f"{self.path}/{below}")

    async def state(self) -> dict[str, Any]:
        """Return what the page shows, while it lets the user in."""
        answer = await self.get("state")
        assert answer.status_code == 200, answer.text
        state: dict[str, Any] = answer.json()
        return state

    async def generate(self, **form: Any) -> httpx.Response:
        """Send the form, as the page's script does."""
        return await self.http.post(f"{self.path}/generate", json=form, headers=SAME_ORIGIN)

    async def draw(self, **form: Any) -> str:
        """Make a task that is taken; return its id."""
        answer = await self.generate(**{"prompt": "a red kite", **form})
        assert answer.status_code == 200, answer.text
        task_id: str = answer.json()["id"]
        return task_id

    async def finished(self, **form: Any) -> dict[str, Any]:
        """Make a task and wait for its end; return it as the history shows it."""
        task_id = await self.draw(**form)
        await self.world.advance(LONG)
        items = (await self.state())["history"]["items"]
        return next(item for item in items if item["id"] == task_id)

    async def prefer(self, body: Any) -> httpx.Response:
        path = f"{self.path}/preferences"
        return await self.http.put(path, json=body, headers=SAME_ORIGIN)


async def a_user(world: World, token: str = "", name: str = "", **members: Any) -> UserBrowser:
    """Open a session of a long while, for a token of its own unless one is named."""
    token = token or (await world.data("/scc/allocate_token", {"name": name}))["apiToken"]
    body = {"apiToken": token, "expiredInSeconds": 100_000, **members}
    data = await world.data("/scc/spRefreshOrCreateSession", body)
    return UserBrowser(world, token, data["sessionUrl"])
