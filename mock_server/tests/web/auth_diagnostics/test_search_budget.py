"""How much diagnosing a stream of refusals may cost, counted and not timed."""

import pytest

from mock_server.web.auth_diagnostics.json_texts import lexemes
from mock_server.web.auth_diagnostics.search_budget import (
    FULL,
    SLICE,
    Exhausted,
    SearchBudget,
    SearchWork,
)
from mock_server.web.auth_diagnostics.turns import DiagnosisRateLimit


def test_work_ends_at_its_bounds():
    many, large = (SearchWork(SearchBudget(guesses=3, units=1_000_000, keys=0)) for _ in range(2))
    for _ in range(3):
        many.guess(10)

    with pytest.raises(Exhausted):
        many.guess(10)
    with pytest.raises(Exhausted):
        large.guess(1_000_000)


def test_a_slice_of_work_is_over_once():
    work = SearchWork(SearchBudget(guesses=3, units=10 * SLICE, keys=0))
    work.add(SLICE - 1)
    before = work.is_over()
    work.add(1)

    assert [before, work.is_over(), work.is_over()] == [False, True, False]


def test_an_account_has_a_burst_and_then_a_rate():
    rate_limit = DiagnosisRateLimit(burst=3, rate=2)

    assert [rate_limit.allows("a", 100.0) for _ in range(4)] == [True, True, True, False]
    assert [rate_limit.allows("a", 100.5) for _ in range(2)] == [True, False]
    assert [rate_limit.allows("a", 200.0) for _ in range(4)] == [True, True, True, False]


def test_no_account_takes_anything_from_another():
    rate_limit = DiagnosisRateLimit(burst=1, rate=1)

    assert all(rate_limit.allows(f"account-{number}", 5.0) for number in range(3000))


def test_a_clock_that_goes_back_gives_nothing_away():
    rate_limit = DiagnosisRateLimit(burst=1, rate=1)
    allowed = [rate_limit.allows("a", wall) for wall in (100.0, 50.0, 50.5, 51.0)]

    assert allowed == [True, False, False, True]


@pytest.mark.parametrize("inside", ["x", "\\\\", '\\"', "\\\\ "])
def test_a_long_string_of_json_is_read_in_slices(inside: str):
    text = f'"{inside * 1_000_000}"'
    found = list(lexemes(text, SearchWork(FULL)))

    assert [each for each in found if each is not None] == [text]
    assert found.count(None) >= len(text) // (2 * SLICE) > 0
