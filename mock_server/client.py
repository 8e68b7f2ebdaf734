"""The control API of a running mock as a Python object, over HTTP only.

    mock = MockClient("http://127.0.0.1:8080")
    account = mock.create_account(balance=100)
    mock.advance(seconds=30, account=account["id"])

Answers are the JSON of the control API as it is: `GET /_mock/openapi.json` describes it. Arguments
have the names of its members and parameters, in snake case; what is None is left out.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http import HTTPStatus
from http.client import (
    HTTPConnection,
    HTTPException,
    HTTPResponse,
    HTTPSConnection,
    IncompleteRead,
)
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

DEFAULT_URL = "http://127.0.0.1:8080"
STATE_TIMEOUT = 600.0

_PIECE_BYTES = 256 * 1024

Json = dict[str, Any]


class NotReachable(Exception):
    """Nothing answers at the URL, or what answers does not speak HTTP."""


class CallRefused(Exception):
    """The mock refused a call. `problem` is its answer (RFC 9457), empty if it has none."""

    def __init__(self, status: int, problem: Json) -> None:
        self.status = status
        self.problem = problem
        detail = problem.get("detail")
        super().__init__(detail if isinstance(detail, str) else f"the answer is {status}")


class MockClient:
    """Calls the control API at a URL. Threads may share it: each call has its own connection.

    A `timeout` is in real seconds. ValueError if the URL is not one of http or https. Every call
    raises NotReachable or CallRefused. Certificates are checked against those that the system
    trusts, and those that SSL_CERT_FILE names.
    """

    # http.client, because httpx takes three times as long to load as all else that a command needs.

    def __init__(
        self, url: str = DEFAULT_URL, *, control_token: str = "", timeout: float = 30.0
    ) -> None:
        self.url = url.rstrip("/")
        self.timeout = timeout
        parts = urlsplit(self.url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.query:
            raise ValueError(f"{url!r} is not an http address, such as {DEFAULT_URL}")
        if not (control_token.isascii() and control_token.isprintable()):
            raise ValueError("the control token has characters that no header can have")
        self._secure = parts.scheme == "https"
        self._host, self._port, self._path = parts.hostname, parts.port, parts.path
        self._headers = {"Accept": "application/json", "Connection": "close"}
        if control_token:
            self._headers["Authorization"] = f"Bearer {control_token}"

    def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        query: Mapping[str, Any] | None = None,
        timeout: float | None = None,
    ) -> Json:
        """Call an operation; return its answer, without members if that is empty."""
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body).encode()
        with self._answer(method, path, body, query, timeout) as answer:
            return self._read(answer, answer.read())

    @contextmanager
    def _answer(
        self,
        method: str,
        path: str,
        body: bytes | None,
        query: Mapping[str, Any] | None,
        timeout: float | None,
    ) -> Iterator[HTTPResponse]:
        """Call an operation; its answer is to be read inside."""
        target = self._path + path
        if given := {
            name: _text(value) for name, value in (query or {}).items() if value is not None
        }:
            target += f"?{urlencode(given)}"
        headers = dict(self._headers)
        if body is not None:
            headers["Content-Type"] = "application/json"
        connection = self._connection(self.timeout if timeout is None else timeout)
        try:
            connection.request(method, target, body, headers)
            yield connection.getresponse()
        except (OSError, HTTPException) as error:
            raise NotReachable(f"{self.url} does not answer: {_words(error)}") from error
        finally:
            connection.close()

    def _connection(self, timeout: float) -> HTTPConnection:
        if self._secure:
            return HTTPSConnection(self._host, self._port, timeout=timeout)
        return HTTPConnection(self._host, self._port, timeout=timeout)

    def _read(self, answer: HTTPResponse, data: bytes) -> Json:
        try:
            found = json.loads(data or b"{}")
        except ValueError:
            found = None
        if not 200 <= answer.status < 300:
            raise CallRefused(answer.status, found if isinstance(found, dict) else {})
        if not isinstance(found, dict):
            raise NotReachable(f"{self.url} does not answer as a mock does")
        return found

    def _list(self, kind: str, /, timeout: float | None = None, **query: Any) -> list[Json]:
        listed = self.call("GET", f"/_mock/{kind}", query=query, timeout=timeout).get(kind)
        if not isinstance(listed, list):
            raise NotReachable(f"{self.url} does not answer as a mock does")
        return listed

    # The server

    def ready(self, timeout: float | None = None) -> Json:
        return self.call("GET", "/_mock/ready", timeout=timeout)

    def version(self) -> Json:
        return self.call("GET", "/_mock/version")

    def seeds(self) -> Json:
        return self.call("GET", "/_mock/seeds")

    def reset(self, account: str | None = None, only: str | None = None) -> Json:
        """Reset the server or an account; `only` are parts, separated by commas."""
        return self.call("POST", "/_mock/reset", query={"account": account, "only": only})

    # Accounts

    def accounts(self) -> list[Json]:
        return self._list("accounts")

    def account(self, id: str) -> Json:
        return self.call("GET", _one("accounts", id))

    def create_account(self, **members: Any) -> Json:
        return self.call("POST", "/_mock/accounts", _body(members))

    def delete_account(self, id: str) -> None:
        self.call("DELETE", _one("accounts", id))

    def delete_accounts(self) -> Json:
        """Delete all but the ready-made one."""
        return self.call("DELETE", "/_mock/accounts")

    def balance(self, id: str) -> Json:
        return self.call("GET", _one("accounts", id, "balance"))

    def change_balance(self, id: str, **members: Any) -> Json:
        """Set the `balance`, or `top_up`; `reason` goes into the ledger.

        `jobs` sets it to what so many more jobs cost, of a `price` or that of the last job.
        """
        return self.call("PUT", _one("accounts", id, "balance"), _body(members))

    def ledger(self, id: str) -> Json:
        return self.call("GET", _one("accounts", id, "ledger"))

    def limits(self, id: str) -> Json:
        return self.call("GET", _one("accounts", id, "limits"))

    def change_limits(self, id: str, **members: Any) -> Json:
        return self.call("PUT", _one("accounts", id, "limits"), _body(members))

    def account_settings(self, id: str) -> Json:
        """Return the `settings` of its own, and the `effective` values of all that it can have."""
        return self.call("GET", _one("accounts", id, "settings"))

    def change_account_settings(self, id: str, changes: Mapping[str, Any]) -> Json:
        """Give an account settings of its own, by name; None takes one back."""
        return self.call("PATCH", _one("accounts", id, "settings"), changes)

    def rotate(self, id: str, **credentials: Any) -> Json:
        """Replace credentials: `access_token=True` makes a new one, a text is one of your own."""
        return self.call("POST", _one("accounts", id, "credentials/rotate"), _body(credentials))

    def revoke(self, id: str, *credentials: str) -> Json:
        body = {"credentials": [_camel(name) for name in credentials]}
        return self.call("POST", _one("accounts", id, "credentials/revoke"), body)

    # State: of an account, or of the server with all its accounts

    def state(self, account: str | None = None) -> Json:
        return self.call("GET", "/_mock/state", query={"account": account}, timeout=STATE_TIMEOUT)

    def state_pieces(self, account: str | None = None) -> Iterator[bytes]:
        """Yield a state as it comes, which may be large."""
        query = {"account": account}
        with self._answer("GET", "/_mock/state", None, query, STATE_TIMEOUT) as answer:
            if answer.status != HTTPStatus.OK:
                self._read(answer, answer.read())
            while piece := answer.read1(_PIECE_BYTES):
                yield piece
            if answer.read():  # It raises where the answer broke off.
                raise NotReachable(f"{self.url} does not answer as a mock does")

    def load_state(self, state: Json | bytes, account: str | None = None) -> Json:
        """Put a state in place of what is there; with `account` only that account of it."""
        query = {"account": account}
        return self.call("PUT", "/_mock/state", state, query=query, timeout=STATE_TIMEOUT)

    def fork(self, account: str, **members: Any) -> Json:
        """Make an account that goes on from another one's state; `members` are its identity."""
        query = {"account": account}
        return self.call(
            "POST", "/_mock/state/fork", _body(members), query=query, timeout=STATE_TIMEOUT
        )

    # Clocks: of an account, or of the server

    def clock(self, account: str | None = None) -> Json:
        return self.call("GET", "/_mock/clock", query={"account": account})

    def set_clock(self, account: str | None = None, **members: Any) -> Json:
        return self.call("PUT", "/_mock/clock", _body(members), query={"account": account})

    def advance(self, account: str | None = None, **members: Any) -> Json:
        """Advance by `seconds`, `to` a moment, or to the `next` event."""
        return self.call("POST", "/_mock/clock/advance", _body(members), query={"account": account})

    def freeze(self, account: str | None = None) -> Json:
        return self.call("POST", "/_mock/clock/freeze", query={"account": account})

    def resume(self, account: str | None = None, rate: float | None = None) -> Json:
        return self.call(
            "POST", "/_mock/clock/resume", _body({"rate": rate}), query={"account": account}
        )

    # Jobs

    def jobs(self, **query: Any) -> list[Json]:
        return self._list("jobs", **query)

    def job(self, id: str) -> Json:
        return self.call("GET", _one("jobs", id))

    def advance_job(self, id: str, seconds: float | None = None) -> Json:
        return self.call("POST", _one("jobs", id, "advance"), _body({"seconds": seconds}))

    def complete_job(self, id: str) -> Json:
        return self.call("POST", _one("jobs", id, "complete"))

    def fail_job(self, id: str, reason: str | None = None) -> Json:
        return self.call("POST", _one("jobs", id, "fail"), _body({"reason": reason}))

    def plan_job(self, id: str, plan: Mapping[str, Any]) -> Json:
        """Change how a job goes from now on, with the members that docs/faults.md describes."""
        return self.call("PATCH", _one("jobs", id, "plan"), plan)

    def expire_results(self, id: str) -> Json:
        """Expire the URLs of a job's results that were handed out until now."""
        return self.call("POST", _one("jobs", id, "results/expire"))

    def expire_account_results(self, account: str) -> Json:
        return self.call("POST", _one("accounts", account, "results/expire"))

    # Uploads

    def uploads(self, **query: Any) -> list[Json]:
        return self._list("uploads", **query)

    def expire_upload(self, id: str) -> Json:
        """Close an upload's URL and delete its file."""
        return self.call("POST", _one("uploads", id, "expire"))

    def expire_account_uploads(self, account: str) -> Json:
        return self.call("POST", _one("accounts", account, "uploads/expire"))

    # Tokens of the Workshop, and their sessions

    def tokens(self, **query: Any) -> list[Json]:
        return self._list("tokens", **query)

    def token(self, id: str) -> Json:
        return self.call("GET", _one("tokens", id))

    def expire_token(self, id: str) -> Json:
        return self.call("POST", _one("tokens", id, "expire"))

    def extend_token(self, id: str, **members: Any) -> Json:
        """Let a token expire `seconds` later, at a moment (`to`), or `never`."""
        return self.call("POST", _one("tokens", id, "extend"), _body(members))

    def disable_token(self, id: str) -> Json:
        return self.call("POST", _one("tokens", id, "disable"))

    def enable_token(self, id: str) -> Json:
        return self.call("POST", _one("tokens", id, "enable"))

    def close_sessions(self, token: str) -> Json:
        return self.call("POST", _one("tokens", token, "sessions/close"))

    def expire_tokens(self, account: str) -> Json:
        return self.call("POST", _one("accounts", account, "tokens/expire"))

    def disable_tokens(self, account: str) -> Json:
        return self.call("POST", _one("accounts", account, "tokens/disable"))

    def enable_tokens(self, account: str) -> Json:
        return self.call("POST", _one("accounts", account, "tokens/enable"))

    def close_account_sessions(self, account: str) -> Json:
        return self.call("POST", _one("accounts", account, "sessions/close"))

    # Faults

    def faults(self, **query: Any) -> list[Json]:
        return self._list("faults", **query)

    def fault(self, id: str) -> Json:
        return self.call("GET", _one("faults", id))

    def fault_kinds(self) -> Json:
        return self.call("GET", "/_mock/faults/kinds")

    def add_fault(self, rule: Mapping[str, Any]) -> Json:
        """Add a rule, with the members that docs/faults.md describes."""
        return self.call("POST", "/_mock/faults", rule)

    def delete_fault(self, id: str) -> None:
        self.call("DELETE", _one("faults", id))

    def delete_faults(self, account: str | None = None) -> Json:
        return self.call("DELETE", "/_mock/faults", query={"account": account})

    # Scenarios

    def scenarios(self, account: str | None = None) -> list[Json]:
        return self._list("scenarios", account=account)

    def scenario(self, name: str, account: str | None = None) -> Json:
        return self.call("GET", _one("scenarios", name), query={"account": account})

    def add_scenario(self, scenario: Mapping[str, Any]) -> Json:
        return self.call("POST", "/_mock/scenarios", scenario)

    def start_scenario(self, name: str, account: str | None = None) -> Json:
        return self.call("POST", _one("scenarios", name, "start"), query={"account": account})

    def stop_scenario(self, name: str, account: str | None = None) -> Json:
        return self.call("POST", _one("scenarios", name, "stop"), query={"account": account})

    # The journal

    def requests(self, wait: float | None = None, **query: Any) -> list[Json]:
        """List requests; if there are none, `wait` so many seconds for the first, at most 60."""
        patience = None if wait is None else self.timeout + wait
        return self._list("requests", patience, wait=wait, **query)

    def request(self, id: str) -> Json:
        return self.call("GET", _one("requests", id))

    def export_requests(self, **query: Any) -> Json:
        """Return requests as HAR 1.2."""
        return self.call("GET", "/_mock/requests.har", query=query)

    def incident(self, account: str | None = None, *, redact: bool = True) -> Json:
        """Return what happened since the mock began, as a file that another mock plays again."""
        return self.call("POST", "/_mock/incident", _body({"account": account, "redact": redact}))

    def wait_for_requests(self, timeout: float = 10.0, **members: Any) -> list[Json]:
        """Wait until `count` requests match, for `timeout` seconds, at most 60."""
        body = _body(members | {"timeout": timeout})
        path, patience = "/_mock/requests/wait", self.timeout + timeout
        found: list[Json] = self.call("POST", path, body, timeout=patience)["requests"]
        return found

    def verify_requests(self, **members: Any) -> Json:
        return self.call("POST", "/_mock/requests/verify", _body(members))

    def delete_requests(self, account: str | None = None) -> Json:
        return self.call("DELETE", "/_mock/requests", query={"account": account})

    # Callbacks

    def callbacks(self, **query: Any) -> list[Json]:
        return self._list("callbacks", **query)

    def callback(self, id: str) -> Json:
        return self.call("GET", _one("callbacks", id))

    def redeliver(self, id: str) -> Json:
        return self.call("POST", _one("callbacks", id, "redeliver"))

    def drain(self, account: str | None = None) -> Json:
        return self.call("POST", "/_mock/callbacks/drain", query={"account": account})


def _one(kind: str, id: str, part: str = "") -> str:
    return f"/_mock/{kind}/{quote(id, safe='')}" + (f"/{part}" if part else "")


def _body(members: Mapping[str, Any]) -> Json:
    return {_camel(name): value for name, value in members.items() if value is not None}


def _camel(name: str) -> str:
    first, *others = name.replace("-", "_").split("_")
    return first + "".join(map(str.capitalize, others))


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _words(error: Exception) -> str:
    if isinstance(error, IncompleteRead):
        return "its answer broke off"
    if isinstance(error, TimeoutError):
        return "no answer came in time"
    return str(getattr(error, "strerror", None) or error) or type(error).__name__
