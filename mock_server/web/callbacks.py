"""Callbacks: delivering what is due in the outbox, at its moment of the account's clock.

Nothing here holds up a request. A task for each account with something to come waits until the
next moment on its clock, delivers, and ends when there is nothing left; a clock that stands is
waited for without looking.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from mock_server.core.accounts import Account
from mock_server.core.errors import NotFound
from mock_server.core.jobs import Job
from mock_server.core.mailroom import Mailroom
from mock_server.core.outbox import Attempt, Delivery, in_turn
from mock_server.core.studio import Studio
from mock_server.web.targets import Target, TargetRefused, Targets

if TYPE_CHECKING:
    import httpx

log = logging.getLogger("tams_mock")

TIMEOUT = 5.0
ANSWER_BYTES = 64 * 1024

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
        self._client: httpx.AsyncClient | None = None
        self._rounds: dict[str, asyncio.Task[None]] = {}
        self._news: dict[str, asyncio.Event] = {}
        self._turns: dict[str, asyncio.Lock] = {}

    # Coming by itself

    def wake(self, account: str | None = None) -> None:
        """Look again at an account's outbox (None: at all that wait): something has changed."""
        if account is None:
            for news in self._news.values():
                news.set()
            return
        self._news.setdefault(account, asyncio.Event()).set()
        if account not in self._rounds:
            self._rounds[account] = asyncio.create_task(self._round(account))

    async def _round(self, account_id: str) -> None:
        news = self._news[account_id]
        try:
            while (account := await self.studio.owner(account_id)) is not None:
                news.clear()
                now = await self.studio.now(account, self.wall())
                await self.deliver_due(account, now)
                seconds = await self._until_next(account)
                if seconds is None:
                    break
                with suppress(TimeoutError):
                    async with asyncio.timeout(None if seconds == float("inf") else seconds):
                        await news.wait()
        except Exception:
            log.exception("callbacks of account %s have stopped", account_id)
        finally:
            self._rounds.pop(account_id, None)
            if self._news.get(account_id) is news:
                del self._news[account_id]

    async def _until_next(self, account: Account) -> float | None:
        """Return the real seconds until something falls due; infinite while the clock stands."""
        moment = await self.mailroom.next_moment(account)
        if moment is None:
            return None
        wall = self.wall()
        rate = await self.studio.pace(account)
        left = moment - await self.studio.now(account, wall)
        return max(0.0, left) / rate if rate else (0.0 if left <= 0 else float("inf"))

    # Deliveries

    async def deliver_due(self, account: Account, now: float) -> list[Delivery]:
        """Settle the account and send what is due by now, in order; return what was tried."""
        tried: list[Delivery] = []
        async with self._turns.setdefault(account.id, asyncio.Lock()):
            while ready := in_turn(*await self.mailroom.due(account, now)):
                for delivery in ready:
                    tried.append(await self._try(account, delivery, now))
        return tried

    async def drain(self, account: Account, now: float) -> list[Delivery]:
        """Try everything that is open now, whenever it would be due, until nothing is open."""
        tried: list[Delivery] = []
        async with self._turns.setdefault(account.id, asyncio.Lock()):
            await self.mailroom.due(account, now)
            while ready := in_turn(*await self.mailroom.due(account, float("inf"), settle_at=now)):
                for delivery in ready:
                    tried.append(await self._try(account, delivery, now))
        return tried

    async def redeliver(self, account: Account, id: str, now: float) -> Delivery:
        """Send a notice once more, whatever became of it before."""
        async with self._turns.setdefault(account.id, asyncio.Lock()):
            delivery = await self.mailroom.find(account, id)
            if delivery is None:
                raise NotFound("callback", id)
            return await self._try(account, delivery.again(now), now, final=True)

    async def close(self) -> None:
        """Stop waiting, and let go of connections."""
        rounds = list(self._rounds.values())
        for each in rounds:
            each.cancel()
        await asyncio.gather(*rounds, return_exceptions=True)
        if self._client is not None:
            await self._client.aclose()
            self._client = None

    async def _try(
        self, account: Account, delivery: Delivery, now: float, *, final: bool = False
    ) -> Delivery:
        status, problem = 0, ""
        job = await self.studio.job(delivery.job)
        if job is None:
            problem, final = "the job is kept no longer", True
        else:
            try:
                target = await self.targets.check(delivery.watch.url)
                status, problem = await self._post(target, self.write(delivery, job, account))
            except TargetRefused as refusal:
                problem, final = str(refusal), True
        delivery = delivery.tried(Attempt(now, status, problem), self.delays, final=final)
        await self.mailroom.keep(account, delivery)
        return delivery

    async def _send(self, target: Target, body: bytes) -> tuple[int, str]:
        """POST the body and return the status, or 0 and what went wrong."""
        import httpx

        if self._client is None:
            self._client = httpx.AsyncClient(follow_redirects=False, trust_env=False)
        headers = {"Content-Type": "application/json", "Host": target.host}
        extensions = {"sni_hostname": target.host.rpartition(":")[0] or target.host}
        try:
            async with (
                asyncio.timeout(TIMEOUT),
                self._client.stream(
                    "POST",
                    target.pinned_url,
                    content=body,
                    headers=headers,
                    extensions=extensions,
                    timeout=TIMEOUT,
                ) as answer,
            ):
                size_bytes = 0
                async for chunk in answer.aiter_raw():
                    size_bytes += len(chunk)
                    if size_bytes > ANSWER_BYTES:
                        break
                return answer.status_code, "" if answer.is_success else answer.reason_phrase
        except TimeoutError:
            return 0, f"no answer within {TIMEOUT:g} s"
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            return 0, f"{type(error).__name__}: {error}"
