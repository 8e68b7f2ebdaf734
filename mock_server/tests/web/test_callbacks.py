"""Callbacks: in order, at their moments, tried again, and in the way of nothing else."""

import asyncio
import json
import socket
from contextlib import asynccontextmanager

import pytest
from anyio.lowlevel import checkpoint

from mock_server.core import outbox_service
from mock_server.core.account_service import AccountSpec
from mock_server.core.accounts import Progression
from mock_server.core.clock import Clock
from mock_server.core.errors import NotFound
from mock_server.core.jobs.job import JobState
from mock_server.core.jobs.watch import Notify, Watch
from mock_server.core.outbox import Delivery
from mock_server.core.resets import ResetService
from mock_server.tests.makers import (
    NOW,
    AsyncBench,
    HesitatingStore,
    an_account_service,
    some_work,
)
from mock_server.web import callbacks
from mock_server.web.callback_formats import (
    KEPT_ANSWER_BYTES,
    CallbackAdapter,
    CallbackReply,
)
from mock_server.web.callbacks import CallbackDispatcher
from mock_server.web.sender import MAX_ANSWER_BYTES
from mock_server.web.targets import CallbackTargets
from mock_server.web.wall import wall

URL = "http://127.0.0.1:1/hook"
FAST = 100_000.0
PATIENCE = 20.0


def words(delivery, job, account):
    assert delivery.job == job.id
    assert delivery.account == account.id
    return json.dumps({"number": delivery.number, "job": job.id}).encode()


class Office:
    """A dispatcher whose notices stay in a list, with a wall that moves by hand."""

    def __init__(self, accounts=None, *, wall=None, **options):
        self.wall = NOW
        self.accounts = accounts or an_account_service()
        self.bench = AsyncBench(self.accounts)
        self.sent = []
        self.statuses = []
        self.answer = b""
        self.enough, self.wanted = asyncio.Event(), 1
        self.shut = {}
        options = {"write": words, "send": self._send} | options
        self.dispatcher = CallbackDispatcher(
            self.accounts,
            wall or (lambda: self.wall),
            targets=CallbackTargets(["private"]),
            send=options.pop("send"),
        )
        self.dispatcher.register("toy", lambda account: CallbackAdapter(**options))
        self.accounts.on_callbacks = self.dispatcher.wake

    async def _send(self, target, body):
        self.sent.append((target.url, json.loads(body)))
        if len(self.sent) >= self.wanted:
            self.enough.set()
        if door := self.shut.get(target.url):
            await door.wait()
        status = self.statuses.pop(0) if self.statuses else 200
        return CallbackReply(status, "" if status == 200 else "not today", self.answer)

    async def until_sent(self, number):
        self.wanted = number
        if len(self.sent) < number:
            self.enough.clear()
            async with asyncio.timeout(PATIENCE):
                await self.enough.wait()

    async def account(self, id="ready"):
        return await self.accounts.find(id)

    async def submit(self, notify=Notify.END, *, id="ready", url=URL, topics=("",), **changes):
        watch = Watch(url, "toy", notify, on_success=topics)
        now = self.dispatcher.wall()
        work = changes.pop("work", None)
        return (await self.bench.submit(id, work, now, watch=watch, **changes)).job

    async def set_clock(self, to, id=None):
        """Let a clock show a moment, where it stands."""
        clock = Clock.at(self.wall, start=to, rate=0.0)
        await self.accounts.change_clock(id, self.wall, lambda _: clock)

    async def deliver(self, now, id="ready"):
        """Deliver what is due at a moment; nothing is sent by itself on the way there."""
        with self.dispatcher.held([each.id for each in await self.accounts.all()]):
            await self.set_clock(now)
            return await self.dispatcher.deliver_due(id)

    async def drain(self, now, id="ready"):
        with self.dispatcher.held([id]):
            await self.set_clock(now)
            return await self.dispatcher.drain(id)

    async def redeliver(self, tried, now):
        await self.set_clock(now)
        return await self.dispatcher.redeliver(await self.account(), tried.id)

    async def kept(self):
        return await self.bench.kept(Delivery)

    async def idle(self):
        """Wait until nothing goes on any more but what the clock has to bring."""
        async with asyncio.timeout(PATIENCE):
            while going(self.dispatcher):
                await checkpoint()


async def a_hesitating_service(**options):
    """Return a server whose store lets all others go first."""
    accounts = an_account_service(HesitatingStore(), is_open=False, **options)
    await accounts.open(options.get("wall", NOW))
    return accounts


def going(dispatcher):
    runs = [run for runs in dispatcher._runs.values() for run in runs.values()]
    return [*dispatcher._rounds.values(), *runs]


@asynccontextmanager
async def an_office(*args, **options):
    office = Office(*args, **options)
    yield office
    await office.dispatcher.close()


def outline(tries):
    """Return for each try which notice it was, when, and what came of it."""
    return [(each.number, each.attempts[-1].at, each.attempts[-1].status) for each in tries]


