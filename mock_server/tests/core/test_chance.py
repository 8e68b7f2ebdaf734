"""Chance that repeats, and is spread as chance should be."""

from collections.abc import Iterator
from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mock_server.core import chance

names = st.lists(st.one_of(st.text(max_size=8), st.integers()), max_size=3)


@given(st.integers(), names)
def test_the_same_names_always_give_the_same_number(seed, names):
    assert chance.number(seed, *names) == chance.number(seed, *names)
    assert 0 <= chance.number(seed, *names) < 2**64


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ((1, "a"), (2, "a")),
        ((1, "a"), (1, "b")),
        ((1, "a", "b"), (1, "ab")),
        ((1, "a", "b"), (1, "b", "a")),
        ((1, "a", 12), (1, "a", 1, 2)),
    ],
)
def test_other_names_give_another_number(one, other):
    assert chance.number(*one) != chance.number(*other)


def test_the_numbers_of_a_known_seed_never_change():
    # Recorded: replays made with an older version must still come out the same.
    assert chance.number(7, "plan", 1) == 11029597270080755019
    assert chance.nth(7, "job", 1) == 17148453724347843167
    assert chance.mac("secret", "token", 1, hex_digits=8) == "e317fd9f"


def split_mix_64(state: int) -> Iterator[int]:
    """The generator as its authors wrote it down, one step after the other."""
    while True:
        state = (state + 0x9E3779B97F4A7C15) % 2**64
        mixed = state
        mixed = (mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9 % 2**64
        mixed = (mixed ^ (mixed >> 27)) * 0x94D049BB133111EB % 2**64
        yield mixed ^ (mixed >> 31)


@given(st.integers(), st.text(max_size=8), st.integers(1, 50))
def test_a_sequence_is_that_of_split_mix_64(seed, name, index):
    sequence = split_mix_64(chance.number(seed, name))

    assert chance.nth(seed, name, index) == next(islice(sequence, index - 1, None))


def test_split_mix_64_gives_its_published_numbers():
    assert list(islice(split_mix_64(1234567), 3)) == [
        6457827717110365317,
        3203168211198807973,
        9817491932198370423,
    ]


def test_numbers_are_spread_evenly():
    tenths = [0] * 10
    for name in range(10_000):
        tenths[chance.number(7, name) * 10 >> 64] += 1

    assert min(tenths) > 850
    assert max(tenths) < 1150


def test_what_is_unguessable_depends_on_the_secret_and_the_names():
    made = {chance.mac(secret, name) for secret in ("one", "two") for name in ("app", "token")}

    assert len(made) == 4
    assert all(len(each) == 32 and int(each, 16) >= 0 for each in made)


@pytest.mark.parametrize("digits", [2, 10, 16, 64])
def test_what_is_unguessable_is_as_long_as_was_asked(digits):
    assert len(chance.mac("secret", "name", hex_digits=digits)) == digits
