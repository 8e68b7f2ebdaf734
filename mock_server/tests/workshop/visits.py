"""The operations on tokens and sessions called one by one, without a wire and without waiting."""

from __future__ import annotations

from typing import Any

from pydantic_core import to_json

from mock_server.core.accounts import Account
from mock_server.core.errors import StudioError
from mock_server.core.lobby import Lobby
from mock_server.core.worlds import Worlds
from mock_server.tests.makers import NOW, run, some_worlds
from mock_server.web.calls import Call, Trace
from mock_server.workshop.choices import Choices
from mock_server.workshop.errors import situation_of
from mock_server.workshop.session_operations import SessionOperations
from mock_server.workshop.token_operations import TokenOperations
from mock_server.workshop.wire import parse

Outcome = dict[str, Any] | str | None


class Reception:
    """A lobby of the ready-made account, whose clock stands at NOW until it is advanced."""

    def __init__(
        self, *, keep_tokens: int = 100, keep_sessions: int = 100, rules: Any = None, **choices: Any
    ) -> None:
        self.worlds: Worlds = some_worlds(**(rules or {"slots": 100}))
        self.choices = Choices(**choices)
        self.lobby = Lobby(
            self.worlds.store,
            slots=100,
            keep_tokens=keep_tokens,
            keep_sessions=keep_sessions,
            cut_sessions=self.choices.cut_sessions,
        )
        tokens, sessions = (
            TokenOperations(self.lobby, self.choices),
            SessionOperations(self.lobby, self.choices),
        )
        self.operations = {
            each.path.removeprefix("/scc/"): each
            for each in (*tokens.operations, *sessions.operations)
        }

    @property
    def account(self) -> Account:
        return run(self.worlds.find("ready"))

    @property
    def now(self) -> float:
        return run(self.worlds.studio.now(self.account, NOW))

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
        return run(self.worlds.advance(None, NOW, self.now + seconds))[1]

    def allocate(self, **members: Any) -> str:
        token: str = self.call("allocate_token", **members)["apiToken"]
        return token

    def used(self, token: str) -> int:
        used: int = self.call("spQueryToken", apiToken=token)["usedSessionTimeInSeconds"]
        return used

    def problem(self, session_url: str) -> str | None:
        """Return why nobody comes in by a URL, or nothing; None where it is not known."""
        visit = run(self.lobby.visit(session_url.rpartition("/")[2], self.now))
        return None if visit is None else visit.problem

    def outcome(self, path: str, **members: Any) -> Outcome:
        """Return the data of a call, or the situation that it is refused in."""
        try:
            data: Outcome = self.call(path, **members)
        except StudioError as error:
            return situation_of(error)
        return data
