"""What must hold for the image: for its files, and for a container while it runs and ends."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

from scripts._image.build import Built, inside, mount

MAX_START_SECONDS = 20
MAX_STOP_SECONDS = 10
STARTS = 3

# What only a build needs.
_BUILD_TOOLS = {
    "cc",
    "c++",
    "gcc",
    "g++",
    "clang",
    "ld",
    "as",
    "make",
    "cargo",
    "rustc",
    "hatchling",
}

# One job, from the outside: it is run in the container with its own Python.
_JOB = """
import sys, httpx
mock = httpx.Client(base_url=sys.argv[1], headers={"Authorization": "Bearer mock-token-0001"})
assert mock.get("/_mock/accounts").status_code == 401, "the control API must want its token"
made = mock.post("/v1/jobs", headers={"X-Mock-Progress": "instant"}, json={
    "requestId": "image", "stages": [
        {"type": "INPUT_INITIALIZE", "inputInitialize": {"seed": 1, "count": 1}},
        {"type": "DIFFUSION", "diffusion": {
            "width": 512, "height": 512, "steps": 15, "cfgScale": 7, "sampler": "Euler a",
            "sdModel": "600423083519508503", "sdVae": "Automatic",
            "prompts": [{"text": "a kite"}]}}]})
job = mock.get("/v1/jobs/" + made.json()["job"]["id"]).json()["job"]
picture = mock.get(job["successInfo"]["images"][0]["url"]).content
assert picture[1:4] == b"PNG", picture[:20]
try:
    open("/opt/written", "w")
except OSError as error:
    assert error.errno == 30, error  # the file system is read-only
else:
    raise AssertionError("the root can be written to")
"""


def problems_of_files(built: Built) -> list[str]:
    """Return what should not be in the image."""
    found = []
    for folder, _, names in os.walk(built.root):
        for name in names:
            path = Path(folder) / name
            place = f"/{path.relative_to(built.root)}"
            mode = path.lstat().st_mode
            if name in _BUILD_TOOLS and "bin" in path.parent.name:
                found.append(f"{place} is left")
            if stat.S_ISREG(mode) and mode & (stat.S_ISUID | stat.S_ISGID):
                found.append(f"{place} raises rights")
            if stat.S_ISREG(mode) and mode & stat.S_IWOTH:
                found.append(f"{place} can be written by all")
            if "/.cache/" in place or place.startswith("/var/cache/apt/archives/"):
                found.append(f"{place} is a cache")
    return found


def size_of(folder: Path) -> int:
    """Return the bytes of all files below a folder."""
    files = (Path(place) / name for place, _, names in os.walk(folder) for name in names)
    return sum(file.lstat().st_size for file in files)


@dataclass
class Container:
    """A running container: the process that holds it, its process 1, and its line of JSON."""

    built: Built
    process: subprocess.Popen[str]
    ready: dict[str, Any]
    start_seconds: float

    def execute(self, *command: str) -> subprocess.CompletedProcess[str]:
        """Run a command inside, as `docker exec` does."""
        uid, _, gid = self.built.user.partition(":")
        return subprocess.run(
            ["nsenter", "--target", str(self._first()), "--net", "--pid", "--mount", "--root",
             "--wd", f"--setuid={uid}", f"--setgid={gid}", "/usr/bin/env", "-i",
             *_assignments(self.built), *command],
            capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip

    def stop(self) -> tuple[int, str, float]:
        """Send SIGTERM; return the exit status, what was logged, and the seconds it took."""
        began = perf_counter()
        os.kill(self._first(), signal.SIGTERM)
        _, log = self.process.communicate(timeout=MAX_STOP_SECONDS)
        return self.process.returncode, log, perf_counter() - began

    def _first(self) -> int:
        pid = self.process.pid
        return int(Path(f"/proc/{pid}/task/{pid}/children").read_text().split()[0])


@contextmanager
def running(built: Built, *arguments: str) -> Iterator[Container]:
    """Run the entry point of the image until the block ends."""
    command = [*built.entrypoint, *built.command, *arguments]
    began = perf_counter()
    process = subprocess.Popen(
        ["unshare", "--net", "--pid", "--ipc", "--uts", "--mount", "--fork", "--kill-child",
         sys.executable, "-P", "-m", "scripts._image.container", str(built.root), built.user,
         built.folder, *_assignments(built), "--", *command],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        seconds = perf_counter() - began
        if not line:
            raise SystemExit(f"the container did not start: {process.communicate()[1]}")
        yield Container(built, process, json.loads(line), seconds)
    finally:
        process.kill()
        process.communicate()


def _assignments(built: Built) -> Sequence[str]:
    values = {"HOME": built.folder} | built.environment
    return [f"{name}={value}" for name, value in values.items()]


def problems_of_runs(built: Built) -> tuple[list[str], list[float]]:
    """Run the image several times; return what was wrong, and the seconds of each start."""
    mount("--bind", built.root, built.root)
    mount("-o", "remount,bind,ro", built.root)
    for kind, place in (("proc", "/proc"), ("tmpfs", "/tmp")):
        mount("-t", kind, kind, inside(built.root, place))
    found: list[str] = []
    seconds: list[float] = []
    for _ in range(STARTS):
        with running(built, "--json") as container:
            seconds.append(container.start_seconds)
            health = container.execute(*built.health)
            job = container.execute("python", "-c", _JOB, str(container.ready["url"]))
            status, log, _ = container.stop()
        if health.returncode:
            found.append(f"the health check failed: {health.stderr}")
        if job.returncode:
            found.append(f"a job failed: {job.stderr}")
        if not container.ready["control_token"]:
            found.append("the line of JSON has no control token")
        if status or '"stopped"' not in log:
            found.append(f"SIGTERM ended it with status {status}: {log}")
    return list(dict.fromkeys(found)), seconds
