"""The badge of a run: a small picture for web pages."""

from __future__ import annotations

from html import escape

from contract_tests.outcomes import TestOutcome
from contract_tests.report.shape import RunReport
from contract_tests.report.verdict import count, verdict

LABEL = "contract"
HEIGHT = 20
PADDING = 7  # pixels on both sides of a text
# White text on these colours is readable: the contrast is above 4.5.
COLOURS = {"good": "#257a3e", "bad": "#c0362c", "fault": "#8f5a00", "unsure": "#5c6470"}
_LABEL_COLOUR = "#3a3f47"
_NARROW, _WIDE = set("fijlrt1 ,.:()"), set("mwMW")


def badge(report: RunReport) -> str:
    """Return the badge of a run as SVG."""
    return _svg(badge_words(report), COLOURS[verdict(report).tone])


def badge_words(report: RunReport) -> str:
    """Return the text of the badge: failures before passes, and only tests that ran."""
    if (tone := verdict(report).tone) == "unsure":
        return "unverified" if report.complete else "interrupted"
    if tone == "good":
        passed = f"{report.totals[TestOutcome.PASSED.value]} passed"
        # A pass on a mock says nothing about the vendor, so the badge names the mock.
        return f"{passed} (mock)" if report.target.kind == "mock" else passed
    failed, errors = report.totals[TestOutcome.FAILED.value], report.totals[TestOutcome.ERROR.value]
    parts = [f"{failed} failed"] if failed else []
    return ", ".join([*parts, count(errors, "suite error")] if errors else parts)


def _svg(words: str, colour: str) -> str:
    left, right = _width(LABEL), _width(words)
    total, says = left + right, escape(f"{LABEL}: {words}")
    return f"""\
<svg xmlns="http://www.w3.org/2000/svg" width="{total}" height="{HEIGHT}" role="img" \
aria-label="{says}">
<title>{says}</title>
<clipPath id="round"><rect width="{total}" height="{HEIGHT}" rx="4"/></clipPath>
<g clip-path="url(#round)">
<rect width="{left}" height="{HEIGHT}" fill="{_LABEL_COLOUR}"/>
<rect x="{left}" width="{right}" height="{HEIGHT}" fill="{colour}"/>
</g>
<g fill="#fff" text-anchor="middle" font-family="Verdana, DejaVu Sans, sans-serif" font-size="11">
<text x="{left / 2:g}" y="14" textLength="{left - 2 * PADDING}">{LABEL}</text>
<text x="{left + right / 2:g}" y="14" textLength="{right - 2 * PADDING}">{escape(words)}</text>
</g>
</svg>
"""


def _width(text: str) -> int:
    """Return the approximate width of a text in pixels, with its padding."""
    widths = (4.2 if c in _NARROW else 10.0 if c in _WIDE else 7.0 for c in text)
    return round(sum(widths)) + 2 * PADDING
