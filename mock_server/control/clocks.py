"""Virtual time: read, set, advance, freeze and resume clocks."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from itertools import chain
from typing import Annotated, Literal

from pydantic import Field

from mock_server.core.clock import LATEST, Clock
from mock_server.core.events import Event
from mock_server.core.jobs.due import JOB
from mock_server.core.jobs.job import JobState
from mock_server.core.outbox import Delivery
from mock_server.web.callbacks import CallbackDispatcher
from mock_server.web.calls import Call
from mock_server.web.json_bodies import (
    AccountQuery,
    ChoiceBody,
    IncomingBody,
    Moment,
    OutgoingBody,
    Rate,
    TextOrNull,
)
from mock_server.web.json_values import iso


class ClockChangeBody(ChoiceBody):
    """Sets the time, never back, or how fast it runs, or both."""

    several = True

    now: Moment | None = None
    rate: Rate | None = None


class AdvanceBody(ChoiceBody):
    """Moves time ahead by seconds, to a moment, or to the next event."""

    seconds: Annotated[float, Field(ge=0, le=LATEST)] | None = None
    to: Moment | None = None
    next: Literal[True] | None = None


class ResumeBody(IncomingBody):
    """The rate to resume at; by default the rate before the freeze."""

    rate: Annotated[float, Field(gt=0, le=1_000_000)] | None = None


class ClockBody(OutgoingBody):
    """The time of an account, or (null) of the server and all accounts that follow its clock.

    `accounts_with_own_clock` do not follow it.
    """

    account: str | None
    own: bool
    now: float
    iso: str
    rate: float
    frozen: bool
    accounts_with_own_clock: int


class EventBody(OutgoingBody):
    """An event that time brought: a job reached a state, or a session or a token expired.

    `id` is that of the job, session or token; `job` repeats it for jobs.
    """

    at: float
    iso: str
    account: str
    kind: str
    id: str
    job: str | None
    state: str

    @classmethod
    def of(cls, event: Event) -> EventBody:
        return cls.like(event, iso=iso(event.at), job=event.id if event.kind == JOB else None)


class CallbackTryBody(OutgoingBody):
    """One attempt to deliver a callback; the status is 0 without an answer."""

    id: str
    topic: str
    job: TextOrNull
    state: JobState | None
    status: int
    problem: TextOrNull

    @classmethod
    def of(cls, delivery: Delivery) -> CallbackTryBody:
        return cls.like(delivery, delivery.attempts[-1])


class AdvancedBody(ClockBody):
    """The clock after a move, with the events and callbacks on the way, in order.

    Callbacks are waited for ten seconds at most. `open_callbacks` are due or will be tried again.
    """

    fired: list[EventBody]
    callbacks: list[CallbackTryBody]
    open_callbacks: int


class Clocks:
    """Operations on clocks. Those that move a clock deliver the callbacks that are due then."""

    def __init__(self, dispatcher: CallbackDispatcher) -> None:
        self.dispatcher = dispatcher

    async def get_clock(self, call: Call, query: AccountQuery) -> ClockBody:
        id = query.account
        if id in call.accounts.scenarios.running:
            await call.accounts.scenarios.catch_up(id, call.wall)
        account = None if id is None else await call.accounts.find(id)
        clock = await call.accounts.clock(account)
        now = clock.now(call.wall)
        return ClockBody(
            account=id,
            own=account is not None and account.clock is not None,
            now=now,
            iso=iso(now),
            rate=clock.rate,
            frozen=clock.frozen,
            accounts_with_own_clock=sum(
                each.clock is not None for each in await call.accounts.all()
            ),
        )

    async def put_clock(
        self, call: Call, query: AccountQuery, body: ClockChangeBody
    ) -> AdvancedBody:
        wall, moment, rate = call.wall, body.now, body.rate

        def change(clock: Clock) -> Clock:
            moved = clock if moment is None else clock.moved_to(wall, moment)
            return moved if rate is None else moved.with_rate(wall, rate)

        if moment is not None:
            return await self._advance(call, query, change)
        clock = await self._change(call, query, change)
        opened = await self.dispatcher.count_open(await call.accounts.followers(query.account))
        return AdvancedBody(**dict(clock), fired=[], callbacks=[], open_callbacks=opened)

    async def advance_clock(
        self, call: Call, query: AccountQuery, body: AdvanceBody
    ) -> AdvancedBody:
        wall, seconds, moment = call.wall, body.seconds, body.to

        def move(clock: Clock) -> Clock:
            if moment is not None:
                return clock.moved_to(wall, moment)
            return clock.advanced(wall, seconds or 0.0)

        return await self._advance(call, query, None if body.next else move)

    async def freeze_clock(self, call: Call, query: AccountQuery) -> ClockBody:
        return await self._change(call, query, lambda clock: clock.with_rate(call.wall, 0.0))

    async def resume_clock(self, call: Call, query: AccountQuery, body: ResumeBody) -> ClockBody:
        def resume(clock: Clock) -> Clock:
            before = clock.rate_before if clock.frozen else clock.rate
            return clock.with_rate(call.wall, body.rate or before)

        return await self._change(call, query, resume)

    async def _change(
        self, call: Call, query: AccountQuery, change: Callable[[Clock], Clock]
    ) -> ClockBody:
        await call.accounts.change_clock(query.account, call.wall, change)
        self._wake(query, await call.accounts.followers(query.account))
        return await self.get_clock(call, query)

    async def _advance(
        self, call: Call, query: AccountQuery, move: Callable[[Clock], Clock] | None
    ) -> AdvancedBody:
        """Move a clock, and deliver what is due by then for all accounts that follow it."""
        followers = await call.accounts.followers(query.account)
        with self.dispatcher.held(followers):
            events = await call.accounts.advance(query.account, call.wall, move)
            sending = (self.dispatcher.deliver_due(each, call.wall) for each in followers)
            delivered = await asyncio.gather(*sending)
        self._wake(query, followers)
        tries = sorted(chain(*delivered), key=lambda each: each.attempts[-1].at)
        call.went_on()
        opened = await self.dispatcher.count_open(followers)
        return AdvancedBody(
            **dict(await self.get_clock(call, query)),
            fired=[EventBody.of(event) for event in events],
            callbacks=[CallbackTryBody.of(each) for each in tries],
            open_callbacks=opened,
        )

    def _wake(self, query: AccountQuery, followers: Sequence[str]) -> None:
        if query.account is None:
            self.dispatcher.wake()
        else:
            for each in followers[1:]:  # A unit of work wakes its own account.
                self.dispatcher.wake(each)
