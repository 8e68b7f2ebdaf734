"""Calls of servers and the customer's events: asked before, told afterwards (Workshop › 11).

Such calls have no token, so by choice 42 nobody hears of them but where it says so. Whether a
synchronised model was listed is told whatever that choice is, as only servers ask for it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mock_server.core.jobs.service import Snapshot
from mock_server.core.models import OwnModel
from mock_server.web.calls import Call
from mock_server.workshop.envelope import invocation_id
from mock_server.workshop.events import EventContext, Events, Submit
from mock_server.workshop.models import listing_result


class ServerCalls:
    """Carries calls out under the events that belong to them."""

    def __init__(self, events: Events, *, public_url: str = "") -> None:
        self.events = events
        self.public_url = public_url

    async def carry_out(
        self,
        call: Call,
        asked: Mapping[str, Any],
        submit: Submit,
        *,
        checkpoint: Mapping[str, Any] | None = None,
    ) -> Snapshot:
        """Make a task if the customer lets it through; what fails then is rolled back."""
        context = self._context(call)
        return await self.events.carry_out(
            context, asked, submit, call.remark, checkpoint=checkpoint
        )

    async def tell_listed(self, call: Call, model: OwnModel, due_at: float) -> None:
        """Tell that a synchronised model was listed, when it is."""
        await self.events.model_listed(self._context(call), listing_result(model), due_at)

    def _context(self, call: Call) -> EventContext:
        return EventContext(
            account=call.account,
            api_id=call.path.rpartition("/")[2],
            invoke_id=invocation_id(call.trace),
            token=None,
            origin=call.origin(self.public_url),
            now=call.now,
        )