# What is due


async def test_what_is_due_is_sent_in_the_order_of_its_moments():
    async with an_office() as office:
        first, second = [await office.submit(Notify.CHANGES) for _ in range(2)]

        tries = await office.deliver(NOW + 1000)

        moments = [each.made_at for each in tries]
        assert moments == sorted(moments)
        assert [each["job"] for _, each in office.sent] == [each.job for each in tries]
        for job in (first, second):
            numbers = [each["number"] for _, each in office.sent if each["job"] == job.id]
            assert numbers == [1, 2, 3]
        assert all(each.arrived and each.due_at is None for each in await office.kept())


async def test_nothing_is_sent_before_its_moment_nor_twice():
    async with an_office() as office:
        job = await office.submit()

        assert await office.deliver(job.ends_at - 0.001) == []
        assert len(await office.deliver(job.ends_at)) == 1
        assert await office.deliver(job.ends_at + 1000) == []
        assert len(office.sent) == 1


async def test_a_failure_is_tried_again_at_exactly_the_moments_of_the_delays():
    async with an_office(delays=[10.0, 60.0]) as office:
        office.statuses = [500, 0, 404]
        job = await office.submit()
        end = job.ends_at

        assert outline(await office.deliver(end)) == [(1, end, 500)]
        assert await office.deliver(end + 9.999) == []
        assert outline(await office.deliver(end + 10)) == [(1, end + 10, 0)]
        assert await office.deliver(end + 69.999) == []
        assert outline(await office.deliver(end + 70)) == [(1, end + 70, 404)]
        assert await office.deliver(end + 10_000) == []

        (notice,) = await office.kept()
        assert (notice.arrived, notice.due_at) == (False, None)
        assert {attempt.problem for attempt in notice.attempts} == {"not today"}


async def test_one_long_step_of_time_tries_what_many_small_ones_try():
    async def log(*steps):
        async with an_office(delays=[2.0, 5.0]) as office:
            office.statuses = [500, 500, 200, 500, 500, 500, 200]
            for _ in range(2):
                await office.submit(Notify.CHANGES)
            for seconds in steps:
                await office.deliver(NOW + seconds)
            return await office.kept(), office.sent

    kept, sent = await log(*(tenths / 10 for tenths in range(600)))

    assert (kept, sent) == await log(60)
    assert len(sent) == 11


async def test_a_later_notice_waits_for_the_earlier_until_that_is_given_up():
    async with an_office(delays=[100.0]) as office:
        office.statuses = [500, 500]
        job = await office.submit(Notify.CHANGES)

        assert outline(await office.deliver(NOW + 50)) == [(1, job.queued_at, 500)]
        given_up = job.queued_at + 100
        assert outline(await office.deliver(NOW + 1000)) == [
            (1, given_up, 500),
            (2, given_up, 200),
            (3, given_up, 200),
        ]


async def test_where_callbacks_may_not_go_they_are_not_tried_again():
    async with an_office(delays=[10.0]) as office:
        await office.submit(url="http://169.254.169.254/latest")

        (tried,) = await office.deliver(NOW + 1000)

        assert "never go" in tried.attempts[0].problem
        assert (tried.attempts[0].status, tried.due_at, office.sent) == (0, None, [])


async def test_a_name_that_is_not_known_yet_is_tried_again(monkeypatch):
    def unknown(*args, **options):
        raise OSError

    async with an_office(delays=[10.0]) as office:
        monkeypatch.setattr(socket, "getaddrinfo", unknown)
        job = await office.submit(url="http://receiver.test/")

        (tried,) = await office.deliver(job.ends_at)

        assert "receiver.test is not known" in tried.attempts[0].problem
        assert tried.due_at == job.ends_at + 10


async def test_a_job_is_kept_until_its_notice_has_arrived():
    async with an_office(an_account_service(keep_jobs=1)) as office:
        first = await office.submit(progress=Progression.INSTANT, work=some_work())
        await office.submit(progress=Progression.MANUAL)

        assert [each.job for each in await office.deliver(NOW)] == [first.id]
        assert office.sent == [(URL, {"number": 1, "job": first.id})]


@pytest.mark.parametrize("where", ["write", "send"])
async def test_what_was_not_foreseen_stops_nothing_behind_it(where, caplog):
    def fail(*args):
        raise ZeroDivisionError

    async def fail_to_send(*args):
        fail()

    options = {"write": fail} if where == "write" else {"send": fail_to_send}
    async with an_office(delays=[10.0], **options) as office:
        await office.submit(Notify.CHANGES)

        tries = await office.deliver(NOW + 1000)

        assert len(tries) == 3
        assert {each.attempts[-1].problem for each in tries} == {"not foreseen: ZeroDivisionError"}
        assert "not foreseen" in caplog.text


