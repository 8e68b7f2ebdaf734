"""The limiter is exact: so many calls inside any window, and not one more or less."""

import math
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mock_server.core import rate_limit
from mock_server.core.accounts import LimitMode, Limits
from mock_server.core.errors import RateLimited
from mock_server.core.rate_limit import AdmittedCalls, Window, admit, used
from mock_server.stores.memory import MemoryStore
from mock_server.tests.makers import NOW, Bench, CountingStore, an_account, run

gaps = st.one_of(
    st.sampled_from([0.0, 0.1, 0.2, 0.25, 0.5, 1.0, 2.0]), st.floats(0, 2), st.floats(0, 1e-3)
)


class Limiter:
    """One limit of one account."""

    def __init__(self, store=None):
        self.store = store or MemoryStore()

    def admit(self, now, limits):
        """Return None for a call that is let in, or when one is allowed."""
        return run(self._admit(now, limits))

    def used(self, now, limits):
        """Return how many calls count now."""
        return run(self._used(now, limits))

    async def _used(self, now, limits):
        async with self.store.transaction("ada") as tx:
            (window,) = await tx.list(Window, "ada")
            return await used(tx, window, limits.window, now)

    async def _admit(self, now, limits):
        async with self.store.transaction("ada") as tx:
            return await admit(tx, "ada", limits, now)


@pytest.mark.parametrize("step", [-3600.0, 3600.0])
def test_a_step_of_the_clock_neither_blocks_nor_opens_the_limit(step):
    limiter, limits = Limiter(), Limits(qps=2)

    assert [limiter.admit(NOW, limits) for _ in range(3)] == [None, None, NOW + 1]
    after = NOW + step
    assert [limiter.admit(after, limits) for _ in range(3)] == [None, None, after + 1]


class Log:
    """The plain model: the times of all calls that were let in.

    Those before the last `qps` are forgotten, so that a larger limit does not count them.
    """

    def __init__(self):
        self.times, self.all = [], []

    def admit(self, now, limits):
        latest = self.times[-limits.qps :]
        if len(latest) == limits.qps and now < latest[0] + limits.window:
            return latest[0] + limits.window
        self.times = [*self.times, now][-limits.qps :]
        self.all.append(now)
        return None


@given(
    st.lists(st.tuples(gaps, st.sampled_from([None, None, None, 1, 2, 3, 5, 8])), max_size=50),
    st.integers(1, 6),
    st.sampled_from([0.0, NOW]),
    st.sampled_from([1, 2, 64]),
)
def test_the_ring_agrees_with_a_log_of_all_calls(calls, qps, now, block):
    with patch.object(rate_limit, "BLOCK", block):
        agree_with_a_log(calls, qps, now)


def agree_with_a_log(calls, qps, now):
    limiter, log = Limiter(), Log()
    for gap, changed in calls:
        now += gap
        qps = changed or qps
        limits = Limits(qps=qps)
        allowed_at = log.admit(now, limits)
        assert limiter.admit(now, limits) == allowed_at
        if allowed_at is not None:
            assert now < allowed_at <= now + 1.0
    kept = run(limiter.store.list(AdmittedCalls))
    assert sorted(time for block in kept for time in block.times) == sorted(log.times)
    if all(changed is None for _, changed in calls):
        for start in log.all:
            assert sum(start <= moment < start + 1.0 for moment in log.all) <= qps


@given(st.lists(gaps, min_size=1, max_size=40), st.integers(1, 5), st.sampled_from([0.0, NOW]))
def test_a_call_is_allowed_at_the_moment_it_was_told_and_not_just_before(gaps, qps, now):
    limits, limiter = Limits(qps=qps), Limiter()
    for gap in gaps:
        now += gap
        allowed_at = limiter.admit(now, limits)
        if allowed_at is not None:
            assert limiter.admit(math.nextafter(allowed_at, -math.inf), limits) == allowed_at
            assert limiter.admit(allowed_at, limits) is None
            now = allowed_at


