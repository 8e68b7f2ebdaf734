"""The committed records of a kind, and indexes of them for each account."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from math import inf
from typing import Any

from mock_server.stores.orders import AgeOrder, DueOrder


class RecordTable:
    """The committed records of one kind, with their orders for each account.

    `ages` are in the order in which records came, `over` in the order in which they were over.
    `all_ages` is the order of the whole table; it is made when somebody looks into its middle.
    """

    def __init__(self, kind: type) -> None:
        # To ask each record for a missing attribute takes long.
        self.has_due = _has(kind, "due_at")
        self.has_groups = _has(kind, "due_group")
        self.has_over = _has(kind, "is_over")
        self.records: dict[str, Any] = {}
        self.all_ages: AgeOrder | None = None
        self.ages: defaultdict[str, AgeOrder] = defaultdict(AgeOrder)
        self.over: defaultdict[str, AgeOrder] = defaultdict(AgeOrder)
        self.due: defaultdict[str, DueOrder] = defaultdict(DueOrder)
        self.groups: dict[str, dict[str, DueOrder]] = {}

    def change(self, records: Mapping[str, Any]) -> None:
        """Put each record under its id, in place of the one there; None deletes that."""
        for id, record in records.items():
            old = self.records.get(id)
            if record is None or (old is not None and old.account != record.account):
                self.delete(id)
                old = None
            if record is None:
                continue
            account = record.account
            if old is None:
                self.ages[account].append(id)
                if self.all_ages is not None:
                    self.all_ages.append(id)
            elif self.has_due:
                self._forget_due(old)
            self.records[id] = record
            if self.has_due and (due_at := record.due_at) is not None:
                self.due[account].add((due_at, id))
                if self.has_groups:
                    groups = self.groups.setdefault(account, defaultdict(DueOrder))
                    groups[record.due_group].add((due_at, id))
            if self.has_over:
                is_over = record.is_over
                if is_over is not (old is not None and old.is_over):
                    order = self.over[account]
                    order.append(id) if is_over else order.remove(id)

    def delete(self, id: str) -> None:
        record = self.records.pop(id, None)
        if record is None:
            return
        self.ages[record.account].remove(id)
        if self.all_ages is not None:
            self.all_ages.remove(id)
        if self.has_due:
            self._forget_due(record)
        if self.has_over and record.is_over:
            self.over[record.account].remove(id)

    def drop(self, account: str) -> bool:
        own = tuple(self.ages.pop(account, ()))
        for id in own:
            del self.records[id]
            if self.all_ages is not None:
                self.all_ages.remove(id)
        self.over.pop(account, None)
        self.due.pop(account, None)
        self.groups.pop(account, None)
        return bool(own)

    def order_over(self, account: str, ids: Iterable[str]) -> None:
        """Let those of the ids that are over come first in the order of what is over."""
        before = tuple(self.over.get(account, ()))
        order = dict.fromkeys((*filter(set(before).__contains__, ids), *before))
        self.over[account] = AgeOrder()
        for id in order:
            self.over[account].append(id)

    def ids(self, account: str | None) -> dict[str, Any] | AgeOrder | tuple[()]:
        """Return the ids of the records, the oldest first."""
        return self.records if account is None else self.ages.get(account) or ()

    def newest(self, account: str | None, before: str = "") -> Iterator[Any]:
        """Yield the records, the newest first, from behind the one with the id `before`."""
        ids: Iterator[str]
        if account is not None:
            ids = self.ages[account].newest(before) if account in self.ages else iter(())
        elif not before:
            ids = reversed(self.records)
        else:
            if self.all_ages is None:
                self.all_ages = AgeOrder(self.records)
            ids = self.all_ages.newest(before)
        return map(self.records.__getitem__, ids)

    def first_due(self, account: str, before: float) -> tuple[float, Any] | None:
        order = self.due.get(account)
        if order is None:
            return None
        at, id = order.first
        return None if at > before else (at, self.records[id])

    def due_places(
        self, account: str, after: float = -inf, before: float = inf, group: str | None = None
    ) -> Iterator[tuple[float, str]]:
        """Yield moment and id of what is due after one moment and by another, in order."""
        due = self.due if group is None else self.groups.get(account, {})
        order = due.get(account if group is None else group)
        return iter(()) if order is None else order.between(after, before)

    def _forget_due(self, record: Any) -> None:
        due_at = record.due_at
        if due_at is None:
            return
        account, place = record.account, (due_at, record.id)
        self.due[account].remove(place)
        if not self.due[account]:
            del self.due[account]
        if self.has_groups:
            groups = self.groups[account]
            groups[record.due_group].remove(place)
            if not groups[record.due_group]:
                del groups[record.due_group]


def _has(kind: type, name: str) -> bool:
    return hasattr(kind, name) or name in kind.__annotations__
