"""Somebody who starts a scenario and watches what a signed client sees, on a frozen clock."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from itertools import count
from typing import Any

import httpx

from mock_server.app import App
from mock_server.core.accounts import LimitMode
from mock_server.settings import Settings
from mock_server.tests.tams import signing
from mock_server.tests.tams.world import NOW, text_to_image
from mock_server.tests.workshop import signing as gateway
from mock_server.web.callback_formats import CallbackReply
from mock_server.web.wall import wall

ORIGIN = "http://127.0.0.1:8080"

Json = dict[str, Any]


class Watcher:
    """The control API and signed calls of both vendors; `received` are the callbacks that came."""

    def __init__(self, app: App, http: httpx.AsyncClient) -> None:
        self.app = app
        self.http = http
        self.nonces = count()
        self.received: list[Json] = []
        app.dispatcher._send = self._receive

    async def _receive(self, target: Any, body: bytes) -> CallbackReply:
        try:
            self.received.append(json.loads(body))
        except ValueError:
            self.received.append({"status": "broken"})
        return CallbackReply(200)

    @property
    def told(self) -> list[str]:
        """The states that callbacks told so far."""
        return [each["status"] for each in self.received]

    async def mock(self, method: str, path: str, body: Any = None) -> Any:
        """Return what a control operation answers that goes well."""
        answer = await self.http.request(method, f"/_mock{path}", json=body)
        assert answer.is_success, answer.text
        return answer.json() if answer.content else None

    async def start(self, name: str) -> Json:
        run: Json = await self.mock("POST", f"/scenarios/{name}/start")
        return run

    async def stop(self, name: str) -> Json:
        run: Json = await self.mock("POST", f"/scenarios/{name}/stop")
        return run

    async def advance(self, seconds: float) -> Json:
        moved: Json = await self.mock("POST", "/clock/advance", {"seconds": seconds})
        return moved

    async def jobs(self) -> list[Json]:
        jobs: list[Json] = (await self.mock("GET", "/jobs"))["jobs"]
        return jobs

    # TAMS

    async def tams(self, method: str, path: str, body: Any = None) -> httpx.Response:
        """Make a signed call."""
        content = b"" if body is None else json.dumps(body).encode()
        stamp, nonce = str(int(wall())), f"nonce-{next(self.nonces)}"
        sent = signing.send(method, path.encode(), content, timestamp=stamp, nonce=nonce)
        headers = {"authorization": sent.authorization.decode()}
        return await self.http.request(method, path, content=content, headers=headers)

    async def submit(
        self, request_id: str | None = None, stages: Sequence[Json] = (), **changes: Any
    ) -> httpx.Response:
        body = text_to_image(request_id, **changes)
        body["stages"] += stages
        return await self.tams("POST", "/v1/jobs", body)

    async def submitted(self, *args: Any, **changes: Any) -> str:
        """Return the id of a job that is taken."""
        return job_of(await self.submit(*args, **changes))["id"]  # type: ignore[no-any-return]

    async def submitted_by(self, account: Json) -> str:
        """Return the id of a job that another account made."""
        headers = {"authorization": f"Bearer {account['accessToken']}"}
        job = job_of(await self.http.post("/v1/jobs", json=text_to_image(), headers=headers))
        return job["id"]  # type: ignore[no-any-return]

    async def poll(self, job: str) -> httpx.Response:
        return await self.tams("GET", f"/v1/jobs/{job}")

    async def job(self, job: str) -> Json:
        return job_of(await self.poll(job))

    # The Workshop

    async def workshop(
        self, path: str, body: Any = None, key: str = gateway.KEY, secret: str = gateway.SECRET
    ) -> httpx.Response:
        """Make a signed call."""
        content = json.dumps(body or {}).encode()
        stamp, nonce = str(int(wall() * 1000)), f"nonce-{next(self.nonces)}"
        unsigned = gateway.a_request(
            "POST", path, content, x_ca_timestamp=stamp, x_ca_nonce=nonce, x_ca_key=key,
            host="127.0.0.1:8080",
        )  # fmt: skip
        headers = dict(gateway.signed(unsigned, secret=secret).headers)
        return await self.http.post(path, content=content, headers=headers)

    async def data(self, path: str, body: Any = None) -> Any:
        """Return the data of a call of the Workshop that goes well."""
        envelope = (await self.workshop(path, body)).json()
        assert envelope["status"] == 10, envelope
        return envelope["data"]


def job_of(answer: httpx.Response) -> Json:
    assert answer.status_code == 200, answer.text
    job: Json = answer.json()["job"]
    return job


@asynccontextmanager
async def a_watcher(store: Any = None, **settings: Any) -> AsyncIterator[Watcher]:
    """Open a fresh mock, its clock frozen."""
    chosen: Json = {"clock_start": NOW, "clock_rate": 0, "rate_limit": LimitMode.OFF} | settings
    app = App(Settings(**chosen), store=store)
    await app.open(wall())
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url=ORIGIN) as http:
        yield Watcher(app, http)
    await app.close()
