"""The summaries of a run for other programs: Markdown for GitHub Actions, and CTRF."""

import json
import re
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract_tests import PACKAGE
from contract_tests.options import SURFACES
from contract_tests.outcomes import TestOutcome
from contract_tests.report.ctrf import STATUSES, ctrf
from contract_tests.report.markdown import MAX_BYTES, MAX_FAILURES, markdown, plain
from contract_tests.report.sections import title_of
from contract_tests.report.shape import Observation, UnknownRow
from contract_tests.tests.report_builders import a_report, a_result
from contract_tests.tests.test_report_page import HOSTILE, Tags, text_of

MARKDOWN = ["**b** _i_ `c`", "[a](javascript:x)", "![x](http://t/p)", "a | b", "@team #1", "~~x~~"]


def summary_saying(text):
    """Return a summary with a text in every place that a target controls."""
    failed = a_result(outcome="failed", reason=text, message=f"E {text}")
    seen = [Observation("U13", text, text, "t"), Observation("U13", "x", {"a": text}, "t")]
    unknowns = [UnknownRow("U13", "tams", "?", seen)]
    return markdown(a_report(failed, notes=[text], unknowns=unknowns))


@given(st.sampled_from([*HOSTILE, *MARKDOWN]) | st.text())
def test_text_of_a_target_never_becomes_markup(text):
    assert Tags(summary_saying(f"x{text}")).seen == Tags(summary_saying("x")).seen


@given(st.sampled_from([*HOSTILE, *MARKDOWN]) | st.text())
def test_plain_text_is_one_line_without_signs_of_markdown(text):
    line = plain(text)

    assert "\n" not in line
    assert not set(line) & set("*_`[]()<>|~@!\"'\\:/$+-=^{}.,%?\0\u202e")
    assert Tags(line).seen == Counter()


def test_the_summary_has_verdict_totals_money_target_and_date():
    text = text_of(markdown(a_report(a_result(), a_result("test_b", "observed"))))

    for words in (
        "## Contract of TAMS and the Workshop: Kept",
        "The target is a mock: this says nothing about the real services.",
        "| Tests | 1 passed, 1 observed |",
        "| Target | mock http://127.0.0.1:8080 |",
        "| Date | 2026-01-15 08:00 UTC, 42 s |",
        "| Spent | at most 2.3 of 20 credits, 6 calls |",
        "| Left behind | 1 thing |",
        "| TAMS › 5.3 Cancel a job: DELETE /v1/jobs/{jobId} | 1 | 1 | | | |",
        "| U28 | Is the next job in the queue of rank 0 or 1? | rank: 1 |",
    ):
        assert words in text


def test_a_failure_is_told_in_words():
    failed = a_result(outcome="failed", reason="the balance is 9, expected 10", message="E 9 == 10")

    text = text_of(markdown(a_report(failed)))

    for words in (
        "What went wrong (1)",
        "failed: a cancelled job stays cancelled",
        "the balance is 9, expected 10",
        "TAMS › 5.3 Cancel a job: DELETE /v1/jobs/{jobId} · TAMS › 7 Jobs and their states",
        "tams/test_jobs.py::test_a_cancelled_job_stays_cancelled",
        "E 9 == 10",
    ):
        assert words in text


@pytest.mark.parametrize("number", [MAX_FAILURES + 3, 4 * MAX_FAILURES])
def test_the_summary_is_bounded_and_says_what_is_missing(number):
    reason = "é" * 10_000
    tests = [
        a_result(f"test_{n}", "failed", reason=reason, message=reason, source=[f"TAMS › {n}"])
        for n in range(number)
    ]

    text = markdown(a_report(*tests))

    assert len(text.encode()) <= MAX_BYTES
    assert "The summary is cut here" in text or f"… and {number - MAX_FAILURES} more" in text
    tags = Counter({name: count for (name, _), count in Tags(text).seen.items()})
    assert text.count("</details>") == tags["details"]


def test_ctrf_has_each_test_with_its_outcome_and_its_section():
    report = a_report(
        a_result(seconds=1.25),
        a_result("test_b", "error", reason="KeyError: 'x'", message="E KeyError"),
        a_result("test_c", "observed", source=[]),
    )

    document = json.loads(ctrf(report))

    results = document["results"]
    assert (document["reportFormat"], results["tool"]) == ("CTRF", {"name": "tams-contract"})
    assert results["summary"] == {
        "tests": 3, "passed": 1, "failed": 1, "skipped": 0, "pending": 0, "other": 1,
        "start": 1768464000000, "stop": 1768464042500,
    }  # fmt: skip
    first, second, third = results["tests"]
    assert (first["status"], first["duration"]) == ("passed", 1250)
    assert first["suite"] == ["tams", "TAMS › 5.3 Cancel a job: DELETE /v1/jobs/{jobId}"]
    assert (second["status"], second["rawStatus"]) == ("failed", "error")
    assert (second["message"], second["trace"]) == ("KeyError: 'x'", "E KeyError")
    assert (third["status"], third["suite"]) == ("other", ["tams", "—"])


def test_each_outcome_has_a_status_in_ctrf():
    assert set(STATUSES) == set(TestOutcome)


def test_each_section_that_tests_rest_on_has_a_title():
    files = [path for surface in SURFACES for path in (PACKAGE / surface).glob("*.py")]
    named = {
        name
        for path in files
        for name in re.findall(r'"((?:TAMS|Workshop) › [^"]+)"', path.read_text(encoding="utf-8"))
    }

    assert len(named) > 50
    assert [name for name in named if not title_of(name)] == []
