"""Whole runs against a fake of TAMS that counts its charges."""

import json
import os
import signal

from contract_tests.options import BY_SURFACE

# A run that is started in the background ignores SIGINT, and so do its child processes.
PROCESS = """
import os, signal
signal.signal(signal.SIGINT, signal.default_int_handler)
with open({path!r}, "w") as file:
    file.write(str(os.getpid()))
"""
SUBMITTING = """
@source("TAMS › 5.1")
@spends(1)
@pytest.mark.parametrize("n", range(3))
def test_submit(tams, n):
    tams.submit_job(a_small_order())
"""
DIFFERING = """
@source("TAMS › 5.4")
def test_differs(tams):
    assert tams.estimate([]) == 0

@source("TAMS › 5.4")
def test_differs_no_more(tams):
    assert tams.estimate([]) > 0
"""
KNOWN = """
from datetime import date
import pytest
from contract_tests.differences import KnownDifference

@pytest.hookimpl(trylast=True)
def pytest_configure(config):
    config.pluginmanager.get_plugin("contract-runner").differences = [
        KnownDifference(f"tams/test_it.py::{name}", "url", "so be it", date(2026, 1, 1), date.max)
        for name in ("test_differs", "test_differs_no_more")
    ]
"""
IGNORING = """
import os, signal
signal.signal(signal.SIGINT, signal.default_int_handler)

class Ignoring:
    def __del__(self):
        os.kill(os.getpid(), signal.SIGINT)
        "here the signal arrives".strip()

@source("TAMS › 5.4")
def test_ignoring(tams):
    tams.estimate([])
    Ignoring()

@source("TAMS › 5.4")
def test_after_it(tams):
    tams.estimate([])
"""
WORKER = """
import os

@pytest.mark.parametrize("n", range(3))
@source("TAMS › 5.1")
def test_worker(n):
    pytest.skip(os.environ["PYTEST_XDIST_WORKER"])
"""
OBSERVING = """
@source("TAMS › 5.4")
@observes
def test_observing(observe):
    observe("U34", "the price", {"token": "a-token-for-the-fake"})
"""
OUTCOMES = (
    OBSERVING
    + """
@source("TAMS › 5.4")
def test_passed(tams):
    assert tams.estimate([]) > 0

@source("TAMS › 5.4")
def test_failed(tams):
    assert tams.estimate([]) == 0

@source("TAMS › 5.4")
def test_member_missing(tams):
    tams.call("POST", "/v1/jobs/credits", json={}).json["price"]

@source("TAMS › 5.7")
def test_not_as_described(tams):
    tams.call("GET", "/v1/models/1").expect(200)

@source("TAMS › 5.4")
def test_error(tams):
    {}["an error of the suite"]

@source("TAMS › 5.4")
def test_skipped(tams):
    pytest.skip("nothing to say")

@source("TAMS › 5.4")
@spends(1)
def test_disabled(tams):
    raise AssertionError("it must not run")

@source("TAMS › 5.4")
@needs("balance")
def test_unsupported(tams):
    raise AssertionError("it must not run")

@source("TAMS › 5.4")
def test_too_long(clock):
    clock.let_pass(3600)

@source("TAMS › 5.1")
def test_undeclared_cost(tams):
    tams.call("POST", "/v1/jobs", json={})

@source("TAMS › 5.4")
def test_nothing_to_expect(observe):
    observe("U34", "the price", 1)
    raise OnlyObserved("the answer is left open")

@source("TAMS › 5.4")
@observes
def test_in_vain(tams, observe):
    observe("U34", "the price", 1)
    assert tams.estimate([]) == 0
"""
)


def send_at_submission(signal_, nested, fake_tams):
    """Write a suite whose process gets a signal while it waits for the answer to a submission."""
    path = nested.folder / "pid"
    nested.write(PROCESS.format(path=str(path)) + SUBMITTING)
    fake_tams.on_submission = lambda: os.kill(int(path.read_text()), signal_)


def test_the_budget_is_not_exceeded(nested, fake_tams):
    nested.write(SUBMITTING)

    nested.run(fake_tams.url, "--profile=full", "--max-credits=1.3")

    assert fake_tams.jobs == 2
    assert list(nested.outcomes().values()) == ["passed", "passed", "disabled"]
    assert {"unit": "credits", "budget": "1.3", "spent": "1.2"} in nested.report()["money"]


def test_a_killed_run_continues_within_its_budget(nested, fake_tams):
    send_at_submission(signal.SIGKILL, nested, fake_tams)
    killed = nested.run(fake_tams.url, "--profile=full", "--max-credits=1.3")
    fake_tams.on_submission = None

    nested.run(fake_tams.url, "--profile=full", "--max-credits=1.3", "--resume")

    assert killed.ret == -signal.SIGKILL
    assert fake_tams.jobs == 2  # the first one, whose answer was lost, and one more
    assert list(nested.outcomes().values()) == ["passed", "disabled", "disabled"]


