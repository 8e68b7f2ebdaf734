"""Ids rise with time, are never given twice, and look like the real ones."""

from datetime import UTC, datetime
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from mock_server.core import ids

moments = st.floats(0, 32e9)


@given(st.lists(moments, min_size=1, max_size=30))
def test_each_tick_is_larger_than_the_last_wherever_time_goes(moments):
    last = 0
    for now in moments:
        tick = ids.next_tick(now, last)
        assert tick > last
        last = tick


@given(moments, moments)
def test_ids_sort_by_time(one, other):
    if int(one * 1000) < int(other * 1000) and one > 1_600_000_000:
        early = int(ids.id_of(ids.next_tick(one, 0), "ada"))
        assert early < int(ids.id_of(ids.next_tick(other, 0), "ada"))


@given(st.integers(1, 2**50), st.integers(1, 2**50), st.text(), st.text())
def test_ids_differ_where_ticks_or_tags_differ(tick, other_tick, account, other_account):
    same = ids.id_of(tick, account) == ids.id_of(other_tick, other_account)

    assert same == (tick == other_tick and ids.tag_of(account) == ids.tag_of(other_account))


def test_ids_have_eighteen_digits_today_and_until_2034():
    for year in (2022, 2026, 2033):
        now = datetime(year, 12, 31, tzinfo=UTC).timestamp()
        assert len(ids.id_of(ids.next_tick(now, 0), "ada")) == 18


def test_ids_fit_64_bits_for_a_century():
    now = datetime(2120, 1, 1, tzinfo=UTC).timestamp()

    assert int(ids.id_of(ids.next_tick(now, 0), "ada")) < 2**63


@given(st.integers(), st.text(max_size=20))
def test_a_uuid_repeats_and_is_of_version_four(seed, name):
    text = ids.uuid_of(seed, name)

    assert text == ids.uuid_of(seed, name)
    assert str(UUID(text)) == text
    assert UUID(text).version == 4
    assert UUID(text).variant == "specified in RFC 4122"


def test_other_names_make_another_uuid():
    assert len({ids.uuid_of(7, "image", "1", index) for index in range(1000)}) == 1000
