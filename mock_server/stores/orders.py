"""Orders of the ids in a table: by age and by moment. Changes are quick in any length."""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterable, Iterator
from contextlib import suppress
from itertools import filterfalse
from math import inf

_MIN_GAP = 32  # how many free places at the front are not worth to be closed
_MAX_BLOCK = 512

_AFTER_ALL_IDS = "\U0010ffff"

Place = tuple[float, str]


class AgeOrder:
    """Ids in the order in which they came. Those that are deleted leave gaps for a while."""

    __slots__ = ("_first", "_gone", "_ids")

    def __init__(self, ids: Iterable[str] = ()) -> None:
        self._ids = list(ids)
        self._first = 0
        self._gone: set[str] = set()

    def append(self, id: str) -> None:
        if id in self._gone:
            self._close_gaps()
        self._ids.append(id)

    def remove(self, id: str) -> None:
        ids, gone = self._ids, self._gone
        gone.add(id)
        while self._first < len(ids) and ids[self._first] in gone:
            gone.discard(ids[self._first])
            self._first += 1
        if self._first + len(gone) > max(_MIN_GAP, len(self)):
            self._close_gaps()

    def __len__(self) -> int:
        return len(self._ids) - self._first - len(self._gone)

    def __iter__(self) -> Iterator[str]:
        return self._kept(range(self._first, len(self._ids)))

    def newest(self, before: str = "") -> Iterator[str]:
        """Yield the ids, the newest first, from behind one; nothing is behind one that is gone."""
        end = self._place(before) if before else len(self._ids)
        return self._kept(range(end - 1, self._first - 1, -1))

    def _place(self, id: str) -> int:
        ids, first = self._ids, self._first
        if id in self._gone:
            return first
        place = bisect_left(ids, id, first)
        if place < len(ids) and ids[place] == id:
            return place  # Most ids are made of the time, so they are sorted.
        with suppress(ValueError):
            return ids.index(id, first)
        return first

    def _kept(self, places: range) -> Iterator[str]:
        ids = map(self._ids.__getitem__, places)
        return filterfalse(self._gone.__contains__, ids) if self._gone else ids

    def _close_gaps(self) -> None:
        self._ids = list(self)
        self._first = 0
        self._gone = set()


class DueOrder:
    """Moments with ids, sorted. They are in blocks, so that a change moves few of many."""

    __slots__ = ("_blocks", "_lasts")

    def __init__(self) -> None:
        self._blocks: list[list[Place]] = []
        self._lasts: list[Place] = []  # of each block

    def add(self, place: Place) -> None:
        blocks, lasts = self._blocks, self._lasts
        if not blocks:
            blocks.append([place])
            lasts.append(place)
            return
        number = bisect_left(lasts, place)
        if number < len(blocks):
            block = blocks[number]
            insort(block, place)
        else:  # as for most, which come last
            number -= 1
            block = blocks[number]
            block.append(place)
            lasts[number] = place
        if len(block) > _MAX_BLOCK:
            half = len(block) // 2
            blocks.insert(number + 1, block[half:])
            lasts.insert(number + 1, block[-1])
            del block[half:]
            lasts[number] = block[-1]

    def remove(self, place: Place) -> None:
        number = bisect_left(self._lasts, place)
        block = self._blocks[number]
        del block[bisect_left(block, place)]
        if block:
            self._lasts[number] = block[-1]
        else:
            del self._blocks[number], self._lasts[number]

    def __bool__(self) -> bool:
        return bool(self._blocks)

    @property
    def first(self) -> Place:
        return self._blocks[0][0]

    def __iter__(self) -> Iterator[Place]:
        return self.between(-inf, inf)

    def count(self, before: float) -> int:
        """Return how many lie at or before the moment."""
        end = (before, _AFTER_ALL_IDS)
        number = bisect_right(self._lasts, end)
        total = sum(map(len, self._blocks[:number]))
        if number < len(self._blocks):
            total += bisect_right(self._blocks[number], end)
        return total

    def between(self, after: float, before: float) -> Iterator[Place]:
        """Yield those after one moment, and at or before the other."""
        begin, end = (after, _AFTER_ALL_IDS), (before, _AFTER_ALL_IDS)
        for number in range(bisect_right(self._lasts, begin), len(self._blocks)):
            block = self._blocks[number]
            yield from block[bisect_right(block, begin) : bisect_right(block, end)]
            if self._lasts[number] > end:
                return
