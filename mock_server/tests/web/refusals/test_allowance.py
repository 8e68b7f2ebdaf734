"""How much diagnosing a stream of refusals may cost, counted and not timed."""

import pytest

from mock_server.web.refusals.allowance import Allowance
from mock_server.web.refusals.efforts import FULL, QUICK, Exhausted, Work


def test_work_ends_at_its_bound():
    work = Work(QUICK, 100)
    for _ in range(QUICK.hashes):
        work.spend(b"x" * 100)

    with pytest.raises(Exhausted):
        work.spend(b"x" * 100)


def test_the_first_refusals_are_looked_at_thoroughly_and_a_flood_is_not():
    allowance = Allowance(full=2, quick=3)
    efforts = [allowance.effort("a", 100.0) for _ in range(7)]

    assert efforts == [FULL, FULL, QUICK, QUICK, QUICK, None, None]
    assert allowance.effort("b", 100.0) is FULL
    assert allowance.effort("a", 100.5) is FULL
    assert [allowance.effort("a", 200.0) for _ in range(3)] == [FULL, FULL, QUICK]


def test_all_accounts_together_have_a_bound_too():
    allowance = Allowance(full=1, quick=1)
    efforts = [allowance.effort(f"account-{number}", 5.0) for number in range(3000)]

    assert efforts.count(FULL) == 4
    assert efforts.count(QUICK) == 4


def test_a_clock_that_goes_back_gives_nothing_away():
    allowance = Allowance(full=1, quick=1)
    efforts = [allowance.effort("a", wall) for wall in (100.0, 50.0, 50.0, 51.0)]

    assert efforts == [FULL, QUICK, None, FULL]
