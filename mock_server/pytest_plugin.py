"""The pytest plugin: a mock for the session, an account of its own for each test (docs/pytest.md).

pytest loads it wherever this package is installed, so it loads the rest only for a fixture.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Generator, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from typing import TYPE_CHECKING, Any, NoReturn

import pytest

if TYPE_CHECKING:
    from mock_server.client import AccountClient, Json, MockClient
    from mock_server.client.accounts import AccountClock, AccountFaults, AccountScenario
    from mock_server.client.asynchronous import Answer, Answers

MAX_SHOWN = 20  # calls in the report of a failure
MAX_NAME_LENGTH = 200  # of an account

CHECKS = ("routes", "signatures", "faults")

_MARKERS = {
    "tams_account": "(**members): members of POST /_mock/accounts for the account of the test",
    "tams_settings": "(**settings): settings of the account of the test, as in docs/settings.md",
    "tams_scenario": "(name): start a scenario on the account of the test, as in docs/scenarios.md",
    "tams_check": f"(*names): what is checked after the test: {', '.join(CHECKS)}, all or none",
}


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("tams-mock")
    group.addoption(
        "--tams-mock-url",
        metavar="URL",
        help="Use the mock that runs there and start none; also TAMS_MOCK_URL. Its control token is"
        " TAMS_MOCK_CONTROL_TOKEN.",
    )
    sentence = f"What is checked after each test: {', '.join(CHECKS)}, all or none."
    group.addoption("--tams-mock-check", metavar="NAMES", help=sentence)
    parser.addini("tams_mock_check", sentence, default="none")


def pytest_configure(config: pytest.Config) -> None:
    for marker, words in _MARKERS.items():
        config.addinivalue_line("markers", f"{marker}{words}")
    # pytest would compile all modules of a plugin's distribution again, for half a second.
    rewritten: set[str] = getattr(config.pluginmanager.rewrite_hook, "_must_rewrite", set())
    rewritten -= {"mock_server", "contract_tests"}
    asked = config.getoption("--tams-mock-check") or config.getini("tams_mock_check")
    try:
        config.stash[_CHECKED] = _checks(asked.replace(",", " ").split())
    except ValueError as error:
        raise pytest.UsageError(f"tams-mock-check: {error}") from error


def pytest_itemcollected(item: pytest.Item) -> None:
    """Let a test with a marker of the plugin have an account."""
    names: list[str] = getattr(item, "fixturenames", [])
    if "tams_account" not in names and any(map(item.get_closest_marker, _MARKERS)):
        names.append("tams_account")


@pytest.fixture(scope="session")
def tams_mock_settings() -> dict[str, Any]:
    """Settings of the mock, by name, as in docs/settings.md; to be overridden in a conftest.

    Where a mock runs already, they are those of each account.
    """
    return {}


@pytest.fixture(scope="session")
def tams_mock(
    request: pytest.FixtureRequest, tams_mock_settings: Mapping[str, Any]
) -> Iterator[MockClient]:
    """A running mock, as the client of its control API. Its `url` is where it runs.

    It is one for the session, or for each worker of pytest-xdist, or that of `--tams-mock-url`.
    """
    if url := _url_of_running(request.config):
        yield _client(url)
        return
    from mock_server.serving import serving
    from mock_server.setting_sources import SettingsError
    from mock_server.transport.ports import ServingError

    with ExitStack() as stack:
        try:
            server = stack.enter_context(serving(**tams_mock_settings))
        except (SettingsError, ServingError) as error:
            _fail(f"tams_mock_settings: {error}")
        yield server.client


@pytest.fixture
def tams_account(
    request: pytest.FixtureRequest, tams_mock: MockClient, tams_mock_settings: Mapping[str, Any]
) -> Iterator[AccountClient[Json, list[Json]]]:
    """An account that only this test has: `url`, credentials, and the calls about it."""
    from mock_server.client import CallRefused

    node, alone = request.node, not _url_of_running(request.config)
    settings = {**({} if alone else tams_mock_settings), **_marked(node, "tams_settings")}
    members = {"name": node.nodeid[-MAX_NAME_LENGTH:], **_marked(node, "tams_account")}
    with _refusals("the account of this test"):
        account = tams_mock.new_account(**members, settings=settings or None)
    try:
        node.stash[_WATCH] = AccountWatch(account, _checks_of(node), alone=alone)
        if marker := node.get_closest_marker("tams_scenario"):
            with _refusals("the scenario of this test"):
                account.scenario.start(*marker.args, **marker.kwargs)
        yield account
    finally:
        node.stash[_WATCH] = None
        with suppress(CallRefused):  # the test may have deleted it
            account.delete()


@pytest.fixture
def tams_clock(
    tams_account: AccountClient[Json, list[Json]],
) -> AccountClock[Json, list[Json]]:
    """The clock of the test's account."""
    return tams_account.clock


@pytest.fixture
def tams_faults(
    tams_account: AccountClient[Json, list[Json]],
) -> AccountFaults[Json, list[Json]]:
    """Rules that make calls of the test's account fail."""
    return tams_account.faults


@pytest.fixture
def tams_scenario(
    tams_account: AccountClient[Json, list[Json]],
) -> AccountScenario[Json, list[Json]]:
    """Named failures of the test's account."""
    return tams_account.scenario


