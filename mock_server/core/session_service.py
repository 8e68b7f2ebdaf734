"""The door for end users: tokens that stand for them, and the sessions that let them in.

What has run out is written down before anything else is looked at, as the studio does with jobs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import StrEnum

from msgspec import Struct
from msgspec.structs import replace

from mock_server.core import chance, ids
from mock_server.core.accounts import Account
from mock_server.core.errors import Conflict, NotFound
from mock_server.core.jobs.due import apply_due, queue_of
from mock_server.core.session_transitions import (
    count_work,
    end,
    expire_sessions,
    open_sessions,
    session_at,
    session_slot,
)
from mock_server.core.sessions import (
    Metering,
    Session,
    SessionEndReason,
    SessionOptions,
    SessionSlot,
)
from mock_server.core.store import Store, Transaction
from mock_server.core.tokens import BrowserSeen, Token, TokenHistory

# How many jobs a token's gallery shows.
GALLERY_JOBS = 200

# How many browsers a token's gallery remembers.
BROWSERS = 20

# How many of the oldest sessions are looked through for one that is over and can make room.
MAX_OPEN_SCANNED = 100


class WhenLive(StrEnum):
    """What opening does where the token has a live session at the seat already."""

    REPLACE = "replace"
    KEEP = "keep"
    REFUSE = "refuse"
    PROLONG = "prolong"
    RENEW = "renew"  # prolongs, and takes the new terms


class SessionAccess(Struct, frozen=True):
    """Who comes in by a session's URL; `problem` says why nobody does, at this moment."""

    session: Session
    token: Token
    problem: str = ""


class ConcurrentBrowsers(Struct, frozen=True):
    """How many other browsers came with a token of late, and whether this one is new among them."""

    others: int
    new: bool


