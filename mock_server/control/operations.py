"""What the control API offers, as data: one entry for each operation, and how it is found."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterable, Mapping
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from msgspec import Struct

from mock_server.control.problems import Kind

if TYPE_CHECKING:
    from mock_server.control.shapes import IncomingBody, OutgoingBody, Query

PREFIX = "/_mock"

Q = TypeVar("Q")
B = TypeVar("B")


class ControlRequest(Struct, Generic[Q, B], frozen=True):
    """One call: what its path, query and body say, and when it came."""

    params: Mapping[str, str]
    query: Q
    body: B
    wall: float


Handler = Callable[[ControlRequest[Any, Any]], Awaitable[Any]]


class ControlOperation(Struct, frozen=True):
    """One thing that is offered; `run` returns a body, a whole answer, or nothing.

    `open` ones are for probes and ask for no token. `problems` are those beside the ones that
    every operation has.
    """

    method: str
    path: str
    run: Handler
    summary: str
    answer: type[OutgoingBody] | None = None
    query: type[Query] | None = None
    body: type[IncomingBody] | None = None
    status: int = 200
    problems: tuple[Kind, ...] = ()
    open: bool = False

    @property
    def whole_path(self) -> str:
        return PREFIX + self.path


class ControlTable:
    """Finds operations by path."""

    def __init__(self, operations: Iterable[ControlOperation]) -> None:
        self.operations = tuple(operations)
        paths: dict[str, dict[str, ControlOperation]] = {}
        for operation in self.operations:
            paths.setdefault(operation.whole_path, {})[operation.method] = operation
        # Literal paths come first: /requests/wait is no request with the id "wait".
        self._paths = [
            (re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", path)), methods)
            for path, methods in sorted(paths.items(), key=lambda item: "{" in item[0])
        ]

    def find(self, path: str) -> tuple[Mapping[str, ControlOperation], Mapping[str, str]]:
        """Return the operations at a path by method, and what its segments say."""
        for pattern, methods in self._paths:
            if match := pattern.fullmatch(path):
                return methods, match.groupdict()
        return {}, {}

    def near(self, path: str) -> list[str]:
        """Return the paths that somebody may have meant, the likeliest first."""
        known = list(dict.fromkeys(operation.whole_path for operation in self.operations))
        return get_close_matches(path[:200], known, n=3, cutoff=0.5)
