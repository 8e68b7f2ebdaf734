"""Looking up the addresses of host names, so that a name server that never answers harms little."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from ipaddress import IPv4Address, IPv6Address, ip_address
from threading import Thread
from weakref import WeakValueDictionary

Address = IPv4Address | IPv6Address

# A name server that does not answer keeps a look-up waiting for half a minute.
MAX_LOOKUPS_AT_ONCE = 8


class NameLookups:
    """Looks up names in separate threads, which a stop does not wait for.

    An account has at most MAX_LOOKUPS_AT_ONCE of them, so that others are not held up. All who ask
    for a name meanwhile share a look-up; those who give up do not end it.
    """

    def __init__(self) -> None:
        self._going: dict[str, asyncio.Future[list[Address]]] = {}
        self._places: WeakValueDictionary[str, asyncio.Semaphore] = WeakValueDictionary()

    async def addresses(self, name: str, account: str) -> list[Address]:
        """Return the addresses of a name, IPv4 first; raises OSError if it is not known."""
        if name not in self._going:
            places = self._places.setdefault(account, asyncio.Semaphore(MAX_LOOKUPS_AT_ONCE))
            await places.acquire()
            if name in self._going:  # Another one began meanwhile.
                places.release()
            else:
                self._begin(name, places.release)
        return await asyncio.shield(self._going[name])

    def _begin(self, name: str, release: Callable[[], None]) -> None:
        loop = asyncio.get_running_loop()
        self._going[name] = future = loop.create_future()

        def finish(addresses: list[Address], error: Exception | None) -> None:
            del self._going[name]
            release()
            if error is None:
                future.set_result(addresses)
            else:
                future.set_exception(error)
                future.exception()  # Perhaps no call waits for it any more.

        def work() -> None:
            addresses: list[Address] = []
            problem = None
            try:
                addresses = _addresses(name)
            except Exception as error:
                problem = error
            with suppress(RuntimeError):  # The server has stopped.
                loop.call_soon_threadsafe(partial(finish, addresses, problem))

        try:
            Thread(target=work, name=f"look-up of {name}", daemon=True).start()
        except RuntimeError as error:
            finish([], OSError(str(error)))


def _addresses(name: str) -> list[Address]:
    found = socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)
    addresses = dict.fromkeys(ip_address(entry[4][0]) for entry in found)
    # IPv4 first: test servers often listen only there.
    return sorted(addresses, key=lambda address: address.version)
