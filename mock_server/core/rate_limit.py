"""The rate limiter: at most so many calls inside any window, exactly.

It keeps the times of the last `qps` admitted calls in a ring, in records of a few dozen times, so
that a call costs the same for any `qps`. A call is refused until the oldest time is one window old.
Refused calls do not count.
"""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

from mock_server.core.accounts import Limits, Qps
from mock_server.core.store import Count, Seconds, Transaction, View

BLOCK = 64  # times in a record

_NEVER = float("-inf")


class Window(Struct, frozen=True):
    """How many calls were admitted under one limit, and how many places its ring has.

    `seconds` is how long each of them counts.
    """

    id: str
    account: str
    calls: Count
    places: Qps
    seconds: Seconds = 1.0

    @property
    def counts(self) -> str:
        """Which calls it counts; empty for all calls of the account."""
        return self.id[len(self.account) + 1 :].strip()


class AdmittedCalls(Struct, frozen=True):
    """The times at some places of the ring; the id ends with the number of the block."""

    id: str
    account: str
    times: tuple[float, ...] = ()


async def admit(
    tx: Transaction, account: str, limits: Limits, now: float, scope: str = ""
) -> float | None:
    """Count a call and return None, or return the first moment at which one is allowed."""
    if limits.qps <= 0:
        return float("inf")
    id = f"{account}/{scope}" if scope else account
    window = await tx.get(Window, id) or Window(id, account, 0, limits.qps)
    allowed_at = await next_allowed(tx, window, limits, now)
    if allowed_at is not None:
        return allowed_at
    if window.places != limits.qps:
        window = await _resized(tx, window, limits.qps)
    place = window.calls % window.places
    block_id = f"{id}/{place // BLOCK}"
    times = (await tx.get(AdmittedCalls, block_id) or AdmittedCalls(block_id, account)).times
    place %= BLOCK
    await tx.put(AdmittedCalls(block_id, account, (*times[:place], now, *times[place + 1 :])))
    await tx.put(Window(id, account, window.calls + 1, window.places, limits.window))
    return None


async def next_allowed(view: View, window: Window, limits: Limits, now: float) -> float | None:
    """Return when the next call is let through; None if that is now."""
    if limits.qps > min(window.calls, window.places):
        return None
    oldest = await _time_of(view, window, window.calls - limits.qps)
    return oldest + limits.window if _counts(oldest, now, limits.window) else None


async def used(view: View, window: Window, seconds: float, now: float) -> int:
    """Return how many calls count at this moment; it reads few of them."""
    low, high = 0, min(window.calls, window.places)
    while low < high:  # the newest `low` calls count; those beyond the newest `high` do not
        middle = (low + high + 1) // 2
        if _counts(await _time_of(view, window, window.calls - middle), now, seconds):
            low = middle
        else:
            high = middle - 1
    return low


async def calls_in(view: View, window: Window) -> list[float]:
    """Return the times that the ring holds, the oldest first."""
    times: list[float] = []
    for id, _ in blocks_of(window):
        block = await view.get(AdmittedCalls, id)
        times += () if block is None else block.times
    first = window.calls % window.places if window.calls > window.places else 0
    return times[first:] + times[:first]


async def _resized(tx: Transaction, window: Window, places: int) -> Window:
    """Write the newest times into a ring with another number of places."""
    times = (await calls_in(tx, window))[-places:]
    for id, _ in blocks_of(window):
        await tx.delete(AdmittedCalls, id)
    for first in range(0, len(times), BLOCK):
        block = tuple(times[first : first + BLOCK])
        await tx.put(AdmittedCalls(f"{window.id}/{first // BLOCK}", window.account, block))
    return Window(window.id, window.account, len(times), places)


def _counts(at: float, now: float, seconds: float) -> bool:
    """Return whether a call is inside the window that ends now.

    A call long after the present was admitted before the wall clock was set back.
    """
    return at - seconds < now < at + seconds


async def _time_of(view: View, window: Window, number: int) -> float:
    """Return when a call was admitted; one that is not in the ring counts no longer."""
    place = number % window.places
    block = await view.get(AdmittedCalls, f"{window.id}/{place // BLOCK}")
    return _NEVER if block is None else block.times[place % BLOCK]


def blocks_of(window: Window) -> Iterator[tuple[str, int]]:
    """Yield the ids of the blocks of the ring, and how many times each has."""
    places = min(window.calls, window.places)
    for number, first in enumerate(range(0, places, BLOCK)):
        yield f"{window.id}/{number}", min(BLOCK, places - first)
