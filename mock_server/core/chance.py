"""Chance that repeats: numbers derived from a seed and names, never drawn from shared state."""

from __future__ import annotations

from hashlib import blake2b

_SCALE = 2.0**-64


def number(seed: int, *names: str | int, size_bytes: int = 8) -> int:
    """Return a whole number of so many bytes that depends on nothing but the arguments."""
    text = "\x1f".join([str(seed), *map(str, names)])
    return int.from_bytes(blake2b(text.encode(), digest_size=size_bytes).digest(), "big")


def fraction(seed: int, *names: str | int) -> float:
    """Return a number in [0, 1) that depends on nothing but the arguments."""
    return number(seed, *names) * _SCALE


def unguessable(secret: str, *names: str | int, hex_digits: int = 32) -> str:
    """Return lower-case hex that cannot be worked out without the secret."""
    key = blake2b(secret.encode(), digest_size=32).digest()
    text = "\x1f".join(map(str, names))
    return blake2b(text.encode(), key=key, digest_size=hex_digits // 2).hexdigest()