class SessionService:
    """Tokens and sessions of all accounts; the numbers say how many of each are kept.

    `slots` is the server's number of jobs side by side, for accounts without one. With
    `cut_sessions` no session goes on beyond its token.
    """

    def __init__(
        self,
        store: Store,
        *,
        slots: int,
        keep_tokens: int,
        keep_sessions: int,
        cut_sessions: bool = False,
    ) -> None:
        self.store = store
        self.slots = slots
        self.keep_tokens = keep_tokens
        self.keep_sessions = keep_sessions
        self.cut_sessions = cut_sessions

    # Tokens

    async def allocate(
        self,
        account: Account,
        now: float,
        *,
        name: str = "",
        expires_at: float | None = None,
        role: str = "",
        unique_name: bool = False,
    ) -> Token:
        """Make a token; beyond the number that is kept the oldest makes room.

        With `unique_name` a name that another token has raises Conflict.
        """
        async with self.store.transaction(account.id) as tx:
            if name and unique_name:
                await _refuse_namesake(tx, account, name)
            secret = account.credentials.secret
            token = Token(
                id=await _new_id(
                    tx, Token, account, now, lambda tick: ids.ulid_of(tick, secret, account.id)
                ),
                account=account.id,
                made_at=now,
                name=name,
                expires_at=expires_at,
                role=role,
            )
            surplus = await tx.count(Token, account.id) + 1 - self.keep_tokens
            for oldest in await tx.list(Token, account.id, limit=max(0, surplus)):
                await _forget(tx, oldest)
            await tx.put(token)
            return token

    async def token(self, account: Account, id: str) -> Token:
        """Return one of the account's tokens, or raise NotFound."""
        token = await self.store.get(Token, id)
        if token is None or token.account != account.id:
            raise NotFound("token", id)
        return token

    async def owner_of(self, id: str) -> str | None:
        """Return the id of the account that has the token."""
        token = await self.store.get(Token, id)
        return None if token is None else token.account

    async def tokens(self, account: Account | None) -> Sequence[Token]:
        """Return the tokens that are kept, the oldest first."""
        return await self.store.list(Token, None if account is None else account.id)

    async def change(
        self,
        account: Account,
        id: str,
        *,
        role: str | None = None,
        model: str | None = None,
        vae: str | None = None,
        disabled: bool | None = None,
    ) -> Token:
        """Attach something else to a token; what is None stays as it is."""
        async with self.store.transaction(account.id) as tx:
            token = await _own(tx, account, id)
            token = replace(
                token,
                role=token.role if role is None else role,
                model=token.model if model is None else model,
                vae=token.vae if vae is None else vae,
                disabled=token.disabled if disabled is None else disabled,
            )
            await tx.put(token)
            return token

    async def set_expiry(
        self, account: Account, id: str, expires_at: float | None, now: float
    ) -> Token:
        """Let a token's time end at another moment, or never; sessions are cut if that is sooner.

        Those that were cut before do not become longer by it.
        """
        async with self.store.transaction(account.id) as tx:
            token = replace(await self._up_to_date(tx, account, id, now), expires_at=expires_at)
            await tx.put(token)
            for session in await open_sessions(tx, token):
                await tx.put(self._cut(session, token, now))
            return await self._up_to_date(tx, account, id, now)

    async def used(self, account: Account, id: str, now: float, *, live: bool) -> float:
        """Return a token's seconds of use; those of open sessions count as well if `live`."""
        async with self.store.transaction(account.id) as tx:
            token = await self._up_to_date(tx, account, id, now)
            seconds = token.used
            for session in await open_sessions(tx, token) if live else ():
                if session.metering is Metering.TIME:
                    seconds += session.seconds_open_at(now)
            return seconds

    # Sessions

    async def open(
        self,
        account: Account,
        token_id: str,
        place: SessionSlot,
        terms: SessionOptions,
        now: float,
        *,
        when_live: WhenLive,
        again: Callable[[Session], float],
        new_id: bool = False,
    ) -> Session:
        """Let a token in at a seat, or deal with the session that it has there.

        A live one goes on for `again` seconds; one in its place gets an id of its own only with
        `new_id`. Raises Conflict where a live one is to be refused.
        """
        async with self.store.transaction(account.id) as tx:
            token = await self._up_to_date(tx, account, token_id, now)
            live = await session_at(tx, token, place)
            if live is not None:
                match when_live:
                    case WhenLive.KEEP:
                        return live
                    case WhenLive.REFUSE:
                        raise Conflict("the token has a live session there")
                    case WhenLive.PROLONG:
                        return await self._go_on(tx, account, token, live, again(live), now, new_id)
                    case WhenLive.RENEW if terms.metering is live.metering:
                        live = replace(live, role=terms.role, pools=terms.pools)
                        return await self._go_on(tx, account, token, live, again(live), now, new_id)
                    case WhenLive.RENEW:
                        # What is counted in another way from here on begins anew.
                        terms = replace(terms, lifetime=again(live))
                token = await end(tx, token, live, SessionEndReason.REPLACED, now)
            kept = "" if live is None or new_id else live.id
            if not kept:
                await self._make_room(tx, account)
            session = Session(
                id=kept or await _session_id(tx, account, now),
                account=account.id,
                token=token.id,
                session_slot=place,
                opened_at=now,
                expires_at=now + terms.lifetime,
                metering=terms.metering,
                role=terms.role,
                pools=terms.pools,
            )
            session = self._cut(session, token, now)
            await session_slot(tx, token, session)
            return session

    async def prolong(
        self,
        account: Account,
        token_id: str,
        place: SessionSlot,
        lifetime: float,
        now: float,
        *,
        new_id: bool = False,
    ) -> Session:
        """Let a live session end `lifetime` seconds from now, which may be sooner than before.

        Raises NotFound where there is none.
        """
        async with self.store.transaction(account.id) as tx:
            token = await self._up_to_date(tx, account, token_id, now)
            live = await session_at(tx, token, place)
            if live is None:
                raise NotFound("session")
            return await self._go_on(tx, account, token, live, lifetime, now, new_id)

    async def find(
        self, account: Account, token_id: str, place: SessionSlot, now: float
    ) -> Session | None:
        """Return the token's live session at a seat."""
        async with self.store.transaction(account.id) as tx:
            return await session_at(tx, await self._up_to_date(tx, account, token_id, now), place)

    async def close(
        self,
        account: Account,
        token_id: str,
        now: float,
        *,
        product: str | None = None,
        gadget: str | None = None,
    ) -> list[Session]:
        """End the token's live sessions, only those of a product or gadget if named; return them.

        The gadget "" is none.
        """
        closed: list[Session] = []
        async with self.store.transaction(account.id) as tx:
            token = await self._up_to_date(tx, account, token_id, now)
            for session in await open_sessions(tx, token):
                place = session.session_slot
                if product in (None, place.product) and gadget in (None, place.gadget):
                    token = await end(tx, token, session, SessionEndReason.CLOSED, now)
                    closed.append(session.ended(SessionEndReason.CLOSED, now))
        return closed

    async def sessions(self, account: Account, token_id: str | None = None) -> list[Session]:
        """Return the sessions that are kept, the oldest first, those of a token if it is named."""
        kept = await self.store.list(Session, account.id)
        return [each for each in kept if token_id in (None, each.token)]

    async def session(self, id: str) -> Session | None:
        """Return a session by the part of its URL that cannot be guessed, whoever asks."""
        return await self.store.get(Session, id)

    async def session_access(self, session_id: str, now: float) -> SessionAccess | None:
        """Return who comes in by a session's URL, whoever asks; None where there is no session."""
        async with self.store.view() as view:
            session = await view.get(Session, session_id)
            token = None if session is None else await view.get(Token, session.token)
        if session is None or token is None:
            return None
        why = session.why_at(now)
        if why is None and token.disabled:
            return SessionAccess(session, token, "disabled")
        return SessionAccess(session, token, "" if why is None else why.value)

    # What belongs to a token

    async def remember(
        self, account: Account, token_id: str, job_id: str, now: float, *, metered: bool
    ) -> None:
        """Add a job to the token's gallery; its use is counted once it is over if `metered`."""
        async with self.store.transaction(account.id) as tx:
            await self._up_to_date(tx, account, token_id, now)
            history = await _history_of(tx, account, token_id)
            await tx.put(
                replace(
                    history,
                    jobs=(*history.jobs, job_id)[-GALLERY_JOBS:],
                    metered=(*history.metered, job_id) if metered else history.metered,
                )
            )

    async def history(self, account: Account, token_id: str) -> TokenHistory:
        """Return what belongs to the token."""
        async with self.store.transaction(account.id) as tx:
            return await _history_of(tx, account, token_id)

    async def keep_preferences(
        self, account: Account, token_id: str, product: str, text: str
    ) -> None:
        """Write the token's preferences for a product down, in place of earlier ones."""
        async with self.store.transaction(account.id) as tx:
            history = await _history_of(tx, account, token_id)
            kept = dict(history.preferences) | {product: text}
            await tx.put(replace(history, preferences=tuple(kept.items())))

    async def meet(
        self, account: Account, token_id: str, browser: str, now: float, *, within: float
    ) -> ConcurrentBrowsers:
        """Note that a browser comes with a token; return who else did in the last seconds."""
        async with self.store.transaction(account.id) as tx:
            history = await _history_of(tx, account, token_id)
            others = [each for each in history.browsers if each.browser != browser]
            before = next((each for each in history.browsers if each.browser == browser), None)
            seen = (*others, BrowserSeen(browser, now))[-BROWSERS:]
            await tx.put(replace(history, browsers=seen))
            return ConcurrentBrowsers(
                others=sum(each.at > now - within for each in others),
                new=before is None or before.at <= now - within,
            )

    # Inside

    async def _up_to_date(self, tx: Transaction, account: Account, id: str, now: float) -> Token:
        """Write down what has run out, and return the token as it is then."""
        await expire_sessions(tx, account, now)
        token = await _own(tx, account, id)
        history = await tx.get(TokenHistory, id)
        if history is None or not history.metered:
            return token
        await apply_due(tx, account, self.slots, now)
        return await count_work(tx, token, history)

    async def _go_on(
        self,
        tx: Transaction,
        account: Account,
        token: Token,
        live: Session,
        lifetime: float,
        now: float,
        new_id: bool,
    ) -> Session:
        """Write a session down that goes on; with `new_id` its old URL lets nobody in any more."""
        longer = self._cut(replace(live, expires_at=now + lifetime), token, now)
        if new_id:
            await self._make_room(tx, account)
            longer = replace(longer, id=await _session_id(tx, account, now))
            # Its use is counted with that of the one that goes on in its place.
            await tx.put(live.ended(SessionEndReason.REPLACED, now))
            token = replace(token, sessions=tuple(id for id in token.sessions if id != live.id))
        await session_slot(tx, token, longer)
        return longer

    def _cut(self, session: Session, token: Token, now: float) -> Session:
        if not self.cut_sessions or token.expires_at is None:
            return session
        return replace(session, expires_at=max(now, min(session.expires_at, token.expires_at)))

    async def _make_room(self, tx: Transaction, account: Account) -> None:
        """Forget the oldest sessions that are over, so that with one more the number is kept."""
        surplus = await tx.count(Session, account.id) + 1 - self.keep_sessions
        if surplus <= 0:
            return
        for oldest in await tx.list(Session, account.id, limit=surplus + MAX_OPEN_SCANNED):
            if surplus > 0 and oldest.over is not None:
                surplus -= 1
                await tx.delete(Session, oldest.id)


