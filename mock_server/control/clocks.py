"""Virtual time: read, set, advance, freeze and resume clocks."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from itertools import chain
from typing import Annotated, Any, Literal

from pydantic import Field

from mock_server.core.account_service import AccountService
from mock_server.core.clock import LATEST, Clock
from mock_server.core.events import Event
from mock_server.core.jobs.due import JOB
from mock_server.core.jobs.job import JobState
from mock_server.core.outbox import Delivery
from mock_server.web.callbacks import CallbackDispatcher
from mock_server.web.calls import Call, ControlRequest
from mock_server.web.json_bodies import (
    AccountQuery,
    ChoiceBody,
    IncomingBody,
    Moment,
    OutgoingBody,
    Rate,
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
        return cls(
            at=event.at,
            iso=iso(event.at),
            account=event.account,
            kind=event.kind,
            id=event.id,
            job=event.id if event.kind == JOB else None,
            state=event.state,
        )


class CallbackTryBody(OutgoingBody):
    """One attempt to deliver a callback; the status is 0 without an answer."""

    id: str
    topic: str
    job: str | None
    state: JobState | None
    status: int
    problem: str | None

    @classmethod
    def of(cls, delivery: Delivery) -> CallbackTryBody:
        attempt = delivery.attempts[-1]
        return cls(
            id=delivery.id,
            topic=delivery.topic,
            job=delivery.job or None,
            state=delivery.state,
            status=attempt.status,
            problem=attempt.problem or None,
        )


class AdvancedBody(ClockBody):
    """The clock after a move, with the events and callbacks on the way, in order."""

    fired: list[EventBody]
    callbacks: list[CallbackTryBody]


class Clocks:
    """Operations on clocks."""

    def __init__(self, accounts: AccountService, dispatcher: CallbackDispatcher) -> None:
        self.accounts = accounts
        self.dispatcher = dispatcher

    async def get_clock(self, call: Call, request: ControlRequest[AccountQuery, None]) -> ClockBody:
        return await self._shown(request.query.account, call.wall)

    async def put_clock(
        self, call: Call, request: ControlRequest[AccountQuery, ClockChangeBody]
    ) -> AdvancedBody:
        wall, moment, rate = call.wall, request.body.now, request.body.rate

        def change(clock: Clock) -> Clock:
            moved = clock if moment is None else clock.moved_to(wall, moment)
            return moved if rate is None else moved.with_rate(wall, rate)

        if moment is not None:
            return await self._advance(call, request, change)
        await self._change(request.query.account, wall, change)
        return await self._advanced(call, request, (), ())

    async def advance_clock(
        self, call: Call, request: ControlRequest[AccountQuery, AdvanceBody]
    ) -> AdvancedBody:
        wall, seconds, moment = call.wall, request.body.seconds, request.body.to

        def move(clock: Clock) -> Clock:
            if moment is not None:
                return clock.moved_to(wall, moment)
            return clock.advanced(wall, seconds or 0.0)

        return await self._advance(call, request, None if request.body.next else move)

    async def freeze_clock(
        self, call: Call, request: ControlRequest[AccountQuery, None]
    ) -> ClockBody:
        id, wall = request.query.account, call.wall
        await self._change(id, wall, lambda clock: clock.with_rate(wall, 0.0))
        return await self._shown(id, wall)

    async def resume_clock(
        self, call: Call, request: ControlRequest[AccountQuery, ResumeBody]
    ) -> ClockBody:
        id, wall, rate = request.query.account, call.wall, request.body.rate

        def resume(clock: Clock) -> Clock:
            before = clock.rate_before if clock.frozen else clock.rate
            return clock.with_rate(wall, rate or before)

        await self._change(id, wall, resume)
        return await self._shown(id, wall)

    async def _change(self, id: str | None, wall: float, change: Callable[[Clock], Clock]) -> None:
        await self.accounts.change_clock(id, wall, change)
        self._wake(id)

    async def _advance(
        self,
        call: Call,
        request: ControlRequest[AccountQuery, Any],
        move: Callable[[Clock], Clock] | None,
    ) -> AdvancedBody:
        """Move a clock, and deliver what is due by then for all accounts that follow it."""
        id = request.query.account
        followers = [id] if id is not None else await self._followers()
        with self.dispatcher.held(followers):
            events = await self.accounts.advance(id, call.wall, move)
            delivered = await asyncio.gather(*map(self.dispatcher.deliver_due, followers))
        self._wake(id)
        tries = sorted(chain(*delivered), key=lambda each: each.attempts[-1].at)
        return await self._advanced(call, request, events, tries)

    async def _followers(self) -> list[str]:
        return [account.id for account in await self.accounts.all() if account.clock is None]

    def _wake(self, id: str | None) -> None:
        if id is None:  # A unit of work wakes its own account.
            self.dispatcher.wake()

    async def _shown(self, id: str | None, wall: float) -> ClockBody:
        account = None if id is None else await self.accounts.find(id)
        clock = await self.accounts.clock(account)
        now = clock.now(wall)
        return ClockBody(
            account=id,
            own=account is not None and account.clock is not None,
            now=now,
            iso=iso(now),
            rate=clock.rate,
            frozen=clock.frozen,
            accounts_with_own_clock=sum(
                each.clock is not None for each in await self.accounts.all()
            ),
        )

    async def _advanced(
        self,
        call: Call,
        request: ControlRequest[AccountQuery, Any],
        events: Sequence[Event],
        tries: Sequence[Delivery],
    ) -> AdvancedBody:
        return AdvancedBody(
            **dict(await self._shown(request.query.account, call.wall)),
            fired=[EventBody.of(event) for event in events],
            callbacks=[CallbackTryBody.of(each) for each in tries],
        )