def test_a_resumed_run_skips_what_passed_or_observed(nested, fake_tams):
    nested.write(SUBMITTING + OBSERVING)
    nested.run(fake_tams.url, "--profile=full", "--max-credits=5", "-k=0 or observing")

    result = nested.run(fake_tams.url, "--profile=full", "--max-credits=5", "--resume")

    assert fake_tams.jobs == 3
    assert list(nested.outcomes().values()) == ["observed", "passed", "passed", "passed"]
    result.stdout.fnmatch_lines(["collected 4 items / 2 deselected / 2 selected"])


def test_every_outcome_is_reported(nested, fake_tams):
    nested.write(OUTCOMES)

    result = nested.run(fake_tams.url, "--junitxml=junit.xml")

    assert nested.outcomes() == {
        "test_passed": "passed",
        "test_failed": "failed",
        "test_member_missing": "failed",
        "test_not_as_described": "failed",
        "test_error": "error",
        "test_skipped": "skipped",
        "test_disabled": "disabled",
        "test_unsupported": "unsupported",
        "test_too_long": "unsupported",
        "test_undeclared_cost": "error",
        "test_observing": "observed",
        "test_nothing_to_expect": "observed",
        "test_in_vain": "failed",
    }
    assert result.ret == 1
    assert fake_tams.jobs == 0
    result.stdout.fnmatch_lines(["Contract NOT KEPT: 1 passed, 2 observed, 4 failed, 1 skipped, *"])
    junit = (nested.folder / "junit.xml").read_text(encoding="utf-8")
    assert '<property name="outcome" value="unsupported"' in junit
    assert '<property name="source" value="TAMS › 5.4"' in junit
    assert (
        '<property name="section" value="TAMS › 5.4 Price of a job: POST /v1/jobs/credits"' in junit
    )


def test_an_observing_test_is_never_counted_as_passed(nested, fake_tams):
    nested.write(OUTCOMES)
    evidence = nested.folder / "verified.json"

    result = nested.run(
        fake_tams.url, "-k=observing or nothing_to_expect", "--junitxml=junit.xml",
        "--contract-html=report.html", "--contract-badge=badge.svg",
        "--record-evidence=bundles", f"--evidence={evidence}",
    )  # fmt: skip

    def text(name):
        return (nested.folder / name).read_text(encoding="utf-8")

    assert result.ret == 5
    result.stdout.fnmatch_lines(["Contract ONLY OBSERVED: 2 observed in *", "*2 observed*"])
    result.stdout.no_fnmatch_line("*[0-9] passed*")
    assert nested.report()["totals"]["observed"] == 2
    assert nested.report()["totals"]["passed"] == 0
    assert 'skipped="2"' in text("junit.xml")
    assert '<property name="outcome" value="observed"' in text("junit.xml")
    assert "<strong>Only observed</strong>" in text("report.html")
    assert "unverified" in text("badge.svg")
    assert json.loads(text("verified.json")) == {"tests": {}}


def test_each_run_of_a_step_adds_its_summary(nested, fake_tams):
    nested.write(OBSERVING)

    for _ in range(2):
        nested.run(fake_tams.url, "--contract-summary=s.md", "--contract-ctrf=ctrf.json")

    summary = (nested.folder / "s.md").read_text(encoding="utf-8")
    assert summary.count("## Contract of TAMS and the Workshop: Only observed") == 2
    assert "token" in summary
    assert "a-token-for-the-fake" not in summary
    assert json.loads((nested.folder / "ctrf.json").read_text())["results"]["summary"]["other"] == 1


def test_a_failure_comes_with_its_exchanges_and_an_observation_without_secrets(nested, fake_tams):
    nested.write(OUTCOMES)

    nested.run(fake_tams.url, "-k=failed or observing")

    failed, observing = nested.report()["tests"]
    (exchange,) = failed["exchanges"]
    assert exchange["request"]["url"] == f"{fake_tams.url}/v1/jobs/credits"
    assert exchange["response"]["status"] == 200
    assert observing["observations"][0]["value"] == {"token": "***"}
    # The test contains the token, in its source and its byte-code.
    suite = nested.folder / "suite"
    files = [path for path in nested.folder.rglob("*") if path.is_file()]
    telling = [path for path in files if b"a-token-for-the-fake" in path.read_bytes()]
    assert (suite / "tams" / "test_it.py") in telling
    assert [path for path in telling if not path.is_relative_to(suite)] == []


def test_a_job_that_still_runs_is_cancelled_at_the_end(nested, fake_tams):
    nested.write(SUBMITTING)
    fake_tams.job_status = "RUNNING"

    nested.run(fake_tams.url, "--profile=full", "--max-credits=9", "-k=0")

    assert ("DELETE", "/v1/jobs/1") in fake_tams.requests
    (made,) = nested.report()["made"]
    assert (made["kind"], made["id"], made["state"]) == ("job", "1", "cancelled")


def test_a_test_without_a_source_is_not_collected(nested, fake_tams):
    nested.write("def test_it(tams): pass")

    result = nested.run(fake_tams.url)

    assert result.ret == 4
    result.stderr.fnmatch_lines(["*test_it.py::test_it has no source*"])
    assert fake_tams.requests == [("GET", "/_mock/version"), ("POST", "/v1/jobs/credits")]


