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
from typing import TYPE_CHECKING
from weakref import WeakValueDictionary

from mock_server.core.accounts import Account
from mock_server.core.errors import NotFound
from mock_server.core.jobs import Job
from mock_server.core.mailroom import Mailroom
from mock_server.core.outbox import Attempt, Delivery, in_turn
from mock_server.core.studio import Studio
from mock_server.web.targets import NameUnknown, Target, TargetRefused, Targets

if TYPE_CHECKING:
    import httpx

log = logging.getLogger("tams_mock")

TIMEOUT = 5.0
ANSWER_BYTES = 64 * 1024

FOR_EVER = float("inf")

# A clock of one second in a million years would be more than event loops can count.
LONGEST_SLEEP = 86400.0

Write = Callable[[Delivery, Job, Account], bytes]


class Postman:
    """Delivers notices. `write` makes the body of one, in the words of the job's surface."""

    def __init__(
        self,
        studio: Studio,
        write: Write,
        wall: Callable[[], float],
        *,
        targets: Targets,
        delays: Sequence[float] = (),
        post: Callable[[Target, bytes], Awaitable[tuple[int, str]]] | None = None,
    ) -> None:
        self.studio = studio
        self.mailroom = Mailroom(studio.store, studio.rules.slots)
        self.write = write
        self.wall = wall
        self.targets = targets
        self.delays = tuple(delays)
        self._post = post or self._send
        self._client: asyncio.Task[httpx.AsyncClient] | None = None
        self._closed = False
        self._news: dict[str, asyncio.Event] = {}
        self._rounds: dict[str, asyncio.Task[None]] = {}
        # Accounts with something to come that wait for somebody to wake them: their clock stands.
        self._standing: set[str] = set()
        self._held = Counter[str]()
        # By account and receiver: who is sending, and whose turn it is.
        self._runs: dict[tuple[str, str], asyncio.Task[None]] = {}
        self._turns: WeakValueDictionary[tuple[str, str], asyncio.Lock] = WeakValueDictionary()

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
        if self._client is not None:
            await (await self._client).aclose()
            self._client = None

    async def _round(self, account_id: str) -> None:
        news = self._news[account_id]
        try:
            while (account := await self.studio.owner(account_id)) is not None:
                news.clear()
                now = await self.studio.now(account, self.wall())
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
        moment, open_ones = await self.mailroom.ahead(account)
        moments = [moment] + [
            each.due_at
            for each in in_turn(open_ones, open_ones)
            if (account.id, receiver_of(each)) not in self._runs
        ]
        next_moment = min((each for each in moments if each is not None), default=None)
        if next_moment is None:
            return None
        rate = await self.studio.pace(account)
        if not rate:
            self._standing.add(account.id)
            return None
        left = next_moment - await self.studio.now(account, self.wall())
        return min(max(0.0, left) / rate, LONGEST_SLEEP)

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
            attempt, _ = await self._attempt(account, delivery, now)
            delivery = delivery.repeated(attempt)
            await self.mailroom.keep(account, delivery)
            return delivery

    async def _found(self, account: Account, id: str) -> Delivery:
        delivery = await self.mailroom.find(account, id)
        if delivery is None:
            raise NotFound("callback", id)
        return delivery

    async def _receivers(
        self, account: Account, now: float, until: float | None = None
    ) -> list[str]:
        """Settle the account and return who has something to get by then."""
        due, open_ones = await self.mailroom.due(
            account, now if until is None else until, settle_at=now
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
                due, open_ones = await self.mailroom.due(account, until, settle_at=now)
                ready = (each for each in in_turn(due, open_ones) if receiver_of(each) == receiver)
                delivery = next(ready, None)
                if delivery is None:
                    return tried
                due_at = now if delivery.due_at is None else delivery.due_at
                attempt, final = await self._attempt(account, delivery, min(due_at, now))
                delivery = delivery.tried(attempt, self.delays, final=final)
                await self.mailroom.keep(account, delivery)
                tried.append(delivery)

    def _turn(self, account: Account, receiver: str) -> asyncio.Lock:
        return self._turns.setdefault((account.id, receiver), asyncio.Lock())

    async def _attempt(
        self, account: Account, delivery: Delivery, at: float
    ) -> tuple[Attempt, bool]:
        """Send a notice; return what came of it, and whether another try would make no sense."""
        job = await self.studio.job(delivery.job)
        if job is None:
            return Attempt(at, 0, "the job is kept no longer"), True
        try:
            body = self.write(delivery, job, account)
            async with asyncio.timeout(TIMEOUT):
                target = await self.targets.check(delivery.watch.url)
                status, problem = await self._post(target, body)
        except TargetRefused as refusal:
            return Attempt(at, 0, str(refusal)), not isinstance(refusal, NameUnknown)
        except TimeoutError:
            return Attempt(at, 0, f"no answer within {TIMEOUT:g} s"), False
        except Exception as error:
            # Whatever it is, it must not stop the notices behind this one.
            log.exception("callback %s was not foreseen", delivery.id)
            return Attempt(at, 0, f"not foreseen: {type(error).__name__}"), True
        return Attempt(at, status, problem), False

    # The wire

    async def _send(self, target: Target, body: bytes) -> tuple[int, str]:
        """POST the body and return the status, or 0 and what went wrong."""
        if self._client is None:
            # Loading it takes a quarter of a second, and requests should not wait for that.
            self._client = asyncio.create_task(asyncio.to_thread(_a_client))
        client = await asyncio.shield(self._client)
        import httpx

        problem = ""
        for url in target.pinned_urls:
            try:
                async with client.stream(
                    "POST",
                    url,
                    content=body,
                    headers={"Content-Type": "application/json", "Host": target.host},
                    extensions={"sni_hostname": target.name},
                ) as answer:
                    size_bytes = 0
                    async for chunk in answer.aiter_raw():
                        size_bytes += len(chunk)
                        if size_bytes > ANSWER_BYTES:
                            break
                    return answer.status_code, "" if answer.is_success else answer.reason_phrase
            except (httpx.HTTPError, httpx.InvalidURL) as error:
                problem = f"{type(error).__name__}: {error}"
                if not isinstance(error, httpx.ConnectError):
                    break
        return 0, problem


def receiver_of(delivery: Delivery) -> str:
    """Return who gets the notice, as one that is sent one notice after the other."""
    scheme, _, rest = delivery.watch.url.partition("//")
    return f"{scheme}//{rest.partition('/')[0].rpartition('@')[2]}".lower()


def _a_client() -> httpx.AsyncClient:
    import httpx

    # A connection for each notice: what is kept open would be shared between names at one address,
    # and receivers close it when they like. How long all may take is decided outside.
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=0)
    return httpx.AsyncClient(
        follow_redirects=False,
        limits=limits,
        timeout=None,  # noqa: S113 - see above
        trust_env=False,
    )
