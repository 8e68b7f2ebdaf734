"""Running tests of the suite in this process, against a mutant of the mock."""

from __future__ import annotations

import contextlib
import io
import json
import os
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from contract_tests import PACKAGE, plugin
from contract_tests.control import ControlClient, MockAccount
from contract_tests.credentials import ENVIRONMENT
from contract_tests.mutants.calls import HttpCall, HttpReply, Middleware, Service
from contract_tests.mutants.proxy import MutatingProxy
from contract_tests.options import SURFACES
from contract_tests.report.shape import TestResult, read_result
from contract_tests.runner_plugin import ATTRIBUTE
from contract_tests.suite import test_id
from contract_tests.targets import MockProcess

FIXED = (
    "-c", str(PACKAGE / "suite.ini"), "--rootdir", str(PACKAGE.parent), "-q", "--no-header",
    # Finding other plugins takes longer than most tests.
    "--disable-plugin-autoload", "-p", "contract_tests.plugin", "-p", "no:cacheprovider",
    # So does the search for unclosed resources.
    "-p", "no:unraisableexception", "-p", "no:threadexception",
    # The plugin was imported before this run, and has no assertions.
    "-W", "ignore::pytest.PytestAssertRewriteWarning",
)  # fmt: skip
PLAIN_FIXTURES = {*plugin.__all__, "request", "pytestconfig"}


class MutantRunFailed(Exception):
    """The tests could not be run, or a mutation has an error; there is no verdict."""


class Harness:
    """One mock for any number of mutant runs, each with a new account.

    It needs its own process: `folder` becomes the working folder. The mock finds its settings
    there, and the suite finds no credentials.
    """

    def __init__(self, folder: Path, settings: Mapping[str, Any]) -> None:
        os.chdir(folder)
        sys.dont_write_bytecode, sys.pycache_prefix = False, str(folder)
        for name in ENVIRONMENT:
            os.environ.pop(name, None)  # noqa: TID251 - the runs use new accounts
        Path("tams-mock.toml").write_text(as_toml(settings), encoding="utf-8")
        self._mock = MockProcess()
        self._http = httpx.Client(trust_env=False, timeout=30)

    def close(self) -> None:
        """End the mock."""
        self._http.close()
        self._mock.end()

    def run(
        self,
        middleware: Middleware,
        tests: Sequence[str],
        *,
        surfaces: Sequence[str] = SURFACES,
        until: Callable[[TestResult], bool] = lambda result: False,
    ) -> list[TestRun]:
        """Run these tests, or all of some surfaces, and return their results.

        The run stops once `until` accepts a result.
        """
        account = ControlClient(self._http, self._mock.url).make_account()
        harness_plugin = HarnessPlugin(middleware, tests, until)
        with (
            MutatingProxy(self._mock.url, harness_plugin) as proxy,
            tempfile.TemporaryDirectory() as folder,
        ):
            proxy.upstream.know(account.credentials)
            file = Path(folder, "account.toml")
            file.write_text(_account(account), encoding="utf-8")
            arguments = [
                *FIXED, f"--target={proxy.url}", f"--config={file}", f"--state-dir={folder}",
                *places(tests, surfaces),
            ]  # fmt: skip
            output = io.StringIO()
            _forget_tests()
            with contextlib.redirect_stdout(output), contextlib.redirect_stderr(output):
                status = pytest.main(arguments, plugins=[harness_plugin])
            if proxy.faults:
                raise MutantRunFailed(f"the proxy is at fault: {proxy.faults[0]}")
        if status not in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED):
            raise MutantRunFailed(f"pytest ended with {status}:\n{output.getvalue()[-2000:]}")
        if harness_plugin.missing:
            raise MutantRunFailed(f"test {harness_plugin.missing[0]} does not exist")
        return harness_plugin.runs


@dataclass(frozen=True)
class TestRun:
    """The result of one test, and its calls (method and path).

    A test that `shares` jobs or tasks may depend on calls that another test made.
    """

    __test__ = False

    result: TestResult
    calls: frozenset[tuple[str, str]] = field(default_factory=frozenset)
    shares: bool = False


class HarnessPlugin:
    """Selects tests, keeps their results, and records the calls of each test."""

    def __init__(
        self,
        middleware: Middleware,
        wanted: Sequence[str],
        until: Callable[[TestResult], bool],
    ) -> None:
        self.runs: list[TestRun] = []
        self.missing: list[str] = []
        self._middleware = middleware
        self._wanted = list(wanted)
        self._until = until
        self._session: pytest.Session | None = None
        self._calls: set[tuple[str, str]] = set()
        self._shares = False

    def __call__(self, call: HttpCall, service: Service) -> HttpReply:
        """Record a call and pass it on."""
        self._calls.add((call.method, call.path))
        return self._middleware(call, service)

    def pytest_sessionstart(self, session: pytest.Session) -> None:
        """Keep the session, to stop it later."""
        self._session = session

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Select the wanted tests, in the given order."""
        if self._wanted:
            found = {test_id(item): item for item in items}
            self.missing = [name for name in self._wanted if name not in found]
            items[:] = [found[name] for name in self._wanted if name in found]

    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        """Start a test."""
        self._calls = set()
        self._shares = not set(getattr(item, "fixturenames", ())) <= PLAIN_FIXTURES

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Keep the result that comes with the last report of a test."""
        carried = getattr(report, ATTRIBUTE, {})
        if "result" in carried:
            result = read_result(json.loads(carried["result"]))
            self.runs.append(TestRun(result, frozenset(self._calls), self._shares))
            if self._session is not None and self._until(result):
                self._session.shouldfail = "that is enough"


def as_toml(data: Mapping[str, Any]) -> str:
    """Return settings as TOML: plain values first, then tables of plain values."""
    plain = {name: value for name, value in data.items() if not isinstance(value, Mapping)}
    lines = [f"{name} = {json.dumps(value)}" for name, value in plain.items()]
    for name, value in data.items():
        if isinstance(value, Mapping):
            lines += ["", f"[{name}]", as_toml(value)]
    return "\n".join(lines) + "\n"


def _account(account: MockAccount) -> str:
    tams, workshop = account.credentials.tams, account.credentials.workshop
    return as_toml({
        "tams": {
            "app_id": tams.app_id, "private_key": tams.private_key,
            "access_token": tams.access_token,
        },
        "workshop": {"app_key": workshop.app_key, "app_secret": workshop.app_secret},
    })  # fmt: skip


def _forget_tests() -> None:
    """Remove test modules, so that they are imported again without old state."""
    folders = tuple(f"{PACKAGE.name}.{surface}." for surface in SURFACES)
    for name in [name for name in sys.modules if name.startswith(folders)]:
        del sys.modules[name]


def places(tests: Sequence[str], surfaces: Sequence[str]) -> Iterator[str]:
    """Yield the files of these tests, or the folders of all tests of some surfaces."""
    for name in dict.fromkeys(test.partition("::")[0] for test in tests) or surfaces:
        yield str(PACKAGE / name)
