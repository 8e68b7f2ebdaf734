"""What becomes of sessions and of what belongs to tokens, inside a unit of work.

Use is counted once: that of a session when it ends, that of metered work when the work is over.
"""

from __future__ import annotations

from msgspec.structs import replace

from mock_server.core.errors import NotFound
from mock_server.core.jobs.job import Job
from mock_server.core.unit_of_work import UnitOfWork
from mock_server.workshop.sessions import Metering, Session, SessionEndReason, SessionSlot
from mock_server.workshop.tokens import HistoryChapter, Token, TokenHistory

# What time does


async def expire_session(world: UnitOfWork, session: Session) -> None:
    """End a session whose time is over."""
    token = await world.own(Token, session.token)
    if token is None:
        await world.tx.delete(Session, session.id)
        return
    await end(world, token, session, SessionEndReason.EXPIRED, session.expires_at)
    world.happened(session.expires_at, "session", session.id, "expired")


async def expire_token(world: UnitOfWork, token: Token) -> None:
    """Note that a token has expired. Its sessions go on unless they were cut."""
    assert token.expires_at is not None, "only such tokens fall due"  # noqa: S101
    await world.tx.put(replace(token, expiry_applied=True))
    world.happened(token.expires_at, "token", token.id, "expired")


# Sessions


async def own_token(world: UnitOfWork, id: str) -> Token:
    """Return one of the account's tokens, or raise NotFound."""
    token = await world.own(Token, id)
    if token is None:
        raise NotFound("token", id)
    return token


async def open_sessions(world: UnitOfWork, token: Token) -> list[Session]:
    """Return the token's open sessions."""
    found = [await world.tx.get(Session, id) for id in token.sessions]
    return [session for session in found if session is not None and session.over is None]


async def session_at(world: UnitOfWork, token: Token, slot: SessionSlot) -> Session | None:
    """Return the token's open session in a slot."""
    sessions = await open_sessions(world, token)
    return next((each for each in sessions if each.session_slot == slot), None)


async def keep_open(world: UnitOfWork, token: Token, session: Session) -> None:
    """Write an open session, and that its token has it."""
    await world.tx.put(session)
    if session.id not in token.sessions:
        await world.tx.put(replace(token, sessions=(*token.sessions, session.id)))


async def end(
    world: UnitOfWork, token: Token, session: Session, why: SessionEndReason, at: float
) -> Token:
    """Write the end of a session and count its use; return the changed token."""
    session = session.ended(why, at)
    await world.tx.put(session)
    used = session.seconds_open_at(at) if session.metering is Metering.TIME else 0.0
    left = tuple(each for each in token.sessions if each != session.id)
    token = replace(token, used=token.used + used, sessions=left)
    await world.tx.put(token)
    return token


# Work


async def count_work(world: UnitOfWork, token: Token) -> Token:
    """Count the use of the token's metered jobs that are over; return the changed token.

    A job that made room for others before it was counted is not counted.
    """
    history = await world.tx.get(TokenHistory, token.id)
    if history is None or not history.metered:
        return token
    unfinished: list[str] = []
    used = token.used
    for job_id in history.metered:
        job = await world.tx.get(Job, job_id)
        if job is not None and job.ending is not None:
            used += job.ended_at - job.submitted_at
        elif job is not None:
            unfinished.append(job_id)
    if len(unfinished) < len(history.metered):
        await world.tx.put(replace(history, metered=tuple(unfinished)))
        token = replace(token, used=used)
        await world.tx.put(token)
    return token


# Resets


async def kept_jobs(world: UnitOfWork, jobs: tuple[str, ...]) -> tuple[str, ...]:
    """Return those of the jobs that made no room for others."""
    return tuple([id for id in jobs if await world.tx.get(Job, id) is not None])


async def count_all_work(world: UnitOfWork) -> None:
    """Count the metered work of all tokens before jobs are forgotten."""
    for token in await world.tx.list(Token, world.account.id):
        await count_work(world, token)


async def forget_lost(world: UnitOfWork) -> None:
    """Remove from tokens what was forgotten, since its id may be given to something else."""
    for history in await world.tx.list(TokenHistory, world.account.id):
        jobs = await kept_jobs(world, history.jobs)
        metered = await kept_jobs(world, history.metered)
        if (jobs, metered) != (history.jobs, history.metered):
            await world.tx.put(replace(history, jobs=jobs, metered=metered))
    for chapter in await world.tx.list(HistoryChapter, world.account.id):
        if jobs := await kept_jobs(world, chapter.jobs):
            await world.tx.put(replace(chapter, jobs=jobs))
        else:
            await world.tx.delete(HistoryChapter, chapter.id)
    for token in await world.tx.list(Token, world.account.id):
        left = tuple(session.id for session in await open_sessions(world, token))
        if left != token.sessions:
            await world.tx.put(replace(token, sessions=left))
