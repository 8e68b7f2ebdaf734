"""Metrics are what Prometheus reads, count what happened, and have few labels."""

from collections import Counter

import pytest
from prometheus_client.parser import text_string_to_metric_families

from mock_server.core.errors import RateLimited
from mock_server.tests.scenarios.watcher import a_watcher
from mock_server.tests.tams.world import text_to_image
from mock_server.web.calls import Answer
from mock_server.web.metrics import MAX_SERIES, Metrics
from mock_server.web.traces import Trace


@pytest.fixture
async def watcher():
    async with a_watcher() as watcher:
        yield watcher


async def families(watcher, query=""):
    answer = await watcher.http.get(f"/_mock/metrics{query}")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    return {each.name: each for each in text_string_to_metric_families(answer.text)}


async def values(watcher, name, *labels, query=""):
    """Return the values of a metric that are not 0, by these labels."""
    found = (await families(watcher, query))[name].samples
    return {
        tuple(each.labels.get(label) for label in labels): each.value
        for each in found
        if each.value and not each.name.endswith(("_bucket", "_sum"))
    }


async def test_requests_are_counted_by_operation_and_status(watcher):
    await watcher.submit()
    for _ in range(2):
        await watcher.poll("1")
    await watcher.http.get("/nothing/of/this")
    counted = await values(watcher, "tams_mock_requests", "surface", "operation", "status")
    timed = await values(watcher, "tams_mock_request_duration_seconds", "operation")

    assert counted == {
        ("tams", "POST /v1/jobs", "200"): 1,
        ("tams", "GET /v1/jobs/{job_id}", "404"): 2,
        ("tams", "unknown", "404"): 1,
    }
    assert timed["GET /v1/jobs/{job_id}",] == 2
    assert timed["GET /_mock/metrics",] == 1  # the scrape before


async def test_durations_are_a_histogram_of_all_statuses(watcher):
    metrics = watcher.app.metrics
    for seconds, status in ((0.0004, 200), (0.003, 200), (0.003, 404), (99, 200)):
        trace = Trace("1", 0.0, seconds=seconds, answer=Answer(status, b""), surface="tams")
        metrics.observe(trace)
    samples = (await families(watcher))["tams_mock_request_duration_seconds"].samples
    shown = {each.labels.get("le") or each.name.rpartition("_")[2]: each.value for each in samples}

    assert {name: shown[name] for name in ("0.0005", "0.0025", "0.005", "10.0", "+Inf")} == {
        "0.0005": 1, "0.0025": 1, "0.005": 3, "10.0": 3, "+Inf": 4,
    }  # fmt: skip
    assert (shown["sum"], shown["count"]) == (pytest.approx(99.0064), 4)


async def test_refusals_are_counted_by_kind_and_cause(watcher):
    await watcher.http.get("/v1/jobs/1", headers={"authorization": "Bearer of-nobody"})
    await watcher.http.get("/v1/jobs/1")
    await watcher.workshop("/scc/allocate_token", secret="of-nobody")
    await watcher.mock("PUT", "/accounts/default/limits", {"qps": 1, "rateLimit": "on"})
    for _ in range(3):
        await watcher.poll("1")

    assert await values(watcher, "tams_mock_refusals", "surface", "reason") == {
        ("tams", "unauthenticated"): 2,
        ("tams", "not-found"): 1,
        ("tams", "rate-limited"): 2,
        ("workshop", "unauthenticated"): 1,
    }
    causes = await values(watcher, "tams_mock_signature_refusals", "surface", "cause")
    assert Counter(surface for surface, _ in causes) == {"tams": 2, "workshop": 1}
    assert ("tams", "token-unknown") in causes
    assert "unknown" not in {cause for _, cause in causes}


async def test_faults_and_callbacks_are_counted(watcher):
    fault = {"kind": "refusal", "name": "overloaded"}
    await watcher.mock("POST", "/faults", {"match": {"operation": "GetJob"}, "fault": fault})
    await watcher.poll("1")
    lost = {"fault": {"kind": "callback", "how": "lost"}, "times": 1}
    await watcher.mock("POST", "/faults", lost)
    for _ in range(2):
        job = text_to_image() | {"notifyUrl": "http://127.0.0.1:1/"}
        await watcher.tams("POST", "/v1/jobs", job)
        await watcher.advance(100)

    faults = await values(watcher, "tams_mock_faults", "kind")
    tries = await values(watcher, "tams_mock_callback_tries", "outcome")
    assert faults == {("refusal",): 1, ("callback",): 1}
    assert tries == {("kept-back",): 1, ("delivered",): len(watcher.received)}
    assert watcher.received


async def test_gauges_are_of_all_accounts_unless_each_is_asked_for(watcher):
    ada = await watcher.mock("POST", "/accounts", {"id": "ada"})
    await watcher.submitted_by(ada)
    await watcher.submit()
    await watcher.advance(100)
    await watcher.submit()

    states = await values(watcher, "tams_mock_jobs", "account", "state")
    assert states == {(None, "created"): 1, (None, "succeeded"): 2}
    assert (await values(watcher, "tams_mock_accounts"))[()] == 2
    query = "?accounts=true"
    each = await values(watcher, "tams_mock_jobs", "account", "state", query=query)
    assert each == {
        ("default", "created"): 1, ("default", "succeeded"): 1, ("ada", "succeeded"): 1,
    }  # fmt: skip
    credits = await values(watcher, "tams_mock_credits", "account", "kind", query=query)
    ledger = await watcher.mock("GET", "/accounts/default/balance")
    assert credits["default", "held"] == ledger["held"]
    assert credits["default", "charged"] == ledger["charged"]


async def test_a_scrape_leaves_the_journal_alone_and_is_no_secret(watcher):
    await watcher.http.get("/_mock/metrics")
    assert (await watcher.mock("GET", "/requests?surface=control"))["requests"] == []
    found = await families(watcher)
    assert found["tams_mock_build_info"].samples[0].value == 1
    assert found["process_cpu_seconds"].samples[0].value > 0


def test_there_are_few_series_whatever_is_answered():
    metrics = Metrics(0.0)
    for status in range(2 * MAX_SERIES):
        metrics.observe(Trace("1", 0.0, answer=Answer(status, b""), surface="tams"))

    assert len(metrics.requests) <= MAX_SERIES + 1
    counted = sum(sum(each.counts) for each in metrics.requests.values())
    assert counted == 2 * MAX_SERIES


def test_a_refusal_has_the_name_of_its_class():
    metrics = Metrics(0.0)
    metrics.observe(Trace("1", 0.0, surface="tams", refused=RateLimited))
    assert metrics.refusals == {("tams", "rate-limited"): 1}
