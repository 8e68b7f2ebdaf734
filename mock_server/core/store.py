"""The interface between the rules and the homes for state.

A record is a frozen `Struct` with `id` and `account`; ids are unique per kind over all accounts.
A record that has something coming carries `due_at` (virtual seconds, or None), and homes keep an
index on it. A new kind needs no change in any home.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from typing import Protocol, TypeVar


class Record(Protocol):
    """What every stored thing has."""

    @property
    def id(self) -> str: ...

    @property
    def account(self) -> str: ...


R = TypeVar("R", bound=Record)


class View(Protocol):
    """A look at what is committed; it waits for nobody."""

    async def get(self, kind: type[R], id: str) -> R | None:
        """Return the record, or None."""

    async def list(
        self, kind: type[R], account: str | None = None, *, limit: int | None = None
    ) -> Sequence[R]:
        """Return records, the oldest first; one that was deleted and put again is a new one."""

    async def count(self, kind: type[R], account: str | None = None) -> int:
        """Return how many records there are."""

    async def due(self, kind: type[R], account: str, before: float) -> Sequence[R]:
        """Return records whose `due_at` is at or before the moment, the earliest first."""


class Transaction(View, Protocol):
    """All or nothing, alone with its account; await nothing but the store inside."""

    async def put(self, record: Record) -> None:
        """Write the record, new or in place of the one with its id."""

    async def delete(self, kind: type[Record], id: str) -> None:
        """Take the record away; nothing happens if it is not there."""


class Blobs(Protocol):
    """Bytes too large for records. At its limit the home drops some, but never the newest."""

    async def put(self, id: str, account: str, data: bytes) -> None:
        """Keep the bytes under the id, in place of what was there."""

    async def get(self, id: str) -> bytes | None:
        """Return the bytes, or None if they were never there or had to make room."""

    async def drop(self, account: str) -> None:
        """Forget all bytes of the account."""


class Store(View, Protocol):
    """A home for state. Each look at it is one of its own; those of a `view` belong together."""

    @property
    def blobs(self) -> Blobs: ...

    def view(self) -> AbstractAsyncContextManager[View]:
        """Open a look at the committed state."""

    def transaction(self, account: str) -> AbstractAsyncContextManager[Transaction]:
        """Open a transaction: it ends committed, or with an exception and without a trace."""

    async def drop(self, account: str, kinds: Sequence[type[Record]] | None = None) -> None:
        """Forget the account's records of these kinds, or everything, alone with the account."""

    async def close(self) -> None:
        """Let go of files and connections."""
