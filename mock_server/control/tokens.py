"""End users' tokens and sessions of every world: looking, ending, switching off, extending."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Annotated, Any, Literal

from pydantic import Field

from mock_server.control.descriptions import iso
from mock_server.control.operations import ControlRequest
from mock_server.control.problems import CONFLICT, Problem
from mock_server.control.shapes import ChoiceBody, Moment, MomentBody, OutgoingBody, Query
from mock_server.core.account_service import AccountService
from mock_server.core.accounts import Account
from mock_server.core.clock import LATEST
from mock_server.core.errors import NotFound
from mock_server.core.session_service import SessionService
from mock_server.core.sessions import Metering, Session, SessionEndReason
from mock_server.core.tokens import Token


class TokensQuery(Query):
    """Which tokens are listed."""

    account: str | None = Field(None, min_length=1, max_length=100, description="Only of this one")
    name: str | None = Field(None, max_length=10_000, description="Only those with this name")
    limit: int = Field(100, ge=1, le=1000, description="At most so many")


class ExtensionBody(ChoiceBody):
    """Until when a token is good: seconds more than now or than its expiry, a moment, or for ever.

    Seconds are added to what is later; a token that had no expiry has one then.
    """

    seconds: Annotated[float, Field(gt=0, le=LATEST)] | None = None
    to: Moment | None = None
    never: Literal[True] | None = None


class SessionBody(OutgoingBody):
    """A session as it stands now. `id` is the part of its URL that lets its user in.

    `state` says whether it is live, or why it is over.
    """

    id: str
    product: str
    gadget: str | None
    metering: Metering
    role: str | None
    pools: str | None
    state: Literal["live"] | SessionEndReason
    opened: MomentBody
    expires: MomentBody
    ended: MomentBody | None
    seconds_left: float

    @classmethod
    def of(cls, session: Session, now: float) -> SessionBody:
        why = session.why_at(now)
        over_at = session.expires_at if session.over is None else session.over_at
        return cls(
            id=session.id,
            product=session.session_slot.product,
            gadget=session.session_slot.gadget or None,
            metering=session.metering,
            role=session.role or None,
            pools=session.pools or None,
            state=why or "live",
            opened=MomentBody.of(session.opened_at),
            expires=MomentBody.of(session.expires_at),
            ended=None if why is None else MomentBody.of(over_at),
            seconds_left=session.seconds_left_at(now),
        )


class TokenBody(OutgoingBody):
    """A token as it stands now, by its account's clock. Null in `expires` is never.

    `used_seconds` are those of sessions and work that are over; `open_seconds` come with the
    sessions that are open.
    """

    id: str
    account: str
    name: str | None
    role: str | None
    model: str | None
    vae: str | None
    now: MomentBody
    made: MomentBody
    expires: MomentBody | None
    expired: bool
    disabled: bool
    used_seconds: float
    open_seconds: float
    live_sessions: int


class WholeTokenBody(TokenBody):
    """A token with its sessions, the newest first, as many of those that are over as are kept."""

    sessions: list[SessionBody]


class TokensBody(OutgoingBody):
    """Tokens, the newest first."""

    tokens: list[TokenBody]


class ClosedBody(OutgoingBody):
    """The sessions that were ended."""

    sessions: list[SessionBody]


class Tokens:
    """The operations on tokens. The path names a token, whosever it is."""

    def __init__(self, account_service: AccountService, session_service: SessionService) -> None:
        self.account_service = account_service
        self.session_service = session_service

    async def list_tokens(self, request: ControlRequest[TokensQuery, None]) -> TokensBody:
        query = request.query
        account = None if query.account is None else await self.account_service.find(query.account)
        listed = reversed(await self.session_service.tokens(account))
        found = [each for each in listed if query.name in (None, each.name)][: query.limit]
        shown: list[TokenBody] = []
        for token in found:
            with suppress(NotFound):  # It may have made room since it was listed.
                owner = await self.account_service.find(token.account)
                shown.append(TokenBody(**await self._members(owner, token.id, request.wall)))
        return TokensBody(tokens=shown)

    async def get_token(self, request: ControlRequest[None, None]) -> WholeTokenBody:
        return await self._shown(await self._owner(request), request)

    async def expire_token(self, request: ControlRequest[None, None]) -> WholeTokenBody:
        owner, now = await self._world(request)
        await self.session_service.set_expiry(owner, request.params["id"], now, now)
        return await self._shown(owner, request)

    async def extend_token(self, request: ControlRequest[None, ExtensionBody]) -> WholeTokenBody:
        owner, now = await self._world(request)
        token = await self.session_service.token(owner, request.params["id"])
        to = request.body.to
        if request.body.seconds is not None:
            to = max(now, token.expires_at or now) + request.body.seconds
            if to > LATEST:
                raise Problem(CONFLICT, f"time ends at {iso(LATEST)}")
        elif to is not None and to <= now:
            raise Problem(CONFLICT, f"it is {iso(now)} already; expire ends a token")
        await self.session_service.set_expiry(owner, token.id, to, now)
        return await self._shown(owner, request)

    async def disable_token(self, request: ControlRequest[None, None]) -> WholeTokenBody:
        return await self._switch(request, disabled=True)

    async def enable_token(self, request: ControlRequest[None, None]) -> WholeTokenBody:
        return await self._switch(request, disabled=False)

    async def close_sessions(self, request: ControlRequest[None, None]) -> ClosedBody:
        owner, now = await self._world(request)
        closed = await self.session_service.close(owner, request.params["id"], now)
        return ClosedBody(sessions=_sessions(closed, now))

    async def _switch(
        self, request: ControlRequest[None, None], *, disabled: bool
    ) -> WholeTokenBody:
        owner = await self._owner(request)
        await self.session_service.change(owner, request.params["id"], disabled=disabled)
        return await self._shown(owner, request)

    async def _owner(self, request: ControlRequest[None, Any]) -> Account:
        id = request.params["id"]
        account_id = await self.session_service.owner_of(id)
        owner = (
            None if account_id is None else await self.account_service.job_service.owner(account_id)
        )
        if owner is None:
            raise NotFound("token", id)
        return owner

    async def _world(self, request: ControlRequest[None, Any]) -> tuple[Account, float]:
        """Return whose token it is, and what time it is there."""
        owner = await self._owner(request)
        return owner, await self.account_service.job_service.now(owner, request.wall)

    async def _shown(self, owner: Account, request: ControlRequest[None, Any]) -> WholeTokenBody:
        id = request.params["id"]
        now = await self.account_service.job_service.now(owner, request.wall)
        members = await self._members(owner, id, request.wall)
        kept = await self.session_service.sessions(owner, id)
        return WholeTokenBody(**members, sessions=_sessions(kept, now))

    async def _members(self, owner: Account, id: str, wall: float) -> dict[str, Any]:
        now = await self.account_service.job_service.now(owner, wall)
        used = await self.session_service.used(owner, id, now, live=False)
        with_open = await self.session_service.used(owner, id, now, live=True)
        token: Token = await self.session_service.token(owner, id)
        return {
            "id": token.id,
            "account": token.account,
            "name": token.name or None,
            "role": token.role or None,
            "model": token.model or None,
            "vae": token.vae or None,
            "now": MomentBody.of(now),
            "made": MomentBody.of(token.made_at),
            "expires": None if token.expires_at is None else MomentBody.of(token.expires_at),
            "expired": token.expired_at(now),
            "disabled": token.disabled,
            "used_seconds": round(used, 3),
            "open_seconds": round(with_open - used, 3),
            # What has run out is written down by now, so every session that it knows of is open.
            "live_sessions": len(token.sessions),
        }


def _sessions(sessions: Sequence[Session], now: float) -> list[SessionBody]:
    return [SessionBody.of(session, now) for session in reversed(sessions)]