async def test_what_is_forgotten_while_others_are_sent_is_not_sent():
    async with an_office() as office:
        door = office.shut[URL] = asyncio.Event()
        await office.submit(Notify.CHANGES)
        going_on = asyncio.create_task(office.deliver(NOW + 1000))
        await office.until_sent(1)

        await ResetService(office.accounts).reset(None, ["callbacks"], NOW)
        door.set()

        assert len(await going_on) == 1
        assert (len(office.sent), await office.kept()) == (1, [])


async def test_an_account_that_ends_meanwhile_takes_its_callbacks_along():
    async with an_office() as office:
        await office.accounts.create(AccountSpec(id="ada"), NOW)
        door = office.shut[URL] = asyncio.Event()
        await office.submit(Notify.CHANGES, id="ada")
        going_on = asyncio.create_task(office.deliver(NOW + 1000, "ada"))
        await office.until_sent(1)

        await office.accounts.delete("ada")
        door.set()
        await going_on

        assert (len(office.sent), await office.kept()) == (1, [])


# Not in each other's way


async def test_a_slow_receiver_holds_up_no_other():
    async with an_office() as office:
        door = office.shut["http://127.0.0.1:2/"] = asyncio.Event()
        await office.submit(Notify.CHANGES, url="http://127.0.0.1:2/")
        await office.submit(Notify.CHANGES)
        going_on = asyncio.create_task(office.deliver(NOW + 1000))
        await office.until_sent(4)

        assert [url for url, _ in office.sent].count("http://127.0.0.1:2/") == 1
        door.set()
        assert len(await going_on) == len(office.sent) == 6


async def test_a_receiver_that_does_not_answer_gets_the_next_notices_meanwhile(monkeypatch):
    monkeypatch.setattr(callbacks, "PATIENCE", 0)
    async with an_office() as office:
        door = office.shut[URL] = asyncio.Event()
        jobs = [await office.submit(Notify.CHANGES) for _ in range(callbacks.MAX_AT_ONCE + 1)]
        going_on = asyncio.create_task(office.deliver(NOW + 1000))
        await office.until_sent(callbacks.MAX_AT_ONCE)

        first = [body for _, body in office.sent]
        assert {body["number"] for body in first} == {1}
        assert {body["job"] for body in first} == {job.id for job in jobs[:-1]}
        door.set()
        assert len(await going_on) == len(office.sent) == 3 * len(jobs)
        for job in jobs:
            assert [each["number"] for _, each in office.sent if each["job"] == job.id] == [1, 2, 3]


@pytest.mark.parametrize("how", ["deliver", "drain"])
async def test_a_delivery_by_hand_ends_though_receivers_do_not_answer(how, monkeypatch):
    monkeypatch.setattr(callbacks, "MAX_WAIT", 0.01)
    async with an_office(delays=[10.0]) as office:
        door = office.shut[URL] = asyncio.Event()
        await office.submit(Notify.CHANGES)
        await office.submit(url="http://127.0.0.1:2/")

        tries = await getattr(office, how)(NOW + 1000)

        assert [each.watch.url for each in tries] == ["http://127.0.0.1:2/"]
        assert await office.dispatcher.count_open(["ready"]) == 3
        door.set()
        await office.until_sent(4)  # The others go on by themselves.


async def test_accounts_are_independent_even_at_one_receiver():
    async with an_office() as office:
        await office.accounts.create(AccountSpec(id="ada"), NOW)
        door = office.shut[URL] = asyncio.Event()
        await office.submit()
        going_on = asyncio.create_task(office.deliver(NOW + 1000))
        await office.until_sent(1)
        del office.shut[URL]

        await office.submit(id="ada")
        assert len(await office.deliver(NOW + 2000, "ada")) == 1

        door.set()
        assert len(await going_on) == 1


async def test_two_who_deliver_at_once_send_everything_once():
    async with an_office(await a_hesitating_service()) as office:
        await office.submit(Notify.PROGRESS)

        tries = await asyncio.gather(*(office.deliver(NOW + 1000) for _ in range(5)))

        assert [each["number"] for _, each in office.sent] == list(range(1, 12))
        assert sum(map(len, tries)) == 11


@pytest.mark.parametrize(
    ("url", "receiver"),
    [
        ("http://Here:80/a?b=http://there/", "http://here:80"),
        ("http://me:secret@here/", "http://here"),
        ("HTTPS://here", "https://here"),
        ("nonsense", "nonsense//"),
    ],
)
def test_a_receiver_is_a_scheme_and_a_host(url, receiver):
    delivery = Delivery("1-1", "ada", "1", 1, Watch(url, "toy"), JobState.RUNNING, 0.0, NOW, NOW)

    assert delivery.due_group == receiver


# By hand


