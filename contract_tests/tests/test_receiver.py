"""The receiver keeps callbacks, and answers them as a test asks."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from contract_tests.answers import Unmet
from contract_tests.clocks import WallClock
from contract_tests.receiver import CallbackReceiver


@pytest.fixture
def receiver() -> Iterator[CallbackReceiver]:
    receiver = CallbackReceiver()
    yield receiver
    receiver.close()


class ManualTime:
    """A time that passes only by sleeping."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def elapsed(self) -> float:
        return self.seconds

    def sleep(self, seconds: float) -> None:
        self.seconds += seconds


def _clock() -> WallClock:
    time = ManualTime()
    return WallClock(600, now=time.elapsed, elapsed=time.elapsed, sleep=time.sleep)


def test_a_notification_is_kept_whole(receiver: CallbackReceiver) -> None:
    inbox = receiver.inbox()

    answer = httpx.post(inbox.url, json={"jobId": "1"}, headers={"X-Sign": "a"}, trust_env=False)

    (notification,) = inbox.notifications()
    assert (answer.status_code, notification.answered, notification.method) == (200, 200, "POST")
    assert notification.json == {"jobId": "1"}
    assert ("X-Sign", "a") in notification.headers


def test_the_first_calls_get_the_answers_that_were_asked_for(receiver: CallbackReceiver) -> None:
    inbox = receiver.inbox(500, 503)

    statuses = [httpx.post(inbox.url, trust_env=False).status_code for _ in range(3)]

    assert statuses == [500, 503, 200]


def test_inboxes_do_not_share_notifications(receiver: CallbackReceiver) -> None:
    first, second = receiver.inbox(), receiver.inbox()

    httpx.post(first.url, trust_env=False)

    assert (len(first.notifications()), len(second.notifications())) == (1, 0)


def test_an_unknown_url_is_not_found(receiver: CallbackReceiver) -> None:
    url = receiver.inbox().url + "0"

    assert httpx.post(url, trust_env=False).status_code == 404


def test_a_missing_notification_is_an_unmet_expectation(receiver: CallbackReceiver) -> None:
    with pytest.raises(Unmet, match="no notifications came within 5 s"):
        receiver.inbox().wait_for(_clock(), within=5)


def test_waiting_ends_when_enough_came(receiver: CallbackReceiver) -> None:
    inbox = receiver.inbox()
    for _ in range(2):
        httpx.post(inbox.url, trust_env=False)

    assert len(inbox.wait_for(_clock(), lambda came: len(came) == 2)) == 2


def test_a_notification_that_is_not_json_is_an_unmet_expectation(
    receiver: CallbackReceiver,
) -> None:
    inbox = receiver.inbox()
    httpx.post(inbox.url, content=b'{"jobId"', trust_env=False)

    with pytest.raises(Unmet, match="not JSON"):
        _ = inbox.notifications()[0].json
