"""State in the memory of one process: tables of records, written only when a transaction ends."""

from __future__ import annotations

import asyncio
from bisect import bisect_right, insort
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from heapq import heappop, heappush
from itertools import dropwhile, islice
from math import inf, nextafter
from types import MappingProxyType
from typing import Any, NamedTuple, TypeVar
from weakref import WeakValueDictionary

from mock_server.core.store import Record, Transaction, View

R = TypeVar("R", bound=Record)

DEFAULT_BLOB_BYTES = 256 * 1024 * 1024

_AFTER_ALL_IDS = "\U0010ffff"


class RecordTable:
    """The committed records of one kind, with their order per account and their due moments."""

    def __init__(self, kind: type) -> None:
        # Most kinds never fall due, and to ask each record for a missing attribute takes long.
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
            elif due[-1] < place:  # as for most, which come last
                due.append(place)
            else:
                insort(due, place)

    def delete(self, id: str) -> None:
        record = self.records.pop(id, None)
        if record is not None:
            del self.by_account[record.account][id]
            if self.has_due:
                self._forget_due(record)

    def drop(self, account: str) -> bool:
        own = self.by_account.pop(account, {})
        for id in own:
            del self.records[id]
        self.due.pop(account, None)
        return bool(own)

    def of(self, account: str | None) -> dict[str, Any]:
        return self.records if account is None else self.by_account.get(account, {})

    def due_before(self, account: str, before: float) -> list[Any]:
        due = self.due.get(account)
        if not due or due[0][0] > before:
            return []
        return [self.records[id] for _, id in due[: bisect_right(due, (before, _AFTER_ALL_IDS))]]

    def first_due(self, account: str, before: float) -> tuple[float, Any] | None:
        due = self.due.get(account)
        if not due or due[0][0] > before:
            return None
        return due[0][0], self.records[due[0][1]]

    def due_after(self, account: str, after: float) -> Iterator[tuple[float, str]]:
        due = self.due.get(account, ())
        return islice(due, bisect_right(due, (after, _AFTER_ALL_IDS)), None)

    def _forget_due(self, record: Any) -> None:
        due_at = record.due_at
        if due_at is None:
            return
        due = self.due[record.account]
        place = bisect_right(due, (due_at, record.id)) - 1
        del due[place]
        if not due:
            del self.due[record.account]


_NO_RECORDS = RecordTable(Record)  # stands for the table of a kind that has none


class MemoryView:
    """A look at the tables as they are."""

    changes: Mapping[type, Mapping[str, Any]] = MappingProxyType({})

    def __init__(self, tables: dict[type, RecordTable]) -> None:
        self._tables = tables

    async def __aenter__(self) -> View:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        pass

    async def get(self, kind: type[R], id: str) -> R | None:
        # Every call comes here several times.
        return self._tables.get(kind, _NO_RECORDS).records.get(id)

    async def list(
        self, kind: type[R], account: str | None = None, *, limit: int | None = None
    ) -> Sequence[R]:
        return list(islice(self._all(kind, account), limit))

    async def page(
        self, kind: type[R], account: str | None = None, *, limit: int, before: str = ""
    ) -> Sequence[R]:
        newest: Iterator[Any] = self._newest(kind, account)
        if before:
            newest = islice(dropwhile(lambda record: record.id != before, newest), 1, None)
        return list(islice(newest, limit))

    async def count(self, kind: type[Record], account: str | None = None) -> int:
        return len(self._table(kind).of(account))

    async def due(self, kind: type[R], account: str, before: float) -> Sequence[R]:
        return self._due(kind, account, before)

    async def next_due(
        self, kinds: Sequence[type[Record]], account: str, before: float
    ) -> Any | None:
        first: Any = None
        for kind in kinds:
            if kind not in self._tables and kind not in self.changes:
                continue  # as for those of a vendor that has not been called
            found = self._first_due(kind, account, before)
            if found is not None:
                first, before = found[1], nextafter(found[0], -inf)  # of equal moments the first
        return first

    async def due_after(
        self, kinds: Sequence[type[Record]], account: str, after: float
    ) -> float | None:
        return min(
            (at for kind in kinds for at in self._dues_after(kind, account, after)), default=None
        )

    def _table(self, kind: type) -> RecordTable:
        return self._tables.get(kind, _NO_RECORDS)

    def _all(self, kind: type, account: str | None) -> Iterable[Any]:
        return self._table(kind).of(account).values()

    def _newest(self, kind: type, account: str | None) -> Iterator[Any]:
        return reversed(self._table(kind).of(account).values())

    def _due(self, kind: type, account: str, before: float) -> Sequence[Any]:
        return self._table(kind).due_before(account, before)

    def _first_due(self, kind: type, account: str, before: float) -> tuple[float, Any] | None:
        """Return the record that is due first, behind its moment."""
        return self._table(kind).first_due(account, before)

    def _dues_after(self, kind: type, account: str, after: float) -> Iterator[float]:
        return (at for at, _ in islice(self._table(kind).due_after(account, after), 1))


