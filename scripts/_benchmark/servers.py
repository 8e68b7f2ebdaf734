"""Servers in separate processes: start, requests, stop, and resource usage."""

from __future__ import annotations

import http.client
import json
import os
import select
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter, sleep
from typing import Any
from urllib.parse import urlsplit

ROOT = Path(__file__).resolve().parents[2]
START_TIMEOUT = 30.0
STOP_TIMEOUT = 5.0

BARE = ("scripts._benchmark.bare",)
# Like `serve`, with everything on; but without a rate limit, and with credits for every job.
SERVE = ("serve", "--json", "--port", "0", "--rate-limit", "off", "--balance", "1000000000")
MOCK = ("mock_server", *SERVE)
MOCK_WITHOUT_JOURNAL = ("scripts._benchmark.without", "journal", *SERVE)
MOCK_WITHOUT_FAULTS = ("scripts._benchmark.without", "faults", *SERVE)


class Failed(Exception):
    """The measurement failed; the message is shown to the user."""


@dataclass
class BenchmarkServer:
    """A running server: its ready line and its process."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path
    announced: Mapping[str, Any] = field(default_factory=dict)

    @property
    def address(self) -> tuple[str, int]:
        """Host and port."""
        parts = urlsplit(self.announced["url"])
        return str(parts.hostname), int(parts.port or 80)

    def ask(
        self, method: str, path: str, body: Any = None, *, headers: Mapping[str, str] | None = None
    ) -> tuple[int, bytes]:
        """Send one request on a new connection; a body other than bytes is sent as JSON."""
        data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        connection = http.client.HTTPConnection(*self.address, timeout=START_TIMEOUT)
        try:
            connection.request(method, path, data, dict(headers or {}))
            answer = connection.getresponse()
            return answer.status, answer.read()
        except (OSError, http.client.HTTPException) as error:
            raise Failed(f"{self.name}: {method} {path}: {error!r}\n{self.log_tail()}") from error
        finally:
            connection.close()

    def json(
        self, method: str, path: str, body: Any = None, *, headers: Mapping[str, str] | None = None
    ) -> Any:
        """Send one request, which must succeed, and return the body of its answer."""
        status, answer = self.ask(method, path, body, headers=headers)
        if not 200 <= status < 300:
            shown = answer[:500].decode(errors="replace")
            raise Failed(f"{self.name}: {method} {path} answered {status}: {shown}")
        return json.loads(answer) if answer else None

    def cpu_seconds(self) -> float | None:
        """Return the used processor time; None without /proc."""
        try:
            fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            return None
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def memory_bytes(self) -> int | None:
        """Return the resident memory; None if it is unknown."""
        try:
            pages = Path(f"/proc/{self.process.pid}/statm").read_text().split()[1]
            return int(pages) * os.sysconf("SC_PAGE_SIZE")
        except OSError:
            pass
        try:
            command = ["ps", "-o", "rss=", "-p", str(self.process.pid)]
            found = subprocess.run(command, capture_output=True, text=True, check=True)
            return int(found.stdout) * 1024
        except (OSError, ValueError, subprocess.CalledProcessError):
            return None

    def log_tail(self) -> str:
        """Return the end of its standard error."""
        return self.log.read_text(errors="replace")[-2000:]

    def stop(self) -> None:
        """Terminate the process and wait for its end."""
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(STOP_TIMEOUT)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        if self.process.stdout is not None:
            self.process.stdout.close()


class Servers:
    """Starts servers in one folder, and stops them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._started: list[BenchmarkServer] = []

    def start(self, name: str, module: Sequence[str], *options: str) -> BenchmarkServer:
        """Start a server and return it when it is ready."""
        module = [*module, *options]
        if "serve" in module:
            module += ["--state-dir", str(self.folder / "state")]
        log = self.folder / f"{len(self._started)}.log"
        with log.open("wb") as errors:
            process = subprocess.Popen(
                [sys.executable, "-m", *module],
                cwd=self.folder,
                env=_environment(),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=errors,
            )
        server = BenchmarkServer(name, process, log)
        self._started.append(server)
        server.announced = _first_line(server)
        return server

    def timed_start(
        self, name: str, module: Sequence[str], path: str
    ) -> tuple[BenchmarkServer, float]:
        """Start a server; return it and the seconds until its first answer."""
        began = perf_counter()
        server = self.start(name, module)
        status, _ = server.ask("GET", path)
        seconds = perf_counter() - began
        if status != 200:
            raise Failed(f"{name}: GET {path} answered {status} after the start")
        return server, seconds

    def stop(self) -> None:
        """Stop all servers."""
        for server in self._started:
            server.stop()


@contextmanager
def servers() -> Iterator[Servers]:
    """Yield an object that starts servers; afterwards, stop them and delete their files."""
    with tempfile.TemporaryDirectory(prefix="tams-mock-benchmark-") as folder:
        started = Servers(Path(folder))
        try:
            yield started
        finally:
            started.stop()


def _environment() -> dict[str, str]:
    """Return the environment without variables that change the servers."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("TAMS_MOCK_", "PYTHON"))
    }
    return {**kept, "PYTHONPATH": str(ROOT)}


def _first_line(server: BenchmarkServer) -> Mapping[str, Any]:
    """Return the ready line of a server, which is JSON."""
    pipe = server.process.stdout
    assert pipe is not None
    ready, _, _ = select.select([pipe], [], [], START_TIMEOUT)
    line = pipe.readline() if ready else b""
    try:
        announced = json.loads(line)
    except ValueError:
        sleep(0.1)  # for the end of its log
        raise Failed(f"{server.name} did not start: {line!r}\n{server.log_tail()}") from None
    if not isinstance(announced, dict):
        raise Failed(f"{server.name} announced {announced!r}, expected an object")
    return announced
