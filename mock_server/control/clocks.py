"""Virtual time: looking at it, setting it, moving it ahead, freezing it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Annotated, Any, Literal

from msgspec import Struct
from pydantic import Field

from mock_server.control.descriptions import iso
from mock_server.control.operations import ControlRequest
from mock_server.control.problems import CONFLICT, Problem
from mock_server.control.shapes import (
    ChoiceBody,
    IncomingBody,
    Moment,
    OutgoingBody,
    Rate,
    WorldQuery,
)
from mock_server.core.account_service import AccountService, Event
from mock_server.core.accounts import Account
from mock_server.core.clock import LATEST, Clock
from mock_server.core.jobs.job import JobState
from mock_server.core.outbox import Delivery
from mock_server.core.sessions import SessionEndReason
from mock_server.web.callbacks import CallbackDispatcher


class ClockChangeBody(ChoiceBody):
    """Sets the time, never back, or how fast it runs, or both."""

    several = True

    now: Moment | None = None
    rate: Rate | None = None


class AdvanceBody(ChoiceBody):
    """Moves time ahead by seconds, to a moment, or to the next thing that happens by itself."""

    seconds: Annotated[float, Field(ge=0, le=LATEST)] | None = None
    to: Moment | None = None
    next: Literal[True] | None = None


class ResumeBody(IncomingBody):
    """How fast to go on; as before the freeze if it is left out."""

    rate: Annotated[float, Field(gt=0, le=1_000_000)] | None = None


class ClockBody(OutgoingBody):
    """What time it is for an account, or (null) for the server and whoever follows it.

    `accounts_with_own_clock` do not follow the server's.
    """

    account: str | None
    own: bool
    now: float
    iso: str
    rate: float
    frozen: bool
    accounts_with_own_clock: int


class EventBody(OutgoingBody):
    """Something that time did: a job came into a state, or a session or a token expired.

    `id` is that of the job, session or token; `job` repeats it for jobs.
    """

    at: float
    iso: str
    account: str
    kind: Literal["job", "session", "token"]
    id: str
    job: str | None
    state: JobState | SessionEndReason

    @classmethod
    def of(cls, event: Event) -> EventBody:
        return cls(
            at=event.at,
            iso=iso(event.at),
            account=event.account,
            kind=event.kind,
            id=event.id,
            job=event.id if event.kind == "job" else None,
            state=event.state,
        )


class CallbackTryBody(OutgoingBody):
    """One try to deliver a callback; the status is 0 if there was no answer."""

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
    """The clock after it was moved, and what fell due and was delivered on the way, in order."""

    fired: list[EventBody]
    callbacks: list[CallbackTryBody]


class Happened(Struct, frozen=True):
    """What a move of a clock has brought about."""

    fired: Sequence[Event] = ()
    tries: Sequence[Delivery] = ()


class Clocks:
    """The operations on clocks."""

    def __init__(self, account_service: AccountService, dispatcher: CallbackDispatcher) -> None:
        self.account_service = account_service
        self.dispatcher = dispatcher

    async def get_clock(self, request: ControlRequest[WorldQuery, None]) -> ClockBody:
        account = await self._account(request.query)
        return await self._shown(account, request.wall)

    async def put_clock(self, request: ControlRequest[WorldQuery, ClockChangeBody]) -> AdvancedBody:
        account, happened = await self._account(request.query), Happened()
        if request.body.now is not None:
            happened = await self._advance(account, request.wall, request.body.now)
            account = await self._account(request.query)
        if request.body.rate is not None:
            await self._run(account, request.wall, request.body.rate)
        return await self._moved(request, happened)

    async def advance_clock(self, request: ControlRequest[WorldQuery, AdvanceBody]) -> AdvancedBody:
        account, to = await self._account(request.query), request.body.to
        if request.body.seconds is not None:
            to = (await self.account_service.clock(account)).now(
                request.wall
            ) + request.body.seconds
            if to > LATEST:
                raise Problem(CONFLICT, f"time ends at {iso(LATEST)}")
        return await self._moved(request, await self._advance(account, request.wall, to))

    async def freeze_clock(self, request: ControlRequest[WorldQuery, None]) -> ClockBody:
        await self._run(await self._account(request.query), request.wall, 0.0)
        return await self._shown(await self._account(request.query), request.wall)

    async def resume_clock(self, request: ControlRequest[WorldQuery, ResumeBody]) -> ClockBody:
        account = await self._account(request.query)
        clock = await self.account_service.clock(account)
        rate = request.body.rate or (clock.rate_before if clock.frozen else clock.rate)
        await self._run(account, request.wall, rate)
        return await self._shown(await self._account(request.query), request.wall)

    async def _account(self, query: WorldQuery) -> Account | None:
        return None if query.account is None else await self.account_service.find(query.account)

    async def _run(self, account: Account | None, wall: float, rate: float) -> Clock:
        clock = await self.account_service.clock(account)
        clock = await self.account_service.set_clock(account, clock.with_rate(wall, rate))
        self._wake(account)
        return clock

    async def _advance(self, account: Account | None, wall: float, to: float | None) -> Happened:
        """Move a clock, and deliver what is due by then for everybody who follows it."""
        if account is None:
            followers = [each for each in await self.account_service.all() if each.clock is None]
        else:
            followers = [account]
        with self.dispatcher.held([each.id for each in followers]):
            clock, fired = await self.account_service.advance(account, wall, to)
            now = clock.now(wall)
            deliveries = (self.dispatcher.deliver_due(each, now) for each in followers)
            tries = [each for tried in await asyncio.gather(*deliveries) for each in tried]
        self._wake(account)
        return Happened(fired, sorted(tries, key=lambda each: each.attempts[-1].at))

    def _wake(self, account: Account | None) -> None:
        self.dispatcher.wake(None if account is None else account.id)

    async def _shown(self, account: Account | None, wall: float) -> ClockBody:
        clock = await self.account_service.clock(account)
        now = clock.now(wall)
        return ClockBody(
            account=None if account is None else account.id,
            own=account is not None and account.clock is not None,
            now=now,
            iso=iso(now),
            rate=clock.rate,
            frozen=clock.frozen,
            accounts_with_own_clock=sum(
                each.clock is not None for each in await self.account_service.all()
            ),
        )

    async def _moved(
        self, request: ControlRequest[WorldQuery, Any], happened: Happened
    ) -> AdvancedBody:
        shown = await self._shown(await self._account(request.query), request.wall)
        return AdvancedBody(
            **dict(shown),
            fired=[EventBody.of(event) for event in happened.fired],
            callbacks=[CallbackTryBody.of(each) for each in happened.tries],
        )
