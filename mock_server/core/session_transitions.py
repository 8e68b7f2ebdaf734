"""What becomes of sessions and of what belongs to tokens, inside a transaction of the caller's.

A token's use is counted once: that of a session when it ends, that of metered work when it is over.
"""

from __future__ import annotations

from msgspec.structs import replace

from mock_server.core.accounts import Account
from mock_server.core.jobs.job import Job
from mock_server.core.sessions import Metering, Session, SessionEndReason, SessionSlot
from mock_server.core.store import Transaction
from mock_server.core.tokens import Token, TokenHistory


async def expire_sessions(tx: Transaction, account: Account, now: float) -> list[Session]:
    """Write down the sessions whose time is over; return them as ended, the earliest first."""
    expired: list[Session] = []
    for session in await tx.due(Session, account.id, now):
        token = await tx.get(Token, session.token)
        if token is None:
            await tx.delete(Session, session.id)
        else:
            await end(tx, token, session, SessionEndReason.EXPIRED, session.expires_at)
            expired.append(session.ended(SessionEndReason.EXPIRED, session.expires_at))
    return expired


async def end(
    tx: Transaction, token: Token, session: Session, why: SessionEndReason, at: float
) -> Token:
    """Write the end of a session down and count its use; return the token that knows of it."""
    session = session.ended(why, at)
    await tx.put(session)
    used = session.seconds_open_at(at) if session.metering is Metering.TIME else 0.0
    left = tuple(each for each in token.sessions if each != session.id)
    token = replace(token, used=token.used + used, sessions=left)
    await tx.put(token)
    return token


async def open_sessions(tx: Transaction, token: Token) -> list[Session]:
    """Return the token's sessions that are not written down as over."""
    found = [await tx.get(Session, id) for id in token.sessions]
    return [session for session in found if session is not None and session.over is None]


async def session_at(tx: Transaction, token: Token, session_slot: SessionSlot) -> Session | None:
    """Return the token's open session at a seat."""
    return next(
        (each for each in await open_sessions(tx, token) if each.session_slot == session_slot), None
    )


async def session_slot(tx: Transaction, token: Token, session: Session) -> None:
    """Write an open session down, and that its token has it."""
    await tx.put(session)
    if session.id not in token.sessions:
        await tx.put(replace(token, sessions=(*token.sessions, session.id)))


async def count_work(tx: Transaction, token: Token, history: TokenHistory) -> Token:
    """Count the use of the metered jobs that are over; return the token that knows of it.

    A job that made room for others before anybody asked is not counted.
    """
    going: list[str] = []
    used = token.used
    for job_id in history.metered:
        job = await tx.get(Job, job_id)
        if job is not None and job.ending is not None:
            used += job.ended_at - job.submitted_at
        elif job is not None:
            going.append(job_id)
    if len(going) < len(history.metered):
        await tx.put(replace(history, metered=tuple(going)))
        token = replace(token, used=used)
        await tx.put(token)
    return token


async def count_all_work(tx: Transaction, account: Account) -> None:
    """Count what is over of the metered work of all tokens, before jobs are forgotten."""
    for history in await tx.list(TokenHistory, account.id):
        token = await tx.get(Token, history.id)
        if token is not None and history.metered:
            await count_work(tx, token, history)


async def forget_lost(tx: Transaction, account: Account) -> None:
    """Let tokens know of nothing that is gone, as its id may be given to something else."""
    for history in await tx.list(TokenHistory, account.id):
        known = {*history.jobs, *history.metered}
        kept = {id for id in known if await tx.get(Job, id) is not None}
        if len(kept) < len(known):
            jobs = tuple(id for id in history.jobs if id in kept)
            metered = tuple(id for id in history.metered if id in kept)
            await tx.put(replace(history, jobs=jobs, metered=metered))
    for token in await tx.list(Token, account.id):
        left = tuple(session.id for session in await open_sessions(tx, token))
        if left != token.sessions:
            await tx.put(replace(token, sessions=left))
