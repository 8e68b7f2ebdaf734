import asyncio
import threading

import pytest

from mock_server.web.picture_cache import PictureCache


@pytest.fixture
def anyio_backend():
    return "asyncio"


class Maker:
    """Makes one picture, counts its calls, and waits while its gate is closed."""

    def __init__(self, picture: bytes = b"picture", *, closed: bool = False) -> None:
        self.picture = picture
        self.times = 0
        self.thread: threading.Thread | None = None
        self.begun = asyncio.Event()
        self.gate = threading.Event()
        if not closed:
            self.gate.set()
        self._loop = asyncio.get_running_loop()

    def __call__(self) -> bytes:
        self.times += 1
        self.thread = threading.current_thread()
        self._loop.call_soon_threadsafe(self.begun.set)
        assert self.gate.wait(20)
        return self.picture


async def test_a_picture_is_made_once_and_in_a_thread():
    cache, make = PictureCache(1000), Maker()

    assert await cache.get("a/1", make) == await cache.get("a/1", make) == b"picture"

    assert make.times == 1
    assert make.thread is not threading.current_thread()


async def test_simultaneous_callers_share_one_picture():
    cache, make = PictureCache(1000), Maker(closed=True)
    callers = [asyncio.create_task(cache.get("a/1", make)) for _ in range(10)]
    await make.begun.wait()
    make.gate.set()

    assert await asyncio.gather(*callers) == [b"picture"] * 10
    assert make.times == 1


async def test_a_cancelled_caller_does_not_affect_the_others():
    cache, make = PictureCache(1000), Maker(closed=True)
    first, second = (asyncio.create_task(cache.get("a/1", make)) for _ in range(2))
    await make.begun.wait()
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    make.gate.set()

    assert await second == b"picture"
    assert "a/1" in cache
    assert make.times == 1


async def test_an_error_is_raised_and_not_kept():
    cache = PictureCache(1000)

    def fail():
        raise ValueError("no paint")

    for _ in range(2):
        with pytest.raises(ValueError, match="no paint"):
            await cache.get("a/1", fail)
    assert await cache.get("a/1", Maker()) == b"picture"


async def test_the_least_recently_used_picture_is_dropped():
    cache = PictureCache(30)
    for key in ("a/1", "a/2", "a/3"):
        await cache.get(key, Maker(bytes(10)))
    await cache.get("a/1", Maker())
    await cache.get("a/4", Maker(bytes(10)))

    assert [key for key in ("a/1", "a/2", "a/3", "a/4") if key in cache] == ["a/1", "a/3", "a/4"]
    assert cache.size_bytes == 30


async def test_a_picture_above_the_limit_is_returned_and_not_kept():
    cache = PictureCache(30)
    await cache.get("a/1", Maker(bytes(10)))

    assert await cache.get("a/2", Maker(bytes(31))) == bytes(31)

    assert "a/1" in cache
    assert "a/2" not in cache
    assert (len(cache), cache.size_bytes) == (1, 10)


async def test_a_limit_of_zero_keeps_nothing():
    cache, make = PictureCache(0), Maker()

    assert [await cache.get("a/1", make) for _ in range(2)] == [b"picture"] * 2
    assert (make.times, len(cache)) == (2, 0)


async def test_forget_drops_the_pictures_of_one_account():
    cache = PictureCache(1000)
    for key in ("a/1", "a/2", "b/1"):
        await cache.get(key, Maker())

    cache.forget("a/")

    assert (len(cache), cache.size_bytes) == (1, 7)
    cache.forget()
    assert (len(cache), cache.size_bytes) == (0, 0)


async def test_a_picture_forgotten_while_it_is_made_is_returned_and_not_kept():
    cache, old, new = PictureCache(1000), Maker(b"old", closed=True), Maker(b"new")
    waiting = asyncio.create_task(cache.get("a/1", old))
    await old.begun.wait()
    cache.forget("a/")

    assert await cache.get("a/1", new) == b"new"
    old.gate.set()
    assert await waiting == b"old"
    assert await cache.get("a/1", new) == b"new"
    assert new.times == 1


async def test_concurrency_limits_how_many_are_made_at_once():
    cache, slow, next_maker = PictureCache(1000, concurrency=1), Maker(closed=True), Maker()
    first = asyncio.create_task(cache.get("a/1", slow))
    await slow.begun.wait()
    second = asyncio.create_task(cache.get("a/2", next_maker))
    for _ in range(20):
        await asyncio.sleep(0)
    assert next_maker.times == 0

    slow.gate.set()
    assert [await first, await second] == [b"picture"] * 2
