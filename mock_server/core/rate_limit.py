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
    """How many calls were admitted under one limit, and how many places its ring has."""

    id: str
    account: str
    calls: int
    places: int


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
    if limits.qps <= min(window.calls, window.places):
        oldest = await tx.get(AdmittedCall, _place(window, window.calls - limits.qps))
        # A call long after the present was admitted before the wall clock was set back.
        if (
            oldest is not None
            and now < oldest.at + limits.window
            and oldest.at < now + limits.window
        ):
            return oldest.at + limits.window
    if window.places != limits.qps:
        window = await _resized(tx, window, limits.qps)
    await tx.put(AdmittedCall(_place(window, window.calls), account, now))
    await tx.put(Window(id, account, window.calls + 1, window.places))
    return None


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


def _place(window: Window, number: int) -> str:
    """Return the id under which the ring has a call."""
    return f"{window.id}/{number % window.places}"
