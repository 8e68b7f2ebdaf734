"""A client of the few `/_mock` operations that the suite uses: account, clock, balance."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from urllib.parse import quote

import httpx

from contract_tests.answers import Unmet
from contract_tests.availability import lasting_trouble
from contract_tests.credentials import TamsCredentials, TargetCredentials, WorkshopCredentials
from contract_tests.troubles import BUSY, Trouble

MAX_ATTEMPTS = 21  # one more than the connections that a client keeps


class ControlFailed(Unmet):
    """`/_mock` exists and does not carry out a request."""


@dataclass(frozen=True)
class MockAccount:
    """An account of a mock: its id in the control API, and its credentials."""

    id: str
    credentials: TargetCredentials


class ControlClient:
    """The control API of one mock, over HTTP."""

    def __init__(self, http: httpx.Client, url: str, token: str = "") -> None:
        self._http = http
        self._url = url
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}

    def is_there(self) -> bool:
        """Say whether the target has a control API; raises `httpx.TransportError`."""
        return _no_mock(self._version()) is None

    def version(self) -> str:
        """Return the mock's version."""
        return str(self._ask("GET", "/_mock/version").get("version", ""))

    def trouble(self) -> Trouble | None:
        """Return why the mock cannot be tested any more, or None."""
        return lasting_trouble(self._url, self._version, _no_mock)

    def _version(self) -> httpx.Response:
        return self._answer("GET", "/_mock/version")

    def make_account(self, **members: Any) -> MockAccount:
        """Make a new account; members are those of the control API, such as its balance."""
        return _account_from(self._ask("POST", "/_mock/accounts", members))

    def account_of(self, credentials: TargetCredentials) -> MockAccount | None:
        """Return the account with these credentials, or None if the mock does not have it."""
        tams, workshop = credentials.tams, credentials.workshop
        for account in self._accounts():
            if (tams.app_id and account.get("appId") == tams.app_id) or (
                workshop.app_key and account.get("appKey") == workshop.app_key
            ):
                return MockAccount(str(account["id"]), credentials)
        return None

    def _accounts(self) -> Iterator[Any]:
        path = "/_mock/accounts?limit=1000"
        while True:
            page = self._ask("GET", path)
            yield from page.get("accounts", [])
            if page.get("next") is None:
                return
            path = f"/_mock/accounts?limit=1000&before={quote(page['next'])}"

    def surfaces(self) -> frozenset[str]:
        """Return which surfaces are served."""
        routes = self._ask("GET", "/_mock/routes").get("routes", [])
        return frozenset(str(route.get("surface")) for route in routes)

    def reset(self, account: str) -> None:
        """Bring an account back to its start."""
        self._ask("POST", f"/_mock/reset?account={account}")

    def now(self, account: str) -> float:
        """Return the account's time."""
        return float(self._ask("GET", f"/_mock/clock?account={account}")["now"])

    def advance(self, account: str, seconds: float) -> None:
        """Move the account's time ahead."""
        self._ask("POST", f"/_mock/clock/advance?account={account}", {"seconds": seconds})

    def balance(self, account: str) -> Decimal:
        """Return what the account can spend."""
        return Decimal(str(self._ask("GET", f"/_mock/accounts/{account}/balance")["balance"]))

    def _ask(self, method: str, path: str, body: Any = None) -> Any:
        try:
            answer = self._answer(method, path, body)
            if answer.is_success:
                return answer.json()
            problem = f"{answer.status_code} {answer.text[:300]}"
        except (httpx.TransportError, ValueError) as error:
            problem = str(error) or type(error).__name__
        raise ControlFailed(f"the target's {method} {path} failed: {problem}")

    def _answer(self, method: str, path: str, body: Any = None) -> httpx.Response:
        """Ask again if an idle connection was closed just then, or a gateway is busy."""
        for more in reversed(range(MAX_ATTEMPTS)):
            try:
                answer = self._http.request(
                    method, self._url + path, json=body, headers=self._headers
                )
            except (httpx.RemoteProtocolError, httpx.ReadError, httpx.WriteError):
                if not more:
                    raise
                continue
            if answer.status_code not in BUSY:
                break
        return answer


def _no_mock(answer: httpx.Response) -> Trouble | None:
    """Return why the answer to `/_mock/version` is not one of a mock, or None."""
    status = answer.status_code
    with suppress(ValueError):
        if status == 200 and isinstance(body := answer.json(), dict) and "version" in body:
            return None
    sentence = f"the mock is gone: /_mock/version answers {status}"
    return Trouble("answer", sentence, "see why it has stopped", passing=status >= 500)


def _account_from(account: dict[str, Any]) -> MockAccount:
    def text(name: str) -> str:
        return str(account.get(name) or "")

    tams = TamsCredentials(text("appId"), text("privateKey"), text("accessToken"))
    workshop = WorkshopCredentials(text("appKey"), text("appSecret"))
    return MockAccount(text("id"), TargetCredentials(tams, workshop))
