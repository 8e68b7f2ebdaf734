"""One-line calls on tokens and sessions, without HTTP and without waiting."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from pydantic_core import to_json

from mock_server.core.accounts import Account
from mock_server.core.errors import DomainError
from mock_server.core.events import Event
from mock_server.core.resets import ResetService
from mock_server.core.states import StateService
from mock_server.core.store import Store
from mock_server.core.unit_of_work import UnitOfWork
from mock_server.tests.makers import NOW, AsyncBench, an_account, an_account_service, run
from mock_server.web.calls import Call
from mock_server.web.traces import Trace
from mock_server.workshop.errors import situation_of
from mock_server.workshop.pages.access import UNKNOWN, AccessDenied, user_of
from mock_server.workshop.session_operations import SessionOperations
from mock_server.workshop.session_service import SessionService, WhenLive
from mock_server.workshop.session_transitions import own_token, session_at
from mock_server.workshop.sessions import Session, SessionOptions, SessionSlot
from mock_server.workshop.settings import WorkshopSettings
from mock_server.workshop.token_operations import TokenOperations
from mock_server.workshop.vendor import WorkshopVendor
from mock_server.workshop.wire import parse

T = TypeVar("T")
Body = Callable[[UnitOfWork], Awaitable[T]]
Outcome = dict[str, Any] | str | None

ADA = an_account()
WEB = SessionSlot("web")


class SessionBench:
    """The session service, for an account whose time is given with each call."""

    def __init__(
        self,
        store: Store | None = None,
        *,
        is_open: bool = False,
        slots: int = 2,
        keep_tokens: int = 100,
        keep_sessions: int = 100,
        cut_sessions: bool = False,
    ) -> None:
        self.accounts = an_account_service(store, is_open=is_open, slots=slots)
        self.resets = ResetService(self.accounts)
        WorkshopVendor.register(
            self.accounts, self.resets, StateService(self.accounts, self.resets)
        )
        self.service = SessionService(
            keep_tokens=keep_tokens,
            keep_sessions=keep_sessions,
            cuts_sessions=lambda account: cut_sessions,
        )
        self.calls = AsyncBench(self.accounts)

    async def act(self, body: Body[T], now: float = NOW, account: Account | str = ADA) -> T:
        """Do something in a unit of work; return what it returns."""
        return await self.calls.act(account, now, body)

    def do(self, body: Body[T], now: float = NOW, account: Account | str = ADA) -> T:
        return run(self.act(body, now, account))

    def token(self, now: float = NOW, account: Account | str = ADA, **options: Any) -> str:
        """Make a token; return its id."""
        return self.do(lambda world: self.service.allocate(world, **options), now, account).id

    def open(
        self,
        token: str,
        now: float = NOW,
        slot: SessionSlot = WEB,
        when_live: WhenLive = WhenLive.REPLACE,
        account: Account | str = ADA,
        *,
        lifetime: float = 60.0,
        again: float | None = None,
        new_id: bool = False,
        **options: Any,
    ) -> Session:
        """Open a session; a live one goes on for `again` seconds, by default for a lifetime."""
        chosen = SessionOptions(lifetime, **options)
        seconds = lifetime if again is None else again
        return self.do(
            lambda world: self.service.open(
                world, token, slot, chosen,
                when_live=when_live, again=lambda live: seconds, new_id=new_id,
            ),
            now,
            account,
        )  # fmt: skip

    def live(
        self, token: str, slot: SessionSlot = WEB, now: float = NOW, account: Account | str = ADA
    ) -> Session | None:
        """Return the token's live session in a slot."""

        async def look(world: UnitOfWork) -> Session | None:
            return await session_at(world, await own_token(world, token), slot)

        return self.do(look, now, account)

    def used(
        self, token: str, now: float = NOW, account: Account | str = ADA, *, live: bool = False
    ) -> float:
        return self.do(lambda world: self.service.used(world, token, live=live), now, account)

    def problem(
        self, session_id: str, now: float = NOW, account: Account | str = ADA
    ) -> str | None:
        """Return why a session gives no access, or ""; None if it does not exist."""

        async def look(world: UnitOfWork) -> str | None:
            try:
                await user_of(world, session_id)
            except AccessDenied as denial:
                return None if denial.why == UNKNOWN else denial.why
            return ""

        return self.do(look, now, account)

    def sessions(self, now: float = NOW, account: Account | str = ADA) -> list[Session]:
        """Return the sessions that are kept."""

        async def listed(world: UnitOfWork) -> list[Session]:
            return list(await world.tx.list(Session, world.account.id))

        return self.do(listed, now, account)

    def reset(self, account: str, *parts: str, now: float = NOW) -> None:
        run(self.resets.reset(run(self.accounts.find(account)), parts, now))

    def advance(self, account: str | None, seconds: float | None = None) -> list[Event]:
        """Move a clock ahead, by default to the next thing that falls due; return what happened."""
        move = None
        if seconds is not None:
            to = seconds
            move = lambda clock: clock.moved_to(NOW, clock.now(NOW) + to)  # noqa: E731
        return run(self.accounts.advance(account, NOW, move))


class SessionCalls:
    """Calls about tokens and sessions of the ready-made account, with a frozen clock."""

    def __init__(self, **settings: Any) -> None:
        self.settings = WorkshopSettings(**settings)
        cut_sessions = self.settings.cut_sessions
        self.bench = SessionBench(is_open=True, slots=100, cut_sessions=cut_sessions)
        self.service = self.bench.service
        tokens = TokenOperations(self.service, self.settings)
        sessions = SessionOperations(self.service, self.settings)
        self.operations = {
            each.path.removeprefix("/scc/"): each
            for each in (*tokens.operations, *sessions.operations)
        }

    @property
    def now(self) -> float:
        return run(self.bench.calls.world("ready")).now

    def do(self, body: Body[T]) -> T:
        """Do something in a unit of work on the account."""
        return self.bench.do(body, NOW, "ready")

    def call(self, path: str, **members: Any) -> Any:
        """Return the data of a call; raises its refusal."""
        operation = self.operations[path]
        scope = {
            "method": "POST", "path": operation.path, "query_string": b"",
            "scheme": "http", "headers": [(b"host", b"mock.test")],
        }  # fmt: skip
        call = Call(scope, Trace("00000001", NOW), {}, self.bench.accounts)
        assert operation.body is not None
        payload: Any = parse(operation.body, to_json(members))
        return self.do(lambda world: operation.run(world, call, payload))

    def outcome(self, path: str, **members: Any) -> Outcome:
        """Return the data of a call, or the situation of its refusal."""
        try:
            data: Outcome = self.call(path, **members)
        except DomainError as error:
            return situation_of(error)
        return data

    def advance(self, seconds: float | None = None) -> list[Event]:
        return self.bench.advance(None, seconds)

    def allocate(self, **members: Any) -> str:
        token: str = self.call("allocate_token", **members)["apiToken"]
        return token

    def problem(self, session_url: str) -> str | None:
        """Return why a URL gives no access, or ""; None if it is unknown."""
        return self.bench.problem(session_url.rpartition("/")[2], NOW, "ready")
