"""`tams-mock` without the part that the first argument names, to be compared with it unused."""

from __future__ import annotations

import sys
from unittest.mock import patch

from starlette.types import Receive, Scope, Send

import mock_server.app
from mock_server.cli import main
from mock_server.web.calls import NO_HOOKS, Call
from mock_server.web.faults.service import FaultService
from mock_server.web.observers import Tracing
from mock_server.web.pipeline import Hooks, Operation, Surface
from mock_server.web.traces import Trace


class NoJournal(Tracing):
    """Does only what every request needs: a trace with the wall time."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope["trace"] = Trace("00000000", self.wall())
        await self.app(scope, receive, send)


class NoFaults(FaultService):
    """Does not look at calls."""

    def hooks_of(self, call: Call, operation: Operation, surface: Surface) -> Hooks:
        return NO_HOOKS


PARTS = {"journal": ("Tracing", NoJournal), "faults": ("FaultService", NoFaults)}

if __name__ == "__main__":
    name, replacement = PARTS[sys.argv.pop(1)]
    with patch.object(mock_server.app, name, replacement):
        main()
