"""The one home of wall time: seconds since the epoch that never step back."""

from __future__ import annotations

import asyncio
import time

_START = time.time() - time.monotonic()


def wall() -> float:
    """Return the wall's time; a clock set back under the process is not noticed."""
    return _START + time.monotonic()


async def let_others_run() -> None:
    """Let everything else that is ready on the event loop run once."""
    await asyncio.sleep(0)
