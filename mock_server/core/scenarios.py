"""Scenarios: steps that change an account at moments of its clock, or when something happened.

A step acts between two units of work: while it does, the account's time stands at its moment, so
that all that falls due later is applied later. An account without a scenario pays for one look.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from decimal import Decimal
from math import inf
from typing import TYPE_CHECKING

from msgspec import Struct, field
from msgspec.structs import replace

from mock_server.core.accounts import Account
from mock_server.core.credits import ZERO, Wallet
from mock_server.core.errors import AccountGone, Conflict, NotFound
from mock_server.core.events import Event
from mock_server.core.fault_rules import FaultRule
from mock_server.core.jobs.job import Job, JobState
from mock_server.core.ledger import set_balance

if TYPE_CHECKING:
    from mock_server.core.account_service import AccountService
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

    `spec` is the scenario as JSON. `first_serial` is how many jobs the account had made, and `jobs`
    are the first of those since. The rest is what a stop undoes: the account `before`, the names of
    its members that were `touched`, the `faults` that were added, the credits that were `taken`.
    """

    id: str
    account: str
    name: str
    spec: bytes
    began_at: float
    before: Account
    first_serial: int = 0
    jobs: tuple[str, ...] = ()
    touched: tuple[str, ...] = ()
    faults: tuple[str, ...] = ()
    taken: Decimal = ZERO
    stopped_at: float | None = None
    undone: tuple[str, ...] = ()


class ScenarioStep(Struct, frozen=True):
    """The `number`-th step of an account's scenario; 0 is its start.

    It waits for `due_at`, or for the `job_number`-th job to reach `job_state`, or for `calls` more
    that fit `match` (JSON); then it is due after `delay` seconds. `values` are what the event
    named, and `problem` is why an action was refused.
    """

    number: int
    id: str = ""
    account: str = ""
    due_at: float | None = None
    delay: float = 0.0
    job_number: int = 0
    job_state: str = ""
    calls: int = 0
    match: bytes = b""
    values: dict[str, str] = field(default_factory=dict)
    done_at: float | None = None
    problem: str = ""

    def happened(self, now: float, values: Mapping[str, str]) -> ScenarioStep:
        """Return the step after the event that it waited for."""
        due_at = now + self.delay
        return replace(self, due_at=due_at, job_number=0, calls=0, values={**self.values, **values})


# Carries out a step at a real moment; returns the ids of the faults that it added, and a problem.
Perform = Callable[[ScenarioRun, ScenarioStep, float], Awaitable[tuple[tuple[str, ...], str]]]


