"""Repeatable random numbers: each follows from a seed and names, without shared state."""

from __future__ import annotations

from functools import lru_cache
from hashlib import blake2b

_64_BITS = 2**64 - 1
_GOLDEN_RATIO = 0x9E3779B97F4A7C15


def number(seed: int, *names: str | int, size_bytes: int = 8) -> int:
    """Return a whole number of `size_bytes` bytes that depends only on the arguments."""
    text = "\x1f".join([str(seed), *map(str, names)])
    return int.from_bytes(blake2b(text.encode(), digest_size=size_bytes).digest(), "big")


def nth(seed: int, name: str, index: int) -> int:
    """Return the 8-byte number at an index of the sequence of a seed and a name.

    It takes half the time of `number`. SplitMix64 (Steele, Lea and Flood, 2014).
    """
    mixed = _origin(seed, name) + index * _GOLDEN_RATIO & _64_BITS
    mixed = (mixed ^ mixed >> 30) * 0xBF58476D1CE4E5B9 & _64_BITS
    mixed = (mixed ^ mixed >> 27) * 0x94D049BB133111EB & _64_BITS
    return mixed ^ mixed >> 31


@lru_cache(maxsize=4096)
def _origin(seed: int, name: str) -> int:
    return number(seed, name)


def mac(secret: str, *names: str | int, hex_digits: int = 32) -> str:
    """Return a message authentication code of the names, as lower-case hex."""
    key = blake2b(secret.encode(), digest_size=32).digest()
    text = "\x1f".join(map(str, names))
    return blake2b(text.encode(), key=key, digest_size=hex_digits // 2).hexdigest()
