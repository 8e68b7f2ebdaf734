"""The door for end users: tokens that stand for them, and the sessions that let them in.

What has run out is written down before anything else is looked at, as the studio does with jobs.
A token's use is counted when a session ends, or when work in a session of that kind is over.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from mock_server.core import chance, ids
from mock_server.core.accounts import Account
from mock_server.core.errors import Conflict, NotFound
from mock_server.core.jobs import Job
from mock_server.core.sessions import Metering, Seat, Session, Terms, Why
from mock_server.core.settlement import line_of, settle
from mock_server.core.store import Store, Transaction
from mock_server.core.tokens import Gallery, Token

# How many jobs a token's gallery shows.
GALLERY_JOBS = 200


class WhenLive(StrEnum):
    """What opening does where the token has a live session at the seat already."""

    REPLACE = "replace"
    KEEP = "keep"
    REFUSE = "refuse"
    PROLONG = "prolong"
    RENEW = "renew"  # prolongs, and takes the new terms


@dataclass(frozen=True, slots=True)
class Visit:
    """Who comes in by a session's URL; `problem` says why nobody does, at this moment."""

    session: Session
    token: Token
    problem: str = ""


class Lobby:
    """Tokens and sessions of all accounts; the numbers say how many of each are kept.

    `slots` is the server's number of jobs side by side, for accounts without one.
    """

    def __init__(self, store: Store, *, slots: int, keep_tokens: int, keep_sessions: int) -> None:
        self.store = store
        self.slots = slots
        self.keep_tokens = keep_tokens
        self.keep_sessions = keep_sessions

    # Tokens

    async def allocate(
        self,
        account: Account,
        now: float,
        *,
        name: str = "",
        expires_at: float | None = None,
        role: str = "",
    ) -> Token:
        """Make a token; beyond the number that is kept the oldest makes room."""
        async with self.store.transaction(account.id) as tx:
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
                await self._forget(tx, oldest)
            await tx.put(token)
            return token

    async def token(self, account: Account, id: str) -> Token:
        """Return one of the account's tokens, or raise NotFound."""
        async with self.store.view() as view:
            token = await view.get(Token, id)
        if token is None or token.account != account.id:
            raise NotFound("token", id)
        return token

    async def owner_of(self, id: str) -> str | None:
        """Return the id of the account that has the token."""
        async with self.store.view() as view:
            token = await view.get(Token, id)
        return None if token is None else token.account

    async def tokens(self, account: Account | None) -> Sequence[Token]:
        """Return the tokens that are kept, the oldest first."""
        async with self.store.view() as view:
            return await view.list(Token, None if account is None else account.id)

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

    async def set_expiry(self, account: Account, id: str, expires_at: float | None) -> Token:
        """Let a token's time end at another moment, or never."""
        async with self.store.transaction(account.id) as tx:
            token = replace(await _own(tx, account, id), expires_at=expires_at)
            await tx.put(token)
            return token

    async def used(self, account: Account, id: str, now: float, *, live: bool) -> float:
        """Return a token's seconds of use; those of open sessions count as well if `live`."""
        async with self.store.transaction(account.id) as tx:
            token = await self._settled(tx, account, id, now)
            seconds = token.used
            for session in await _sessions(tx, token) if live else ():
                if session.metering is Metering.TIME:
                    seconds += session.seconds_open_at(now)
            return seconds

    # Sessions

    async def open(
        self,
        account: Account,
        token_id: str,
        seat: Seat,
        terms: Terms,
        now: float,
        *,
        when_live: WhenLive,
        again: Callable[[Session], float],
        until: float | None = None,
        new_id: bool = False,
    ) -> Session:
        """Let a token in at a seat, or deal with the session that it has there.

        A live one is prolonged by `again` seconds; one in its place gets an id of its own only
        with `new_id`. None goes on beyond `until`. Raises Conflict where it is to be refused.
        """
        async with self.store.transaction(account.id) as tx:
            token = await self._settled(tx, account, token_id, now)
            live = await _at(tx, token, seat)
            if live is not None:
                match when_live:
                    case WhenLive.KEEP:
                        return live
                    case WhenLive.REFUSE:
                        raise Conflict("the token has a live session there")
                    case WhenLive.PROLONG | WhenLive.RENEW:
                        longer = _prolonged(live, again(live), now, until)
                        if when_live is WhenLive.RENEW:
                            longer = _renewed(longer, terms)
                        return await self._put_longer(tx, account, live, longer, now, new_id)
                    case WhenLive.REPLACE:
                        token = await _end(tx, token, live, Why.REPLACED, now)
            await self._make_room(tx, account)
            kept = "" if live is None or new_id else live.id
            session = Session(
                id=kept or await self._session_id(tx, account, now),
                account=account.id,
                token=token.id,
                seat=seat,
                opened_at=now,
                expires_at=_bounded(now + terms.lifetime, until),
                metering=terms.metering,
                role=terms.role,
                pools=terms.pools,
            )
            await tx.put(session)
            await _seat(tx, token, session)
            return session

    async def prolong(
        self,
        account: Account,
        token_id: str,
        seat: Seat,
        lifetime: float,
        now: float,
        *,
        until: float | None = None,
        new_id: bool = False,
    ) -> Session:
        """Let a live session end `lifetime` seconds from now, which may be sooner than before.

        Raises NotFound where there is none.
        """
        async with self.store.transaction(account.id) as tx:
            live = await _at(tx, await self._settled(tx, account, token_id, now), seat)
            if live is None:
                raise NotFound("session")
            longer = _prolonged(live, lifetime, now, until)
            return await self._put_longer(tx, account, live, longer, now, new_id)

    async def find(self, account: Account, token_id: str, seat: Seat, now: float) -> Session | None:
        """Return the token's live session at a seat."""
        async with self.store.transaction(account.id) as tx:
            return await _at(tx, await self._settled(tx, account, token_id, now), seat)

    async def close(
        self,
        account: Account,
        token_id: str,
        seat: Seat,
        now: float,
        *,
        all_gadgets: bool = False,
    ) -> list[Session]:
        """End the token's session at a seat, or those of all gadgets there; return them."""
        closed: list[Session] = []
        async with self.store.transaction(account.id) as tx:
            token = await self._settled(tx, account, token_id, now)
            for session in await _sessions(tx, token):
                same = session.seat.product == seat.product if all_gadgets else session.seat == seat
                if same:
                    token = await _end(tx, token, session, Why.CLOSED, now)
                    closed.append(session)
        return closed

    async def sessions(self, account: Account, token_id: str | None = None) -> list[Session]:
        """Return the sessions that are kept, the oldest first, those of a token if it is named."""
        async with self.store.view() as view:
            kept = await view.list(Session, account.id)
        return [each for each in kept if token_id in (None, each.token)]

    async def session(self, id: str) -> Session | None:
        """Return a session by the part of its URL that cannot be guessed, whoever asks."""
        async with self.store.view() as view:
            return await view.get(Session, id)

    async def visit(self, session_id: str, now: float, *, cut: bool) -> Visit | None:
        """Return who comes in by a session's URL; a token's own expiry counts only if `cut`."""
        async with self.store.view() as view:
            session = await view.get(Session, session_id)
            token = None if session is None else await view.get(Token, session.token)
        if session is None or token is None:
            return None
        why = session.why_at(now)
        if why is not None:
            return Visit(session, token, why.value)
        if token.disabled:
            return Visit(session, token, "disabled")
        if cut and token.expired_at(now):
            return Visit(session, token, "token expired")
        return Visit(session, token)

    # What belongs to a token

    async def remember(
        self, account: Account, token_id: str, job_id: str, now: float, *, metered: bool
    ) -> None:
        """Add a job to the token's gallery; its use is counted once it is over if `metered`."""
        async with self.store.transaction(account.id) as tx:
            await self._settled(tx, account, token_id, now)
            gallery = await _gallery(tx, account, token_id)
            await tx.put(
                replace(
                    gallery,
                    jobs=(*gallery.jobs, job_id)[-GALLERY_JOBS:],
                    metered=(*gallery.metered, job_id) if metered else gallery.metered,
                )
            )

    async def gallery(self, account: Account, token_id: str) -> Gallery:
        """Return what belongs to the token."""
        async with self.store.transaction(account.id) as tx:
            return await _gallery(tx, account, token_id)

    async def keep_preferences(self, account: Account, token_id: str, text: str) -> None:
        """Write the token's preferences down."""
        async with self.store.transaction(account.id) as tx:
            gallery = await _gallery(tx, account, token_id)
            await tx.put(replace(gallery, preferences=text))

    # Inside

    async def _settled(self, tx: Transaction, account: Account, id: str, now: float) -> Token:
        """Write down what has run out, and return the token as it is then."""
        await lapse(tx, account, now)
        token = await _own(tx, account, id)
        gallery = await tx.get(Gallery, id)
        if gallery is None or not gallery.metered:
            return token
        await settle(tx, account, self.slots, now)
        open_jobs: list[str] = []
        for job_id in gallery.metered:
            job = await tx.get(Job, job_id)
            if job is not None and job.ending is not None:
                token = replace(token, used=token.used + job.ended_at - job.submitted_at)
            elif job is not None:
                open_jobs.append(job_id)
        await tx.put(replace(gallery, metered=tuple(open_jobs)))
        await tx.put(token)
        return token

    async def _put_longer(
        self,
        tx: Transaction,
        account: Account,
        live: Session,
        longer: Session,
        now: float,
        new_id: bool,
    ) -> Session:
        """Write a prolonged session down; with `new_id` nobody comes in by its old URL any more."""
        if new_id:
            longer = replace(longer, id=await self._session_id(tx, account, now))
            token = await _own(tx, account, live.token)
            left = tuple(each for each in token.sessions if each != live.id)
            # Its use is counted with that of the one that goes on in its place.
            await tx.put(live.ended(Why.REPLACED, now))
            await _seat(tx, replace(token, sessions=left), longer)
        await tx.put(longer)
        return longer

    async def _session_id(self, tx: Transaction, account: Account, now: float) -> str:
        secret = account.credentials.secret
        return await _new_id(
            tx,
            Session,
            account,
            now,
            lambda tick: chance.unguessable(secret, "session", account.id, tick),
        )

    async def _make_room(self, tx: Transaction, account: Account) -> None:
        """Forget the oldest sessions that are over, so that with one more the number is kept."""
        surplus = await tx.count(Session, account.id) + 1 - self.keep_sessions
        if surplus > 0:
            for oldest in await tx.list(Session, account.id):
                if surplus > 0 and oldest.over is not None:
                    surplus -= 1
                    await tx.delete(Session, oldest.id)

    async def _forget(self, tx: Transaction, token: Token) -> None:
        for session in await _sessions(tx, token):
            await tx.delete(Session, session.id)
        await tx.delete(Gallery, token.id)
        await tx.delete(Token, token.id)