class MemoryTransaction(MemoryView):
    """A look at the tables with the changes of this transaction laid over them."""

    _clears_blobs = False
    _saved: tuple[Any, ...] = ()

    def __init__(self, store: MemoryStore, account: str) -> None:
        self._tables = store._tables
        self._store = store
        self._account = account
        self._lock = store._lock(account)
        self.changes: dict[type, dict[str, Any]] = {}
        self._anew: set[tuple[type, str]] = set()
        self._blobs: dict[str, bytes] = {}
        # The changed records of a kind that fall due, as a heap, once the kind was asked for; and
        # how many of the committed ones in front have been changed since.
        self._due_changes: dict[type, list[_Due]] = {}
        self._passed: dict[type, int] = {}

    async def __aenter__(self) -> Transaction:
        await self._lock.acquire()
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        if exc_info[0] is None and (self.changes or self._blobs or self._clears_blobs):
            self._commit()
        self._lock.release()

    async def get(self, kind: type[R], id: str) -> R | None:
        changed = self.changes.get(kind)
        if changed is not None and id in changed:
            return changed[id]  # type: ignore[no-any-return]
        # Every call comes here several times.
        return self._tables.get(kind, _NO_RECORDS).records.get(id)

    async def put(self, record: Record) -> None:
        kind, id = type(record), record.id
        if (changed := self.changes.get(kind)) is None:
            changed = self.changes[kind] = {}
        elif changed.get(id, record) is None:  # It was deleted here, so it goes to the end.
            del changed[id]
            self._anew.add((kind, id))
        changed[id] = record
        if kind in self._due_changes and record.account == self._account:
            _push(self._due_changes[kind], record)

    async def delete(self, kind: type[Record], id: str) -> None:
        self.changes.setdefault(kind, {})[id] = None

    async def clear(self, kind: type[Record]) -> None:
        for record in list(self._all(kind, self._account)):
            await self.delete(kind, record.id)

    async def put_blob(self, id: str, data: bytes) -> None:
        self._blobs[id] = data

    async def clear_blobs(self) -> None:
        self._blobs.clear()
        self._clears_blobs = True

    async def savepoint(self) -> None:
        changes = {kind: dict(records) for kind, records in self.changes.items()}
        self._saved = changes, set(self._anew), dict(self._blobs), self._clears_blobs

    async def rollback(self) -> None:
        self.changes, self._anew, self._blobs, self._clears_blobs = self._saved
        self._due_changes.clear()
        self._passed.clear()
        await self.savepoint()  # What comes next may be undone, too.

    async def count(self, kind: type[Record], account: str | None = None) -> int:
        total, committed = await super().count(kind, account), self._table(kind).records
        for id, changed in self.changes.get(kind, {}).items():
            total += _counts(changed, account) - _counts(committed.get(id), account)
        return total

    def _all(self, kind: type, account: str | None) -> Iterable[Any]:
        return (
            self._overlaid(kind, account) if kind in self.changes else super()._all(kind, account)
        )

    def _newest(self, kind: type, account: str | None) -> Iterator[Any]:
        if kind in self.changes:
            return iter(list(self._overlaid(kind, account))[::-1])
        return super()._newest(kind, account)

    def _due(self, kind: type, account: str, before: float) -> Sequence[Any]:
        committed = super()._due(kind, account, before)
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

    def _first_due(self, kind: type, account: str, before: float) -> tuple[float, Any] | None:
        changed = self.changes.get(kind)
        if not changed:
            return self._table(kind).first_due(account, before)
        if account != self._account:
            return next(((each.due_at, each) for each in self._due(kind, account, before)), None)
        heap = self._due_changes.get(kind)
        if heap is None:
            heap = self._due_changes[kind] = []
            for record in changed.values():
                if record is not None and record.account == account:
                    _push(heap, record)
        while heap and changed.get(heap[0].id) is not heap[0].record:
            heappop(heap)  # It was changed again since.
        due = self._table(kind).due.get(account, ())
        passed = self._passed.get(kind, 0)
        while passed < len(due) and due[passed][1] in changed:
            passed += 1
        self._passed[kind] = passed
        first = heap[0] if heap else None
        if passed < len(due) and (first is None or due[passed] < (first.at, first.id)):
            first = _Due(*due[passed], self._table(kind).records[due[passed][1]])
        return None if first is None or first.at > before else (first.at, first.record)

    def _dues_after(self, kind: type, account: str, after: float) -> Iterator[float]:
        changed = self.changes.get(kind, {})
        committed = self._table(kind).due_after(account, after)
        yield from islice((at for at, id in committed if id not in changed), 1)
        for record in changed.values():
            if record is not None and record.account == account:
                at = getattr(record, "due_at", None)
                if at is not None and at > after:
                    yield at

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
        if self._clears_blobs:
            self._store.blobs.drop(self._account)
        for id, data in self._blobs.items():
            self._store.blobs.put(id, self._account, data)

    def _overlaid(self, kind: type, account: str | None) -> Iterator[Any]:
        changed = self.changes[kind]
        committed = self._table(kind).of(account)
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

    async def get(self, id: str) -> bytes | None:
        found = self._blobs.get(id)
        if found is None:
            return None
        self._blobs.move_to_end(id)
        return found[1]

    def put(self, id: str, account: str, data: bytes) -> None:
        self._forget(id)
        if len(data) > self.limit_bytes:
            return
        self._blobs[id] = (account, data)
        self.size_bytes += len(data)
        while self.size_bytes > self.limit_bytes:
            self._forget(next(iter(self._blobs)))

    def drop(self, account: str) -> None:
        for id in [id for id, (owner, _) in self._blobs.items() if owner == account]:
            self._forget(id)

    def _forget(self, id: str) -> None:
        found = self._blobs.pop(id, None)
        if found is not None:
            self.size_bytes -= len(found[1])