async def test_draining_tries_everything_open_until_nothing_is():
    async with an_office(delays=[10.0, 60.0]) as office:
        office.statuses = [500, 500, 500]
        job = await office.submit(Notify.CHANGES)
        await office.deliver(job.starts_at)
        now = job.starts_at + 0.1

        tries = await office.drain(now)

        assert outline(tries) == [(1, now, 500), (1, now, 500), (2, now, 200)]
        assert all(each.due_at is None for each in await office.kept())
        assert outline(await office.deliver(job.ends_at)) == [(3, job.ends_at, 200)]


async def test_draining_does_not_make_time_pass():
    async with an_office() as office:
        await office.submit()

        assert await office.drain(NOW) == []


async def test_draining_leaves_what_is_yet_to_happen():
    async with an_office() as office:
        await post(office, due_at=NOW + 60)

        assert await office.drain(NOW + 59) == []
        assert len(await office.drain(NOW + 60)) == 1


async def test_a_notice_is_sent_once_more_however_it_went():
    async with an_office() as office:
        job = await office.submit()
        (tried,) = await office.deliver(job.ends_at)
        office.statuses = [500]

        again = await office.redeliver(tried, NOW + 77)

        assert [(each.at, each.status) for each in again.attempts] == [
            (job.ends_at, 200),
            (NOW + 77, 500),
        ]
        assert (again.arrived, again.due_at) == (True, None)
        assert [again] == await office.kept()


async def test_sending_once_more_lets_a_notice_keep_its_schedule_unless_it_arrives():
    async with an_office(delays=[10.0, 60.0]) as office:
        office.statuses = [500, 500, 200]
        job = await office.submit()
        (tried,) = await office.deliver(job.ends_at)

        again = await office.redeliver(tried, job.ends_at + 1)
        assert again.due_at == tried.due_at == job.ends_at + 10

        again = await office.redeliver(tried, job.ends_at + 2)
        assert (again.arrived, again.due_at) == (True, None)
        assert await office.deliver(NOW + 1000) == []


async def test_only_the_owner_sends_once_more():
    async with an_office() as office:
        bob = await office.accounts.create(AccountSpec(id="bob"), NOW)
        await office.submit()
        (tried,) = await office.deliver(NOW + 1000)

        with pytest.raises(NotFound):
            await office.dispatcher.redeliver(bob, tried.id)
        with pytest.raises(NotFound):
            await office.dispatcher.redeliver(bob, "nothing")


# About other things than jobs


async def post(office, content=b"{}", **options):
    watch = Watch(options.pop("url", URL), options.pop("surface", "toy"))

    async def in_it(world):
        return await outbox_service.post(world, watch, "topic", content, **options)

    return await office.bench.act("ready", office.dispatcher.wall(), in_it)


async def ask(office, url=URL):
    watch = Watch(url, "toy")
    return await office.dispatcher.ask(await office.account(), watch, "may I", b'{"a": 1}')


async def test_a_notice_about_no_job_leaves_by_itself():
    async with an_office() as office:
        await post(office, b'{"models": 2}')

        await office.until_sent(1)
        await office.idle()

        assert office.sent == [(URL, {"models": 2})]
        assert [each.arrived for each in await office.kept()] == [True]


async def test_a_notice_about_no_job_waits_for_its_moment_and_is_tried_again():
    async with an_office(delays=[10.0]) as office:
        office.statuses = [500]
        await post(office, due_at=NOW + 60)
        await office.idle()
        assert office.sent == []

        assert outline(await office.deliver(NOW + 100)) == [
            (1, NOW + 60, 500),
            (1, NOW + 70, 200),
        ]


async def test_topics_are_tried_again_without_waiting_for_each_other():
    async with an_office(delays=[100.0]) as office:
        office.statuses = [500]
        job = await office.submit(topics=("kept", "done"))

        tries = await office.deliver(job.ends_at + 50)

        assert [(each.topic, each.attempts[-1].status) for each in tries] == [
            ("kept", 500),
            ("done", 200),
        ]


async def test_where_each_try_goes_is_for_the_surface_to_say():
    def address(delivery, account, at):
        return f"{delivery.watch.url}?try={len(delivery.attempts)}&at={at:.0f}&of={account.id}"

    async with an_office(delays=[10.0], address=address) as office:
        office.statuses = [500]
        await post(office)
        await office.deliver(NOW + 100)

        urls = [f"{URL}?try=0&at={NOW:.0f}&of=ready", f"{URL}?try=1&at={NOW + 10:.0f}&of=ready"]
        assert [url for url, _ in office.sent] == urls
        assert [each.url for each in (await office.kept())[0].attempts] == urls


async def test_a_failed_try_is_logged_with_no_more_of_the_url_than_its_host(caplog):
    async with an_office(delays=(30.0,)) as office:
        office.statuses = [503, 500]
        job = await office.submit(url="http://user:pass@127.0.0.1:1/hook-secret?key=value")
        await office.deliver(job.ends_at)
        await office.deliver(job.ends_at + 30)

    first, last = caplog.messages
    assert first.endswith("to http://127.0.0.1:1: 503 not today; next try in 30 s")
    assert last.endswith("to http://127.0.0.1:1: 500 not today; given up")


