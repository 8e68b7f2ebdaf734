"""Tasks: generations that servers and session pages ask for (Workshop › 7, 8).

A task is a job with metadata. Both kinds share one space of ids (choice 34).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from msgspec import Struct
from msgspec.structs import replace

from mock_server.core import ids
from mock_server.core.accounts import Progression
from mock_server.core.errors import NotFound
from mock_server.core.jobs.job import Job
from mock_server.core.jobs.service import Snapshot
from mock_server.core.jobs.watch import Watch
from mock_server.core.unit_of_work import UnitOfWork
from mock_server.web.calls import Call
from mock_server.workshop import sd_tasks, workflow_tasks
from mock_server.workshop.file_inputs import FileBytes, FileInputs
from mock_server.workshop.models import Models
from mock_server.workshop.pools import Pools
from mock_server.workshop.sd_tasks import ImageToImage, ParsedTask, TextToImage
from mock_server.workshop.settings import WorkshopSettings
from mock_server.workshop.task_answers import TaskAnswers
from mock_server.workshop.task_metadata import metadata_of
from mock_server.workshop.workflow_tasks import ComfyPrompt
from mock_server.workshop.workflows import KnownWorkflows

TaskRequest = TextToImage | ImageToImage | ComfyPrompt


class PreparedTask(Struct, frozen=True):
    """A task whose request was parsed and whose files were read, before it is made."""

    parsed: ParsedTask
    files: Mapping[str, FileBytes]


@dataclass(frozen=True, slots=True)
class Tasks:
    """Makes tasks and finds them.

    What a stricter service would refuse becomes a remark on the call.
    """

    settings: WorkshopSettings
    inputs: FileInputs
    pools: Pools
    models: Models
    workflows: KnownWorkflows
    answers: TaskAnswers

    async def prepare(self, call: Call, payload: TaskRequest) -> PreparedTask:
        """Parse a request and read its files. This leaves the event loop."""
        if isinstance(payload, ComfyPrompt):
            parsed = workflow_tasks.parse_order(payload, self.workflows, self.settings, call.remark)
        else:
            parsed = sd_tasks.parse_order(payload, self.settings, call.remark)
        return PreparedTask(parsed, await self.inputs.read(call, parsed.files))

    async def make(
        self,
        world: UnitOfWork,
        call: Call,
        prepared: PreparedTask,
        *,
        pools: str = "",
        watch: Watch | None = None,
        progress: Progression | None = None,
    ) -> Snapshot:
        """Make a prepared task; `pools` are comma-separated ids (Workshop › 9)."""
        parsed = prepared.parsed
        if parsed.metadata.kind != "workflow":
            await self.models.check(world, parsed.order.model)
        waits_for, source = [], ""
        for field in parsed.files:
            resource_id = await self.inputs.keep(world, field, prepared.files, call.remark)
            if resource_id:
                waits_for.append(resource_id)
                source = resource_id if field.drawn else source
        pool = await self.pools.place(world, pools, parsed.metadata.product)
        metadata = replace(parsed.metadata, pool=pool)
        secret = world.account.credentials.secret
        return await world.jobs.submit(
            replace(parsed.order, source=source, notes=metadata.notes),
            replace(parsed.work, inputs=tuple(dict.fromkeys(waits_for))),
            watch=watch,
            progress=progress,
            name=lambda tick, owner: ids.ulid_of(tick, secret, "task", owner),
        )

    async def look(self, world: UnitOfWork, task_id: str) -> Snapshot:
        """Return a task as it is, or raise NotFound; this look advances one that polls advance."""
        job = await world.own(Job, task_id)
        if job is None or metadata_of(job) is None:
            raise NotFound("task", task_id)
        snapshot = await world.jobs.look(task_id)
        if snapshot.state.final and world.now >= snapshot.job.ended_at + self.settings.task_life:
            raise NotFound("task", task_id)
        return snapshot
