"""What probes ask: alive, ready, which version. They are answered before all else is loaded."""

from __future__ import annotations

from mock_server.control.operations import Ask, Operation
from mock_server.control.problems import NOT_READY, Problem
from mock_server.core.worlds import Worlds

NAME = "tams-mock"


class Probes:
    """The operations that need no token."""

    def __init__(self, worlds: Worlds, version: str) -> None:
        self.worlds = worlds
        self.version = version
        self.operations = (
            Operation(
                "GET", "/health", self.get_health, "Whether the server is alive", open=True
            ),
            Operation(
                "GET", "/ready", self.get_ready, "Whether calls can come",
                problems=(NOT_READY,), open=True,
            ),
            Operation("GET", "/version", self.get_version, "Name and version", open=True),
        )  # fmt: skip

    async def get_health(self, ask: Ask[None, None]) -> dict[str, str]:
        return {"status": "alive"}

    async def get_ready(self, ask: Ask[None, None]) -> dict[str, str]:
        if await self.worlds.studio.owner(self.worlds.ready_made.id) is None:
            raise Problem(NOT_READY, "the seeded start is not laid out yet")
        return {"status": "ready"}

    async def get_version(self, ask: Ask[None, None]) -> dict[str, str]:
        return {"name": NAME, "version": self.version}
