"""Pictures that were asked for lately, kept up to a number of bytes."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable


class PictureCache:
    """Keeps what was asked for last, and lets no two callers make the same picture twice.

    Keys are words; those of one account begin alike, so that `forget` can be told the beginning.
    """

    def __init__(self, most_bytes: int, *, at_once: int = 4) -> None:
        self._most_bytes = most_bytes
        self._size_bytes = 0
        self._kept: OrderedDict[str, bytes] = OrderedDict()
        self._making: dict[str, asyncio.Task[bytes]] = {}
        self._places = asyncio.Semaphore(at_once)

    @property
    def size_bytes(self) -> int:
        """How many bytes are kept right now."""
        return self._size_bytes

    def __len__(self) -> int:
        return len(self._kept)

    def __contains__(self, key: str) -> bool:
        return key in self._kept

    def find(self, key: str) -> bytes | None:
        """Return the picture of that key if it is at hand."""
        kept = self._kept.get(key)
        if kept is not None:
            self._kept.move_to_end(key)
        return kept

    async def get(self, key: str, make: Callable[[], bytes]) -> bytes:
        """Return the picture of that key; if it is not at hand, `make` is run in a thread.

        Whoever asks meanwhile waits for the same picture. A caller who gives up takes nothing away
        from the others, and an error is told to all of them and not remembered.
        """
        if (kept := self.find(key)) is not None:
            return kept
        making = self._making.get(key)
        if making is None:
            making = asyncio.create_task(self._make(make))
            self._making[key] = making
            making.add_done_callback(lambda task: self._made(key, task))
        return await asyncio.shield(making)

    def forget(self, beginning: str = "") -> int:
        """Drop every picture whose key begins so, also those being made; returns how many it had.

        Callers who wait for one still get it; it is not kept.
        """
        doomed = [key for key in self._kept if key.startswith(beginning)]
        for key in doomed:
            self._size_bytes -= len(self._kept.pop(key))
        for key in [key for key in self._making if key.startswith(beginning)]:
            del self._making[key]
        return len(doomed)

    async def _make(self, make: Callable[[], bytes]) -> bytes:
        async with self._places:
            return await asyncio.to_thread(make)

    def _made(self, key: str, task: asyncio.Task[bytes]) -> None:
        wanted = self._making.get(key) is task
        if wanted:
            del self._making[key]
        if task.cancelled() or task.exception() is not None or not wanted:
            return
        self._keep(key, task.result())

    def _keep(self, key: str, picture: bytes) -> None:
        if len(picture) > self._most_bytes:
            return
        self._kept[key] = picture
        self._size_bytes += len(picture)
        while self._size_bytes > self._most_bytes:
            _, oldest = self._kept.popitem(last=False)
            self._size_bytes -= len(oldest)
