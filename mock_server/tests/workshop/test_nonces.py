"""Nonces are remembered for a while, apart for each key, and never without a bound."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from mock_server.workshop.nonces import Nonces


def test_a_nonce_is_used_once_it_was_remembered_and_until_its_life_is_over():
    nonces = Nonces(900)
    nonces.remember("ada", b"n", 1000)

    assert nonces.is_used("ada", b"n", 1899.9)
    assert not nonces.is_used("ada", b"n", 1900)
    assert not nonces.is_used("ada", b"m", 1000)
    assert not nonces.is_used("bob", b"n", 1000)


@given(
    st.lists(
        st.tuples(st.sampled_from("ab"), st.sampled_from("xyz"), st.integers(0, 30)), max_size=40
    )
)
def test_nonces_are_as_in_a_plain_list_of_uses(uses):
    nonces, wall = Nonces(50), 0
    seen: dict[tuple[str, str], int] = {}
    for key, nonce, later in uses:
        wall += later
        at = seen.get((key, nonce))
        assert nonces.is_used(key, nonce.encode(), wall) is (at is not None and wall - at < 50)
        nonces.remember(key, nonce.encode(), wall)
        seen[key, nonce] = wall
    assert len(nonces) <= len(seen)


def test_a_flood_keeps_the_latest_of_its_key_and_none_of_others():
    nonces = Nonces(900, most_of_one=10)
    nonces.remember("bob", b"his", 0)
    for number in range(1000):
        nonces.remember("ada", b"%d" % number, 1)

    assert len(nonces) == 11
    assert nonces.is_used("ada", b"999", 1)
    assert not nonces.is_used("ada", b"0", 1)
    assert nonces.is_used("bob", b"his", 1)


def test_many_keys_together_have_a_bound_that_the_largest_share_pays_for():
    nonces = Nonces(900, most_of_one=60, most_of_all=100)
    nonces.remember("bob", b"his", 0)
    for number in range(60):
        nonces.remember("ada", b"%d" % number, 1)
    for number in range(1000):
        nonces.remember(f"key{number % 50}", b"%d" % number, 2)

    assert len(nonces) <= 100
    assert nonces.is_used("bob", b"his", 2)


def test_old_nonces_make_room_before_young_ones():
    nonces = Nonces(10, most_of_all=5)
    for number in range(5):
        nonces.remember(f"key{number}", b"old", 0)
    nonces.remember("ada", b"young", 10)

    assert len(nonces) == 1
    assert nonces.is_used("ada", b"young", 10)


def test_nonces_can_be_forgotten():
    nonces = Nonces(900)
    for key in ("ada", "bob"):
        nonces.remember(key, b"n", 0)
    nonces.forget("ada")

    assert [nonces.is_used(key, b"n", 0) for key in ("ada", "bob")] == [False, True]
    nonces.forget()
    nonces.forget("nobody")
    assert len(nonces) == 0


def test_a_long_nonce_takes_no_more_room_than_a_short_one():
    nonces = Nonces(900)
    nonces.remember("ada", b"n" * 1_000_000, 0)

    assert nonces.is_used("ada", b"n" * 1_000_000, 0)
    assert all(len(digest) == 16 for used in nonces._used.values() for digest in used)
