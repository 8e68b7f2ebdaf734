"""The control API of a running mock as Python objects, over HTTP only.

    mock = MockClient("http://127.0.0.1:8080")
    account = mock.create_account(balance=100)
    mock.advance(seconds=30, account=account["id"])

AsyncMockClient has the same calls, to be awaited. Answers are the JSON of the control API as it is:
`GET /_mock/openapi.json` describes it. Arguments have the names of its members and parameters, in
snake case; what is None is left out.
"""

from typing import TYPE_CHECKING, Any

from mock_server.client.blocking import MockClient
from mock_server.client.calls import STATE_TIMEOUT, ControlCalls
from mock_server.client.wire import DEFAULT_URL, CallRefused, ControlRequest, Json, NotReachable

if TYPE_CHECKING:
    from mock_server.client.accounts import AccountClient
    from mock_server.client.asynchronous import AsyncMockClient

__all__ = [
    "DEFAULT_URL",
    "STATE_TIMEOUT",
    "AccountClient",
    "AsyncMockClient",
    "CallRefused",
    "ControlCalls",
    "ControlRequest",
    "Json",
    "MockClient",
    "NotReachable",
]


def __getattr__(name: str) -> Any:
    """Load what commands do not need when it is asked for."""
    if name == "AsyncMockClient":
        from mock_server.client.asynchronous import AsyncMockClient

        return AsyncMockClient
    if name == "AccountClient":
        from mock_server.client.accounts import AccountClient

        return AccountClient
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
