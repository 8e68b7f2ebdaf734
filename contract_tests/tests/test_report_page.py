import re
from collections import Counter
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract_tests.report.html import html_page
from contract_tests.report.sections import by_section
from contract_tests.report.shape import MoneyRow, Observation, UnknownRow
from contract_tests.report.verdict import verdict
from contract_tests.tests.report_builders import a_report, a_result, an_exchange

HOSTILE = [
    "<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "</pre></details></main>",
    "</style><b>", "{{ 7 * 7 }}{% raw %}", "javascript:alert(1)", "--><svg onload=alert(1)>",
    "' onmouseover='alert(1)", "\0\x1b[31m\u202e", "&lt;b&gt;",
]  # fmt: skip


class Tags(HTMLParser):
    """Counts the tags of a page with the names of their attributes, and keeps its text."""

    def __init__(self, page):
        super().__init__()
        self.seen: Counter[tuple[str, tuple[str, ...]]] = Counter()
        self.words: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        self.seen[tag, tuple(sorted(name for name, _ in attributes))] += 1

    def handle_data(self, data):
        self.words.append(data)


def text_of(page):
    """Return the words of a page without its markup."""
    return " ".join(" ".join(Tags(page).words).split())


def page_saying(text):
    """Return a page with a text in every place that a target controls."""
    answer = an_exchange(received={"message": text}, error="")
    plain = an_exchange("POST", f"http://t/{text}", sent=text, received=text)
    lost = an_exchange(error=text)
    failed = a_result(outcome="failed", reason=text, message=f"E {text}",
                      exchanges=[answer, plain, lost])  # fmt: skip
    known = a_result("test_k", "skipped", reason=f"known difference since today: {text}",
                     exchanges=[plain])  # fmt: skip
    seen = [Observation("U13", text, text, "t"), Observation("U13", "x", {"a": text}, "t")]
    return html_page(
        a_report(failed, known, notes=[text], unknowns=[UnknownRow("U13", "tams", "?", seen)])
    )


@given(st.sampled_from(HOSTILE) | st.text())
def test_text_of_a_target_never_becomes_markup(text):
    # With an empty text the page leaves parts out.
    assert Tags(page_saying(f"x{text}")).seen == Tags(page_saying("x")).seen


def test_the_page_needs_no_network_and_runs_no_script():
    page = page_saying("x")

    assert "<script" not in page
    assert not re.search(r"@import|url\(", page)
    assert set(re.findall(r'(?:href|src)="([^"]*)"', page)) <= {
        "#content", "#failures", "#sections", "#spent", "#made", "#known", "#evidence", "#unknowns",
    }  # fmt: skip
    assert "default-src 'none'" in page


@pytest.mark.parametrize(
    ("tests", "members", "word"),
    [
        ([a_result()], {}, "Kept"),
        ([a_result(), a_result("test_b", "failed")], {}, "Not kept"),
        ([a_result(), a_result("test_b", "error")], {}, "Suite at fault"),
        ([a_result("test_b", "failed")], {"complete": False}, "Not kept"),
        ([a_result()], {"complete": False}, "Interrupted"),
        ([a_result(outcome="skipped")], {}, "Nothing tested"),
        ([a_result(outcome="observed")], {}, "Only observed"),
        ([a_result(), a_result("test_b", "observed")], {}, "Kept"),
        ([], {}, "Nothing tested"),
    ],
)
def test_the_verdict_is_kept_only_if_a_test_passed(tests, members, word):
    report = a_report(*tests, **members)

    assert verdict(report).word == word
    assert f"<strong>{word}</strong>" in html_page(report)


def test_a_failure_shows_expectation_source_exchange_and_how_to_repeat_it():
    failed = a_result(
        outcome="failed", reason="the balance is 9, expected 10", message="E assert 9 == 10",
        exchanges=[an_exchange("DELETE", received={"jobId": "12345"})],
    )  # fmt: skip

    text = text_of(html_page(a_report(failed)))

    for words in ("the balance is 9, expected 10", "assert 9 == 10", "TAMS › 5.3 · TAMS › 7",
                  '"jobId": "12345"', "curl -g -i -X DELETE"):  # fmt: skip
        assert words in text


def test_spent_credits_are_shown_with_their_budget():
    text = text_of(html_page(a_report(a_result(), money=[MoneyRow("credits", "20", "2.3")])))

    assert "Spent at most 2.3 of 20 credits ." in text
    assert "3 calls." in text


def test_resources_left_behind_are_shown_apart_from_ended_ones():
    text = text_of(html_page(a_report(a_result())))

    assert "1 thing left behind." in text
    assert "Ended, or ends by itself (1)" in text


def test_an_unverified_test_is_shown_as_unverified():
    text = text_of(
        html_page(a_report(a_result(), a_result("test_b", verified={"real": "2026-01-02"})))
    )

    assert "unverified" in text
    assert "real 2026-01-02" in text
    assert "1 of 2 tests never verified on the real services." in text


def test_a_pass_on_a_mock_claims_nothing_about_the_services():
    assert "says nothing about the real services" in html_page(a_report(a_result()))


def test_open_questions_show_observed_values():
    text = text_of(html_page(a_report(a_result())))

    assert "U28 Is the next job in the queue of rank 0 or 1? rank: 1 2× 2" in text
    assert "Not observed (1)" in text


def test_known_differences_keep_their_dates():
    known = "known difference since 2026-01-02, excused until 2026-03-04: a 404 here"

    text = text_of(html_page(a_report(a_result(outcome="skipped", reason=known))))

    assert "Known differences (1)" in text
    assert known in text


def test_sections_come_in_the_order_of_the_reference():
    tests = [a_result(source=[f"TAMS › {section}"]) for section in ("10", "5.10", "5.2", "7")]

    names = [section.name for section in by_section(tests, "tams")]

    assert names == ["TAMS › 5.2", "TAMS › 5.10", "TAMS › 7", "TAMS › 10"]


@given(st.lists(st.sampled_from(["passed", "failed", "skipped"]), max_size=12))
def test_each_test_is_in_one_section(outcomes):
    tests = [
        a_result(f"test_{n}", outcome, source=[f"TAMS › {n % 3}", "TAMS › 7"])
        for n, outcome in enumerate(outcomes)
    ]

    found = [test for section in by_section(tests, "tams") for test in section.tests]

    assert sorted(found, key=lambda test: test.name) == sorted(tests, key=lambda test: test.name)
