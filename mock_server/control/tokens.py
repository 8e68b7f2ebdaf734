"""End users' tokens and sessions of every world: looking, ending, switching off, extending."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Annotated, Any, Literal

from pydantic import Field

from mock_server.control.descriptions import iso
from mock_server.control.operations import Ask
from mock_server.control.problems import CONFLICT, Problem
from mock_server.control.shapes import ChoiceBody, Moment, MomentBody, OutgoingBody, Query
from mock_server.core.accounts import Account
from mock_server.core.clock import LATEST
from mock_server.core.errors import NotFound
from mock_server.core.lobby import Lobby
from mock_server.core.sessions import Metering, Session, Why
from mock_server.core.tokens import Token
from mock_server.core.worlds import Worlds


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
    state: Literal["live"] | Why
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
            product=session.seat.product,
            gadget=session.seat.gadget or None,
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

    def __init__(self, worlds: Worlds, lobby: Lobby) -> None:
        self.worlds = worlds
        self.lobby = lobby

    async def list_tokens(self, ask: Ask[TokensQuery, None]) -> TokensBody:
        query = ask.query
        account = None if query.account is None else await self.worlds.find(query.account)
        listed = reversed(await self.lobby.tokens(account))
        found = [each for each in listed if query.name in (None, each.name)][: query.limit]
        shown: list[TokenBody] = []
        for token in found:
            with suppress(NotFound):  # It may have made room since it was listed.
                owner = await self.worlds.find(token.account)
                shown.append(TokenBody(**await self._members(owner, token.id, ask.wall)))
        return TokensBody(tokens=shown)

    async def get_token(self, ask: Ask[None, None]) -> WholeTokenBody:
        return await self._shown(await self._owner(ask), ask)

    async def expire_token(self, ask: Ask[None, None]) -> WholeTokenBody:
        owner, now = await self._world(ask)
        await self.lobby.set_expiry(owner, ask.params["id"], now, now)
        return await self._shown(owner, ask)

    async def extend_token(self, ask: Ask[None, ExtensionBody]) -> WholeTokenBody:
        owner, now = await self._world(ask)
        token = await self.lobby.token(owner, ask.params["id"])
        to = ask.body.to
        if ask.body.seconds is not None:
            to = max(now, token.expires_at or now) + ask.body.seconds
            if to > LATEST:
                raise Problem(CONFLICT, f"time ends at {iso(LATEST)}")
        elif to is not None and to <= now:
            raise Problem(CONFLICT, f"it is {iso(now)} already; expire ends a token")
        await self.lobby.set_expiry(owner, token.id, to, now)
        return await self._shown(owner, ask)

    async def disable_token(self, ask: Ask[None, None]) -> WholeTokenBody:
        return await self._switch(ask, disabled=True)

    async def enable_token(self, ask: Ask[None, None]) -> WholeTokenBody:
        return await self._switch(ask, disabled=False)

    async def close_sessions(self, ask: Ask[None, None]) -> ClosedBody:
        owner, now = await self._world(ask)
        closed = await self.lobby.close(owner, ask.params["id"], now)
        return ClosedBody(sessions=_sessions(closed, now))

    async def _switch(self, ask: Ask[None, None], *, disabled: bool) -> WholeTokenBody:
        owner = await self._owner(ask)
        await self.lobby.change(owner, ask.params["id"], disabled=disabled)
        return await self._shown(owner, ask)

    async def _owner(self, ask: Ask[None, Any]) -> Account:
        id = ask.params["id"]
        account_id = await self.lobby.owner_of(id)
        owner = None if account_id is None else await self.worlds.studio.owner(account_id)
        if owner is None:
            raise NotFound("token", id)
        return owner

    async def _world(self, ask: Ask[None, Any]) -> tuple[Account, float]:
        """Return whose token it is, and what time it is there."""
        owner = await self._owner(ask)
        return owner, await self.worlds.studio.now(owner, ask.wall)

    async def _shown(self, owner: Account, ask: Ask[None, Any]) -> WholeTokenBody:
        id = ask.params["id"]
        now = await self.worlds.studio.now(owner, ask.wall)
        members = await self._members(owner, id, ask.wall)
        kept = await self.lobby.sessions(owner, id)
        return WholeTokenBody(**members, sessions=_sessions(kept, now))

    async def _members(self, owner: Account, id: str, wall: float) -> dict[str, Any]:
        now = await self.worlds.studio.now(owner, wall)
        used = await self.lobby.used(owner, id, now, live=False)
        with_open = await self.lobby.used(owner, id, now, live=True)
        token: Token = await self.lobby.token(owner, id)
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
