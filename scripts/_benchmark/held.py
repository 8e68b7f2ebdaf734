"""`tams-mock` that measures how long its event loop is held.

GET /held answers, in seconds, the most processor time that the process used between two ticks of
the loop since the last such call.
"""

from __future__ import annotations

import asyncio
from time import process_time
from unittest.mock import patch

from starlette.types import Receive, Scope, Send

import mock_server.app
from mock_server.cli import main
from mock_server.web.observers import Tracing

PATH = "/held"
TICK = 0.001


class Ticking(Tracing):
    """Answers PATH; the first such call starts the ticks."""

    _last: float | None = None
    _longest = 0.0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope.get("path") != PATH:
            await super().__call__(scope, receive, send)
            return
        if self._last is None:
            self._last = process_time()
            self._tick()
        body = b"%f" % self._longest
        self._longest = 0.0
        headers = [(b"content-length", b"%d" % len(body))]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    def _tick(self) -> None:
        now = process_time()
        self._longest = max(self._longest, now - (self._last or now))
        self._last = now
        asyncio.get_running_loop().call_later(TICK, self._tick)


if __name__ == "__main__":
    with patch.object(mock_server.app, "Tracing", Ticking):
        main()
