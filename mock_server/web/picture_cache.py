"""A cache of pictures with a limit in bytes; the least recently used are dropped."""

from __future__ import annotations

import asyncio
from collections import Counter, OrderedDict
from collections.abc import Callable


class PictureCache:
    """Keeps the most recently used pictures, and makes each of them once.

    The keys of one account share a prefix, so that `forget` can drop all of them.
    """

    def __init__(self, max_bytes: int, *, concurrency: int = 4) -> None:
        self._max_bytes = max_bytes
        self.size_bytes = 0
        self._kept: OrderedDict[str, bytes] = OrderedDict()
        self._by_owner = Counter[str]()  # how many are kept
        self._making: dict[str, asyncio.Task[bytes]] = {}
        self._semaphore = asyncio.Semaphore(concurrency)

    def __len__(self) -> int:
        return len(self._kept)

    def __contains__(self, key: str) -> bool:
        return key in self._kept

    def find(self, key: str) -> bytes | None:
        """Return the picture with that key, if it is kept."""
        kept = self._kept.get(key)
        if kept is not None:
            self._kept.move_to_end(key)
        return kept

    async def get(self, key: str, make: Callable[[], bytes]) -> bytes:
        """Return the picture with that key; if it is not kept, `make` runs in a thread.

        Callers that ask meanwhile wait for the same picture. If one of them is cancelled, the
        others still get it. An error goes to all of them and is not kept.
        """
        if (kept := self.find(key)) is not None:
            return kept
        making = self._making.get(key)
        if making is None:
            making = asyncio.create_task(self._make(make))
            self._making[key] = making
            making.add_done_callback(lambda task: self._made(key, task))
        return await asyncio.shield(making)

    def forget(self, prefix: str = "") -> None:
        """Drop every picture whose key has the prefix.

        Callers that wait for such a picture still get it, but it is not kept.
        """
        # Most accounts that are deleted have none, and the pictures may be many.
        kept = self._kept if not prefix or self._by_owner[_owner(prefix)] else ()
        for key in [key for key in kept if key.startswith(prefix)]:
            self._drop(key)
        for key in [key for key in self._making if key.startswith(prefix)]:
            del self._making[key]

    async def _make(self, make: Callable[[], bytes]) -> bytes:
        async with self._semaphore:
            return await asyncio.to_thread(make)

    def _made(self, key: str, task: asyncio.Task[bytes]) -> None:
        if self._making.get(key) is not task:
            return
        del self._making[key]
        if task.cancelled() or task.exception() or len(task.result()) > self._max_bytes:
            return
        self._kept[key] = task.result()
        self._by_owner[_owner(key)] += 1
        self.size_bytes += len(task.result())
        while self.size_bytes > self._max_bytes:
            self._drop(next(iter(self._kept)))

    def _drop(self, key: str) -> None:
        self.size_bytes -= len(self._kept.pop(key))
        owner = _owner(key)
        self._by_owner[owner] -= 1
        if not self._by_owner[owner]:
            del self._by_owner[owner]


def _owner(key: str) -> str:
    return key.partition("/")[0]
