"""The unit of work: all that is due is applied first, in order, and a change is whole or not there.

It is also never lost beside another one, on a store that lets others go first.
"""

import asyncio
from functools import partial

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings
from msgspec import Struct
from msgspec.structs import replace

from mock_server.core import outbox_service
from mock_server.core.account_service import AccountSpec
from mock_server.core.accounts import Account, Limits
from mock_server.core.credits import Wallet
from mock_server.core.errors import AccountGone, Conflict
from mock_server.core.jobs.job import Job
from mock_server.core.jobs.queue import QueueState
from mock_server.core.jobs.watch import Notify, Watch
from mock_server.core.outbox import Delivery
from mock_server.core.rate_limit import AdmittedCalls
from mock_server.core.resets import ResetService
from mock_server.core.resources import Resource
from mock_server.tests.makers import (
    NOW,
    AsyncBench,
    Bench,
    CountingStore,
    HesitatingStore,
    an_account,
    an_account_service,
    an_order,
    run,
    some_work,
    too_much_for_memory,
)
from mock_server.tests.stores.contract import BrokenOff

ADA = an_account()
WATCH = Watch("http://127.0.0.1:1/", "toy", Notify.CHANGES)


class Alarm(Struct, frozen=True):
    """Rings at each of its moments."""

    id: str
    account: str
    moments: tuple[float, ...]

    @property
    def due_at(self):
        return self.moments[0] if self.moments else None


class Stamp(Struct, frozen=True):
    """Falls due once."""

    id: str
    account: str
    due_at: float | None


async def ring(world, alarm):
    world.happened(alarm.due_at, "alarm", alarm.id, "rings")
    await world.tx.put(replace(alarm, moments=alarm.moments[1:]))
    # An alarm makes a stamp that is due half a second later.
    stamp = Stamp(f"{alarm.id}-{len(alarm.moments)}", alarm.account, alarm.due_at + 0.5)
    await world.tx.put(stamp)


async def expire(world, stamp):
    world.happened(stamp.due_at, "stamp", stamp.id, "expires")
    await world.tx.put(replace(stamp, due_at=None))


def with_alarms(bench):
    bench.accounts.due.register(Alarm, ring)
    bench.accounts.due.register(Stamp, expire)
    return bench


def outline(events):
    return [(event.at, event.kind, event.id, event.state) for event in events]


# What is due


def test_all_kinds_are_applied_in_the_order_of_their_moments():
    bench = with_alarms(Bench())
    job = bench.submit(ADA).job
    alarm = Alarm("a", "ada", (job.starts_at, job.ends_at - 0.5))
    bench.put(alarm, Stamp("s", "ada", job.starts_at), Stamp("never", "ada", None))

    world = bench.world("ada", job.ends_at)

    assert outline(world.events) == [
        (job.queued_at, "job", job.id, "waiting"),
        # Of equal moments, the kind that was registered first comes first.
        (job.starts_at, "job", job.id, "running"),
        (job.starts_at, "alarm", "a", "rings"),
        (job.starts_at, "stamp", "s", "expires"),
        (job.starts_at + 0.5, "stamp", "a-2", "expires"),
        (job.ends_at - 0.5, "alarm", "a", "rings"),
        (job.ends_at, "job", job.id, "succeeded"),
        (job.ends_at, "stamp", "a-1", "expires"),
    ]
    assert {event.account for event in world.events} == {"ada"}
    assert bench.world("ada", job.ends_at).events == []


def test_nothing_is_applied_before_its_moment_nor_of_another_account():
    bench = with_alarms(Bench())
    bench.put(ADA, an_account("bob"), Stamp("s", "ada", 100.0), Stamp("t", "bob", 50.0))

    assert bench.world("ada", 99.999).events == []
    assert outline(bench.world("ada", 100.0).events) == [(100.0, "stamp", "s", "expires")]


def test_advancing_tells_only_what_happens_after_now():
    bench = with_alarms(Bench())
    bench.put(ADA, *(Stamp(id, "ada", at) for id, at in (("b", 10.0), ("a", 20.0), ("c", 20.0))))

    async def advance(world):
        assert await world.next_moment() == 20.0
        told = await world.advance(world.clock.moved_to(world.wall, 30.0))
        return told, world.events, world.now

    told, events, now = bench.act("ada", 10.0, advance)

    assert [each.id for each in told] == ["a", "c"]
    assert [each.id for each in events] == ["b", "a", "c"]
    assert now == 30.0


# Whole or not there


async def change_much(world):
    await world.jobs.submit(an_order(), some_work(), watch=WATCH)
    await world.uploads.reserve(upload_for=60, keep_for=None)
    await world.change_account(replace(world.account, name="changed"))
    await outbox_service.post(world, WATCH, "topic", b"{}")


def state_of(bench, id="ada"):
    kinds = (Account, Job, Wallet, QueueState, Delivery, Resource, Alarm, Stamp)
    return {kind: bench.kept(kind, id) for kind in kinds}


