"""The target of a run: how it is opened, and what it can do."""

from __future__ import annotations

import json
import ssl
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx

from contract_tests.availability import why_unusable
from contract_tests.clocks import MockClock, TargetClock, WallClock
from contract_tests.control import ControlClient
from contract_tests.credentials import BadSettings, TargetCredentials
from contract_tests.options import SURFACES, RunProfile
from contract_tests.outcomes import Unsupported
from contract_tests.redaction import SecretRedactor
from contract_tests.settings import RunSettings
from contract_tests.troubles import Trouble, no_answer

TIMEOUT = 60.0  # seconds for one answer
FUZZ_CALLS = 60  # calls of each generating test at a mock
FEW_FUZZ_CALLS = 12  # and at other targets
START_TIMEOUT = 60.0  # seconds for a mock to be ready; a busy computer takes a while
_ROOT = str(Path(__file__).resolve().parents[1])
# Starts the mock beside this package, not a folder of the same name in the project under test,
# which may be the working folder or on PYTHONPATH. Nothing else is imported from there first.
_START = """
import sys
root = sys.argv.pop(1)
sys.path.insert(0, root)
import mock_server
sys.path.remove(root)
from mock_server.cli import main
main()
"""
_LOOPBACK = {"localhost", "127.0.0.1", "::1"}


TARGET_DOWN = 3
"""The exit status if the target cannot be tested."""


class TargetDown(Exception):
    """The target cannot be tested; the message says why, and what to do."""


@dataclass(frozen=True)
class RunLimits:
    """What a run may do at its target: profile, budgets, destructive tests, generated calls."""

    profile: RunProfile
    budgets: Mapping[str, Decimal | None]
    destructive: bool
    fuzz_calls: int = 0
    """Calls that each generating test may make."""


class ContractTarget:
    """An open target and the credentials for it."""

    def __init__(
        self,
        kind: str,
        urls: Mapping[str, str],
        credentials: TargetCredentials,
        http: httpx.Client,
        clock: TargetClock,
        *,
        unpooled: httpx.Client,
        served: frozenset[str] = frozenset(SURFACES),
        control: ControlClient | None = None,
        account: str = "",
        callback_url: str | None = None,
        process: MockProcess | None = None,
    ) -> None:
        self.kind = kind
        self.urls = urls
        self.credentials = credentials
        self.http = http
        self.unpooled = unpooled  # opens a connection for each call
        self.clock = clock
        self.served = served
        self.callback_url = callback_url
        self.notes: list[str] = []
        self.tell_secrets: Callable[[Iterable[str]], None] = lambda secrets: None
        self._control = control
        self._account = account
        self._process = process

    @property
    def has_own_account(self) -> bool:
        """Say whether this process has its own account."""
        return self._control is not None

    @property
    def version(self) -> str:
        """Return the version of a mock, or an empty text."""
        return self._control.version() if self._control else ""

    def has(self, capability: str) -> bool:
        """Say whether the target has a capability; see `markers.CAPABILITIES`."""
        match capability:
            case "bearer":
                return self.credentials.tams.bearer() is not None
            case "signature":
                return self.credentials.tams.signature() is not None
            case "clock" | "balance" | "accounts":
                return self._control is not None
            case "callbacks":
                hosts = {urlsplit(url).hostname for url in self.urls.values()}
                return self.callback_url is not None or hosts <= _LOOPBACK
        raise ValueError(f"{capability!r} is not a capability")

    def balance(self) -> Decimal:
        """Return the account's balance, or raise `Unsupported`."""
        if self._control is None:
            raise Unsupported("the balance cannot be read")
        return self._control.balance(self._account)

    def another_account(self, **members: Any) -> TargetCredentials:
        """Make another account for a test and return its credentials; raises `Unsupported`."""
        if self._control is None:
            raise Unsupported("another account cannot be made")
        credentials = self._control.make_account(**members).credentials
        self.tell_secrets(credentials.secrets())
        return credentials

    def trouble(self, surface: str) -> Trouble | None:
        """Return why a surface cannot be tested any more, or None; makes a free call."""
        if self._control is not None:
            return self._control.trouble()
        return why_unusable(self.http, surface, self.urls[surface], self.credentials.auth(surface))

    def close(self) -> None:
        """Close connections, and stop the target if the run started it."""
        self.http.close()
        self.unpooled.close()
        if self._process is not None:
            self._process.end()


def run_limits(settings: RunSettings, *, free_of_cost: bool) -> RunLimits:
    """Return the limits of a run; raises `BadSettings` if it may spend and no maximum was set."""
    profile = settings.profile or (RunProfile.FULL if free_of_cost else RunProfile.FREE)
    if not free_of_cost and profile is not RunProfile.FREE and settings.max_credits is None:
        raise BadSettings(
            f"--profile {profile.value} may spend credits at this target: set --max-credits N "
            "(--plan prints how many it may need)"
        )
    default = None if free_of_cost else Decimal(0)
    fuzz_calls = settings.flags.fuzz_calls
    if fuzz_calls is None:
        fuzz_calls = FUZZ_CALLS if free_of_cost else FEW_FUZZ_CALLS
    credits = default if settings.max_credits is None else settings.max_credits
    uses = default if settings.max_uses is None else settings.max_uses
    return RunLimits(
        profile=profile,
        budgets={"credits": credits, "uses": uses},
        destructive=free_of_cost or settings.flags.destructive,
        fuzz_calls=fuzz_calls,
    )


