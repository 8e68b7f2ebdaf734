"""The report as one HTML page, without network and scripts, with the data of the JSON document.

Answers of a target are shown as text: jinja2 escapes them, and a Content-Security-Policy blocks
what an escape might miss.
"""

from __future__ import annotations

import json
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from contract_tests.options import SURFACES
from contract_tests.outcomes import TestOutcome
from contract_tests.redaction import HIDDEN
from contract_tests.report.badge import badge_words
from contract_tests.report.curl import curl_command, remark
from contract_tests.report.sections import by_section
from contract_tests.report.shape import Exchange, RunReport
from contract_tests.report.terminal import failures
from contract_tests.report.verdict import count, duration, verdict

TITLES = {"tams": "TAMS", "workshop": "Workshop"}
EXPLAINED = {
    TestOutcome.PASSED: "the target behaves as documented",
    TestOutcome.OBSERVED: "recorded, not judged: the reference leaves it open",
    TestOutcome.FAILED: "it does not",
    TestOutcome.ERROR: "an error of the suite",
    TestOutcome.SKIPPED: "nothing to check, or a known difference",
    TestOutcome.UNSUPPORTED: "the target lacks what it needs",
    TestOutcome.DISABLED: "not part of this run",
    TestOutcome.UNREACHABLE: "the target was down, so nothing was judged",
}
KNOWN = "known difference"
MAX_BODY = 20_000  # characters of one body on the page; the transcript has all


@dataclass(frozen=True)
class ShownExchange:
    """An exchange as the page shows it; `answered` is the status, or the error."""

    title: str
    answered: str
    lost: bool
    sent: str
    received: str
    command: str
    remark: str
    took_ms: float


def html_page(report: RunReport) -> str:
    """Return the page of a run."""
    bad = failures(report)
    return _environment().get_template("report.html.j2").render(
        report=report,
        verdict=verdict(report),
        summary=badge_words(report),
        outcomes=[(outcome.value, EXPLAINED[outcome]) for outcome in EXPLAINED],
        failures=[(test, [show(exchange) for exchange in test.exchanges]) for test in bad],
        surfaces=[(TITLES[name], by_section(report.tests, name)) for name in SURFACES],
        titles=TITLES,
        known=[test for test in report.tests if KNOWN in test.reason],
        left=[made for made in report.made if made.left],
        ended=[made for made in report.made if not made.left],
        unknowns=[(row, row.values) for row in report.unknowns],
        answered=sum(1 for row in report.unknowns if row.observations),
        verifiable=sum(1 for test in report.tests if not test.observes),
        verified=Counter(kind for test in report.tests for kind in test.verified),
        urls=list(dict.fromkeys(report.target.urls.values())),
        excused=[(test, [show(exchange) for exchange in test.exchanges])
                 for test in report.tests if KNOWN in test.reason and test.outcome == "skipped"],
    )  # fmt: skip


def show(exchange: Exchange) -> ShownExchange:
    """Return an exchange as HTTP messages."""
    request, response = exchange.request, exchange.response
    status = str(response["status"]) if response else exchange.error or "no answer"
    return ShownExchange(
        title=f"{request['method']} {request['url']}",
        answered=status,
        lost=response is None,
        sent=_message(f"{request['method']} {request['url']}", request),
        received=_message(f"HTTP {status}", response) if response else status,
        command=curl_command(request),
        remark=remark(request),
        took_ms=exchange.took_ms,
    )


def _message(first: str, part: dict[str, Any]) -> str:
    lines = [first, *(f"{name}: {value}" for name, value in part.get("headers", []))]
    return "\n".join([*lines, "", _shown_body(part)]).rstrip()


def _shown_body(part: dict[str, Any]) -> str:
    if "sha256" in part:
        return f"({part.get('bytes')} binary bytes, SHA-256 {part['sha256']})"
    text = str(part.get("body", ""))
    with suppress(ValueError, RecursionError):  # other texts are shown unchanged
        text = json.dumps(json.loads(text), indent=2, ensure_ascii=False)
    if len(text) > MAX_BODY:
        return f"{text[:MAX_BODY]}\n… ({len(text)} characters)"
    return text + ("\n… (cut)" if part.get("cut") else "")


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def _fact(name: str) -> str:
    """Return the name of a test as a sentence."""
    return name.removeprefix("test_").replace("_", " ")


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("contract_tests.report"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )
    environment.filters |= {
        "moment": _moment, "duration": duration, "count": count, "fact": _fact,
    }  # fmt: skip
    environment.globals |= {"hidden": HIDDEN}
    return environment
