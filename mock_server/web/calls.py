"""A request as a surface sees it, the answer as data, and the way between them and ASGI."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal, NoReturn, Protocol

from msgspec import Struct
from msgspec.structs import replace
from pydantic_core import to_json
from starlette.types import Message, Receive, Scope, Send

from mock_server.core.account_service import AccountService
from mock_server.core.accounts import Account
from mock_server.core.errors import DomainError, Malformed, TooLarge, TooSlow
from mock_server.core.jobs.plan_changes import PlanChange
from mock_server.core.unit_of_work import UnitOfWork
from mock_server.web.traces import Head, Headers, Trace, next_turn, target_of

if TYPE_CHECKING:
    from mock_server.web.pipeline import Operation, Surface

JSON: Headers = ((b"content-type", b"application/json"),)

# Stand in the state of a request's scope: all of the request has come, and its value can send all
# of an answer at once; its connection is closed.
WHOLE = "whole"
GONE = "gone"

CONTROL = "control"  # the surface that is the mock's own, beside those of the vendors

MAX_REMARKS = 100  # of one call
# Remarks on exchanges that the client ended.
LEFT_EARLY = "the client went away before its body was there"
LEFT_LATE = "the connection was closed before the answer was sent"

_MAX_LENGTH_DIGITS = 18

# A host that URLs can be handed out on.
HOST = re.compile(rb"[A-Za-z0-9._\-]+(:\d{1,5})?|\[[0-9A-Fa-f:.]+\](:\d{1,5})?")


class Sending(Protocol):
    """How an answer is sent that does not go out whole."""

    async def send(self, send: Send, answer: Answer, headers: Headers, call: Call) -> None:
        """Send the answer with all its headers; the trace gets what was sent."""


class WireFault(Struct, frozen=True):
    """How an answer is broken on its way to the client; see `web.faults.wire`."""

    kind: str
    seconds: float = 0.0
    pieces: int = 1

    async def send(self, send: Send, answer: Answer, headers: Headers, call: Call) -> None:
        from mock_server.web.faults.wire import send_broken

        await send_broken(send, self, answer, headers, call)


class Answer(Struct, frozen=True):
    """A whole answer: status, bytes, headers without the length."""

    status: int
    body: bytes = b""
    headers: Headers = JSON
    wire: Sending | None = None


def json_answer(body: Any, status: int = 200) -> Answer:
    """Return the value as compact JSON; what is not ASCII stays readable."""
    return Answer(status, to_json(body))


class Bounds(Struct, frozen=True):
    """How much of a request is read, and for how long it is waited for (seconds).

    `compressed` says what happens to compressed bodies that are parsed.
    """

    body_bytes: int = 10 * 1024 * 1024
    body_timeout: float = 30.0
    compressed: Literal["refuse", "read"] = "refuse"


class Disconnected(Exception):
    """The client went away before its body was there."""


class Answered(Exception):
    """The answer is known before the work is done, such as a refusal that no error words."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.status)
        self.answer = answer


class Explained(DomainError):
    """A refusal that takes time to explain: `explain` raises it, outside of any unit of work."""

    def __init__(self, explain: Callable[[], Awaitable[NoReturn]]) -> None:
        super().__init__("refused")
        self.explain = explain


NO_HOOKS: Mapping[Any, Any] = MappingProxyType({})


