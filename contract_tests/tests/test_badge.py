from dataclasses import replace
from xml.etree import ElementTree

import pytest

from contract_tests.report.badge import COLOURS, badge, badge_words
from contract_tests.tests.report_builders import a_report, a_result

FAILED, ERROR = a_result("test_b", "failed"), a_result("test_c", "error")


def on(kind, *tests, **members):
    """Return the report of a run against a kind of target."""
    report = a_report(*tests, **members)
    return replace(report, target=replace(report.target, kind=kind))


@pytest.mark.parametrize(
    ("report", "words"),
    [
        (on("real", a_result()), "1 passed"),
        (on("mock", a_result()), "1 passed (mock)"),
        (on("real", a_result(), FAILED), "1 failed"),
        (on("real", a_result(), FAILED, ERROR), "1 failed, 1 suite error"),
        (on("real", ERROR, a_result("test_d", "error")), "2 suite errors"),
        (on("real", a_result(outcome="disabled")), "unverified"),
        (on("real", a_result(outcome="observed")), "unverified"),
        (on("real", a_result(), a_result("test_b", "observed")), "1 passed"),
        (on("real"), "unverified"),
        (on("real", a_result(), complete=False), "interrupted"),
        (on("real", FAILED, complete=False), "1 failed"),
    ],
    ids=[
        "pass",
        "mock",
        "fail",
        "both",
        "fault",
        "disabled",
        "observed",
        "mixed",
        "nothing",
        "broken off",
        "worse",
    ],
)
def test_the_words_show_the_result(report, words):
    assert badge_words(report) == words


def test_the_badge_has_a_text_alternative():
    picture = ElementTree.fromstring(badge(on("real", a_result())))

    assert picture.attrib["aria-label"] == "contract: 1 passed"
    assert picture.attrib["role"] == "img"


def test_the_words_lie_inside_the_picture():
    for tests in ([a_result()], [FAILED, ERROR], []):
        picture = ElementTree.fromstring(badge(on("url", *tests)))
        texts = [part for part in picture.iter() if part.tag.endswith("}text")]
        ends = [float(t.attrib["x"]) + float(t.attrib["textLength"]) / 2 for t in texts]

        assert max(ends) < float(picture.attrib["width"])


def test_colours_are_dark_enough_for_white_words():
    def light(colour):
        parts = (int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
        linear = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    assert all(1.05 / (light(colour) + 0.05) >= 4.5 for colour in COLOURS.values())
