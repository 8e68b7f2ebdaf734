"""Callbacks: what left or will leave, each try and what came of it, and sending once more."""

from __future__ import annotations

import asyncio
import json
from itertools import islice
from typing import Any, Literal
from urllib.parse import urlsplit

from pydantic import Field

from mock_server.control.descriptions import iso
from mock_server.control.operations import ControlRequest
from mock_server.control.redaction import HIDDEN, Redactor
from mock_server.control.shapes import MomentBody, OutgoingBody, Query, WorldQuery
from mock_server.core.account_service import AccountService
from mock_server.core.accounts import Account
from mock_server.core.errors import NotFound
from mock_server.core.jobs.job import JobState
from mock_server.core.jobs.watch import Notify
from mock_server.core.outbox import Attempt, Delivery
from mock_server.web.callbacks import CallbackDispatcher


class CallbacksQuery(Query):
    """Which callbacks are listed."""

    account: str | None = Field(None, min_length=1, max_length=100, description="Only of this one")
    job: str | None = Field(None, min_length=1, max_length=100, description="Only about this one")
    state: JobState | None = Field(None, description="Only those that tell of this state")
    topic: str | None = Field(None, max_length=100, description="Only those on this topic")
    kind: Literal["told", "asked"] | None = Field(None, description="Only notices, or questions")
    arrived: bool | None = Field(None, description="Only those that have arrived, or have not")
    limit: int = Field(100, ge=1, le=1000, description="At most so many")

    def fits(self, delivery: Delivery) -> bool:
        return (
            self.job in (None, delivery.job)
            and self.state in (None, delivery.state)
            and self.topic in (None, delivery.topic)
            and self.kind in (None, _kind(delivery))
            and self.arrived in (None, delivery.arrived)
        )


class AttemptBody(OutgoingBody):
    """One try, at a moment of virtual time; the status is 0 if there was no answer.

    `url` is where it went, and `answer` what a question was answered; both without secrets.
    """

    at: float
    iso: str
    status: int
    problem: str | None
    url: str | None
    answer: Any

    @classmethod
    def of(cls, attempt: Attempt) -> AttemptBody:
        answer = Redactor(()).body(attempt.answer.encode())
        return cls(
            at=attempt.at,
            iso=iso(attempt.at),
            status=attempt.status,
            problem=attempt.problem or None,
            url=_shown(attempt.url) if attempt.url else None,
            answer=_read(answer) if answer else None,
        )


class CallbackBody(OutgoingBody):
    """A callback: the `number`-th about its job. It is open as long as `due` is not null.

    One that is open and due waits for an earlier one on its topic and job, or for its receiver.
    What was `asked` was sent at once and once. `job` and `state` are null where it is about no job.
    """

    id: str
    account: str
    surface: str
    kind: Literal["told", "asked"]
    topic: str
    job: str | None
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
    def of(cls, delivery: Delivery) -> CallbackBody:
        return cls(**_members(delivery))


class WholeCallbackBody(CallbackBody):
    """A callback and its payload; null if that is empty, or if its job is kept no longer."""

    payload: Any


class CallbacksBody(OutgoingBody):
    """Callbacks, the newest first."""

    callbacks: list[CallbackBody]


class DrainedBody(OutgoingBody):
    """The callbacks that were tried, in order; those that failed are given up."""

    callbacks: list[CallbackBody]


class Callbacks:
    """The operations on callbacks."""

    def __init__(self, account_service: AccountService, dispatcher: CallbackDispatcher) -> None:
        self.account_service = account_service
        self.dispatcher = dispatcher

    async def list_callbacks(self, request: ControlRequest[CallbacksQuery, None]) -> CallbacksBody:
        query = request.query
        accounts = await self._accounts(query.account)
        for account in accounts:
            await self.account_service.apply_due(account, await self._now(account, request.wall))
        listed = await self.dispatcher.outbox_service.all(
            None if query.account is None else accounts[0]
        )
        found = islice(filter(query.fits, reversed(listed)), query.limit)
        return CallbacksBody(callbacks=[CallbackBody.of(delivery) for delivery in found])

    async def get_callback(self, request: ControlRequest[None, None]) -> WholeCallbackBody:
        account, delivery = await self._found(request)
        body = await self.dispatcher.body_of(account, delivery)
        return WholeCallbackBody(**_members(delivery), payload=_read(body) if body else None)

    async def redeliver(self, request: ControlRequest[None, None]) -> CallbackBody:
        account, delivery = await self._found(request)
        now = await self._now(account, request.wall)
        tried = await self.dispatcher.redeliver(account, delivery.id, now)
        # Whatever waited for it need not do so any longer.
        self.dispatcher.wake(account.id)
        return CallbackBody.of(tried)

    async def drain(self, request: ControlRequest[WorldQuery, None]) -> DrainedBody:
        async def drained(account: Account) -> list[Delivery]:
            return await self.dispatcher.drain(account, await self._now(account, request.wall))

        each_tried = await asyncio.gather(
            *map(drained, await self._accounts(request.query.account))
        )
        # One that was tried several times is told once, as it is at last.
        last = {delivery.id: delivery for tried in each_tried for delivery in tried}
        return DrainedBody(callbacks=[CallbackBody.of(delivery) for delivery in last.values()])

    async def _accounts(self, id: str | None) -> list[Account]:
        return (
            list(await self.account_service.all())
            if id is None
            else [await self.account_service.find(id)]
        )

    async def _now(self, account: Account, wall: float) -> float:
        return await self.account_service.job_service.now(account, wall)

    async def _found(self, request: ControlRequest[None, None]) -> tuple[Account, Delivery]:
        id = request.params["id"]
        delivery = await self.account_service.store.get(Delivery, id)
        owner = (
            None
            if delivery is None
            else await self.account_service.job_service.owner(delivery.account)
        )
        if delivery is None or owner is None:
            raise NotFound("callback", id)
        return owner, delivery


def _members(delivery: Delivery) -> dict[str, Any]:
    return {
        "id": delivery.id,
        "account": delivery.account,
        "surface": delivery.watch.surface,
        "kind": _kind(delivery),
        "topic": delivery.topic,
        "job": delivery.job or None,
        "number": delivery.number,
        "url": _shown(delivery.watch.url),
        "notify": delivery.watch.notify,
        "state": delivery.state,
        "done": delivery.done,
        "made": MomentBody.of(delivery.made_at),
        "due": None if delivery.due_at is None else MomentBody.of(delivery.due_at),
        "arrived": delivery.arrived,
        "attempts": [AttemptBody.of(attempt) for attempt in delivery.attempts],
    }


def _kind(delivery: Delivery) -> Literal["told", "asked"]:
    return "asked" if delivery.asked else "told"


def _shown(url: str) -> str:
    """Return the URL without name and password, and without what is secret in its query."""
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
