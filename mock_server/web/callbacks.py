"""Callbacks: delivering what is due in the outbox, at its moment of the account's clock.

Nothing here holds up a request. A round for each account with something to come waits for the next
moment on its clock, sends off what is due to each receiver on its own, and ends when nothing is
left or the clock stands; whoever changes something wakes it. What goes to one receiver goes one
after the other, in the order of the moments at which it is due. A try is dated with that moment,
so that the log of an advance is the same in one step as in many.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import chain
from weakref import WeakValueDictionary

from msgspec.structs import replace

from mock_server.core.accounts import Account
from mock_server.core.errors import NotFound
from mock_server.core.jobs.service import JobService
from mock_server.core.jobs.watch import Watch
from mock_server.core.outbox import Delivery, in_turn
from mock_server.core.outbox_service import OutboxService
from mock_server.web.callback_formats import CallbackAdapter, CallbackReply, receiver_of
from mock_server.web.sender import Sender
from mock_server.web.targets import CallbackTarget, CallbackTargets, NameUnknown, TargetRefused

log = logging.getLogger("tams_mock")

TIMEOUT = 5.0

FOR_EVER = float("inf")

# A clock of one second in a million years would be more than event loops can count.
MAX_SLEEP = 86400.0

Send = Callable[[CallbackTarget, bytes], Awaitable[CallbackReply]]


class CallbackDispatcher:
    """Delivers notices and asks questions, for every surface that was introduced to it."""

    def __init__(
        self,
        job_service: JobService,
        wall: Callable[[], float],
        *,
        targets: CallbackTargets,
        send: Send | None = None,
    ) -> None:
        self.job_service = job_service
        self.outbox_service = OutboxService(job_service.store, job_service.rules.slots)
        self.wall = wall
        self.targets = targets
        self._adapters: dict[str, Callable[[], CallbackAdapter]] = {}
        self._sender = Sender()
        self._send = send or self._sender.send
        self._closed = False
        self._news: dict[str, asyncio.Event] = {}
        self._rounds: dict[str, asyncio.Task[None]] = {}
        # Accounts with something to come that wait for somebody to wake them: their clock stands.
        self._standing: set[str] = set()
        self._held = Counter[str]()
        # By account and receiver: who is sending, and whose turn it is.
        self._runs: dict[tuple[str, str], asyncio.Task[None]] = {}
        self._turns: WeakValueDictionary[tuple[str, str], asyncio.Lock] = WeakValueDictionary()

    def register(self, surface: str, callback_adapter: Callable[[], CallbackAdapter]) -> None:
        """Say who words and addresses the notices of a surface; asked once there is one."""
        self._adapters[surface] = callback_adapter

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
        """Send nothing by itself meanwhile: whoever moves a clock delivers, and tells of it."""
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
        going = [*self._rounds.values(), *self._runs.values()]
        for each in going:
            each.cancel()
        await asyncio.gather(*going, return_exceptions=True)
        await self._sender.close()

    async def _round(self, account_id: str) -> None:
        news = self._news[account_id]
        try:
            while (account := await self.job_service.owner(account_id)) is not None:
                news.clear()
                now = await self.job_service.now(account, self.wall())
                if self._held[account_id]:
                    self._standing.add(account_id)
                    break
                for receiver in await self._receivers(account, now):
                    self._send_off(account, receiver, now)
                seconds = await self._until_next(account)
                if seconds is not None:
                    with suppress(TimeoutError):
                        async with asyncio.timeout(seconds):
                            await news.wait()
                elif not news.is_set():
                    break
        except Exception:
            log.exception("callbacks of account %s have stopped", account_id)
        finally:
            self._rounds.pop(account_id, None)
            self._news.pop(account_id, None)

    async def _until_next(self, account: Account) -> float | None:
        """Return the real seconds until something falls due; None if nothing does by itself.

        What a run is busy with is left to it: when it ends it wakes the round.
        """
        moment, open_ones = await self.outbox_service.ahead(account)
        moments = [moment] + [
            each.due_at
            for each in in_turn(open_ones, open_ones)
            if (account.id, receiver_of(each)) not in self._runs
        ]
        next_moment = min((each for each in moments if each is not None), default=None)
        if next_moment is None:
            return None
        rate = await self.job_service.pace(account)
        if not rate:
            self._standing.add(account.id)
            return None
        left = next_moment - await self.job_service.now(account, self.wall())
        return min(max(0.0, left) / rate, MAX_SLEEP)

    def _send_off(self, account: Account, receiver: str, now: float) -> None:
        run = self._runs.get((account.id, receiver))
        if run is None or run.done():
            run = asyncio.create_task(self._run(account, receiver, now))
            self._runs[account.id, receiver] = run

    async def _run(self, account: Account, receiver: str, now: float) -> None:
        try:
            await self._deliver_to(account, receiver, now)
        except Exception:
            # It stays among the runs, so that nobody tries it over and over again.
            log.exception("callbacks of account %s to %s have stopped", account.id, receiver)
        else:
            del self._runs[account.id, receiver]
            self.wake(account.id)

    # Other things than jobs

    async def post(
        self,
        account: Account,
        watch: Watch,
        topic: str,
        content: bytes,
        now: float,
        *,
        due_at: float | None = None,
    ) -> Delivery:
        """Let a notice about something that is no job leave now, or when it is due."""
        delivery = await self.outbox_service.post(
            account, watch, topic, content, now, due_at=due_at
        )
        self.wake(account.id)
        return delivery

    async def ask(
        self, account: Account, watch: Watch, topic: str, content: bytes, now: float
    ) -> CallbackReply:
        """Ask the receiver at once and only once, and return what it says.

        It waits for no other letter and holds up none; the log has it like a notice.
        """
        question = await self.outbox_service.post(account, watch, topic, content, now, asked=True)
        reply, _ = await self._try(account, question, now)
        answered = question.repeated(reply.as_attempt(now, asked=True))
        await self.outbox_service.keep(account, answered)
        return reply

    async def body_of(self, account: Account, delivery: Delivery) -> bytes | None:
        """Return what a notice says; None where its job is kept no longer."""
        if not delivery.job:
            return delivery.content
        job = await self.job_service.job(delivery.job)
        if job is None:
            return None
        return self._adapters[delivery.watch.surface]().write(delivery, job, account)

    # Deliveries

    async def deliver_due(self, account: Account, now: float) -> list[Delivery]:
        """Settle the account and send what is due by now, in order; return each try."""
        return await self._deliver(account, now, now)

    async def drain(self, account: Account, now: float) -> list[Delivery]:
        """Try everything that is open now, whenever it would be due, until nothing is open."""
        return await self._deliver(account, now, FOR_EVER)

    async def redeliver(self, account: Account, id: str, now: float) -> Delivery:
        """Send a notice once more, whatever became of it before."""
        found = await self._found(account, id)
        async with self._turn(account, receiver_of(found)):
            # What was there before the turn came may have been tried since.
            delivery = await self._found(account, id)
            reply, _ = await self._try(account, delivery, now)
            delivery = delivery.repeated(reply.as_attempt(now, asked=delivery.asked))
            await self.outbox_service.keep(account, delivery)
            return delivery

    async def _found(self, account: Account, id: str) -> Delivery:
        delivery = await self.outbox_service.find(account, id)
        if delivery is None:
            raise NotFound("callback", id)
        return delivery

    async def _receivers(
        self, account: Account, now: float, until: float | None = None
    ) -> list[str]:
        """Settle the account and return who has something to get by then."""
        due, open_ones = await self.outbox_service.due(
            account, now if until is None else until, apply_at=now
        )
        return list(dict.fromkeys(map(receiver_of, in_turn(due, open_ones))))

    async def _deliver(self, account: Account, now: float, until: float) -> list[Delivery]:
        receivers = await self._receivers(account, now, until)
        tried = await asyncio.gather(
            *(self._deliver_to(account, receiver, now, until) for receiver in receivers)
        )
        return sorted(chain(*tried), key=lambda delivery: delivery.attempts[-1].at)

    async def _deliver_to(
        self, account: Account, receiver: str, now: float, until: float | None = None
    ) -> list[Delivery]:
        """Send one receiver what is due, the earliest first; what comes meanwhile is included."""
        until = now if until is None else until
        tried: list[Delivery] = []
        async with self._turn(account, receiver):
            while True:
                due, open_ones = await self.outbox_service.due(account, until, apply_at=now)
                ready = (each for each in in_turn(due, open_ones) if receiver_of(each) == receiver)
                delivery = next(ready, None)
                if delivery is None:
                    return tried
                at = now if delivery.due_at is None else min(delivery.due_at, now)
                reply, final = await self._try(account, delivery, at)
                attempt = reply.as_attempt(at, asked=delivery.asked)
                delivery = delivery.tried(attempt, self._delays(delivery), final=final)
                await self.outbox_service.keep(account, delivery)
                tried.append(delivery)

    def _turn(self, account: Account, receiver: str) -> asyncio.Lock:
        return self._turns.setdefault((account.id, receiver), asyncio.Lock())

    def _delays(self, delivery: Delivery) -> Sequence[float]:
        known = self._adapters.get(delivery.watch.surface)
        if known is None or delivery.topic in (callback_adapter := known()).once:
            return ()
        return callback_adapter.delays

    async def _try(
        self, account: Account, delivery: Delivery, at: float
    ) -> tuple[CallbackReply, bool]:
        """Send a notice; return the reply, and whether another try would make no sense."""
        url = delivery.watch.url
        try:
            body = await self.body_of(account, delivery)
            if body is None:
                return CallbackReply(0, "the job is kept no longer"), True
            url = self._adapters[delivery.watch.surface]().address(delivery, account, at)
            async with asyncio.timeout(TIMEOUT):
                target = await self.targets.check(url)
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
