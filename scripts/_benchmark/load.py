"""The load generator: sends ready bytes over open connections, one request at a time on each.

It checks the status of every answer. The first part of each slice is a warm-up and not counted.
"""

from __future__ import annotations

import asyncio
import gc
import re
from collections.abc import Iterator
from dataclasses import dataclass
from time import perf_counter, process_time
from typing import Any, cast

import uvloop

from scripts._benchmark.servers import BenchmarkServer, Failed

CONNECTIONS = 16
WARM_UP = 0.1
# Seconds without an answer after which a server counts as stuck.
ANSWER_TIMEOUT = 120.0

_BUFFER_BYTES = 256 * 1024
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Slice:
    """The figures of one slice: latencies in seconds, processor time per request in µs."""

    requests: int
    seconds: float
    p50: float
    p95: float
    p99: float
    cpu_us: float | None
    load_share: float

    @property
    def per_second(self) -> float:
        return self.requests / self.seconds


def drive(
    server: BenchmarkServer,
    requests: Iterator[bytes],
    *,
    seconds: float = float("inf"),
    status: int = 200,
    connections: int = CONNECTIONS,
    warm_up: float = WARM_UP,
) -> Slice:
    """Send requests for `seconds` seconds, or until there are no more."""
    run = _Run(server, requests, str(status).encode())
    gc.collect()
    gc.disable()
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(run.slice(seconds, connections, warm_up))
    finally:
        gc.enable()
    return run.result()


class _Run:
    """The shared state of the connections of one slice."""

    def __init__(self, server: BenchmarkServer, requests: Iterator[bytes], status: bytes) -> None:
        self.server = server
        self.requests = requests
        self.status = status
        self.latencies: list[float] = []
        self.over = False
        self._began = self._ended = 0.0
        self._server_cpu: list[float | None] = []
        self._own_cpu: list[float] = []
        self._open = 0
        self._done: asyncio.Future[None]

    async def slice(self, seconds: float, connections: int, warm_up: float) -> None:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(self._handle_exception)
        self._done = loop.create_future()
        self._open = connections
        self._begin()  # some requests may end before the last connection is open
        for _ in range(connections):
            await loop.create_connection(lambda: _Connection(self), *self.server.address)
        if warm_up:
            loop.call_later(warm_up, self._begin)
        if seconds != float("inf"):
            loop.call_later(warm_up + seconds, self._end_of_time)
        while not self._done.done():
            answered = len(self.latencies)
            await asyncio.wait((self._done,), timeout=ANSWER_TIMEOUT)
            if not self._done.done() and len(self.latencies) == answered:
                self.fail(f"no answer within {ANSWER_TIMEOUT:g} s")
        self._done.result()

    def _begin(self) -> None:
        if not self.over:
            self.latencies.clear()
            self._began = perf_counter()
            self._server_cpu = [self.server.cpu_seconds()]
            self._own_cpu = [process_time()]

    def _end_of_time(self) -> None:
        if self.latencies:
            self.end()
        else:  # there was no answer so far, but at least one is needed
            asyncio.get_running_loop().call_later(WARM_UP, self._end_of_time)

    def end(self) -> None:
        """Stop sending: the time is over, or there are no more requests."""
        if not self.over:
            self.over = True
            self._ended = perf_counter()
            self.counted = len(self.latencies)
            self._server_cpu.append(self.server.cpu_seconds())
            self._own_cpu.append(process_time())

    def closed(self) -> None:
        """Note that a connection has received its last answer."""
        self._open -= 1
        if not self._open and not self._done.done():
            self._done.set_result(None)

    def fail(self, problem: str) -> None:
        self.end()
        if not self._done.done():
            message = f"{self.server.name}: {problem}\n{self.server.log_tail()}".rstrip()
            self._done.set_exception(Failed(message))

    def _handle_exception(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        self.fail(f"{context['message']}: {context.get('exception')!r}")

    def result(self) -> Slice:
        latencies = sorted(self.latencies[: self.counted])
        if not latencies:
            raise Failed(f"{self.server.name}: no answers were received")
        seconds = self._ended - self._began
        before, after = self._server_cpu
        used = None if before is None or after is None else after - before
        return Slice(
            requests=len(latencies),
            seconds=seconds,
            p50=latencies[len(latencies) // 2],
            p95=latencies[len(latencies) * 95 // 100],
            p99=latencies[len(latencies) * 99 // 100],
            cpu_us=None if used is None else used / len(latencies) * 1e6,
            load_share=(self._own_cpu[1] - self._own_cpu[0]) / seconds,
        )


class _Connection(asyncio.BufferedProtocol):
    """Sends a request, receives its answer, sends the next."""

    def __init__(self, run: _Run) -> None:
        self._run = run
        self._buffer = memoryview(bytearray(_BUFFER_BYTES))
        self._head = b""
        self._missing = 0  # bytes of the body that have not arrived
        self._sent_at = 0.0
        self._waiting = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._send()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._waiting:
            self._run.fail(f"the connection was closed before an answer: {exc!r}")

    def get_buffer(self, sizehint: int) -> memoryview:
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        if self._missing:
            self._missing -= nbytes
        else:
            data = self._head + bytes(self._buffer[:nbytes])
            head_bytes = data.find(b"\r\n\r\n")
            if head_bytes < 0:
                self._head = data
                return
            self._head = b""
            length = _LENGTH.search(data, 0, head_bytes)
            if data[9:12] != self._run.status or length is None:
                expected = self._run.status.decode()
                shown = data[:1000].decode(errors="replace")
                self._run.fail(f"expected status {expected} and a length, found:\n{shown}")
                return
            self._missing = int(length[1]) - (len(data) - head_bytes - 4)
        if self._missing < 0:
            self._run.fail("an answer is longer than its content-length")
        elif not self._missing:
            self._run.latencies.append(perf_counter() - self._sent_at)
            self._send()

    def _send(self) -> None:
        run = self._run
        request = None if run.over else next(run.requests, None)
        if request is None:
            run.end()
            self._waiting = False
            self._transport.close()
            run.closed()
            return
        self._waiting = True
        self._sent_at = perf_counter()
        self._transport.write(request)
