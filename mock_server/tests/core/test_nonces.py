"""A nonce is used once within its life, and only so many are remembered."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mock_server.core import nonces
from mock_server.core.nonces import Nonce, use_nonce
from mock_server.stores.memory import MemoryStore
from mock_server.tests.makers import CountingStore, run

INF = float("inf")


class Nonces:
    """The nonces of accounts in one store."""

    def __init__(self, store=None):
        self.store = store or MemoryStore()

    def use(self, nonce, at=0.0, account="ada", **options):
        return run(self._use(nonce, at, account, options))

    async def _use(self, nonce, at, account, options):
        async with self.store.transaction(account) as tx:
            return await use_nonce(tx, account, nonce, at, **options)

    def kept(self, account="ada"):
        return len(run(self.store.list(Nonce, account)))


def test_a_nonce_is_used_once_for_each_account():
    used = Nonces()

    assert [used.use(nonce) for nonce in (b"a", b"a", b"b", b"")] == [True, False, True, True]
    assert used.use(b"a", account="bob")
    assert not used.use(b"a", at=1e12)


@pytest.mark.parametrize("nonce", [b"x" * 100_000, b"a/b", bytes(range(256))])
def test_a_nonce_may_be_any_bytes(nonce):
    used = Nonces()

    assert (used.use(nonce), used.use(nonce), used.use(nonce + b"!")) == (True, False, True)


calls = st.lists(
    st.tuples(st.sampled_from([b"a", b"b", b"c"]), st.sampled_from([0.0, 1.0, 4.0, 5.0]))
)


@given(calls)
def test_a_nonce_can_be_used_again_after_its_life(calls):
    used, now = Nonces(), 0.0
    last: dict[bytes, float] = {}
    for nonce, gap in calls:
        now += gap
        is_new = now - last.get(nonce, -INF) >= 5.0
        assert used.use(nonce, now, life=5.0) == is_new
        if is_new:
            last[nonce] = now
    assert used.kept() <= 3


def test_the_oldest_beyond_the_number_that_is_kept_are_forgotten(monkeypatch):
    monkeypatch.setattr(nonces, "MAX_NONCES", 10)
    used = Nonces()
    for number in range(25):
        assert used.use(str(number).encode())
        assert used.kept() <= 10

    assert used.use(b"14")
    assert not used.use(b"24")


def test_expired_nonces_are_forgotten_on_the_way():
    used = Nonces()
    for number in range(30):
        assert used.use(str(number).encode(), at=0.0, life=5.0)
    for number in range(20):
        assert used.use(f"later {number}".encode(), at=10.0, life=5.0)

    assert used.kept() == 20


def test_a_call_costs_the_same_however_many_nonces_are_kept():
    store = CountingStore()
    used, costs = Nonces(store), []
    for number in range(300):
        store.counts.clear()
        used.use(str(number).encode())
        costs.append(dict(store.counts))

    assert costs == [costs[0]] * 300