async def test_notices_of_an_unknown_surface_are_given_up(caplog):
    async with an_office(delays=[10.0]) as office:
        await post(office, surface="nobody")
        await office.deliver(NOW + 100)

        (kept,) = await office.kept()
        assert (len(kept.attempts), kept.due_at) == (1, None)
        assert "not foreseen" in caplog.text


async def test_a_question_is_answered_and_kept_in_the_log():
    async with an_office() as office:
        office.answer = b'{"success": true}'

        reply = await ask(office)

        assert (reply.status, reply.data(), reply.problem) == (200, {"success": True}, "")
        (kept,) = await office.kept()
        assert (kept.asked, kept.topic, kept.due_at, kept.arrived) == (True, "may I", None, True)
        assert kept.attempts[0].answer == '{"success": true}'


async def test_a_question_that_fails_is_not_asked_again():
    async with an_office(delays=[10.0]) as office:
        office.statuses, office.answer = [503], b"<html>"

        reply = await ask(office)
        await office.deliver(NOW + 1000)

        assert (reply.status, reply.data(), reply.problem) == (503, None, "not today")
        assert len(office.sent) == 1


async def test_a_question_that_may_not_go_there_is_answered_by_why():
    async with an_office() as office:
        reply = await ask(office, "http://169.254.169.254/latest")

        assert (reply.status, office.sent) == (0, [])
        assert "never go" in reply.problem


async def test_a_question_holds_up_neither_its_account_nor_its_receiver():
    async with an_office() as office:
        door = office.shut[URL] = asyncio.Event()
        asking = asyncio.create_task(ask(office))
        await office.until_sent(1)
        del office.shut[URL]

        await office.submit(progress=Progression.INSTANT)
        assert len(await office.deliver(NOW)) == 1
        assert not asking.done()

        door.set()
        assert (await asking).status == 200


async def test_a_slow_notice_does_not_hold_up_a_question():
    async with an_office() as office:
        door = office.shut[URL] = asyncio.Event()
        await office.submit(progress=Progression.INSTANT)
        await office.until_sent(1)
        del office.shut[URL]

        assert (await ask(office)).status == 200
        door.set()


async def test_a_long_answer_is_kept_in_part():
    async with an_office() as office:
        office.answer = b"x" * 100_000

        reply = await ask(office)

        assert len(reply.body) == 100_000
        assert len((await office.kept())[0].attempts[0].answer) == KEPT_ANSWER_BYTES


# By itself


async def test_a_running_clock_delivers_by_itself():
    async with an_office(an_account_service(wall=wall(), rate=FAST), wall=wall) as office:
        job = await office.submit(Notify.CHANGES)

        await office.until_sent(3)
        await office.idle()

        kept = await office.kept()
        assert [each.state for each in kept] == ["waiting", "running", "succeeded"]
        assert [each.attempts[0].at for each in kept] == [each.made_at for each in kept]
        assert kept[0].made_at == job.queued_at


async def test_a_running_clock_tries_again_by_itself():
    accounts = an_account_service(wall=wall(), rate=FAST)
    async with an_office(accounts, wall=wall, delays=[10.0, 60.0]) as office:
        office.statuses = [500, 500]
        await office.submit()

        await office.until_sent(3)
        await office.idle()

        (notice,) = await office.kept()
        first = notice.attempts[0].at
        assert [each.at for each in notice.attempts] == [first, first + 10, first + 70]


async def test_what_happens_at_once_is_sent_though_the_clock_stands():
    async with an_office() as office:
        await office.submit(progress=Progression.INSTANT)

        await office.until_sent(1)
        await office.idle()
        assert (await office.kept())[0].arrived


async def test_what_a_hand_moves_is_sent_though_the_clock_stands():
    async with an_office() as office:
        job = await office.submit()
        await office.idle()

        await office.bench.cancel("ready", job.id, NOW)

        await office.until_sent(1)


@pytest.mark.parametrize("own", [False, True])
async def test_a_clock_that_goes_on_is_noticed(own):
    async with an_office(an_account_service(wall=wall()), wall=wall) as office:
        await office.submit(Notify.CHANGES)
        await office.idle()
        assert office.sent == []

        id = "ready" if own else None
        await office.accounts.change_clock(id, wall(), lambda clock: clock.with_rate(wall(), FAST))
        office.dispatcher.wake(id)

        await office.until_sent(3)


@pytest.mark.parametrize("rate", [1e-6, 1e-300, 5e-324])
async def test_a_clock_that_runs_faster_is_noticed(rate):
    async with an_office(an_account_service(wall=wall(), rate=rate), wall=wall) as office:
        await office.submit()
        for _ in range(20):
            await checkpoint()
        assert going(office.dispatcher)

        await office.accounts.change_clock(
            None, wall(), lambda clock: clock.with_rate(wall(), FAST)
        )
        office.dispatcher.wake()

        await office.until_sent(1)


