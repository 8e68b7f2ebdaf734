"""Two customers do whatever comes to their minds, and after each step everything adds up."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from itertools import pairwise
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from msgspec import UNSET
from msgspec.structs import replace

from mock_server.core.account_service import AccountSpec
from mock_server.core.accounts import Account, Progression
from mock_server.core.clock import LATEST
from mock_server.core.credits import ZERO, Wallet
from mock_server.core.errors import AlreadyEnded, Conflict, CreditsShort, Invalid, RequestRepeated
from mock_server.core.events import Event
from mock_server.core.jobs.course import FOREVER
from mock_server.core.jobs.job import Job, JobState
from mock_server.core.jobs.plan_changes import Failure, Loss, PlaceInRun, PlanChange, Stall
from mock_server.core.jobs.plans import Work
from mock_server.core.jobs.service import Snapshot
from mock_server.core.resets import ResetService
from mock_server.core.unit_of_work import UnitOfWork
from mock_server.tests.makers import (
    NOW,
    Bench,
    an_account_service,
    an_order,
    loaded,
    run,
    some_work,
    too_much_for_memory,
    work_that_costs,
)

SLOTS = 2
KEEP_JOBS = 8
OPENING = Decimal(10)

NEARLY = 1e-9

IN_ORDER = [JobState.CREATED, JobState.PENDING, JobState.WAITING, JobState.RUNNING]

PARTS = tuple(ResetService(an_account_service()).parts)

PLACES = st.builds(PlaceInRun, st.integers(0, 2), st.sampled_from([0.0, 0.3, 0.7, 1.0]))
TIMES = st.sampled_from([0.0, 0.3, 5.0, FOREVER])
BACK_TO = st.sampled_from(["run", "stage", "queue"])


def mentioned(members: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.just(UNSET) | st.none() | members


CHANGES = st.builds(
    PlanChange,
    pending=st.none() | TIMES,
    wait=st.none() | TIMES,
    ahead=st.none() | st.integers(0, 5),
    sit=st.just(0.0) | TIMES,
    run=st.none() | st.sampled_from([0.5, 20.0]),
    factor=st.sampled_from([1.0, 1.0, 0.2, 3.0]),
    stall=mentioned(st.builds(Stall, PLACES, TIMES)),
    loss=mentioned(st.builds(Loss, PLACES, st.integers(1, 3), BACK_TO, st.none() | TIMES)),
    failure=mentioned(st.builds(Failure, PLACES, st.just("planned"), keeps=st.booleans())),
    ignores_cancel=st.none() | st.booleans(),
    without_results=st.none() | st.booleans(),
)

names = st.sampled_from(["ada", "bob"])
pace = st.sampled_from([0.0, 0.05, 0.5, 1.0, 3.0, 20.0])
amounts = st.sampled_from(["-30", "-0.5", "0", "0.1", "7.5"]).map(Decimal)
works = st.sampled_from(
    [
        some_work(),
        work_that_costs(8),
        work_that_costs(30),
        too_much_for_memory(),
        work_that_costs(200),
    ]
)


@dataclass
class Memory:
    """What a customer remembers of the world: every job's last state, and the sums it expects."""

    seen: dict[str, Snapshot] = field(default_factory=dict)
    paid: dict[str, Decimal] = field(default_factory=dict)
    keys: dict[str, tuple[str, int]] = field(default_factory=dict)
    uploads: list[str] = field(default_factory=list)
    topped_up: Decimal = ZERO
    forgiven: bool = False
    wallet: Wallet | None = None


