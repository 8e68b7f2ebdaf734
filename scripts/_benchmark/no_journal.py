"""`tams-mock` without a journal, to compare it with a journal that is switched off."""

from __future__ import annotations

from unittest.mock import patch

from starlette.types import Receive, Scope, Send

import mock_server.app
from mock_server.cli import main
from mock_server.web.calls import Trace
from mock_server.web.observers import Tracing


class NoJournal(Tracing):
    """Does only what every request needs: a trace with the wall time."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope["trace"] = Trace("00000000", self.wall(), scope)
        try:
            await self.app(scope, receive, send)
        finally:
            del scope["trace"]  # avoids a reference cycle


if __name__ == "__main__":
    with patch.object(mock_server.app, "Tracing", NoJournal):
        main()
