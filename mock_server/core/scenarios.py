"""Scenarios: steps that change an account at moments of its clock, or when something happened.

A step acts between two units of work: while it does, the account's time stands at its moment, so
that all that falls due later is applied later. An account without a scenario pays for one look.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from decimal import Decimal
from math import inf
from types import MappingProxyType
from typing import TYPE_CHECKING

from msgspec import Struct, field
from msgspec.structs import replace

from mock_server.core.accounts import SERVER, Account
from mock_server.core.credits import ZERO, Wallet
from mock_server.core.errors import AccountGone, Conflict, NotFound
from mock_server.core.events import Event
from mock_server.core.fault_rules import FaultRule
from mock_server.core.jobs.job import Job, JobState
from mock_server.core.ledger import set_balance
from mock_server.core.store import View

if TYPE_CHECKING:
    from mock_server.core.account_service import AccountService, AccountSpec
    from mock_server.core.unit_of_work import UnitOfWork

SCENARIO = "scenario"
SUBMITTED, ENDED = "submitted", "ended"  # what a step can wait for beside the states of a job

# What a stop leaves as it is: time goes on, and a reset is another matter.
_NOT_RESTORED = frozenset({"clock", "incarnation"})


class OwnScenario(Struct, frozen=True):
    """A scenario that somebody added, as JSON; `id` is its name."""

    id: str
    account: str
    spec: bytes


class ScenarioRun(Struct, frozen=True):
    """A scenario on an account. An account has one at most, so `id` is the account's.

    `spec` is the scenario as JSON. The rest is what a stop undoes: the `accounts` that were made,
    by their names in the scenario, the account `before`, the names of its members that were
    `touched`, the `faults` that were added, the credits that were `taken`.
    """

    id: str
    account: str
    name: str
    spec: bytes
    began_at: float
    before: Account
    accounts: dict[str, str] = field(default_factory=dict)
    touched: tuple[str, ...] = ()
    faults: tuple[str, ...] = ()
    taken: Decimal = ZERO
    stopped_at: float | None = None
    undone: tuple[str, ...] = ()


class ScenarioStep(Struct, frozen=True):
    """The `number`-th step of an account's scenario; 0 is its start.

    It waits for `due_at`, or for the `job_number`-th job to reach `job_state`, or for `calls` more
    that fit `match` (JSON); then it is due after `delay` seconds. The job and the calls are those
    of the account `of` (or its own), which had made `first_serial` jobs before; `job` is the id,
    once it is there. `values` are what the event named, and `problem` is why an action was refused.
    """

    number: int
    id: str = ""
    account: str = ""
    due_at: float | None = None
    delay: float = 0.0
    of: str = ""
    first_serial: int = 0
    job_number: int = 0
    job_state: str = ""
    job: str = ""
    calls: int = 0
    match: bytes = b""
    values: dict[str, str] = field(default_factory=dict)
    done_at: float | None = None
    problem: str = ""

    @property
    def watched(self) -> str:
        """The account whose job or calls it waits for."""
        return self.of or self.account

    def happened(self, now: float, values: Mapping[str, str]) -> ScenarioStep:
        """Return the step after the event that it waited for."""
        due_at = now + self.delay
        return replace(self, due_at=due_at, job_number=0, calls=0, values={**self.values, **values})


# Carries out a step at a real moment; returns the ids of the faults that it added, and a problem.
Perform = Callable[[ScenarioRun, ScenarioStep, float], Awaitable[tuple[tuple[str, ...], str]]]


class ScenarioService:
    """The scenarios of all accounts. `perform` carries out a step.

    `running` has the accounts that have one, and those that it made, each with the account that it
    was started for. `held` are the moments at which accounts stand while steps act.
    """

    perform: Perform

    def __init__(self, accounts: AccountService) -> None:
        self.accounts = accounts
        self.running: dict[str, str] = {}
        self.held: dict[str, float] = {}

    async def open(self) -> None:
        """Go on with what the store has."""
        runs = await self.accounts.store.list(ScenarioRun)
        self.running.update({run.account: run.account for run in runs if run.stopped_at is None})
        for run in runs:
            for id in run.accounts.values():
                account = await self.accounts.get(id)
                if run.stopped_at is None and account is not None and account.owner == run.account:
                    self.running[id] = run.account

    def made_for(self, id: str) -> list[str]:
        """Return the accounts that the scenario of an account made."""
        return [each for each, owner in self.running.items() if owner == id and each != id]

    async def start(
        self,
        id: str,
        name: str,
        spec: bytes,
        steps: list[ScenarioStep],
        wall: float,
        specs: Mapping[str, AccountSpec] = MappingProxyType({}),
    ) -> ScenarioRun:
        """Start a scenario on an account; its steps count their seconds from now.

        The accounts that it needs are made. Raises Conflict if one of them is there already, or if
        the account has a scenario: two could not be undone in any order.
        """
        accounts = self.accounts
        async with accounts.store.transaction(SERVER) as tx:
            await self._refuse_another(tx, id)
            async with accounts.act(id, wall) as world:
                made = {}
                for each, account in specs.items():
                    wanted = replace(account, id=account.id or f"{id}-{each}", owner=id)
                    made[each] = (await accounts.make(tx, wanted, wall)).id
                needed = {accounts.ready_made.id, id, *made.values()}
                if made and len(needed) > (limit := accounts.defaults.keep_accounts):
                    raise Conflict(f"the server keeps at most {limit} accounts (--keep-accounts)")
                surplus = await accounts.surplus(tx, needed)
                run = ScenarioRun(id, id, name, spec, world.now, world.account, made)
                await self._begin(world, run, steps)
                self.running |= dict.fromkeys((id, *made.values()), id)
        for each in surplus:
            await accounts.drop(each)
        await self.catch_up(id, wall)
        return await self.find(id, name)

    async def _refuse_another(self, view: View, id: str) -> None:
        known = await view.get(ScenarioRun, id)
        if known is not None and known.stopped_at is None:
            raise Conflict(f"account {id} has the scenario {known.name}; stop it first")
        if (owner := self.running.get(id, id)) != id:
            raise Conflict(f"account {id} belongs to the scenario of account {owner}")

    async def _begin(self, world: UnitOfWork, run: ScenarioRun, steps: list[ScenarioStep]) -> None:
        await world.tx.put(run)
        await world.tx.clear(ScenarioStep)
        serial = (await world.queue()).serial
        for step in steps:
            new = replace(
                step,
                id=f"{run.id}/{step.number}",
                account=run.id,
                due_at=None if step.due_at is None else world.now + step.due_at,
                of=run.accounts[step.of] if step.of else "",
                first_serial=0 if step.of else serial,
            )
            await world.tx.put(new)

    async def stop(self, id: str, name: str | None, wall: float) -> ScenarioRun:
        """Stop an account's scenario, and undo what it set; NotFound if it does not run."""
        async with self.accounts.act(id, wall) as world:
            run = await world.tx.get(ScenarioRun, id)
            if run is None or run.stopped_at is not None or name not in (None, run.name):
                raise NotFound("running scenario", name or "")
            removed = await _undo_faults(world, run.faults)
            undone = [f"faults removed: {removed}"] if removed else []
            undone += await _undo_changes(world, run)
            made = self.made_for(id)
            undone += [f"accounts removed: {', '.join(made)}"] if made else []
            run = replace(run, stopped_at=world.now, undone=tuple(undone))
            await world.tx.put(run)
            for step in await world.tx.list(ScenarioStep, id):
                await world.tx.put(replace(step, due_at=None, job_number=0, calls=0))
            for each in (id, *made):
                self.running.pop(each, None)
        for each in made:
            await self.accounts.drop(each)
        if "credentials" in run.touched:
            old = run.before.credentials
            await self.accounts.change_credentials(id, wall, lambda *_: old)
        return run

    async def find(self, id: str, name: str) -> ScenarioRun:
        """Return the account's last run of a scenario, or raise NotFound."""
        run = await self.accounts.store.get(ScenarioRun, id)
        if run is None or run.name != name:
            raise NotFound("scenario on this account", name)
        return run

    async def steps(self, id: str) -> list[ScenarioStep]:
        """Return the steps of the account's last scenario."""
        return list(await self.accounts.store.list(ScenarioStep, id))

    # What happens at its moments

    async def catch_up(self, id: str, wall: float) -> list[Event]:
        """Apply all that is due to an account up to the last step that is due, in order.

        The same goes for the other accounts of its scenario. Returns what happened. Beside a step
        that acts just now, nothing is done.
        """
        events: list[Event] = []
        while (owner := self.running.get(id)) is not None and owner not in self.held:
            members = await self.accounts.followers(owner)
            due_at = await self._next_stop(owner, members, wall)
            if due_at is None or not self.held.keys().isdisjoint(members):
                break
            latest = self.accounts.latest
            moment = max(due_at, *(latest.get(each, due_at) for each in members))
            self.held |= dict.fromkeys(members, moment)
            try:
                for each in members:
                    with suppress(AccountGone):
                        async with self.accounts.act(each, wall) as world:
                            events += world.events
                while (step := await self._claim_due(owner, wall)) is not None:
                    events.append(await self._act(step, moment, wall))
            finally:
                for each in members:
                    self.held.pop(each, None)
        return events

    async def catch_up_all(self, wall: float) -> None:
        """Let all steps act that are due by the clocks as they are."""
        for id in tuple(self.running):
            with suppress(AccountGone):
                await self.catch_up(id, wall)

    @contextmanager
    def paused(self, id: str) -> Iterator[None]:
        """Let no step of an account act for a while: what a step needs is locked."""
        if id in self.held:
            yield
            return
        self.held[id] = inf
        try:
            yield
        finally:
            del self.held[id]

    async def _next_stop(self, id: str, members: Sequence[str], wall: float) -> float | None:
        """Return the next moment at which a step may act; None if there is none by now."""
        store, due = self.accounts.store, self.accounts.due
        account = await store.get(Account, id)
        if account is None or await store.get(ScenarioRun, id) is None:
            for each in (id, *self.made_for(id)):
                self.running.pop(each, None)
            return None
        now = (await self.accounts.clock(account)).now(wall)
        firsts = [await store.next_due((ScenarioStep,), id, now)]
        # A step that waits for a job can become due at any moment at which something happens.
        for each in {step.watched for step in await self.steps(id) if step.job_number}:
            if each in members:
                firsts.append(await store.next_due(due.applied, each, now))
        return min((float(each.due_at) for each in firsts if each is not None), default=None)

    async def _claim_due(self, id: str, wall: float) -> ScenarioStep | None:
        async with self.accounts.act(id, wall) as world:
            step: ScenarioStep | None = await world.tx.next_due((ScenarioStep,), id, world.now)
            if step is not None:
                await world.tx.put(replace(step, due_at=None, done_at=world.now))
            return step

    async def _act(self, step: ScenarioStep, moment: float, wall: float) -> Event:
        id, store = step.account, self.accounts.store
        run = await store.get(ScenarioRun, id)
        problem = ""
        if run is not None:
            before, wallet = await self._state(id, wall)
            faults, problem = await self.perform(run, step, wall)
            after, changed = await self._state(id, wall)
            taken = wallet.topped_up - changed.topped_up
            async with self.accounts.act(id, wall) as world:
                run = await world.tx.get(ScenarioRun, id)
                if run is None or run.stopped_at is not None:  # Meanwhile.
                    await _undo_faults(world, faults)
                else:
                    touched = {*run.touched, *_differences(before, after)}
                    await world.tx.put(
                        replace(
                            run,
                            touched=tuple(sorted(touched)),
                            faults=(*run.faults, *faults),
                            taken=run.taken + taken,
                        )
                    )
                    if problem:
                        done = replace(step, due_at=None, done_at=moment, problem=problem)
                        await world.tx.put(done)
        name = "" if run is None else run.name
        return Event(moment, id, SCENARIO, f"{name}/{step.number}", "failed" if problem else "done")

    async def _state(self, id: str, wall: float) -> tuple[Account, Wallet]:
        async with self.accounts.act(id, wall) as world:
            return world.account, await world.wallet()

    async def notice(self, world: UnitOfWork) -> None:
        """Let the steps be due that waited for what jobs did in a unit of work."""
        id = world.account.id
        steps = await world.tx.list(ScenarioStep, self.running[id])
        steps = [step for step in steps if step.job_number and step.watched == id]
        if not steps:
            return
        serial = (await world.queue()).serial
        for known in steps:
            step = await _with_job(world, known, serial)
            job = await world.tx.get(Job, step.job) if step.job else None
            if job is not None and _has_reached(job, step.job_state, world.now):
                step = step.happened(world.now, {"job": job.id})
            if step is not known:
                await world.tx.put(step)

    async def count_call(
        self, id: str, wall: float, values_of: Callable[[ScenarioStep], Mapping[str, str] | None]
    ) -> None:
        """Count a call of an account; `values_of` returns None for a step that it does not fit."""
        owner = self.running[id]

        def fits(step: ScenarioStep) -> bool:
            return step.calls > 0 and step.watched == id and values_of(step) is not None

        if not any(map(fits, await self.steps(owner))):
            return
        async with self.accounts.act(owner, wall) as world:
            for step in await world.tx.list(ScenarioStep, owner):
                values = values_of(step) if fits(step) else None
                if values is None:
                    continue
                left = replace(step, calls=step.calls - 1)
                await world.tx.put(left if left.calls else left.happened(world.now, values))