async def lapse(tx: Transaction, account: Account, now: float) -> list[Session]:
    """Write down the sessions whose time is over; return them, the earliest first."""
    lapsed = await tx.due(Session, account.id, now)
    for session in lapsed:
        token = await tx.get(Token, session.token)
        if token is None:
            await tx.delete(Session, session.id)
        else:
            await _end(tx, token, session, Why.EXPIRED, session.expires_at)
    return list(lapsed)


async def _end(tx: Transaction, token: Token, session: Session, why: Why, at: float) -> Token:
    """Write the end of a session down and count its use; return the token that knows of it."""
    session = session.ended(why, at)
    await tx.put(session)
    used = session.seconds_open_at(at) if session.metering is Metering.TIME else 0.0
    left = tuple(each for each in token.sessions if each != session.id)
    token = replace(token, used=token.used + used, sessions=left)
    await tx.put(token)
    return token


def _prolonged(session: Session, lifetime: float, now: float, until: float | None) -> Session:
    return replace(session, expires_at=_bounded(now + lifetime, until))


def _renewed(session: Session, terms: Terms) -> Session:
    return replace(session, metering=terms.metering, role=terms.role, pools=terms.pools)


def _bounded(moment: float, until: float | None) -> float:
    return moment if until is None else min(moment, until)


