"""A receiver of callbacks on loopback. It keeps them for tests."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Condition, Thread
from typing import Any

from contract_tests.answers import Unmet, wrapped
from contract_tests.clocks import TargetClock

GRACE = 0.05  # seconds of real time for a notification that is on its way
FIRST_STEP = 0.5  # seconds of the target's time before the second look
STEP_FACTOR, MAX_STEP = 1.3, 10.0
MAX_WAIT = 60.0  # seconds of the target's time to wait for a notification


@dataclass(frozen=True)
class Notification:
    """A received callback; `answered` is the status of its answer."""

    method: str
    path: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    answered: int

    @property
    def json(self) -> Any:
        """Return the body's JSON, wrapped like that of an answer; raises `Unmet`."""
        try:
            return wrapped(json.loads(self.body))
        except ValueError:
            raise Unmet(f"the body of a notification is not JSON: {self.body[:300]!r}") from None


class CallbackInbox:
    """Callbacks to one URL; the first ones get the statuses `answers`, the others 200."""

    def __init__(self, url: str, answers: Sequence[int]) -> None:
        self.url = url
        self._answers = list(answers)
        self._notifications: list[Notification] = []
        self._news = Condition()

    def notifications(self) -> list[Notification]:
        """Return the notifications so far, in order."""
        with self._news:
            return list(self._notifications)

    def wait_for(
        self,
        clock: TargetClock,
        enough: Callable[[list[Notification]], bool] = bool,
        within: float = MAX_WAIT,
    ) -> list[Notification]:
        """Return the notifications once they are enough; raises `Unmet` after `within` seconds."""
        begin, step = clock.elapsed(), FIRST_STEP
        while True:
            with self._news:
                if self._news.wait_for(lambda: enough(self._notifications), GRACE):
                    return list(self._notifications)
                came = len(self._notifications)
            if clock.elapsed() - begin >= within:
                raise Unmet(
                    f"{came or 'no'} notifications came within {within:g} s, expected another one"
                )
            clock.pause(step)
            step = min(step * STEP_FACTOR, MAX_STEP)

    def keep(self, method: str, path: str, headers: Any, body: bytes) -> int:
        """Keep a callback and return the status of its answer."""
        with self._news:
            status = self._answers.pop(0) if self._answers else 200
            self._notifications.append(Notification(method, path, tuple(headers), body, status))
            self._news.notify_all()
        return status


class CallbackReceiver:
    """An HTTP server on a free port of this computer; each test gets an inbox."""

    def __init__(self) -> None:
        self._inboxes: dict[str, CallbackInbox] = {}
        handler = type("BoundCallbackHandler", (_CallbackHandler,), {"inboxes": self._inboxes})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._server.daemon_threads = True
        # A short poll interval makes the server stop quickly.
        self._thread = Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    def inbox(self, *answers: int) -> CallbackInbox:
        """Return a new inbox with its own URL."""
        path = f"/{secrets.token_hex(8)}"
        self._inboxes[path] = CallbackInbox(
            f"http://127.0.0.1:{self._server.server_port}{path}", answers
        )
        return self._inboxes[path]

    def close(self) -> None:
        """Stop the server."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _CallbackHandler(BaseHTTPRequestHandler):
    inboxes: dict[str, CallbackInbox]
    timeout = 10.0

    def take(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        inbox = self.inboxes.get(self.path.partition("?")[0])
        status = inbox.keep(self.command, self.path, self.headers.items(), body) if inbox else 404
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_GET = do_POST = do_PUT = take

    def log_message(self, format: str, *arguments: Any) -> None:
        """Log nothing: the inbox has every callback."""
