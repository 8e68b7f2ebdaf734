"""The rate limiter: at most so many calls inside any window, exactly.

It keeps the times of the last `qps` admitted calls in a ring, one record for each place, so that
a call costs the same for any `qps`. A call is refused until the oldest time is one window old.
Refused calls do not count.
"""

from __future__ import annotations

from msgspec import Struct

from mock_server.core.accounts import Limits
from mock_server.core.store import Transaction, View


class Window(Struct, frozen=True):
    """How many calls were admitted under one limit, and how many places its ring has.

    `seconds` is how long each of them counts.
    """

    id: str
    account: str
    calls: int
    places: int
    seconds: float = 1.0

    @property
    def counts(self) -> str:
        """Which calls it counts; empty for all calls of the account."""
        return self.id[len(self.account) + 1 :].strip()


class AdmittedCall(Struct, frozen=True):
    """The time of one of the last calls; the id ends with its place in the ring."""

    id: str
    account: str
    at: float


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
    await tx.put(AdmittedCall(_place(window, window.calls), account, now))
    await tx.put(Window(id, account, window.calls + 1, window.places, limits.window))
    return None


async def next_allowed(view: View, window: Window, limits: Limits, now: float) -> float | None:
    """Return when the next call is let through; None if that is now."""
    if limits.qps > min(window.calls, window.places):
        return None
    oldest = await view.get(AdmittedCall, _place(window, window.calls - limits.qps))
    if oldest is None or not _counts(oldest, now, limits.window):
        return None
    return oldest.at + limits.window


async def used(view: View, window: Window, seconds: float, now: float) -> int:
    """Return how many calls count at this moment; it reads few of them."""
    low, high = 0, min(window.calls, window.places)
    while low < high:  # the newest `low` calls count; those beyond the newest `high` do not
        middle = (low + high + 1) // 2
        call = await view.get(AdmittedCall, _place(window, window.calls - middle))
        if call is not None and _counts(call, now, seconds):
            low = middle
        else:
            high = middle - 1
    return low


async def calls_in(view: View, window: Window) -> list[float]:
    """Return the times that the ring holds, the oldest first."""
    first = max(0, window.calls - window.places)
    numbers = range(first, window.calls)
    found = [await view.get(AdmittedCall, _place(window, number)) for number in numbers]
    return [call.at for call in found if call is not None]


async def _resized(tx: Transaction, window: Window, places: int) -> Window:
    """Write the newest times into a ring with another number of places."""
    times = (await calls_in(tx, window))[-places:]
    for place in range(places, min(window.calls, window.places)):
        await tx.delete(AdmittedCall, f"{window.id}/{place}")
    for place, at in enumerate(times):
        await tx.put(AdmittedCall(f"{window.id}/{place}", window.account, at))
    return Window(window.id, window.account, len(times), places)


def _counts(call: AdmittedCall, now: float, seconds: float) -> bool:
    """Return whether a call is inside the window that ends now.

    A call long after the present was admitted before the wall clock was set back.
    """
    return call.at - seconds < now < call.at + seconds


def _place(window: Window, number: int) -> str:
    """Return the id under which the ring has a call."""
    return f"{window.id}/{number % window.places}"