async def _own(tx: Transaction, account: Account, id: str) -> Token:
    token = await tx.get(Token, id)
    if token is None or token.account != account.id:
        raise NotFound("token", id)
    return token


async def _sessions(tx: Transaction, token: Token) -> list[Session]:
    found = [await tx.get(Session, id) for id in token.sessions]
    return [session for session in found if session is not None]


async def _seat(tx: Transaction, token: Token, session: Session) -> None:
    """Let the token know of a session; ids of sessions that are gone are dropped on the way."""
    others = [each.id for each in await _sessions(tx, token) if each.id != session.id]
    await tx.put(replace(token, sessions=(*others, session.id)))


async def _at(tx: Transaction, token: Token, seat: Seat) -> Session | None:
    return next((each for each in await _sessions(tx, token) if each.seat == seat), None)


async def _gallery(tx: Transaction, account: Account, token_id: str) -> Gallery:
    await _own(tx, account, token_id)
    return await tx.get(Gallery, token_id) or Gallery(token_id, account.id)


async def _new_id(
    tx: Transaction,
    kind: type[Token] | type[Session],
    account: Account,
    now: float,
    name: Callable[[int], str],
) -> str:
    """Return an id that nothing of the kind has; after a reset the account's ticks begin anew."""
    line = await line_of(tx, account)
    tick = ids.next_tick(now, line.last_tick)
    while await tx.get(kind, name(tick)) is not None:
        tick += 1
    await tx.put(replace(line, last_tick=tick))
    return name(tick)
