"""The calls about tasks: submit, progress and result of both kinds (Workshop › 7, 8)."""

from __future__ import annotations

from typing import Any

from mock_server.core.jobs.service import Snapshot
from mock_server.core.jobs.watch import Watch
from mock_server.core.unit_of_work import UnitOfWork
from mock_server.web.calls import Call
from mock_server.web.progress import wished_progression
from mock_server.workshop.events import EventContext, Events
from mock_server.workshop.pools import named_pools
from mock_server.workshop.sd_tasks import ImageToImage, TextToImage
from mock_server.workshop.tasks import TaskRequest, Tasks
from mock_server.workshop.wire import CamelBody, scc
from mock_server.workshop.workflow_tasks import ComfyPrompt


class TaskName(CamelBody):
    """Names a task; other members do no harm."""

    task_id: str


class TaskOperations:
    """The operations on tasks. `public_url` replaces the caller's origin in URLs."""

    def __init__(self, tasks: Tasks, events: Events, *, public_url: str = "") -> None:
        self.tasks = tasks
        self.events = events
        self.public_url = public_url
        self.operations = (
            scc(
                "sd_txt2img", self.make, "Draw pictures from a text", "7", TextToImage,
                leaves=True, costs=True,
            ),
            scc(
                "sd_img2img", self.make, "Draw pictures over a picture", "7", ImageToImage,
                leaves=True, costs=True,
            ),
            scc("sd_get_progress", self.progress, "Look at how far a task is", "7", TaskName),
            scc("sd_get_result", self.result, "Get the result of a task", "7", TaskName),
            scc(
                "comfy_prompt", self.make, "Run a workflow", "8.1", ComfyPrompt,
                leaves=True, costs=True,
            ),
            scc("comfy_get_progress", self.progress, "Look at how far a task is", "8.2", TaskName),
            scc("comfy_get_result", self.result, "Get the result of a task", "8.3", TaskName),
        )  # fmt: skip

    async def make(self, call: Call, payload: TaskRequest) -> dict[str, Any]:
        """Workshop › 7, 8.1: make a task, if the customer allows the call."""

        async def submit(watch: Watch | None) -> Snapshot:
            progress = wished_progression(call)
            prepared = await self.tasks.prepare(call, payload)
            async with call.act() as world:
                return await self.tasks.make(
                    world, call, prepared, pools=named_pools(call), watch=watch, progress=progress
                )

        asked = payload.model_dump(exclude_unset=True)
        checkpoint = None if isinstance(payload, ComfyPrompt) else payload.checkpoint
        context = EventContext.of(call, self.public_url)
        snapshot = await self.events.carry_out(context, asked, submit, checkpoint=checkpoint)
        job = snapshot.job
        call.decide(task=job.id, state=snapshot.state, credits=job.price)
        return self.tasks.answers.accepted(snapshot)

    async def progress(self, world: UnitOfWork, call: Call, payload: TaskName) -> dict[str, Any]:
        """Workshop › 7, 8.2: of a task of either kind (choice 34)."""
        snapshot = await self.tasks.look(world, payload.task_id)
        call.decide(task=snapshot.job.id, state=snapshot.state)
        origin = call.origin(self.public_url)
        return self.tasks.answers.progress(snapshot, world.account, origin)

    async def result(self, world: UnitOfWork, call: Call, payload: TaskName) -> dict[str, Any]:
        """Workshop › 7, 8.3: of a task of either kind (choice 34)."""
        snapshot = await self.tasks.look(world, payload.task_id)
        call.decide(task=snapshot.job.id, state=snapshot.state)
        origin = call.origin(self.public_url)
        return self.tasks.answers.result(snapshot, world.account, origin)
