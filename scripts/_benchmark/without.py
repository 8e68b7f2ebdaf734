"""`tams-mock` without the part that the first argument names, to be compared with it unused."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any
from unittest.mock import patch

from starlette.types import ASGIApp

import mock_server.app
from mock_server.cli import main
from mock_server.web.calls import NO_HOOKS, Call
from mock_server.web.faults.service import FaultService
from mock_server.web.journal import Journal
from mock_server.web.observers import Tracing
from mock_server.web.pipeline import Hooks, Operation, Surface
from mock_server.web.recorder import Recorder


class NoJournal(Tracing):
    """Tells all observers but those that keep exchanges."""

    def __init__(self, app: ASGIApp, wall: Callable[[], float], observers: list[Any]) -> None:
        kept = (Journal, Recorder)
        others = [each for each in observers if not isinstance(getattr(each, "__self__", 0), kept)]
        super().__init__(app, wall, others)


class NoFaults(FaultService):
    """Does not look at calls."""

    def hooks_of(self, call: Call, operation: Operation, surface: Surface) -> Hooks:
        return NO_HOOKS


PARTS = {"journal": ("Tracing", NoJournal), "faults": ("FaultService", NoFaults)}

if __name__ == "__main__":
    name, replacement = PARTS[sys.argv.pop(1)]
    with patch.object(mock_server.app, name, replacement):
        main()
