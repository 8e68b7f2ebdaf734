"""What every request goes through: received, identified, admitted, parsed, done, answered.

One literal order, because it is a fact about the vendors: signatures are checked over the bytes as
they came, before anything parses them, and a call that is refused has changed nothing. Admission
and work are one unit of work.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from decimal import Decimal
from enum import StrEnum
from functools import cached_property
from sys import intern
from typing import Any, Protocol

from msgspec import Struct, field
from starlette.types import ASGIApp, Receive, Scope, Send

from mock_server.core.account_service import AccountService
from mock_server.core.accounts import Account
from mock_server.core.errors import DomainError, Unauthenticated
from mock_server.core.unit_of_work import UnitOfWork
from mock_server.web.calls import (
    LEFT_EARLY,
    Answer,
    Answered,
    Bounds,
    Call,
    Disconnected,
    Explained,
    preflight,
    send_answer,
    wants_page,
    with_own_ids,
)
from mock_server.web.traces import Trace

log = logging.getLogger("tams_mock")


class Stage(StrEnum):
    """The moments of a request at which hooks run, in their order."""

    RECEIVED = "received"  # the body is there, as bytes
    IDENTIFIED = "identified"  # the caller's account is known
    ADMITTED = "admitted"  # within its limits; the unit of work is open
    PARSED = "parsed"
    DONE = "done"  # the work is done, and committed
    ANSWERED = "answered"  # the answer is ready to be sent


NO_SUCH_PATH = "there is no such path"  # a refusal in the journal
CONTROL_HEAD = "_mock"  # how the paths of the control API begin

# A hook may return an answer, which is sent in place of all that would follow.
Hook = Callable[[Call], Awaitable[Answer | None]]
Hooks = Mapping[Stage, Hook]
Caller = Callable[[Call], Awaitable[Account | None]]


async def public(call: Call) -> None:
    """Say that an operation asks for no credentials and acts on no account."""


def unpriced(call: Call, payload: Any) -> None:
    """Say that an operation costs money, and that nothing tells how many credits."""


class Operation(Struct, frozen=True):
    """One operation of a surface. `{name}` in the path matches one segment.

    `caller` finds the account that a call belongs to; None stands for the surface's signature. The
    handler is `run(world, call, payload)`. A handler that `leaves` the event loop is
    `run(call, payload)` and opens its units of work with `call.act()`. `counted` calls count
    against the limit. `refuse` words refusals in place of the surface, or returns None. `source`
    is the place in the reference. `name` is the vendor's, where the path does not show it.
    `price(call, payload)` is there where the real service takes money: how many credits a call
    costs by the documented formula, or None where nothing says it.
    """

    method: str
    path: str
    run: Callable[..., Awaitable[Any]]
    summary: str = ""
    source: str = ""
    caller: Caller | None = None
    body: type | None = None
    query: type | None = None
    answer: type | None = None
    status: int = 200
    leaves: bool = False
    counted: bool = True
    bounds: Bounds | None = None
    refuse: Callable[[DomainError, Call], Answer | None] | None = None
    problems: tuple[Any, ...] = field(default=())
    name: str = ""
    price: Callable[[Call, Any], Decimal | None] | None = None

    @property
    def label(self) -> str:
        """The vendor's name of the operation, or that of the handler."""
        last = self.path.rpartition("/")[2]
        return self.name or (self.run.__name__ if "{" in last else last)


class Surface(Protocol):
    """The HTTP operations of a vendor, and how it words what they answer."""

    name: str
    cross_origin: bool  # whether pages from any origin may call it

    @property
    def operations(self) -> Sequence[Operation]: ...

    async def authenticate(self, call: Call) -> Account | None:
        """Return the account that signed the call, or raise Unauthenticated."""

    async def admit(self, world: UnitOfWork, call: Call, operation: Operation) -> None:
        """Count the call against its limit, if it is `counted`, and use its nonce up."""

    def parse(self, operation: Operation, call: Call) -> Any:
        """Return the body (or query) as the operation's type, or raise Invalid."""

    def render(self, result: Any, operation: Operation, trace: Trace) -> Answer:
        """Return the answer to an operation that went well."""

    def render_error(self, error: DomainError, call: Call) -> Answer:
        """Return the answer to one that did not."""

    def render_crash(self, call: Call) -> Answer:
        """Return the answer to an unexpected exception."""

    def unknown_path(self, call: Call) -> Answer:
        """Return the answer to a path that is not offered."""

    def wrong_method(self, allowed: Sequence[str], call: Call) -> Answer:
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

    def find(self, path: str) -> tuple[dict[str, Operation], dict[str, str]]:
        """Return the operations at a path by method (none: unknown), and its parameters."""
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
        return {}, {}


