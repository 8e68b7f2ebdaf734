"""The client whose calls block."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from http.client import HTTPException, HTTPResponse
from typing import TYPE_CHECKING

from mock_server.client.calls import STATE_TIMEOUT, ControlCalls
from mock_server.client.wire import ControlRequest, Json

if TYPE_CHECKING:
    from typing import Unpack

    from mock_server.client.accounts import AccountClient
    from mock_server.client.asynchronous import AsyncMockClient
    from mock_server.client.members import AccountMembers

_PIECE_BYTES = 256 * 1024


class MockClient(ControlCalls[Json, list[Json]]):
    """Calls that block. Threads may share a client: each call has its own connection."""

    # http.client, because httpx takes three times as long to load as all else that a command needs.

    def _send(self, request: ControlRequest) -> Json:
        with self._answer(request) as answer:
            return self._address.read(answer)

    @property
    def awaited(self) -> AsyncMockClient:
        """The same calls, to be awaited."""
        from mock_server.client.asynchronous import AsyncMockClient

        token = self._address.control_token
        return AsyncMockClient(self.url, control_token=token, timeout=self.timeout)

    def new_account(self, **members: Unpack[AccountMembers]) -> AccountClient[Json, list[Json]]:
        """Create an account, and return it with the calls that are about it."""
        from mock_server.client.accounts import AccountClient

        return AccountClient(self, self.create_account(**members))

    def state_pieces(self, account: str | None = None) -> Iterator[bytes]:
        """Yield a state as it comes, which may be large."""
        query = {"account": account}
        request = ControlRequest("GET", "/_mock/state", None, query, STATE_TIMEOUT)
        with self._answer(request) as answer:
            if answer.status != HTTPStatus.OK:
                self._address.read(answer)
            while piece := answer.read1(_PIECE_BYTES):
                yield piece
            if answer.read():  # It raises where the answer broke off.
                raise self._address.no_mock()

    @contextmanager
    def _answer(self, request: ControlRequest) -> Iterator[HTTPResponse]:
        """Call an operation; its answer is to be read inside."""
        seconds = self.timeout if request.timeout is None else request.timeout
        connection = self._address.connection(seconds)
        try:
            self._address.send(connection, request)
            yield connection.getresponse()
        except (OSError, HTTPException) as error:
            raise self._address.silent(error) from error
        finally:
            connection.close()

    def _items(self, kind: str, answer: Json) -> list[Json]:
        return self._address.items(kind, answer)
