"""State in the memory of one process: tables of records, written only when a transaction ends."""

from __future__ import annotations

import asyncio
from collections import OrderedDict, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from heapq import heappop, heappush
from itertools import chain, islice
from math import inf, nextafter
from types import MappingProxyType
from typing import Any, NamedTuple, TypeVar
from weakref import WeakValueDictionary

from msgspec import Struct

from mock_server.core.store import Record, Transaction, View
from mock_server.stores.tables import RecordTable

R = TypeVar("R", bound=Record)

DEFAULT_BLOB_BYTES = 256 * 1024 * 1024


_NO_RECORDS = RecordTable(Record)  # stands for the table of a kind that has none


class MemoryView:
    """A look at the tables as they are."""

    __slots__ = ()

    changes: Mapping[type, Mapping[str, Any]] = MappingProxyType({})
    _tables: dict[type, RecordTable]

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
        return list(islice(self._newest(kind, account, before), limit))

    async def count(self, kind: type[Record], account: str | None = None) -> int:
        return len(self._table(kind).ids(account))

    async def over(self, kind: type[R], account: str, *, limit: int) -> Sequence[R]:
        return list(islice(self._over(kind, account), limit))

    async def due(
        self,
        kind: type[R],
        account: str,
        before: float = inf,
        *,
        limit: int | None = None,
        group: str | None = None,
    ) -> Sequence[R]:
        return self._due(kind, account, before, limit, group)

    async def count_due(self, kind: type[Record], account: str, before: float = inf) -> int:
        order = self._table(kind).due.get(account)
        return 0 if order is None else order.count(before)

    async def due_groups(self, kind: type[Record], account: str) -> Sequence[str]:
        return list(self._table(kind).groups.get(account, ()))

    async def next_due(
        self, kinds: Sequence[type[Record]], account: str, before: float
    ) -> Any | None:
        first: Any = None
        for kind in kinds:
            if kind in self.changes:
                found = self._first_due(kind, account, before)
            elif kind in self._tables:
                found = self._tables[kind].first_due(account, before)
            else:
                continue  # as for those of a vendor that has not been called
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
        table = self._table(kind)
        return map(table.records.__getitem__, table.ids(account))

    def _newest(self, kind: type, account: str | None, before: str = "") -> Iterator[Any]:
        return self._table(kind).newest(account, before)

    def _over(self, kind: type, account: str) -> Iterator[Any]:
        table = self._table(kind)
        return map(table.records.__getitem__, table.over.get(account, ()))

    def _due(
        self, kind: type, account: str, before: float, limit: int | None, group: str | None
    ) -> Sequence[Any]:
        table = self._table(kind)
        places = islice(table.due_places(account, before=before, group=group), limit)
        return [table.records[id] for _, id in places]

    def _first_due(self, kind: type, account: str, before: float) -> tuple[float, Any] | None:
        """Return what is due first of a kind with changes, behind its moment; views have none."""
        return None

    def _dues_after(self, kind: type, account: str, after: float) -> Iterator[float]:
        return (at for at, _ in islice(self._table(kind).due_places(account, after), 1))