async def _with_job(world: UnitOfWork, step: ScenarioStep, serial: int) -> ScenarioStep:
    """Return the step with the job that it waits for, once the account has made it."""
    if serial - step.first_serial < (step.job_number if step.job else 0):  # The jobs were reset.
        step = replace(step, first_serial=0, job="")
    since = serial - step.first_serial - step.job_number
    if step.job or since < 0:
        return step
    newest = await world.tx.page(Job, world.account.id, limit=since + 1)
    return replace(step, job=newest[-1].id) if newest else step


def _has_reached(job: Job, state: str, now: float) -> bool:
    current = job.state_at(now)
    match state:
        case _ if state == SUBMITTED:
            return True
        case _ if state == ENDED:
            return current.final
        case JobState.RUNNING:
            return current.started and current is not JobState.CANCELED
        case JobState.WAITING:
            return current.started or current is JobState.WAITING
    return current == state


def _differences(before: Account, after: Account) -> set[str]:
    names = set(before.__struct_fields__) - _NOT_RESTORED
    return {name for name in names if getattr(before, name) != getattr(after, name)}


async def _undo_faults(world: UnitOfWork, faults: Iterable[str]) -> int:
    removed = 0
    for id in faults:
        if await world.own(FaultRule, id) is not None:
            await world.tx.delete(FaultRule, id)
            removed += 1
    return removed


async def _undo_changes(world: UnitOfWork, run: ScenarioRun) -> list[str]:
    old = {name: getattr(run.before, name) for name in run.touched}
    await world.change_account(replace(world.account, **_but_credentials(old)))
    undone = [f"as before: {name.replace('_', ' ')}" for name in old]
    if run.taken > ZERO:
        await set_balance(world, by=run.taken, reason=f"scenario {run.name} was stopped")
        undone.append(f"credits given back: {run.taken.normalize():f}")
    return undone


def _but_credentials(members: Mapping[str, object]) -> dict[str, object]:
    return {name: value for name, value in members.items() if name != "credentials"}
