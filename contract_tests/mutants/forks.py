"""Running tests against many mutations: one collection, and a forked process for each mutation.

A fork starts in milliseconds with all tests imported, and nothing of it is left afterwards. Each
place for a fork has a mock of its own, with an account that each fork finds as new.
"""

from __future__ import annotations

import contextlib
import gc
import io
import json
import os
import selectors
import shutil
import signal
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from contract_tests import wall
from contract_tests.control import ControlClient
from contract_tests.credentials import ENVIRONMENT
from contract_tests.fixtures import RUN
from contract_tests.mutants.calls import Middleware
from contract_tests.mutants.harness import FIXED, MutantRunFailed, places
from contract_tests.mutants.transport import MutatingTransport
from contract_tests.openapi import description
from contract_tests.options import SURFACES
from contract_tests.outcomes import TestOutcome
from contract_tests.redaction import SecretRedactor
from contract_tests.runner_plugin import ATTRIBUTE
from contract_tests.signing import read_private_key
from contract_tests.suite import test_id
from contract_tests.targets import MockProcess

MAX_SECONDS = 600.0  # of one fork
MAX_FORKS = 100  # of one mock: it keeps what their accounts have
EXCERPT = 400  # characters of a message


@dataclass(frozen=True)
class ForkedWork:
    """Tests to run in one fork, until one fails; `report` may add plain data to the outcome.

    The fork itself goes through `tests`, so finding them may take a while.
    """

    name: str
    tests: Iterable[str]
    middleware: Middleware
    report: Callable[[], Any] = lambda: None


@dataclass(frozen=True)
class ForkedOutcome:
    """What a fork found: the test that failed, those that ended in an error, how many ran.

    `problem` says why there is no verdict; `reported` is what the work reported.
    """

    name: str
    failed: str = ""
    message: str = ""
    errors: tuple[str, ...] = ()
    ran: int = 0
    seconds: float = 0.0
    problem: str = ""
    reported: Any = None


def run_forks(tests: Sequence[str], processes: int, work: Callable[[ForkingPlugin], None]) -> None:
    """Collect tests, or all, and give a plugin that runs them in forks to `work`.

    Raises `MutantRunFailed` if tests cannot be collected, and what `work` raises.
    """
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        for name in ENVIRONMENT:
            os.environ.pop(name, None)  # noqa: TID251 - the forks use new accounts
        free = [_Place(Path(folder, str(number))) for number in range(processes)]
        plugin = ForkingPlugin(free, work)
        arguments = [*FIXED, "-s", f"--target={free[0].mock.url}", f"--state-dir={folder}",
                     *places(tests, SURFACES)]  # fmt: skip
        output = io.StringIO()
        try:
            with contextlib.redirect_stdout(output):
                status = pytest.main(arguments, plugins=[plugin])
        finally:
            for place in free:
                place.close()
        if plugin.raised is not None:
            raise plugin.raised
        if status == pytest.ExitCode.INTERRUPTED:
            raise KeyboardInterrupt
        if status != pytest.ExitCode.OK:
            raise MutantRunFailed(f"pytest ended with {status}:\n{output.getvalue()[-2000:]}")


