"""Growth: the processor time of one operation among few and among many.

The app runs in this process, without HTTP, so that nothing hides what grows. Each operation is
repeated among the same number of jobs, callbacks or accounts: what it adds or takes away is made
good between two measurements.
"""

from __future__ import annotations

import asyncio
import gc
import json
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import count
from math import log10
from statistics import median
from time import process_time
from typing import Any

from mock_server.app import App, create_app
from mock_server.settings import Settings
from mock_server.web.wall import wall
from scripts._benchmark.client import order
from scripts._benchmark.servers import Failed

CHUNKS = 5
IN_CHUNK = 40
# First fill the journal, so that only what is measured grows afterwards.
WARM_UP = 1200

Step = Callable[[], Awaitable[object]]


@dataclass(frozen=True, slots=True)
class GrowingCost:
    """The processor time of one operation in µs, by the number of others."""

    title: str
    cpu_us: dict[int, float] = field(default_factory=dict)

    @property
    def per_tenfold(self) -> float:
        """The factor for ten times as many, from the smallest to the largest number."""
        few, many = min(self.cpu_us), max(self.cpu_us)
        return float((self.cpu_us[many] / self.cpu_us[few]) ** (1 / log10(many / few)))


class GrowthBenchmark:
    """Measures at each of the `sizes`."""

    def __init__(self, sizes: Sequence[int], show_progress: Callable[[str], None]) -> None:
        self.sizes = sizes
        self.show_progress = show_progress
        self.costs: dict[str, GrowingCost] = {}

    def run(self) -> list[GrowingCost]:
        for size in self.sizes:
            asyncio.run(self._at(size))
        return list(self.costs.values())

    async def _at(self, size: int) -> None:
        for measure in (
            self._waiting_jobs,
            self._finished_jobs,
            self._missing_inputs,
            self._callbacks,
            self._accounts,
            self._limit,
        ):
            self.show_progress(f"growth among {size:,}: {measure.__name__.strip('_')}")
            await measure(size)
            gc.collect()

    async def _waiting_jobs(self, size: int) -> None:
        async with _mock(keep_jobs=1) as mock:
            jobs = [await mock.create() for _ in range(size)]
            await self._measure("POST job, waiting", size, mock.create, lambda: mock.cancel(None))
            middle = jobs[size // 2]
            await self._measure("GET job, waiting", size, lambda: mock.get(middle))
            await self._measure("GET page of jobs", size, lambda: mock.page("jobs"))
            await self._measure(
                "GET page of jobs, in the middle", size, lambda: mock.page("jobs", middle)
            )
            places = (number * 7919 % size for number in count())
            cancelled = [0]

            async def cancel() -> None:
                cancelled[0] = next(places)
                await mock.cancel(jobs[cancelled[0]])

            async def replace_cancelled() -> None:
                jobs[cancelled[0]] = await mock.create()

            await self._measure("DELETE job", size, cancel, replace_cancelled)
            await self._measure("advance to the next event", size, mock.next_event, mock.refill)

    async def _finished_jobs(self, size: int) -> None:
        async with _mock(keep_jobs=size, progress="instant") as mock:
            for _ in range(size):
                await mock.create()
            await self._measure("POST job, instant, replacing the oldest", size, mock.create)

    async def _missing_inputs(self, size: int) -> None:
        async with _mock(keep_jobs=size) as mock:
            for _ in range(size):
                await mock.create(image="1")
            advance: Step = lambda: mock.advance(100_000)  # noqa: E731
            await self._measure("a job that fails at its start", size, advance, each=size)

    async def _callbacks(self, size: int) -> None:
        arrived = asyncio.Event()

        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            writer.close()
            arrived.set()

        async def never(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.read()
            writer.close()

        async with (
            _mock(keep_jobs=size, keep_callbacks=2 * size, progress="instant") as mock,
            _listening(never) as deaf,
            _listening(answer) as receiver,
        ):
            for _ in range(size):
                await mock.create(notify=deaf)

            async def notified() -> None:
                arrived.clear()
                await mock.create(notify=receiver)
                async with asyncio.timeout(30):
                    await arrived.wait()

            await self._measure("POST job and its callback", size, notified)
            await self._measure("GET page of callbacks", size, lambda: mock.page("callbacks"))

    async def _accounts(self, size: int) -> None:
        async with _mock(keep_accounts=2 * size) as mock:
            for number in range(size):
                await mock.account(f"a{number}")
            numbers = count()

            def name() -> str:
                return f"a{next(numbers) // 2 * 7919 % size}"

            await self._measure(
                "DELETE account",
                size,
                lambda: mock.ask("DELETE", f"/_mock/accounts/{name()}", status=204),
                lambda: mock.account(name()),
            )
            await self._measure("GET page of accounts", size, lambda: mock.page("accounts"))

    async def _limit(self, size: int) -> None:
        """Make calls while the limiter counts `size` of them, and refuse calls."""
        async with _mock() as mock:
            missing: Step = lambda: mock.ask("GET", "/v1/jobs/1", status=404)  # noqa: E731
            refused: Step = lambda: mock.ask("GET", "/v1/jobs/1", status=429)  # noqa: E731
            room = CHUNKS * IN_CHUNK
            await mock.limit(size + room)
            for _ in range(size):
                await missing()
            await self._measure("a call within the limit", size, missing)
            await self._measure("a call over the limit", size, refused)

    async def _measure(
        self, title: str, size: int, step: Step, undo: Step | None = None, *, each: int = 0
    ) -> None:
        """Measure the step, or once if it does `each` things; `undo` follows it, not measured."""
        gc.collect()
        gc.freeze()
        gc.disable()
        try:
            chunks = []
            for _ in range(1 if each else CHUNKS):
                used = 0.0
                for _ in range(1 if each else IN_CHUNK):
                    began = process_time()
                    await step()
                    used += process_time() - began
                    if undo is not None:
                        await undo()
                chunks.append(used / (each or IN_CHUNK) * 1e6)
        finally:
            gc.enable()
            gc.unfreeze()
        self.costs.setdefault(title, GrowingCost(title)).cpu_us[size] = median(chunks)


class _Mock:
    """The app, called as a server would call it."""

    def __init__(self, app: App) -> None:
        self.app = app
        self.numbers = count()
        self.newest = ""
        self.ended = 0
        self.token = f"Bearer {app.settings.access_token}"

    async def ask(self, method: str, path: str, body: Any = None, *, status: int = 200) -> Any:
        path, _, query = path.partition("?")
        data = (
            body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        )
        headers = [
            (b"host", b"127.0.0.1:8080"),
            (b"authorization", self.token.encode()),
            (b"content-type", b"application/json"),
            (b"content-length", str(len(data)).encode()),
        ]
        scope = {
            "type": "http",
            "method": method,
            "path": path,
            "raw_path": path.encode(),
            "query_string": query.encode(),
            "headers": headers,
            "scheme": "http",
            "server": ("127.0.0.1", 8080),
            "client": ("127.0.0.1", 9),
            "http_version": "1.1",
            "state": {},
        }
        sent: list[Any] = []

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": data, "more_body": False}

        async def send(message: Any) -> None:
            sent.append(message)

        await self.app(scope, receive, send)
        answer = b"".join(message.get("body", b"") for message in sent)
        if sent[0]["status"] != status:
            shown = answer[:500].decode(errors="replace")
            raise Failed(f"{method} {path} answered {sent[0]['status']}: {shown}")
        return json.loads(answer) if answer else None

    async def create(self, *, image: str = "", notify: str = "") -> str:
        body = json.loads(order(next(self.numbers)))
        if image:
            body["stages"][0]["inputInitialize"] = {"imageResourceId": image, "count": 1}
        if notify:
            body["notifyUrl"] = notify
        made: str = (await self.ask("POST", "/v1/jobs", body))["job"]["id"]
        self.newest = made
        return made

    async def get(self, job: str) -> None:
        await self.ask("GET", f"/v1/jobs/{job}")

    async def cancel(self, job: str | None) -> None:
        await self.ask("DELETE", f"/v1/jobs/{job or self.newest}")

    async def page(self, name: str, before: str = "") -> None:
        more = f"&before={before}" if before else ""
        await self.ask("GET", f"/_mock/{name}?limit=4{more}")

    async def advance(self, seconds: float) -> None:
        await self.ask("POST", "/_mock/clock/advance", {"seconds": seconds})

    async def next_event(self) -> None:
        fired = (await self.ask("POST", "/_mock/clock/advance", {"next": True}))["fired"]
        self.ended += sum(event["state"] == "succeeded" for event in fired)

    async def refill(self) -> None:
        """Make a job for each one that has ended."""
        while self.ended:
            self.ended -= 1
            await self.create()

    async def limit(self, qps: int) -> None:
        limits = {"rateLimit": "on", "qps": qps}
        await self.ask("PUT", "/_mock/accounts/default/limits", limits)

    async def account(self, id: str) -> None:
        await self.ask("POST", "/_mock/accounts", {"id": id, "appId": id}, status=201)


@asynccontextmanager
async def _mock(**settings: Any) -> AsyncIterator[_Mock]:
    logging.disable()
    common = {"rate_limit": "off", "balance": 10**9, "clock_rate": 0, "log_level": "error"}
    app = create_app(Settings(**{**common, **settings}))
    await app.open(wall())
    mock = _Mock(app)
    for _ in range(WARM_UP):
        await mock.page("accounts")
        await mock.ask("GET", "/v1/jobs/1", status=404)
    try:
        yield mock
    finally:
        await app.close()


@asynccontextmanager
async def _listening(serve: Any) -> AsyncIterator[str]:
    server = await asyncio.start_server(serve, "127.0.0.1", 0, backlog=100)
    try:
        yield "http://{}:{}/".format(*server.sockets[0].getsockname())
    finally:
        server.close()