class Call:
    """One request: raw bytes first, and once it is identified also its account.

    `identity` is what identified the caller beside the account, such as a session. `hooks` are the
    hooks of this call, and `answer` is what the last one may replace. `surface` and `operation` are
    what carries it out: those of the account, once it is known that it has its own. `headers` have
    lower-case names, and of each the last value.
    """

    __slots__ = (
        "account",
        "accounts",
        "answer",
        "body",
        "headers",
        "hooks",
        "identity",
        "method",
        "now",
        "operation",
        "params",
        "path",
        "plan_change",
        "scope",
        "surface",
        "trace",
    )

    account: Account
    answer: Answer
    hooks: Mapping[Any, Any]
    operation: Operation
    surface: Surface
    now: float  # of the account, when it was admitted

    def __init__(
        self, scope: Scope, trace: Trace, params: Mapping[str, str], accounts: AccountService
    ) -> None:
        self.scope = scope
        self.trace = trace
        self.accounts = accounts
        self.hooks = NO_HOOKS
        self.plan_change: PlanChange | None = None  # of the job that it submits
        self.identity: Any = None
        self.method: str = scope["method"]
        self.path: str = scope["path"]
        self.params = params
        self.body = b""
        self.headers: dict[bytes, bytes] = dict(scope["headers"])

    @property
    def wall(self) -> float:
        """Real seconds since the epoch at which the request came."""
        return self.trace.wall

    @property
    def target(self) -> bytes:
        """The path and query as they stood on the request line, undecoded."""
        return target_of(self.scope)

    @property
    def head(self) -> Head:
        """The head as the journal keeps it."""
        return Head.of(self.scope)

    @property
    def has_body(self) -> bool:
        """Whether the head announces a body, which may be empty."""
        return b"content-length" in self.headers or b"transfer-encoding" in self.headers

    def act(self) -> UnitOfWork:
        """Open a unit of work on the caller's account.

        Raises AccountGone where the account was reset or deleted since the caller was identified.
        """
        account = self.account
        self.trace.acts += (next_turn(),)
        world = UnitOfWork(
            self.accounts, account.id, self.trace.wall, account.incarnation, self.announce
        )
        if self.hooks:
            world.plan_change = self.plan_change
        return world

    def went_on(self) -> None:
        """Note that a call that waited, but not in a unit of work, goes on from here."""
        self.trace.acts = (self.trace.turn, next_turn())

    def header(self, name: bytes) -> bytes | None:
        """Return the header's last value; `name` is lower case."""
        return self.headers.get(name)

    def origin(self, public_url: str = "") -> str:
        """Return scheme and host to hand out URLs on: those of the caller, or the server's own."""
        if public_url:
            return public_url
        return origin_of(
            self.scope["scheme"], self.header(b"host"), tuple(self.scope.get("server") or ())
        )

    def remark(self, text: str) -> None:
        """Note what a stricter service would refuse, in the journal and in the log."""
        trace = self.trace
        if len(trace.remarks) < MAX_REMARKS:
            trace.remarks += (text,)
        elif len(trace.remarks) == MAX_REMARKS:
            trace.remarks += ("… and more, which are not kept",)

    def decide(self, **facts: Any) -> None:
        """Note what came of the request, for the log: no secrets; `credits` is a price."""
        self.trace.decided = facts

    def announce(self, text: str) -> None:
        """Tell the caller something in a header of the answer, and note it as a remark."""
        self.remark(text)
        self.trace.announced = text

    async def read(self, receive: Receive, bounds: Bounds) -> None:
        """Read the body, as long as it is within the bounds (Malformed, TooLarge, TooSlow)."""
        length = self.headers.get(b"content-length")
        if length is not None:
            if not length.isdigit() or len(length) > _MAX_LENGTH_DIGITS:
                raise Malformed("the content length is not a number of bytes")
            if int(length) > bounds.body_bytes:
                raise TooLarge("body", limit_bytes=bounds.body_bytes)
        reading = read_body(receive, bounds.body_bytes)
        if WHOLE in self.scope.get("state", ()):
            self.body = await reading  # without a timer, which costs more than the reading
        else:
            try:
                async with asyncio.timeout(bounds.body_timeout):
                    self.body = await reading
            except TimeoutError:
                raise TooSlow("body", seconds=bounds.body_timeout) from None
        self.trace.body = self.body


def wants_page(scope: Scope) -> bool:
    """Say whether a client asks for a page to show, as browsers do and programs do not."""
    return scope["method"] in ("GET", "HEAD") and any(
        name == b"accept" and b"text/html" in value.lower() for name, value in scope["headers"]
    )


@lru_cache(maxsize=64)
def origin_of(scheme: str, host: bytes | None, server: tuple[Any, ...]) -> str:
    """Return the scheme and host that a caller used, or the server's address."""
    if host is None or HOST.fullmatch(host) is None:  # It makes no sense.
        host = "{}:{}".format(*(server or ("127.0.0.1", 80))).encode()
    return f"{scheme}://{host.decode()}"


