"""Callbacks that misbehave on demand."""

import json

import httpx
import pytest

from mock_server.tests.tams.world import NOW, a_world, text_to_image
from mock_server.web.callback_formats import CallbackFault, CallbackReply
from mock_server.web.targets import CallbackTarget

MOCK = "http://127.0.0.1/_mock"


class Receiver:
    """Gets the callbacks of a mock, and notes when they came, of which state, and how."""

    def __init__(self, world):
        self.world = world
        self.got = []
        world.app.dispatcher._send = self.send

    async def send(self, target, body):
        try:
            state = json.loads(body).get("status", "?")
        except ValueError:
            state = "broken"
        self.got.append((round(await self.world.now() - NOW), state, target.content_type))
        return CallbackReply(200)

    async def run(self, how, *, steps=(100, 100, 100), **more):
        """Set a fault, make a job, advance, and return what came and the log of callbacks."""
        more = {"times": 1} | more
        rule = {"fault": {"kind": "callback", "how": how} | more.pop("fault", {}), **more}
        answer = await self.world.http.post(f"{MOCK}/faults", json=rule)
        assert answer.status_code == 201, answer.text
        await self.world.submit(text_to_image() | {"notifyUrl": "http://127.0.0.1:1/hook"})
        for seconds in steps:
            await self.world.http.post(f"{MOCK}/clock/advance", json={"seconds": seconds})
        listed = (await self.world.http.get(f"{MOCK}/callbacks")).json()["callbacks"]
        return [state for _, state, _ in self.got], listed


@pytest.fixture
async def receiver():
    async with a_world(tams={"notify_states": "changes"}) as world:
        yield Receiver(world)


async def states(receiver):
    """Return the states that are told without a fault."""
    return (await receiver.run("lost", match={"job": "1"}))[0]


async def test_without_a_fault_each_state_is_told_once(receiver):
    assert await states(receiver) == PLAIN


PLAIN = ["WAITING", "RUNNING", "SUCCESS"]


async def test_a_rule_that_ends_on_the_way_hits_what_is_due_before(receiver):
    assert (await receiver.run("lost", times=10, seconds=60, steps=(1000,)))[0] == []


@pytest.mark.parametrize(
    ("how", "fault", "expected"),
    [
        ("twice", {"state": "succeeded"}, [*PLAIN, PLAIN[-1]]),
        ("replayed", {"state": "succeeded", "seconds": 150}, [*PLAIN, PLAIN[-1]]),
        ("lost", {"state": "running"}, [PLAIN[0], PLAIN[2]]),
        ("overtaken", {"state": "running", "seconds": 150}, [PLAIN[0], PLAIN[2], PLAIN[1]]),
        ("late", {"state": "running", "seconds": 150}, PLAIN),
        ("truncated", {"state": "succeeded"}, [*PLAIN[:2], "broken"]),
    ],
)
async def test_callbacks_misbehave(receiver, how, fault, expected):
    told, _ = await receiver.run(how, fault=fault)
    assert told == expected


async def test_a_late_callback_comes_after_its_time_and_keeps_the_order(receiver):
    await receiver.run("late", fault={"state": "running", "seconds": 150})
    moments = [moment for moment, _, _ in receiver.got]

    assert moments == sorted(moments)
    assert moments[0] <= 100 < moments[1]


async def test_a_lost_callback_stays_lost_and_says_so(receiver):
    _, listed = await receiver.run("lost", fault={"state": "succeeded"})
    lost = next(each for each in listed if each["state"] == "succeeded")

    assert (lost["arrived"], lost["due"]) == (False, None)
    assert "fault" in lost["attempts"][0]["problem"]


async def test_a_wrong_content_type_is_sent(receiver):
    await receiver.run("wrong-content-type", fault={"state": "succeeded"})
    assert [kind for _, _, kind in receiver.got] == ["application/json"] * 2 + ["text/html"]


async def test_a_callback_that_is_lost_once_is_sent_at_the_next_try():
    async with a_world(tams={"notify_retry_delays": (10.0,)}) as world:
        receiver = Receiver(world)
        told, (one,) = await receiver.run("lost-once")

    assert len(told) == 1
    assert one["arrived"]
    assert [attempt["status"] for attempt in one["attempts"]] == [0, 200]


async def test_hits_are_counted_and_end(receiver):
    await receiver.run("twice", times=2)
    (rule,) = (await receiver.world.http.get(f"{MOCK}/faults")).json()["faults"]

    assert (rule["hits"], rule["ended"]) == (2, True)
    assert len(receiver.got) == len(PLAIN) + 2


@pytest.mark.parametrize("match", [{"operation": "GetJob"}, {"prompt": "a"}, {"path": "/v1/*"}])
async def test_a_condition_that_callbacks_do_not_have_is_refused(receiver, match):
    rule = {"fault": {"kind": "callback", "how": "lost"}, "match": match}
    answer = await receiver.world.http.post(f"{MOCK}/faults", json=rule)
    assert (answer.status_code, "can never act" in answer.text) == (422, True)


async def test_a_call_cannot_ask_for_it(receiver):
    headers = {"authorization": "Bearer mock-token-0001", "x-mock-fault": "callback; how=lost"}
    answer = await receiver.world.call("POST", "/v1/jobs", text_to_image(), headers=headers)
    assert (answer.status_code, "only a rule" in answer.text) == (400, True)


def test_a_wrong_signature_differs_in_one_digit():
    url = "http://127.0.0.1/hook?a=1&sign=0abc&b=2"
    target = CallbackTarget(url, (url,), "127.0.0.1", "127.0.0.1")

    changed, body = CallbackFault("f", "wrong-signature").broken(target, b"x")

    assert body == b"x"
    assert httpx.URL(changed.pinned_urls[0]).params["sign"] == "1abc"