@pytest.mark.parametrize("what", ["a try", "a receiver"])
async def test_waiting_for_something_costs_nothing_though_others_wait_behind_it(what):
    looks = 0

    def counted():
        nonlocal looks
        looks += 1
        return wall()

    accounts = an_account_service(wall=wall(), rate=FAST)
    async with an_office(accounts, wall=counted, delays=[1e9]) as office:
        if what == "a try":
            office.statuses = [500]
        else:
            office.shut[URL] = asyncio.Event()
        await office.submit(Notify.CHANGES)
        await office.until_sent(1)
        async with asyncio.timeout(PATIENCE):
            while len(await office.kept()) < 3:
                await checkpoint()
        for _ in range(20):
            await checkpoint()

        before = looks
        for _ in range(500):
            await checkpoint()
        assert looks <= before + 2


async def test_only_the_one_that_moves_a_clock_delivers():
    async with an_office() as office:
        job = await office.submit()

        with office.dispatcher.held(["ready"]):
            await office.set_clock(job.ends_at)
            office.dispatcher.wake("ready")
            await office.idle()
            assert office.sent == []
            with office.dispatcher.held(["ready"]):
                pass
            await office.idle()
            assert len(await office.deliver(job.ends_at)) == 1
            await office.submit(progress=Progression.INSTANT)
            await office.idle()
            assert len(office.sent) == 1

        await office.until_sent(2)


async def test_a_slow_receiver_does_not_hold_up_the_round():
    accounts = an_account_service(wall=wall(), rate=FAST)
    async with an_office(accounts, wall=wall) as office:
        door = office.shut[URL] = asyncio.Event()
        await office.submit(Notify.CHANGES)
        await office.until_sent(1)

        await office.submit(Notify.CHANGES, url="http://127.0.0.1:2/")
        await office.until_sent(4)
        assert [url for url, _ in office.sent].count(URL) == 1

        door.set()
        await office.until_sent(6)


async def test_a_commit_that_comes_late_is_not_overlooked():
    accounts = await a_hesitating_service(wall=wall(), rate=FAST)
    async with an_office(accounts, wall=wall) as office:
        for number in range(1, 20):
            await office.submit(progress=Progression.INSTANT)
            await office.until_sent(number)


async def test_news_that_come_while_the_round_is_about_to_end_are_heard(monkeypatch):
    asked = 0
    async with an_office() as office:

        async def meanwhile(*args):
            nonlocal asked
            asked += 1
            found = await outbox_service.ahead(*args)
            if asked == 1:
                await office.submit(progress=Progression.INSTANT)
            return found

        monkeypatch.setattr(callbacks, "ahead", meanwhile)
        office.dispatcher.wake("ready")

        await office.until_sent(1)


async def test_broken_state_is_logged_once_and_stops_no_other_account(monkeypatch, caplog):
    async def broken(world, claim, delivery):
        if world.account.id == "ada":
            raise OSError("the disk is full")
        await outbox_service.keep(world, claim, delivery)

    async with an_office() as office:
        await office.accounts.create(AccountSpec(id="ada"), NOW)
        monkeypatch.setattr(callbacks, "keep", broken)
        await office.submit(id="ada", progress=Progression.INSTANT)
        await office.submit(progress=Progression.INSTANT)
        await office.until_sent(2)
        for _ in range(200):
            await checkpoint()

        assert caplog.text.count("have stopped") == 1
        assert [each.arrived for each in await office.kept()] == [False, True]


async def test_closing_leaves_no_task():
    before = asyncio.all_tasks()
    office = Office(an_account_service(wall=wall(), rate=1e-6), wall=wall)
    office.shut[URL] = asyncio.Event()
    await office.submit()
    await office.submit(progress=Progression.INSTANT)
    await office.until_sent(1)
    assert asyncio.all_tasks() > before

    await office.dispatcher.close()
    assert asyncio.all_tasks() == before

    await office.submit()
    office.dispatcher.wake()
    assert asyncio.all_tasks() == before


async def test_frozen_clocks_leave_no_task():
    before = asyncio.all_tasks()
    async with an_office() as office:
        await office.submit(Notify.PROGRESS)
        await office.idle()
        await checkpoint()

        assert asyncio.all_tasks() == before


# Several dispatchers, one after the other or at the same time


async def test_what_was_left_in_a_store_is_picked_up_when_it_is_opened():
    accounts = an_account_service()
    bench = AsyncBench(accounts)
    watch = Watch(URL, "toy")
    job = (await bench.submit("ready", watch=watch)).job
    await accounts.create(AccountSpec(id="ada"), NOW)
    await bench.submit("ada", watch=watch, progress=Progression.INSTANT)
    await accounts.change_clock(None, NOW, lambda clock: clock.moved_to(NOW, job.ends_at))

    again = an_account_service(accounts.store, is_open=False)
    async with an_office(again) as office:
        assert await again.open(NOW + 1e6) == await accounts.find("ready")
        await office.until_sent(1)
        await office.idle()
        await office.deliver(job.ends_at)

        assert sorted(each.account for each in await office.kept() if each.arrived) == [
            "ada",
            "ready",
        ]
        assert (await office.bench.wallet("ready", NOW)).held == 0


