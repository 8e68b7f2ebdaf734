"""Clients, callbacks and resets at the same time, on a store that lets others go first.

Accounts are reset, deleted and made again during every wait. Afterwards the state is what some
order of the calls, one after the other, would have left: nothing of an earlier account is in a
later one, no change is lost, and all sums are right.
"""

import asyncio
from collections import Counter
from decimal import Decimal
from random import Random
from typing import Any

import hypothesis.strategies as st
from hypothesis import given, settings
from msgspec.structs import replace

from mock_server.core.account_service import AccountSpec
from mock_server.core.accounts import Limits, Progression
from mock_server.core.credits import ZERO, TopUp
from mock_server.core.errors import (
    AccountGone,
    AlreadyEnded,
    Conflict,
    CreditsShort,
    NotFound,
    RateLimited,
    RequestRepeated,
)
from mock_server.core.jobs.job import Job
from mock_server.core.jobs.watch import Notify, Watch
from mock_server.core.ledger import entries, records_of, set_balance
from mock_server.core.nonces import Nonce, use_nonce
from mock_server.core.outbox import Delivery
from mock_server.core.resets import ResetService
from mock_server.core.resources import Resource
from mock_server.tests.makers import (
    NOW,
    HesitatingStore,
    an_account_service,
    an_order,
    some_work,
    too_much_for_memory,
)
from mock_server.web.callback_formats import CallbackAdapter, CallbackReply
from mock_server.web.callbacks import CallbackDispatcher
from mock_server.web.targets import CallbackTargets

REFUSALS = (
    *(AccountGone, AlreadyEnded, Conflict, CreditsShort),
    *(NotFound, RateLimited, RequestRepeated),
)
IDS = ("ready", "ada", "bob")
KINDS = (Job, Resource, TopUp, Nonce, Delivery)
CLOCK = "clock"


class History:
    """What was done in which era, and since when each kind of record is kept.

    An era of an account begins with each incarnation, and with each reset that keeps it.
    """

    def __init__(self):
        self.eras = {}
        self.resets: Counter[tuple[str, int]] = Counter()
        self.since: Counter[tuple[str, object]] = Counter()
        self.done = []

    def began(self, account, kinds=(*KINDS, CLOCK)):
        """Note that an era began in which there are no records of these kinds."""
        if self.tag(account) in self.eras:
            self.resets[account.id, account.incarnation] += 1
        era = self.eras[self.tag(account)] = len(self.eras) + 1
        for kind in kinds:
            self.since[account.id, kind] = era

    def tag(self, account):
        """Return the name of the account's era."""
        return f"{account.id}.{account.incarnation}.{self.resets[account.id, account.incarnation]}"

    def note(self, id, tag, kind, what):
        """Note that something was done that has to be there as long as its kind is kept."""
        self.done.append((id, tag, kind, what))

    def expected(self, id, kind):
        """Return what has to be there."""
        since = self.since[id, kind]
        return [
            what
            for account, tag, each, what in self.done
            if (account, each) == (id, kind) and self.eras[tag] >= since
        ]


