"""Hints at names that are nearly right."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

MAX_NAME_LENGTH = 64


def near(name: str, names: Iterable[str]) -> str:
    """Return a hint at the most similar name, or nothing if none is similar."""
    close = nearest(name, names)
    return f"; did you mean {close!r}?" if close else ""


def nearest(name: str, names: Iterable[str]) -> str:
    """Return the most similar name, in the spelling of this one, or nothing if none is similar."""
    return _nearest(name[:MAX_NAME_LENGTH], tuple(names))


@lru_cache(maxsize=1000)
def _nearest(name: str, names: tuple[str, ...]) -> str:
    from difflib import get_close_matches

    alike: dict[str, list[str]] = {}
    for each in names:
        alike.setdefault(_plain(each), []).append(each)
    close = get_close_matches(_plain(name), alike, n=1, cutoff=0.65)
    spellings = alike[close[0]] if close else [""]
    return next((each for each in spellings if ("_" in each) == ("_" in name)), spellings[0])


def _plain(name: str) -> str:
    return name.replace("_", "").lower()
