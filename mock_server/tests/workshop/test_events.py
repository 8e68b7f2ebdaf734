"""Events reach the customer's server as documented, and what it answers counts."""

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
from mock_server.tests.makers import NOW, an_order, some_work, some_worlds, too_much_for_memory
from mock_server.web import callbacks
from mock_server.web.callback_formats import CallbackReply
from mock_server.web.callbacks import CallbackDispatcher
from mock_server.web.targets import CallbackTargets
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
    AccessDecision,
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


class Desk:
    """Events whose letters stay in a list, in a world whose clock stands."""

    def __init__(self, **settings):
        self.account_service = some_worlds()
        self.job_service = self.account_service.job_service
        self.sent = []
        self.statuses = []
        self.answer = YES
        self.dispatcher = CallbackDispatcher(
            self.job_service, lambda: WALL, targets=CallbackTargets(["private"]), send=self._send
        )
        self.job_service.on_watched = self.dispatcher.wake
        chosen = WorkshopSettings(**{"event_url": URL} | settings)
        self.events = Events(self.dispatcher, chosen, SECRET, lambda: WALL, self._task_data)
        self.dispatcher.register("workshop", lambda: self.events.callback_adapter)

    async def _send(self, target, body):
        self.sent.append((target.url, body))
        return CallbackReply(self.statuses.pop(0) if self.statuses else 200, "", self.answer)

    @staticmethod
    def _task_data(job, account, origin, at):
        state = job.state_at(at).value
        return {"taskId": job.id, "status": state, "images": [f"{origin}/1.png"]}

    async def account(self):
        return await self.account_service.find("ready")

    async def context(self, token=TOKEN, api_id="sd_txt2img", invoke_id="inv-1"):
        return EventContext(await self.account(), api_id, invoke_id, token, ORIGIN, NOW)

    async def submit(self, context=None, **changes):
        context = context or await self.context()
        work = changes.pop("work", some_work())
        watch = self.events.watch(context)
        made = await self.job_service.submit(
            context.account, an_order(), work, NOW, watch=watch, **changes
        )
        return made.job

    async def deliver(self, now=NOW + 1000):
        return await self.dispatcher.deliver_due(await self.account(), now)

    async def kept(self):
        return list(await self.dispatcher.outbox_service.all(None))

    @property
    def told(self):
        """The kinds of the events that were sent, in order."""
        return [parameters(url)["bizType"] for url, _ in self.sent]


@asynccontextmanager
async def an_event_page(**settings):
    page_operations = Desk(**settings)
    yield page_operations
    await page_operations.dispatcher.close()


def parameters(url):
    return dict(parse_qsl(urlsplit(url).query, keep_blank_values=True))


# The examples


def read(name):
    return json.loads((EXAMPLES / f"callback-{name}.json").read_text("utf-8"))


async def ask_before(page_operations, example):
    context = await page_operations.context(invoke_id=invoke_id_of(example))
    return await page_operations.events.before(context, example["request"]["body"])


async def ask_before_generation(page_operations, example):
    context = await page_operations.context(invoke_id=invoke_id_of(example))
    checkpoint = example["request"]["body"]["checkpoint"]
    return await page_operations.events.before_generation(context, checkpoint)


async def finish(page_operations, example):
    context = await page_operations.context(invoke_id=invoke_id_of(example))
    await page_operations.submit(context, progress=Progression.INSTANT)
    await page_operations.deliver(NOW)


async def roll_back(page_operations, example):
    await page_operations.events.rolled_back(
        await page_operations.context(invoke_id=invoke_id_of(example))
    )
    await page_operations.deliver(NOW)


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
    async with an_event_page() as page_operations:
        page_operations.answer = json.dumps(example["response"]["body"]).encode()
        await COURSES[name](page_operations, example)
        url, body = next(each for each in page_operations.sent if expected["bizType"] in each[0])

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
async def test_what_the_example_answers_counts(name):
    example = read(name)
    answer = example["response"]["body"]
    async with an_event_page() as page_operations:
        page_operations.answer = json.dumps(answer).encode()
        verdict = await ask_before(page_operations, example)

    assert (verdict.allowed, verdict.message) == (answer["success"], answer["errMessage"] or "")


def test_the_delays_are_those_of_the_example():
    assert list(RETRY_DELAYS) == read("retry")["retryAfterSeconds"]
    assert sum(RETRY_DELAYS) == 4 * 3600 + 45 * 60 + 40


# Genuine


async def test_each_try_is_signed_anew_and_carries_the_token_for_the_receiver_alone():
    async with an_event_page() as page_operations:
        page_operations.statuses = [500] * 2
        await page_operations.submit(progress=Progression.INSTANT)
        await page_operations.deliver()

    assert len(page_operations.sent) == 4
    for url, _ in page_operations.sent:
        assert is_genuine(SECRET, urlsplit(url).query)
        assert TOKEN not in url
        assert unseal(SECRET, parameters(url)["apiToken"]) == TOKEN
    nonces = [parameters(url)["nonce"] for url, _ in page_operations.sent]
    assert len(set(nonces)) == 4


