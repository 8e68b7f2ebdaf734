"""The interface between the rules and the store backends.

A record is a frozen `Struct` with `id` and `account`; ids are unique per kind over all accounts.
A record that has something coming carries `due_at` (virtual seconds, or None); `due_group` is a
part of its account in which it is due, and `is_over` says that it will not change any more.
Backends keep indexes on them, so that a look costs the same among any number of records. A new kind
needs no change in any backend.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from math import inf
from typing import Annotated, Any, Protocol, TypeVar

from msgspec import Meta

# Numbers in records; they are checked where a state is read from a file.
Count = Annotated[int, Meta(ge=0)]
Few = Annotated[int, Meta(ge=0, le=10_000)]
Seconds = Annotated[float, Meta(ge=0)]


class Record(Protocol):
    """What every stored thing has."""

    @property
    def id(self) -> str: ...

    @property
    def account(self) -> str: ...


R = TypeVar("R", bound=Record)


class View(Protocol):
    """A look at what is committed; it waits for no transaction."""

    async def get(self, kind: type[R], id: str) -> R | None:
        """Return the record, or None."""

    async def list(
        self, kind: type[R], account: str | None = None, *, limit: int | None = None
    ) -> Sequence[R]:
        """Return records, the oldest first; one that was deleted and put again is a new one."""

    async def page(
        self, kind: type[R], account: str | None = None, *, limit: int, before: str = ""
    ) -> Sequence[R]:
        """Return records, the newest first; with `before` those that are older than this id.

        The id of the last record is the cursor for the next page. Of a record that was deleted
        meanwhile nothing is older.
        """

    async def count(self, kind: type[R], account: str | None = None) -> int:
        """Return how many records there are."""

    async def over(self, kind: type[R], account: str, *, limit: int) -> Sequence[R]:
        """Return records that are over; those come first that have been over for longest."""

    async def due(
        self,
        kind: type[R],
        account: str,
        before: float = inf,
        *,
        limit: int | None = None,
        group: str | None = None,
    ) -> Sequence[R]:
        """Return records whose `due_at` is at or before the moment, the earliest first.

        With `group` only those with this `due_group`.
        """

    async def count_due(self, kind: type[R], account: str, before: float = inf) -> int:
        """Return how many records have a `due_at` at or before the moment."""

    async def due_groups(self, kind: type[R], account: str) -> Sequence[str]:
        """Return the groups of the account in which something is coming."""

    async def next_due(
        self, kinds: Sequence[type[Record]], account: str, before: float
    ) -> Any | None:
        """Return the record that is due first, at or before the moment, or None.

        Of equal moments the kind that is named first comes first, then the smaller id.
        """

    async def due_after(
        self, kinds: Sequence[type[Record]], account: str, after: float
    ) -> float | None:
        """Return the first `due_at` that lies after the moment, or None."""


class Transaction(View, Protocol):
    """All or nothing, and alone with its account; await only the store inside."""

    async def put(self, *records: Record) -> None:
        """Write the records, each new or in place of the one of its kind with its id."""

    async def delete(self, kind: type[Record], id: str) -> None:
        """Delete the record; nothing happens if it does not exist."""

    async def clear(self, kind: type[Record]) -> None:
        """Delete all records of the kind that belong to the transaction's account."""

    async def order_over(self, kind: type[Record], ids: Sequence[str]) -> None:
        """Say which of the account's records have been over for longest, once it is committed."""

    async def put_blob(self, id: str, data: bytes) -> None:
        """Keep bytes under the id once the transaction is committed."""

    async def clear_blobs(self) -> None:
        """Forget all bytes of the account once the transaction is committed."""

    async def savepoint(self) -> None:
        """Mark the point to which `rollback` goes back."""

    async def rollback(self) -> None:
        """Undo what was done since the savepoint."""


class Blobs(Protocol):
    """Bytes too large for records. At its limit the backend drops some, but never the newest."""

    async def get(self, id: str) -> bytes | None:
        """Return the bytes, or None if they were never there or had to make room."""

    async def all(self, account: str) -> Sequence[tuple[str, bytes]]:
        """Return all bytes of an account with their ids; the first make room first."""


class Store(View, Protocol):
    """A store backend. Each look at it stands alone; those of a `view` belong together."""

    @property
    def blobs(self) -> Blobs: ...

    def view(self) -> AbstractAsyncContextManager[View]:
        """Open a look at the committed state."""

    def transaction(self, account: str) -> AbstractAsyncContextManager[Transaction]:
        """Open a transaction: it ends committed, or with an exception and without a trace."""

    async def accounts_due(self, kind: type[Record]) -> Sequence[str]:
        """Return the accounts that have records of the kind with something coming."""

    async def drop(self, account: str) -> bool:
        """Forget everything of the account, alone with the account; return if it had records."""

    async def close(self) -> None:
        """Let go of files and connections."""
