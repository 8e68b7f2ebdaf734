"""One call that faults may hit: the hooks that find them and carry them out."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cached_property, partial
from random import Random
from typing import TYPE_CHECKING

from msgspec import Struct

from mock_server.core.accounts import SERVER, Account
from mock_server.core.fault_rules import Moment
from mock_server.core.jobs.job import Job
from mock_server.web.calls import Answer, Call
from mock_server.web.faults.effects import AnswerEffectBody, FaultContext, Refusal
from mock_server.web.faults.rules import NewFaultBody, rule_in
from mock_server.web.faults.service import HEADER
from mock_server.web.pipeline import Operation, Surface
from mock_server.web.request_matches import RequestView, differences, names_of

if TYPE_CHECKING:
    from mock_server.web.faults.service import FaultService

_MARKED = re.compile(rb"\[mock:([^\]\r\n]{1,500})\]")


class Fired(Struct, frozen=True):
    """A rule that hits a call; `id` is that of the rule, or says that the call itself asked."""

    id: str
    rule: NewFaultBody
    draw: int


class FaultyCall:
    """What faults do to one call; it `asks` for some itself."""

    def __init__(
        self,
        service: FaultService,
        call: Call,
        operation: Operation,
        surface: Surface,
        *,
        asks: bool,
    ) -> None:
        self.service = service
        self.call = call
        self.surface = surface
        self.asks = asks
        self.fired: list[Fired] = []
        names = partial(names_of, operation)
        self.view = RequestView(call, call.body, surface.name, names)

    # Hooks

    async def received(self, call: Call) -> Answer | None:
        """Act before the credentials are checked; raises Invalid for a fault that is not known."""
        if self.asks:
            self._read_wishes()
        await self._find(SERVER, early=True)
        return await self._act("received")

    async def identified(self, call: Call) -> Answer | None:
        """Act before the work."""
        await self._find(SERVER, early=False)
        if call.trace.account:
            await self._find(call.trace.account, early=False)
        if not self.fired:
            await self.service.forget_if_none()
        return await self._act("before")

    async def answered(self, call: Call) -> Answer | None:
        """Act after the work."""
        return await self._act("after")

    # Inside

    def _read_wishes(self) -> None:
        call = self.call
        texts = [(call.header(HEADER) or b"").decode("latin-1")]
        texts += [found.decode("utf-8", "replace") for found in _MARKED.findall(call.body)]
        for text in filter(None, texts):
            rule = rule_in(text.replace('\\"', '"'), self._refusals)
            self.service.refuse_without_jobs(rule)
            self.fired.append(Fired("asked for by the call", rule, int(call.trace.id, 16)))

    async def _find(self, owner: str, *, early: bool) -> None:
        """Add the rules of an owner that hit the call, and count what matches."""
        service, account = self.service, await self._account()
        seed = service.accounts.defaults.seed if account is None else account.seed
        now = await service.accounts.now(account, self.call.wall)
        async for record, rule in service.listed(owner, now):
            if (rule.acts_at == "received") is not early or rule.fault.kind == "callback":
                continue
            if any(differences(rule.match, self.view)):
                continue
            draw = await service.draw(record, rule, seed, now)
            if draw is not None:
                self.fired.append(Fired(record.id, rule, draw))

    async def _act(self, moment: Moment) -> Answer | None:
        """Carry out the faults of a moment: each may change the answer, and one may replace it."""
        changed: Answer | None = None
        for fired in [each for each in self.fired if each.rule.acts_at == moment]:
            self.fired.remove(fired)
            effect, context = fired.rule.fault, self._context(fired)
            note = f" ({fired.rule.note})" if fired.rule.note else ""
            words = f"fault {fired.id}{note}: {effect.kind} ({moment} the work)"
            self.call.trace.remarks += (words,)
            self.call.trace.faults += (effect.kind,)
            if isinstance(effect, AnswerEffectBody):
                changed = effect.changed(changed or self.call.answer, self.call, context)
                continue
            made: Answer | None = await effect.act(self.call, context)
            if made is not None:
                self.fired.clear()  # This is the answer, so nothing else acts.
                return made
        return changed

    def _context(self, fired: Fired) -> FaultContext:
        random = Random(fired.draw)
        return FaultContext(self._refusals, self._now, self._earlier, self._job_age, random)

    @cached_property
    def _refusals(self) -> Mapping[str, Refusal]:
        return self.service.refusals(self.surface.name)

    async def _account(self) -> Account | None:
        id = self.call.trace.account
        return await self.service.accounts.get(id) if id else None

    async def _now(self) -> float:
        return await self.service.accounts.now(await self._account(), self.service.wall())

    async def _job_age(self) -> float | None:
        for id in self.view.ids:
            job = await self.service.accounts.store.get(Job, id)
            if job is not None and job.account == self.call.trace.account:
                return await self._now() - job.submitted_at
        return None

    def _earlier(self) -> Answer | None:
        """Return the answer that the account's last equal call got, if all of it is kept."""
        call, kept_bytes = self.call, self.service.journal.body_bytes
        for trace in self.service.journal:
            answer = trace.answer
            if (
                trace.account == call.trace.account
                and trace.operation == call.trace.operation
                and trace.head.target == call.target
                and trace.body == call.body
                and answer is not None
                and answer.status < 400
                and len(answer.body) <= kept_bytes
            ):
                return answer
        return None
