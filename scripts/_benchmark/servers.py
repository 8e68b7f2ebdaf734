"""Servers in processes of their own: starting, asking and ending them, and what they use."""

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
START_WITHIN = 30.0
STOP_WITHIN = 5.0

BARE = ("scripts._benchmark.bare",)
# As `serve` starts it, with everything on; only the account may call as often as it likes, and
# has credits for every job.
SERVE = ("serve", "--json", "--port", "0", "--rate-limit", "off", "--balance", "1000000000")
MOCK = ("mock_server", *SERVE)
MOCK_WITHOUT_JOURNAL = ("scripts._benchmark.no_journal", *SERVE)


class Failed(Exception):
    """Something did not work, so there is nothing to compare; the message is for people."""


@dataclass
class BenchmarkServer:
    """A server that runs: what it said when it was ready, and its process."""

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
        """Make one call on a connection of its own; what is not bytes is sent as JSON."""
        data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        connection = http.client.HTTPConnection(*self.address, timeout=START_WITHIN)
        try:
            connection.request(method, path, data, dict(headers or {}))
            answer = connection.getresponse()
            return answer.status, answer.read()
        except (OSError, http.client.HTTPException) as error:
            raise Failed(f"{self.name}: {method} {path}: {error!r}\n{self.last_words()}") from error
        finally:
            connection.close()

    def json(
        self, method: str, path: str, body: Any = None, *, headers: Mapping[str, str] | None = None
    ) -> Any:
        """Make one call that has to go well, and return what it answers."""
        status, answer = self.ask(method, path, body, headers=headers)
        if not 200 <= status < 300:
            shown = answer[:500].decode(errors="replace")
            raise Failed(f"{self.name}: {method} {path} answered {status}: {shown}")
        return json.loads(answer) if answer else None

    def cpu_seconds(self) -> float | None:
        """Return the processor time that it has used; None where there is no /proc."""
        try:
            fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            return None
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def memory_bytes(self) -> int | None:
        """Return the memory that it occupies; None where nothing says so."""
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

    def last_words(self) -> str:
        """Return the end of what it wrote to standard error."""
        return self.log.read_text(errors="replace")[-2000:]

    def stop(self) -> None:
        """End it and wait until it has ended."""
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(STOP_WITHIN)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        if self.process.stdout is not None:
            self.process.stdout.close()


class Servers:
    """Starts servers in a folder of their own and ends those that are left."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._started: list[BenchmarkServer] = []

    def start(self, name: str, module: Sequence[str], *options: str) -> BenchmarkServer:
        """Start a server and return it once it says that it is ready."""
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
        """Start a server and wait until it answers; return it and the seconds until then."""
        began = perf_counter()
        server = self.start(name, module)
        status, _ = server.ask("GET", path)
        seconds = perf_counter() - began
        if status != 200:
            raise Failed(f"{name}: GET {path} answered {status} after the start")
        return server, seconds

    def stop(self) -> None:
        """End every server that was started here."""
        for server in self._started:
            server.stop()


@contextmanager
def servers() -> Iterator[Servers]:
    """Yield a place to start servers in; they and their files are gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="tams-mock-benchmark-") as folder:
        started = Servers(Path(folder))
        try:
            yield started
        finally:
            started.stop()


def _environment() -> dict[str, str]:
    """Return the environment without what would change the servers' behaviour."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("TAMS_MOCK_", "PYTHON"))
    }
    return {**kept, "PYTHONPATH": str(ROOT)}


def _first_line(server: BenchmarkServer) -> Mapping[str, Any]:
    """Wait for the line of JSON that a server prints when it is ready."""
    pipe = server.process.stdout
    assert pipe is not None
    ready, _, _ = select.select([pipe], [], [], START_WITHIN)
    line = pipe.readline() if ready else b""
    try:
        announced = json.loads(line)
    except ValueError:
        sleep(0.1)  # for what it still has to say
        raise Failed(f"{server.name} did not start: {line!r}\n{server.last_words()}") from None
    if not isinstance(announced, dict):
        raise Failed(f"{server.name} announced {announced!r}, expected an object")
    return announced
