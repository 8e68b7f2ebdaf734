"""The short summary on the terminal."""

from __future__ import annotations

from collections.abc import Iterator

from contract_tests.report.shape import RunReport, TestResult

LINE_WIDTH = 100
MAX_SHOWN = 12  # lines of one kind that are shown
MAX_RESOURCES_SHOWN = 4
SAID_PLAINLY = {
    "failed": "the target does not behave as documented",
    "error": "an error of the suite",
    "unsupported": "the target lacks what it needs",
    "disabled": "not part of this run",
    "unreachable": "the target was down",
}


def summary(report: RunReport) -> list[str]:
    """Return the summary's lines."""
    return [
        _headline(report),
        *_about_target(report),
        *_tests(report, "failed"),
        *_tests(report, "error"),
        *_reasons(report),
        *_money(report),
        *_unknowns(report),
        *(f"note: {note}" for note in report.notes),
        *_ending(report),
    ]


def _headline(report: RunReport) -> str:
    totals = report.totals
    bad = totals["failed"] + totals["error"]
    if totals["unreachable"] and not bad:
        verdict = "NOT JUDGED, TARGET DOWN"
    elif not report.complete:
        verdict = "INTERRUPTED"
    elif bad:
        verdict = "NOT KEPT" if totals["failed"] else "SUITE AT FAULT"
    else:
        nothing = "ONLY OBSERVED" if totals["observed"] else "NOTHING TESTED"
        verdict = "KEPT" if totals["passed"] else nothing
    counts = ", ".join(f"{count} {name}" for name, count in totals.items() if count)
    return f"Contract {verdict}: {counts or 'no tests'} in {report.finished - report.started:.0f} s"


def _about_target(report: RunReport) -> Iterator[str]:
    urls = ", ".join(dict.fromkeys(report.target.urls.values()))
    time = "time moved by its clock" if report.target.moves_time else "real time"
    if report.target.kind:
        yield f"target: {report.target.kind} {urls} ({time}), profile {report.profile}"


def _tests(report: RunReport, outcome: str) -> Iterator[str]:
    found = [test for test in report.tests if test.outcome == outcome]
    if found:
        yield f"{outcome} ({SAID_PLAINLY[outcome]}):"
    for test in found[:MAX_SHOWN]:
        yield f"  {test.test}  [{', '.join(test.source)}]"
        yield f"      {_cut(test.reason)}"
    if len(found) > MAX_SHOWN:
        yield f"  … and {len(found) - MAX_SHOWN} more"


def _reasons(report: RunReport) -> Iterator[str]:
    for outcome in ("unreachable", "unsupported", "disabled", "skipped"):
        reasons: dict[str, int] = {}
        for test in report.tests:
            if test.outcome == outcome:
                reasons[test.reason] = reasons.get(test.reason, 0) + 1
        for reason, count in sorted(reasons.items(), key=lambda pair: -pair[1])[:MAX_SHOWN]:
            yield f"{outcome}: {count} × {_cut(reason)}"


def _money(report: RunReport) -> Iterator[str]:
    calls = ", ".join(f"{count} to {name}" for name, count in report.calls.items() if count)
    yield f"spent: {spent_words(report)}; calls: {calls or 'none'}"
    left = [made for made in report.made if made.left]
    if report.made:
        yield f"made: {len(report.made)} things, {len(left)} of them left behind"
    for made in left[:MAX_RESOURCES_SHOWN]:
        yield f"  {made.kind} {made.id}: {made.state} ({made.test})"
    if len(left) > MAX_RESOURCES_SHOWN:
        yield f"  … and {len(left) - MAX_RESOURCES_SHOWN} more; the JSON and HTML reports list them"


def _unknowns(report: RunReport) -> Iterator[str]:
    answered = sum(1 for row in report.unknowns if row.observations)
    verifiable = [test for test in report.tests if not test.observes]
    unverified = sum(1 for test in verifiable if not test.verified.get("real"))
    yield f"open questions observed: {answered} of {len(report.unknowns)}"
    yield f"never verified on the real services: {unverified} of {len(verifiable)} tests"


def _ending(report: RunReport) -> Iterator[str]:
    if not report.complete:
        yield "continue with --resume: passed tests are not run again, spent credits stay counted"
    yield f"transcripts and ledger: {report.folder}"


def spent_words(report: RunReport) -> str:
    """Return what a run has spent at most, with its budgets."""
    parts = []
    for row in report.money:
        if row.spent != "0" or row.budget not in (None, "0"):
            of = "" if row.budget is None else f" of {row.budget}"
            parts.append(f"at most {row.spent}{of} {row.unit}")
    return ", ".join(parts) or "nothing"


def failures(report: RunReport) -> list[TestResult]:
    """Return failures and errors, the failures first."""
    bad = [test for test in report.tests if test.outcome in ("failed", "error")]
    return sorted(bad, key=lambda test: (test.outcome != "failed", test.test))


def _cut(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= 2 * LINE_WIDTH else line[: 2 * LINE_WIDTH] + "…"
