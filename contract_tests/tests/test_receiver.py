"""The receiver of callbacks: what comes is kept, counted and answered as a test wants it."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from contract_tests.answers import Unmet
from contract_tests.clocks import WallClock
from contract_tests.receiver import Receiver


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    receiver = Receiver()
    yield receiver
    receiver.close()


class _Time:
    """A clock's time that passes only by waiting for it."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def elapsed(self) -> float:
        return self.seconds

    def sleep(self, seconds: float) -> None:
        self.seconds += seconds


def _clock() -> WallClock:
    time = _Time()
    return WallClock(600, now=time.elapsed, elapsed=time.elapsed, sleep=time.sleep)


def test_what_comes_is_kept_with_all_that_came(receiver: Receiver) -> None:
    box = receiver.box()

    answer = httpx.post(box.url, json={"jobId": "1"}, headers={"X-Sign": "a"}, trust_env=False)

    (notice,) = box.notices()
    assert (answer.status_code, notice.answered, notice.method) == (200, 200, "POST")
    assert notice.json == {"jobId": "1"}
    assert ("X-Sign", "a") in notice.headers


def test_the_first_calls_get_the_answers_that_were_asked_for(receiver: Receiver) -> None:
    box = receiver.box(500, 503)

    statuses = [httpx.post(box.url, trust_env=False).status_code for _ in range(3)]

    assert statuses == [500, 503, 200]


def test_boxes_do_not_see_each_others_calls(receiver: Receiver) -> None:
    first, second = receiver.box(), receiver.box()

    httpx.post(first.url, trust_env=False)

    assert (len(first.notices()), len(second.notices())) == (1, 0)


def test_a_url_that_is_nobodys_is_not_found(receiver: Receiver) -> None:
    url = receiver.box().url + "0"

    assert httpx.post(url, trust_env=False).status_code == 404


def test_what_never_comes_is_an_unmet_expectation(receiver: Receiver) -> None:
    with pytest.raises(Unmet, match="no notifications came within 5 s"):
        receiver.box().wait_for(_clock(), within=5)


def test_waiting_ends_when_enough_came(receiver: Receiver) -> None:
    box = receiver.box()
    for _ in range(2):
        httpx.post(box.url, trust_env=False)

    assert len(box.wait_for(_clock(), lambda came: len(came) == 2)) == 2


def test_a_notice_that_is_no_json_is_an_unmet_expectation(receiver: Receiver) -> None:
    box = receiver.box()
    httpx.post(box.url, content=b'{"jobId"', trust_env=False)

    with pytest.raises(Unmet, match="no JSON"):
        _ = box.notices()[0].json
