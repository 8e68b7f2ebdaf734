"""What a diagnosis of refused credentials is made of, as data."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Literal, NamedTuple

from msgspec import Struct

from mock_server.web.auth_diagnostics.causes import Cause
from mock_server.web.auth_diagnostics.excerpts import Shown, StringDifference

Proof = Literal["digest", "rule"]
# A long value in pieces of bounded size; an empty piece stands for work without output.
Stream = Callable[[], Iterator[bytes]]


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
