"""State in the memory of one process: tables of records, written only when a transaction ends."""

from __future__ import annotations

import asyncio
from bisect import bisect_right, insort
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any, TypeVar
from weakref import WeakValueDictionary

from mock_server.core.store import Record, Transaction, View

R = TypeVar("R", bound=Record)

DEFAULT_BLOB_BYTES = 256 * 1024 * 1024


class RecordTable:
    """The committed records of one kind, with their order per account and their due moments."""

    def __init__(self, kind: type) -> None:
        # Most kinds have nothing coming, and asking each record for what it lacks takes long.
        self.has_due = hasattr(kind, "due_at") or "due_at" in kind.__annotations__
        self.records: dict[str, Any] = {}
        self.by_account: dict[str, dict[str, Any]] = {}
        self.due: dict[str, list[tuple[float, str]]] = {}

    def put(self, record: Any) -> None:
        id, account = record.id, record.account
        old = self.records.get(id)
        if old is not None:
            if self.has_due:
                self._forget_due(old)
            if old.account != account:
                del self.by_account[old.account][id]
        self.records[id] = record
        try:
            self.by_account[account][id] = record
        except KeyError:
            self.by_account[account] = {id: record}
        if self.has_due and (due_at := record.due_at) is not None:
            place = (due_at, id)
            due = self.due.get(account)
            if due is None:
                self.due[account] = [place]
            elif due[-1] < place:  # as for most, who come last in line
                due.append(place)
            else:
                insort(due, place)

    def delete(self, id: str) -> None:
        record = self.records.pop(id, None)
        if record is not None:
            del self.by_account[record.account][id]
            if self.has_due:
                self._forget_due(record)

    def drop(self, account: str) -> None:
        for id in self.by_account.pop(account, ()):
            del self.records[id]
        self.due.pop(account, None)

    def of(self, account: str | None) -> dict[str, Any]:
        return self.records if account is None else self.by_account.get(account, {})

    def due_before(self, account: str, before: float) -> list[Any]:
        due = self.due.get(account)
        if not due or due[0][0] > before:
            return []
        return [self.records[id] for _, id in due[: bisect_right(due, (before, "\U0010ffff"))]]

    def _forget_due(self, record: Any) -> None:
        due_at = record.due_at
        if due_at is None:
            return
        due = self.due[record.account]
        place = bisect_right(due, (due_at, record.id)) - 1
        del due[place]
        if not due:
            del self.due[record.account]


class MemoryView:
    """A look at the tables as they are."""

    def __init__(self, tables: dict[type, RecordTable]) -> None:
        self._tables = tables

    async def __aenter__(self) -> View:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        pass

    async def get(self, kind: type[R], id: str) -> R | None:
        # Every call comes here several times, and in a transaction below.
        table = self._tables.get(kind)
        return None if table is None else table.records.get(id)

    async def list(
        self, kind: type[R], account: str | None = None, *, limit: int | None = None
    ) -> Sequence[R]:
        table = self._tables.get(kind)
        return [] if table is None else list(islice(table.of(account).values(), limit))

    async def count(self, kind: type[Record], account: str | None = None) -> int:
        return self._counted(kind, account)

    async def due(self, kind: type[R], account: str, before: float) -> Sequence[R]:
        return self._due(kind, account, before)

    def _committed(self, kind: type, id: str) -> Any:
        table = self._tables.get(kind)
        return None if table is None else table.records.get(id)

    def _counted(self, kind: type, account: str | None) -> int:
        table = self._tables.get(kind)
        return 0 if table is None else len(table.of(account))

    def _due(self, kind: type, account: str, before: float) -> Sequence[Any]:
        table = self._tables.get(kind)
        return [] if table is None else table.due_before(account, before)


