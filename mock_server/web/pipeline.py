"""What every vendor call goes through: read, authenticate, admit, validate, run, render.

One function, because its order is a fact about the vendors: signatures are checked over the bytes
as they came, before anybody parses them, and a call that is refused has changed nothing.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Awaitable, Callable, Sequence
from functools import cached_property
from typing import Any, Protocol

from msgspec import Struct, field
from starlette.types import Receive, Scope, Send

from mock_server.core.accounts import Account, Limits
from mock_server.core.errors import DomainError
from mock_server.core.jobs.service import JobService
from mock_server.web.calls import Answer, Bounds, Call, Disconnected, Trace, preflight, send_answer

log = logging.getLogger("tams_mock")

Handler = Callable[[Call, Any], Awaitable[Any]]


class Operation(Struct, frozen=True):
    """One thing that a surface offers. `{name}` in the path takes one segment.

    `public` operations ask for no credentials, and `counted` ones count against the limit.
    `source` says where the reference has it.
    """

    method: str
    path: str
    run: Handler
    summary: str = ""
    source: str = ""
    body: type | None = None
    public: bool = False
    counted: bool = True
    bounds: Bounds | None = None
    tags: tuple[str, ...] = field(default=())


class Surface(Protocol):
    """A vendor's voice."""

    name: str

    @property
    def operations(self) -> Sequence[Operation]: ...

    async def authenticate(self, call: Call) -> Account:
        """Return who signed the call, or raise Unauthenticated."""

    def limit(self, call: Call) -> tuple[Limits, str] | None:
        """Return the limit that the call counts against, if any, and the name of its window.

        The name is empty for the account's own window.
        """

    def validate(self, operation: Operation, call: Call) -> Any:
        """Return the body as the operation's type, or raise Invalid."""

    def render(self, result: Any, trace: Trace) -> Answer:
        """Return the answer to an operation that went well."""

    def render_error(self, error: DomainError, trace: Trace) -> Answer:
        """Return the answer to one that did not."""

    def render_crash(self, trace: Trace) -> Answer:
        """Return the answer to what nobody foresaw."""

    def unknown_path(self, trace: Trace) -> Answer:
        """Return the answer to a path that is not offered."""

    def wrong_method(self, allowed: Sequence[str], trace: Trace) -> Answer:
        """Return the answer to a method that a path does not offer."""


class OperationTable:
    """Finds operations by path: literal paths first, then those with one id at the end."""

    def __init__(self, operations: Sequence[Operation]) -> None:
        self._literal: dict[str, dict[str, Operation]] = {}
        self._by_parent: dict[str, tuple[str, dict[str, Operation]]] = {}
        self._patterns: list[tuple[re.Pattern[str], dict[str, Operation]]] = []
        grouped: dict[str, dict[str, Operation]] = {}
        for operation in operations:
            grouped.setdefault(operation.path, {})[operation.method] = operation
        for path, methods in grouped.items():
            parent, _, last = path.rpartition("/")
            if "{" not in path:
                self._literal[path] = methods
            elif "{" not in parent and last.startswith("{") and last.endswith("}"):
                self._by_parent[parent] = (last[1:-1], methods)
            else:
                pattern = re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", path))
                self._patterns.append((pattern, methods))

    def find(self, path: str) -> tuple[dict[str, Operation], dict[str, str]] | None:
        """Return the operations at a path by method, and what its segments say."""
        methods = self._literal.get(path)
        if methods is not None:
            return methods, {}
        parent, _, last = path.rpartition("/")
        found = self._by_parent.get(parent)
        if found is not None and last:
            return found[1], {found[0]: last}
        for pattern, methods in self._patterns:
            if match := pattern.fullmatch(path):
                return methods, match.groupdict()
        return None


class Pipeline:
    """One surface as an ASGI app; the trace of the call is in its scope."""

    def __init__(self, surface: Surface, job_service: JobService, bounds: Bounds) -> None:
        self.surface = surface
        self.job_service = job_service
        self.bounds = bounds
        self.table = OperationTable(surface.operations)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        trace: Trace = scope["trace"]
        found = self.table.find(scope["path"])
        methods, params = found if found is not None else ({}, {})
        call = Call(scope, trace, params)
        try:
            answer = await self._answer(call, methods, receive)
        except Disconnected:
            trace.remarks.append("the client went away before its body was there")
            return
        trace.answer = answer
        cross_origin = call.header(b"origin") is not None
        await send_answer(send, answer, request_id=trace.id, cross_origin=cross_origin)

    async def _answer(self, call: Call, methods: dict[str, Operation], receive: Receive) -> Answer:
        operation = methods.get(call.method)
        if operation is None:
            if not methods:
                return self.surface.unknown_path(call.trace)
            if call.method == "OPTIONS":
                return preflight(call, ", ".join(methods))
            if call.method != "HEAD" or "GET" not in methods:
                return self.surface.wrong_method(list(methods), call.trace)
            operation = methods["GET"]
        call.trace.operation = f"{operation.method} {operation.path}"
        try:
            await call.read(receive, operation.bounds or self.bounds)
            return await self.serve(operation, call)
        except DomainError as error:
            return self.surface.render_error(error, call.trace)
        except Disconnected:
            raise
        except Exception:
            log.exception("request %s was not foreseen", call.trace.id)
            return self.surface.render_crash(call.trace)

    async def serve(self, operation: Operation, call: Call) -> Answer:
        """Carry one call out; what is refused raises StudioError."""
        surface = self.surface
        if not operation.public:
            call.account = account = await surface.authenticate(call)
            call.trace.account = account.id
            call.now = call.trace.now = await self.job_service.now(account, call.wall)
            if operation.counted and (limit := surface.limit(call)) is not None:
                limits, scope = limit
                if remark := await self.job_service.admit(account, limits, call.now, scope=scope):
                    call.remark(remark)
        payload = surface.validate(operation, call)
        return surface.render(await operation.run(call, payload), call.trace)


class Router:
    """Gives each call to the surface whose paths begin like it, or else to the first.

    The `others` are opened by the first call whose path does not begin like one of the first's.
    """

    def __init__(self, first: Pipeline, *others: Callable[[], Pipeline]) -> None:
        self._first = first
        self._firsts = frozenset(_heads(first))
        self._others = others

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        head = _head(scope["path"])
        pipeline = self._first if head in self._firsts else self._by_head.get(head, self._first)
        return pipeline(scope, receive, send)

    @cached_property
    def _by_head(self) -> dict[str, Pipeline]:
        opened = [each() for each in self._others]
        return {head: pipeline for pipeline in opened for head in _heads(pipeline)}


def _heads(pipeline: Pipeline) -> set[str]:
    return {_head(operation.path) for operation in pipeline.surface.operations}


def _head(path: str) -> str:
    return path.split("/", 2)[1] if path.startswith("/") else ""