class MemoryTransaction(MemoryView, Struct, eq=False):
    """A look at the tables with the changes of this transaction laid over them."""

    _store: MemoryStore
    _account: str
    _tables: dict[type, RecordTable]
    _lock: asyncio.Lock
    changes: dict[type, dict[str, Any]] = {}
    _anew: set[tuple[type, str]] = set()
    _blobs: dict[str, bytes] = {}
    _clears_blobs: bool = False
    _over_orders: dict[type, Sequence[str]] = {}
    # The changed records of a kind that fall due, as a heap, once the kind was asked for; and the
    # first committed one that has not been changed since.
    _due_changes: dict[type, list[_Due]] = {}
    _fronts: dict[type, _Front] = {}
    _saved: tuple[Any, ...] = ()

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

    async def put(self, *records: Record) -> None:
        changes, due_changes = self.changes, self._due_changes
        for record in records:
            kind, id = type(record), record.id
            if (changed := changes.get(kind)) is None:
                changed = changes[kind] = {}
            elif changed.get(id, record) is None:  # It was deleted here, so it goes to the end.
                del changed[id]
                self._anew.add((kind, id))
            changed[id] = record
            if kind in due_changes and record.account == self._account:
                _push(due_changes[kind], record)

    async def delete(self, kind: type[Record], id: str) -> None:
        self.changes.setdefault(kind, {})[id] = None

    async def clear(self, kind: type[Record]) -> None:
        for record in list(self._all(kind, self._account)):
            await self.delete(kind, record.id)

    async def order_over(self, kind: type[Record], ids: Sequence[str]) -> None:
        self._over_orders[kind] = ids

    async def put_blob(self, id: str, data: bytes) -> None:
        self._blobs[id] = data

    async def clear_blobs(self) -> None:
        self._blobs.clear()
        self._clears_blobs = True

    async def savepoint(self) -> None:
        changes = {kind: dict(records) for kind, records in self.changes.items()}
        more = dict(self._over_orders)
        self._saved = changes, set(self._anew), dict(self._blobs), self._clears_blobs, more

    async def rollback(self) -> None:
        self.changes, self._anew, self._blobs, self._clears_blobs, self._over_orders = self._saved
        self._due_changes.clear()
        self._fronts.clear()
        await self.savepoint()  # What comes next may be undone, too.

    async def count(self, kind: type[Record], account: str | None = None) -> int:
        table = self._table(kind)
        total = len(table.ids(account))
        for id, changed in self.changes.get(kind, {}).items():
            total += _counts(changed, account) - _counts(table.records.get(id), account)
        return total

    def _all(self, kind: type, account: str | None) -> Iterable[Any]:
        return (
            self._overlaid(kind, account) if kind in self.changes else super()._all(kind, account)
        )

    def _newest(self, kind: type, account: str | None, before: str = "") -> Iterator[Any]:
        changed = self.changes.get(kind)
        if not changed:
            return super()._newest(kind, account, before)
        table, anew = self._table(kind), self._anew
        fresh = [
            record
            for id, record in reversed(changed.items())
            if _counts(record, account)
            and ((kind, id) in anew or not _counts(table.records.get(id), account))
        ]
        if before in changed:
            if changed[before] is None:
                return iter(())  # Of what is deleted nothing is older.
            places = [place for place, record in enumerate(fresh) if record.id == before]
            fresh = fresh[places[0] + 1 :] if places else []
            before = "" if places else before
        elif before:
            fresh = []
        older = (
            changed.get(record.id, record)
            for record in table.newest(account, before)
            if (kind, record.id) not in anew
        )
        return chain(fresh, (record for record in older if _counts(record, account)))

    def _over(self, kind: type, account: str) -> Iterator[Any]:
        changed = self.changes.get(kind)
        if not changed:
            return super()._over(kind, account)
        committed = super()._over(kind, account)
        kept = (changed.get(record.id, record) for record in committed)
        records = self._table(kind).records
        fresh = (
            record
            for id, record in changed.items()
            if _counts(record, account) and not (id in records and records[id].is_over)
        )
        return (record for record in chain(kept, fresh) if record is not None and record.is_over)

    def _due(
        self, kind: type, account: str, before: float, limit: int | None, group: str | None
    ) -> Sequence[Any]:
        changed = self.changes.get(kind)
        if not changed:
            return super()._due(kind, account, before, limit, group)
        table = self._table(kind)
        places = table.due_places(account, before=before, group=group)
        unchanged = (table.records[id] for _, id in places if id not in changed)
        due = [
            record
            for record in changed.values()
            if _is_due(record, account, before) and group in (None, _group_of(record))
        ]
        return sorted([*islice(unchanged, limit), *due], key=_due_order)[:limit]

    async def count_due(self, kind: type[Record], account: str, before: float = inf) -> int:
        total, committed = await super().count_due(kind, account, before), self._table(kind).records
        for id, changed in self.changes.get(kind, {}).items():
            total += _is_due(changed, account, before)
            total -= _is_due(committed.get(id), account, before)
        return total

    async def due_groups(self, kind: type[Record], account: str) -> Sequence[str]:
        groups = dict.fromkeys(await super().due_groups(kind, account))
        changed = self.changes.get(kind, {}).values()
        groups |= {_group_of(each): None for each in changed if _is_due(each, account, inf)}
        return [group for group in groups if self._due(kind, account, inf, 1, group)]

    def _first_due(self, kind: type, account: str, before: float) -> tuple[float, Any] | None:
        changed = self.changes[kind]
        if account != self._account:
            others = self._due(kind, account, before, 1, None)
            return next(((each.due_at, each) for each in others), None)
        heap = self._due_changes.get(kind)
        if heap is None:
            heap = self._due_changes[kind] = []
            for record in changed.values():
                if _counts(record, account):
                    _push(heap, record)
        while heap and changed.get(heap[0].id) is not heap[0].record:
            heappop(heap)  # It was changed again since.
        front = self._fronts.get(kind)
        if front is None:
            places = self._table(kind).due_places(account)
            front = self._fronts[kind] = _Front(places, next(places, None))
        while front.place is not None and front.place[1] in changed:
            front.place = next(front.places, None)
        first, place = heap[0] if heap else None, front.place
        if place is not None and (first is None or place < (first.at, first.id)):
            first = _Due(*place, self._table(kind).records[place[1]])
        return None if first is None or first.at > before else (first.at, first.record)

    def _dues_after(self, kind: type, account: str, after: float) -> Iterator[float]:
        changed = self.changes.get(kind, {})
        committed = self._table(kind).due_places(account, after)
        yield from islice((at for at, id in committed if id not in changed), 1)
        for record in changed.values():
            if record is not None and record.account == account:
                at = getattr(record, "due_at", None)
                if at is not None and at > after:
                    yield at

    def _commit(self) -> None:
        tables = self._tables
        for kind, id in self._anew:
            self._table(kind).delete(id)
        for kind, records in self.changes.items():
            if (table := tables.get(kind)) is None:
                table = tables[kind] = RecordTable(kind)
            table.change(records)
        for kind, ids in self._over_orders.items():
            self._table(kind).order_over(self._account, ids)
        if self._clears_blobs:
            self._store.blobs.drop(self._account)
        for id, data in self._blobs.items():
            self._store.blobs.put(id, self._account, data)

    def _overlaid(self, kind: type, account: str | None) -> Iterator[Any]:
        changed, table = self.changes[kind], self._table(kind)
        for id in table.ids(account):
            current = changed.get(id, table.records[id])
            if _counts(current, account) and (kind, id) not in self._anew:
                yield current
        for id, record in changed.items():
            new = not _counts(table.records.get(id), account) or (kind, id) in self._anew
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
        self._by_account: defaultdict[str, set[str]] = defaultdict(set)

    async def get(self, id: str) -> bytes | None:
        found = self._blobs.get(id)
        if found is None:
            return None
        self._blobs.move_to_end(id)
        return found[1]

    async def all(self, account: str) -> Sequence[tuple[str, bytes]]:
        own = self._by_account.get(account, ())
        return [(id, data) for id, (_, data) in self._blobs.items() if id in own]

    def put(self, id: str, account: str, data: bytes) -> None:
        self._forget(id)
        if len(data) > self.limit_bytes:
            return
        self._blobs[id] = (account, data)
        self._by_account[account].add(id)
        self.size_bytes += len(data)
        while self.size_bytes > self.limit_bytes:
            self._forget(next(iter(self._blobs)))

    def drop(self, account: str) -> None:
        for id in tuple(self._by_account.pop(account, ())):
            self._forget(id)

    def _forget(self, id: str) -> None:
        found = self._blobs.pop(id, None)
        if found is not None:
            account, data = found
            self.size_bytes -= len(data)
            if account in self._by_account:
                self._by_account[account].discard(id)


