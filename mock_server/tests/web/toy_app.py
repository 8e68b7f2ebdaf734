"""A small app instead of the mock, for tests of serving; run it to get its command."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterable
from types import ModuleType
from typing import Any

from mock_server.core.accounts import Account
from mock_server.settings import Settings
from mock_server.web.observers import Observer


class ToyApp:
    """Answers each request with scheme and path; /echo with method, host and body.

    /slow waits until it is cancelled.
    """

    def __init__(self, settings: Settings, observers: Iterable[Observer] = ()) -> None:
        self.settings = settings
        self.lifespan: list[str] = []

    async def open(self, wall: float) -> Account:
        return None  # type: ignore[return-value]

    def account_body(self, account: Account) -> dict[str, Any]:
        settings = self.settings
        return {
            "id": settings.account_id,
            "appId": settings.app_id,
            "privateKey": "-----BEGIN PRIVATE KEY-----\ntoy\n-----END PRIVATE KEY-----\n",
            "publicKey": "-----BEGIN PUBLIC KEY-----\ntoy\n-----END PUBLIC KEY-----\n",
            "accessToken": settings.access_token,
            "appKey": settings.app_key,
            "appSecret": settings.app_secret,
            "balance": int(settings.balance),
        }

    def stopping(self) -> None:
        self.lifespan.append("stopping")

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            for _ in range(2):
                message = await receive()
                self.lifespan.append(message["type"])
                await send({"type": message["type"] + ".complete"})
            return
        if scope["path"] == "/slow":
            await asyncio.Event().wait()
        if scope["path"] == "/_mock/version":
            text = '{"name":"tams-mock"}'
        elif scope["path"] == "/echo":
            host = dict(scope["headers"]).get(b"host", b"").decode()
            text = f"{scope['method']} {host} {await read_body(receive)}"
        else:
            text = f"{scope['scheme']} {scope['path']}"
        body = text.encode()
        length = (b"content-length", str(len(body)).encode())
        await send({"type": "http.response.start", "status": 200, "headers": [length]})
        await send({"type": "http.response.body", "body": body})


async def read_body(receive: Any) -> str:
    body, more = b"", True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    return body.decode()


if __name__ == "__main__":
    module = ModuleType("mock_server.app")
    module.create_app = ToyApp  # type: ignore[attr-defined]
    sys.modules["mock_server.app"] = module

    from mock_server.cli import main

    main()
