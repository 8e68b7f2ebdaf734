"""Calls of servers, and the events before and after them (Workshop › 11).

Such calls have no token, so choice 42 says whether events tell of them. An event for a model that
was listed is sent in any case, since only servers synchronise models.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mock_server.core.jobs.service import Snapshot
from mock_server.core.unit_of_work import UnitOfWork
from mock_server.web.calls import Call
from mock_server.workshop.envelope import invocation_id
from mock_server.workshop.events import EventContext, Events, Submit
from mock_server.workshop.own_models import OwnModel


class ServerCalls:
    """Carries out calls with the events that belong to them."""

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
        """Make a task if the customer allows it; a call that fails after that is rolled back."""
        return await self.events.carry_out(
            self._context(call), asked, submit, checkpoint=checkpoint
        )

    async def listed(self, world: UnitOfWork, call: Call, model: OwnModel) -> None:
        """Send an event for a synchronised model at the moment when it is listed."""
        await self.events.model_listed(
            world, self._context(call), listing_result(model), model.listed_at
        )

    def _context(self, call: Call) -> EventContext:
        return EventContext(
            call,
            api_id=call.path.rpartition("/")[2],
            invoke_id=invocation_id(call.trace),
            token=None,
            origin=call.origin(self.public_url),
        )


def listing_result(model: OwnModel) -> dict[str, Any]:
    """Return what the event says of a model that was listed; nothing public does (choice 38)."""
    return {
        "modelId": model.id.partition("/")[2],
        "modelVersionIds": list(model.versions),
        "success": True,
        "errMessage": None,
    }
