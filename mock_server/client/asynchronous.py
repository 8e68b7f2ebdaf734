"""The client whose calls are awaited, with asyncio or trio."""

from __future__ import annotations

from collections.abc import Awaitable, Coroutine
from contextlib import suppress
from http.client import HTTPException
from io import BytesIO
from typing import TYPE_CHECKING, Any

import anyio
from anyio.streams.tls import TLSStream

from mock_server.client.accounts import AccountClient
from mock_server.client.calls import ControlCalls
from mock_server.client.wire import ControlRequest, Json

if TYPE_CHECKING:
    from typing import Unpack

    from mock_server.client.members import AccountMembers

Answer = Coroutine[Any, Any, Json]
Answers = Coroutine[Any, Any, list[Json]]


class AsyncMockClient(ControlCalls[Answer, Answers]):
    """Calls that are awaited. Tasks and event loops may share a client."""

    async def _send(self, request: ControlRequest) -> Json:
        seconds = self.timeout if request.timeout is None else request.timeout
        connection, memory = self._address.connection(seconds), _Memory()
        connection.sock = memory
        self._address.send(connection, request)
        try:
            with anyio.fail_after(seconds):
                memory.received = await self._exchange(memory.sent)
            return self._address.read(connection.getresponse())
        except (OSError, HTTPException) as error:
            raise self._address.silent(error) from error
        except anyio.BrokenResourceError as error:
            raise self._address.silent(OSError(str(error.__cause__ or error))) from error

    async def new_account(
        self, **members: Unpack[AccountMembers]
    ) -> AccountClient[Answer, Answers]:
        """Create an account, and return it with the calls that are about it."""
        return AccountClient(self, await self.create_account(**members))

    async def _exchange(self, request: bytes) -> bytes:
        """Return all that the server sends until it closes the connection."""
        address, received = self._address, bytearray()
        stream: anyio.abc.ByteStream = await anyio.connect_tcp(address.host, address.port)
        try:
            if address.secure:
                stream = await TLSStream.wrap(
                    stream, hostname=address.host, standard_compatible=False
                )
            await stream.send(request)
            with suppress(anyio.EndOfStream):
                while True:
                    received += await stream.receive()
        finally:
            await anyio.aclose_forcefully(stream)
        return bytes(received)

    async def _items(self, kind: str, answer: Awaitable[Json]) -> list[Json]:
        return self._address.items(kind, await answer)


class _Memory:
    """What http.client takes for a socket: it keeps what is sent, and has what was received."""

    def __init__(self) -> None:
        self.sent = b""
        self.received = b""

    def sendall(self, data: bytes) -> None:
        self.sent += data

    def makefile(self, mode: str) -> BytesIO:
        return BytesIO(self.received)

    def close(self) -> None:
        pass
