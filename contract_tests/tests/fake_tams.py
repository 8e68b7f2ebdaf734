"""A fake of TAMS on loopback: few operations, one price, and a count of what was charged."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

PRICE = 0.6


class FakeTams(ThreadingHTTPServer):
    """Answers like TAMS in the good case.

    `busy` submissions are turned away with a 503. `on_submission`, if set, is called in place of
    the answer to a submission, which never comes. After `estimates_left` estimates, it `becomes`
    something else: gone, closed (it knows no app), page (HTML), or silent for the next two
    estimates. If it `echoes`, /v1/echo answers what came.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), FakeTamsHandler)
        self.charged = Decimal(0)
        self.jobs = 0
        self.busy = 0
        self.requests: list[tuple[str, str]] = []
        self.job_status = "SUCCESS"
        self.on_submission: Callable[[], None] | None = None
        self.estimates_left: int | None = None
        self.becomes = ""
        self.echoes = False

    def handle_error(self, request: object, client_address: object) -> None:
        """Ignore clients that were killed."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class FakeTamsHandler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: FakeTams

    def answer(self) -> None:
        received = self.rfile.read(int(self.headers.get("content-length", 0)))
        self.server.requests.append((self.command, self.path))
        status, body = self.decide()
        if status == 404 and self.server.echoes and "echo" in self.path:
            status = 200
            body = {"path": self.path, "headers": dict(self.headers), "body": received.decode()}
        if (self.command, self.path) == ("POST", "/v1/jobs") and self.server.on_submission:
            self.server.on_submission()
            self.connection.recv(1)  # until the client is gone, so that it cannot miss the signal
            self.close_connection = True
            return
        page = status == 200 and body is None
        data = b"<html>" if page else json.dumps(body).encode()
        if status == 0:
            self.close_connection = True
            return
        self.send_response(status)
        self.send_header("content-type", "text/html" if page else "application/json")
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def decide(self) -> tuple[int, Any]:
        fake_tams = self.server
        later = fake_tams.estimates_left is not None and fake_tams.estimates_left <= 0
        if later and fake_tams.becomes != "silent" and not self.path.startswith("/_mock"):
            return self.decide_later(-1)
        match self.command, self.path:
            case "POST", "/v1/jobs/credits" if fake_tams.estimates_left is not None:
                fake_tams.estimates_left -= 1
                return self.decide_later(fake_tams.estimates_left)
            case "POST", "/v1/jobs/credits":
                return 200, {"credits": PRICE}
            case "POST", "/v1/jobs" if fake_tams.busy:
                fake_tams.busy -= 1
                return 503, {"code": 14, "message": "overload protection"}
            case "POST", "/v1/jobs":
                fake_tams.jobs += 1
                fake_tams.charged += Decimal(str(PRICE))
                return 200, {
                    "job": {"id": str(fake_tams.jobs), "status": "CREATED", "credits": PRICE}
                }
            case "GET", path if path.startswith("/v1/jobs/"):
                return 200, {
                    "job": {"id": path[9:], "status": fake_tams.job_status, "credits": PRICE}
                }
            case "DELETE", path:
                return 200, {"jobId": path.rpartition("/")[2]}
        return 404, {"code": 5, "message": "Not Found"}

    def decide_later(self, left: int) -> tuple[int, Any]:
        """Return the answer to an estimate if so many are left; a status of 0 is no answer."""
        if left >= 0 or (self.server.becomes == "silent" and left < -2):
            return 200, {"credits": PRICE}
        if self.server.becomes == "closed":
            return 404, {"code": 100001, "message": "unauthorized", "tips": "app not found"}
        if self.server.becomes == "page":
            return 200, None
        if self.server.becomes == "gone":
            self.server.socket.close()
        return 0, None

    do_GET = do_POST = do_DELETE = answer

    def log_message(self, *args: object) -> None:
        """Log nothing."""


@contextmanager
def fake_tams() -> Iterator[FakeTams]:
    with FakeTams() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
