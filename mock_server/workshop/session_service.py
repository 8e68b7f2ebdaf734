"""Tokens and sessions of end users: make, change, open, prolong and end them, in a unit of work."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import Any

from msgspec.structs import replace

from mock_server.core import chance, ids
from mock_server.core.accounts import Account
from mock_server.core.errors import Conflict, NotFound
from mock_server.core.unit_of_work import UnitOfWork
from mock_server.workshop.session_transitions import (
    count_work,
    end,
    keep_open,
    open_sessions,
    own_token,
    session_at,
)
from mock_server.workshop.sessions import (
    Metering,
    Session,
    SessionEndReason,
    SessionOptions,
    SessionSlot,
)
from mock_server.workshop.tokens import HistoryChapter, Token, TokenHistory

MAX_FORGOTTEN = 100  # sessions that make room for one


class WhenLive(StrEnum):
    """What opening does if the token has a live session in the slot already."""

    REPLACE = "replace"
    KEEP = "keep"
    REFUSE = "refuse"
    PROLONG = "prolong"
    RENEW = "renew"  # prolongs, and takes the new options


class SessionService:
    """What can be done with tokens and sessions.

    An account keeps at most `keep_tokens` tokens and `keep_sessions` sessions that are over. A
    session of an account that `cuts_sessions` ends when its token expires.
    """

    def __init__(
        self, *, keep_tokens: int, keep_sessions: int, cuts_sessions: Callable[[Account], bool]
    ) -> None:
        self.keep_tokens = keep_tokens
        self.keep_sessions = keep_sessions
        self.cuts_sessions = cuts_sessions

    # Tokens

    async def allocate(
        self,
        world: UnitOfWork,
        *,
        name: str = "",
        expires_at: float | None = None,
        role: str = "",
        unique_name: bool = False,
    ) -> Token:
        """Make a token; the oldest ones make room for it.

        With `unique_name` a name that another token has raises Conflict.
        """
        tx, account = world.tx, world.account
        if name and unique_name:
            await _refuse_namesake(world, name)
        secret = account.credentials.secret
        token = Token(
            id=await _new_id(world, Token, lambda tick: ids.ulid_of(tick, secret, account.id)),
            account=account.id,
            made_at=world.now,
            name=name,
            expires_at=expires_at,
            role=role,
        )
        surplus = await tx.count(Token, account.id) + 1 - self.keep_tokens
        if surplus > 0:
            for oldest in await tx.list(Token, account.id, limit=surplus):
                await _forget(world, oldest)
        await tx.put(token)
        return token

    async def change(self, world: UnitOfWork, id: str, **changes: Any) -> Token:
        """Change what is attached to a token: `role`, `model`, `vae`; or whether it is disabled."""
        token = replace(await own_token(world, id), **changes)
        await world.tx.put(token)
        return token

    async def set_expiry(self, world: UnitOfWork, id: str, expires_at: float | None) -> Token:
        """Let a token expire at another moment, or never; open sessions may become shorter.

        A session that was cut before does not become longer.
        """
        token = replace(await own_token(world, id), expires_at=expires_at, expiry_applied=False)
        await world.tx.put(token)
        for session in await open_sessions(world, token):
            await world.tx.put(self._cut(world, session, token))
        await world.apply_due(world.now)
        return await own_token(world, id)

    async def used(self, world: UnitOfWork, id: str, *, live: bool) -> float:
        """Return a token's seconds of use; with `live` those of open sessions count too."""
        token = await count_work(world, await own_token(world, id))
        seconds = token.used
        for session in await open_sessions(world, token) if live else ():
            if session.metering is Metering.TIME:
                seconds += session.seconds_open_at(world.now)
        return seconds

    # Sessions

    async def open(
        self,
        world: UnitOfWork,
        token_id: str,
        slot: SessionSlot,
        options: SessionOptions,
        *,
        when_live: WhenLive,
        again: Callable[[Session], float],
        new_id: bool = False,
    ) -> Session:
        """Open a session for a token, or do what `when_live` says with the one in the slot.

        A live one goes on for `again` seconds. With `new_id` one in place of a live one gets
        another id. Raises Conflict where a live one is to be refused.
        """
        token = await own_token(world, token_id)
        live = await session_at(world, token, slot)
        if live is not None:
            match when_live:
                case WhenLive.KEEP:
                    return live
                case WhenLive.REFUSE:
                    raise Conflict("the token has a live session there")
                case WhenLive.PROLONG:
                    return await self._go_on(world, token, live, again(live), new_id)
                case WhenLive.RENEW if options.metering is live.metering:
                    live = replace(live, role=options.role, pools=options.pools)
                    return await self._go_on(world, token, live, again(live), new_id)
                case WhenLive.RENEW:
                    # What is counted in another way from here on begins anew.
                    options = replace(options, lifetime=again(live))
            token = await end(world, token, live, SessionEndReason.REPLACED, world.now)
        kept = "" if live is None or new_id else live.id
        if not kept:
            await self._make_room(world)
        session = Session(
            id=kept or await _session_id(world),
            account=world.account.id,
            token=token.id,
            session_slot=slot,
            opened_at=world.now,
            expires_at=world.now + options.lifetime,
            metering=options.metering,
            role=options.role,
            pools=options.pools,
        )
        session = self._cut(world, session, token)
        await keep_open(world, token, session)
        return session

    async def prolong(
        self,
        world: UnitOfWork,
        token_id: str,
        slot: SessionSlot,
        lifetime: float,
        *,
        new_id: bool = False,
    ) -> Session:
        """Let a live session end `lifetime` seconds from now, which may be sooner than before.

        Raises NotFound without a live session.
        """
        token = await own_token(world, token_id)
        live = await session_at(world, token, slot)
        if live is None:
            raise NotFound("session")
        return await self._go_on(world, token, live, lifetime, new_id)

    async def close(
        self,
        world: UnitOfWork,
        token_id: str,
        *,
        product: str | None = None,
        gadget: str | None = None,
    ) -> list[Session]:
        """End the token's live sessions, only those of a product or gadget if named; return them.

        The gadget "" is that of sessions without a gadget.
        """
        closed: list[Session] = []
        token = await own_token(world, token_id)
        for session in await open_sessions(world, token):
            slot = session.session_slot
            if product in (None, slot.product) and gadget in (None, slot.gadget):
                token = await end(world, token, session, SessionEndReason.CLOSED, world.now)
                closed.append(session.ended(SessionEndReason.CLOSED, world.now))
        return closed

    # Inside

    async def _go_on(
        self, world: UnitOfWork, token: Token, live: Session, lifetime: float, new_id: bool
    ) -> Session:
        """Write a session that goes on; with `new_id` its old URL does not work any more."""
        longer = self._cut(world, replace(live, expires_at=world.now + lifetime), token)
        if new_id:
            await self._make_room(world)
            longer = replace(longer, id=await _session_id(world))
            # Its use is counted with that of the one that goes on in its place.
            await world.tx.put(live.ended(SessionEndReason.REPLACED, world.now))
            token = replace(token, sessions=tuple(id for id in token.sessions if id != live.id))
        await keep_open(world, token, longer)
        return longer

    def _cut(self, world: UnitOfWork, session: Session, token: Token) -> Session:
        if token.expires_at is None or not self.cuts_sessions(world.account):
            return session
        expires_at = max(world.now, min(session.expires_at, token.expires_at))
        return replace(session, expires_at=expires_at)

    async def _make_room(self, world: UnitOfWork) -> None:
        """Forget the sessions that have been over for longest, so that one more can be kept."""
        tx, account = world.tx, world.account.id
        surplus = await tx.count(Session, account) + 1 - self.keep_sessions
        if surplus <= 0:
            return
        for oldest in await tx.over(Session, account, limit=min(surplus, MAX_FORGOTTEN)):
            await tx.delete(Session, oldest.id)


async def _refuse_namesake(world: UnitOfWork, name: str) -> None:
    if any(token.name == name for token in await world.tx.list(Token, world.account.id)):
        raise Conflict(f"another token has the name {name!r}")


async def _forget(world: UnitOfWork, token: Token) -> None:
    for session in await open_sessions(world, token):
        await world.tx.delete(Session, session.id)
    history = await world.tx.get(TokenHistory, token.id) or TokenHistory(token.id, token.account)
    for id in history.chapter_ids:
        await world.tx.delete(HistoryChapter, id)
    await world.tx.delete(TokenHistory, token.id)
    await world.tx.delete(Token, token.id)


async def _session_id(world: UnitOfWork) -> str:
    account = world.account
    secret = account.credentials.secret
    return await _new_id(
        world, Session, lambda tick: chance.mac(secret, "session", account.id, tick)
    )


async def _new_id(
    world: UnitOfWork, kind: type[Token] | type[Session], name: Callable[[int], str]
) -> str:
    """Return an id that no record of the kind has; after a reset ticks begin anew."""
    while True:
        id = name(await world.new_tick())
        if await world.tx.get(kind, id) is None:
            return id