async def read_body(receive: Receive, limit_bytes: int) -> bytes:
    """Return the whole body; raises TooLarge, or Disconnected if it breaks off."""
    chunks: list[bytes] = []
    size_bytes = 0
    while True:
        message: Message = await receive()
        if message["type"] == "http.disconnect":
            raise Disconnected
        chunk: bytes = message.get("body", b"")
        size_bytes += len(chunk)
        if size_bytes > limit_bytes:
            raise TooLarge("body", limit_bytes=limit_bytes)
        if not message.get("more_body", False):
            return b"".join((*chunks, chunk)) if chunks else chunk
        chunks.append(chunk)


async def send_answer(
    send: Send, answer: Answer, call: Call, *, cross_origin: bool = False
) -> None:
    """Send the answer with its length, the mock's request id, and CORS headers if asked for.

    The trace gets what went out of it.
    """
    trace, state = call.trace, call.scope.setdefault("state", {})
    more: Headers = ()
    if trace.announced:
        more = ((b"x-mock-remark", trace.announced.encode("ascii", "replace")),)
    if cross_origin and b"origin" in call.headers:
        more += _CROSS_ORIGIN
    is_head = call.method == "HEAD"
    # The scope and the exchange would keep each other in memory until a garbage collection.
    whole = None if answer.wire is not None else state.pop(WHOLE, None)
    if whole is not None and not is_head:
        own = f"content-length: {len(answer.body)}\r\nx-mock-request-id: {trace.id}\r\n"
        lines = [_lines(answer.headers), own.encode()]
        if more:
            lines.append(_lines(more))
        if None not in lines and whole.send_whole(answer.status, lines, answer.body):
            trace.answer = answer
            return
    headers = (
        *answer.headers,
        (b"content-length", b"%d" % len(answer.body)),
        (b"x-mock-request-id", trace.id.encode()),
        *more,
    )
    if answer.wire is not None:
        await answer.wire.send(send, answer, headers, call)
        return
    head = Answer(answer.status, b"", answer.headers)
    sent = head if is_head else answer
    try:
        await send({"type": "http.response.start", "status": answer.status, "headers": headers})
        if GONE not in state:  # A server drops what it is told to send on a closed connection.
            trace.answer = head
            await send({"type": "http.response.body", "body": sent.body})
            if GONE not in state:
                trace.answer = sent
                return
    except OSError:
        pass  # Other servers raise instead.
    if not trace.passing:
        trace.remarks += (LEFT_LATE,)


@lru_cache(maxsize=64)
def _lines(headers: Headers) -> bytes | None:
    """Return headers as they are sent, or None where one does not fit its line."""
    lines = b"".join(name + b": " + value + b"\r\n" for name, value in headers)
    return lines if lines.count(b"\n") == lines.count(b"\r") == len(headers) else None


def with_own_ids(answer: Answer, call: Call) -> Answer:
    """Return the answer with the ids by which the caller knows the call."""
    request_id, parent = call.header(b"x-request-id"), call.header(b"traceparent")
    own: Headers = () if request_id is None else ((b"x-request-id", request_id),)
    if parent is not None:
        own += ((b"traceparent", parent),)
    return replace(answer, headers=answer.headers + own) if own else answer


_CROSS_ORIGIN = (
    (b"access-control-allow-origin", b"*"),
    (
        b"access-control-expose-headers",
        b"X-Mock-Request-Id, X-Mock-Remark, X-Request-Id, Traceparent, Retry-After",
    ),
)


def preflight(call: Call, methods: str) -> Answer:
    """Answer a browser that asks whether it may call from another origin: it may."""
    wanted = call.header(b"access-control-request-headers") or b"Authorization, Content-Type"
    return Answer(
        204,
        headers=(
            (b"access-control-allow-methods", methods.encode()),
            (b"access-control-allow-headers", wanted),
            (b"access-control-max-age", b"600"),
        ),
    )