class Pipeline:
    """One surface as an ASGI app; the trace of the call is in its scope.

    `hooks_of` returns the hooks of a call that was read: for nearly all none. `surface_of` returns
    the surface of an account with settings of its own: the same operations, with other behaviour.
    With `echoes_ids`, answers have the ids that callers sent. A surface that passes calls on gets
    them all as they came: what it does not know by path and method is its `fallback`.
    """

    def __init__(
        self,
        surface: Surface,
        accounts: AccountService,
        bounds: Bounds,
        hooks_of: Callable[[Call, Operation, Surface], Hooks] | None = None,
        surface_of: Callable[[Account], Surface] | None = None,
        *,
        echoes_ids: bool = False,
        fallback: Operation | None = None,
    ) -> None:
        self.surface = surface
        self.accounts = accounts
        self.bounds = bounds
        self.table = OperationTable(surface.operations)
        self.hooks_of = hooks_of
        self.surface_of = surface_of
        self.echoes_ids = echoes_ids
        self.fallback = fallback

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        methods, params = self.table.find(scope["path"])
        call = Call(scope, scope["trace"], params, self.accounts)
        call.surface = self.surface
        call.trace.surface = self.surface.name
        try:
            answer = await self._answer(call, methods, receive)
        except Disconnected:
            call.trace.remarks += (LEFT_EARLY,)
            return
        if self.echoes_ids:
            answer = with_own_ids(answer, call)
        await send_answer(send, answer, call, cross_origin=self.surface.cross_origin)

    async def _answer(self, call: Call, methods: dict[str, Operation], receive: Receive) -> Answer:
        surface = self.surface
        operation = methods.get(call.method) or self.fallback
        if operation is None:
            if not methods:
                call.trace.refusal = NO_SUCH_PATH
                return surface.unknown_path(call)
            if call.method == "OPTIONS" and surface.cross_origin:
                return preflight(call, ", ".join(methods))
            if call.method != "HEAD" or "GET" not in methods:
                call.trace.refusal = f"the path has only {', '.join(methods)}"
                return surface.wrong_method(list(methods), call)
            operation = methods["GET"]
        call.operation = operation
        call.trace.operation = intern(f"{operation.method} {operation.path}")
        try:
            if call.has_body:
                await call.read(receive, operation.bounds or self.bounds)
            if self.hooks_of is not None:
                call.hooks = self.hooks_of(call, operation, self.surface)
            answer = await self._serve(call)
        except Answered as early:
            answer = early.answer
        except DomainError as error:
            answer = await self._refused(call, error)
        except Disconnected:
            raise
        except Exception:
            log.exception("request %s failed unexpectedly", call.trace.id)
            call.trace.refusal = "an unexpected error"
            answer = call.surface.render_crash(call)
        if call.hooks and Stage.ANSWERED in call.hooks:
            call.answer = answer
            try:
                answer = await call.hooks[Stage.ANSWERED](call) or answer
            except DomainError as error:
                answer = await self._refused(call, error)
        return answer

    async def _refused(self, call: Call, error: DomainError) -> Answer:
        if isinstance(error, Explained):
            try:
                await error.explain()
            except DomainError as explained:
                error = explained
        call.trace.refusal, call.trace.refused = str(error), type(error)
        if isinstance(error, Unauthenticated) and error.account is not None:
            self._use_settings_of(error.account, call)
        refuse = call.operation.refuse
        refused = None if refuse is None else refuse(error, call)
        return call.surface.render_error(error, call) if refused is None else refused

    def _use_settings_of(self, account: Account, call: Call) -> None:
        """Let the account's own surface go on with a call, if it has one."""
        if self.surface_of is None:
            return
        surface = self.surface_of(account) if account.settings else self.surface
        if surface is not call.surface:
            place = call.surface.operations.index(call.operation)
            call.surface, call.operation = surface, surface.operations[place]

    async def _serve(self, call: Call) -> Answer:
        if call.hooks:
            await self._run_hook(Stage.RECEIVED, call)
        account = await (call.operation.caller or call.surface.authenticate)(call)
        if account is not None:
            call.account = account
            call.trace.account = account.id
            if account.settings:
                self._use_settings_of(account, call)
        if call.hooks:
            await self._run_hook(Stage.IDENTIFIED, call)
            if account is not None and call.account is not account:  # A scenario changed it.
                self._use_settings_of(call.account, call)
        surface, operation = call.surface, call.operation
        if account is not None:
            async with call.act() as world:
                call.now = call.trace.now = world.now
                await surface.admit(world, call, operation)
                if not operation.leaves:
                    result = await operation.run(world, call, await self._parsed(operation, call))
        if account is None or operation.leaves:
            result = await operation.run(call, await self._parsed(operation, call))
        if call.hooks:
            await self._run_hook(Stage.DONE, call)
        return surface.render(result, operation, call.trace)

    async def _parsed(self, operation: Operation, call: Call) -> Any:
        if call.hooks:
            await self._run_hook(Stage.ADMITTED, call)
        # Nearly all bodies begin like this, and need nothing else.
        if operation.body is not None and call.body and not call.body.startswith(b"{"):
            from mock_server.web.body_text import make_plain

            if self.fallback is None:
                make_plain(call, operation.bounds or self.bounds)
        payload = call.surface.parse(operation, call)
        if call.hooks:
            await self._run_hook(Stage.PARSED, call)
        return payload

    async def _run_hook(self, stage: Stage, call: Call) -> None:
        hook = call.hooks.get(stage)
        if hook is not None and (answer := await hook(call)) is not None:
            raise Answered(answer)


class Router:
    """Gives each request to the control API, or to the surface whose paths begin like it.

    A browser's `/` is the control API's. The `first` surface gets what belongs to no other. The
    `others` are loaded by the first request whose path does not begin like one of the first's.
    """

    def __init__(self, control: ASGIApp, first: Pipeline, *others: Callable[[], Pipeline]) -> None:
        self._control = control
        self._first = first
        self._firsts = frozenset(_heads(first))
        self._others = others

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        head = head_of(scope["path"])
        if head in self._firsts:
            return self._first(scope, receive, send)
        if head == CONTROL_HEAD or (scope["path"] == "/" and wants_page(scope)):
            return self._control(scope, receive, send)
        return self._by_head.get(head, self._first)(scope, receive, send)

    @cached_property
    def _by_head(self) -> dict[str, Pipeline]:
        loaded = [each() for each in self._others]
        return {head: pipeline for pipeline in loaded for head in _heads(pipeline)}


def _heads(pipeline: Pipeline) -> set[str]:
    return {head_of(operation.path) for operation in pipeline.surface.operations}


def head_of(path: str) -> str:
    """Return the first segment of a path."""
    return path.split("/", 2)[1] if path.startswith("/") else ""
