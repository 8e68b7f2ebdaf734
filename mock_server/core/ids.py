"""Time-ordered ids: ULIDs, and numbers of 18 digits (milliseconds, counter, account's tag)."""

from __future__ import annotations

import re
from functools import lru_cache

from mock_server.core import chance

_UUID_FIXED = 0xF000 << 64 | 0b11 << 62
_UUID_VERSION_4 = 0x4000 << 64 | 0b10 << 62
_EPOCH_MS = 1_546_300_800_000  # 2019-01-01T00:00:00Z
_COUNTER_BITS = 8

# From the year 2158 on, ticks count every 8 milliseconds. So ids have 64 bits at most until
# the end of virtual time, the year 3000.
_COARSE_MS = 2**42
_COARSE_BITS = 3
_TAG_BITS = 13
_CROCKFORD = "0123456789abcdefghjkmnpqrstvwxyz"
_ULID_CHARACTERS = 26
_RANDOM_BITS = 80


def next_tick(now: float, last: int) -> int:
    """Return a tick for virtual time `now` that is larger than the last one."""
    passed_ms = int(now * 1000) - _EPOCH_MS
    if passed_ms > _COARSE_MS:
        passed_ms = _COARSE_MS + ((passed_ms - _COARSE_MS) >> _COARSE_BITS)
    tick = passed_ms << _COUNTER_BITS
    return tick if tick > last else last + 1


def id_of(tick: int, account: str) -> str:
    return str(tick << _TAG_BITS | tag_of(account))


@lru_cache(maxsize=4096)
def tag_of(account: str) -> int:
    """Return the part of an id that stands for the account."""
    return chance.number(0, "tag", account) & ((1 << _TAG_BITS) - 1)


def uuid_of(seed: int, *names: str | int) -> str:
    """Return a random-looking UUID (version 4) that repeats for the same arguments."""
    number = chance.number(seed, "uuid", *names, size_bytes=16)
    text = f"{number & ~_UUID_FIXED | _UUID_VERSION_4:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def ulid_of(tick: int, secret: str, *names: str | int) -> str:
    """Return the lower-case ULID of the tick, which cannot be guessed without the secret."""
    chance_hex = chance.mac(secret, "ulid", tick, *names, hex_digits=_RANDOM_BITS // 4)
    passed_ms = tick >> _COUNTER_BITS
    if passed_ms > _COARSE_MS:
        passed_ms = _COARSE_MS + ((passed_ms - _COARSE_MS) << _COARSE_BITS)
    number = (passed_ms + _EPOCH_MS) << _RANDOM_BITS | int(chance_hex, 16)
    return _crockford(number, _ULID_CHARACTERS)


# An id of any of these forms, or of 32 hex digits, inside of a text.
ANY_ID = re.compile(
    r"(?<![0-9A-Za-z])(?:[0-9]{15,20}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9a-f]{32}"
    r"|[0-9a-hjkmnp-tv-z]{26})(?![0-9A-Za-z])"
)


def renewed(id: str, account: str, secret: str, attempt: int = 0) -> str:
    """Return an id of the same form and time for another account; each attempt gives another."""
    if id.isdigit():
        return id_of((int(id) >> _TAG_BITS) + attempt, account)
    made = chance.mac(secret, "renewed", id, attempt)
    if "-" in id:
        return uuid_of(int(made, 16), "renewed")
    if len(id) == _ULID_CHARACTERS:
        time = _ULID_CHARACTERS - _RANDOM_BITS // 5
        return id[:time] + _crockford(int(made, 16), _ULID_CHARACTERS - time)
    return made


def _crockford(number: int, characters: int) -> str:
    shifts = range(5 * (characters - 1), -1, -5)
    return "".join(_CROCKFORD[number >> shift & 31] for shift in shifts)
