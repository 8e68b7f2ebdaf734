"""What probes ask: alive, ready, which version. They are answered before all else is loaded."""

from __future__ import annotations

from mock_server.control.operations import ControlOperation, ControlRequest
from mock_server.control.problems import NOT_READY, Problem
from mock_server.core.account_service import AccountService

NAME = "tams-mock"


class Probes:
    """The operations that need no token."""

    def __init__(self, account_service: AccountService, version: str) -> None:
        self.account_service = account_service
        self.version = version
        self.operations = (
            ControlOperation(
                "GET", "/health", self.get_health, "Whether the server is alive", open=True
            ),
            ControlOperation(
                "GET", "/ready", self.get_ready, "Whether calls can come",
                problems=(NOT_READY,), open=True,
            ),
            ControlOperation("GET", "/version", self.get_version, "Name and version", open=True),
        )  # fmt: skip

    async def get_health(self, request: ControlRequest[None, None]) -> dict[str, str]:
        return {"status": "alive"}

    async def get_ready(self, request: ControlRequest[None, None]) -> dict[str, str]:
        if await self.account_service.job_service.owner(self.account_service.ready_made.id) is None:
            raise Problem(NOT_READY, "the seeded start is not laid out yet")
        return {"status": "ready"}

    async def get_version(self, request: ControlRequest[None, None]) -> dict[str, str]:
        return {"name": NAME, "version": self.version}
