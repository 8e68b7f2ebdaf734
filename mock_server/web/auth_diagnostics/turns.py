"""Drives paced work: to its end at once, or in turns with everything else on the event loop."""

from __future__ import annotations

import asyncio

from mock_server.web.auth_diagnostics.search_budget import Paced, T
from mock_server.web.wall import let_others_run


def finish(work: Paced[T]) -> T:
    """Do the work without a break."""
    while True:
        try:
            next(work)
        except StopIteration as end:
            result: T = end.value
            return result


class Turns:
    """Does one slice of one piece of work per round of the event loop.

    Several pieces take turns, so a short one need not wait for the end of a long one.
    """

    def __init__(self) -> None:
        self._turn = asyncio.Lock()

    async def finish(self, work: Paced[T]) -> T:
        """Do the work in turns."""
        while True:
            async with self._turn:
                try:
                    next(work)
                except StopIteration as end:
                    result: T = end.value
                    return result
                await let_others_run()
