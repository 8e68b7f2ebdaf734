"""The store in memory keeps every promise, and a few more."""

import gc

import pytest

from mock_server.stores.memory import MemoryStore
from mock_server.tests.makers import HesitatingStore, run
from mock_server.tests.stores.contract import (
    StoreContract,
    Thing,
    check_blob_limit,
    get,
    machine_for,
    put,
    put_blobs,
)


class TestMemory(StoreContract):
    @pytest.fixture
    def store(self):
        return MemoryStore()


class TestHesitating(StoreContract):
    """The fake for tests of concurrency keeps the promises of the store behind it."""

    @pytest.fixture
    def store(self):
        return HesitatingStore()


TestMemoryAgainstDictionaries = machine_for(MemoryStore)


async def test_bytes_beyond_the_limit_make_room_for_newer_ones():
    await check_blob_limit(MemoryStore(blob_bytes=4096), 4096)


async def test_bytes_that_were_asked_for_lately_are_kept_longest():
    store = MemoryStore(blob_bytes=2)
    await put_blobs(store, "ada", **{"1": b"1"})
    await put_blobs(store, "ada", **{"2": b"2"})
    await store.blobs.get("1")
    await put_blobs(store, "ada", **{"3": b"3"})

    assert await store.blobs.get("1") == b"1"
    assert await store.blobs.get("2") is None


async def test_room_is_counted_by_what_is_there():
    store = MemoryStore(blob_bytes=100)
    for _ in range(3):
        await put_blobs(store, "ada", **{"1": b"x" * 60})
    assert store.blobs.size_bytes == 60

    await store.drop("ada")
    assert store.blobs.size_bytes == 0


def test_nothing_on_the_memory_store_ever_waits():
    store = MemoryStore()
    run(put(store, Thing("1", "ada")))

    assert run(get(store, Thing, "1")) == Thing("1", "ada")


def test_a_store_that_was_closed_is_empty():
    store = MemoryStore()
    run(put(store, Thing("1", "ada")))
    run(store.close())

    assert run(get(store, Thing, "1")) is None


def test_accounts_that_are_gone_leave_no_locks_behind():
    store = MemoryStore()
    for number in range(100):
        run(put(store, Thing("1", f"account-{number}")))
        run(store.drop(f"account-{number}"))
    gc.collect()

    assert (len(store._locks), len(store._locks_in_use)) == (0, 0)