@pytest.fixture
def tams_async(
    tams_mock: MockClient, tams_account: AccountClient[Any, Any]
) -> AccountClient[Answer, Answers]:
    """The test's account with calls that are awaited: `await tams_async.clock.advance(30)`."""
    from mock_server.client import AccountClient

    return AccountClient(tams_mock.awaited, tams_account.body)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    """Let a test fail that went well, but made calls that it should not have made."""
    yield
    if watch := item.stash.get(_WATCH, None):
        with _refusals("the checks after this test"):
            problems = [*watch.problems()]
        if problems:
            _fail("\n".join(problems))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show the last calls of the account in the report of a test that failed."""
    report = yield
    if report.failed and (watch := item.stash.get(_WATCH, None)):
        report.sections.append((f"tams-mock: calls of {watch.account.id}", watch.report()))
    return report


class AccountWatch:
    """What an account was asked since its test began.

    Calls that belong to no account are counted too where the test is `alone` with its mock.
    """

    def __init__(
        self, account: AccountClient[Json, list[Json]], checks: Collection[str], *, alone: bool
    ) -> None:
        self.account = account
        self.checks = checks
        self._alone = alone
        newest = account.calls.requests(limit=1) if alone else []
        self._since = newest[0]["id"] if newest else None

    def calls(self) -> list[Json]:
        """Return the calls, the oldest first."""
        if not self._alone:
            return self.account.requests(limit=1000)[::-1]
        found = self.account.calls.requests(since=self._since, limit=1000)[::-1]
        return [each for each in found if each["account"] in (None, self.account.id)]

    def problems(self) -> Iterator[str]:
        """Yield what was not expected, as far as it is checked."""
        checks = self.checks
        for each in self.calls() if {"routes", "signatures"} & {*checks} else ():
            line = f"{each['method']} {each['path']}: {each['refusal']}"
            if each["operation"] is None:
                if "routes" in checks:
                    yield f"unknown route: {line}"
            elif (
                "signatures" in checks and each["refusal"] and self._is_unauthenticated(each["id"])
            ):
                yield f"refused signature: {line}"
        for each in self.account.faults.list() if "faults" in checks else ():
            if not each["hits"]:
                fault = each["rule"]["fault"]
                yield f"unused fault: {fault.get('name', fault['kind'])}, {each['matches']} matches"

    def report(self) -> str:
        """Return the last calls, a line for each, with the reasons of refusals."""
        from mock_server.client import CallRefused, NotReachable
        from mock_server.commands.log_lines import TextLines, told_of

        lines = TextLines(colours=False)
        try:
            calls = self.calls()
        except (CallRefused, NotReachable) as error:
            return f"the journal cannot be read: {error}"
        shown = [lines.request(told_of(each)) for each in calls[-MAX_SHOWN:]]
        if earlier := len(calls) - len(shown):
            shown.insert(0, f"({earlier} earlier ones)")
        return "\n".join(shown) or "none"

    def _is_unauthenticated(self, id: str) -> bool:
        verdict = self.account.calls.request(id)["verdict"]
        return bool(verdict) and not verdict["accepted"]


_WATCH = pytest.StashKey[AccountWatch | None]()
_CHECKED = pytest.StashKey[Collection[str]]()


def _checks(names: Collection[str]) -> Collection[str]:
    """Return what names of checks mean; ValueError for others."""
    for name in names:
        if name not in (*CHECKS, "all", "none"):
            raise ValueError(f"{name!r} is none of {', '.join(CHECKS)}, all, none")
    return CHECKS if "all" in names or not names else {*names} - {"none"}


def _checks_of(node: pytest.Item) -> Collection[str]:
    marker = node.get_closest_marker("tams_check")
    try:
        return _checks(marker.args) if marker else node.config.stash[_CHECKED]
    except ValueError as error:
        _fail(f"tams_check: {error}")


def _url_of_running(config: pytest.Config) -> str:
    return str(config.getoption("--tams-mock-url") or os.environ.get("TAMS_MOCK_URL", ""))


def _client(url: str) -> MockClient:
    """Return a client of a mock that runs already."""
    from mock_server.client import CallRefused, MockClient, NotReachable

    try:
        client = MockClient(url, control_token=os.environ.get("TAMS_MOCK_CONTROL_TOKEN", ""))
        client.clock()
    except CallRefused as error:
        _fail(f"{url} wants another TAMS_MOCK_CONTROL_TOKEN: {error}")
    except (ValueError, NotReachable) as error:
        _fail(f"--tams-mock-url (or TAMS_MOCK_URL): {error}")
    return client


def _marked(node: pytest.Item, name: str) -> dict[str, Any]:
    """Return what markers of a test and of its surroundings say; the nearest wins."""
    found: dict[str, Any] = {}
    for marker in reversed([*node.iter_markers(name)]):
        for each in (*marker.args, marker.kwargs):
            found.update(each)
    return found


@contextmanager
def _refusals(what: str) -> Iterator[None]:
    """Fail with the mock's words where it refuses a call."""
    from mock_server.client import CallRefused

    try:
        yield
    except CallRefused as error:
        _fail(f"{what}: {'; '.join(error.lines)}")


def _fail(reason: str) -> NoReturn:
    raise pytest.fail.Exception(reason, pytrace=False) from None
