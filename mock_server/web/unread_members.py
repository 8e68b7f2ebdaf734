"""Members of a request that nothing reads, which are often misspelled ones.

A vendor says which members an object of some kind has. What is named is bounded, whatever a client
sends: some members, in the first objects of a body.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

from msgspec import Struct

from mock_server.web.hints import nearest

MAX_NAMED = 5
MAX_OBJECTS = 10_000
MAX_NAME_LENGTH = 64

# The members of a kind of object, and the kind of the objects in each of them, if it has any.
Members = Callable[[Any], Mapping[str, Any]]


class UnreadMember(Struct, frozen=True):
    """A member that nothing reads; the path leads to its object. `near` is what may be meant."""

    path: tuple[str | int, ...]
    name: str
    near: str

    def __str__(self) -> str:
        """Return a sentence: `widht` is not a member of diffusion; did you mean `width`?"""
        whole = _joined(self.path)
        owner = whole.rpartition(".")[2]
        place = f" (in {whole})" if whole != owner else ""
        of = owner or "the body"
        return f"`{_shown(self.name)}` is not a member of {of}{self._meant()}{place}"

    def as_problem(self) -> tuple[str, str]:
        """Return where the member is, and what is wrong with it."""
        return _joined((*self.path, _shown(self.name))), f"is not a known member{self._meant()}"

    def _meant(self) -> str:
        return f"; did you mean `{self.near}`?" if self.near else ""


def unread_members(kind: Any, data: Any, members: Members) -> list[UnreadMember]:
    """Return the first members that nothing reads in an object or a list; null is no value."""
    found = _unread(kind, data, members, (), iter(range(MAX_OBJECTS)))
    return [
        UnreadMember(path, name, nearest(name, known))
        for path, name, known in islice(found, MAX_NAMED)
    ]


def _joined(path: Sequence[str | int]) -> str:
    whole = ""
    for step in path:
        whole += f"[{step}]" if isinstance(step, int) else f".{step}" if whole else step
    return whole


def _shown(name: str) -> str:
    return name if len(name) <= MAX_NAME_LENGTH else name[:MAX_NAME_LENGTH] + "…"


def _unread(
    kind: Any, data: Any, members: Members, path: tuple[str | int, ...], budget: Iterator[int]
) -> Iterator[tuple[tuple[str | int, ...], str, Collection[str]]]:
    if isinstance(data, list):
        for index, each in enumerate(islice(data, MAX_OBJECTS)):
            if type(each) is dict:
                yield from _unread(kind, each, members, (*path, index), budget)
    elif isinstance(data, dict) and next(budget, None) is not None:
        known = members(kind)
        for name, value in data.items():
            if name not in known:
                if value is not None:
                    yield path, name, known
            elif (held := known[name]) is not None:
                yield from _unread(held, value, members, (*path, name), budget)
