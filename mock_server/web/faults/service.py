"""Faults of a running server: the rules, and which calls and callbacks they may hit.

A server without faults pays for a look at one header and one word of the body.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from mock_server.core import chance
from mock_server.core.account_service import AccountService
from mock_server.core.accounts import SERVER, Account
from mock_server.core.errors import Conflict, Invalid, NotFound
from mock_server.core.fault_rules import MAX_RULES, FaultRule, add_rule, count_match
from mock_server.core.outbox import Delivery
from mock_server.web.callback_formats import CallbackFault
from mock_server.web.calls import NO_HOOKS, Call
from mock_server.web.journal import Journal
from mock_server.web.pipeline import Hooks, Operation, Stage, Surface

if TYPE_CHECKING:
    from mock_server.web.faults.effects import Refusal
    from mock_server.web.faults.rules import NewFaultBody

HEADER = b"x-mock-fault"
MARK = b"[mock:"


class FaultService:
    """Keeps rules, and finds those that hit a call.

    `refusals` returns those of a vendor by name, `surfaces` the surfaces of all vendors. With
    `by_request`, a call may ask for a fault in the header X-Mock-Fault, or with `[mock:…]` in a
    body that is parsed. If the server `has_jobs`, faults can act on them.
    """

    def __init__(
        self,
        accounts: AccountService,
        journal: Journal,
        surfaces: Callable[[], Sequence[Surface]],
        refusals: Callable[[str], Mapping[str, Refusal]],
        wall: Callable[[], float],
        *,
        by_request: bool,
        has_jobs: bool = True,
    ) -> None:
        self.accounts = accounts
        self.journal = journal
        self.surfaces = surfaces
        self.refusals = refusals
        self.wall = wall
        self.by_request = by_request
        self.has_jobs = has_jobs
        self._has_rules = False
        self._added = 0

    # Rules

    async def open(self) -> bool:
        """Look whether the store has rules already, and return it."""
        self._has_rules = await self.accounts.store.count(FaultRule) > 0
        return self._has_rules

    async def add(self, rule: NewFaultBody, wall: float) -> FaultRule:
        """Keep a rule; raises Invalid for one that can never act, or Conflict for one too many."""
        from mock_server.web.faults.rules import spec_of

        account = None if rule.account is None else await self.accounts.find(rule.account)
        now = await self.accounts.now(account, wall)
        self.check(rule, now)
        owner = SERVER if account is None else account.id
        async with self.accounts.store.transaction(owner) as tx:
            if await tx.count(FaultRule, owner) >= MAX_RULES:
                raise Conflict(f"there are {MAX_RULES} faults already; delete some")
            made = await add_rule(tx, owner, spec_of(rule), rule.life(now), now)
        self._added += 1
        self._has_rules = True
        return made

    def refuse_without_jobs(self, rule: NewFaultBody) -> None:
        """Raise Invalid for a rule about jobs where another service has them."""
        if rule.fault.needs_job and not self.has_jobs:
            raise Invalid("fault", f"can never act: {rule.fault.kind} needs jobs of this server")

    def check(self, rule: NewFaultBody, now: float) -> None:
        """Raise Invalid for a rule that can never act."""
        from mock_server.web.faults.rules import check_rule

        self.refuse_without_jobs(rule)
        surfaces = self.surfaces()
        check_rule(rule, surfaces, {each.name: self.refusals(each.name) for each in surfaces}, now)

    async def all(self, account: str | None) -> Sequence[FaultRule]:
        """Return the rules of an account, or all, the oldest first."""
        return await self.accounts.store.list(FaultRule, account)

    async def find(self, id: str) -> FaultRule:
        """Return a rule, or raise NotFound."""
        rule = await self.accounts.store.get(FaultRule, id)
        if rule is None:
            raise NotFound("fault", id)
        return rule

    async def delete(self, id: str) -> None:
        """Delete a rule, or raise NotFound."""
        rule = await self.find(id)
        async with self.accounts.store.transaction(rule.account) as tx:
            await tx.delete(FaultRule, id)

    async def clear(self, owner: str | None) -> int:
        """Delete the rules of an account, or all; return how many there were."""
        rules = await self.all(owner)
        for each in {rule.account for rule in rules}:
            async with self.accounts.store.transaction(each) as tx:
                await tx.clear(FaultRule)
        return len(rules)

    # Calls

    def hooks_of(self, call: Call, operation: Operation, surface: Surface) -> Hooks:
        """Return the hooks of a call: none, unless there are rules or the call asks for a fault."""
        asks = self.by_request and (
            HEADER in call.headers or (operation.body is not None and MARK in call.body)
        )
        if not asks and not self._has_rules:
            return NO_HOOKS
        from mock_server.web.faults.faulty_calls import FaultyCall

        faulty = FaultyCall(self, call, operation, surface, asks=asks)
        return {
            Stage.RECEIVED: faulty.received,
            Stage.IDENTIFIED: faulty.identified,
            Stage.ANSWERED: faulty.answered,
        }

    async def listed(self, owner: str, now: float) -> AsyncIterator[tuple[FaultRule, NewFaultBody]]:
        """Yield the rules of an owner that may still act."""
        from mock_server.web.faults.rules import rule_of

        for record in await self.all(owner):
            if not record.ended_at(now):
                yield record, rule_of(record.spec)

    async def draw(
        self, listed: FaultRule, rule: NewFaultBody, seed: int, now: float
    ) -> int | None:
        """Count what matches a rule; return a random number if it is hit."""
        async with self.accounts.store.transaction(listed.account) as tx:
            record = await tx.get(FaultRule, listed.id)
            if record is None:
                return None  # It was deleted meanwhile.
            number = chance.nth(seed, f"fault {record.id}", record.matches)
            is_hit = record.hits_next(now) and number < rule.match.chance * 2**64
            await count_match(tx, record, is_hit=is_hit)
        return number if is_hit else None

    async def forget_if_none(self) -> None:
        """Let calls go without hooks again, if there are no rules any more."""
        added = self._added
        if await self.accounts.store.count(FaultRule) == 0 and added == self._added:
            self._has_rules = False

    async def of_callback(
        self, account: Account, delivery: Delivery, now: float
    ) -> CallbackFault | None:
        """Return how a notice misbehaves that is about to be sent for the first time.

        `now` is the moment of that, which an advance of the clock may have left behind already.
        """
        if not self._has_rules or delivery.asked:
            return None
        for owner in (SERVER, account.id):
            async for record, rule in self.listed(owner, now):
                effect, match = rule.fault, rule.match
                if (
                    effect.kind == "callback"
                    and match.surface in (None, delivery.watch.surface)
                    and match.job in (None, delivery.job)
                    and effect.state in (None, delivery.state)
                    and effect.topic in (None, delivery.topic)
                    and await self.draw(record, rule, account.seed, now) is not None
                ):
                    return CallbackFault(record.id, effect.how, effect.seconds)
        return None
