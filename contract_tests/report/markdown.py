"""The report as Markdown, for the summary of a job in GitHub Actions.

A summary is cut at 128 KiB, because GitHub takes at most 1 MiB from a step with all its commands.
Answers of a target are shown as text: each sign that could be markup is written as a reference.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from html import escape

from contract_tests.options import SURFACES
from contract_tests.outcomes import TestOutcome
from contract_tests.report.sections import by_section, title_of
from contract_tests.report.shape import RunReport, TestResult
from contract_tests.report.terminal import failures, spent_words
from contract_tests.report.verdict import count, duration, verdict

MAX_BYTES = 128 * 1024
MAX_FAILURES = 50
MAX_MESSAGE = 2_000  # characters of one failure
MAX_LINE = 300  # characters of a reason or an observed value
MAX_VALUES = 4  # observed values of one question
_CUT = "\n_The summary is cut here. The reports as HTML and JSON have everything._\n"
_MARKUP = re.compile(r"[!-/:-@\[-`{-~]")
_UNSEEN = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]")


def markdown(report: RunReport) -> str:
    """Return the summary of a run."""
    text = ""
    for part in _parts(report):
        if len((text + part + _CUT).encode("utf-8", "replace")) > MAX_BYTES:
            return text + _CUT
        text += part
    return text


def plain(text: str, most: int = MAX_LINE) -> str:
    """Return a text as one line of Markdown without markup."""
    line = " ".join(_UNSEEN.sub("�", text).split())
    line = line if len(line) <= most else line[:most] + "…"
    return _MARKUP.sub(lambda sign: f"&#{ord(sign[0])};", line)


def _parts(report: RunReport) -> Iterator[str]:
    """Yield parts that are complete markup, the most important first."""
    result = verdict(report)
    mock = " The target is a mock: this says nothing about the real services."
    yield f"## Contract of TAMS and the Workshop: {result.word}\n\n{result.sentence}"
    yield f"{mock if report.target.kind == 'mock' else ''}\n\n"
    yield _table(("", ""), list(_facts(report)))
    for note in report.notes:
        yield f"> {plain(note)}\n\n"
    yield from _failures(report)
    yield from _sections(report)
    yield from _questions(report)


def _facts(report: RunReport) -> Iterator[tuple[str, str]]:
    target = report.target
    urls = ", ".join(dict.fromkeys(target.urls.values()))
    moment = datetime.fromtimestamp(report.started, UTC).strftime("%Y-%m-%d %H:%M UTC")
    left = sum(1 for made in report.made if made.left)
    counts = ", ".join(f"{number} {name}" for name, number in report.totals.items() if number)
    yield "Tests", counts or "none"
    yield "Target", plain(f"{target.kind or target.asked} {urls}")
    yield "Date", f"{moment}, {duration(report.finished - report.started)}"
    yield "Profile", plain(report.profile or "unknown")
    yield "Spent", f"{spent_words(report)}, {count(sum(report.calls.values()), 'call')}"
    yield "Left behind", f"{count(left, 'thing') if left else 'nothing'}"


def _failures(report: RunReport) -> Iterator[str]:
    bad = failures(report)
    if bad:
        yield f"### What went wrong ({len(bad)})\n\n"
    for test in bad[:MAX_FAILURES]:
        yield _failure(test)
    if len(bad) > MAX_FAILURES:
        yield f"… and {len(bad) - MAX_FAILURES} more.\n\n"


def _failure(test: TestResult) -> str:
    fact = plain(test.name.removeprefix("test_").replace("_", " "))
    sources = " · ".join(f"{plain(name)} {plain(title_of(name))}" for name in test.source)
    message = _UNSEEN.sub("�", test.message)[:MAX_MESSAGE]
    shown = f"<pre>{escape(message)}</pre>\n\n" if message else ""
    return (
        f"<details><summary>{test.outcome}: <b>{fact}</b></summary>\n\n"
        f"{plain(test.reason) or 'No reason was given.'}\n\n"
        f"{sources}<br>{plain(test.test)}\n\n{shown}</details>\n\n"
    )


def _sections(report: RunReport) -> Iterator[str]:
    shown = (TestOutcome.PASSED, TestOutcome.OBSERVED, TestOutcome.FAILED, TestOutcome.ERROR)
    rows = []
    for surface in SURFACES:
        for section in by_section(report.tests, surface):
            numbers = [section.outcomes[outcome.value] for outcome in shown]
            others = len(section.tests) - sum(numbers)
            name = f"{plain(section.name)} {plain(section.title)}"
            rows.append((name, *(str(number or "") for number in (*numbers, others))))
    if rows:
        head = ("Section", *(outcome.value for outcome in shown), "not run")
        yield _details("By section of the reference", _table(head, rows))


def _questions(report: RunReport) -> Iterator[str]:
    rows = []
    for row in report.unknowns:
        values = [f"{plain(one.what)}: {plain(one.value)}" for one in row.values]
        more = [f"… {len(values) - MAX_VALUES} more"] if len(values) > MAX_VALUES else []
        if values:
            shown = "<br>".join([*values[:MAX_VALUES], *more])
            rows.append((plain(row.unknown), plain(row.question), shown))
    if rows:
        title = f"Open questions: what this target does ({len(rows)} of {len(report.unknowns)})"
        text = "The reference does not answer these. Observations are no promises.\n\n"
        yield _details(title, text + _table(("No.", "Question", "Observed"), rows))


def _details(title: str, text: str) -> str:
    return f"<details><summary>{title}</summary>\n\n{text}</details>\n\n"


def _table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    lines = [head, ("---",) * len(head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines) + "\n"
