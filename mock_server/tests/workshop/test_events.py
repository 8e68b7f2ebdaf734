"""Events reach the customer's server as documented, and its answers count."""

import asyncio
import json
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings
from msgspec.structs import replace

from mock_server.core.accounts import Progression
from mock_server.core.jobs.job import JobState
from mock_server.core.outbox import Delivery
from mock_server.tests.makers import (
    NOW,
    AsyncBench,
    an_account_service,
    some_work,
    too_much_for_memory,
)
from mock_server.web import callbacks
from mock_server.web.callback_formats import CallbackReply
from mock_server.web.callbacks import CallbackDispatcher
from mock_server.web.calls import Call
from mock_server.web.targets import CallbackTargets
from mock_server.web.traces import Trace
from mock_server.workshop.errors import Denied
from mock_server.workshop.event_signature import is_genuine, unseal
from mock_server.workshop.events import (
    COMMIT,
    CONTROL_CONFIG,
    MODEL_LISTED,
    PRE_INVOKE,
    RETRY_DELAYS,
    ROLLBACK,
    SD_PRE_INVOKE,
    TASK_FINISHED,
    EventContext,
    Events,
)
from mock_server.workshop.settings import WorkshopSettings

EXAMPLES = Path(__file__).parents[3] / "fixtures" / "exchanges" / "workshop"
URL = "http://127.0.0.1:1/your/callback"
SECRET = "mock-event-secret-0001"
TOKEN = "01j1w6cxqz"
WALL = 1_768_464_000.0
ORIGIN = "http://mock.test"
YES, NO = b'{"success": true, "errMessage": null}', b'{"success": false, "errMessage": "used up"}'


class EventBench:
    """Events of the ready-made account, whose clock is frozen; what is sent stays in a list."""

    def __init__(self, **settings):
        self.accounts = an_account_service()
        self.calls = AsyncBench(self.accounts)
        self.sent = []
        self.statuses = []
        self.answer = YES
        self.dispatcher = CallbackDispatcher(
            self.accounts, lambda: WALL, targets=CallbackTargets(["private"]), send=self._send
        )
        chosen = WorkshopSettings(**{"event_url": URL} | settings)
        self.events = Events(self.dispatcher, chosen, SECRET, lambda: WALL, self._task_data)
        self.dispatcher.register("workshop", lambda account: self.events.callback_adapter)

    async def _send(self, target, body):
        self.sent.append((target.url, body))
        return CallbackReply(self.statuses.pop(0) if self.statuses else 200, "", self.answer)

    @staticmethod
    def _task_data(job, account, origin, at):
        state = job.state_at(at).value
        return {"taskId": job.id, "status": state, "images": [f"{origin}/1.png"]}

    async def context(self, token=TOKEN, api_id="sd_txt2img", invoke_id="inv-1", **changes):
        scope = {"method": "POST", "path": f"/scc/{api_id}", "headers": []}
        call = Call(scope, Trace("00000001", WALL), {}, self.accounts)
        call.account, call.now = replace(await self.accounts.find("ready"), **changes), NOW
        return EventContext(call, api_id, invoke_id, token, ORIGIN)

    async def submit(self, context=None, **options):
        watch = self.events.watch(context or await self.context())
        return (await self.calls.submit("ready", watch=watch, **options)).job

    async def list_model(self, context, content, due_at):
        async with context.call.act() as world:
            await self.events.model_listed(world, context, content, due_at)

    async def deliver(self, now=NOW + 1000):
        """Move the clock to a moment, and send what is due."""
        await self.accounts.advance(
            "ready", WALL, lambda clock: clock.moved_to(WALL, max(now, clock.now(WALL)))
        )
        return await self.dispatcher.deliver_due("ready")

    async def kept(self):
        return await self.calls.kept(Delivery)

    @property
    def told(self):
        """The kinds of the events that were sent, in order."""
        return [parameters(url)["bizType"] for url, _ in self.sent]


@asynccontextmanager
async def an_event_bench(**settings):
    bench = EventBench(**settings)
    yield bench
    await bench.dispatcher.close()


def parameters(url):
    return dict(parse_qsl(urlsplit(url).query, keep_blank_values=True))


async def denial(asking):
    """Return the message of a denial, or None if the call is allowed."""
    try:
        await asking
    except Denied as error:
        return error.message


# The examples


def read(name):
    return json.loads((EXAMPLES / f"callback-{name}.json").read_text("utf-8"))


async def ask_before(bench, example):
    context = await bench.context(invoke_id=invoke_id_of(example))
    return await denial(bench.events.before(context, example["request"]["body"]))


