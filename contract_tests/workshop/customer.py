"""The customer's server. It receives events and gives configured answers.

Events are documented as POSTs with their kind in the query; the answer to a synchronous event has
`success` and `errMessage` (`Workshop › 11`).
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Condition, Thread
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from contract_tests.answers import Unmet, wrapped

MAX_WAIT = 10.0  # seconds of real time to wait for an event
ANY = ""  # selects events of every kind


@dataclass(frozen=True)
class ReceivedEvent:
    """A received event: its query and its body."""

    method: str
    query: Mapping[str, str]
    body: bytes

    @property
    def kind(self) -> str:
        """Return the `bizType`."""
        return self.query.get("bizType", "")

    @property
    def json(self) -> Any:
        """Return the body's JSON, wrapped like that of an answer; raises `Unmet`."""
        try:
            return wrapped(json.loads(self.body))
        except ValueError:
            raise Unmet(f"{self.kind} came with a body that is not JSON: {self.body!r}") from None


@dataclass(frozen=True)
class EventReply:
    """The answer to one kind of event: the statuses of the first ones, then 200; the body."""

    statuses: Sequence[int] = ()
    body: Mapping[str, Any] = field(default_factory=lambda: {"success": True, "errMessage": None})


class EventInbox:
    """Events to one URL; `answers` has the answers to kinds of events other than the default."""

    def __init__(self, url: str, answers: Mapping[str, EventReply]) -> None:
        self.url = url
        self._answers = answers
        self._events: list[ReceivedEvent] = []
        self._news = Condition()

    def events(self, kind: str = ANY) -> list[ReceivedEvent]:
        """Return the events so far, in order; of one kind, or all."""
        with self._news:
            return [event for event in self._events if kind in (ANY, event.kind)]

    def only(self, kind: str) -> ReceivedEvent:
        """Return the only event of a kind; raises `Unmet` if there are none or more."""
        events = self.events(kind)
        if len(events) != 1:
            raise Unmet(f"{kind} came {len(events)} times, expected once")
        return events[0]

    def wait_for(self, kind: str, count: int = 1) -> list[ReceivedEvent]:
        """Return the events of a kind once there are `count`; raises `Unmet` without them."""

        def enough() -> bool:
            return sum(kind in (ANY, event.kind) for event in self._events) >= count

        with self._news:
            if not self._news.wait_for(enough, MAX_WAIT):
                came = [event.kind for event in self._events]
                raise Unmet(
                    f"{kind or 'an event'} did not come {count} times within {MAX_WAIT:g} s; "
                    f"what came: {came}"
                )
        return self.events(kind)

    def listen(self, seconds: float) -> None:
        """Wait for the next event, at most so many seconds of real time."""
        with self._news:
            self._news.wait(seconds)

    def take(self, method: str, query: Mapping[str, str], body: bytes) -> tuple[int, bytes]:
        """Keep an event and return status and body of its answer."""
        with self._news:
            kind = query.get("bizType", "")
            answering = self._answers.get(kind, EventReply())
            before = sum(event.kind == kind for event in self._events)
            statuses = answering.statuses
            status = statuses[before] if before < len(statuses) else 200
            self._events.append(ReceivedEvent(method, query, body))
            self._news.notify_all()
        return status, json.dumps(answering.body).encode()


class CustomerServer:
    """An HTTP server on a free port of this computer; each test gets an inbox."""

    def __init__(self) -> None:
        self._inboxes: dict[str, EventInbox] = {}
        handler = type(
            "BoundEventHandler", (_EventHandler,), {"find": staticmethod(self._inboxes.get)}
        )
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._server.daemon_threads = True
        # A short poll interval makes the server stop quickly.
        self._thread = Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    def inbox(self, **answers: EventReply) -> EventInbox:
        """Return a new inbox with its own URL; keywords are kinds of events."""
        path = f"/{secrets.token_hex(8)}"
        url = f"http://127.0.0.1:{self._server.server_port}{path}"
        self._inboxes[path] = EventInbox(url, answers)
        return self._inboxes[path]

    def close(self) -> None:
        """Stop the server."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _EventHandler(BaseHTTPRequestHandler):
    find: Callable[[str], EventInbox | None]
    timeout = 10.0

    def take(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        parts = urlsplit(self.path)
        inbox = self.find(parts.path)
        query = dict(parse_qsl(parts.query, keep_blank_values=True))
        status, answer = inbox.take(self.command, query, body) if inbox else (404, b"")
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    do_GET = do_POST = do_PUT = take

    def log_message(self, format: str, *arguments: Any) -> None:
        """Log nothing: the inbox has every event."""
