"""Ids rise with time, are never given twice, and look like the real ones."""

from datetime import UTC, datetime
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from mock_server.core import ids
from mock_server.core.clock import LATEST

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
    apart = 1 if other < 5_900_000_000 else 8  # milliseconds
    if int(one * 1000) + apart <= int(other * 1000) and one > 1_600_000_000:
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


@given(st.floats(0, LATEST), st.text())
def test_ids_have_at_most_64_bits_in_all_of_virtual_time(now, account):
    tick = ids.next_tick(now, 0)

    assert 0 < int(ids.id_of(tick + 1_000_000, account)) < 2**64


def test_ids_have_at_most_64_bits_at_the_end_of_time():
    tick = ids.next_tick(LATEST, 0)

    assert int(ids.id_of(tick + 1_000_000, "ada")) < 2**64
    assert int(ids.id_of(ids.next_tick(LATEST - 1, 0), "ada")) < int(ids.id_of(tick, "ada"))


@given(st.floats(1_600_000_000, LATEST))
def test_a_ulid_begins_with_its_milliseconds(now):
    text = ids.ulid_of(ids.next_tick(now, 0), "secret")
    number = 0
    for character in text[:10]:
        number = number * 32 + "0123456789abcdefghjkmnpqrstvwxyz".index(character)

    assert len(text) == 26
    assert number < 2**48
    assert 0 <= int(now * 1000) - number < 8


@given(st.integers(), st.text(max_size=20))
def test_a_uuid_repeats_and_is_of_version_four(seed, name):
    text = ids.uuid_of(seed, name)

    assert text == ids.uuid_of(seed, name)
    assert str(UUID(text)) == text
    assert UUID(text).version == 4
    assert UUID(text).variant == "specified in RFC 4122"


def test_other_names_make_another_uuid():
    assert len({ids.uuid_of(7, "image", "1", index) for index in range(1000)}) == 1000
