"""A mock in this process that plays steps: it has the time, the order and the customers of a file.

Nothing listens, and nothing is sent to anybody. The wall clock shows what it showed when a step
was recorded, and the receivers of callbacks answer what they answered.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict, deque
from collections.abc import Iterable
from contextlib import suppress
from contextvars import ContextVar
from functools import partial
from typing import Any, Literal
from urllib.parse import unquote

from msgspec.structs import replace
from starlette.types import Scope

from mock_server.app import App
from mock_server.core.account_service import AccountCounter
from mock_server.core.accounts import SERVER, Account
from mock_server.core.outbox import Delivery
from mock_server.core.store import Transaction
from mock_server.settings import Settings
from mock_server.stores.memory import MemoryStore, MemoryTransaction
from mock_server.web.callback_formats import CallbackFault, CallbackReply
from mock_server.web.callbacks import CallbackDispatcher
from mock_server.web.calls import WHOLE, Headers
from mock_server.web.incident_files import CallbackStep, RequestStep
from mock_server.web.recorder import RecordedCall
from mock_server.web.wall import waits

_UNKNOWN_REPLY = "the incident does not say what the receiver answered"


class Player:
    """Plays steps on a new mock. `began_at` is when it begins, in real seconds since the epoch.

    `gates` are the units of work, by the request's id, that wait for `resume`.
    """

    def __init__(
        self,
        settings: Settings,
        began_at: float,
        *,
        callbacks: Iterable[CallbackStep] = (),
        gates: Iterable[tuple[str, int]] = (),
    ) -> None:
        self.now = self.began_at = began_at
        self._replies: dict[tuple[str, int], deque[CallbackStep]] = defaultdict(deque)
        self._open = set[int]()
        for step in callbacks:
            self._replies[step.callback, step.number].append(step)
            self._open.add(id(step))
        self._gates = set(gates)
        self._playing: dict[str, _Exchange] = {}
        dispatcher = partial(_ToldDispatcher, self)
        self.app = App(settings, wall=lambda: self.now, store=_GatedStore(), dispatcher=dispatcher)
        self.app.recorder.entries = self.app.recorder.total_bytes = 2**62

    async def open(self) -> None:
        """Begin as the mock began that was recorded."""
        waits.set(False)
        await self.app.open(self.began_at)

    async def close(self) -> None:
        for each in self._playing.values():
            each.task.cancel()
        await self.app.close()

    async def count_accounts(self, made: int) -> None:
        """Let the mock have made so many accounts already."""
        async with self.app.accounts.store.transaction(SERVER) as tx:
            counter = await tx.get(AccountCounter, SERVER) or AccountCounter(SERVER, SERVER)
            await tx.put(replace(counter, made=made))

    async def request(self, step: RequestStep, headers: Headers, body: bytes) -> bool:
        """Send a request; return whether it is over, or goes on with `resume`."""
        gates = {act for id, act in self._gates if id == step.id}
        exchange = self._playing[step.id] = _Exchange(step, _scope(step, headers), gates)
        self.app.http.serial = int(step.id, 16) - 1
        self.now = step.at
        exchange.task = asyncio.create_task(self._send(exchange, body))
        return await self._wait_for(exchange)

    async def resume(self, id: str) -> bool:
        """Let a request go on; return whether it is over now."""
        exchange = self._playing.get(id)
        if exchange is None:
            return False  # It was over earlier than when it was recorded.
        self.now = exchange.step.at
        exchange.go_on.set()
        return await self._wait_for(exchange)

    async def callback(self, step: CallbackStep) -> None:
        """Send what is due, unless a request has sent this callback already."""
        if id(step) in self._open:
            self.now = step.at
            await self.app.dispatcher.deliver_due(step.account, step.at)

    def reply(self, delivery: Delivery) -> CallbackStep | None:
        """Return what the receiver answers to the next try."""
        known = self._replies[delivery.id, len(delivery.attempts) + 1]
        if not known:
            return None
        self._open.discard(id(known[0]))
        return known.popleft()

    async def _send(self, exchange: _Exchange, body: bytes) -> None:
        _current.set(exchange)
        messages = deque([{"type": "http.request", "body": body, "more_body": False}])

        async def receive() -> Any:
            return messages.popleft() if messages else {"type": "http.disconnect"}

        async def send(message: Any) -> None:
            pass

        with suppress(ConnectionResetError):
            await self.app(exchange.scope, receive, send)

    async def _wait_for(self, exchange: _Exchange) -> bool:
        """Wait until the request is over, or must wait for other steps."""
        blocked = asyncio.create_task(exchange.blocked.wait())
        await asyncio.wait((exchange.task, blocked), return_when=asyncio.FIRST_COMPLETED)
        blocked.cancel()
        if not exchange.task.done():
            return False
        del self._playing[exchange.step.id]
        exchange.task.result()
        return True

    def recorded(self, id: str) -> RecordedCall | None:
        """Return the exchange that has just ended."""
        return self.app.recorder.newest(id)


class _Exchange:
    """A request that is being played; `gates` are the units of work that wait for a `resume`."""

    def __init__(self, step: RequestStep, scope: Scope, gates: set[int]) -> None:
        self.step = step
        self.scope = scope
        self.gates = gates
        self.blocked = asyncio.Event()
        self.go_on = asyncio.Event()
        self.task: asyncio.Task[None]

    async def pass_gate(self) -> None:
        trace = self.scope.get("trace")
        if trace is None or len(trace.acts) not in self.gates:
            return
        self.gates.remove(len(trace.acts))
        self.blocked.set()
        await self.go_on.wait()
        self.go_on.clear()


_current: ContextVar[_Exchange | None] = ContextVar("_current", default=None)


class _GatedTransaction(MemoryTransaction):
    async def __aenter__(self) -> Transaction:
        if exchange := _current.get():
            await exchange.pass_gate()
        return await super().__aenter__()


class _GatedStore(MemoryStore):
    """A store in which units of work happen in the order of the steps."""

    def transaction(self, account: str) -> MemoryTransaction:
        return _GatedTransaction(self, account)


class _ToldDispatcher(CallbackDispatcher):
    """Sends nothing: receivers answer as they did. Nothing is sent by itself."""

    def __init__(self, player: Player, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._player = player

    def wake(self, account: str | None = None) -> None:
        """Do nothing: the steps say when something was sent by itself."""

    async def tried(
        self, account: Account, delivery: Delivery, at: float, fault: CallbackFault | None
    ) -> tuple[CallbackReply, bool]:
        step = self._player.reply(delivery)
        if step is None:
            return CallbackReply(0, _UNKNOWN_REPLY), True
        reply = CallbackReply(step.status, step.problem)
        if await self.body_of(account, delivery) is None:
            return reply, True
        url = delivery.watch.url
        with suppress(Exception):
            url = self._adapters[delivery.watch.surface](account).address(delivery, account, at)
        body = b"" if step.answer is None else step.answer.data or b""
        return replace(reply, body=body, url=url), step.final


class _TakingConnection:
    """A connection that takes every answer."""

    def send(self, status: int, headers: Headers, body: bytes) -> bool:
        return True

    def set_date(self, date: bytes) -> None:
        pass

    def send_raw(self, data: bytes, *, then: Literal["close", "reset"]) -> None:
        pass


def _scope(step: RequestStep, headers: Headers) -> Scope:
    path, _, query = step.target.encode("latin-1").partition(b"?")
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": step.method,
        "scheme": step.scheme,
        "root_path": "",
        "path": unquote(path.decode("latin-1")),
        "raw_path": path,
        "query_string": query,
        "headers": list(headers),
        "server": tuple(step.server) if step.server else None,
        "client": (step.client or "127.0.0.1", 0),
        "state": {WHOLE: _TakingConnection()},
    }
