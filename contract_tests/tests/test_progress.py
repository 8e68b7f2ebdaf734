"""The line that shows how far a run is."""

import pytest

from contract_tests.progress import MIN_DONE, RunProgress
from contract_tests.report.verdict import duration

INCLUDED = {"tams": 100, "workshop": 40}


def progress_of(tams, workshop, *, apart=False):
    progress = RunProgress(apart=apart)
    for surface, number in (("tams", tams), ("workshop", workshop)):
        for _ in range(number):
            progress.take(surface, "passed", INCLUDED)
    return progress


def test_the_line_has_done_left_spent_and_the_time_left():
    progress = progress_of(50, 20)
    progress.take("tams", "disabled", INCLUDED)

    assert progress.words(60, "3.5 of 9 credits") == (
        "70 done, 70 left, spent 3.5 of 9 credits, about 1 min 0 s left"
    )


def test_failures_and_errors_are_counted_together():
    progress = progress_of(2, 2)
    progress.take("tams", "failed", INCLUDED)
    progress.take("tams", "error", INCLUDED)

    assert progress.words(1, "nothing") == "6 done, 134 left, 2 failed, spent nothing"


@pytest.mark.parametrize(
    ("tams", "workshop", "apart", "left"),
    [
        (0, 0, False, None),
        (MIN_DONE - 1, 0, False, None),
        (MIN_DONE, 0, False, 600),  # one after the other: the speed of all counts
        (MIN_DONE, 0, True, None),
        (25, 20, True, 300),  # side by side: the slower surface decides
        (25, 40, True, 300),
        (100, 40, True, 0),
    ],
)
def test_the_time_left_follows_from_the_speed_so_far(tams, workshop, apart, left):
    assert progress_of(tams, workshop, apart=apart).seconds_left(100) == left


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0.0 s"), (9.5, "9.5 s"), (42.4, "42 s"), (59.7, "1 min 0 s"), (119.6, "2 min 0 s")],
)
def test_a_duration_never_has_sixty_seconds(seconds, text):
    assert duration(seconds) == text
