"""What goes into a diagnosis of refused credentials, and what comes out of it, as data."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal

from mock_server.tams.refusals.cause import Cause
from mock_server.tams.refusals.excerpts import Difference, Shown
from mock_server.tams.refusals.header_mistakes import Party

Proof = Literal["digest", "rule"]


@dataclass(frozen=True, slots=True)
class Evidence:
    """All that is known of a request whose credentials are looked at.

    `party` is the account that the header's app id belongs to, or that a caller says is meant;
    `others` are more accounts, the likeliest first. `skew_seconds` None does not look at the
    clock. `replayed` and `one_scheme` say that those rules are in force and were broken.
    """

    method: str
    target: bytes
    authorization: bytes | None = field(repr=False)
    body: bytes = field(default=b"", repr=False)
    host: bytes = b""
    scheme: str = "http"
    wall: float = 0.0
    party: Party | None = None
    others: Iterable[Party] = ()
    lenient: bool = True
    skew_seconds: float | None = None
    replayed: bool = False
    one_scheme: bool = False
    paths: Sequence[bytes] = ()


@dataclass(frozen=True, slots=True)
class Found:
    """A cause that was found, how it was made in this case, and what proves it."""

    cause: Cause
    how: str
    proof: Proof


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """What was found out; nothing in it is a secret.

    `complete` says that the causes explain the refusal wholly. `expected` is the server's string
    to sign, `signed` the client's, where it is known. `also` has other causes that make the same
    bytes as the one that was found.
    """

    accepted: bool
    complete: bool
    found: tuple[Found, ...] = ()
    also: tuple[Found, ...] = ()
    expected: Shown | None = None
    signed: Shown | None = None
    difference: Difference | None = None
    facts: tuple[tuple[str, str], ...] = ()
    hashes: int = 0

    @property
    def ids(self) -> tuple[str, ...]:
        """Return the ids of the causes."""
        return tuple(found.cause.id for found in self.found)
