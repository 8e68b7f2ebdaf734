"""Operations for probes: alive, ready, which version. They need no token."""

from __future__ import annotations

from mock_server.control.gate import Gate
from mock_server.control.problems import NOT_READY, Problem
from mock_server.core.account_service import AccountService
from mock_server.web.calls import Call
from mock_server.web.pipeline import Operation

NAME = "tams-mock"


class Probes:
    """The operations that need no token; browsers of other sites are refused all the same."""

    def __init__(self, accounts: AccountService, version: str, gate: Gate) -> None:
        self.accounts = accounts
        self.version = version
        caller = gate.from_this_site
        self.operations = (
            Operation(
                "GET", "/_mock/health", self.get_health, "Whether the server is alive",
                caller=caller,
            ),
            Operation(
                "GET", "/_mock/ready", self.get_ready, "Whether the server is ready for calls",
                caller=caller, problems=(NOT_READY,),
            ),
            Operation(
                "GET", "/_mock/version", self.get_version, "Name and version", caller=caller
            ),
        )  # fmt: skip

    async def get_health(self, call: Call) -> dict[str, str]:
        return {"status": "alive"}

    async def get_ready(self, call: Call) -> dict[str, str]:
        if await self.accounts.get(self.accounts.ready_made.id) is None:
            raise Problem(NOT_READY, "the ready-made account does not exist yet")
        return {"status": "ready"}

    async def get_version(self, call: Call) -> dict[str, str]:
        return {"name": NAME, "version": self.version}