def test_a_plan_sends_nothing_and_names_the_price(nested, fake_tams):
    nested.write(SUBMITTING)

    result = nested.run(fake_tams.url, "--profile=full", "--plan")

    assert fake_tams.requests == []
    result.stdout.fnmatch_lines(
        ["*test_submit?0?  ≤ 1 credits, ~10 calls", "*3 of 3 tests would run*at most 3 credits*"]
    )


def test_a_profile_that_spends_needs_a_budget_at_a_real_target(nested, fake_tams):
    nested.write(SUBMITTING)

    result = nested.run(fake_tams.url, "--profile=cheap")

    assert result.ret == 4
    result.stderr.fnmatch_lines(["*set --max-credits N*"])


def test_nothing_tested_does_not_look_like_success(nested, fake_tams):
    nested.write(SUBMITTING)

    assert nested.run(fake_tams.url).ret == 5


def test_workers_share_the_budget(nested, fake_tams):
    nested.write(SUBMITTING)

    nested.run(fake_tams.url, "--profile=full", "--max-credits=1.3", "-p", "xdist.plugin", "-n2")

    assert fake_tams.jobs == 2
    assert sorted(nested.outcomes().values()) == ["disabled", "passed", "passed"]


def test_calls_to_one_surface_come_from_one_process(nested, fake_tams):
    nested.write(WORKER)
    path = nested.folder / "suite" / "tams" / "test_it.py"
    path.with_name("test_other.py").write_text(path.read_text())
    (nested.folder / "suite" / "workshop").mkdir()
    path.parent.with_name("workshop").joinpath("test_it.py").write_text(path.read_text())
    plugins = ("-p", "xdist.plugin", "-n2", f"--dist={BY_SURFACE}")

    nested.run(fake_tams.url, *plugins)

    workers = {(test["surface"], test["reason"]) for test in nested.report()["tests"]}
    assert len(workers) == len(dict(workers)) == 2


def test_an_interrupted_run_has_a_summary_and_can_continue(nested, fake_tams):
    send_at_submission(signal.SIGINT, nested, fake_tams)

    result = nested.run(fake_tams.url, "--profile=full", "--max-credits=5")

    assert result.ret == 2
    result.stdout.fnmatch_lines(["Contract INTERRUPTED*", "*continue with --resume*"])
    assert nested.report()["money"][0]["spent"] == "0.6"


def test_ctrl_c_in_code_that_ignores_exceptions_ends_the_run(nested, fake_tams):
    nested.write(IGNORING)

    result = nested.run(fake_tams.url, "-p", "no:unraisableexception")

    assert result.ret == 2
    assert nested.outcomes() == {"test_ignoring": "passed"}


def test_progress_is_shown_in_place_of_letters(nested, fake_tams):
    nested.write(SUBMITTING + OBSERVING)
    hurry = "from contract_tests import progress\n\nprogress.LINE_EVERY = 0\n"
    (nested.folder / "suite" / "conftest.py").write_text(hurry, encoding="utf-8")
    flags = ("-o", "contract_progress=true", "--profile=full", "--max-credits=5")

    result = nested.run(fake_tams.url, *flags)
    quiet = nested.run(fake_tams.url, *flags, "--contract-quiet")

    first, *_, last = [line for line in result.outlines if " done, " in line]
    assert first == "1 done, 3 left, spent 0.6 of 5 credits"
    assert last == "4 done, 0 left, spent 1.8 of 5 credits, about 0.0 s left"
    assert not [line for line in quiet.outlines if " done, " in line]
    for lines in (result.outlines, quiet.outlines):
        assert not [line for line in lines if line.startswith(("...", "test_it.py"))]


def test_a_known_difference_is_skipped_while_it_is_one_and_fails_when_it_is_gone(nested, fake_tams):
    nested.write(DIFFERING)
    (nested.folder / "suite" / "conftest.py").write_text(KNOWN, encoding="utf-8")

    result = nested.run(fake_tams.url)

    assert nested.outcomes() == {"test_differs": "skipped", "test_differs_no_more": "failed"}
    assert result.ret == 1
    result.stdout.fnmatch_lines(["*the known difference is gone*so be it*"])


def test_a_test_is_run_again_if_the_target_was_too_busy_for_what_costs(nested, fake_tams):
    nested.write(SUBMITTING)
    fake_tams.busy = 2

    nested.run(fake_tams.url, "--profile=cheap", "--max-credits=10")

    report = nested.report()
    assert {test["outcome"] for test in report["tests"]} == {"passed"}
    assert fake_tams.jobs == 3
    assert any("POST /v1/jobs was answered 503 2 times" in note for note in report["notes"])
    # Nobody knows whether the calls that were turned away cost something.
    assert report["money"][0]["spent"] == "3.0"


def test_a_target_that_is_always_too_busy_fails_the_test(nested, fake_tams):
    nested.write(SUBMITTING)
    fake_tams.busy = 99

    nested.run(fake_tams.url, "--profile=cheap", "--max-credits=10", "-k", "0")

    assert set(nested.outcomes().values()) == {"failed"}
    assert fake_tams.busy == 99 - 6
