"""The control API: everything under /_mock as an ASGI app."""

from __future__ import annotations

from collections.abc import Awaitable, Iterable, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from starlette.types import Receive, Scope, Send

from mock_server.control.dependencies import ControlDependencies
from mock_server.control.descriptions import account_body
from mock_server.control.front_page import PAGES, FrontPage
from mock_server.control.gate import Gate
from mock_server.control.probes import Probes
from mock_server.control.surface import ControlSurface, typed
from mock_server.core.scenarios import ScenarioRun, ScenarioStep
from mock_server.web.calls import Bounds, wants_page
from mock_server.web.pipeline import Operation, Pipeline

if TYPE_CHECKING:
    from mock_server.control.scenarios import Scenarios

__all__ = ["ControlApi", "ControlDependencies", "account_body"]

BOUNDS = Bounds(body_bytes=64 * 1024, body_timeout=30.0)  # captures may be larger


class ControlApi:
    """Pipelines for probes, for pages, and for all else; the last two are loaded when needed.

    The fifty pydantic models of all operations take 30 ms, so that neither the start nor a probe
    loads them.
    """

    def __init__(self, known: ControlDependencies) -> None:
        self.known = known
        self.gate = Gate(
            known.control_token,
            beyond_loopback=known.beyond_loopback,
            own_hosts=known.own_hosts,
            open_to_private=known.open_to_private,
        )
        self._probes = Probes(known.accounts, known.version, self.gate)
        known.accounts.scenarios.perform = self._perform
        known.accounts.on_gone = known.forget
        self._probing = self._pipeline(map(typed, self._probes.operations))
        self._probed = frozenset(operation.path for operation in self._probes.operations)

    @cached_property
    def _pages(self) -> Pipeline:
        front = FrontPage(self.known.version, guarded=self.known.beyond_loopback)
        return self._pipeline(map(typed, front.operations))

    @cached_property
    def _whole(self) -> Pipeline:
        return self._pipeline(self._loaded[0])

    @cached_property
    def _loaded(self) -> tuple[tuple[Operation, ...], Scenarios]:
        from mock_server.control.table import all_operations

        return all_operations(self.known, self._probes)

    @property
    def scenarios(self) -> Scenarios:
        return self._loaded[1]

    async def seed(self, accounts: Path | None, scenarios: Path | None, wall: float) -> None:
        """Make what files give the server to begin with; raises Conflict."""
        if accounts is None and scenarios is None:
            return
        from mock_server.control.accounts import Accounts
        from mock_server.control.seeds import seed_accounts, seed_scenarios

        if accounts is not None:
            await seed_accounts(Accounts(self.known), accounts, wall)
        if scenarios is not None:
            await seed_scenarios(self.scenarios, sorted(scenarios.glob("*.yaml")))  # noqa: ASYNC240

    async def _perform(
        self, run: ScenarioRun, step: ScenarioStep, wall: float
    ) -> tuple[tuple[str, ...], str]:
        return await self.scenarios.perform(run, step, wall)

    @property
    def operations(self) -> Sequence[Operation]:
        return self._whole.surface.operations

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        path = scope["path"]
        if path in self._probed:
            return self._probing(scope, receive, send)
        if path in PAGES and wants_page(scope):
            return self._pages(scope, receive, send)
        return self._whole(scope, receive, send)

    def _pipeline(self, operations: Iterable[Operation]) -> Pipeline:
        return Pipeline(ControlSurface(tuple(operations), self.gate), self.known.accounts, BOUNDS)
