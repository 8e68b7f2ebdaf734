"""Hints at names that are nearly right."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


def near(name: str, names: Iterable[str]) -> str:
    """Return a hint at the most similar name, or nothing if none is similar."""
    close = get_close_matches(name[:100], list(names), n=1, cutoff=0.6)
    return f"; did you mean {close[0]!r}?" if close else ""
