"""Orders of ids agree with plain lists, and closing gaps changes nothing."""

from bisect import insort
from unittest.mock import patch

import hypothesis.strategies as st
from hypothesis import given

from mock_server.stores import orders
from mock_server.stores.orders import AgeOrder, DueOrder

steps = st.lists(st.tuples(st.booleans(), st.integers(0, 40)), max_size=200)


@given(steps, st.booleans())
def test_an_order_by_age_is_like_a_list(steps, from_the_front):
    order = AgeOrder()
    plain: list[str] = []
    for adds, number in steps:
        if adds and str(number) not in plain:
            order.append(str(number))
            plain.append(str(number))
        elif plain:
            id = plain.pop(0 if from_the_front else number % len(plain))
            order.remove(id)
        assert len(order) == len(plain)
        assert list(order) == plain == list(order.newest())[::-1]
        for place, id in enumerate(plain[-3:], max(0, len(plain) - 3)):
            assert list(order.newest(id)) == plain[:place][::-1]
        assert list(order.newest("unknown")) == []


@given(steps, st.booleans(), st.sampled_from([1, 2, 5, 512]))
def test_an_order_by_moment_is_like_a_sorted_list(steps, from_the_front, block):
    with patch.object(orders, "_MAX_BLOCK", block):
        agree_with_a_sorted_list(steps, from_the_front)


def agree_with_a_sorted_list(steps, from_the_front):
    order = DueOrder()
    plain: list[tuple[float, str]] = []
    for serial, (adds, number) in enumerate(steps):
        if adds or not plain:
            place = (float(number), f"{serial:03}")
            order.add(place)
            insort(plain, place)
        else:
            order.remove(plain.pop(0 if from_the_front else number % len(plain)))
        assert bool(order) is bool(plain)
        assert list(order) == plain
        assert order.count(number) == sum(at <= number for at, _ in plain)
        assert list(order.between(5, number)) == [each for each in plain if 5 < each[0] <= number]
        assert not plain or order.first == plain[0]


def test_what_is_taken_from_the_front_leaves_little_behind():
    ages, dues = AgeOrder(), DueOrder()
    for number in range(10_000):
        ages.append(str(number))
        dues.add((float(number), str(number)))
        if number >= 10:
            ages.remove(str(number - 10))
            dues.remove((float(number - 10), str(number - 10)))
        assert len(ages._ids) <= 2 * orders._MIN_GAP
        assert sum(map(len, dues._blocks)) <= 11
