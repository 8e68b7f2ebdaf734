"""How much diagnosing a stream of refusals may cost, counted and not timed."""

import pytest

from mock_server.web.auth_diagnostics.rate_limit import DiagnosisRateLimit
from mock_server.web.auth_diagnostics.search_budget import FULL, QUICK, Exhausted, Work


def test_work_ends_at_its_bound():
    work = Work(QUICK, 100)
    for _ in range(QUICK.hashes):
        work.spend(b"x" * 100)

    with pytest.raises(Exhausted):
        work.spend(b"x" * 100)


def test_the_first_refusals_are_looked_at_thoroughly_and_a_flood_is_not():
    rate_limit = DiagnosisRateLimit(full=2, quick=3)
    budgets = [rate_limit.budget("a", 100.0) for _ in range(7)]

    assert budgets == [FULL, FULL, QUICK, QUICK, QUICK, None, None]
    assert rate_limit.budget("b", 100.0) is FULL
    assert rate_limit.budget("a", 100.5) is FULL
    assert [rate_limit.budget("a", 200.0) for _ in range(3)] == [FULL, FULL, QUICK]


def test_all_accounts_together_have_a_bound_too():
    rate_limit = DiagnosisRateLimit(full=1, quick=1)
    budgets = [rate_limit.budget(f"account-{number}", 5.0) for number in range(3000)]

    assert budgets.count(FULL) == 4
    assert budgets.count(QUICK) == 4


def test_a_clock_that_goes_back_gives_nothing_away():
    rate_limit = DiagnosisRateLimit(full=1, quick=1)
    budgets = [rate_limit.budget("a", wall) for wall in (100.0, 50.0, 50.0, 51.0)]

    assert budgets == [FULL, QUICK, None, FULL]
