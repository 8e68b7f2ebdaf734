"""What ids become in a copy of an account, since ids are unique over the whole server."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, TypeVar

from msgspec import convert, to_builtins
from msgspec.structs import replace

from mock_server.core.ids import ANY_ID, renewed
from mock_server.core.store import Record, View

R = TypeVar("R", bound=Record)

_LEFT = (bytes, Decimal)  # what stays as it is between records and plain values


class Renaming:
    """The new ids of what the account `old` has, in the account `new`.

    Ids that begin with the account's get the new account's, and those that are made by `ids`
    another one of the same form. `secret` is what the new ones cannot be guessed without.
    """

    def __init__(self, old: str, new: str, secret: str) -> None:
        self.old = old
        self.new = new
        self.ids: dict[str, str] = {}  # what was made by `ids`
        self._derived: dict[str, str] = {}
        self._secret = secret
        self._taken: set[str] = set()

    async def add(self, view: View, kind: type[Record], id: str) -> None:
        """Give an id of a record a new one that is free."""
        if id == self.old or id.startswith((f"{self.old}/", f"{self.old}-")):
            self._derived[id] = self.new + id[len(self.old) :]
            return
        found = ANY_ID.match(id)
        root = id if found is None else found[0]
        if root in self.ids:
            return
        rest, attempt = id[len(root) :], 0
        while True:
            new = f"{self.new}/{root}"
            if found is not None:
                new = renewed(root, self.new, self._secret, attempt)
            if new not in self._taken and await view.get(kind, new + rest) is None:
                break
            attempt += 1
        self._taken.add(new)
        self.ids[root] = new

    def id(self, id: str) -> str:
        """Return what the id of a record becomes."""
        return self._derived.get(id) or self._text(id)

    def copy(self, record: R) -> R:
        """Return the record of the new account; what it refers to is renamed too."""
        kind = type(record)
        values = self._renamed(to_builtins(record, builtin_types=_LEFT))
        copy = convert(values, kind, builtin_types=_LEFT)
        return replace(copy, id=self.id(record.id), account=self.new)  # type: ignore[type-var]

    def _renamed(self, value: Any) -> Any:
        match value:
            case str():
                return value if len(value) < 8 else self._text(value)
            case dict():
                return {name: self._renamed(each) for name, each in value.items()}
            case list() | tuple():
                return [self._renamed(each) for each in value]
            case bytes():
                return self._text(value.decode("latin-1")).encode("latin-1")
        return value

    def _text(self, text: str) -> str:
        known = self._derived.get(text) or self.ids.get(text)
        if known is not None and text != self.old:
            return known
        return ANY_ID.sub(lambda found: self.ids.get(found[0], found[0]), text)