class ScenarioService:
    """The scenarios of all accounts. `perform` carries out a step.

    `running` are the accounts that have one; `held` are the moments at which accounts stand while
    steps act.
    """

    perform: Perform

    def __init__(self, accounts: AccountService) -> None:
        self.accounts = accounts
        self.running: set[str] = set()
        self.held: dict[str, float] = {}

    async def open(self) -> None:
        """Go on with what the store has."""
        runs = await self.accounts.store.list(ScenarioRun)
        self.running.update(run.account for run in runs if run.stopped_at is None)

    async def start(
        self, id: str, name: str, spec: bytes, steps: list[ScenarioStep], wall: float
    ) -> ScenarioRun:
        """Start a scenario on an account; its steps count their seconds from now.

        Raises Conflict if the account has one: two could not be undone in any order.
        """
        async with self.accounts.act(id, wall) as world:
            known = await world.tx.get(ScenarioRun, id)
            if known is not None and known.stopped_at is None:
                raise Conflict(f"account {id} has the scenario {known.name}; stop it first")
            await world.tx.clear(ScenarioStep)
            serial = (await world.queue()).serial
            run = ScenarioRun(id, id, name, spec, world.now, world.account, serial)
            await world.tx.put(run)
            for step in steps:
                due_at = None if step.due_at is None else world.now + step.due_at
                own_id = f"{id}/{step.number}"
                await world.tx.put(replace(step, id=own_id, account=id, due_at=due_at))
            self.running.add(id)
        await self.catch_up(id, wall)
        return await self.find(id, name)

    async def stop(self, id: str, name: str | None, wall: float) -> ScenarioRun:
        """Stop an account's scenario, and undo what it set; NotFound if it does not run."""
        async with self.accounts.act(id, wall) as world:
            run = await world.tx.get(ScenarioRun, id)
            if run is None or run.stopped_at is not None or name not in (None, run.name):
                raise NotFound("running scenario", name or "")
            removed = await _undo_faults(world, run.faults)
            undone = [f"faults removed: {removed}"] if removed else []
            undone += await _undo_changes(world, run)
            run = replace(run, stopped_at=world.now, undone=tuple(undone))
            await world.tx.put(run)
            for step in await world.tx.list(ScenarioStep, id):
                await world.tx.put(replace(step, due_at=None, job_number=0, calls=0))
            self.running.discard(id)
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
        """Apply all that is due to an account up to its last step that is due, in order.

        Returns what happened. Beside a step that acts just now, nothing is done.
        """
        events: list[Event] = []
        while id in self.running and id not in self.held:
            due_at = await self._next_stop(id, wall)
            if due_at is None or id in self.held:
                break
            self.held[id] = moment = max(due_at, self.accounts.latest.get(id, due_at))
            try:
                async with self.accounts.act(id, wall) as world:
                    events += world.events
                while (step := await self._claim_due(id, wall)) is not None:
                    events.append(await self._act(step, moment, wall))
            finally:
                del self.held[id]
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

    async def _next_stop(self, id: str, wall: float) -> float | None:
        """Return the next moment at which a step may act; None if there is none by now."""
        store, due = self.accounts.store, self.accounts.due
        account = await store.get(Account, id)
        if account is None or await store.get(ScenarioRun, id) is None:
            self.running.discard(id)
            return None
        now = (await self.accounts.clock(account)).now(wall)
        steps = await self.steps(id)
        # A step that waits for a job can become due at any moment at which something happens.
        kinds = due.applied if any(step.job_number for step in steps) else ()
        first = await store.next_due((*kinds, ScenarioStep), id, now)
        return None if first is None else float(first.due_at)

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
        tx, id = world.tx, world.account.id
        steps = [step for step in await tx.list(ScenarioStep, id) if step.job_number]
        run = await tx.get(ScenarioRun, id)
        if not steps or run is None:
            return
        run = await _with_new_jobs(world, run, max(step.job_number for step in steps))
        for step in steps:
            if step.job_number > len(run.jobs):
                continue
            job = await tx.get(Job, run.jobs[step.job_number - 1])
            if job is not None and _has_reached(job, step.job_state, world.now):
                await tx.put(step.happened(world.now, {"job": job.id}))

    async def count_call(
        self, id: str, wall: float, values_of: Callable[[ScenarioStep], Mapping[str, str] | None]
    ) -> None:
        """Count a call of an account; `values_of` returns None for a step that it does not fit."""
        steps = [step for step in await self.steps(id) if step.calls]
        if not any(values_of(step) is not None for step in steps):
            return
        async with self.accounts.act(id, wall) as world:
            for step in await world.tx.list(ScenarioStep, id):
                values = values_of(step) if step.calls else None
                if values is None:
                    continue
                left = replace(step, calls=step.calls - 1)
                await world.tx.put(left if left.calls else left.happened(world.now, values))


async def _with_new_jobs(world: UnitOfWork, run: ScenarioRun, needed: int) -> ScenarioRun:
    """Return the run with the jobs that were made since, as many as steps wait for."""
    serial, known = (await world.queue()).serial, run
    if serial < run.first_serial + len(run.jobs):  # The jobs were reset.
        run = replace(run, first_serial=0, jobs=())
    made = serial - run.first_serial
    if made > len(run.jobs) and len(run.jobs) < needed:
        newest = await world.tx.page(Job, world.account.id, limit=made - len(run.jobs))
        new = [job.id for job in reversed(newest)]
        run = replace(run, jobs=(*run.jobs, *new)[:needed])
    if run is not known:
        await world.tx.put(run)
    return run


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
