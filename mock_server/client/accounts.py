"""One account of a running mock: its credentials, and the calls that are about it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Generic

from mock_server.client.calls import ControlCalls, Many, One
from mock_server.client.wire import Json, camel

if TYPE_CHECKING:
    from typing import Unpack

    from mock_server.client.members import (
        CallbacksMembers,
        Moment,
        PageMembers,
        QuestionMembers,
        RequestsMembers,
    )

# Members of a rule that say which calls it is about; all else is beside `match`.
MATCH_MEMBERS = {
    "surface", "operation", "method", "path", "headers", "body", "prompt", "job", "token", "chance",
}  # fmt: skip


class AccountClient(Generic[One, Many]):
    """An account that tests and programs use; `body` is what `POST /_mock/accounts` answers.

    `url` is where the vendors' clients find the mock. What is not here is a call of `calls`.
    """

    def __init__(self, calls: ControlCalls[One, Many], body: Json) -> None:
        self.calls = calls
        self.body = body
        self.url = calls.url
        self.id: str = body["id"]
        self.app_id: str = body["appId"]
        self.private_key: str = body["privateKey"]
        self.access_token: str = body["accessToken"]
        self.app_key: str = body["appKey"]
        self.app_secret: str = body["appSecret"]
        self.clock = AccountClock(calls, self.id)
        self.faults = AccountFaults(calls, self.id)
        self.scenario = AccountScenario(calls, self.id)

    def __repr__(self) -> str:
        return f"<AccountClient {self.id} at {self.url}>"

    def requests(self, **query: Unpack[RequestsMembers]) -> Many:
        """List the calls of the account, the newest first."""
        return self.calls.requests(self.id, **query)

    def verify_requests(self, **question: Unpack[QuestionMembers]) -> One:
        """Return how many calls match; CallRefused says what came instead."""
        return self.calls.verify_requests(self.id, **question)

    def wait_for_requests(
        self, *, timeout: float = 10.0, **question: Unpack[QuestionMembers]
    ) -> Many:
        """Wait until `count` calls match, for `timeout` seconds."""
        return self.calls.wait_for_requests(self.id, timeout=timeout, **question)

    def jobs(self, state: str | None = None, **page: Unpack[PageMembers]) -> Many:
        return self.calls.jobs(self.id, state, **page)

    def callbacks(self, **query: Unpack[CallbacksMembers]) -> Many:
        return self.calls.callbacks(self.id, **query)

    def drain(self) -> One:
        """Send all open callbacks now."""
        return self.calls.drain(self.id)

    def balance(self) -> One:
        return self.calls.balance(self.id)

    def set_balance(self, balance: float) -> One:
        return self.calls.change_balance(self.id, balance=balance)

    def set_limit(self, qps: int | None = None, *, window: float | None = None) -> One:
        """Allow `qps` calls within a `window` of seconds."""
        return self.calls.change_limits(self.id, qps=qps, window=window)

    def change_settings(self, changes: Mapping[str, Any]) -> One:
        """Give the account settings of its own, by name; None takes one back."""
        return self.calls.change_account_settings(self.id, changes)

    def reset(self, only: str | None = None) -> One:
        """Forget all that the account did, or some parts, separated by commas."""
        return self.calls.reset(self.id, only)

    def delete(self) -> One:
        return self.calls.delete_account(self.id)


class AccountCalls(Generic[One, Many]):
    """Calls about one thing that an account has."""

    def __init__(self, calls: ControlCalls[One, Many], account: str) -> None:
        self._calls = calls
        self._account = account


class AccountClock(AccountCalls[One, Many]):
    """The clock of an account: all that the vendors call time follows it."""

    def read(self) -> One:
        return self._calls.clock(self._account)

    def set(self, now: Moment | None = None, *, rate: float | None = None) -> One:
        """Set the time, never back, or how fast it runs."""
        return self._calls.set_clock(self._account, now=now, rate=rate)

    def advance(
        self,
        seconds: float | None = None,
        *,
        to: Moment | None = None,
        next: bool | None = None,
    ) -> One:
        """Advance by `seconds`, `to` a moment, or to the `next` event; `fired` is what happened."""
        return self._calls.advance(self._account, seconds=seconds, to=to, next=next)

    def freeze(self) -> One:
        return self._calls.freeze(self._account)

    def resume(self, rate: float | None = None) -> One:
        return self._calls.resume(self._account, rate)


class AccountFaults(AccountCalls[One, Many]):
    """Rules that make calls of an account fail."""

    def add(self, fault: str | int | Mapping[str, Any], **members: Any) -> One:
        """Make calls fail: `add("overloaded", operation="CreateJob", times=2)`.

        The fault is the name of a refusal, a status, or an object such as `{"kind": "reset"}`
        (docs/faults.md). The members are those of a rule and of its `match`.
        """
        if isinstance(fault, str):
            fault = {"kind": "refusal", "name": fault}
        elif isinstance(fault, int):
            fault = {"kind": "status", "status": fault}
        given = {camel(name): value for name, value in members.items() if value is not None}
        match = {name: given.pop(name) for name in [*given] if name in MATCH_MEMBERS}
        rule = {"account": self._account, "fault": fault, "match": match, **given}
        return self._calls.add_fault(rule)

    def list(self, **page: Unpack[PageMembers]) -> Many:
        """List the rules and how often they hit, the newest first."""
        return self._calls.faults(self._account, **page)

    def delete(self) -> One:
        return self._calls.delete_faults(self._account)


class AccountScenario(AccountCalls[One, Many]):
    """Named failures of an account; names may have blanks in place of hyphens."""

    def start(self, name: str) -> One:
        return self._calls.start_scenario(_hyphened(name), self._account)

    def stop(self, name: str) -> One:
        """Stop a scenario, and undo what it set."""
        return self._calls.stop_scenario(_hyphened(name), self._account)

    def read(self, name: str) -> One:
        """Return a scenario, and what it has done on this account (`runs`)."""
        return self._calls.scenario(_hyphened(name), self._account)


def _hyphened(name: str) -> str:
    return "-".join(name.lower().split())