@pytest.mark.parametrize("error", [BrokenOff, Conflict, asyncio.CancelledError, KeyboardInterrupt])
@pytest.mark.parametrize("is_saved", [False, True])
def test_of_what_breaks_a_refusal_keeps_only_what_time_did_and_what_was_saved(error, is_saved):
    bench = with_alarms(Bench())
    bench.put(ADA, Stamp("s", "ada", NOW))
    before = state_of(bench)
    woken: list[str] = []
    bench.accounts.on_callbacks = woken.append

    async def break_off(world):
        await world.tx.put(Stamp("saved", "ada", None))
        if is_saved:
            await world.save()
        await change_much(world)
        raise error

    with pytest.raises(error):
        bench.act("ada", NOW, break_off)

    stamps = before.pop(Stamp)
    after = state_of(bench)
    if error is Conflict:
        stamps = [Stamp("s", "ada", None), *([Stamp("saved", "ada", None)] if is_saved else [])]
    assert after == before | {Stamp: stamps}
    assert woken == []
    bench.world("ada")  # The account is free again.


def test_what_is_done_after_saving_is_kept_too_if_nothing_is_refused():
    bench = Bench()

    async def go_on(world):
        await world.save()
        await change_much(world)

    bench.act(ADA, NOW, go_on)

    assert len(bench.kept(Job)) == 1


def test_callbacks_are_announced_after_the_commit_and_only_where_there_are_some():
    bench, found = Bench(), []

    def look(id):
        found.append((id, [each.state for each in bench.kept(Delivery)]))

    bench.accounts.on_callbacks = look
    bench.world(ADA)
    plain = bench.submit("ada").job
    bench.look("ada", plain.id)
    assert found == []

    job = bench.submit("ada", watch=WATCH).job
    bench.world("ada", job.queued_at)

    assert found == [("ada", []), ("ada", ["waiting"])]
    bench.cancel("ada", job.id, job.queued_at)
    assert found[2:] == [("ada", ["waiting", "canceled"])]


@pytest.mark.parametrize("ends", ["unknown", "deleted", "made again", "reset"])
def test_an_account_that_is_gone_is_not_acted_on(ends):
    accounts = an_account_service()
    bench = Bench(accounts)
    spec = AccountSpec(id="ada")
    ada = run(accounts.create(spec, NOW))
    bench.world("ada")
    assert run(accounts.act("ada", NOW, ada.incarnation).__aenter__()).account == ada

    accounts = an_account_service()
    bench = Bench(accounts)
    ada = run(accounts.create(spec, NOW))
    if ends == "reset":
        run(ResetService(accounts).reset(ada, [], NOW))
    elif ends != "unknown":
        run(accounts.delete("ada"))
    if ends == "made again":
        run(accounts.create(spec, NOW))
    id = "nobody" if ends == "unknown" else "ada"
    incarnation = None if ends in ("unknown", "deleted") else ada.incarnation

    with pytest.raises(AccountGone):
        run(accounts.act(id, NOW, incarnation).__aenter__())
    if ends in ("made again", "reset"):
        bench.world("ada")


async def test_a_cancelled_unit_of_work_is_whole_or_not_there_and_frees_its_account():
    stage, cut = 0, True
    while cut:
        bench = AsyncBench(store=HesitatingStore())
        with_alarms(bench)
        await bench.put(ADA, Stamp("s", "ada", NOW))

        async def save_and_refuse(world):
            await change_much(world)
            await world.save()
            await world.tx.put(Stamp("refused", "ada", None))
            raise Conflict

        acting = asyncio.ensure_future(bench.act("ada", NOW, save_and_refuse))
        for _ in range(stage):
            await asyncio.sleep(0)
        cut = acting.cancel()
        with pytest.raises((asyncio.CancelledError, Conflict)):
            await acting
        stamps = await bench.kept(Stamp)
        whole = stamps == [Stamp("s", "ada", None)]
        assert whole or stamps == [Stamp("s", "ada", NOW)]
        assert len(await bench.kept(Job)) == len(await bench.kept(Resource)) == int(whole)
        async with asyncio.timeout(5):
            await bench.world("ada", 0.0)
        stage += 1
    assert whole
    assert stage > 20


# Beside each other


async def both(*calls):
    return await asyncio.gather(*calls)


@pytest.mark.parametrize("whose", ["the account's", "the server's"])
async def test_two_advances_at_once_add_up(whose):
    accounts = an_account_service(HesitatingStore(), is_open=False)
    await accounts.open(NOW)
    id = "ready" if whose == "the account's" else None
    job = (await AsyncBench(accounts).submit("ready")).job

    def five_seconds(clock):
        return clock.advanced(NOW, 5.0)

    told = await both(*(accounts.advance(id, NOW, five_seconds) for _ in range(2)))

    assert (await accounts.clock(await accounts.find("ready"))).now(NOW) == NOW + 10
    events = [event.state for events in told for event in events]
    assert job.ends_at < NOW + 10
    assert sorted(events) == ["running", "succeeded", "waiting"]


