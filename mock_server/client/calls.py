"""The calls of the control API, described once for all clients.

`One` and `Many` are what a call returns that answers one JSON object, or a list: for a client that
blocks the answer itself, for one that is awaited a coroutine of it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Generic, TypeVar
from urllib.parse import quote

from mock_server.client.wire import DEFAULT_URL, ControlRequest, MockAddress, camel

if TYPE_CHECKING:
    from typing import Unpack

    from mock_server.client.members import (
        AccountMembers,
        CallbacksMembers,
        CaptureMembers,
        IdentityMembers,
        Moment,
        PageMembers,
        QuestionMembers,
        RequestsMembers,
    )

STATE_TIMEOUT = 600.0

One = TypeVar("One")
Many = TypeVar("Many")


class ControlCalls(ABC, Generic[One, Many]):
    """All calls. Each raises NotReachable or CallRefused.

    A `timeout` is in real seconds. ValueError if the URL is not one of http or https. Lists have
    the newest first, and at most `limit`. Certificates are checked against those that the system
    trusts, and those that SSL_CERT_FILE names.
    """

    def __init__(
        self, url: str = DEFAULT_URL, *, control_token: str = "", timeout: float = 30.0
    ) -> None:
        self.timeout = timeout
        self._address = MockAddress(url, control_token)
        self.url = self._address.url

    @abstractmethod
    def _send(self, request: ControlRequest) -> One:
        """Send a call; return its answer."""

    @abstractmethod
    def _items(self, kind: str, answer: Any) -> Many:
        """Return the list in an answer."""

    def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        query: Mapping[str, Any] | None = None,
        timeout: float | None = None,
    ) -> One:
        """Call an operation; return its answer, without members if that is empty."""
        return self._send(ControlRequest(method, path, body, query, timeout))

    def _list(self, kind: str, query: Mapping[str, Any], timeout: float | None = None) -> Many:
        return self._items(kind, self.call("GET", f"/_mock/{kind}", query=query, timeout=timeout))

    def _ask(self, account: str | None, method: str, path: str, **members: Any) -> One:
        """Call an operation that is about one account, or the server with all accounts."""
        body = _body(members) if members else None
        return self.call(method, f"/_mock/{path}", body, query={"account": account})

    # The server

    def health(self) -> One:
        return self.call("GET", "/_mock/health")

    def ready(self, timeout: float | None = None) -> One:
        return self.call("GET", "/_mock/ready", timeout=timeout)

    def version(self) -> One:
        return self.call("GET", "/_mock/version")

    def settings(self, account: str | None = None) -> One:
        return self._ask(account, "GET", "settings")

    def routes(self) -> One:
        return self.call("GET", "/_mock/routes")

    def fidelity(self, account: str | None = None) -> One:
        """Return where each behaviour comes from: the vendor, or a choice of the mock."""
        return self._ask(account, "GET", "fidelity")

    def seeds(self) -> One:
        return self.call("GET", "/_mock/seeds")

    def openapi(self) -> One:
        """Return the description of all these calls."""
        return self.call("GET", "/_mock/openapi.json")

    def reset(self, account: str | None = None, only: str | None = None) -> One:
        """Reset the server or an account; `only` are parts, separated by commas."""
        return self.call("POST", "/_mock/reset", query={"account": account, "only": only})

    # Accounts

    def accounts(self, **page: Unpack[PageMembers]) -> Many:
        return self._list("accounts", page)

    def account(self, id: str) -> One:
        return self.call("GET", _one("accounts", id))

    def create_account(self, **members: Unpack[AccountMembers]) -> One:
        return self.call("POST", "/_mock/accounts", _body(members))

    def delete_account(self, id: str) -> One:
        return self.call("DELETE", _one("accounts", id))

    def delete_accounts(self) -> One:
        """Delete all but the ready-made one."""
        return self.call("DELETE", "/_mock/accounts")

    def balance(self, id: str) -> One:
        return self.call("GET", _one("accounts", id, "balance"))

    def change_balance(
        self,
        id: str,
        *,
        balance: float | None = None,
        top_up: float | None = None,
        jobs: int | None = None,
        price: float | None = None,
        reason: str | None = None,
    ) -> One:
        """Set the `balance`, or `top_up`; `reason` goes into the ledger.

        `jobs` sets it to what so many more jobs cost, of a `price` or that of the last job.
        """
        members = {"balance": balance, "top_up": top_up, "jobs": jobs, "price": price}
        path = _one("accounts", id, "balance")
        return self.call("PUT", path, _body(members | {"reason": reason}))

    def ledger(self, id: str, **page: Unpack[PageMembers]) -> One:
        return self.call("GET", _one("accounts", id, "ledger"), query=page)

    def limits(self, id: str) -> One:
        return self.call("GET", _one("accounts", id, "limits"))

    def change_limits(
        self,
        id: str,
        *,
        qps: int | None = None,
        window: float | None = None,
        rate_limit: str | None = None,
    ) -> One:
        """Allow `qps` calls within a `window` of seconds; `rate_limit` is on, off or shadow."""
        members = {"qps": qps, "window": window, "rate_limit": rate_limit}
        return self.call("PUT", _one("accounts", id, "limits"), _body(members))

    def account_settings(self, id: str) -> One:
        """Return the `settings` of its own, and the `effective` values of all that it can have."""
        return self.call("GET", _one("accounts", id, "settings"))

    def change_account_settings(self, id: str, changes: Mapping[str, Any]) -> One:
        """Give an account settings of its own, by name; None takes one back."""
        return self.call("PATCH", _one("accounts", id, "settings"), dict(changes))

    def rotate(
        self,
        id: str,
        *,
        app_id: str | bool | None = None,
        access_token: str | bool | None = None,
        app_key: str | bool | None = None,
        app_secret: str | bool | None = None,
        public_key: str | bool | None = None,
    ) -> One:
        """Replace credentials: True makes a new one, a text is one of your own."""
        members = {"app_id": app_id, "access_token": access_token, "public_key": public_key}
        members |= {"app_key": app_key, "app_secret": app_secret}
        return self.call("POST", _one("accounts", id, "credentials/rotate"), _body(members))

    def revoke(self, id: str, *credentials: str) -> One:
        body = {"credentials": [camel(name) for name in credentials]}
        return self.call("POST", _one("accounts", id, "credentials/revoke"), body)

    # State: of an account, or of the server with all its accounts

    def state(self, account: str | None = None) -> One:
        return self.call("GET", "/_mock/state", query={"account": account}, timeout=STATE_TIMEOUT)

    def load_state(self, state: Mapping[str, Any] | bytes, account: str | None = None) -> One:
        """Put a state in place of what is there; with `account` only that account of it."""
        query = {"account": account}
        return self.call("PUT", "/_mock/state", state, query=query, timeout=STATE_TIMEOUT)

    def fork(self, account: str, **members: Unpack[IdentityMembers]) -> One:
        """Make an account that goes on from another one's state; `members` are its identity."""
        query = {"account": account}
        return self.call(
            "POST", "/_mock/state/fork", _body(members), query=query, timeout=STATE_TIMEOUT
        )

    # Clocks: of an account, or of the server

    def clock(self, account: str | None = None) -> One:
        return self._ask(account, "GET", "clock")

    def set_clock(
        self,
        account: str | None = None,
        *,
        now: Moment | None = None,
        rate: float | None = None,
    ) -> One:
        """Set the time, never back, or how fast it runs."""
        return self._ask(account, "PUT", "clock", now=now, rate=rate)

    def advance(
        self,
        account: str | None = None,
        *,
        seconds: float | None = None,
        to: Moment | None = None,
        next: bool | None = None,
    ) -> One:
        """Advance by `seconds`, `to` a moment, or to the `next` event."""
        return self._ask(account, "POST", "clock/advance", seconds=seconds, to=to, next=next)

    def freeze(self, account: str | None = None) -> One:
        return self._ask(account, "POST", "clock/freeze")

    def resume(self, account: str | None = None, rate: float | None = None) -> One:
        return self._ask(account, "POST", "clock/resume", rate=rate)

    # Jobs

    def jobs(
        self, account: str | None = None, state: str | None = None, **page: Unpack[PageMembers]
    ) -> Many:
        return self._list("jobs", {"account": account, "state": state, **page})

    def job(self, id: str) -> One:
        return self.call("GET", _one("jobs", id))

    def advance_job(self, id: str, seconds: float | None = None) -> One:
        """Advance a job by so many of its seconds, or into its next state."""
        return self.call("POST", _one("jobs", id, "advance"), _body({"seconds": seconds}))

    def complete_job(self, id: str) -> One:
        return self.call("POST", _one("jobs", id, "complete"))

    def fail_job(self, id: str, reason: str | None = None) -> One:
        return self.call("POST", _one("jobs", id, "fail"), _body({"reason": reason}))

    def plan_job(self, id: str, plan: Mapping[str, Any]) -> One:
        """Change how a job goes from now on, with the members that docs/faults.md describes."""
        return self.call("PATCH", _one("jobs", id, "plan"), dict(plan))

    def expire_results(self, id: str) -> One:
        """Expire the URLs of a job's results that were handed out until now."""
        return self.call("POST", _one("jobs", id, "results/expire"))

    def expire_account_results(self, account: str) -> One:
        return self.call("POST", _one("accounts", account, "results/expire"))

    # Uploads

    def uploads(self, account: str | None = None, **page: Unpack[PageMembers]) -> Many:
        return self._list("uploads", {"account": account, **page})

    def expire_upload(self, id: str) -> One:
        """Close an upload's URL and delete its file."""
        return self.call("POST", _one("uploads", id, "expire"))

    def expire_account_uploads(self, account: str) -> One:
        return self.call("POST", _one("accounts", account, "uploads/expire"))

    # Tokens of the Workshop, and their sessions

    def tokens(
        self, account: str | None = None, name: str | None = None, **page: Unpack[PageMembers]
    ) -> Many:
        return self._list("tokens", {"account": account, "name": name, **page})

    def token(self, id: str) -> One:
        return self.call("GET", _one("tokens", id))

    def token_history(self, id: str, **page: Unpack[PageMembers]) -> One:
        """Return all that the token's end user made."""
        return self.call("GET", _one("tokens", id, "history"), query=page)

    def expire_token(self, id: str) -> One:
        return self.call("POST", _one("tokens", id, "expire"))

    def extend_token(
        self,
        id: str,
        *,
        seconds: float | None = None,
        to: Moment | None = None,
        never: bool | None = None,
    ) -> One:
        """Let a token expire `seconds` later, at a moment (`to`), or `never`."""
        members = {"seconds": seconds, "to": to, "never": never}
        return self.call("POST", _one("tokens", id, "extend"), _body(members))

    def disable_token(self, id: str) -> One:
        return self.call("POST", _one("tokens", id, "disable"))

    def enable_token(self, id: str) -> One:
        return self.call("POST", _one("tokens", id, "enable"))

    def close_sessions(self, token: str) -> One:
        return self.call("POST", _one("tokens", token, "sessions/close"))

    def expire_tokens(self, account: str) -> One:
        return self.call("POST", _one("accounts", account, "tokens/expire"))

    def disable_tokens(self, account: str) -> One:
        return self.call("POST", _one("accounts", account, "tokens/disable"))

    def enable_tokens(self, account: str) -> One:
        return self.call("POST", _one("accounts", account, "tokens/enable"))

    def close_account_sessions(self, account: str) -> One:
        return self.call("POST", _one("accounts", account, "sessions/close"))

    # Faults

    def faults(self, account: str | None = None, **page: Unpack[PageMembers]) -> Many:
        return self._list("faults", {"account": account, **page})

    def fault(self, id: str) -> One:
        return self.call("GET", _one("faults", id))

    def fault_kinds(self) -> One:
        return self.call("GET", "/_mock/faults/kinds")

    def add_fault(self, rule: Mapping[str, Any]) -> One:
        """Add a rule, with the members that docs/faults.md describes."""
        return self.call("POST", "/_mock/faults", dict(rule))

    def delete_fault(self, id: str) -> One:
        return self.call("DELETE", _one("faults", id))

    def delete_faults(self, account: str | None = None) -> One:
        return self._ask(account, "DELETE", "faults")

    # Scenarios

    def scenarios(self, account: str | None = None) -> Many:
        return self._list("scenarios", {"account": account})

    def scenario(self, name: str, account: str | None = None) -> One:
        return self._ask(account, "GET", f"scenarios/{_quoted(name)}")

    def add_scenario(self, scenario: Mapping[str, Any]) -> One:
        """Add a scenario, or replace an added one; docs/scenarios.md describes its members."""
        return self.call("POST", "/_mock/scenarios", dict(scenario))

    def start_scenario(self, name: str, account: str | None = None) -> One:
        return self._ask(account, "POST", f"scenarios/{_quoted(name)}/start")

    def stop_scenario(self, name: str, account: str | None = None) -> One:
        return self._ask(account, "POST", f"scenarios/{_quoted(name)}/stop")

    # The journal

    def requests(
        self,
        account: str | None = None,
        *,
        wait: float | None = None,
        **query: Unpack[RequestsMembers],
    ) -> Many:
        """List requests; if there are none, `wait` so many seconds for the first, at most 60."""
        patience = None if wait is None else self.timeout + wait
        return self._list("requests", {"account": account, "wait": wait, **query}, patience)

    def request(self, id: str) -> One:
        return self.call("GET", _one("requests", id))

    def export_requests(self, account: str | None = None, **query: Unpack[RequestsMembers]) -> One:
        """Return requests as HAR 1.2."""
        return self.call("GET", "/_mock/requests.har", query={"account": account, **query})

    def wait_for_requests(
        self,
        account: str | None = None,
        *,
        timeout: float = 10.0,
        **question: Unpack[QuestionMembers],
    ) -> Many:
        """Wait until `count` requests match, for `timeout` seconds, at most 60."""
        members = {"account": account, "timeout": timeout, **question}
        patience = self.timeout + timeout
        path = "/_mock/requests/wait"
        return self._items("requests", self.call("POST", path, _body(members), timeout=patience))

    def verify_requests(
        self, account: str | None = None, **question: Unpack[QuestionMembers]
    ) -> One:
        """Return how many requests match; CallRefused says what came instead."""
        members = {"account": account, **question}
        return self.call("POST", "/_mock/requests/verify", _body(members))

    def delete_requests(self, account: str | None = None) -> One:
        return self._ask(account, "DELETE", "requests")

    def incident(self, account: str | None = None, *, redact: bool = True) -> One:
        """Return what happened since the mock began, as a file that another mock plays again."""
        return self.call("POST", "/_mock/incident", _body({"account": account, "redact": redact}))

    def explain(self, **capture: Unpack[CaptureMembers]) -> One:
        """Explain what is wrong with the signature of a captured request."""
        return self.call("POST", "/_mock/signature/explain", _body(capture))

    # Callbacks

    def callbacks(self, account: str | None = None, **query: Unpack[CallbacksMembers]) -> Many:
        return self._list("callbacks", {"account": account, **query})

    def callback(self, id: str) -> One:
        return self.call("GET", _one("callbacks", id))

    def redeliver(self, id: str) -> One:
        return self.call("POST", _one("callbacks", id, "redeliver"))

    def drain(self, account: str | None = None) -> One:
        """Send all open callbacks now."""
        return self._ask(account, "POST", "callbacks/drain")


def _quoted(id: str) -> str:
    return quote(id, safe="")


def _one(kind: str, id: str, part: str = "") -> str:
    return f"/_mock/{kind}/{_quoted(id)}" + (f"/{part}" if part else "")


def _body(members: Mapping[str, Any]) -> dict[str, Any]:
    return {camel(name): value for name, value in members.items() if value is not None}
