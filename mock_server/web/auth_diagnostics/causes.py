"""The causes of refused credentials: their words, read from one file for each vendor."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from msgspec import Struct


class Cause(Struct, frozen=True):
    """One mistake: its id, what is wrong, what to do, and where the reference says so.

    An id never changes: tests and documents of other people name it.
    """

    id: str
    sentence: str
    fix: str
    source: str


def read_causes(file: Path) -> Mapping[str, Cause]:
    """Read a catalogue: groups with a source and, where all have the same, a fix."""
    groups: list[dict[str, Any]] = tomllib.loads(file.read_text("utf-8"))["group"]
    found: dict[str, Cause] = {}
    for group in groups:
        for id, words in group["causes"].items():
            sentence, fix = (words, group["fix"]) if isinstance(words, str) else words
            found[id] = Cause(id, sentence, fix, group["source"])
    return MappingProxyType(found)