class MemoryStore(MemoryView):
    """A backend that lives and ends with the process."""

    def __init__(self, *, blob_bytes: int = DEFAULT_BLOB_BYTES) -> None:
        super().__init__({})
        self.blobs = MemoryBlobs(blob_bytes)
        self._locks: dict[str, asyncio.Lock] = {}
        # A dropped account needs no lock, unless something still holds it or waits for it.
        self._locks_in_use: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    def view(self) -> MemoryView:
        return self

    def transaction(self, account: str) -> MemoryTransaction:
        return MemoryTransaction(self, account)

    async def accounts_due(self, kind: type[Record]) -> Sequence[str]:
        return list(self._table(kind).due)

    async def drop(self, account: str) -> bool:
        async with self._lock(account):
            dropped = [table.drop(account) for table in self._tables.values()]
            self.blobs.drop(account)
            self._locks.pop(account, None)
            return any(dropped)

    async def close(self) -> None:
        self._tables.clear()

    def _lock(self, account: str) -> asyncio.Lock:
        lock = self._locks.get(account)
        if lock is None:
            lock = self._locks_in_use.setdefault(account, asyncio.Lock())
            self._locks[account] = lock
        return lock


class _Due(NamedTuple):
    at: float
    id: str
    record: Any

    def __lt__(self, other: tuple[Any, ...]) -> bool:
        return self[:2] < other[:2]


def _push(heap: list[_Due], record: Any) -> None:
    due_at = getattr(record, "due_at", None)
    if due_at is not None:
        heappush(heap, _Due(due_at, record.id, record))


def _counts(record: Any, account: str | None) -> bool:
    return record is not None and (account is None or record.account == account)


def _due_order(record: Any) -> tuple[float, str]:
    return record.due_at, record.id
