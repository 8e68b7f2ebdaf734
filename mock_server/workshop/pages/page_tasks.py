"""Tasks that pages make, and texts on pages: the customer is asked first."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from pydantic_core import to_json

from mock_server.core.errors import DomainError
from mock_server.core.jobs.service import Snapshot
from mock_server.core.jobs.watch import Watch
from mock_server.core.unit_of_work import UnitOfWork
from mock_server.web.calls import Call
from mock_server.workshop import wire
from mock_server.workshop.events import EventContext, Events
from mock_server.workshop.pages.access import PageUser, enter
from mock_server.workshop.pages.forms import DrawingForm, WorkflowForm
from mock_server.workshop.pages.history import unfinished
from mock_server.workshop.pages.same_site import check_call
from mock_server.workshop.sd_tasks import ImageToImage, TextToImage
from mock_server.workshop.sessions import Metering
from mock_server.workshop.settings import WorkshopSettings
from mock_server.workshop.task_metadata import SD_WEBUI
from mock_server.workshop.tasks import TaskRequest, Tasks
from mock_server.workshop.token_history import remember
from mock_server.workshop.workflow_tasks import ComfyPrompt

# Characters of what the customer's system may say on a page.
MAX_NOTE = 2000


class TooManyTasks(DomainError):
    """The token has as many unfinished tasks as it may have."""


class PageTasks:
    """Makes tasks for users of pages. `own_hosts` are the mock's names beside the caller's."""

    def __init__(
        self,
        tasks: Tasks,
        events: Events,
        settings: WorkshopSettings,
        *,
        public_url: str,
        own_hosts: Collection[str],
    ) -> None:
        self.tasks = tasks
        self.events = events
        self.settings = settings
        self.public_url = public_url
        self.own_hosts = own_hosts

    async def make(self, call: Call) -> Snapshot:
        """Make a task from the page's form, if user and customer still allow it at the end."""
        async with call.act() as world:
            user = await enter(world, call)
            check_call(call, self.own_hosts)
            form = _form(call, user)
            await self._check_room(world, user)
        asked, kind = _request(form, user)
        payload = wire.parse(kind, to_json(asked))
        checkpoint = None if isinstance(payload, ComfyPrompt) else payload.checkpoint

        async def submit(watch: Watch | None) -> Snapshot:
            prepared = await self.tasks.prepare(call, payload)
            async with call.act() as world:
                user = await enter(world, call)
                await self._check_room(world, user)
                pools = user.session.pools
                snapshot = await self.tasks.make(world, call, prepared, pools=pools, watch=watch)
                metered = user.session.metering is Metering.WORK
                await remember(world, user.token.id, snapshot.job.id, metered=metered)
            return snapshot

        context = self._context(call, user, form.api_id)
        return await self.events.carry_out(context, asked, submit, checkpoint=checkpoint)

    async def note(self, call: Call, user: PageUser) -> str:
        """Return what the customer's system wants the page to say, such as a quota.

        What its answer holds is unknown (choice 39); the page shows `text` or `message`.
        """
        content = await self.events.page_text(self._context(call, user, SD_WEBUI))
        for name in ("text", "message"):
            if content and isinstance(text := content.get(name), str):
                return text[:MAX_NOTE]
        return ""

    def _context(self, call: Call, user: PageUser, api_id: str) -> EventContext:
        return EventContext.of(call, self.public_url, api_id=api_id, token=user.token.id)

    async def _check_room(self, world: UnitOfWork, user: PageUser) -> None:
        busy = await unfinished(world, user.token.id)
        if busy >= self.settings.page_tasks:
            raise TooManyTasks(f"{busy} of your tasks are not finished yet; wait for one of them.")


def _form(call: Call, user: PageUser) -> DrawingForm | WorkflowForm:
    if user.product == SD_WEBUI:
        return wire.parse(DrawingForm, call.body, remark=call.remark)
    return wire.parse(WorkflowForm, call.body, remark=call.remark)


def _request(
    form: DrawingForm | WorkflowForm, user: PageUser
) -> tuple[dict[str, Any], type[TaskRequest]]:
    """Return the body of the call that a server would make for a form, and its type."""
    if isinstance(form, WorkflowForm):
        return form.request(), ComfyPrompt
    asked = form.request(model=user.token.model, vae=user.token.vae)
    return asked, ImageToImage if form.image else TextToImage
