"""Orders of the ids in a table: by age and by moment. What is at the front goes quickly."""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterator
from itertools import filterfalse
from math import inf

_MIN_GAP = 32  # how many free places at the front are not worth to be closed

_AFTER_ALL_IDS = "\U0010ffff"

Place = tuple[float, str]


class AgeOrder:
    """Ids in the order in which they came. Those that are deleted leave gaps for a while."""

    __slots__ = ("_first", "_gone", "_ids")

    def __init__(self) -> None:
        self._ids: list[str] = []
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

    def newest(self) -> Iterator[str]:
        """Yield the ids, the newest first."""
        return self._kept(range(len(self._ids) - 1, self._first - 1, -1))

    def _kept(self, places: range) -> Iterator[str]:
        ids = map(self._ids.__getitem__, places)
        return filterfalse(self._gone.__contains__, ids) if self._gone else ids

    def _close_gaps(self) -> None:
        self._ids = list(self)
        self._first = 0
        self._gone = set()


class DueOrder:
    """Moments with ids, sorted. Changes near the front or the end are quick in any length."""

    __slots__ = ("_first", "_places")

    def __init__(self) -> None:
        self._places: list[Place] = []
        self._first = 0

    def add(self, place: Place) -> None:
        places, first = self._places, self._first
        if len(places) == first or places[-1] < place:  # as for most, which come last
            places.append(place)
            return
        at = bisect_left(places, place, first)
        if first and at - first < len(places) - at:
            places[first - 1 : at - 1] = places[first:at]
            places[at - 1] = place
            self._first -= 1
        else:
            insort(places, place, first)

    def remove(self, place: Place) -> None:
        places, first = self._places, self._first
        at = bisect_left(places, place, first)
        if at - first < len(places) - at:
            places[first + 1 : at + 1] = places[first:at]
            self._first = first = first + 1
            if first > max(_MIN_GAP, len(places) - first):
                del places[:first]
                self._first = 0
        else:
            del places[at]

    def __len__(self) -> int:
        return len(self._places) - self._first

    def __getitem__(self, number: int) -> Place:
        return self._places[self._first + number]

    def __iter__(self) -> Iterator[Place]:
        return self.between(-inf, inf)

    def count(self, before: float) -> int:
        """Return how many lie at or before the moment."""
        return self._behind(before) - self._first

    def between(self, after: float, before: float) -> Iterator[Place]:
        """Yield those after one moment, and at or before the other."""
        return map(self._places.__getitem__, range(self._behind(after), self._behind(before)))

    def _behind(self, moment: float) -> int:
        return bisect_right(self._places, (moment, _AFTER_ALL_IDS), self._first)