async def ask_before_generation(bench, example):
    context = await bench.context(invoke_id=invoke_id_of(example))
    checkpoint = example["request"]["body"]["checkpoint"]
    return await denial(bench.events.before_generation(context, checkpoint))


async def finish(bench, example):
    context = await bench.context(invoke_id=invoke_id_of(example))
    await bench.submit(context, progress=Progression.INSTANT)
    await bench.deliver(NOW)


async def roll_back(bench, example):
    await bench.events.rolled_back(await bench.context(invoke_id=invoke_id_of(example)))
    await bench.deliver(NOW)


COURSES = {
    "api-access-pre-invoke-allow": ask_before,
    "api-access-pre-invoke-deny": ask_before,
    "sd-pre-invoke": ask_before_generation,
    "api-access-commit": finish,
    "api-access-rollback": roll_back,
    "sd-task-finished": finish,
    "retry": finish,
}


def invoke_id_of(example):
    return parameters(example["request"]["path"])["invokeId"]


@pytest.mark.parametrize("name", COURSES)
async def test_the_example_is_sent(name):
    example = read(name)
    expected = parameters(example["request"]["path"])
    async with an_event_bench() as bench:
        bench.answer = json.dumps(example["response"]["body"]).encode()
        await COURSES[name](bench, example)
        url, body = next(each for each in bench.sent if expected["bizType"] in each[0])

    found = parameters(url)
    assert list(found) == list(expected)
    for same in ("apiId", "bizType", "invokeId", "timestamp"):
        assert found[same] == expected[same]
    assert urlsplit(url).path == urlsplit(example["request"]["path"]).path
    wanted = example["request"].get("body")
    if expected["bizType"] == TASK_FINISHED:
        assert json.loads(body).keys() >= wanted.keys()
        assert json.loads(body)["status"] == wanted["status"]
    else:
        assert (json.loads(body) if body else None) == wanted


def test_every_example_is_sent():
    assert {path.stem for path in EXAMPLES.glob("callback-*")} == {
        f"callback-{name}" for name in COURSES
    }


@pytest.mark.parametrize("name", ["api-access-pre-invoke-allow", "api-access-pre-invoke-deny"])
async def test_the_answer_in_the_example_counts(name):
    example = read(name)
    answer = example["response"]["body"]
    async with an_event_bench() as bench:
        bench.answer = json.dumps(answer).encode()
        message = await ask_before(bench, example)

    assert (message is None, message) == (answer["success"], answer["errMessage"])


def test_the_delays_are_those_of_the_example():
    assert list(RETRY_DELAYS) == read("retry")["retryAfterSeconds"]
    assert sum(RETRY_DELAYS) == 4 * 3600 + 45 * 60 + 40


# Genuine


async def test_each_try_has_a_new_signature_and_an_encrypted_token():
    async with an_event_bench() as bench:
        bench.statuses = [500] * 2
        await bench.submit(progress=Progression.INSTANT)
        await bench.deliver()

    assert len(bench.sent) == 4
    for url, _ in bench.sent:
        assert is_genuine(SECRET, urlsplit(url).query)
        assert TOKEN not in url
        assert unseal(SECRET, parameters(url)["apiToken"]) == TOKEN
    nonces = [parameters(url)["nonce"] for url, _ in bench.sent]
    assert len(set(nonces)) == 4


async def test_the_token_can_be_sent_in_clear():
    async with an_event_bench(event_token="clear") as bench:
        await bench.events.before(await bench.context(), {})

    assert parameters(bench.sent[0][0])["apiToken"] == TOKEN


@pytest.mark.parametrize(("clock", "expected"), [("wall", WALL), ("account", NOW + 60)])
async def test_the_timestamp_is_that_of_the_chosen_clock(clock, expected):
    async with an_event_bench(event_timestamp=clock) as bench:
        await bench.list_model(await bench.context(), {}, NOW + 60)
        await bench.deliver()

    assert parameters(bench.sent[0][0])["timestamp"] == f"{expected * 1000:.0f}"


# Before a call


async def test_a_denial_has_a_message_and_is_not_tried_again():
    async with an_event_bench() as bench:
        bench.answer = NO
        message = await denial(bench.events.before(await bench.context(), {"prompt": "a boat"}))
        await bench.deliver(NOW + 100_000)

    assert message == "used up"
    assert bench.told == [PRE_INVOKE]


@pytest.mark.parametrize("answer", [b'{"success": false}', b'{"success":false,"errMessage":null}'])
async def test_a_denial_without_a_message_gets_one(answer):
    async with an_event_bench() as bench:
        bench.answer = answer
        message = await denial(bench.events.before(await bench.context(), {}))

    assert message == "the call was denied"