async def test_the_token_can_be_sent_in_clear():
    async with an_event_page(event_token="clear") as page_operations:
        await page_operations.events.before(await page_operations.context(), {})

    assert parameters(page_operations.sent[0][0])["apiToken"] == TOKEN


@pytest.mark.parametrize(("clock", "expected"), [("wall", WALL), ("account", NOW + 60)])
async def test_the_timestamp_is_that_of_the_chosen_clock(clock, expected):
    async with an_event_page(event_timestamp=clock) as page_operations:
        await page_operations.events.model_listed(await page_operations.context(), {}, NOW + 60)
        await page_operations.deliver()

    assert parameters(page_operations.sent[0][0])["timestamp"] == f"{expected * 1000:.0f}"


# Before a call


async def test_a_denied_call_is_told_why_without_a_second_try():
    async with an_event_page() as page_operations:
        page_operations.answer = NO
        verdict = await page_operations.events.before(
            await page_operations.context(), {"prompt": "a boat"}
        )
        await page_operations.deliver(NOW + 100_000)

    assert verdict == AccessDecision(allowed=False, message="used up")
    assert page_operations.told == [PRE_INVOKE]


@pytest.mark.parametrize("answer", [b'{"success": false}', b'{"success":false,"errMessage":null}'])
async def test_a_denial_without_words_has_words_all_the_same(answer):
    async with an_event_page() as page_operations:
        page_operations.answer = answer
        verdict = await page_operations.events.before(await page_operations.context(), {})

    assert verdict == AccessDecision(allowed=False, message="the call was denied")


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
async def test_what_is_not_answered_as_documented_is_for_a_choice(choice, status, answer, words):
    async with an_event_page(unanswered_event=choice) as page_operations:
        page_operations.answer, page_operations.statuses = answer, [status]
        verdict = await page_operations.events.before(await page_operations.context(), {})

    assert verdict.allowed is (choice == "allow")
    assert words in verdict.remark


@pytest.mark.parametrize("choice", ["deny", "allow"])
async def test_a_receiver_that_hangs_counts_as_one_that_does_not_answer(choice, monkeypatch):
    monkeypatch.setattr(callbacks, "TIMEOUT", 0.02)
    async with an_event_page(unanswered_event=choice) as page_operations:

        async def hang(*args):
            await asyncio.Event().wait()

        page_operations.dispatcher._send = hang
        verdict = await page_operations.events.before(await page_operations.context(), {})

    assert verdict.allowed is (choice == "allow")
    assert "no answer within" in verdict.remark


async def test_a_generation_that_is_denied_gives_the_quota_back():
    async with an_event_page() as page_operations:
        page_operations.answer = NO
        verdict = await page_operations.events.before_generation(
            await page_operations.context(), {"modelId": "m-1"}
        )
        await page_operations.deliver()

    assert not verdict.allowed
    assert page_operations.told == [SD_PRE_INVOKE, ROLLBACK]


async def test_a_page_shows_what_the_receiver_says():
    async with an_event_page() as page_operations:
        page_operations.answer = b'{"text": "3 pictures left"}'
        assert await page_operations.events.page_text(await page_operations.context()) == {
            "text": "3 pictures left"
        }

        page_operations.answer = b"3 pictures left"
        assert await page_operations.events.page_text(await page_operations.context()) is None

        page_operations.answer, page_operations.statuses = b'{"text": "sorry"}', [500]
        assert await page_operations.events.page_text(await page_operations.context()) is None
        assert page_operations.told == [CONTROL_CONFIG] * 3


async def test_a_page_may_be_told_of_without_a_question():
    async with an_event_page(control_config_kind="asynchronous") as page_operations:
        assert await page_operations.events.page_text(await page_operations.context()) is None
        await page_operations.deliver()

        assert [each.asked for each in await page_operations.kept()] == [False]
        assert page_operations.told == [CONTROL_CONFIG]


# After it


async def test_a_good_end_commits_the_call_and_sends_what_was_made():
    async with an_event_page() as page_operations:
        job = await page_operations.submit()
        await page_operations.deliver()

    assert page_operations.told == [COMMIT, TASK_FINISHED]
    assert page_operations.sent[0][1] == b""
    assert json.loads(page_operations.sent[1][1]) == {
        "taskId": job.id,
        "status": JobState.SUCCEEDED,
        "images": [f"{ORIGIN}/1.png"],
    }


@pytest.mark.parametrize("how", ["fail", "cancel"])
async def test_a_bad_end_rolls_the_call_back(how):
    async with an_event_page() as page_operations:
        job = await page_operations.submit(
            work=too_much_for_memory() if how == "fail" else some_work()
        )
        if how == "cancel":
            await page_operations.job_service.cancel(
                await page_operations.account(), job.id, NOW + 0.1
            )
        await page_operations.deliver()

    assert page_operations.told == [ROLLBACK]
    assert parameters(page_operations.sent[0][0])["invokeId"] == "inv-1"


