"""A session is asked what it is at a moment, and nothing has to happen for the answer to change."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from mock_server.core.sessions import Session, SessionEndReason, SessionSlot

SESSION = Session("s", "ada", "t", SessionSlot("web"), opened_at=100.0, expires_at=160.0)
moments = st.floats(0, 300)


def test_a_session_lives_until_the_moment_of_its_expiry():
    assert SESSION.live_at(159.9)
    assert not SESSION.live_at(160)
    assert (SESSION.why_at(159.9), SESSION.why_at(160)) == (None, SessionEndReason.EXPIRED)


def test_a_session_that_was_ended_stays_so_for_its_reason():
    closed = SESSION.ended(SessionEndReason.CLOSED, 130)

    assert not closed.live_at(131)
    assert closed.why_at(1000) is SessionEndReason.CLOSED
    assert closed.due_at is None
    assert SESSION.due_at == 160


@given(moments, moments)
def test_time_open_only_grows_and_stops_at_the_end(one, other):
    earlier, later = sorted((one, other))

    assert 0 <= SESSION.seconds_open_at(earlier) <= SESSION.seconds_open_at(later) <= 60


@given(st.floats(100, 300))
def test_seconds_left_and_seconds_open_make_up_the_lifetime(now):
    assert SESSION.seconds_left_at(now) + SESSION.seconds_open_at(now) == pytest.approx(60)


@given(st.floats(100, 160), moments)
def test_what_is_over_has_no_time_left_and_grows_no_more(at, now):
    ended = SESSION.ended(SessionEndReason.CLOSED, at)

    assert ended.seconds_left_at(now) == 0
    assert ended.seconds_open_at(now) == at - 100


def test_a_session_that_is_shortened_lives_no_longer_than_that():
    assert not replace(SESSION, expires_at=120.0).live_at(120)