@pytest.mark.parametrize("choice", ["deny", "allow"])
@pytest.mark.parametrize(
    ("status", "answer", "words"),
    [
        (500, YES, "status 500"),
        (302, YES, "status 302"),
        (200, b"", "no JSON object"),
        (200, b"<html>", "no JSON object"),
        (200, b"true", "no JSON object"),
        (200, b"[" * 50_000, "no JSON object"),
        (200, b'{"success": "true"}', "no JSON object"),
        (200, b'{"errMessage": "used up"}', "no JSON object"),
    ],
)
async def test_a_setting_decides_about_undocumented_answers(choice, status, answer, words):
    async with an_event_bench(unanswered_event=choice) as bench:
        bench.answer, bench.statuses = answer, [status]
        context = await bench.context()
        message = await denial(bench.events.before(context, {}))

    assert (message is None) is (choice == "allow")
    assert words in context.call.trace.remarks[0]


@pytest.mark.parametrize("choice", ["deny", "allow"])
async def test_a_receiver_that_is_too_slow_counts_as_one_without_an_answer(choice, monkeypatch):
    monkeypatch.setattr(callbacks, "TIMEOUT", 0.02)
    async with an_event_bench(unanswered_event=choice) as bench:

        async def hang(*args):
            await asyncio.Event().wait()

        bench.dispatcher._send = hang
        context = await bench.context()
        message = await denial(bench.events.before(context, {}))

    assert (message is None) is (choice == "allow")
    assert "no answer within" in context.call.trace.remarks[0]


async def test_a_generation_that_is_denied_gives_the_quota_back():
    async with an_event_bench() as bench:
        bench.answer = NO
        context = await bench.context()
        message = await denial(bench.events.before_generation(context, {"modelId": "m-1"}))
        await bench.deliver()

    assert message == "used up"
    assert bench.told == [SD_PRE_INVOKE, ROLLBACK]


async def test_a_page_shows_what_the_receiver_says():
    async with an_event_bench() as bench:
        bench.answer = b'{"text": "3 pictures left"}'
        assert await bench.events.page_text(await bench.context()) == {"text": "3 pictures left"}

        bench.answer = b"3 pictures left"
        assert await bench.events.page_text(await bench.context()) is None

        bench.answer, bench.statuses = b'{"text": "sorry"}', [500]
        assert await bench.events.page_text(await bench.context()) is None
        assert bench.told == [CONTROL_CONFIG] * 3


async def test_the_event_of_a_page_may_be_asynchronous():
    async with an_event_bench(control_config_kind="asynchronous") as bench:
        assert await bench.events.page_text(await bench.context()) is None
        await bench.deliver()

        assert [each.asked for each in await bench.kept()] == [False]
        assert bench.told == [CONTROL_CONFIG]


# After it


async def test_a_success_commits_the_call_and_sends_the_result():
    async with an_event_bench() as bench:
        job = await bench.submit()
        await bench.deliver()

    assert bench.told == [COMMIT, TASK_FINISHED]
    assert bench.sent[0][1] == b""
    assert json.loads(bench.sent[1][1]) == {
        "taskId": job.id,
        "status": JobState.SUCCEEDED,
        "images": [f"{ORIGIN}/1.png"],
    }


@pytest.mark.parametrize("how", ["fail", "cancel"])
async def test_a_failure_rolls_the_call_back(how):
    async with an_event_bench() as bench:
        job = await bench.submit(work=too_much_for_memory() if how == "fail" else some_work())
        if how == "cancel":
            await bench.calls.cancel("ready", job.id)
        await bench.deliver()

    assert bench.told == [ROLLBACK]
    assert parameters(bench.sent[0][0])["invokeId"] == "inv-1"


async def test_a_call_without_a_job_is_rolled_back():
    async with an_event_bench() as bench:
        await bench.events.rolled_back(await bench.context())
        await bench.deliver()

    assert bench.told == [ROLLBACK]


async def test_the_event_of_a_synchronised_model_is_sent_when_it_is_due():
    async with an_event_bench() as bench:
        context = await bench.context(token=None, api_id="spSdModelSync")
        await bench.list_model(context, {"modelId": "m-1"}, NOW + 60)
        assert await bench.deliver(NOW + 59.9) == []
        await bench.deliver(NOW + 60)

    assert bench.told == [MODEL_LISTED]
    assert json.loads(bench.sent[0][1]) == {"modelId": "m-1"}
    assert parameters(bench.sent[0][0])["apiToken"] == ""


