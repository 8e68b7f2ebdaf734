"""The operations on tokens and sessions called one by one, without a wire and without waiting."""

from __future__ import annotations

from typing import Any

from pydantic_core import to_json

from mock_server.core.account_service import AccountService
from mock_server.core.accounts import Account
from mock_server.core.errors import DomainError
from mock_server.core.session_service import SessionService
from mock_server.tests.makers import NOW, run, some_worlds
from mock_server.web.calls import Call, Trace
from mock_server.workshop.errors import situation_of
from mock_server.workshop.session_operations import SessionOperations
from mock_server.workshop.settings import WorkshopSettings
from mock_server.workshop.token_operations import TokenOperations
from mock_server.workshop.wire import parse

Outcome = dict[str, Any] | str | None


class Reception:
    """A lobby of the ready-made account, whose clock stands at NOW until it is advanced."""

    def __init__(
        self,
        *,
        keep_tokens: int = 100,
        keep_sessions: int = 100,
        rules: Any = None,
        **settings: Any,
    ) -> None:
        self.account_service: AccountService = some_worlds(**(rules or {"slots": 100}))
        self.settings = WorkshopSettings(**settings)
        self.session_service = SessionService(
            self.account_service.store,
            slots=100,
            keep_tokens=keep_tokens,
            keep_sessions=keep_sessions,
            cut_sessions=self.settings.cut_sessions,
        )
        tokens, sessions = (
            TokenOperations(self.session_service, self.settings),
            SessionOperations(self.session_service, self.settings),
        )
        self.operations = {
            each.path.removeprefix("/scc/"): each
            for each in (*tokens.operations, *sessions.operations)
        }

    @property
    def account(self) -> Account:
        return run(self.account_service.find("ready"))

    @property
    def now(self) -> float:
        return run(self.account_service.job_service.now(self.account, NOW))

    def call(self, path: str, **members: Any) -> Any:
        """Return the data of a call; raises what it is refused with."""
        operation = self.operations[path]
        scope = {
            "method": "POST", "path": operation.path, "query_string": b"",
            "scheme": "http", "headers": [(b"host", b"mock.test")],
        }  # fmt: skip
        call = Call(scope, Trace("00000001", NOW, scope), {})
        call.account, call.now = self.account, self.now
        assert operation.body is not None
        carrying_out: Any = operation.run(call, parse(operation.body, to_json(members)))
        return run(carrying_out)

    def advance(self, seconds: float) -> list[Any]:
        """Move the clock ahead; return what happened."""
        return run(self.account_service.advance(None, NOW, self.now + seconds))[1]

    def allocate(self, **members: Any) -> str:
        token: str = self.call("allocate_token", **members)["apiToken"]
        return token

    def used(self, token: str) -> int:
        used: int = self.call("spQueryToken", apiToken=token)["usedSessionTimeInSeconds"]
        return used

    def problem(self, session_url: str) -> str | None:
        """Return why nobody comes in by a URL, or nothing; None where it is not known."""
        session_access = run(
            self.session_service.session_access(session_url.rpartition("/")[2], self.now)
        )
        return None if session_access is None else session_access.problem

    def outcome(self, path: str, **members: Any) -> Outcome:
        """Return the data of a call, or the situation that it is refused in."""
        try:
            data: Outcome = self.call(path, **members)
        except DomainError as error:
            return situation_of(error)
        return data
