"""Faults of a running server: which calls they hit, and the hooks that carry them out.

A server without faults pays for a look at one header and one word of the body.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from random import Random
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from mock_server.core import chance
from mock_server.core.account_service import AccountService
from mock_server.core.accounts import SERVER, Account
from mock_server.core.errors import Conflict, NotFound
from mock_server.core.fault_rules import MAX_RULES, FaultRule, Moment, add_rule, count_match
from mock_server.core.jobs.job import Job
from mock_server.core.outbox import Delivery
from mock_server.web.callback_formats import CallbackFault
from mock_server.web.calls import NO_HOOKS, Answer, Call
from mock_server.web.journal import Journal
from mock_server.web.pipeline import Hooks, Operation, Stage, Surface

if TYPE_CHECKING:
    from mock_server.web.faults.effects import FaultContext, Refusal
    from mock_server.web.faults.rules import NewFaultBody

HEADER = b"x-mock-fault"
_MARK = b"[mock:"
_MARKED = re.compile(rb"\[mock:([^\]\r\n]{1,500})\]")


class Fired(Struct, frozen=True):
    """A rule that hits a call; `rule` is its id, or where the call itself asked for it."""

    id: str
    rule: NewFaultBody
    draw: int


class FaultService:
    """Keeps rules, and finds those that hit a call.

    `refusals` returns those of a vendor by name, `surfaces` the surfaces of all vendors. With
    `by_request`, a call may ask for a fault in the header X-Mock-Fault, or in its body with
    `[mock:…]`.
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
    ) -> None:
        self.accounts = accounts
        self.journal = journal
        self.surfaces = surfaces
        self.refusals = refusals
        self.wall = wall
        self.by_request = by_request
        self._has_rules = False

    # Rules

    async def add(self, rule: NewFaultBody, wall: float) -> FaultRule:
        """Keep a rule; raises Invalid for one that can never act, or Conflict for one too many."""
        from mock_server.web.faults.rules import check_rule, spec_of

        account = None if rule.account is None else await self.accounts.find(rule.account)
        now = await self.accounts.now(account, wall)
        surfaces = self.surfaces()
        check_rule(rule, surfaces, {each.name: self.refusals(each.name) for each in surfaces}, now)
        owner = SERVER if account is None else account.id
        async with self.accounts.store.transaction(owner) as tx:
            if await tx.count(FaultRule, owner) >= MAX_RULES:
                raise Conflict(f"there are {MAX_RULES} faults already; delete some")
            made = await add_rule(tx, owner, spec_of(rule), rule.life(now), now)
        self._has_rules = True
        return made

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
        if self._has_rules or (
            self.by_request and (call.header(HEADER) is not None or _MARK in call.body)
        ):
            call.faults, call.plan_change = [], None
            found = partial(self._find, operation=operation, surface=surface)
            return {
                Stage.RECEIVED: partial(self._received, found, surface),
                Stage.IDENTIFIED: partial(self._identified, found, surface),
                Stage.ANSWERED: partial(self._act, "after", surface),
            }
        return NO_HOOKS

    async def _received(self, find: Any, surface: Surface, call: Call) -> Answer | None:
        self._asked_for(call, surface)
        call.faults += await find(call, SERVER, early=True)
        return await self._act("received", surface, call)

    async def _identified(self, find: Any, surface: Surface, call: Call) -> Answer | None:
        account = call.trace.account
        owners = (SERVER, account) if account else (SERVER,)
        for owner in owners:
            call.faults += await find(call, owner, early=False)
        return await self._act("before", surface, call)

    def _asked_for(self, call: Call, surface: Surface) -> None:
        """Add the faults that the call itself asks for; raises Invalid for what cannot be read."""
        if not self.by_request:
            return
        from mock_server.web.faults.rules import rule_in

        texts = [(call.header(HEADER) or b"").decode("latin-1")]
        if _MARK in call.body:
            texts += [found.decode("utf-8", "replace") for found in _MARKED.findall(call.body)]
        for text in filter(None, texts):
            rule = rule_in(text.replace('\\"', '"'), self.refusals(surface.name))
            call.faults.append(Fired("asked for by the call", rule, int(call.trace.id, 16)))

    async def _find(
        self, call: Call, owner: str, *, early: bool, operation: Operation, surface: Surface
    ) -> list[Fired]:
        """Return the rules of an owner that hit the call, and count what matches."""
        from mock_server.web.faults.rules import rule_of
        from mock_server.web.request_matches import RequestView, differences, names_of

        store = self.accounts.store
        account = await self.accounts.get(call.trace.account) if call.trace.account else None
        seed = self.accounts.defaults.seed if account is None else account.seed
        now = await self.accounts.now(account, call.wall)
        sent = RequestView(call.scope, call.body, surface.name, partial(names_of, operation))
        fired: list[Fired] = []
        for listed in await store.list(FaultRule, owner):
            rule = rule_of(listed.spec)
            if (rule.acts_at == "received") is not early or listed.ended_at(now):
                continue
            if rule.fault.kind == "callback" or any(differences(rule.match, sent)):
                continue
            if hit := await self._counted(listed, rule, seed, now):
                fired.append(hit)
        if not fired:
            self._has_rules = await store.count(FaultRule) > 0
        return fired

    async def _counted(
        self, listed: FaultRule, rule: NewFaultBody, seed: int, now: float
    ) -> Fired | None:
        """Count what matches a rule; return what it does, if this is hit."""
        async with self.accounts.store.transaction(listed.account) as tx:
            record = await tx.get(FaultRule, listed.id)
            if record is None:
                return None  # It was deleted meanwhile.
            draw = chance.nth(seed, f"fault {record.id}", record.matches)
            is_hit = record.hits_next(now) and draw < rule.match.chance * 2**64
            await count_match(tx, record, is_hit=is_hit)
        return Fired(record.id, rule, draw) if is_hit else None

    async def of_callback(self, account: Account, delivery: Delivery) -> CallbackFault | None:
        """Return how a notice misbehaves that is about to be sent for the first time."""
        if not self._has_rules or delivery.asked:
            return None
        from mock_server.web.faults.rules import rule_of

        now = await self.accounts.now(account, self.wall())
        for owner in (SERVER, account.id):
            for listed in await self.accounts.store.list(FaultRule, owner):
                rule = rule_of(listed.spec)
                effect, match = rule.fault, rule.match
                if effect.kind != "callback" or listed.ended_at(now):
                    continue
                fits = (
                    match.surface in (None, delivery.watch.surface)
                    and match.job in (None, delivery.job)
                    and effect.state in (None, delivery.state)
                    and effect.topic in (None, delivery.topic)
                )
                if fits and await self._counted(listed, rule, account.seed, now):
                    return CallbackFault(listed.id, effect.how, effect.seconds)
        return None

    async def _act(self, moment: Moment, surface: Surface, call: Call) -> Answer | None:
        """Carry out the faults of a moment: each may change the answer, and one may replace it."""
        from mock_server.web.faults.effects import AnswerEffectBody

        changed: Answer | None = None
        for fired in [each for each in call.faults if each.rule.acts_at == moment]:
            call.faults.remove(fired)
            effect, context = fired.rule.fault, self._context(call, surface, fired)
            call.trace.remarks.append(f"fault {fired.id}: {effect.kind} ({moment} the work)")
            if isinstance(effect, AnswerEffectBody):
                changed = effect.changed(changed or call.answer, call, context)
                continue
            made: Answer | None = await effect.act(call, context)
            if made is not None:
                call.faults.clear()  # This is the answer, so nothing else acts.
                return made
        return changed

    def _context(self, call: Call, surface: Surface, fired: Fired) -> FaultContext:
        from mock_server.web.faults.effects import FaultContext
        from mock_server.web.request_matches import RequestView

        async def now() -> float:
            account = await self.accounts.get(call.trace.account) if call.trace.account else None
            return await self.accounts.now(account, self.wall())

        async def job_age(call: Call) -> float | None:
            for id in RequestView(call.scope, call.body, surface.name, tuple).ids:
                job = await self.accounts.store.get(Job, id)
                if job is not None and job.account == call.trace.account:
                    return await now() - job.submitted_at
            return None

        return FaultContext(
            self.refusals(surface.name), now, self._earlier, job_age, Random(fired.draw)
        )

    def _earlier(self, call: Call) -> Answer | None:
        """Return the answer that the account's last equal call got, if all of it is kept."""
        for trace in self.journal:
            answer = trace.answer
            if (
                trace.account == call.trace.account
                and trace.operation == call.trace.operation
                and trace.scope["raw_path"] == call.scope["raw_path"]
                and answer is not None
                and answer.status < 400
                and len(answer.body) <= self.journal.body_bytes
            ):
                return answer
        return None
