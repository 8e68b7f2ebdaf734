"""What a cause is: one mistake that people make with credentials, and where it is written."""

from __future__ import annotations

from msgspec import Struct


class Cause(Struct, frozen=True):
    """One mistake: its id, a sentence that says what it is, one that mends it, and the source."""

    id: str
    sentence: str
    fix: str
    source: str
