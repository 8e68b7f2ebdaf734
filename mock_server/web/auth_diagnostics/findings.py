"""What a diagnosis of refused credentials is made of, as data."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal, NamedTuple

from msgspec import Struct

from mock_server.web.auth_diagnostics.excerpts import Shown, StringDifference

Proof = Literal["digest", "rule"]
# A long value in pieces of bounded size; an empty piece stands for work without output.
Stream = Callable[[], Iterator[bytes]]


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


class Mistake(NamedTuple):
    """One mistake: its id in the catalogue, and how it was made in this case."""

    cause: str
    how: str


class PartVariant(NamedTuple):
    """What a signed part becomes by some mistakes."""

    steps: tuple[Mistake, ...]
    value: bytes | Stream


def variant(cause: str, how: str, value: bytes | Stream) -> PartVariant:
    """Return what a part becomes by one mistake."""
    return PartVariant((Mistake(cause, how),), value)


class Found(Struct, frozen=True):
    """A cause that was found, how it was made in this case, and what proves it."""

    cause: Cause
    how: str
    proof: Proof


class Diagnosis(Struct, frozen=True):
    """What was found out; nothing in it is a secret.

    `complete` says that the causes explain the refusal wholly. `expected` is the server's string
    to sign, `signed` the client's, where it is known. `also` has other causes that make the same
    bytes as the one that was found. `doubt` says what is left open where it is not complete, and
    `unchecked` what could not be looked at.
    """

    accepted: bool
    complete: bool
    found: tuple[Found, ...] = ()
    also: tuple[Found, ...] = ()
    expected: Shown | None = None
    signed: Shown | None = None
    difference: StringDifference | None = None
    facts: tuple[tuple[str, str], ...] = ()
    hashes: int = 0
    doubt: str = ""
    unchecked: tuple[str, ...] = ()

    @property
    def ids(self) -> tuple[str, ...]:
        """Return the ids of the causes."""
        return tuple(found.cause.id for found in self.found)