async def test_a_job_that_was_left_in_a_store_tells_of_its_end_by_itself():
    accounts = an_account_service(wall=wall(), rate=FAST)
    await AsyncBench(accounts).submit("ready", now=wall(), watch=Watch(URL, "toy"))

    again = an_account_service(accounts.store, is_open=False)
    async with an_office(again, wall=wall) as office:
        await again.open(wall())
        await office.until_sent(1)


@pytest.mark.parametrize("seed", range(10))
async def test_two_dispatchers_on_one_store_send_each_notice_once(seed):
    store = HesitatingStore(seed=seed)
    first, second = (an_account_service(store, is_open=False) for _ in "12")
    async with an_office(first) as one, an_office(second) as other:
        await first.open(NOW)
        for notify in Notify:
            await one.submit(notify)
        clock = Clock.at(NOW, start=NOW + 1000, rate=0.0)
        await first.change_clock(None, NOW, lambda _: clock)

        await asyncio.gather(*(office.dispatcher.deliver_due("ready") for office in (one, other)))
        await one.idle()
        await other.idle()
        await one.dispatcher.deliver_due("ready")

        sent = [(body["job"], body["number"]) for _, body in one.sent + other.sent]
        assert len(sent) == len(set(sent)) == 1 + 3 + 11
        assert all(each.arrived for each in await one.kept())


async def test_a_claim_that_was_broken_off_is_taken_over_when_its_lease_ends(monkeypatch):
    monkeypatch.setattr(callbacks, "LEASE", 0.02)
    accounts = an_account_service()
    other = an_account_service(accounts.store, is_open=False)
    async with an_office(accounts, wall=wall) as one, an_office(other, wall=wall) as office:
        one.shut[URL] = asyncio.Event()
        await one.submit(progress=Progression.INSTANT)
        await one.until_sent(1)
        await one.dispatcher.close()  # It breaks off while it sends.
        looks = 0

        async def counted(*args):
            nonlocal looks
            looks += 1
            return await outbox_service.ahead(*args)

        monkeypatch.setattr(callbacks, "ahead", counted)
        await other.open(wall())
        await office.until_sent(1)
        await office.idle()

        (notice,) = await office.kept()
        assert (notice.arrived, len(notice.attempts)) == (True, 1)
        assert looks <= 6  # It waits for the end of the lease, and does not ask again and again.


# On the wire