async def _own(tx: Transaction, account: Account, id: str) -> Token:
    token = await tx.get(Token, id)
    if token is None or token.account != account.id:
        raise NotFound("token", id)
    return token


async def _refuse_namesake(tx: Transaction, account: Account, name: str) -> None:
    if any(token.name == name for token in await tx.list(Token, account.id)):
        raise Conflict(f"another token has the name {name!r}")


async def _forget(tx: Transaction, token: Token) -> None:
    for session in await open_sessions(tx, token):
        await tx.delete(Session, session.id)
    await tx.delete(TokenHistory, token.id)
    await tx.delete(Token, token.id)


async def _history_of(tx: Transaction, account: Account, token_id: str) -> TokenHistory:
    await _own(tx, account, token_id)
    return await tx.get(TokenHistory, token_id) or TokenHistory(token_id, account.id)


async def _session_id(tx: Transaction, account: Account, now: float) -> str:
    secret = account.credentials.secret
    return await _new_id(
        tx,
        Session,
        account,
        now,
        lambda tick: chance.mac(secret, "session", account.id, tick),
    )


async def _new_id(
    tx: Transaction,
    kind: type[Token] | type[Session],
    account: Account,
    now: float,
    name: Callable[[int], str],
) -> str:
    """Return an id that nothing of the kind has; after a reset the account's ticks begin anew."""
    line = await queue_of(tx, account)
    tick = ids.next_tick(now, line.last_tick)
    while await tx.get(kind, name(tick)) is not None:
        tick += 1
    await tx.put(replace(line, last_tick=tick))
    return name(tick)
