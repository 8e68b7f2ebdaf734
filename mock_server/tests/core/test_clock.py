"""Virtual time never runs back and never jumps, whatever is done to its clock."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mock_server.core.clock import LATEST, MAX_LATE, Clock
from mock_server.core.errors import Conflict, Invalid

walls = st.floats(0, 4e9)
passing = st.floats(0, 1e6)
rates = st.floats(0, 1e6)


def test_a_clock_shows_the_walls_time_unless_it_is_told_another():
    assert Clock.at(1000.0).now(1005.0) == 1005.0
    assert Clock.at(1000.0, start=5.0).now(1005.0) == 10.0


@pytest.mark.parametrize(("rate", "shown"), [(0, 50.0), (1, 58.0), (0.5, 54.0), (60, 530.0)])
def test_a_clock_runs_rate_times_as_fast_as_the_wall(rate, shown):
    assert Clock.at(1000.0, start=50.0, rate=rate).now(1008.0) == shown


def test_a_frozen_clock_stands_until_it_is_moved():
    clock = Clock.at(1000.0, start=50.0).with_rate(1003.0, 0)

    assert clock.frozen
    assert clock.now(9999.0) == 53.0
    assert clock.advanced(9999.0, 7.5).now(123456.0) == 60.5


def test_a_clock_that_is_moved_goes_on_at_its_rate():
    clock = Clock.at(1000.0, start=0.0, rate=2.0).moved_to(1010.0, 500.0)

    assert clock.now(1010.0) == 500.0
    assert clock.now(1011.0) == 502.0


def test_a_caller_that_read_the_wall_before_a_move_gets_the_time_after_it():
    clock = Clock.at(1000.0, start=50.0, rate=1000.0).advanced(1010.0, 5.0)

    assert clock.now(1009.9) == clock.now(1010.0)


@pytest.mark.parametrize("step", [-7200.0, -3600.0, 3600.0, 86_400.0])
def test_a_clock_follows_a_step_of_the_wall_and_keeps_what_it_is_ahead(step):
    clock = Clock.at(1_000_000.0)

    assert clock.now(1_000_000.0 + step) == 1_000_000.0 + step
    ahead = clock.advanced(1_000_000.0, 500.0)
    assert ahead.now(1_000_000.0 + step) == 1_000_500.0 + step
    assert (
        ahead.with_rate(1_000_000.0 + step, 0)
        .with_rate(1_000_000.0 + step, 1)
        .now(1_000_000.0 + step)
        == 1_000_500.0 + step
    )


@pytest.mark.parametrize("step", [-3600.0, 3600.0])
def test_a_frozen_clock_stands_whatever_the_wall_does(step):
    clock = Clock.at(1_000_000.0).with_rate(1_000_000.0, 0)

    assert clock.now(1_000_000.0 + step) == 1_000_000.0
    assert clock.with_rate(1_000_000.0 + step, 1).now(1_000_001.0 + step) == 1_000_001.0


def test_a_clock_that_runs_too_fast_stands_at_the_end_of_time():
    clock = Clock.at(0.0, rate=1_000_000)

    assert clock.now(1e9) == LATEST
    assert clock.with_rate(1e9, 1.0).now(2e9) == LATEST


@pytest.mark.parametrize("rate", [-1, -1e-9, 1_000_001, math.inf, math.nan])
def test_a_rate_that_is_negative_or_endless_is_refused(rate):
    with pytest.raises(Invalid, match="rate"):
        Clock.at(0.0, rate=rate)
    with pytest.raises(Invalid, match="rate"):
        Clock.at(0.0).with_rate(1.0, rate)


@pytest.mark.parametrize("start", [-1.0, LATEST + 1, math.inf, math.nan])
def test_a_start_before_the_epoch_or_after_the_end_of_time_is_refused(start):
    with pytest.raises(Invalid, match="start"):
        Clock.at(0.0, start=start)


@pytest.mark.parametrize(
    ("seconds", "error"),
    [(-0.001, Conflict), (math.inf, Conflict), (-math.inf, Invalid), (math.nan, Invalid)],
)
def test_only_a_finite_time_that_is_not_negative_can_be_added(seconds, error):
    with pytest.raises(error):
        Clock.at(0.0).advanced(10.0, seconds)


@pytest.mark.parametrize("moment", [LATEST + 1, math.inf, math.nan])
def test_a_move_beyond_the_end_of_time_is_refused(moment):
    with pytest.raises(Invalid, match="year 3000"):
        Clock.at(0.0).moved_to(10.0, moment)


@given(walls, st.floats(0, 4e9), rates, passing)
def test_a_move_into_the_past_is_refused_and_one_to_the_present_is_not(wall, start, rate, passed):
    clock = Clock.at(wall, start=start, rate=rate)
    now = clock.now(wall + passed)

    assert clock.moved_to(wall + passed, now).now(wall + passed) == now
    with pytest.raises(Conflict, match="never runs back"):
        clock.moved_to(wall + passed, math.nextafter(now, -math.inf))


@given(walls, st.floats(0, 4e9), rates, passing, st.floats(0, 1e9))
def test_advancing_adds_exactly(wall, start, rate, passed, seconds):
    clock = Clock.at(wall, start=start, rate=rate)
    before = clock.now(wall + passed)

    if before + seconds <= LATEST:
        assert clock.advanced(wall + passed, seconds).now(wall + passed) == before + seconds


@given(walls, rates, passing, rates)
def test_changing_the_rate_does_not_make_time_jump(wall, rate, passed, other):
    clock = Clock.at(wall, rate=rate)

    assert clock.with_rate(wall + passed, other).now(wall + passed) == clock.now(wall + passed)


changes = st.one_of(
    st.tuples(st.just("wait"), passing),
    st.tuples(st.just("rate"), rates),
    st.tuples(st.just("advance"), st.floats(0, 1e7)),
    st.tuples(st.just("step back"), passing),
)


@given(walls, st.lists(changes, max_size=20))
def test_time_never_runs_back(wall, history):
    clock = Clock.at(wall)
    last = clock.now(wall)
    for what, amount in history:
        if what == "wait":
            wall += amount
        elif what == "rate":
            clock = clock.with_rate(wall, amount)
        elif what == "advance" and last + amount <= LATEST:
            clock = clock.advanced(wall, amount)
        elif what == "step back":
            # A change anchors the clock; just before its anchor it stands.
            clock = clock.with_rate(wall, clock.rate)
            assert clock.now(wall - min(amount, MAX_LATE / 2)) == clock.now(wall)
        now = clock.now(wall)
        assert now >= last
        last = now


@pytest.mark.parametrize(
    ("change", "shown"),
    [
        (lambda clock: clock.with_rate(1100.0, 0.0), 30.0),
        (lambda clock: clock.with_rate(1100.0, 10.0), 730.0),
        (lambda clock: clock.moved_to(1100.0, 50.0), 120.0),
        (lambda clock: clock.advanced(1100.0, 5.0), 105.0),
    ],
)
def test_a_change_that_came_before_counts_from_its_moment(change, shown):
    running = Clock.at(1000.0, start=0.0)
    assert running.changed_at(30.0, 1100.0, change).now(1100.0) == shown

    moved = Clock.at(1000.0, start=0.0).moved_to(
        1010.0, 40.0
    )  # It was 10 before, and runs 90 more.
    after = {30.0: 40.0, 730.0: 940.0, 120.0: 150.0, 105.0: 135.0}[shown]
    assert moved.changed_at(30.0, 1100.0, change).now(1100.0) == after
