"""Prepares servers for cases: jobs in known states, reserved uploads, drawn pictures."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from scripts._benchmark.client import BenchmarkClient, order, request
from scripts._benchmark.servers import BenchmarkServer, Failed

# The number of different signed requests for one job, so that caching signatures has no effect.
VARIANTS = 200
# The number of clock advances before a job counts as stuck.
MAX_ADVANCES = 20
# Sides of square pictures with files around half a megabyte.
SIDES = (512, 576, 640, 704)


class Prepared:
    """A mock with a stopped clock, a finished job and a running job."""

    def __init__(self, server: BenchmarkServer) -> None:
        self.server = server
        self.client = BenchmarkClient.of(server.announced)
        self.finished = create(self.client, server, order(1))
        self._until(self.finished, "SUCCESS")
        self.running = create(self.client, server, order(2))
        self._until(self.running, "RUNNING")

    def polls(self, job_id: str) -> list[bytes]:
        """Return signed polls of a job, each with its own nonce."""
        target = f"/v1/jobs/{job_id}"
        return [self.client.signed("GET", target, number=number) for number in range(VARIANTS)]

    def picture_of_about(self, size_bytes: int) -> tuple[str, int]:
        """Draw pictures; return the path of the one nearest to the size, and its size."""
        found: dict[int, str] = {}
        for number, side in enumerate(SIDES, start=10):
            job_id = create(self.client, self.server, order(number, width=side, height=side))
            job = self._until(job_id, "SUCCESS")
            target = _target(job["successInfo"]["images"][0]["url"])
            status, data = self.server.ask("GET", target)
            if status != 200:
                raise Failed(f"{self.server.name}: GET {target} answered {status}")
            found[len(data)] = target
        nearest = min(found, key=lambda size: abs(size - size_bytes))
        return found[nearest], nearest

    def _until(self, job_id: str, status: str) -> Mapping[str, Any]:
        """Advance the clock until the job has the status; return the job."""
        for _ in range(MAX_ADVANCES):
            job: Mapping[str, Any] = ask(self.client, self.server, f"/v1/jobs/{job_id}")["job"]
            if job["status"] == status:
                return job
            self.server.json("POST", "/_mock/clock/advance", {"next": True})
        raise Failed(f"{self.server.name}: job {job_id} never became {status}")


def ask(
    client: BenchmarkClient, server: BenchmarkServer, path: str, body: bytes | None = None
) -> Any:
    """Send one request with the client's token, a POST if it has a body; it must succeed."""
    headers = {"authorization": f"Bearer {client.token}"}
    return server.json("GET" if body is None else "POST", path, body, headers=headers)


def create(client: BenchmarkClient, server: BenchmarkServer, body: bytes) -> str:
    """Create a job and return its id."""
    job_id: str = ask(client, server, "/v1/jobs", body)["job"]["id"]
    return job_id


def poll_of_new_job(client: BenchmarkClient, server: BenchmarkServer, number: int) -> bytes:
    """Create a job and return a signed poll of it."""
    return client.signed("GET", f"/v1/jobs/{create(client, server, order(number))}")


def put_of_new_upload(client: BenchmarkClient, server: BenchmarkServer, data: bytes) -> bytes:
    """Reserve an upload and return its PUT request."""
    url: str = ask(client, server, "/v1/resource/image", b"{}")["putUrl"]
    return request(client.host, "PUT", _target(url), data, content_type="image/png")


def _target(url: str) -> str:
    """Return the target of the request line for a URL."""
    return "/" + url.split("/", 3)[3]
