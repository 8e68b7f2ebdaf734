"""The limiter is exact: so many calls inside any window, and not one more or less."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mock_server.core.accounts import LimitMode, Limits
from mock_server.core.errors import RateLimited
from mock_server.core.rate_limit import Window
from mock_server.tests.makers import NOW, a_job_service, an_account, run

gaps = st.one_of(
    st.sampled_from([0.0, 0.1, 0.2, 0.25, 0.5, 1.0, 2.0]), st.floats(0, 2), st.floats(0, 1e-3)
)


def admitted(window, limits, now):
    """Return the window after one call, and whether the call was let in."""
    if now < window.allowed_at(limits):
        return window, False
    return window.admitted(now, limits), True


@given(st.lists(gaps, max_size=60), st.integers(1, 6), st.sampled_from([0.0, NOW]))
def test_the_window_agrees_with_a_log_of_all_calls(gaps, qps, now):
    limits, window = Limits(qps=qps), Window("ada", "ada")
    log: list[float] = []
    for gap in gaps:
        now += gap
        # One more call is one too many if some window that it falls into is full already; the
        # fullest is the one that ends with it.
        expected = len([moment for moment in log if now < moment + 1.0]) < qps
        window, let_in = admitted(window, limits, now)
        assert let_in == expected
        if let_in:
            log.append(now)
    for start in log:
        assert len([moment for moment in log if start <= moment < start + 1.0]) <= qps


@given(st.lists(gaps, min_size=1, max_size=40), st.integers(1, 5), st.sampled_from([0.0, NOW]))
def test_a_call_is_allowed_at_the_moment_it_was_told_and_not_just_before(gaps, qps, now):
    limits, window = Limits(qps=qps), Window("ada", "ada")
    for gap in gaps:
        now += gap
        window, let_in = admitted(window, limits, now)
        if not let_in:
            allowed_at = window.allowed_at(limits)
            assert now < allowed_at <= now + 1.0
            assert not admitted(window, limits, math.nextafter(allowed_at, -math.inf))[1]
            assert admitted(window, limits, allowed_at)[1]


def test_the_sixth_call_of_a_second_is_refused_until_the_first_is_a_second_old():
    limits, window = Limits(), Window("ada", "ada")
    for now in (0.0, 0.1, 0.2, 0.3, 0.4):
        window, let_in = admitted(window, limits, now)
        assert let_in

    assert window.allowed_at(limits) == 1.0
    assert admitted(window, limits, 1.0)[1]


@pytest.mark.parametrize("window", [0.5, 60.0])
def test_a_window_may_have_another_length(window):
    limits = Limits(qps=1, window=window)

    assert Window("ada", "ada").admitted(100.0, limits).allowed_at(limits) == 100.0 + window


def test_a_lower_limit_counts_the_calls_that_were_let_in_before():
    window = Window("ada", "ada")
    for now in (0.0, 0.1, 0.2):
        window = window.admitted(now, Limits(qps=5))

    assert window.allowed_at(Limits(qps=2)) == 1.1


def test_nothing_is_ever_admitted_under_a_limit_of_none():
    assert Window("ada", "ada").allowed_at(Limits(qps=0)) == math.inf


def calls(job_service, account, moments, **options):
    """Return what each call gets: nothing, a remark, or the moment at which it may come again."""
    answers = []
    for now in moments:
        try:
            answers.append(run(job_service.admit(account, account.limits, now, **options)))
        except RateLimited as refusal:
            answers.append(refusal.allowed_at)
    return answers


def test_refused_calls_do_not_count():
    account = an_account(limits=Limits(qps=1))

    assert calls(a_job_service(), account, [0.0, 0.5, 0.9, 1.0]) == ["", 1.0, 1.0, ""]


def test_a_refusal_says_when_the_next_call_may_come():
    job_service, account = a_job_service(), an_account(limits=Limits(qps=1))
    run(job_service.admit(account, account.limits, 10.0))

    with pytest.raises(RateLimited) as refusal:
        run(job_service.admit(account, account.limits, 10.25))

    assert (refusal.value.allowed_at, refusal.value.retry_after) == (11.0, 0.75)


def test_without_a_limit_every_call_is_let_in_and_none_is_counted():
    job_service, account = a_job_service(), an_account(limits=Limits(qps=1, mode=LimitMode.OFF))

    assert calls(job_service, account, [0.0] * 20) == [""] * 20
    assert run(job_service.admit(an_account(), Limits(qps=1), 0.0)) == ""


def test_shadow_mode_lets_calls_through_and_tells_which_would_have_been_refused():
    account = an_account(limits=Limits(qps=2, mode=LimitMode.SHADOW))

    answers = calls(a_job_service(), account, [0.0, 0.0, 0.5, 1.0])

    assert [bool(answer) for answer in answers] == [False, False, True, False]
    assert "0.5 s" in answers[2]


def test_accounts_and_scopes_have_windows_of_their_own():
    job_service, ada, bob = (
        a_job_service(),
        an_account("ada", limits=Limits(qps=1)),
        an_account("bob"),
    )

    assert calls(job_service, ada, [0.0, 0.0]) == ["", 1.0]
    assert calls(job_service, bob, [0.0]) == [""]
    assert calls(job_service, ada, [0.0, 0.0], scope="jobs") == ["", 1.0]
    # "ada" with the scope "x" is not the account "adax".
    assert calls(job_service, ada, [0.0], scope="x") == [""]
    assert calls(job_service, an_account("adax", limits=Limits(qps=1)), [0.0]) == [""]