def check_target(settings: RunSettings) -> bool:
    """Say whether the target is free of cost, before tests run.

    Raises `BadSettings` or `TargetDown` if every test would fail. The vendors' services get one
    free call for each credential.
    """
    if settings.flags.target == "mock":
        return True
    urls, auth = target_urls(settings), settings.credentials.auth
    with _http(settings) as http:
        if settings.flags.target != "real" and _control(settings, http) is not None:
            return True
        known = [surface for surface in settings.surfaces if surface in urls]
        for surface in [each for each in known if auth(each)] or known[:1]:
            if trouble := why_unusable(http, surface, urls[surface], auth(surface)):
                told = SecretRedactor(settings.secrets()).text(str(trouble))
                others = [each for each in known if each != surface]
                hint = f", or leave it out with --only {others[0]}" if others else ""
                raise TargetDown(f"{surface} cannot be tested: {told}{hint}")
    return False


def open_target(settings: RunSettings) -> ContractTarget:
    """Return the target, started if necessary. Raises `TargetDown`, `BadSettings`."""
    if settings.flags.target == "mock":
        return _open_own_mock(settings)
    http = _http(settings)
    urls = target_urls(settings)
    control = None if settings.flags.target == "real" else _control(settings, http)
    if control is not None:
        return _open_mock(settings, http, control, urls["tams"])
    # A rehearsal of a real run on this computer proves nothing about the real services.
    hosts = {urlsplit(url).hostname for url in urls.values()}
    is_real = settings.flags.target == "real" and not hosts & _LOOPBACK
    return ContractTarget(
        "real" if is_real else "url",
        urls,
        settings.credentials,
        http,
        WallClock(settings.flags.longest_wait),
        unpooled=_http(settings, pooled=False),
        callback_url=settings.flags.callback_url,
    )


def _open_own_mock(settings: RunSettings) -> ContractTarget:
    process = MockProcess()
    http = _http(settings)
    control = ControlClient(http, process.url)
    return _open_mock(settings, http, control, process.url, process)


def _open_mock(
    settings: RunSettings,
    http: httpx.Client,
    control: ControlClient,
    url: str,
    process: MockProcess | None = None,
) -> ContractTarget:
    given = settings.credentials
    known = control.account_of(given) if given.secrets() else None
    account = known or control.make_account()
    target = ContractTarget(
        "mock",
        dict.fromkeys(SURFACES, url),
        account.credentials,
        http,
        MockClock(control, account.id),
        unpooled=_http(settings, pooled=False),
        served=control.surfaces(),
        control=control,
        account=account.id,
        callback_url=settings.flags.callback_url,
        process=process,
    )
    if given.secrets() and known is None:
        target.notes.append("this mock does not know the given credentials: a new account is used")
    return target


def target_urls(settings: RunSettings) -> dict[str, str]:
    """Return the URL of each surface that has one; none for a mock that the run starts."""
    if settings.url:
        return dict.fromkeys(SURFACES, settings.url.rstrip("/"))
    credentials = settings.credentials
    urls = {"tams": credentials.tams_endpoint, "workshop": credentials.workshop_endpoint}
    return {surface: url for surface, url in urls.items() if url}


def _http(settings: RunSettings, *, pooled: bool = True) -> httpx.Client:
    # A proxy from the environment is used for the vendors, never for a mock on this computer.
    real = settings.flags.target == "real"
    return httpx.Client(
        verify=ssl_context(settings.flags.ca_file) if settings.transport is None else False,
        transport=settings.transport,
        timeout=TIMEOUT,
        trust_env=real,
        follow_redirects=False,
        limits=httpx.Limits(max_connections=100, max_keepalive_connections=20 if pooled else 0),
    )


@cache  # loading the certificates takes longer than many tests
def ssl_context(ca_file: Path | None) -> ssl.SSLContext:
    """Return the context of all connections. Raises `BadSettings` for a wrong file."""
    if ca_file is None:
        return httpx.create_ssl_context()
    context = ssl.create_default_context()
    try:
        context.load_verify_locations(ca_file)
    except (ssl.SSLError, OSError) as error:
        raise BadSettings(f"--ca-file {ca_file}: {error}") from None
    return context


def _control(settings: RunSettings, http: httpx.Client) -> ControlClient | None:
    url = settings.url.rstrip("/")
    control = ControlClient(http, url, settings.control_token)
    try:
        return control if control.is_there() else None
    except httpx.TransportError as error:
        raise TargetDown(str(no_answer(error, url))) from None


class MockProcess:
    """A mock that runs as long as this process; raises `TargetDown` if it does not start."""

    def __init__(self) -> None:
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the process
        watchdog = Path(__file__).with_name("watchdog.py")
        command = [
            sys.executable,
            "-P",
            "-c",
            _START,
            _ROOT,
            "serve",
            "--port",
            "0",
            "--json",
            "--quiet",
        ]
        # In its own session, so that Ctrl-C does not stop it during the clean-up.
        self._process = subprocess.Popen(  # noqa: S603 - nothing of it comes from outside
            [sys.executable, "-I", str(watchdog), *command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            start_new_session=True,
        )
        self.url = str(self._first_line()["url"])

    def end(self) -> None:
        """Stop the mock and wait for its end."""
        self.leave()
        self._process.wait(timeout=START_TIMEOUT)
        self._errors.close()

    def leave(self) -> None:
        """Close this process's ends of the pipes: another process goes on with the mock."""
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                stream.close()

    def _first_line(self) -> dict[str, Any]:
        stdin, stdout = self._process.stdin, self._process.stdout
        if stdin is None or stdout is None:
            raise RuntimeError("both are pipes")
        timer = threading.Timer(START_TIMEOUT, stdin.close)
        timer.start()
        try:
            return dict(json.loads(stdout.readline()))
        except ValueError:
            self._errors.seek(0)
            output = self._errors.read().decode("utf-8", "replace").strip()[-800:]
            self.end()
            raise TargetDown(f"the mock did not start: {output or 'it printed nothing'}") from None
        finally:
            timer.cancel()
