"""What a client sees while a scenario runs: a function for each scenario, with its name."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable

import pytest

from mock_server.tests.scenarios.watcher import Watcher

Symptom = Callable[[Watcher], Awaitable[None]]
SYMPTOMS: dict[str, Symptom] = {}


def symptom(test: Symptom) -> Symptom:
    """Name what a client sees by the scenario, which runs meanwhile."""
    SYMPTOMS[test.__name__.strip("_").replace("_", "-")] = test
    return test


async def statuses(watcher: Watcher, calls: int = 20) -> Counter[int]:
    """Return how often each status came for a poll of an unknown job."""
    return Counter([(await watcher.poll("1")).status_code for _ in range(calls)])


@symptom
async def _429_storm(watcher):
    found = await statuses(watcher)
    assert set(found) == {404, 429}
    assert found[429] > 10

    await watcher.advance(60)
    assert await statuses(watcher) == {404: 20}


@symptom
async def credits_gone_in_mid_batch(watcher):
    jobs = [await watcher.submitted() for _ in range(3)]
    await watcher.advance(100)
    refused = await watcher.submit()

    assert refused.status_code == 400
    assert "credits not enough" in refused.text
    assert [(await watcher.job(job))["status"] for job in jobs] == ["SUCCESS"] * 3


@symptom
async def answer_lost_after_submit(watcher):
    with pytest.raises(ConnectionResetError):
        await watcher.submit("order-7")
    again = await watcher.submit("order-7")
    jobs = (await watcher.mock("GET", "/jobs"))["jobs"]

    assert len(jobs) == 1
    assert again.status_code in (200, 409)
    assert jobs[0]["id"] in again.text


@symptom
async def key_revoked_in_mid_batch(watcher):
    first, second = [await watcher.submitted() for _ in range(2)]
    assert (await watcher.job(first))["status"] == "CREATED"
    await watcher.advance(1)  # Both of them run.

    assert (await watcher.poll(first)).status_code == 401
    assert (await watcher.submit()).status_code == 401
    await watcher.advance(100)
    kept = await watcher.mock("GET", f"/jobs/{second}")
    assert kept["state"] == "succeeded"


@symptom
async def service_down_for_a_minute(watcher):
    await watcher.advance(1)
    assert await statuses(watcher) == {503: 20}
    assert (await watcher.submit()).status_code == 503

    await watcher.advance(59)
    assert await statuses(watcher) == {404: 20}