async def test_a_call_without_a_job_is_committed_or_rolled_back():
    async with an_event_page() as page_operations:
        await page_operations.events.committed(await page_operations.context())
        await page_operations.events.rolled_back(await page_operations.context())
        await page_operations.deliver()

    assert sorted(page_operations.told) == [COMMIT, ROLLBACK]


async def test_a_synchronised_model_is_told_of_when_it_is_due_though_no_user_asked():
    async with an_event_page() as page_operations:
        context = await page_operations.context(token=None, api_id="spSdModelSync")
        await page_operations.events.model_listed(context, {"modelId": "m-1"}, NOW + 60)
        assert await page_operations.deliver(NOW + 59.9) == []
        await page_operations.deliver(NOW + 60)

    assert page_operations.told == [MODEL_LISTED]
    assert json.loads(page_operations.sent[0][1]) == {"modelId": "m-1"}
    assert parameters(page_operations.sent[0][0])["apiToken"] == ""


@pytest.mark.parametrize("kind", ["asynchronous", "synchronous"])
@pytest.mark.parametrize("biz_type", [COMMIT, ROLLBACK, TASK_FINISHED, MODEL_LISTED])
async def test_only_what_is_asynchronous_is_tried_again(biz_type, kind):
    names = {
        COMMIT: "commit_kind",
        ROLLBACK: "rollback_kind",
        TASK_FINISHED: "task_finished_kind",
        MODEL_LISTED: "model_listed_kind",
    }
    async with an_event_page(**{names[biz_type]: kind}) as page_operations:
        page_operations.statuses = [500] * 100
        if biz_type == MODEL_LISTED:
            await page_operations.events.model_listed(await page_operations.context(), {}, NOW)
        elif biz_type == ROLLBACK:
            await page_operations.events.rolled_back(await page_operations.context())
        else:
            await page_operations.submit()
        await page_operations.deliver(NOW + 100_000)

    assert page_operations.told.count(biz_type) == (17 if kind == "asynchronous" else 1)


# Whose calls


async def use_everything(page_operations, context):
    verdicts = [
        await page_operations.events.before(context, {}),
        await page_operations.events.before_generation(context, {}),
    ]
    assert await page_operations.events.page_text(context) is None
    await page_operations.events.committed(context)
    await page_operations.events.rolled_back(context)
    await page_operations.submit(context)
    await page_operations.deliver()
    return verdicts


async def test_without_a_url_nothing_is_sent_and_everything_is_allowed():
    async with an_event_page(event_url="") as page_operations:
        context = await page_operations.context()
        assert await use_everything(page_operations, context) == [AccessDecision(allowed=True)] * 2
        await page_operations.events.model_listed(context, {}, NOW)

        assert (page_operations.sent, await page_operations.kept()) == ([], [])


async def test_an_account_hears_of_its_events_at_a_url_of_its_own():
    async with an_event_page(event_url="") as page_operations:
        account = replace(await page_operations.account(), events_url="http://127.0.0.1:9/mine")
        await page_operations.events.before(
            replace(await page_operations.context(), account=account), {}
        )

        assert [url.partition("?")[0] for url, _ in page_operations.sent] == [
            "http://127.0.0.1:9/mine"
        ]


async def test_calls_of_servers_fire_nothing_by_themselves():
    async with an_event_page() as page_operations:
        page_operations.answer = NO
        context = await page_operations.context(token=None)
        assert await use_everything(page_operations, context) == [AccessDecision(allowed=True)] * 2

        assert (page_operations.sent, await page_operations.kept()) == ([], [])


async def test_calls_of_servers_can_fire_events_without_a_token():
    async with an_event_page(server_events=True) as page_operations:
        await page_operations.events.before(await page_operations.context(token=None), {})

    assert parameters(page_operations.sent[0][0])["apiToken"] == ""
    assert is_genuine(SECRET, urlsplit(page_operations.sent[0][0]).query)


# The retries


async def log(statuses, jobs, steps):
    """Return the log, and what was sent in which order, after moving the clock in steps."""
    async with an_event_page() as page_operations:
        page_operations.answer, page_operations.statuses = b"", list(statuses)
        for _ in range(jobs):
            await page_operations.submit()
        for seconds in steps:
            await page_operations.deliver(NOW + seconds)
        return await page_operations.kept(), page_operations.sent


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
def test_the_log_does_not_depend_on_the_steps_in_which_time_goes(statuses, jobs, steps):
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
        async with an_event_page() as page_operations:
            page_operations.statuses = list(statuses)
            for _ in range(jobs):
                await page_operations.submit()
            tried = await page_operations.deliver(NOW + 50_000)
            return [each.attempts[-1].at for each in tried], page_operations.sent, tried

    moments, sent, tried = asyncio.run(tries())

    assert moments == sorted(moments)
    assert [url for url, _ in sent] == [each.attempts[-1].url for each in tried]