class Customers(RuleBasedStateMachine):
    """`ada` follows the server's clock and `bob` has his own."""

    @initialize(rate=st.sampled_from([0.0, 1.0, 60.0]))
    def open(self, rate: float) -> None:
        self.wall = NOW
        self.accounts = an_account_service(rate=rate, slots=SLOTS, keep_jobs=KEEP_JOBS)
        self.bench = Bench(self.accounts)
        self.resets = ResetService(self.accounts)
        self.memory = {"ada": Memory(), "bob": Memory()}
        run(self.accounts.create(AccountSpec(id="ada", balance=OPENING), self.wall))
        bob = AccountSpec(id="bob", balance=OPENING, clock_start=1000.3, clock_rate=0.5)
        run(self.accounts.create(bob, self.wall))
        self.alone: str | None = None
        self.replanned: dict[str, PlanChange] = {}

    def account(self, name: str) -> Account:
        return run(self.accounts.find(name))

    def now(self, name: str) -> float:
        return run(self.accounts.now(self.account(name), self.wall))

    def begin(self, name: str) -> Memory:
        """Note that only this customer does something, while time stands."""
        self.alone = name
        self.replanned = {}
        return self.memory[name]

    def any_job(self, name: str, data: st.DataObject) -> str | None:
        seen = list(self.memory[name].seen)
        return data.draw(st.sampled_from(seen)) if seen else None

    # What customers do

    @rule(
        name=names,
        work=works,
        progress=st.sampled_from(Progression),
        key=st.sampled_from(["", "", "", "one", "two"]),
        fingerprint=st.integers(1, 2),
        input=st.sampled_from(["", "", "nothing", "uploaded"]),
        change=st.none() | st.none() | CHANGES,
    )
    def submit(
        self,
        name: str,
        work: Work,
        progress: Progression,
        key: str,
        fingerprint: int,
        input: str,
        change: PlanChange | None,
    ) -> None:
        memory = self.begin(name)
        if input == "uploaded" and memory.uploads:
            work = replace(work, inputs=(memory.uploads[-1],))
        elif input == "nothing":
            work = replace(work, inputs=("nothing",))
        before = self.bench.wallet(name, self.wall)

        def submission() -> Snapshot:
            options = {"request_key": key, "fingerprint": fingerprint, "progress": progress}

            async def planned(world: UnitOfWork) -> Snapshot:
                world.plan_change = change
                return await world.jobs.submit(an_order(count=2), work, **options)  # type: ignore[arg-type]

            return self.bench.act(name, self.wall, planned)  # type: ignore[no-any-return]

        first, content = memory.keys.get(key, ("", 0))
        if first in self.kept(name):
            with pytest.raises(RequestRepeated) as repeated:
                submission()
            assert repeated.value.job_id == first
            assert repeated.value.same_content == (content == fingerprint)
        elif work.price > before.balance:
            with pytest.raises(CreditsShort) as short:
                submission()
            assert (short.value.price, short.value.balance) == (work.price, before.balance)
        else:
            self.remember(memory, submission(), key, fingerprint)
            return
        assert self.bench.wallet(name, self.wall) == before

    def remember(self, memory: Memory, snapshot: Snapshot, key: str, fingerprint: int) -> None:
        assert snapshot.job.id not in memory.seen
        memory.seen[snapshot.job.id] = snapshot
        if snapshot.state is JobState.SUCCEEDED:
            memory.paid[snapshot.job.id] = snapshot.job.price
        if key:
            memory.keys[key] = snapshot.job.id, fingerprint

    @rule(name=names, data=st.data())
    def poll(self, name: str, data: st.DataObject) -> None:
        self.begin(name)
        id = self.any_job(name, data)
        if id in self.kept(name):
            assert id is not None
            snapshot = self.bench.look(name, id, self.wall)
            assert snapshot.state is snapshot.job.state_at(self.now(name))

    @rule(name=names, what=st.sampled_from(["cancel", "complete", "fail"]), data=st.data())
    def end(self, name: str, what: str, data: st.DataObject) -> None:
        memory = self.begin(name)
        id = self.any_job(name, data)
        if id is None or id not in self.kept(name):
            return
        over = memory.seen[id].state.final
        try:
            if what == "cancel":
                snapshot = self.bench.cancel(name, id, self.wall)
                ignored = snapshot.job.plan.ignores_cancel
                assert (snapshot.state is JobState.CANCELED) is not ignored
            else:
                failure = "tired" if what == "fail" else None
                state = self.bench.finish(name, id, self.wall, failure=failure).state
                assert state is (JobState.FAILED if failure else JobState.SUCCEEDED)
            assert not over
        except AlreadyEnded:
            assert over

    @rule(name=names, seconds=st.sampled_from([None, 0.0, 0.3, 1.0]), data=st.data())
    def move_by_hand(self, name: str, seconds: float | None, data: st.DataObject) -> None:
        memory = self.begin(name)
        id = self.any_job(name, data)
        if id is None or id not in self.kept(name):
            return
        before = memory.seen[id]
        try:
            snapshot = self.bench.advance(name, id, self.wall, seconds=seconds)
            assert not before.state.final
            assert seconds is not None or snapshot.state is not before.state
        except AlreadyEnded:
            assert before.state.final
        except Conflict:
            assert before.job.on_the_clock

    @rule(name=names, change=CHANGES, data=st.data())
    def change_plan(self, name: str, change: PlanChange, data: st.DataObject) -> None:
        memory = self.begin(name)
        id = self.any_job(name, data)
        if id is None or id not in self.kept(name):
            return
        before = self.kept(name)[id]
        try:
            self.bench.act(name, self.wall, lambda world: world.jobs.change_plan(id, change))
            assert not memory.seen[id].state.final
            self.replanned = {id: change}
        except AlreadyEnded:
            assert memory.seen[id].state.final
        except Invalid:
            assert self.kept(name)[id] == before

    @rule(name=names, readable=st.booleans(), for_ever=st.booleans())
    def upload(self, name: str, readable: bool, for_ever: bool) -> None:
        memory = self.begin(name)
        keep_for = None if for_ever else 2.0
        place = self.bench.reserve(name, self.wall, keep_for=keep_for)
        assert place.id not in memory.uploads
        memory.uploads.append(place.id)
        format = "png" if readable else ""
        picture = replace(place, uploaded_at=self.now(name), format=format)

        async def keep(world: UnitOfWork) -> None:
            await world.uploads.keep(picture, b"data")

        self.bench.act(name, self.wall, keep)

    # What the control API does

    @rule(name=names, by=amounts)
    def top_up(self, name: str, by: Decimal) -> None:
        memory = self.begin(name)
        balance = self.bench.wallet(name, self.wall).balance
        try:
            self.bench.set_balance(name, self.wall, by=by)
            memory.topped_up += by
        except Invalid:
            assert by < 0
            assert balance + by < 0

    @rule(name=names, to=amounts)
    def set_balance(self, name: str, to: Decimal) -> None:
        memory = self.begin(name)
        before = self.bench.wallet(name, self.wall).balance
        if to < min(before, ZERO):
            with pytest.raises(Invalid):
                self.bench.set_balance(name, self.wall, to=to)
        else:
            wallet = self.bench.set_balance(name, self.wall, to=to)
            assert wallet.balance == to
            memory.topped_up += to - before

    @rule(name=names, only=st.sets(st.sampled_from(sorted(PARTS)), max_size=2))
    def reset(self, name: str, only: set[str]) -> None:
        memory = self.begin(name)
        now = self.now(name)
        parts = only or set(PARTS)
        run(self.resets.reset(self.account(name), only, self.wall))
        back = self.now(name) < now
        if back or "jobs" in parts:
            memory.seen.clear()
            memory.keys.clear()
            # Their ids are given again, and what they had cost stays charged.
            memory.paid = {"forgotten": sum(memory.paid.values(), ZERO)}
        if back or "uploads" in parts:
            memory.uploads.clear()
        if "credits" in parts:
            memory.paid.clear()
            memory.topped_up = ZERO
            memory.forgiven = True
        if not only:
            memory.forgiven = False

    @rule(seconds=pace)
    def let_time_pass(self, seconds: float) -> None:
        self.alone, self.replanned = None, {}
        self.wall += seconds

    def advance(self, id: str | None, to: float) -> list[Event]:
        wall = self.wall
        return run(self.accounts.advance(id, wall, lambda clock: clock.moved_to(wall, to)))

    @rule(seconds=pace)
    def advance_the_server(self, seconds: float) -> None:
        self.begin("ada")
        before = self.now("ada")
        events = self.advance(None, before + seconds)
        assert all(before < event.at <= before + seconds for event in events)
        assert {event.account for event in events} <= {"ada"}
        assert self.now("ada") == before + seconds

    @rule(seconds=pace)
    def advance_bob(self, seconds: float) -> None:
        self.begin("bob")
        before = self.now("bob")
        self.advance("bob", before + seconds)
        assert self.now("bob") == before + seconds

    @rule()
    def go_to_bobs_next_event(self) -> None:
        memory, before = self.begin("bob"), self.now("bob")
        dues = [each.job.due_at for each in memory.seen.values() if not each.state.final]
        waiting = any(due_at is not None and due_at < LATEST for due_at in dues)
        events = run(self.accounts.advance("bob", self.wall))
        assert bool(events) == waiting
        assert {event.at for event in events} <= {self.now("bob")}
        assert self.now("bob") >= before

    @rule(rate=st.sampled_from([0.0, 1.0, 60.0]))
    def change_the_servers_pace(self, rate: float) -> None:
        self.alone, self.replanned = None, {}
        wall = self.wall
        run(self.accounts.change_clock(None, wall, lambda clock: clock.with_rate(wall, rate)))

    # State in and out changes nothing

    @rule()
    def load_the_state_into_another_server(self) -> None:
        self.alone = None
        accounts = an_account_service(slots=SLOTS, keep_jobs=KEEP_JOBS)
        loaded(self.accounts, self.wall, accounts)
        assert [each.id for each in run(accounts.all())] == [
            each.id for each in run(self.accounts.all())
        ]
        self.accounts, self.bench = accounts, Bench(accounts)
        self.resets = ResetService(accounts)

    @rule()
    def load_bobs_state_in_his_place(self) -> None:
        self.begin("bob")
        loaded(self.accounts, self.wall, self.accounts, "bob")

    # What is always true

    def snapshot(self, job: Job, now: float) -> Snapshot:
        """Look at a job without moving it, as a customer's look would where polls move it."""
        if job.progress is Progression.POLLS:
            return Snapshot(job, now, job.state_at(now))
        return self.bench.look(job.account, job.id, self.wall)  # type: ignore[no-any-return]

    def kept(self, name: str) -> dict[str, Job]:
        return {job.id: job for job in self.bench.kept(Job, name)}

    @invariant()
    def everything_adds_up(self) -> None:
        for name, memory in self.memory.items():
            now = self.now(name)
            wallet, lines = self.bench.ledger(name, self.wall)
            jobs = self.kept(name)
            self.see(memory, jobs, now)

            # Each look at a wallet's own terms, at what it should be, and at the lines.
            assert wallet.balance == (
                wallet.opening + wallet.topped_up - wallet.charged - wallet.held
            )
            assert (wallet.opening, wallet.topped_up) == (OPENING, memory.topped_up)
            going = [job for job in jobs.values() if not job.state_at(now).final]
            assert wallet.held == sum((job.price for job in going), ZERO)
            assert wallet.charged == sum(memory.paid.values(), ZERO)
            assert sum(line.amount for line in lines) == wallet.balance
            assert wallet.balance >= 0 or memory.forgiven
            if self.alone not in (None, name):
                assert wallet == memory.wallet or memory.wallet is None
            memory.wallet = wallet

            over = len(jobs) - len(going)
            assert len(jobs) <= KEEP_JOBS or over <= 1
            self.check_line(jobs, now)

    def see(self, memory: Memory, jobs: dict[str, Job], now: float) -> None:
        """Compare all jobs with what was seen of them last, and remember them."""
        for id, before in list(memory.seen.items()):
            job = jobs.get(id)
            if job is None:
                assert before.state.final
                continue
            state = job.state_at(now)
            if before.state.final:
                assert (state, job.ending) == (before.state, before.job.ending or job.ending)
            elif not may_fall_back(job):
                assert state.final or IN_ORDER.index(before.state) <= IN_ORDER.index(state)
            if not self.replanned:
                assert job.starts_at <= before.job.starts_at
            if not may_fall_back(job):
                assert job.done_at(now) >= before.job.done_at(before.now) - NEARLY
            snapshot = self.snapshot(job, now)
            ahead = {change.ahead for change in self.replanned.values()} - {None}
            if state is before.state is JobState.WAITING and not ahead and not may_fall_back(job):
                assert snapshot.ahead <= before.ahead
                assert snapshot.ahead + snapshot.behind <= before.ahead + before.behind
            if state is JobState.SUCCEEDED and not before.state.final:
                memory.paid[id] = job.price
            memory.seen[id] = snapshot

    def check_line(self, jobs: dict[str, Job], now: float) -> None:
        timed = [job for job in jobs.values() if job.queues]
        ran = [job for job in timed if job.starts_at < job.ended_at]
        for job in ran:
            at_once = [each for each in ran if each.starts_at <= job.starts_at < each.ended_at]
            assert len(at_once) <= SLOTS
        waiting = [job for job in timed if job.queued_at <= now < job.starts_at]
        waiting = sorted(
            (job for job in waiting if job.ending is None), key=lambda job: job.starts_at
        )
        ranks = [self.snapshot(job, now).ahead for job in waiting]
        assert all(one < other for one, other in pairwise(ranks))


def may_fall_back(job: Job) -> bool:
    """Return whether it loses its worker some time."""
    return any(after.start < leg.end for leg, after in pairwise(job.plan.course))


TestCustomers: type[Any] = Customers.TestCase
TestCustomers.settings = settings(max_examples=300, stateful_step_count=40)
