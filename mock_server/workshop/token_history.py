"""What belongs to a token beside its sessions: all its jobs, its preferences, the browsers seen."""

from __future__ import annotations

from collections.abc import AsyncIterator
from sys import maxsize

from msgspec import Struct
from msgspec.structs import replace

from mock_server.core.unit_of_work import UnitOfWork
from mock_server.workshop.session_transitions import count_work, kept_jobs, own_token
from mock_server.workshop.tokens import BrowserSeen, HistoryChapter, TokenHistory

# How many jobs a chapter of a history has.
CHAPTER = 200

# How many browsers a history remembers.
MAX_BROWSERS = 20


class ConcurrentBrowsers(Struct, frozen=True):
    """How many other browsers used a token lately, and whether this one is new among them."""

    others: int
    new: bool


async def history_of(world: UnitOfWork, token_id: str) -> TokenHistory:
    """Return the token's history, or raise NotFound without such a token."""
    await own_token(world, token_id)
    account = world.account.id
    return await world.tx.get(TokenHistory, token_id) or TokenHistory(token_id, account)


async def remember(world: UnitOfWork, token_id: str, job_id: str, *, metered: bool) -> None:
    """Add a job to the token's history; if `metered` its use is counted once it is over."""
    await count_work(world, await own_token(world, token_id))
    history = await history_of(world, token_id)
    if len(history.jobs) >= CHAPTER:
        history = await _begin_chapter(world, history)
    jobs = (*history.jobs, job_id)
    counted_later = (*history.metered, job_id) if metered else history.metered
    await world.tx.put(replace(history, jobs=jobs, metered=counted_later))


async def made_with(
    world: UnitOfWork, token_id: str, *, before: str = "", most: int = maxsize
) -> AsyncIterator[str]:
    """Yield the ids of the token's jobs, the newest first; with `before` those older than this.

    Some of the jobs may have made room for others.
    """
    history = await history_of(world, token_id)
    jobs, earlier = history.jobs, history.chapter_ids
    while True:
        if before in jobs:
            jobs, before = jobs[: jobs.index(before)], ""
        if not before:
            for job_id in jobs[::-1][:most]:
                yield job_id
            most -= len(jobs)
        if not earlier or most <= 0:
            return
        chapter = await world.tx.get(HistoryChapter, earlier.pop())
        jobs = () if chapter is None else chapter.jobs


async def _begin_chapter(world: UnitOfWork, history: TokenHistory) -> TokenHistory:
    """Write the newest jobs as a chapter; delete the first ones if nothing of them is left."""
    full = history.jobs
    history = replace(history, jobs=(), chapters=history.chapters + 1)
    *earlier, last = history.chapter_ids
    await world.tx.put(HistoryChapter(last, history.account, full))
    for id in earlier:
        chapter = await world.tx.get(HistoryChapter, id)
        if chapter is not None and await kept_jobs(world, chapter.jobs):
            break
        await world.tx.delete(HistoryChapter, id)
        history = replace(history, first_chapter=history.first_chapter + 1)
    return history


async def keep_preferences(world: UnitOfWork, token_id: str, product: str, text: str) -> None:
    """Keep the token's preferences for a product in place of earlier ones."""
    history = await history_of(world, token_id)
    kept = dict(history.preferences) | {product: text}
    await world.tx.put(replace(history, preferences=tuple(kept.items())))


async def meet(
    world: UnitOfWork, token_id: str, browser: str, *, within: float
) -> ConcurrentBrowsers:
    """Note that a browser uses a token; return how many others did `within` the last seconds."""
    history = await history_of(world, token_id)
    others = [each for each in history.browsers if each.browser != browser]
    before = next((each for each in history.browsers if each.browser == browser), None)
    seen = (*others, BrowserSeen(browser, world.now))[-MAX_BROWSERS:]
    await world.tx.put(replace(history, browsers=seen))
    since = world.now - within
    return ConcurrentBrowsers(
        others=sum(each.at > since for each in others), new=before is None or before.at <= since
    )