@pytest.mark.parametrize("kind", ["asynchronous", "synchronous"])
@pytest.mark.parametrize("biz_type", [COMMIT, ROLLBACK, TASK_FINISHED, MODEL_LISTED])
async def test_only_asynchronous_events_are_tried_again(biz_type, kind):
    names = {
        COMMIT: "commit_kind",
        ROLLBACK: "rollback_kind",
        TASK_FINISHED: "task_finished_kind",
        MODEL_LISTED: "model_listed_kind",
    }
    async with an_event_bench(**{names[biz_type]: kind}) as bench:
        bench.statuses = [500] * 100
        if biz_type == MODEL_LISTED:
            await bench.list_model(await bench.context(), {}, NOW)
        elif biz_type == ROLLBACK:
            await bench.events.rolled_back(await bench.context())
        else:
            await bench.submit()
        await bench.deliver(NOW + 100_000)

    assert bench.told.count(biz_type) == (17 if kind == "asynchronous" else 1)


# Whose calls


async def use_everything(bench, context):
    await bench.events.before(context, {})
    await bench.events.before_generation(context, {})
    assert await bench.events.page_text(context) is None
    await bench.events.rolled_back(context)
    await bench.submit(context)
    await bench.deliver()


async def test_without_a_url_nothing_is_sent_and_everything_is_allowed():
    async with an_event_bench(event_url="") as bench:
        context = await bench.context()
        await use_everything(bench, context)
        await bench.list_model(context, {}, NOW)

        assert (bench.sent, await bench.kept()) == ([], [])


async def test_calls_of_servers_send_no_events_by_default():
    async with an_event_bench() as bench:
        bench.answer = NO
        context = await bench.context(token=None)
        await use_everything(bench, context)

        assert (bench.sent, await bench.kept()) == ([], [])


async def test_calls_of_servers_can_send_events_without_a_token():
    async with an_event_bench(server_events=True) as bench:
        await bench.events.before(await bench.context(token=None), {})

    assert parameters(bench.sent[0][0])["apiToken"] == ""
    assert is_genuine(SECRET, urlsplit(bench.sent[0][0]).query)


# The retries


async def log(statuses, jobs, steps):
    """Return the log, and what was sent in which order, after moving the clock in steps."""
    async with an_event_bench() as bench:
        bench.answer, bench.statuses = b"", list(statuses)
        for _ in range(jobs):
            await bench.submit()
        for seconds in steps:
            await bench.deliver(NOW + seconds)
        return await bench.kept(), bench.sent


failures = st.sampled_from([400, 404, 500, 503, 302, 0])


@settings(max_examples=25, deadline=None)
@given(st.lists(failures, min_size=17 * 2, max_size=17 * 2))
def test_there_are_exactly_sixteen_retries_at_exactly_the_documented_moments(statuses):
    kept, sent = asyncio.run(log(statuses, 1, [100_000]))

    assert len(sent) == 17 * 2
    for delivery in kept:
        moment = delivery.made_at
        moments = [moment]
        for delay in RETRY_DELAYS:
            moment += delay
            moments.append(moment)
        assert [each.at for each in delivery.attempts] == moments
        assert (delivery.due_at, delivery.arrived) == (None, False)


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.one_of(failures, st.just(200)), max_size=60),
    st.integers(1, 3),
    st.lists(st.floats(0, 20_000), max_size=30),
)
def test_the_log_does_not_depend_on_the_steps_of_the_clock(statuses, jobs, steps):
    end = 50_000.0

    kept, sent = asyncio.run(log(statuses, jobs, [*sorted(steps), end]))

    assert (kept, sent) == asyncio.run(log(statuses, jobs, [end]))
    moments = [each.at for delivery in kept for each in delivery.attempts]
    assert len(sent) == len(moments)
    for delivery in kept:
        *before, last = delivery.attempts
        assert not any(attempt.arrived for attempt in before)
        assert last.arrived or len(before) == len(RETRY_DELAYS)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.one_of(failures, st.just(200)), max_size=40), st.integers(1, 3))
def test_the_receiver_gets_everything_in_the_order_of_its_moments(statuses, jobs):
    async def tries():
        async with an_event_bench() as bench:
            bench.statuses = list(statuses)
            for _ in range(jobs):
                await bench.submit()
            tried = await bench.deliver(NOW + 50_000)
            return [each.attempts[-1].at for each in tried], bench.sent, tried

    moments, sent, tried = asyncio.run(tries())

    assert moments == sorted(moments)
    assert [url for url, _ in sent] == [each.attempts[-1].url for each in tried]
