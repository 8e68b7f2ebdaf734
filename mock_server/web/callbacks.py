"""Callbacks: delivering what is due in the outbox, at its moment of the account's clock.

Nothing here holds up a request. A round for each account with something to come waits for the next
moment on its clock, starts a run for each receiver that something is due to, and ends when nothing
is left or the clock stands; a change wakes it. One receiver gets one notice after the other, in
the order of the moments at which they are due; only one that is slow to answer gets the next ones
before it did. A try is dated with that moment, so that the log of an advance is the same in one
step as in many. A notice is claimed before it is sent, so that two dispatchers on one store never
send it twice.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from functools import partial
from itertools import count
from secrets import token_hex
from weakref import WeakValueDictionary

from msgspec.structs import replace

from mock_server.core.account_service import AccountService
from mock_server.core.accounts import Account
from mock_server.core.errors import AccountGone, NotFound
from mock_server.core.jobs.job import Job
from mock_server.core.jobs.watch import Watch
from mock_server.core.outbox import Attempt, Delivery
from mock_server.core.outbox_service import (
    FOR_EVER,
    ahead,
    claim,
    keep,
    next_for,
    question,
    receivers,
)
from mock_server.core.unit_of_work import UnitOfWork
from mock_server.web.callback_formats import CallbackAdapter, CallbackFault, CallbackReply
from mock_server.web.sender import Sender
from mock_server.web.targets import CallbackTarget, CallbackTargets, NameUnknown, TargetRefused

log = logging.getLogger("tams_mock")

TIMEOUT = 5.0
LEASE = 4 * TIMEOUT  # after which a claim whose sender is gone counts no longer
MAX_WAIT = 2 * TIMEOUT  # for all that `deliver_due` or `drain` try

# A receiver that is slow to answer gets several notices at once, but not those of one job.
MAX_AT_ONCE = 16
PATIENCE = 0.2

# A clock of one second in a million years would be more than event loops can count.
MAX_SLEEP = 86400.0

# Whether a callback is sent because its time has come, and not because a request wants it.
by_itself = ContextVar("by_itself", default=False)

OnTry = Callable[[float, float, Delivery, CallbackReply | None, bool], object]
FaultOf = Callable[[Account, Delivery, float], Awaitable[CallbackFault | None]]
Send = Callable[[CallbackTarget, bytes], Awaitable[CallbackReply]]


class CallbackDispatcher:
    """Delivers notices and asks questions, for every vendor that was registered."""

    def __init__(
        self,
        accounts: AccountService,
        wall: Callable[[], float],
        *,
        targets: CallbackTargets,
        authorities: str = "",
        send: Send | None = None,
    ) -> None:
        self.accounts = accounts
        self.wall = wall
        self.targets = targets
        self._adapters: dict[str, Callable[[Account], CallbackAdapter]] = {}
        self._sender = Sender(authorities)
        self._send = send or self._sender.send
        self._name, self._claims = token_hex(8), count(1)
        self.fault_of: FaultOf = _no_fault
        # Told of each try: the wall at its begin and end, the callback, what came of it (None if a
        # fault kept it from being sent), and whether another try would make no sense.
        self.on_try: OnTry = _tell_nobody
        self._closed = False
        self._news: dict[str, asyncio.Event] = {}
        self._rounds: dict[str, asyncio.Task[None]] = {}
        # Accounts with something to come whose clock stands: they wait to be woken.
        self._standing: set[str] = set()
        self._held = Counter[str]()
        # By account and receiver: who is sending, and whose turn it is.
        self._runs: dict[str, dict[str, asyncio.Task[None]]] = {}
        self._late: set[asyncio.Task[None]] = set()  # runs that no call waits for any more
        self._turns: WeakValueDictionary[tuple[str, str], asyncio.Lock] = WeakValueDictionary()

    def register(
        self, surface: str, callback_adapter: Callable[[Account], CallbackAdapter]
    ) -> None:
        """Say who words and addresses the notices of a surface to an account."""
        self._adapters[surface] = callback_adapter

    def open(self) -> None:
        """Send again, if it was closed."""
        self._closed = False

    # Coming by itself

    def wake(self, account: str | None = None) -> None:
        """Look again at an account's outbox (None: at all that wait): something has changed."""
        if self._closed:
            return
        if account is None:
            for each in {*self._rounds, *self._standing}:
                self.wake(each)
            return
        self._standing.discard(account)
        self._news.setdefault(account, asyncio.Event()).set()
        if account not in self._rounds:
            self._rounds[account] = asyncio.create_task(self._round(account))

    @contextmanager
    def held(self, accounts: Collection[str]) -> Iterator[None]:
        """Send nothing by itself meanwhile: the caller moves a clock, delivers, and tells of it."""
        self._held.update(accounts)
        try:
            yield
        finally:
            self._held -= Counter(accounts)
            for each in self._standing.intersection(accounts):
                self.wake(each)

    async def close(self) -> None:
        """Stop waiting and sending, and let go of connections."""
        self._closed = True
        going = [*self._rounds.values(), *self._late]
        going += [run for runs in self._runs.values() for run in runs.values()]
        for each in going:
            each.cancel()
        await asyncio.gather(*going, return_exceptions=True)
        await self._sender.close()

    async def _round(self, account_id: str) -> None:
        news = self._news[account_id]
        try:
            while True:
                news.clear()
                if self._held[account_id]:
                    self._standing.add(account_id)
                    break
                runs = self._runs.get(account_id, {})
                busy = {receiver for receiver, run in runs.items() if not run.done()}
                for receiver in await self._receivers(account_id, busy=busy):
                    self._send_off(account_id, receiver)
                seconds = await self._until_next(account_id)
                if seconds is not None:
                    with suppress(TimeoutError):
                        async with asyncio.timeout(seconds):
                            await news.wait()
                elif not news.is_set():
                    break
        except AccountGone:
            pass
        except Exception:
            log.exception("callbacks of account %s have stopped", account_id)
        finally:
            self._rounds.pop(account_id, None)
            self._news.pop(account_id, None)

    async def _until_next(self, account_id: str) -> float | None:
        """Return the real seconds until something falls due; None if nothing does by itself.

        What a run is sending is left to it: when the run ends it wakes the round.
        """
        wall, busy = self.wall(), self._runs.get(account_id, ())
        async with self.accounts.store.view() as view:
            moment, claimed_until = await ahead(view, account_id, wall, busy)
        account = await self.accounts.get(account_id)
        if account is None:
            return None
        waits = [] if claimed_until is None else [claimed_until - wall]
        if moment is not None:
            clock = await self.accounts.clock(account)
            if clock.frozen:
                self._standing.add(account_id)
            else:
                waits.append(max(0.0, moment - clock.now(wall)) / clock.rate)
        return min([*waits, MAX_SLEEP]) if waits else None

    def _send_off(self, account_id: str, receiver: str) -> None:
        runs = self._runs.setdefault(account_id, {})
        if receiver not in runs or runs[receiver].done():
            runs[receiver] = asyncio.create_task(self._run(account_id, receiver))

    async def _run(self, account_id: str, receiver: str) -> None:
        by_itself.set(True)
        try:
            with suppress(AccountGone):
                await self._deliver_to(account_id, receiver, {})
        except Exception:
            # It stays among the runs, so that it is not tried over and over again.
            log.exception("callbacks of account %s to %s have stopped", account_id, receiver)
        else:
            runs = self._runs[account_id]
            del runs[receiver]
            if not runs:
                del self._runs[account_id]
            self.wake(account_id)

    # Other things than jobs

    async def ask(
        self, account: Account, watch: Watch, topic: str, content: bytes, wall: float | None = None
    ) -> CallbackReply:
        """Ask the receiver at once and only once, and return its answer.

        It waits for no other callback and holds up none; the log has it like a notice. Raises
        AccountGone if the account is reset or deleted meanwhile.
        """
        claim = self._claim()
        async with self._act(account.id, account.incarnation, wall) as world:
            asked = await question(world, watch, topic, content, claim)
            now = world.now
        reply, _ = await self._try(account, asked, now)
        asked = asked.repeated(reply.as_attempt(now, asked=True))
        _log(asked, reply)
        async with self._act(account.id, account.incarnation, wall) as world:
            await keep(world, claim, asked)
        return reply

    async def body_of(self, account: Account, delivery: Delivery) -> bytes | None:
        """Return what a notice says; None where its job is kept no longer."""
        if not delivery.job:
            return delivery.content
        job = await self.accounts.store.get(Job, delivery.job)
        if job is None:
            return None
        return self._adapters[delivery.watch.surface](account).write(delivery, job, account)

    # Deliveries

    async def deliver_due(self, account_id: str, wall: float | None = None) -> list[Delivery]:
        """Send what is due by then, in order; return each try (none of an account that is gone).

        What is not over after MAX_WAIT real seconds goes on by itself, and is not returned.
        """
        return await self._deliver(account_id, None, wall)

    async def drain(self, account_id: str, wall: float | None = None) -> list[Delivery]:
        """Try everything that is open now, whenever it would be due, until nothing is open.

        It ends after MAX_WAIT real seconds; what is open then keeps its schedule.
        """
        return await self._deliver(account_id, FOR_EVER, wall)

    async def count_open(self, account_ids: Iterable[str]) -> int:
        """Return how many notices have neither arrived nor been given up."""
        async with self.accounts.store.view() as view:
            return sum([await view.count_due(Delivery, id) for id in account_ids])

    async def redeliver(self, account: Account, id: str, wall: float | None = None) -> Delivery:
        """Send a notice once more, whatever became of it before."""
        claimed = self._claim()
        found = await self.accounts.store.get(Delivery, id)
        if found is None or found.account != account.id:
            raise NotFound("callback", id)
        async with self._turn(account.id, found.due_group):
            async with self._act(account.id, wall=wall) as world:
                # What was there before the turn came may have been tried since.
                delivery = await world.own(Delivery, id)
                if delivery is None:
                    raise NotFound("callback", id)
                delivery = await claim(world, delivery, claimed, LEASE)
                now = world.now
            reply, _ = await self._try(account, delivery, now)
            delivery = delivery.repeated(reply.as_attempt(now, asked=delivery.asked))
            _log(delivery, reply)
            async with self._act(account.id) as world:
                await keep(world, claimed, delivery)
            return delivery

    def _act(
        self, account_id: str, incarnation: int | None = None, wall: float | None = None
    ) -> UnitOfWork:
        return self.accounts.act(account_id, self.wall() if wall is None else wall, incarnation)

    def _claim(self, number: int | None = None) -> str:
        return f"{self._name}-{next(self._claims) if number is None else number}"

    async def _receivers(
        self,
        account_id: str,
        until: float | None = None,
        wall: float | None = None,
        *,
        busy: Collection[str] = (),
        claimed: bool = False,
    ) -> list[str]:
        """Return who has something to get by then, or by now."""
        async with self._act(account_id, wall=wall) as world:
            moment = world.now if until is None else until
            return await receivers(world, moment, busy=busy, claimed=claimed)

    async def _deliver(
        self, account_id: str, until: float | None, wall: float | None
    ) -> list[Delivery]:
        try:
            # What is being sent may have to be sent again, so its receiver's turn is waited for.
            receivers = await self._receivers(account_id, until, wall, claimed=True)
        except AccountGone:
            return []
        if not receivers:
            return []
        ends_at = asyncio.get_running_loop().time() + MAX_WAIT
        tried: dict[int, Delivery] = {}
        runs = [
            asyncio.create_task(self._deliver_to(account_id, each, tried, until, ends_at, wall))
            for each in receivers
        ]
        self._late.update(runs)
        for run in runs:
            run.add_done_callback(partial(self._over, account_id))
        done, _ = await asyncio.wait(runs, timeout=MAX_WAIT)
        for run in done:
            with suppress(AccountGone):
                run.result()
        in_order = [tried[number] for number in sorted(tried)]
        return sorted(in_order, key=lambda delivery: delivery.attempts[-1].at)

    def _over(self, account_id: str, run: asyncio.Task[None]) -> None:
        self._late.discard(run)
        self.wake(account_id)

    async def _deliver_to(
        self,
        account_id: str,
        receiver: str,
        tried: dict[int, Delivery],
        until: float | None = None,
        ends_at: float = FOR_EVER,
        wall: float | None = None,
    ) -> None:
        """Send one receiver what is due, the earliest first; what comes meanwhile is included.

        No try begins after the moment `ends_at` of the event loop's time. `tried` gets each try by
        its number in the order in which they began.
        """
        going: set[asyncio.Task[None]] = set()
        patience, time = PATIENCE, asyncio.get_running_loop().time
        async with self._turn(account_id, receiver):
            try:
                while True:
                    found = None
                    if time() < ends_at:
                        found = await self._claim_next(account_id, receiver, until, wall)
                    if found is not None:
                        going.add(last := asyncio.create_task(self._send_claimed(*found, tried)))
                        await asyncio.wait((last,), timeout=patience)
                        patience = PATIENCE if last.done() else patience / 2
                    elif not going:
                        return
                    if found is None or len(going) >= MAX_AT_ONCE:
                        await asyncio.wait(going, return_when=asyncio.FIRST_COMPLETED)
                    for each in [each for each in going if each.done()]:
                        going.discard(each)
                        each.result()
            finally:
                for each in going:
                    each.cancel()
                await asyncio.gather(*going, return_exceptions=True)

    async def _claim_next(
        self, account_id: str, receiver: str, until: float | None, wall: float | None
    ) -> tuple[Account, Delivery, float, int] | None:
        """Claim what the receiver gets next; return it with its account, moment and number."""
        number = next(self._claims)
        async with self._act(account_id, wall=wall) as world:
            delivery = await next_for(world, receiver, world.now if until is None else until)
            if delivery is None:
                return None
            at = world.now if delivery.due_at is None else min(delivery.due_at, world.now)
            delivery = await claim(world, delivery, self._claim(number), LEASE)
            return world.account, delivery, at, number

    async def _send_claimed(
        self,
        account: Account,
        delivery: Delivery,
        at: float,
        number: int,
        tried: dict[int, Delivery],
    ) -> None:
        fault = None if delivery.fault else await self.fault_of(account, delivery, at)
        if fault is None:
            over = await self._sent(account, delivery, at)
        else:
            over = await self._misbehaved(account, replace(delivery, fault=fault.id), at, fault)
        async with self._act(account.id) as world:
            await keep(world, delivery.claim, over)
        if over.attempts:
            tried[number] = over

    async def _sent(
        self, account: Account, delivery: Delivery, at: float, fault: CallbackFault | None = None
    ) -> Delivery:
        """Send a notice; return it after the try."""
        reply, final = await self._try(account, delivery, at, fault)
        attempt = reply.as_attempt(at, asked=delivery.asked)
        over = delivery.tried(attempt, self._delays(account, delivery), final=final)
        _log(over, reply)
        return over

    async def _misbehaved(
        self, account: Account, delivery: Delivery, at: float, fault: CallbackFault
    ) -> Delivery:
        """Do what a fault wants with a notice; return what became of it."""
        log.info("callback %s: fault %s: %s", delivery.id, fault.id, fault.kind)
        if fault.kind in ("late", "overtaken", "lost", "lost-once"):
            self.on_try(self.wall(), self.wall(), delivery, None, False)
        match fault.kind:
            case "late" | "overtaken":
                overtaken = fault.kind == "overtaken"
                due_at = at + fault.seconds
                return replace(delivery, due_at=due_at, claim="", overtaken=overtaken)
            case "lost" | "lost-once":
                attempt = Attempt(at, 0, f"fault {fault.id}: {fault.kind}")
                final = fault.kind == "lost"
                return delivery.tried(attempt, self._delays(account, delivery), final=final)
        over = await self._sent(account, delivery, at, fault)
        if fault.kind == "twice":
            over = await self._sent(account, over, at)
        if fault.kind == "replayed":
            over = replace(over, due_at=at + fault.seconds)
        return over

    def _turn(self, account_id: str, receiver: str) -> asyncio.Lock:
        return self._turns.setdefault((account_id, receiver), asyncio.Lock())

    def _delays(self, account: Account, delivery: Delivery) -> Sequence[float]:
        known = self._adapters.get(delivery.watch.surface)
        if known is None or delivery.topic in (callback_adapter := known(account)).once:
            return ()
        return callback_adapter.delays

    async def _try(
        self, account: Account, delivery: Delivery, at: float, fault: CallbackFault | None = None
    ) -> tuple[CallbackReply, bool]:
        """Send a notice; return the reply, and whether another try would make no sense."""
        wall = self.wall()
        reply, final = await self.tried(account, delivery, at, fault)
        self.on_try(wall, self.wall(), delivery, reply, final)
        return reply, final

    async def tried(
        self, account: Account, delivery: Delivery, at: float, fault: CallbackFault | None
    ) -> tuple[CallbackReply, bool]:
        """Write a notice, find its receiver, and send it."""
        url = delivery.watch.url
        try:
            body = await self.body_of(account, delivery)
            if body is None:
                return CallbackReply(0, "the job is kept no longer"), True
            url = self._adapters[delivery.watch.surface](account).address(delivery, account, at)
            async with asyncio.timeout(TIMEOUT):
                target = await self.targets.check(url, account.id)
                if fault is not None:
                    target, body = fault.broken(target, body)
                return replace(await self._send(target, body), url=url), False
        except TargetRefused as refusal:
            final = not isinstance(refusal, NameUnknown)
            return CallbackReply(0, str(refusal), url=url), final
        except TimeoutError:
            return CallbackReply(0, f"no answer within {TIMEOUT:g} s", url=url), False
        except Exception as error:
            # Whatever it is, it must not stop the notices behind this one.
            log.exception("callback %s was not foreseen", delivery.id)
            return CallbackReply(0, f"not foreseen: {type(error).__name__}", url=url), True


def _tell_nobody(
    began: float, ended: float, delivery: Delivery, reply: CallbackReply | None, final: bool
) -> None:
    pass


async def _no_fault(account: Account, delivery: Delivery, now: float) -> CallbackFault | None:
    return None


def _log(delivery: Delivery, reply: CallbackReply) -> None:
    """Log what came of a try, with no more of the URL than its host: the rest may be secret."""
    if reply.arrived and not log.isEnabledFor(logging.DEBUG):
        return
    about = f"{delivery.topic or delivery.state}" + (delivery.job and f" of job {delivery.job}")
    answered = " ".join(map(str, filter(None, (reply.status, reply.problem))))
    level, again = logging.DEBUG, ""
    if not reply.arrived:
        level = logging.WARNING
        again = "; given up"
        if delivery.due_at is not None:
            again = f"; next try in {delivery.due_at - delivery.attempts[-1].at:g} s"
    receiver = delivery.due_group
    log.log(level, "callback %s (%s) to %s: %s%s", delivery.id, about, receiver, answered, again)
