"""A mock in this process that plays steps: it has the time, the order and the customers of a file.

Nothing listens, and nothing is sent to anybody. The wall clock shows what it showed when a step
was recorded, and the receivers of callbacks answer what they answered.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict, deque
from collections.abc import Iterable, Sequence
from contextlib import suppress
from contextvars import ContextVar
from typing import Any, Literal
from urllib.parse import unquote

from msgspec.structs import replace
from starlette.types import Scope

from mock_server.app import App
from mock_server.core.account_service import AccountCounter
from mock_server.core.accounts import SERVER, Account
from mock_server.core.errors import AccountGone, NotFound
from mock_server.core.outbox import Delivery
from mock_server.core.outbox_service import claim
from mock_server.core.store import Transaction, View
from mock_server.settings import Settings
from mock_server.stores.memory import MemoryStore, MemoryTransaction, MemoryView
from mock_server.web.callback_formats import CallbackFault, CallbackReply
from mock_server.web.callbacks import LEASE, CallbackDispatcher
from mock_server.web.calls import WHOLE
from mock_server.web.faults.effects import CallbackEffect
from mock_server.web.faults.rules import rule_of
from mock_server.web.incident_files import CallbackStep, RequestStep
from mock_server.web.recorder import RecordedCall
from mock_server.web.traces import Headers
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
        self.last_body = b""  # of the answer to the request that ended last
        self._tries: dict[tuple[str, int], deque[CallbackStep]] = defaultdict(deque)
        self._open = set[int]()
        for step in callbacks:
            self._open.add(id(step))
            self._tries[step.callback, step.number].append(step)
        self._gates = set(gates)
        self._playing: dict[str, _Exchange] = {}
        self.app = App(
            settings, wall=lambda: self.now, store=_GatedStore(), dispatcher=self._dispatcher_of
        )
        self._dispatcher.fault_of = self._dispatcher.told_fault
        self.app.recorder.entries = self.app.recorder.total_bytes = 2**62

    def _dispatcher_of(self, *args: Any, **options: Any) -> CallbackDispatcher:
        self._dispatcher = _ToldDispatcher(self, *args, **options)
        return self._dispatcher

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

    async def request(
        self,
        step: RequestStep,
        headers: Headers,
        body: bytes,
        beside: Sequence[CallbackStep] = (),
    ) -> bool:
        """Send a request; return whether it is over, or goes on with `resume`.

        Callbacks `beside` it were sent by it, or by themselves while it waited.
        """
        gates = {act for id, act in self._gates if id == step.id}
        exchange = _Exchange(step, headers, gates, beside)
        self._playing[step.id] = exchange
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

    async def callback(
        self, step: CallbackStep, until: float | None = None, wall: float | None = None
    ) -> Delivery | None:
        """Send a callback that is due by then, or now, unless a request has sent it already."""
        if id(step) not in self._open:
            return None
        self.now, over = step.at, None
        with suppress(AccountGone):
            over = await self._dispatcher.send_one(step.account, step.callback, until, wall)
        return over

    def next_try(self, delivery: Delivery) -> CallbackStep | None:
        """Return what came of the next try of a callback."""
        known = self._tries[delivery.id, len(delivery.attempts) + 1]
        return known[0] if known else None

    def take(self, step: CallbackStep) -> None:
        """Note that a try was done."""
        self._tries[step.callback, step.number].remove(step)
        self._open.discard(id(step))

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
        self.last_body = exchange.connection.body
        exchange.task.result()
        return True

    def recorded(self, id: str) -> RecordedCall | None:
        """Return the exchange that has just ended."""
        return self.app.recorder.newest(id)


class _Exchange:
    """A request that is being played; `gates` are the units of work that wait for a `resume`."""

    def __init__(
        self, step: RequestStep, headers: Headers, gates: set[int], beside: Sequence[CallbackStep]
    ) -> None:
        self.step = step
        self.beside = beside
        self.connection = _TakingConnection()
        self.scope = _scope(step, headers, self.connection)
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


async def _pass_gate() -> None:
    if exchange := _current.get():
        await exchange.pass_gate()


class _GatedTransaction(MemoryTransaction):
    async def __aenter__(self) -> Transaction:
        await _pass_gate()
        return await super().__aenter__()


class _GatedView(MemoryView):
    def __init__(self, store: _GatedStore) -> None:
        self._tables = store._tables

    async def __aenter__(self) -> View:
        await _pass_gate()
        return await super().__aenter__()


class _GatedStore(MemoryStore):
    """A store in which units of work happen in the order of the steps."""

    def transaction(self, account: str) -> MemoryTransaction:
        return _GatedTransaction(self, account, self._tables, self._lock(account))

    def view(self) -> MemoryView:
        return _GatedView(self)


class _ToldDispatcher(CallbackDispatcher):
    """Sends nothing: receivers answer as they did. Nothing is sent by itself."""

    def __init__(self, player: Player, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._player = player

    def wake(self, account: str | None = None) -> None:
        """Do nothing: the steps say when something was sent by itself."""

    async def _deliver(
        self, account_id: str, until: float | None, wall: float | None
    ) -> list[Delivery]:
        """Send what the request sent, and what was sent by itself while it waited."""
        exchange, tried = _current.get(), list[Delivery]()
        for step in exchange.beside if exchange else ():
            if step.account == account_id:
                told = () if step.alone else (until, wall)
                over = await self._player.callback(step, *told)
                if over is not None and not step.alone:
                    tried.append(over)
        return sorted(tried, key=lambda each: each.attempts[-1].at)

    async def redeliver(self, account: Account, id: str, wall: float | None = None) -> Delivery:
        exchange = _current.get()
        for step in exchange.beside if exchange else ():
            if step.account == account.id and step.alone:
                await self._player.callback(step)
        return await super().redeliver(account, id, wall)

    async def send_one(
        self, account_id: str, id: str, until: float | None, wall: float | None
    ) -> Delivery | None:
        """Send one callback, if it is due by then, or now; return it if it was tried."""
        async with self._act(account_id, wall=wall) as world:
            delivery = await world.own(Delivery, id)
            moment = world.now if until is None else until
            if delivery is None or delivery.due_at is None or delivery.due_at > moment:
                return None
            claimed = await claim(world, delivery, self._claim(), LEASE)
            account, at = world.account, min(delivery.due_at, world.now)
        tried: dict[int, Delivery] = {}
        await self._send_claimed(account, claimed, at, 0, tried)
        return tried.get(0)

    async def told_fault(
        self, account: Account, delivery: Delivery, at: float
    ) -> CallbackFault | None:
        """Return the fault that hit a callback; callbacks may have overtaken each other."""
        faults, step = self._player.app.faults, self._player.next_try(delivery)
        drawn = await faults.of_callback(account, delivery, at)
        if step is None or not step.fault:
            return None if step else drawn
        with suppress(NotFound):
            effect = rule_of((await faults.find(step.fault)).spec).fault
            if isinstance(effect, CallbackEffect):
                if step.status is None:
                    self._player.take(step)
                return CallbackFault(step.fault, effect.how, effect.seconds)
        return drawn

    async def tried(
        self, account: Account, delivery: Delivery, at: float, fault: CallbackFault | None
    ) -> tuple[CallbackReply, bool]:
        step = self._player.next_try(delivery)
        if step is None or step.status is None:
            return CallbackReply(0, _UNKNOWN_REPLY), True
        self._player.take(step)
        if not delivery.asked:
            self._player.now = step.until
        body = b"" if step.answer is None else step.answer.data or b""
        return CallbackReply(step.status, step.problem, body, step.url), step.final


class _TakingConnection:
    """A connection that takes every answer."""

    body = b""

    def send_whole(self, status: int, lines: Iterable[bytes], body: bytes) -> bool:
        self.body = body
        return True

    def set_date(self, date: bytes) -> None:
        pass

    def send_raw(self, data: bytes, *, then: Literal["close", "reset"]) -> None:
        pass


def _scope(step: RequestStep, headers: Headers, connection: _TakingConnection) -> Scope:
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
        "state": {WHOLE: connection},
    }
