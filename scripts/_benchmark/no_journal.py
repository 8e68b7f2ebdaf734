"""`tams-mock` with the journal cut out: what one that is switched off is compared with."""

from __future__ import annotations

from unittest.mock import patch

from starlette.types import Receive, Scope, Send

import mock_server.app
from mock_server.cli import main
from mock_server.web.calls import Trace
from mock_server.web.journal import Journal


class NoJournal(Journal):
    """Does only what every call needs: a trace with its wall time."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope["trace"] = Trace("00000000", self.wall(), scope)
        try:
            await self.app(scope, receive, send)
        finally:
            del scope["trace"]  # so that nothing waits for a garbage collection


if __name__ == "__main__":
    with patch.object(mock_server.app, "Journal", NoJournal):
        main()