class Receiver:
    """A server of a few lines that keeps what it is told and answers what it likes."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self.patient = False
        self.left = asyncio.Event()
        self.requests = []

    async def __aenter__(self):
        self.server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self.server.sockets[0].getsockname()[1]
        self.done = asyncio.Event()
        return self

    async def __aexit__(self, *exc_info):
        self.done.set()
        self.server.close()
        await self.server.wait_closed()

    def url(self, path="/hook?a=b%20c", host="127.0.0.1"):
        return f"http://{host}:{self.port}{path}"

    async def _serve(self, reader, writer):
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            lines = head.decode().split("\r\n")
            headers = dict(line.lower().split(": ", 1) for line in lines[1:-2])
            body = await reader.readexactly(int(headers["content-length"]))
            self.requests.append((lines[0], headers, body))
            answer = self.answers.pop(0) if self.answers else an_answer()
            if answer is None:
                await self.done.wait()
            elif answer == b"endless":
                writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
                while not writer.is_closing():
                    writer.write(b"10000\r\n" + bytes(0x10000) + b"\r\n")
                    await writer.drain()
            else:
                writer.write(answer)
                if self.patient:
                    await reader.read()
                    self.left.set()
        except ConnectionError:
            pass
        finally:
            writer.close()


def an_answer(status="200 OK", *headers):
    return "\r\n".join([f"HTTP/1.1 {status}", "Content-Length: 0", *headers, "", ""]).encode()


@asynccontextmanager
async def a_wire(*answers, **options):
    async with Receiver(*answers) as receiver, an_office(send=None, **options) as office:
        yield receiver, office


async def send(office, url):
    """Send a notice to the URL and return its only attempt."""
    await ResetService(office.accounts).reset(None, [], NOW)
    await office.submit(url=url)
    (tried,) = await office.deliver(NOW + 1000)
    (attempt,) = tried.attempts
    return attempt


async def test_a_notice_is_posted_as_json():
    async with a_wire() as (receiver, office):
        assert (await send(office, receiver.url())).arrived

        ((line, headers, body),) = receiver.requests
        assert line == "POST /hook?a=b%20c HTTP/1.1"
        assert headers["content-type"] == "application/json"
        assert headers["host"] == f"127.0.0.1:{receiver.port}"
        assert "authorization" not in headers
        (notice,) = await office.kept()
        assert json.loads(body) == {"number": 1, "job": notice.job}


async def test_a_name_and_a_password_are_sent_as_clients_do():
    async with a_wire() as (receiver, office):
        await send(office, receiver.url(host="me:pw@127.0.0.1"))

        assert receiver.requests[0][1]["authorization"] == "basic bwu6chc="
        assert receiver.requests[0][1]["host"] == f"127.0.0.1:{receiver.port}"


async def test_the_connection_goes_to_the_checked_address_with_the_name_in_the_host(monkeypatch):
    asked = []

    def only_here(host, port, **options):
        asked.append(host)
        return [(2, 1, 6, "", ("127.0.0.1", port))]

    async with a_wire() as (receiver, office):
        monkeypatch.setattr(socket, "getaddrinfo", only_here)
        attempt = await send(office, receiver.url(host="Receiver.Test"))

        assert attempt.arrived
        assert receiver.requests[0][1]["host"] == f"receiver.test:{receiver.port}"
        assert asked == ["receiver.test"]


async def test_where_one_address_of_a_name_is_deaf_the_next_is_tried(monkeypatch):
    def two(host, port, **options):
        return [(2, 1, 6, "", (address, port)) for address in ("127.0.0.2", "127.0.0.1")]

    async with a_wire() as (receiver, office):
        monkeypatch.setattr(socket, "getaddrinfo", two)

        assert (await send(office, receiver.url(host="receiver.test"))).arrived


@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "307 Again", "308 For Ever"])
async def test_redirects_are_not_followed(status):
    async with a_wire(an_answer(status, "Location: /other")) as (receiver, office):
        attempt = await send(office, receiver.url())

        assert (attempt.status, attempt.arrived) == (int(status[:3]), False)
        assert len(receiver.requests) == 1


async def test_a_refusal_is_a_failure_with_its_words():
    async with a_wire(an_answer("500 Not Today")) as (receiver, office):
        attempt = await send(office, receiver.url())

        assert (attempt.status, attempt.problem) == (500, "Not Today")


@pytest.mark.parametrize(
    "answer", [b"", b"nonsense\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab"]
)
async def test_an_answer_that_cannot_be_read_is_a_failure(answer):
    async with a_wire(answer) as (receiver, office):
        attempt = await send(office, receiver.url())

        assert attempt.status == 0
        assert "ProtocolError" in attempt.problem


async def test_a_receiver_that_hangs_is_given_up(monkeypatch):
    async with a_wire(an_answer(), None) as (receiver, office):
        assert (await send(office, receiver.url())).arrived
        monkeypatch.setattr(callbacks, "TIMEOUT", 0.05)

        attempt = await send(office, receiver.url())

        assert (attempt.status, attempt.problem) == (0, "no answer within 0.05 s")


async def test_of_an_endless_answer_only_the_beginning_is_read():
    async with a_wire(b"endless") as (receiver, office):
        assert (await send(office, receiver.url())).arrived


async def test_the_answer_to_a_question_is_read_up_to_a_limit():
    answer = "HTTP/1.1 200 OK\r\nContent-Length: 17\r\n\r\n" + '{"success": true}'
    async with a_wire(answer.encode(), b"endless") as (receiver, office):
        first = await ask(office, receiver.url())
        second = await ask(office, receiver.url())

        assert first.data() == {"success": True}
        assert (second.status, len(second.body), second.data()) == (200, MAX_ANSWER_BYTES, None)
        assert receiver.requests[0][1]["accept-encoding"] == "identity"


async def test_no_connection_is_kept():
    async with a_wire() as (receiver, office):
        receiver.patient = True

        await send(office, receiver.url())

        async with asyncio.timeout(PATIENCE):
            await receiver.left.wait()


async def test_a_receiver_that_does_not_listen_is_a_failure():
    async with Receiver() as receiver:
        url = receiver.url()
    async with an_office(send=None) as office:
        attempt = await send(office, url)

        assert attempt.status == 0
        assert attempt.problem.startswith("ConnectError")


async def test_everything_together_on_a_running_clock():
    accounts = an_account_service(wall=wall(), rate=FAST)
    refusals = [an_answer("503 Later")] * 2
    async with a_wire(*refusals, accounts=accounts, wall=wall, delays=[5.0, 5.0]) as wire:
        receiver, office = wire
        await office.submit(Notify.CHANGES, url=receiver.url())
        async with asyncio.timeout(PATIENCE):
            while sum(each.arrived for each in await office.kept()) < 3:
                await checkpoint()

        numbers = [json.loads(body)["number"] for *_, body in receiver.requests]
        assert numbers == [1, 1, 1, 2, 3]
        first = (await office.kept())[0]
        assert [each.status for each in first.attempts] == [503, 503, 200]
