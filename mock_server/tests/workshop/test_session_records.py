"""Questions about a session are questions of time."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mock_server.workshop.sessions import Session, SessionEndReason, SessionSlot

SESSION = Session("s", "ada", "t", SessionSlot("web"), opened_at=100.0, expires_at=160.0)
moments = st.floats(0, 300)


def test_a_session_is_due_when_it_expires_unless_it_was_ended():
    closed = SESSION.ended(SessionEndReason.CLOSED, 130)

    assert (SESSION.due_at, closed.due_at) == (160, None)
    assert (closed.over, closed.over_at) == (SessionEndReason.CLOSED, 130)


@given(moments, moments)
def test_time_open_only_grows_and_stops_at_the_end(one, other):
    earlier, later = sorted((one, other))

    assert 0 <= SESSION.seconds_open_at(earlier) <= SESSION.seconds_open_at(later) <= 60


@given(st.floats(100, 300))
def test_seconds_left_and_seconds_open_make_up_the_lifetime(now):
    assert SESSION.seconds_left_at(now) + SESSION.seconds_open_at(now) == pytest.approx(60)


@given(st.floats(100, 160), moments)
def test_a_session_that_is_over_has_no_time_left_and_its_time_open_stands(at, now):
    ended = SESSION.ended(SessionEndReason.CLOSED, at)

    assert ended.seconds_left_at(now) == 0
    assert ended.seconds_open_at(now) == at - 100
