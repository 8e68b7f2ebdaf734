"""What a timestamp that is off by some time tells about the clock that it was taken from."""

from __future__ import annotations

from mock_server.web.auth_diagnostics.findings import Step

_ZONE_SLACK = 180
_MAX_ZONE = 14 * 3600


def clock_step(ahead: float) -> Step:
    """Return what is wrong with a clock that is so many seconds ahead, or behind if negative.

    A catalogue that uses it has `clock-time-zone`, `clock-ahead` and `clock-behind`.
    """
    size, way = abs(ahead), "ahead of" if ahead > 0 else "behind"
    zone = round(size / 1800) * 1800
    if 0 < zone <= _MAX_ZONE and abs(size - zone) <= _ZONE_SLACK:
        hours = f"{zone / 3600:g} h"
        return Step("clock-time-zone", f"{hours} {way} the server ({size:.0f} s)")
    cause = "clock-ahead" if ahead > 0 else "clock-behind"
    return Step(cause, f"{size:.0f} s {way} the server")
