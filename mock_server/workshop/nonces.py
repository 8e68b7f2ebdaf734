"""Which nonces were used lately, remembered for a while and within a bound."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from hashlib import blake2b
from itertools import takewhile

MAX_PER_ACCOUNT = 10_000
MAX_TOTAL = 100_000


class Nonces:
    """The nonces of each AppKey's last calls, for `life` seconds.

    Of one AppKey at most `most_of_one` are kept and of all together `most_of_all`; beyond that the
    oldest go first, those of whoever floods before those of anybody else.
    """

    def __init__(
        self,
        life: float,
        *,
        most_of_one: int = MAX_PER_ACCOUNT,
        most_of_all: int = MAX_TOTAL,
    ) -> None:
        self.life = life
        self.most_of_one = most_of_one
        self.most_of_all = most_of_all
        self._size = 0
        # Moments of use by digest, the oldest first; a digest is short however long a nonce is.
        self._used: dict[str, OrderedDict[bytes, float]] = {}

    def __len__(self) -> int:
        return self._size

    def is_used(self, key: str, nonce: bytes, wall: float) -> bool:
        """Say whether the key's owner used this nonce within the last `life` seconds."""
        at = self._used.get(key, _NOTHING).get(_digest(nonce))
        return at is not None and wall - at < self.life

    def remember(self, key: str, nonce: bytes, wall: float) -> None:
        """Note that the nonce is used now."""
        own = self._used.setdefault(key, OrderedDict())
        self._drop_old(own, wall)
        digest = _digest(nonce)
        self._size += digest not in own
        own[digest] = wall
        own.move_to_end(digest)
        if len(own) > self.most_of_one:
            self._drop(own, 1)
        elif self._size > self.most_of_all:
            self._make_room(wall)

    def forget(self, key: str | None = None) -> None:
        """Drop the nonces of one key, or all."""
        for each in [key] if key is not None else list(self._used):
            self._size -= len(self._used.pop(each, _NOTHING))

    def _make_room(self, wall: float) -> None:
        """Drop what is too old everywhere; if that is nothing, a quarter of the largest share."""
        before = self._size
        for key, used in list(self._used.items()):
            self._drop_old(used, wall)
            if not used:
                del self._used[key]
        if self._size == before:
            largest = max(self._used.values(), key=len)
            self._drop(largest, len(largest) // 4 + 1)

    def _drop_old(self, used: OrderedDict[bytes, float], wall: float) -> None:
        self._drop(used, sum(1 for _ in self._old(used, wall)))

    def _old(self, used: OrderedDict[bytes, float], wall: float) -> Iterator[float]:
        return takewhile(lambda at: wall - at >= self.life, used.values())

    def _drop(self, used: OrderedDict[bytes, float], count: int) -> None:
        for _ in range(count):
            used.popitem(last=False)
        self._size -= count


_NOTHING: OrderedDict[bytes, float] = OrderedDict()


def _digest(nonce: bytes) -> bytes:
    return blake2b(nonce, digest_size=16).digest()
