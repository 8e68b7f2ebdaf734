"""What a timestamp tells about the clock that it was taken from."""

from __future__ import annotations

from collections.abc import Iterable

from mock_server.web.auth_diagnostics.findings import Mistake

_YEAR = 366 * 86_400
_ZONE_SLACK = 180
_MAX_ZONE = 14 * 3600


def clock_step(stamp: float, now: float, units: Iterable[tuple[float, str, str]]) -> Mistake:
    """Return what is wrong with a timestamp, in seconds, that is too far from `now`.

    `units` are the wrong ones that can be told: how many of the timestamp's seconds are one
    second, the cause and its words. A catalogue has `clock-time-zone`, `clock-ahead` and
    `clock-behind` beside them.
    """
    for factor, cause, words in units:
        if abs(stamp / factor - now) < _YEAR:
            return Mistake(cause, words)
    ahead = stamp - now
    size, way = abs(ahead), "ahead of" if ahead > 0 else "behind"
    zone = round(size / 1800) * 1800
    if 0 < zone <= _MAX_ZONE and abs(size - zone) <= _ZONE_SLACK:
        return Mistake("clock-time-zone", f"{zone / 3600:g} h {way} the server ({size:.0f} s)")
    cause = "clock-ahead" if ahead > 0 else "clock-behind"
    return Mistake(cause, f"{size:.0f} s {way} the server")
