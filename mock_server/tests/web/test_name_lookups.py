"""A name whose look-up hangs harms neither others nor the stop of the server."""

import asyncio
import socket
import threading

import pytest

from mock_server.web import name_lookups
from mock_server.web.name_lookups import MAX_LOOKUPS_AT_ONCE, NameLookups


class Names:
    """A name server that does not answer for names in `.test` until `door` is open."""

    def __init__(self):
        self.door, self.asked = threading.Event(), []

    def getaddrinfo(self, name, *args, **options):
        self.asked.append(name)
        if name == "unknown":
            raise OSError("not known")
        if name.endswith(".test"):
            self.door.wait(20)
        return [(0, 1, 6, "", (address, 0)) for address in ("::1", "127.0.0.1")]


@pytest.fixture
def names(monkeypatch):
    names = Names()
    monkeypatch.setattr(socket, "getaddrinfo", names.getaddrinfo)
    yield names
    names.door.set()


def begin(lookups, name, account="ada"):
    return asyncio.create_task(lookups.addresses(name, account))


async def test_names_that_hang_hold_up_no_other_account(names):
    lookups = NameLookups()
    hanging = [begin(lookups, f"{n}.test") for n in range(MAX_LOOKUPS_AT_ONCE + 1)]
    await asyncio.sleep(0)

    found = await lookups.addresses("here", "bob")

    assert [str(address) for address in found] == ["127.0.0.1", "::1"]
    assert len(names.asked) == MAX_LOOKUPS_AT_ONCE + 1
    names.door.set()
    assert await asyncio.gather(*hanging) == [found] * len(hanging)


async def test_all_who_ask_for_a_name_share_a_look_up_also_after_some_gave_up(names):
    lookups = NameLookups()
    first = begin(lookups, "a.test")
    await asyncio.sleep(0)
    first.cancel()
    others = [begin(lookups, "a.test", account) for account in "abc"]
    await asyncio.sleep(0)
    names.door.set()

    assert len(await asyncio.gather(*others)) == 3
    assert names.asked == ["a.test"]


async def test_a_place_is_free_again_when_a_look_up_has_failed(names, monkeypatch):
    monkeypatch.setattr(name_lookups, "MAX_LOOKUPS_AT_ONCE", 1)
    lookups = NameLookups()
    for _ in range(3):
        with pytest.raises(OSError, match="not known"):
            await lookups.addresses("unknown", "ada")


async def test_a_program_ends_while_a_name_is_looked_up(names):
    begin(NameLookups(), "a.test").cancel()
    hanging = begin(NameLookups(), "a.test")
    await asyncio.sleep(0)

    assert [each.daemon for each in threading.enumerate() if "a.test" in each.name] == [True]
    hanging.cancel()