async def test_other_limits_and_another_clock_at_once_lose_nothing():
    for seed in range(20):
        accounts = an_account_service(HesitatingStore(seed=seed), is_open=False)
        await accounts.open(NOW)
        bench = AsyncBench(accounts)

        async def change_limits(world):
            await world.change_account(replace(world.account, limits=Limits(qps=77)))

        async def rename(world):
            await world.change_account(replace(world.account, name="renamed"))

        await both(
            accounts.change_clock("ready", NOW, lambda clock: clock.with_rate(NOW, 60.0)),
            bench.act("ready", NOW, change_limits),
            accounts.advance("ready", NOW, lambda clock: clock.advanced(NOW, 5.0)),
            bench.act("ready", NOW, rename),
        )

        account = await accounts.find("ready")
        clock = await accounts.clock(account)
        assert (account.limits.qps, account.name, clock.rate) == (77, "renamed", 60.0)
        assert clock.now(NOW) == NOW + 5


async def test_calls_at_once_are_admitted_one_by_one():
    bench = AsyncBench(store=HesitatingStore())
    calls = [bench.admit(ADA, Limits(qps=3), NOW) for _ in range(5)]
    answers = await asyncio.gather(*calls, return_exceptions=True)

    assert sum(each == "" for each in answers) == 3
    assert [len(each.times) for each in await bench.kept(AdmittedCalls)] == [3]


# Time in one step or in many

moments = st.integers(0, 100).map(lambda tenths: NOW + tenths / 10)
orders = st.tuples(
    st.sampled_from([None, *Notify]),
    st.sampled_from([some_work(), some_work(inputs=("nothing",)), too_much_for_memory()]),
    st.sampled_from(["ada", "bob"]),
)


def _to(moment, clock):
    return clock.moved_to(NOW, moment)


@settings(max_examples=100)
@given(
    st.lists(orders, max_size=6),
    st.lists(st.tuples(st.sampled_from("ab"), st.lists(moments, max_size=3)), max_size=3),
    st.lists(moments, max_size=8),
    st.sampled_from(["server", "ada"]),
)
def test_any_split_of_an_advance_gives_the_same_events_and_the_same_state(
    orders, alarms, stops, whose
):
    def advanced(stops):
        accounts = an_account_service(slots=1)
        bench = with_alarms(Bench(accounts))
        for id in ("ada", "bob"):
            run(accounts.create(AccountSpec(id=id), NOW))
        for notify, work, id in orders:
            watch = None if notify is None else replace(WATCH, notify=notify)
            bench.submit(id, replace(work, pending=0.3), watch=watch)
        for id, at in alarms:
            bench.put(Alarm(id, "ada", tuple(sorted(at))))
        events = []
        for to in (*sorted(stops), NOW + 1000):
            whom = "ada" if whose == "ada" else None
            events += run(accounts.advance(whom, NOW, partial(_to, to)))
        return events, state_of(bench, "ada"), state_of(bench, "bob")

    events, *state = advanced(stops)
    at_once, *expected = advanced([])

    assert [event for event in events if event.at > NOW] == at_once
    assert state == expected


# What it costs


def operations(bench, call):
    bench.store.counts.clear()
    call()
    return dict(bench.store.counts)


def test_a_submitted_job_takes_one_transaction_and_no_more_operations_than_it_needs():
    bench = Bench(store=CountingStore())
    bench.submit(ADA)

    counts = operations(bench, lambda: bench.submit("ada"))

    # Read: the account, the server's clock, the wallet, the queue, whether the id is taken.
    # Written in one step: the wallet, the queue, the job and its place.
    assert counts == {"transaction": 1, "next_due": 1, "get": 5, "put": 1}


def test_what_time_did_is_not_done_again_for_each_call_that_is_refused():
    store = CountingStore()
    bench = Bench(store=store)
    job = bench.submit(ADA, watch=WATCH).job
    woken: list[str] = []
    bench.accounts.on_callbacks = woken.append

    async def refuse(world):
        raise Conflict

    for due in (3, 0):
        with pytest.raises(Conflict):
            operations(bench, lambda: bench.act("ada", job.ends_at, refuse))
        assert store.counts["next_due"] == due + 1
        assert woken == ["ada"]
    assert bench.kept(Job)[0].ending is not None


def test_a_look_takes_one_transaction_and_writes_nothing_while_nothing_is_due():
    bench = Bench(store=CountingStore())
    job = bench.submit(ADA).job

    counts = operations(bench, lambda: bench.look("ada", job.id))

    assert counts == {"transaction": 1, "next_due": 1, "get": 3, "count_due": 1}


def test_what_is_due_is_asked_for_once_more_than_there_is_something():
    bench = Bench(store=CountingStore())
    job = bench.submit(ADA).job

    counts = operations(bench, lambda: bench.world("ada", job.ends_at))

    assert counts["next_due"] == 3 + 1