@pytest.mark.parametrize("window", [0.5, 60.0])
def test_a_window_may_have_another_length(window):
    limits, limiter = Limits(qps=1, window=window), Limiter()

    assert limiter.admit(100.0, limits) is None
    assert limiter.admit(100.0, limits) == 100.0 + window


def test_a_lower_limit_counts_the_calls_that_were_let_in_before():
    limiter = Limiter()
    for now in (0.0, 0.1, 0.2):
        assert limiter.admit(now, Limits(qps=5)) is None

    assert limiter.admit(0.3, Limits(qps=2)) == 1.1


def test_nothing_is_ever_admitted_under_a_limit_of_none():
    assert Limiter().admit(0.0, Limits(qps=0)) == math.inf


def test_a_call_costs_the_same_for_any_limit():
    costs = []
    for qps in (1, 5, 1000):
        store = CountingStore()
        limiter = Limiter(store)
        for number in range(1200):
            assert limiter.admit(float(number), Limits(qps=qps)) is None
        store.counts.clear()
        limiter.admit(1200.0, Limits(qps=qps))
        costs.append(dict(store.counts))

    assert costs == [{"transaction": 1, "get": 3, "put": 2}] * 3


@pytest.mark.parametrize("qps", [1, 5, 1000])
def test_the_used_calls_of_a_window_are_counted_with_few_reads(qps):
    store = CountingStore()
    limiter = Limiter(store)
    for number in range(1500):
        limiter.admit(float(number), Limits(qps=qps, window=1.0 if qps < 1000 else 100.0))
    store.counts.clear()

    assert limiter.used(1499.5, Limits(window=0.75)) == 1
    assert limiter.used(1499.5, Limits(window=50.0)) == min(qps, 50)
    assert store.counts["get"] <= 2 * 12
    assert limiter.used(2000.0, Limits()) == 0


def calls(account, moments, bench=None, **options):
    """Return what each call gets: nothing, a remark, or the moment at which it may come again."""
    bench, answers = bench or Bench(), []
    for now in moments:
        try:
            answers.append(bench.admit(account, account.limits, now, **options))
        except RateLimited as refusal:
            answers.append(now + refusal.retry_after)
    return answers


def test_refused_calls_do_not_count():
    account = an_account(limits=Limits(qps=1))

    assert calls(account, [0.0, 0.5, 0.9, 1.0]) == ["", 1.0, 1.0, ""]


def test_a_refusal_says_when_the_next_call_may_come():
    bench, limits = Bench(), Limits(qps=1)
    bench.admit(an_account(), limits, 10.0)

    with pytest.raises(RateLimited) as refusal:
        bench.admit(an_account(), limits, 10.25)

    assert refusal.value.retry_after == 0.75


def test_without_a_limit_every_call_is_let_in_and_none_is_counted():
    bench, account = Bench(), an_account(limits=Limits(qps=1, mode=LimitMode.OFF))

    assert calls(account, [0.0] * 20, bench) == [""] * 20
    assert bench.admit(account, Limits(qps=1), 0.0) == ""


def test_shadow_mode_lets_calls_through_and_tells_which_would_have_been_refused():
    account = an_account(limits=Limits(qps=2, mode=LimitMode.SHADOW))

    answers = calls(account, [0.0, 0.0, 0.5, 1.0])

    assert [bool(answer) for answer in answers] == [False, False, True, False]
    assert "0.500 s" in answers[2]


def test_accounts_and_scopes_have_separate_windows():
    limits = Limits(qps=1)
    bench, ada, bob = Bench(), an_account(limits=limits), an_account("bob", limits=limits)

    assert calls(ada, [0.0, 0.0], bench) == ["", 1.0]
    assert calls(bob, [0.0], bench) == [""]
    assert calls(ada, [0.0, 0.0], bench, scope="jobs") == ["", 1.0]
    # "ada" with the scope "x" is not the account "adax".
    assert calls(ada, [0.0], bench, scope="x") == [""]
    assert calls(an_account("adax", limits=limits), [0.0], bench) == [""]