class BusyServer:
    """A server and everything that is done to it, drawn from a seed."""

    def __init__(self, seed):
        self.draws = Random(seed)
        store = HesitatingStore(seed=seed)
        self.accounts = an_account_service(store, is_open=False, progress=Progression.TIME)
        self.resets = ResetService(self.accounts)
        self.resets.after.append(self._after_reset)
        self.history = History()
        self.wall = NOW
        self.sent: Counter[bytes] = Counter()
        self.dispatcher = CallbackDispatcher(
            self.accounts,
            lambda: self.wall,
            targets=CallbackTargets(["private"]),
            send=self._send,
        )
        self.dispatcher.register("toy", lambda account: CallbackAdapter(self._write, delays=(1.0,)))
        self.accounts.on_callbacks = self.dispatcher.wake

    def _write(self, delivery, job, account):
        assert (delivery.job, delivery.account) == (job.id, account.id)
        return f"{delivery.id} {delivery.watch.reference}".encode()

    async def _send(self, target, body):
        await self.wait()
        status = self.draws.choice([200, 200, 500])
        if status == 200:
            self.sent[body] += 1
        return CallbackReply(status)

    async def wait(self):
        """Wait for something outside, in which all sorts of things may happen."""
        for _ in range(self.draws.randrange(30)):
            await asyncio.sleep(0)

    async def _after_reset(self, world):
        tx, id = world.tx, world.account.id
        kinds = [kind for kind in KINDS if not await tx.list(kind, id)]
        first = world.account.clock is None or world.account.clock.virtual_anchor == 1000.0
        self.history.began(world.account, [*kinds, CLOCK] if first else kinds)

    def act(self, id, incarnation=None):
        return self.accounts.act(id, self.wall, incarnation)

    def watch(self, world):
        notify = self.draws.choice(list(Notify))
        reference = self.history.tag(world.account)
        return Watch("http://127.0.0.1:1/", "toy", notify, reference=reference)

    # What clients do

    async def submit(self, id):
        async with self.act(id) as world:
            snapshot = await world.jobs.submit(
                an_order(prompt=(tag := self.history.tag(world.account))),
                self.draws.choice([some_work(), too_much_for_memory()]),
                request_key=self.draws.choice(["", "", "key"]),
                progress=self.draws.choice(list(Progression)),
                watch=self.draws.choice([None, self.watch(world)]),
            )
        self.history.note(id, tag, Job, snapshot.job.id)

    async def touch_a_job(self, id):
        """Look at a job of this incarnation, cancel it, or move it by hand."""
        jobs = await self.accounts.store.list(Job, id)
        if jobs:
            job = self.draws.choice(jobs).id
            what = self.draws.choice(["look", "cancel", "finish", "advance"])
            async with self.act(id) as world:
                await getattr(world.jobs, what)(job)

    async def upload(self, id):
        async with self.act(id) as world:
            incarnation, tag = world.account.incarnation, self.history.tag(world.account)
            place = await world.uploads.reserve(
                upload_for=60, keep_for=None, media_type=f"image/{tag}"
            )
        self.history.note(id, tag, Resource, place.id)
        await self.wait()  # The picture is decoded.
        async with self.act(id, incarnation) as world:
            picture = replace(place, uploaded_at=world.now, format="png")
            await world.uploads.keep(picture, tag.encode())

    async def use_a_nonce(self, id):
        nonce = self.draws.choice([b"a", b"b", b"c"])
        async with self.act(id) as world:
            tag = self.history.tag(world.account)
            is_new = await use_nonce(world.tx, id, nonce, world.now)
        if is_new:
            self.history.note(id, tag, Nonce, nonce)

    async def top_up(self, id):
        amount = Decimal(self.draws.randrange(1, 50))
        async with self.act(id) as world:
            tag = self.history.tag(world.account)
            await set_balance(world, by=amount, reason=tag)
        self.history.note(id, tag, TopUp, amount)

    async def be_counted(self, id):
        async with self.act(id) as world:
            await world.admit(world.account.limits)

    async def ask(self, id):
        async with self.act(id) as world:
            watch = self.watch(world)
        await self.wait()
        reply = await self.dispatcher.ask(world.account, watch, "may I", b"{}")
        assert reply.status in (200, 500)

    # What the control API does

    async def change_limits(self, id):
        async with self.act(id) as world:
            limits = Limits(qps=self.draws.randrange(1, 9))
            await world.change_account(replace(world.account, limits=limits))

    async def advance(self, id):
        seconds = float(self.draws.randrange(5))
        async with self.act(id) as world:
            if world.account.clock is None:
                return
            tag = self.history.tag(world.account)
            await world.advance(world.clock.advanced(self.wall, seconds))
        self.history.note(id, tag, CLOCK, seconds)

    async def advance_the_server(self, id):
        seconds = float(self.draws.randrange(3))
        with self.dispatcher.held(IDS):
            await self.accounts.advance(
                None, self.wall, lambda clock: clock.advanced(self.wall, seconds)
            )
            await self.dispatcher.deliver_due(id)

    async def deliver(self, id):
        await self.draws.choice([self.dispatcher.deliver_due, self.dispatcher.drain])(id)

    async def redeliver(self, id):
        deliveries = await self.accounts.store.list(Delivery, id)
        if deliveries:
            account = await self.accounts.find(id)
            await self.dispatcher.redeliver(account, self.draws.choice(deliveries).id)

    async def reset(self, id):
        account = await self.accounts.find(id)
        some = [["jobs"], ["uploads", "credits"], ["callbacks"], ["nonces", "limits"], [CLOCK]]
        parts = self.draws.choice([[], [], *some])
        await self.resets.reset(account, parts, self.wall)

    async def delete(self, id):
        if id == "ready":
            return
        await self.accounts.delete(id)
        await self.wait()
        await self.make(id)

    async def make(self, id):
        start = 1000.0 if id == "bob" else None
        spec = AccountSpec(id=id, clock_start=start, clock_rate=start and 0.0)
        self.history.began(await self.accounts.create(spec, self.wall))

    async def reset_the_server(self, id):
        [ready] = await self.resets.reset(None, [], self.wall)
        self.history.began(ready)
        for each in ("ada", "bob"):
            try:
                await self.make(each)
            except Conflict:
                continue

    # The whole

    async def client(self, calls):
        for _ in range(15):
            what, id = self.draws.choice(calls), self.draws.choice(IDS)
            try:
                await getattr(self, what)(id)
            except REFUSALS:
                continue

    async def run(self):
        self.history.began(await self.accounts.open(self.wall))
        for id in ("ada", "bob"):
            await self.make(id)
        calls = ["submit", "submit", "touch_a_job", "upload", "use_a_nonce", "top_up", "ask"]
        calls += ["be_counted", "change_limits", "advance", "advance_the_server"]
        calls += ["deliver", "redeliver"]
        chaos = ["reset", "reset", "delete", "reset_the_server"]
        clients = [calls, calls, calls, [*calls, *chaos], [*calls, *chaos]]
        await asyncio.gather(*map(self.client, clients))
        await self.dispatcher.close()
        for account in await self.accounts.all():
            await self.check(account)

    async def check(self, account):
        store, history, id = self.accounts.store, self.history, account.id
        for kind in (Job, Resource, Nonce, TopUp):
            kept = await store.list(kind, id)
            assert len(kept) == len(history.expected(id, kind)), kind
            if kind in (Job, Resource):
                assert [each.id for each in kept] == history.expected(id, kind)
        tags: list[tuple[Any, Any]] = [
            (Job, each.order.prompt) for each in await store.list(Job, id)
        ]
        for place in await store.list(Resource, id):
            tags.append((Resource, place.media_type.removeprefix("image/")))
            data = await store.blobs.get(place.id)
            if place.uploaded_at is not None:
                tags.append((Resource, None if data is None else data.decode()))
            else:
                assert data is None
        tags += [(TopUp, each.reason) for each in await store.list(TopUp, id)]
        for each in await store.list(Delivery, id):
            if each.job:
                # A job that is kept goes on telling, though earlier notices were forgotten.
                tags.append((Job, each.watch.reference))
            else:
                # A question may be prepared before a reset of callbacks and asked after it.
                incarnation = each.watch.reference.rpartition(".")[0]
                eras = [tag for tag in history.eras if tag.startswith(f"{incarnation}.")]
                last = max(eras, key=history.eras.__getitem__)
                tags.append((Delivery, last))
        for kind, tag in tags:
            assert history.eras[tag] >= history.since[id, kind], kind
        async with self.act(id) as world:
            wallet, jobs, top_ups = await records_of(world)
            lines = entries(wallet, jobs, top_ups)
        assert sum(line.amount for line in lines) == wallet.balance
        assert wallet.held == sum((job.price for job in jobs if job.ending is None), ZERO)
        assert wallet.topped_up == sum(history.expected(id, TopUp))
        if account.clock is not None and id == "bob":
            passed = sum(history.expected(id, CLOCK))
            assert account.clock.now(self.wall) == 1000.0 + passed


@settings(max_examples=60)
@given(st.integers(0, 2**32))
def test_nothing_is_lost_and_nothing_comes_back(seed):
    asyncio.run(BusyServer(seed).run())
