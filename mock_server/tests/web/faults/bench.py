"""A whole mock in this process, with a wall clock that tests move, and callers of both vendors."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Coroutine
from typing import Any, TypeVar

from msgspec import Struct

from mock_server.app import App
from mock_server.core.accounts import LimitMode
from mock_server.settings import Settings
from mock_server.tests.tams.world import NOW, text_to_image
from mock_server.web.callback_formats import CallbackReply
from mock_server.web.targets import CallbackTarget

T = TypeVar("T")
Json = dict[str, Any]

HOST = (b"host", b"127.0.0.1:8080")


class Reply(Struct, frozen=True):
    """An answer; status 0 is a connection that was broken."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        try:
            return json.loads(self.body)
        except ValueError:
            return None


class WholeMock:
    """The app with its event loop. `received` are the callbacks that were sent, each as it was."""

    def __init__(self, **settings: Any) -> None:
        self.wall = NOW
        self.loop = asyncio.new_event_loop()
        self.received: list[tuple[str, bytes]] = []
        self.callback_statuses: list[int] = []
        chosen = {
            "clock_start": NOW,
            "clock_rate": 0,
            "rate_limit": LimitMode.OFF,
            "workshop": {"signature_check": "off"},
            "tams": {"notify_states": "changes", "notify_retry_delays": (10, 60)},
            **settings,
        }
        self.app = App(Settings(**chosen), wall=lambda: self.wall)
        self.app.dispatcher._send = self._receive
        self.run(self.app.open(self.wall))

    def close(self) -> None:
        self.run(self.app.close())
        self.loop.close()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self.loop.run_until_complete(work)

    async def _receive(self, target: CallbackTarget, body: bytes) -> CallbackReply:
        self.received.append((target.url, body))
        status = self.callback_statuses.pop(0) if self.callback_statuses else 200
        return CallbackReply(status, "" if status == 200 else "as told")

    # Calls

    def call(
        self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None
    ) -> Reply:
        """Send a call through ASGI; a broken connection has the status 0."""
        return self.run(self._call(method, path, body, headers or {}))

    async def _call(self, method: str, target: str, body: Any, headers: dict[str, str]) -> Reply:
        path, _, query = target.partition("?")
        content = b"" if body is None else json.dumps(body).encode()
        given = [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]
        if body is not None:
            given.append((b"content-type", b"application/json"))
        scope = {
            "type": "http",
            "http_version": "1.1",
            "method": method,
            "scheme": "http",
            "path": path,
            "raw_path": path.encode(),
            "query_string": query.encode(),
            "headers": [HOST, (b"content-length", b"%d" % len(content)), *given],
            "client": ("127.0.0.1", 50000),
            "server": ("127.0.0.1", 8080),
            "state": {},
        }
        sent: list[Any] = []

        async def receive() -> Any:
            return {"type": "http.request", "body": content, "more_body": False}

        async def send(message: Any) -> None:
            sent.append(message)

        try:
            await self.app(scope, receive, send)
        except ConnectionResetError:
            return Reply(0, {}, b"")
        head = {name.decode(): value.decode("latin-1") for name, value in sent[0]["headers"]}
        return Reply(sent[0]["status"], head, b"".join(each["body"] for each in sent[1:]))

    def control(self, method: str, path: str, body: Any = None) -> Reply:
        """Call the control API."""
        return self.call(method, f"/_mock{path}", body)

    def submit(self, token: str, headers: dict[str, str], *, hook: str = "", **more: Any) -> Reply:
        """Submit a job of TAMS."""
        body = text_to_image(seed=7, **more)
        if hook:
            body["notifyUrl"] = hook
        return self.call("POST", "/v1/jobs", body, headers | {"authorization": f"Bearer {token}"})

    def post(
        self, operation: str, key: str, body: Json, headers: dict[str, str] | None = None
    ) -> Reply:
        """Call an operation of the Workshop."""
        return self.call("POST", f"/scc/{operation}", body, (headers or {}) | {"x-ca-key": key})
