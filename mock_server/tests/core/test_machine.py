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
from msgspec.structs import replace

from mock_server.core.account_service import PARTS, AccountSpec
from mock_server.core.accounts import Account, Progression
from mock_server.core.credits import ZERO, Wallet
from mock_server.core.errors import AlreadyEnded, Conflict, CreditsShort, Invalid, RequestRepeated
from mock_server.core.jobs.job import Job, JobState
from mock_server.core.jobs.plans import Work
from mock_server.core.jobs.service import Snapshot
from mock_server.tests.makers import (
    NOW,
    an_order,
    run,
    some_work,
    some_worlds,
    too_much_for_memory,
    work_that_costs,
)

SLOTS = 2
KEEP_JOBS = 8
OPENING = Decimal(10)

IN_ORDER = [JobState.CREATED, JobState.PENDING, JobState.WAITING, JobState.RUNNING]

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
        self.account_service = some_worlds(rate=rate, slots=SLOTS, keep_jobs=KEEP_JOBS)
        self.job_service = self.account_service.job_service
        self.memory = {"ada": Memory(), "bob": Memory()}
        run(self.account_service.create(AccountSpec(id="ada", balance=OPENING), self.wall))
        bob = AccountSpec(id="bob", balance=OPENING, clock_start=1000.3, clock_rate=0.5)
        run(self.account_service.create(bob, self.wall))
        self.alone: str | None = None

    def account(self, name: str) -> Account:
        return run(self.account_service.find(name))

    def now(self, name: str) -> float:
        return run(self.job_service.now(self.account(name), self.wall))

    def begin(self, name: str) -> tuple[Account, Memory, float]:
        """Note that only this customer does something, while time stands."""
        self.alone = name
        return self.account(name), self.memory[name], self.now(name)

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
    )
    def submit(
        self, name: str, work: Work, progress: Progression, key: str, fingerprint: int, input: str
    ) -> None:
        account, memory, now = self.begin(name)
        if input == "uploaded" and memory.uploads:
            work = replace(work, inputs=(memory.uploads[-1],))
        elif input == "nothing":
            work = replace(work, inputs=("nothing",))
        before = run(self.job_service.wallet(account, now))
        submission = self.job_service.submit(
            account,
            an_order(count=2),
            work,
            now,
            request_key=key,
            fingerprint=fingerprint,
            progress=progress,
        )
        first, content = memory.keys.get(key, ("", 0))
        if first in self.kept(name):
            with pytest.raises(RequestRepeated) as repeated:
                run(submission)
            assert repeated.value.job_id == first
            assert repeated.value.same_content == (content == fingerprint)
        elif work.price > before.balance:
            with pytest.raises(CreditsShort) as short:
                run(submission)
            assert (short.value.price, short.value.balance) == (work.price, before.balance)
        else:
            self.remember(memory, run(submission), key, fingerprint)
            return
        assert run(self.job_service.wallet(account, now)) == before

    def remember(self, memory: Memory, snapshot: Snapshot, key: str, fingerprint: int) -> None:
        assert snapshot.job.id not in memory.seen
        memory.seen[snapshot.job.id] = snapshot
        if snapshot.state is JobState.SUCCEEDED:
            memory.paid[snapshot.job.id] = snapshot.job.price
        if key:
            memory.keys[key] = snapshot.job.id, fingerprint

    @rule(name=names, data=st.data())
    def poll(self, name: str, data: st.DataObject) -> None:
        account, _, now = self.begin(name)
        id = self.any_job(name, data)
        if id in self.kept(name):
            assert id is not None
            snapshot = run(self.job_service.look(account, id, now))
            assert snapshot.state is snapshot.job.state_at(now)

    @rule(name=names, what=st.sampled_from(["cancel", "complete", "fail"]), data=st.data())
    def end(self, name: str, what: str, data: st.DataObject) -> None:
        account, memory, now = self.begin(name)
        id = self.any_job(name, data)
        if id is None or id not in self.kept(name):
            return
        over = memory.seen[id].state.final
        try:
            if what == "cancel":
                state = run(self.job_service.cancel(account, id, now)).state
                assert state is JobState.CANCELED
            else:
                failure = "tired" if what == "fail" else None
                state = run(self.job_service.finish(account, id, now, failure=failure)).state
                assert state is (JobState.FAILED if failure else JobState.SUCCEEDED)
            assert not over
        except AlreadyEnded:
            assert over

    @rule(name=names, seconds=st.sampled_from([None, 0.0, 0.3, 1.0]), data=st.data())
    def move_by_hand(self, name: str, seconds: float | None, data: st.DataObject) -> None:
        account, memory, now = self.begin(name)
        id = self.any_job(name, data)
        if id is None or id not in self.kept(name):
            return
        before = memory.seen[id]
        try:
            snapshot = run(self.job_service.advance(account, id, now, seconds=seconds))
            assert not before.state.final
            assert seconds is not None or snapshot.state is not before.state
        except AlreadyEnded:
            assert before.state.final
        except Conflict:
            assert before.job.on_the_clock

    @rule(name=names, readable=st.booleans(), for_ever=st.booleans())
    def upload(self, name: str, readable: bool, for_ever: bool) -> None:
        account, memory, now = self.begin(name)
        keep_for = None if for_ever else 2.0
        place = run(self.job_service.reserve(account, now, upload_for=60, keep_for=keep_for))
        assert place.id not in memory.uploads
        memory.uploads.append(place.id)
        format = "png" if readable else ""
        run(
            self.job_service.receive(
                account, replace(place, uploaded_at=now, format=format), b"data"
            )
        )

    # What the keeper does

    @rule(name=names, by=amounts)
    def top_up(self, name: str, by: Decimal) -> None:
        account, memory, now = self.begin(name)
        balance = run(self.job_service.wallet(account, now)).balance
        try:
            run(self.account_service.set_balance(account, now, to=None, by=by, reason="test"))
            memory.topped_up += by
        except Invalid:
            assert by < 0
            assert balance + by < 0

    @rule(name=names, to=amounts)
    def set_balance(self, name: str, to: Decimal) -> None:
        account, memory, now = self.begin(name)
        before = run(self.job_service.wallet(account, now)).balance
        if to < min(before, ZERO):
            with pytest.raises(Invalid):
                run(self.account_service.set_balance(account, now, to=to, by=ZERO, reason="test"))
        else:
            wallet = run(
                self.account_service.set_balance(account, now, to=to, by=ZERO, reason="test")
            )
            assert wallet.balance == to
            memory.topped_up += to - before

    @rule(name=names, only=st.sets(st.sampled_from(sorted(PARTS)), max_size=2))
    def reset(self, name: str, only: set[str]) -> None:
        account, memory, now = self.begin(name)
        parts = only or set(PARTS)
        run(self.account_service.reset(account, only, self.wall))
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
        self.alone = None
        self.wall += seconds

    @rule(seconds=pace)
    def advance_the_server(self, seconds: float) -> None:
        self.alone = "ada"
        before = self.now("ada")
        _, events = run(self.account_service.advance(None, self.wall, before + seconds))
        assert all(before < event.at <= before + seconds for event in events)
        assert {event.account for event in events} <= {"ada"}
        assert self.now("ada") == before + seconds

    @rule(seconds=pace)
    def advance_bob(self, seconds: float) -> None:
        account, _, before = self.begin("bob")
        run(self.account_service.advance(account, self.wall, before + seconds))
        assert self.now("bob") == before + seconds

    @rule()
    def go_to_bobs_next_event(self) -> None:
        account, memory, before = self.begin("bob")
        waiting = any(not each.state.final for each in memory.seen.values() if each.job.due_at)
        _, events = run(self.account_service.advance(account, self.wall, None))
        assert bool(events) == waiting
        assert {event.at for event in events} <= {self.now("bob")}
        assert self.now("bob") >= before

    @rule(rate=st.sampled_from([0.0, 1.0, 60.0]))
    def change_the_servers_pace(self, rate: float) -> None:
        self.alone = None
        clock = run(self.account_service.clock(None))
        run(self.account_service.set_clock(None, clock.with_rate(self.wall, rate)))

    # What is always true

    def snapshot(self, job: Job, now: float) -> Snapshot:
        """Look at a job without moving it, as a customer's look would where polls move it."""
        if job.progress is Progression.POLLS:
            return Snapshot(job, now, job.state_at(now))
        return run(self.job_service.look(self.account(job.account), job.id, now))

    def kept(self, name: str) -> dict[str, Job]:
        async def jobs() -> dict[str, Job]:
            async with self.job_service.store.view() as view:
                return {job.id: job for job in await view.list(Job, name)}

        return run(jobs())

    @invariant()
    def everything_adds_up(self) -> None:
        for name, memory in self.memory.items():
            account, now = self.account(name), self.now(name)
            wallet, lines = run(self.account_service.ledger(account, now))
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
            else:
                assert state.final or IN_ORDER.index(before.state) <= IN_ORDER.index(state)
            assert job.starts_at <= before.job.starts_at
            assert job.done_at(now) >= before.job.done_at(before.now)
            pictures = zip(
                before.job.images_done_at(before.now), job.images_done_at(now), strict=True
            )
            assert all(one <= other for one, other in pictures)
            snapshot = self.snapshot(job, now)
            if state is before.state is JobState.WAITING:
                assert snapshot.ahead <= before.ahead
                assert snapshot.ahead + snapshot.behind <= before.ahead + before.behind
            if state is JobState.SUCCEEDED and not before.state.final:
                memory.paid[id] = job.price
            memory.seen[id] = snapshot

    def check_line(self, jobs: dict[str, Job], now: float) -> None:
        timed = [job for job in jobs.values() if job.progress is Progression.TIME]
        ran = [job for job in timed if job.starts_at < job.ended_at]
        for job in ran:
            at_once = [each for each in ran if each.starts_at <= job.starts_at < each.ended_at]
            assert len(at_once) <= SLOTS
        waiting = [job for job in timed if job.state_at(now) is JobState.WAITING]
        ranks = [self.snapshot(job, now).ahead for job in waiting]
        assert all(one < other for one, other in pairwise(ranks))


TestCustomers: type[Any] = Customers.TestCase
TestCustomers.settings = settings(max_examples=300, stateful_step_count=40)
