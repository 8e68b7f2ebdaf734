"""What a case finds when it begins: jobs in known states, places for uploads, drawn pictures."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from scripts._benchmark.customer import BenchmarkClient, order, request
from scripts._benchmark.servers import BenchmarkServer, Failed

# Signed requests that take turns where one would do, so that remembering signatures helps nobody.
VARIANTS = 200
# Times that a test clock is moved on before a job that never runs is given up.
MOVES = 20
# Sides of square pictures whose files have somewhat less and more than half a megabyte.
SIDES = (512, 576, 640, 704)


class Prepared:
    """A mock whose clock stands, with a finished job and one that runs."""

    def __init__(self, server: BenchmarkServer) -> None:
        self.server = server
        self.customer = BenchmarkClient.of(server.announced)
        self.finished = create(self.customer, server, order(1))
        self._until(self.finished, "SUCCESS")
        self.running = create(self.customer, server, order(2))
        self._until(self.running, "RUNNING")

    def polls(self, job_id: str) -> list[bytes]:
        """Return signed questions about a job, each with a nonce of its own."""
        target = f"/v1/jobs/{job_id}"
        return [self.customer.signed("GET", target, number=number) for number in range(VARIANTS)]

    def picture_of_about(self, size_bytes: int) -> tuple[str, int]:
        """Return the path of a picture that was drawn, as near the size as can be, and its size."""
        found: dict[int, str] = {}
        for number, side in enumerate(SIDES, start=10):
            job_id = create(self.customer, self.server, order(number, width=side, height=side))
            job = self._until(job_id, "SUCCESS")
            target = _target(job["successInfo"]["images"][0]["url"])
            status, data = self.server.ask("GET", target)
            if status != 200:
                raise Failed(f"{self.server.name}: GET {target} answered {status}")
            found[len(data)] = target
        nearest = min(found, key=lambda size: abs(size - size_bytes))
        return found[nearest], nearest

    def _until(self, job_id: str, status: str) -> Mapping[str, Any]:
        """Move the clock on until the job has that status; return the job."""
        for _ in range(MOVES):
            job: Mapping[str, Any] = ask(self.customer, self.server, f"/v1/jobs/{job_id}")["job"]
            if job["status"] == status:
                return job
            self.server.json("POST", "/_mock/clock/advance", {"next": True})
        raise Failed(f"{self.server.name}: job {job_id} never came to be {status}")


def ask(
    customer: BenchmarkClient, server: BenchmarkServer, path: str, body: bytes | None = None
) -> Any:
    """Make one call that has to go well, with the customer's token; a body makes it a POST."""
    headers = {"authorization": f"Bearer {customer.token}"}
    return server.json("GET" if body is None else "POST", path, body, headers=headers)


def create(customer: BenchmarkClient, server: BenchmarkServer, body: bytes) -> str:
    """Create a job and return its id."""
    job_id: str = ask(customer, server, "/v1/jobs", body)["job"]["id"]
    return job_id


def poll_of_new_job(customer: BenchmarkClient, server: BenchmarkServer, number: int) -> bytes:
    """Create a job and return a signed question about it."""
    return customer.signed("GET", f"/v1/jobs/{create(customer, server, order(number))}")


def put_of_new_upload(customer: BenchmarkClient, server: BenchmarkServer, data: bytes) -> bytes:
    """Reserve a place for an upload and return the PUT that it asks for."""
    url: str = ask(customer, server, "/v1/resource/image", b"{}")["putUrl"]
    return request(customer.host, "PUT", _target(url), data, content_type="image/png")


def _target(url: str) -> str:
    """Return what stands on the request line for a URL."""
    return "/" + url.split("/", 3)[3]
