"""Control operations on tokens and sessions: list, history, expire, extend, disable, close."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from functools import partial
from typing import Annotated, Any, Literal, TypeVar

from pydantic import Field

from mock_server.core.accounts import Account
from mock_server.core.clock import LATEST
from mock_server.core.errors import Conflict, NotFound
from mock_server.core.jobs.job import Job
from mock_server.core.jobs.service import Snapshot
from mock_server.core.unit_of_work import UnitOfWork
from mock_server.web.calls import Call
from mock_server.web.json_bodies import (
    ChoiceBody,
    Moment,
    MomentBody,
    NewestQuery,
    OutgoingBody,
    PageBody,
    PageQuery,
    TextOrNull,
)
from mock_server.web.json_values import iso
from mock_server.web.listing import act_on_owner, newest
from mock_server.web.pipeline import Operation
from mock_server.workshop.session_service import SessionService
from mock_server.workshop.session_transitions import own_token
from mock_server.workshop.sessions import Metering, Session, SessionEndReason
from mock_server.workshop.task_answers import TaskAnswers
from mock_server.workshop.task_metadata import task_metadata
from mock_server.workshop.token_history import made_with
from mock_server.workshop.tokens import Token


class TokensQuery(NewestQuery):
    """Which tokens are listed."""

    name: str | None = Field(None, max_length=10_000, description="Only those with this name")


class ExtensionBody(ChoiceBody):
    """Until when a token is valid: some seconds longer, until a moment, or for ever.

    Seconds count from now or from the token's expiry, whichever is later. A token without an
    expiry gets one.
    """

    seconds: Annotated[float, Field(gt=0, le=LATEST)] | None = None
    to: Moment | None = None
    never: Literal[True] | None = None


class SessionBody(OutgoingBody):
    """A session now. `id` is the secret part of its URL; `state` is live, or why it has ended."""

    id: str
    product: str
    gadget: TextOrNull
    metering: Metering
    role: TextOrNull
    pools: TextOrNull
    state: Literal["live"] | SessionEndReason
    opened: MomentBody
    expires: MomentBody
    ended: MomentBody | None
    seconds_left: float

    @classmethod
    def of(cls, session: Session, now: float) -> SessionBody:
        slot = session.session_slot
        return cls.like(
            session,
            product=slot.product,
            gadget=slot.gadget,
            state=session.over or "live",
            opened=MomentBody.of(session.opened_at),
            expires=MomentBody.of(session.expires_at),
            ended=None if session.over is None else MomentBody.of(session.over_at),
            seconds_left=session.seconds_left_at(now),
        )


class TokenBody(OutgoingBody):
    """A token now, by its account's clock. If `expires` is null, it never expires.

    `used_seconds` are those of sessions and work that are over, `open_seconds` those of open
    sessions.
    """

    id: str
    account: str
    name: TextOrNull
    role: TextOrNull
    model: TextOrNull
    vae: TextOrNull
    now: MomentBody
    made: MomentBody
    expires: MomentBody | None
    expired: bool
    disabled: bool
    used_seconds: float
    open_seconds: float
    live_sessions: int


class WholeTokenBody(TokenBody):
    """A token with its sessions, the newest first; the oldest may be forgotten."""

    sessions: list[SessionBody]


class TaskBody(OutgoingBody):
    """A task of a token now. `images` are URLs of its files that expire, as its result has them."""

    id: str
    product: str
    workflow: TextOrNull
    version: TextOrNull
    status: Literal["waiting", "running", "succeeded", "failed"]
    reason: TextOrNull
    prompt: str
    width: int
    height: int
    made: MomentBody
    images: list[str]


class HistoryBody(PageBody):
    """A page of what all sessions of a token made."""

    tasks: list[TaskBody]


class TokensBody(PageBody):
    """A page of tokens."""

    tokens: list[TokenBody]


B = TypeVar("B", bound=TokenBody)


class ClosedBody(OutgoingBody):
    """The sessions that were closed."""

    sessions: list[SessionBody]


class ChangedTokensBody(OutgoingBody):
    """How many tokens the account has, which were all changed."""

    tokens: int


class TokenControl:
    """Operations on tokens. The path names a token of any account, or an account."""

    def __init__(
        self,
        session_service: SessionService,
        answers: Callable[[Account], TaskAnswers],
        *,
        public_url: str = "",
    ) -> None:
        self.session_service = session_service
        self.answers = answers
        self.public_url = public_url
        token = "/_mock/tokens/{id}"  # noqa: S105 - a path
        account = "/_mock/accounts/{id}"
        self.operations = (
            Operation(
                "GET", "/_mock/tokens", self.list_tokens, "List tokens, the newest first"
            ),
            Operation("GET", token, self.get_token, "Get a token and its sessions"),
            Operation(
                "GET", f"{token}/history", self.get_history,
                "List what all sessions of a token made, the newest first",
            ),
            Operation("POST", f"{token}/expire", self.expire_token, "Let a token expire now"),
            Operation(
                "POST", f"{token}/extend", self.extend_token, "Let a token expire later",
                problems=(Conflict,),
            ),
            Operation("POST", f"{token}/disable", self.disable_token, "Disable a token"),
            Operation("POST", f"{token}/enable", self.enable_token, "Enable a token"),
            Operation(
                "POST", f"{token}/sessions/close", self.close_sessions,
                "Close a token's sessions now",
            ),
            Operation(
                "POST", f"{account}/tokens/expire", self.expire_tokens,
                "Let all tokens of an account expire now",
            ),
            Operation(
                "POST", f"{account}/tokens/disable", self.disable_tokens,
                "Disable all tokens of an account",
            ),
            Operation(
                "POST", f"{account}/tokens/enable", self.enable_tokens,
                "Enable all tokens of an account",
            ),
            Operation(
                "POST", f"{account}/sessions/close", self.close_account_sessions,
                "Close all sessions of an account now",
            ),
        )  # fmt: skip

    async def list_tokens(self, call: Call, query: TokensQuery) -> TokensBody:
        if query.account is not None:
            await call.accounts.find(query.account)

        async def fits(token: Token) -> bool:
            return query.name in (None, token.name)

        found, next_page = await newest(call.accounts.store, Token, query.account, query, fits)
        shown: list[TokenBody] = []
        for token in found:
            with suppress(NotFound):  # It may have made room for others meanwhile.
                async with call.accounts.act(token.account, call.wall) as world:
                    shown.append(await self._body(world, TokenBody, token.id))
        return TokensBody(tokens=shown, next=next_page)

    async def get_token(self, call: Call) -> WholeTokenBody:
        async with await act_on_owner(call, Token, "token") as world:
            return await self._shown(world, call)

    async def get_history(self, call: Call, query: PageQuery) -> HistoryBody:
        origin = call.origin(self.public_url)
        shown: list[TaskBody] = []
        async with await act_on_owner(call, Token, "token") as world:
            answers = self.answers(world.account)
            async for id in made_with(world, call.params["id"], before=query.before or ""):
                job = await world.own(Job, id)
                if job is None:  # It made room for others.
                    continue
                if len(shown) == query.limit:
                    return HistoryBody(tasks=shown, next=shown[-1].id)
                snapshot = Snapshot(job, world.now, job.state_at(world.now))
                shown.append(_task_body(snapshot, answers, world.account, origin))
        return HistoryBody(tasks=shown, next=None)

    async def expire_token(self, call: Call) -> WholeTokenBody:
        async with await act_on_owner(call, Token, "token") as world:
            await self._expire(world, call.params["id"])
            return await self._shown(world, call)

    async def extend_token(self, call: Call, body: ExtensionBody) -> WholeTokenBody:
        async with await act_on_owner(call, Token, "token") as world:
            now, to = world.now, body.to
            token = await own_token(world, call.params["id"])
            if body.seconds is not None:
                to = max(now, token.expires_at or now) + body.seconds
                if to > LATEST:
                    raise Conflict(f"time ends at {iso(LATEST)}")
            elif to is not None and to <= now:
                raise Conflict(f"it is {iso(now)} already; expire ends a token")
            await self.session_service.set_expiry(world, token.id, to)
            return await self._shown(world, call)

    async def disable_token(self, call: Call) -> WholeTokenBody:
        return await self._switch(call, disabled=True)

    async def enable_token(self, call: Call) -> WholeTokenBody:
        return await self._switch(call, disabled=False)

    async def close_sessions(self, call: Call) -> ClosedBody:
        async with await act_on_owner(call, Token, "token") as world:
            closed = await self.session_service.close(world, call.params["id"])
            return ClosedBody(sessions=_bodies(closed, world.now))

    async def expire_tokens(self, call: Call) -> ChangedTokensBody:
        return await self._all(call, self._expire)

    async def disable_tokens(self, call: Call) -> ChangedTokensBody:
        return await self._all(call, partial(self.session_service.change, disabled=True))

    async def enable_tokens(self, call: Call) -> ChangedTokensBody:
        return await self._all(call, partial(self.session_service.change, disabled=False))

    async def close_account_sessions(self, call: Call) -> ChangedTokensBody:
        return await self._all(call, self.session_service.close)

    async def _expire(self, world: UnitOfWork, id: str) -> None:
        if not (await own_token(world, id)).expired_at(world.now):
            await self.session_service.set_expiry(world, id, world.now)

    async def _all(
        self, call: Call, change: Callable[[UnitOfWork, str], Awaitable[object]]
    ) -> ChangedTokensBody:
        async with call.accounts.act(call.params["id"], call.wall) as world:
            tokens = await world.tx.list(Token, world.account.id)
            for each in tokens:
                await change(world, each.id)
            return ChangedTokensBody(tokens=len(tokens))

    async def _switch(self, call: Call, *, disabled: bool) -> WholeTokenBody:
        async with await act_on_owner(call, Token, "token") as world:
            await self.session_service.change(world, call.params["id"], disabled=disabled)
            return await self._shown(world, call)

    async def _shown(self, world: UnitOfWork, call: Call) -> WholeTokenBody:
        id = call.params["id"]
        sessions = await world.tx.list(Session, world.account.id)
        own = [each for each in sessions if each.token == id]
        return await self._body(world, WholeTokenBody, id, sessions=_bodies(own, world.now))

    async def _body(self, world: UnitOfWork, kind: type[B], id: str, **more: Any) -> B:
        used = await self.session_service.used(world, id, live=False)
        with_open = await self.session_service.used(world, id, live=True)
        token = await own_token(world, id)
        return kind.like(
            token,
            now=MomentBody.of(world.now),
            made=MomentBody.of(token.made_at),
            expires=None if token.expires_at is None else MomentBody.of(token.expires_at),
            expired=token.expired_at(world.now),
            used_seconds=round(used, 3),
            open_seconds=round(with_open - used, 3),
            live_sessions=len(token.sessions),
            **more,
        )


def _task_body(snapshot: Snapshot, answers: TaskAnswers, account: Account, origin: str) -> TaskBody:
    data, metadata = answers.data(snapshot, account, origin), task_metadata(snapshot.job)
    return TaskBody.like(
        snapshot.job,
        snapshot.job.order,
        metadata,
        status=data["status"],
        reason=answers.why_failed(snapshot) if data["status"] == "failed" else None,
        made=MomentBody.of(snapshot.job.submitted_at),
        images=data["images"],
    )


def _bodies(sessions: Iterable[Session], now: float) -> list[SessionBody]:
    return [SessionBody.of(session, now) for session in reversed(list(sessions))]
