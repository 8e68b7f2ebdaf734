"""Callbacks: those sent and those to be sent, each attempt, and sending them again."""

from __future__ import annotations

import asyncio
import json
from itertools import chain
from typing import Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import Field

from mock_server.control.redaction import HIDDEN, Redactor
from mock_server.core.accounts import Account
from mock_server.core.errors import NotFound
from mock_server.core.jobs.job import JobState
from mock_server.core.jobs.watch import Notify
from mock_server.core.outbox import Attempt, Delivery
from mock_server.web.callbacks import CallbackDispatcher
from mock_server.web.calls import Call
from mock_server.web.json_bodies import (
    AccountQuery,
    MomentBody,
    NewestQuery,
    OutgoingBody,
    PageBody,
    TextOrNull,
)
from mock_server.web.json_values import iso
from mock_server.web.listing import newest, up_to_date


class CallbacksQuery(NewestQuery):
    """Which callbacks are listed."""

    job: str | None = Field(
        None, min_length=1, max_length=100, description="Only those about this job"
    )
    state: JobState | None = Field(None, description="Only those about this state")
    topic: str | None = Field(None, max_length=100, description="Only those on this topic")
    kind: Literal["told", "asked"] | None = Field(None, description="Only notices, or questions")
    arrived: bool | None = Field(None, description="Only those that have arrived, or have not")

    async def fits(self, delivery: Delivery) -> bool:
        return (
            self.job in (None, delivery.job)
            and self.state in (None, delivery.state)
            and self.topic in (None, delivery.topic)
            and self.kind in (None, _kind(delivery))
            and self.arrived in (None, delivery.arrived)
        )


class AttemptBody(OutgoingBody):
    """One attempt, at a moment of virtual time; the status is 0 without an answer.

    `url` is where it was sent, and `answer` is the answer to a question; both without secrets.
    """

    at: float
    iso: str
    status: int
    problem: TextOrNull
    url: str | None
    answer: Any

    @classmethod
    def of(cls, attempt: Attempt) -> AttemptBody:
        answer = Redactor(()).body(attempt.answer.encode())
        return cls.like(
            attempt,
            iso=iso(attempt.at),
            url=_shown(attempt.url) if attempt.url else None,
            answer=_read(answer) if answer else None,
        )


class CallbackBody(OutgoingBody):
    """A callback: the `number`-th about its job. It is open while `due` is not null.

    An open one that is due waits for an earlier one on its topic and job, or for its receiver. A
    question (`asked`) is sent once, at once. `job` and `state` are null if it is about no job.
    """

    id: str
    account: str
    surface: str
    kind: Literal["told", "asked"]
    topic: str
    job: TextOrNull
    number: int
    url: str
    notify: Notify
    state: JobState | None
    done: float
    made: MomentBody
    due: MomentBody | None
    arrived: bool
    attempts: list[AttemptBody]

    @classmethod
    def of(cls, delivery: Delivery, **more: Any) -> Self:
        watch, due_at = delivery.watch, delivery.due_at
        return cls.like(
            delivery,
            watch,
            kind=_kind(delivery),
            url=_shown(watch.url),
            made=MomentBody.of(delivery.made_at),
            due=None if due_at is None else MomentBody.of(due_at),
            attempts=[AttemptBody.of(attempt) for attempt in delivery.attempts],
            **more,
        )


class WholeCallbackBody(CallbackBody):
    """A callback and its payload; null if that is empty, or if its job is no longer kept."""

    payload: Any


class CallbacksBody(PageBody):
    """A page of callbacks."""

    callbacks: list[CallbackBody]


class DrainedBody(OutgoingBody):
    """The callbacks that were tried, in order, and how many are open: it ends after ten seconds."""

    callbacks: list[CallbackBody]
    open_callbacks: int


class Callbacks:
    """Operations on callbacks."""

    def __init__(self, dispatcher: CallbackDispatcher) -> None:
        self.dispatcher = dispatcher

    async def list_callbacks(self, call: Call, query: CallbacksQuery) -> CallbacksBody:
        await up_to_date(call.accounts, query.account, call.wall)
        found, next_page = await newest(
            call.accounts.store, Delivery, query.account, query, query.fits
        )
        listed = [CallbackBody.of(delivery) for delivery in found]
        return CallbacksBody(callbacks=listed, next=next_page)

    async def get_callback(self, call: Call) -> WholeCallbackBody:
        account, delivery = await self._found(call)
        body = await self.dispatcher.body_of(account, delivery)
        return WholeCallbackBody.of(delivery, payload=_read(body) if body else None)

    async def redeliver(self, call: Call) -> CallbackBody:
        account, delivery = await self._found(call)
        tried = await self.dispatcher.redeliver(account, delivery.id, call.wall)
        call.went_on()
        # Callbacks that waited for this one can be sent now.
        self.dispatcher.wake(account.id)
        return CallbackBody.of(tried)

    async def drain(self, call: Call, query: AccountQuery) -> DrainedBody:
        id = query.account
        accounts = await call.accounts.all() if id is None else [await call.accounts.find(id)]
        drains = (self.dispatcher.drain(each.id, call.wall) for each in accounts)
        tried = await asyncio.gather(*drains)
        # One that was tried several times is listed once, in its last state.
        call.went_on()
        last = {delivery.id: delivery for delivery in chain(*tried)}
        return DrainedBody(
            callbacks=[CallbackBody.of(delivery) for delivery in last.values()],
            open_callbacks=await self.dispatcher.count_open(each.id for each in accounts),
        )

    async def _found(self, call: Call) -> tuple[Account, Delivery]:
        id = call.params["id"]
        delivery = await call.accounts.store.get(Delivery, id)
        if delivery is None:  # What makes it may be due, but not applied yet.
            await up_to_date(call.accounts, None, call.wall)
            delivery = await call.accounts.store.get(Delivery, id)
        owner = None if delivery is None else await call.accounts.get(delivery.account)
        if delivery is None or owner is None:
            raise NotFound("callback", id)
        return owner, delivery


def _kind(delivery: Delivery) -> Literal["told", "asked"]:
    return "asked" if delivery.asked else "told"


def _shown(url: str) -> str:
    """Return the URL without user name, password, and the secrets in its query."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return HIDDEN
    _, at, host = parts.netloc.rpartition("@")
    if at:
        url = parts._replace(netloc=f"{HIDDEN}@{host}").geturl()
    return Redactor(()).header("url", url)


def _read(payload: bytes) -> Any:
    try:
        return json.loads(payload)
    except ValueError:
        return payload.decode(errors="replace")
