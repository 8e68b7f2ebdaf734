"""Carrying out what a page asks for: the customer is asked first and told afterwards."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic_core import to_json

from mock_server.core.errors import DomainError
from mock_server.core.jobs.service import Snapshot
from mock_server.core.jobs.watch import Watch
from mock_server.core.session_service import SessionService
from mock_server.core.sessions import Metering
from mock_server.web.calls import Call
from mock_server.workshop import wire
from mock_server.workshop.envelope import invocation_id
from mock_server.workshop.events import EventContext, Events, Submit
from mock_server.workshop.pages.access import PageUser
from mock_server.workshop.pages.forms import DrawingForm, WorkflowForm
from mock_server.workshop.pages.history import HistoryReader
from mock_server.workshop.sd_tasks import ImageToImage, TextToImage
from mock_server.workshop.settings import WorkshopSettings
from mock_server.workshop.tasks import Tasks
from mock_server.workshop.workflow_tasks import ComfyPrompt


class TooManyTasks(DomainError):
    """The token has as many unfinished tasks as it may have."""


class PageTasks:
    """Makes tasks for guests."""

    def __init__(
        self,
        session_service: SessionService,
        histories: HistoryReader,
        tasks: Tasks,
        events: Events,
        settings: WorkshopSettings,
        public_url: str,
    ) -> None:
        self.session_service = session_service
        self.histories = histories
        self.tasks = tasks
        self.events = events
        self.settings = settings
        self.public_url = public_url

    async def draw(self, call: Call, user: PageUser, form: DrawingForm) -> Snapshot:
        """Make an SD task with what is attached to the token."""
        token = user.token
        asked = form.request(model=token.model, vae=token.vae)
        kind: type[TextToImage | ImageToImage] = ImageToImage if form.image else TextToImage
        payload = wire.parse(kind, to_json(asked))

        async def submit(watch: Watch | None) -> Snapshot:
            return await self.tasks.draw(
                user.account,
                payload,
                user.now,
                pools=user.session.pools,
                watch=watch,
                remark=call.remark,
            )

        return await self._carry_out(
            call, user, form.api_id, asked, submit, checkpoint=payload.checkpoint
        )

    async def run(self, call: Call, user: PageUser, form: WorkflowForm) -> Snapshot:
        """Make a workflow task."""
        asked = form.request()
        payload = wire.parse(ComfyPrompt, to_json(asked))

        async def submit(watch: Watch | None) -> Snapshot:
            return await self.tasks.run(
                user.account,
                payload,
                user.now,
                pools=user.session.pools,
                watch=watch,
                remark=call.remark,
            )

        return await self._carry_out(call, user, form.api_id, asked, submit)

    async def _carry_out(
        self,
        call: Call,
        user: PageUser,
        api_id: str,
        asked: Mapping[str, Any],
        submit: Submit,
        *,
        checkpoint: Mapping[str, Any] | None = None,
    ) -> Snapshot:
        busy = await self.histories.busy(user)
        if busy >= self.settings.page_tasks:
            raise TooManyTasks(f"{busy} of your tasks are not finished yet; wait for one of them.")
        context = self.context(call, user, api_id)
        snapshot = await self.events.carry_out(
            context, asked, submit, call.remark, checkpoint=checkpoint
        )
        metered = user.session.metering is Metering.WORK
        await self.session_service.remember(
            user.account, user.token.id, snapshot.job.id, user.now, metered=metered
        )
        return snapshot

    def context(self, call: Call, user: PageUser, api_id: str) -> EventContext:
        """Return what events tell of a guest's call."""
        return EventContext(
            account=user.account,
            api_id=api_id,
            invoke_id=invocation_id(call.trace),
            token=user.token.id,
            origin=call.origin(self.public_url),
            now=user.now,
        )