class MemoryStore(MemoryView):
    """A backend that lives and ends with the process."""

    def __init__(self, *, blob_bytes: int = DEFAULT_BLOB_BYTES) -> None:
        self._tables = {}
        self.blobs = MemoryBlobs(blob_bytes)
        self._locks: dict[str, asyncio.Lock] = {}
        # A dropped account needs no lock, unless something still holds it or waits for it.
        self._locks_in_use: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    def view(self) -> MemoryView:
        return self

    def transaction(self, account: str) -> MemoryTransaction:
        return MemoryTransaction(self, account, self._tables, self._lock(account))

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


class _Front(Struct):
    """The first of the places that is still as it was, and those behind it."""

    places: Iterator[tuple[float, str]]
    place: tuple[float, str] | None


def _push(heap: list[_Due], record: Any) -> None:
    due_at = getattr(record, "due_at", None)
    if due_at is not None:
        heappush(heap, _Due(due_at, record.id, record))


def _counts(record: Any, account: str | None) -> bool:
    return record is not None and (account is None or record.account == account)


def _is_due(record: Any, account: str, before: float) -> bool:
    due_at = getattr(record, "due_at", None)
    return due_at is not None and due_at <= before and record.account == account


def _group_of(record: Any) -> str:
    return getattr(record, "due_group", "")


def _due_order(record: Any) -> tuple[float, str]:
    return record.due_at, record.id