class _Place:
    """A mock, an account and a folder for one fork at a time."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._http = httpx.Client(trust_env=False, timeout=30)
        self._used = 0
        self._open()

    def use(self) -> None:
        """Bring the account back to its start; take a new mock from time to time."""
        shutil.rmtree(self.folder, ignore_errors=True)
        self._used += 1
        if self._used % MAX_FORKS == 0:
            self.mock.end()
            self._open()
        self._control.reset(self.account.id)

    def close(self) -> None:
        """End the mock."""
        self._http.close()
        self.mock.end()

    def _open(self) -> None:
        self.mock = MockProcess()
        self._control = ControlClient(self._http, self.mock.url)
        self.account = self._control.make_account()
        # Both take longer than most tests, and are remembered. The forks find them done.
        read_private_key(self.account.credentials.tams.private_key)
        SecretRedactor(self.account.credentials.secrets())


@dataclass
class _Fork:
    process: int
    pipe: int
    work: ForkedWork
    place: _Place
    begun: float
    output: bytearray = field(default_factory=bytearray)


class ForkingPlugin:
    """A pytest plugin that gives its tests to work, instead of running them once each."""

    def __init__(self, places: Sequence[_Place], work: Callable[[ForkingPlugin], None]) -> None:
        self.items: dict[str, pytest.Item] = {}
        self.raised: BaseException | None = None
        self._places, self._free = places, list(places)
        self._work = work
        self._results: list[dict[str, Any]] = []

    @pytest.hookimpl(trylast=True)
    def pytest_configure(self, config: pytest.Config) -> None:
        """Write no reports: the tests of a fork are not a run."""
        config.pluginmanager.unregister(name="contract-report")

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Do the work."""
        self.items = {test_id(item): item for item in session.items}
        for surface in SURFACES:
            description(surface)  # read once, for all forks
        gc.collect()
        gc.freeze()
        try:
            self._work(self)
        except BaseException as error:
            self.raised = error
        return True

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Keep the result of a test, in a fork."""
        carried = getattr(report, ATTRIBUTE, {})
        if "result" in carried:
            self._results.append(json.loads(carried["result"]))

    def run(self, works: Iterable[ForkedWork]) -> Iterator[ForkedOutcome]:
        """Run works in parallel and yield their outcomes as they end."""
        waiting, running = iter(works), selectors.DefaultSelector()
        try:
            while True:
                while self._free and (work := next(waiting, None)) is not None:
                    fork = self._start(work, self._free.pop())
                    running.register(fork.pipe, selectors.EVENT_READ, fork)
                if not running.get_map():
                    return
                for key, _ in running.select(timeout=1.0):
                    fork = key.data
                    if piece := os.read(fork.pipe, 1 << 20):
                        fork.output += piece
                    else:
                        running.unregister(fork.pipe)
                        yield self._ended(fork)
                for key in list(running.get_map().values()):
                    if wall.elapsed() - key.data.begun > MAX_SECONDS:
                        os.kill(key.data.process, signal.SIGKILL)
        finally:
            for key in list(running.get_map().values()):
                os.kill(key.data.process, signal.SIGKILL)
                running.unregister(key.data.pipe)
                self._ended(key.data)
            running.close()

    def _start(self, work: ForkedWork, place: _Place) -> _Fork:
        place.use()
        begun = wall.elapsed()
        reads, writes = os.pipe()
        process = os.fork()
        if process == 0:
            os.close(reads)
            for other in self._places:
                other.mock.leave()  # so that none of them waits for the end of this fork
            try:
                output = json.dumps(self._run_tests(work, place)).encode()
                while output:
                    output = output[os.write(writes, output) :]
            finally:
                os._exit(0)
        os.close(writes)
        return _Fork(process, reads, work, place, begun)

    def _ended(self, fork: _Fork) -> ForkedOutcome:
        os.close(fork.pipe)
        os.waitpid(fork.process, 0)
        self._free.append(fork.place)
        seconds = round(wall.elapsed() - fork.begun, 3)
        try:
            told = json.loads(fork.output)
        except ValueError:
            return ForkedOutcome(fork.work.name, seconds=seconds, problem="its process ended early")
        told["errors"] = tuple(told["errors"])
        return ForkedOutcome(fork.work.name, seconds=seconds, **told)

    def _run_tests(self, work: ForkedWork, place: _Place) -> dict[str, Any]:
        """Run the tests of a work, in the forked process."""
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent ends its forks
        sys.stderr = sys.stdout
        transport = MutatingTransport(work.middleware, place.account.credentials)
        told: dict[str, Any] = {"failed": "", "message": "", "errors": [], "ran": 0, "problem": ""}
        run = next(iter(self.items.values())).config.stash[RUN]
        run.settings = replace(
            run.settings,
            flags=replace(run.settings.flags, target=place.mock.url),
            credentials=place.account.credentials,
            transport=transport,
        )
        run.folder = place.folder
        for test in work.tests:
            item = self.items[test]
            after = next(other for name, other in self.items.items() if name != test)
            # Everything but the session is torn down, because another test is told to follow.
            item.ihook.pytest_runtest_protocol(item=item, nextitem=after)
            told["ran"] += 1
            result = self._results[-1]
            if result["outcome"] == TestOutcome.ERROR.value:
                told["errors"].append(test)
            if result["outcome"] == TestOutcome.FAILED.value:
                told["failed"], told["message"] = test, result["reason"][:EXCERPT]
                break
        told["problem"] = transport.faults[0] if transport.faults else ""
        told["reported"] = work.report()
        return told
