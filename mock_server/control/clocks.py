"""Virtual time: looking at it, setting it, moving it ahead, freezing it."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from mock_server.control.descriptions import iso
from mock_server.control.operations import Ask
from mock_server.control.problems import CONFLICT, Problem
from mock_server.control.shapes import (
    ChoiceBody,
    IncomingBody,
    Moment,
    OutgoingBody,
    Rate,
    WorldQuery,
)
from mock_server.core.accounts import Account
from mock_server.core.clock import LATEST, Clock
from mock_server.core.jobs import JobState
from mock_server.core.worlds import Event, Worlds


class ClockChangeBody(ChoiceBody):
    """Sets the time, never back, or how fast it runs, or both."""

    several = True

    now: Moment | None = None
    rate: Rate | None = None


class AdvanceBody(ChoiceBody):
    """Moves time ahead by seconds, to a moment, or to the next thing that happens to a job."""

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
    """Something that time did to a job."""

    at: float
    iso: str
    account: str
    job: str
    state: JobState

    @classmethod
    def of(cls, event: Event) -> EventBody:
        return cls(
            at=event.at,
            iso=iso(event.at),
            account=event.account,
            job=event.job,
            state=event.state,
        )


class AdvancedBody(ClockBody):
    """The clock after it was moved, and what fell due on the way, in order."""

    fired: list[EventBody]


class Clocks:
    """The operations on clocks."""

    def __init__(self, worlds: Worlds) -> None:
        self.worlds = worlds

    async def get_clock(self, ask: Ask[WorldQuery, None]) -> ClockBody:
        account = await self._account(ask.query)
        return await self._shown(account, ask.wall)

    async def put_clock(self, ask: Ask[WorldQuery, ClockChangeBody]) -> AdvancedBody:
        account, fired = await self._account(ask.query), list[Event]()
        if ask.body.now is not None:
            _, fired = await self.worlds.advance(account, ask.wall, ask.body.now)
            account = await self._account(ask.query)
        if ask.body.rate is not None:
            await self._run(account, ask.wall, ask.body.rate)
        return await self._moved(ask, fired)

    async def advance_clock(self, ask: Ask[WorldQuery, AdvanceBody]) -> AdvancedBody:
        account, to = await self._account(ask.query), ask.body.to
        if ask.body.seconds is not None:
            to = (await self.worlds.clock(account)).now(ask.wall) + ask.body.seconds
            if to > LATEST:
                raise Problem(CONFLICT, f"time ends at {iso(LATEST)}")
        _, fired = await self.worlds.advance(account, ask.wall, to)
        return await self._moved(ask, fired)

    async def freeze_clock(self, ask: Ask[WorldQuery, None]) -> ClockBody:
        await self._run(await self._account(ask.query), ask.wall, 0.0)
        return await self._shown(await self._account(ask.query), ask.wall)

    async def resume_clock(self, ask: Ask[WorldQuery, ResumeBody]) -> ClockBody:
        account = await self._account(ask.query)
        clock = await self.worlds.clock(account)
        rate = ask.body.rate or (clock.rate_before if clock.frozen else clock.rate)
        await self._run(account, ask.wall, rate)
        return await self._shown(await self._account(ask.query), ask.wall)

    async def _account(self, query: WorldQuery) -> Account | None:
        return None if query.account is None else await self.worlds.find(query.account)

    async def _run(self, account: Account | None, wall: float, rate: float) -> Clock:
        clock = await self.worlds.clock(account)
        return await self.worlds.set_clock(account, clock.with_rate(wall, rate))

    async def _shown(self, account: Account | None, wall: float) -> ClockBody:
        clock = await self.worlds.clock(account)
        now = clock.now(wall)
        return ClockBody(
            account=None if account is None else account.id,
            own=account is not None and account.clock is not None,
            now=now,
            iso=iso(now),
            rate=clock.rate,
            frozen=clock.frozen,
            accounts_with_own_clock=sum(each.clock is not None for each in await self.worlds.all()),
        )

    async def _moved(self, ask: Ask[WorldQuery, Any], fired: list[Event]) -> AdvancedBody:
        shown = await self._shown(await self._account(ask.query), ask.wall)
        return AdvancedBody(**dict(shown), fired=[EventBody.of(event) for event in fired])
