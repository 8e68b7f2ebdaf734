"""Carrying out what a page asks for: the customer is asked first and told afterwards."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic_core import to_json

from mock_server.core.errors import StudioError
from mock_server.core.lobby import Lobby
from mock_server.core.sessions import Metering
from mock_server.core.studio import Snapshot
from mock_server.core.watch import Watch
from mock_server.web.calls import Call
from mock_server.workshop import wire
from mock_server.workshop.choices import Choices
from mock_server.workshop.envelope import invocation_id
from mock_server.workshop.events import Events, Occasion, Submit
from mock_server.workshop.pages.doors import Guest
from mock_server.workshop.pages.forms import DrawingForm, WorkflowForm
from mock_server.workshop.pages.gallery import Galleries
from mock_server.workshop.sd_tasks import ImageToImage, TextToImage
from mock_server.workshop.tasks import Tasks
from mock_server.workshop.workflow_tasks import ComfyPrompt


class TooManyTasks(StudioError):
    """The token has as many unfinished tasks as it may have."""


class Generating:
    """Makes tasks for guests."""

    def __init__(
        self,
        lobby: Lobby,
        galleries: Galleries,
        tasks: Tasks,
        events: Events,
        choices: Choices,
        public_url: str,
    ) -> None:
        self.lobby = lobby
        self.galleries = galleries
        self.tasks = tasks
        self.events = events
        self.choices = choices
        self.public_url = public_url

    async def draw(self, call: Call, guest: Guest, form: DrawingForm) -> Snapshot:
        """Make an SD task with what is attached to the token."""
        token = guest.token
        asked = form.request(model=token.model, vae=token.vae)
        kind: type[TextToImage | ImageToImage] = ImageToImage if form.image else TextToImage
        payload = wire.parse(kind, to_json(asked))

        async def submit(watch: Watch | None) -> Snapshot:
            return await self.tasks.draw(
                guest.account,
                payload,
                guest.now,
                pools=guest.session.pools,
                watch=watch,
                remark=call.remark,
            )

        return await self._carry_out(
            call, guest, form.api_id, asked, submit, checkpoint=payload.checkpoint
        )

    async def run(self, call: Call, guest: Guest, form: WorkflowForm) -> Snapshot:
        """Make a workflow task."""
        asked = form.request()
        payload = wire.parse(ComfyPrompt, to_json(asked))

        async def submit(watch: Watch | None) -> Snapshot:
            return await self.tasks.run(
                guest.account,
                payload,
                guest.now,
                pools=guest.session.pools,
                watch=watch,
                remark=call.remark,
            )

        return await self._carry_out(call, guest, form.api_id, asked, submit)

    async def _carry_out(
        self,
        call: Call,
        guest: Guest,
        api_id: str,
        asked: Mapping[str, Any],
        submit: Submit,
        *,
        checkpoint: Mapping[str, Any] | None = None,
    ) -> Snapshot:
        busy = await self.galleries.busy(guest)
        if busy >= self.choices.page_tasks:
            raise TooManyTasks(f"{busy} of your tasks are not finished yet; wait for one of them.")
        occasion = self.occasion(call, guest, api_id)
        snapshot = await self.events.carry_out(
            occasion, asked, submit, call.remark, checkpoint=checkpoint
        )
        metered = guest.session.metering is Metering.WORK
        await self.lobby.remember(
            guest.account, guest.token.id, snapshot.job.id, guest.now, metered=metered
        )
        return snapshot

    def occasion(self, call: Call, guest: Guest, api_id: str) -> Occasion:
        """Return what events tell of a guest's call."""
        return Occasion(
            account=guest.account,
            api_id=api_id,
            invoke_id=invocation_id(call.trace),
            token=guest.token.id,
            origin=call.origin(self.public_url),
            now=guest.now,
        )