class MemoryTransaction(MemoryView):
    """A look at the tables with this transaction's own changes laid over them."""

    def __init__(self, tables: dict[type, RecordTable], lock: asyncio.Lock) -> None:
        super().__init__(tables)
        self.changes: dict[type, dict[str, Any]] = {}
        self._anew: set[tuple[type, str]] = set()
        self._lock = lock

    async def __aenter__(self) -> Transaction:
        await self._lock.acquire()
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        if exc_info[0] is None:
            self._commit()
        self._lock.release()

    async def get(self, kind: type[R], id: str) -> R | None:
        changed = self.changes.get(kind)
        if changed is not None and id in changed:
            return changed[id]  # type: ignore[no-any-return]
        table = self._tables.get(kind)
        return None if table is None else table.records.get(id)

    async def put(self, record: Record) -> None:
        kind, id = type(record), record.id
        if (changed := self.changes.get(kind)) is None:
            self.changes[kind] = {id: record}
            return
        if changed.get(id, record) is None:  # It was deleted here, so it goes to the end.
            del changed[id]
            self._anew.add((kind, id))
        changed[id] = record

    async def delete(self, kind: type[Record], id: str) -> None:
        self.changes.setdefault(kind, {})[id] = None

    async def list(
        self, kind: type[R], account: str | None = None, *, limit: int | None = None
    ) -> Sequence[R]:
        if kind not in self.changes:
            return await super().list(kind, account, limit=limit)
        return list(islice(self._overlaid(kind, account), limit))

    async def count(self, kind: type[Record], account: str | None = None) -> int:
        total = self._counted(kind, account)
        for id, changed in self.changes.get(kind, {}).items():
            total += _counts(changed, account) - _counts(self._committed(kind, id), account)
        return total

    async def due(self, kind: type[R], account: str, before: float) -> Sequence[R]:
        committed = self._due(kind, account, before)
        changed = self.changes.get(kind)
        if not changed:
            return committed
        due = [record for record in committed if record.id not in changed]
        for record in changed.values():
            if record is not None and record.account == account:
                due_at = getattr(record, "due_at", None)
                if due_at is not None and due_at <= before:
                    due.append(record)
        return sorted(due, key=_due_order)

    def _commit(self) -> None:
        anew = self._anew
        for kind, records in self.changes.items():
            table = self._tables.get(kind)
            if table is None:
                table = self._tables[kind] = RecordTable(kind)
            for id, record in records.items():
                if record is None or (anew and (kind, id) in anew):
                    table.delete(id)
                if record is not None:
                    table.put(record)

    def _overlaid(self, kind: type, account: str | None) -> Iterator[Any]:
        changed = self.changes[kind]
        table = self._tables.get(kind)
        committed = {} if table is None else table.of(account)
        for id, record in committed.items():
            current = changed.get(id, record)
            if _counts(current, account) and (kind, id) not in self._anew:
                yield current
        for id, record in changed.items():
            new = id not in committed or (kind, id) in self._anew
            if new and _counts(record, account):
                yield record


class MemoryBlobs:
    """Bytes by id, the least recently used dropped beyond `limit_bytes`.

    What is larger than the limit itself is not kept, and drives nothing else out.
    """

    def __init__(self, limit_bytes: int) -> None:
        self.limit_bytes = limit_bytes
        self.size_bytes = 0
        self._blobs: OrderedDict[str, tuple[str, bytes]] = OrderedDict()

    async def put(self, id: str, account: str, data: bytes) -> None:
        self._forget(id)
        if len(data) > self.limit_bytes:
            return
        self._blobs[id] = (account, data)
        self.size_bytes += len(data)
        while self.size_bytes > self.limit_bytes:
            self._forget(next(iter(self._blobs)))

    async def get(self, id: str) -> bytes | None:
        found = self._blobs.get(id)
        if found is None:
            return None
        self._blobs.move_to_end(id)
        return found[1]

    async def drop(self, account: str) -> None:
        for id in [id for id, (owner, _) in self._blobs.items() if owner == account]:
            self._forget(id)

    def _forget(self, id: str) -> None:
        found = self._blobs.pop(id, None)
        if found is not None:
            self.size_bytes -= len(found[1])


class MemoryStore(MemoryView):
    """A home that lives and ends with the process."""

    def __init__(self, *, blob_bytes: int = DEFAULT_BLOB_BYTES) -> None:
        super().__init__({})
        self.blobs = MemoryBlobs(blob_bytes)
        self._locks: dict[str, asyncio.Lock] = {}
        # Dropped accounts need no lock, unless somebody still holds it or waits for it.
        self._locks_in_use: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    def view(self) -> MemoryView:
        return self

    def transaction(self, account: str) -> MemoryTransaction:
        return MemoryTransaction(self._tables, self._lock(account))

    async def drop(self, account: str, kinds: Sequence[type[Record]] | None = None) -> None:
        async with self._lock(account):
            for kind, table in self._tables.items():
                if kinds is None or kind in kinds:
                    table.drop(account)
            if kinds is None:
                await self.blobs.drop(account)
                self._locks.pop(account, None)

    async def close(self) -> None:
        self._tables.clear()

    def _lock(self, account: str) -> asyncio.Lock:
        lock = self._locks.get(account)
        if lock is None:
            lock = self._locks_in_use.setdefault(account, asyncio.Lock())
            self._locks[account] = lock
        return lock


def _counts(record: Any, account: str | None) -> bool:
    return record is not None and (account is None or record.account == account)


def _due_order(record: Any) -> tuple[float, str]:
    return record.due_at, record.id
