"""Generated requests stay within their number of calls, and failures are reported."""

import pytest
from hypothesis import strategies as st

from contract_tests.answers import Unmet
from contract_tests.fuzzing import Fuzzer
from contract_tests.outcomes import Disabled


class DoublingService:
    """Doubles numbers, and counts how often it was asked."""

    def __init__(self, wrong_from=None, silent_from=None):
        self.asked = 0
        self.wrong_from, self.silent_from = wrong_from, silent_from

    def double(self, number):
        self.asked += 1
        if self.silent_from is not None and number >= self.silent_from:
            raise Unmet("no answer")
        return number * 2 + (self.wrong_from is not None and number >= self.wrong_from)


def judge(number, answer):
    assert answer == 2 * number


@pytest.mark.parametrize("calls", [1, 50])
def test_a_check_makes_no_more_calls_than_allowed(calls):
    service = DoublingService()

    Fuzzer(calls).check(st.integers(), service.double, judge)

    assert 0 < service.asked <= calls


@pytest.mark.parametrize("calls", [2, 30])
def test_a_check_with_two_calls_has_half_the_examples(calls):
    service = DoublingService()

    def ask(number):
        return service.double(number) if service.double(number) else 0

    Fuzzer(calls).check(st.integers(1), ask, judge, calls_each=2)

    assert 0 < service.asked <= calls


@pytest.mark.parametrize("calls", [5, 50])
def test_a_wrong_answer_is_a_failure_and_makes_no_further_calls(calls):
    service = DoublingService(wrong_from=0)

    with pytest.raises(AssertionError):
        Fuzzer(calls).check(st.integers(0), service.double, judge)

    assert service.asked <= calls


def test_a_missing_answer_is_a_failure():
    service = DoublingService(silent_from=0)

    with pytest.raises(Unmet, match="no answer"):
        Fuzzer(20).check(st.integers(0), service.double, judge)

    assert service.asked == 1


@pytest.mark.parametrize(("calls", "each"), [(0, 1), (1, 2)])
def test_too_few_calls_for_one_example_disable_a_check(calls, each):
    with pytest.raises(Disabled, match="too small"):
        Fuzzer(calls).check(st.integers(), DoublingService().double, judge, calls_each=each)
