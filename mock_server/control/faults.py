"""Faults: rules that make calls of the vendors fail on demand."""

from __future__ import annotations

from typing import Any

from mock_server.control.problems import NEVER_ACTS, pointed
from mock_server.core.accounts import SERVER
from mock_server.core.errors import Invalid, NotFound
from mock_server.core.fault_rules import FaultRule
from mock_server.web.calls import Call
from mock_server.web.faults.rules import NewFaultBody, kinds_of_faults, rule_of
from mock_server.web.faults.service import FaultService
from mock_server.web.json_bodies import (
    AccountQuery,
    DeletedBody,
    NewestQuery,
    OutgoingBody,
    PageBody,
)
from mock_server.web.listing import newest


class FaultBody(OutgoingBody):
    """A fault and how often it matched and hit; null in `account` means all accounts.

    `ended` is one that hits no call any more.
    """

    id: str
    account: str | None
    rule: dict[str, Any]
    moment: str
    made_at: float
    matches: int
    hits: int
    ended: bool

    @classmethod
    def of(cls, record: FaultRule, now: float) -> FaultBody:
        rule = rule_of(record.spec)
        return cls.like(
            record,
            account=None if record.account == SERVER else record.account,
            rule=rule.model_dump(by_alias=True, exclude_unset=True, exclude={"account"}),
            moment=rule.acts_at,
            ended=record.ended_at(now),
        )


class FaultsBody(PageBody):
    """A page of faults."""

    faults: list[FaultBody]


class FaultKindsBody(OutgoingBody):
    """The kinds of faults, and the refusals of each vendor by name."""

    kinds: list[str]
    refusals: dict[str, list[str]]


class Faults:
    """Operations on faults."""

    def __init__(self, faults: FaultService) -> None:
        self.faults = faults

    async def create_fault(self, call: Call, body: NewFaultBody) -> FaultBody:
        try:
            made = await self.faults.add(body, call.wall)
        except Invalid as error:
            raise pointed(NEVER_ACTS, error) from error
        return await self._shown(made, call)

    async def list_faults(self, call: Call, query: NewestQuery) -> FaultsBody:
        if query.account is not None:
            await call.accounts.find(query.account)
        store = call.accounts.store
        listed, next_page = await newest(store, FaultRule, query.account, query)
        return FaultsBody(faults=[await self._shown(each, call) for each in listed], next=next_page)

    async def list_fault_kinds(self, call: Call) -> FaultKindsBody:
        names = [surface.name for surface in self.faults.surfaces()]
        return FaultKindsBody(
            kinds=list(kinds_of_faults()),
            refusals={name: list(self.faults.refusals(name)) for name in names},
        )

    async def get_fault(self, call: Call) -> FaultBody:
        return await self._shown(await self.faults.find(call.params["id"]), call)

    async def delete_fault(self, call: Call) -> None:
        await self.faults.delete(call.params["id"])

    async def delete_faults(self, call: Call, query: AccountQuery) -> DeletedBody:
        if query.account is not None:
            await call.accounts.find(query.account)
        return DeletedBody(deleted=await self.faults.clear(query.account))

    async def _shown(self, rule: FaultRule, call: Call) -> FaultBody:
        account = None if rule.account == SERVER else await call.accounts.get(rule.account)
        if account is None and rule.account != SERVER:
            raise NotFound("fault", rule.id)  # Its account was deleted meanwhile.
        return FaultBody.of(rule, await call.accounts.now(account, call.wall))
