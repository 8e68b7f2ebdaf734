"""A toy of TAMS on loopback: two operations, a price, and a balance that can be watched."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

PRICE = 0.6


class Toy(ThreadingHTTPServer):
    """Answers as TAMS does where all is well; `on_submission` is called before a job is made."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.charged = Decimal(0)
        self.jobs = 0
        self.requests: list[tuple[str, str]] = []
        self.job_status = "SUCCESS"
        self.on_submission: Callable[[], None] = lambda: None

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing of clients that were killed."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Toy

    def answer(self) -> None:
        self.rfile.read(int(self.headers.get("content-length", 0)))
        self.server.requests.append((self.command, self.path))
        status, body = self.decide()
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def decide(self) -> tuple[int, Any]:
        toy = self.server
        match self.command, self.path:
            case "POST", "/v1/jobs/credits":
                return 200, {"credits": PRICE}
            case "POST", "/v1/jobs":
                toy.jobs += 1
                toy.charged += Decimal(str(PRICE))
                toy.on_submission()
                return 200, {"job": {"id": str(toy.jobs), "status": "CREATED", "credits": PRICE}}
            case "GET", path if path.startswith("/v1/jobs/"):
                return 200, {"job": {"id": path[9:], "status": toy.job_status, "credits": PRICE}}
            case "DELETE", path:
                return 200, {"jobId": path.rpartition("/")[2]}
        return 404, {"code": 5, "message": "Not Found"}

    do_GET = do_POST = do_DELETE = answer

    def log_message(self, *args: object) -> None:
        """Say nothing."""


@contextmanager
def toy() -> Iterator[Toy]:
    with Toy() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
