"""Tasks: generations that servers ask for, and session pages (Workshop › 7, 8).

A task is a job of the studio with a ticket; there is one space of ids for all of them (choice 34).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec.structs import replace

from mock_server.core import ids
from mock_server.core.accounts import Account, Progression
from mock_server.core.errors import NotFound
from mock_server.core.jobs.job import Job
from mock_server.core.jobs.service import JobService, Snapshot
from mock_server.core.jobs.watch import Watch
from mock_server.workshop import sd_tasks, workflow_tasks
from mock_server.workshop.file_inputs import FileInputs
from mock_server.workshop.models import Models
from mock_server.workshop.pools import Pools
from mock_server.workshop.sd_tasks import ImageToImage, ParsedTask, TextToImage
from mock_server.workshop.settings import WorkshopSettings
from mock_server.workshop.task_answers import TaskAnswers
from mock_server.workshop.task_metadata import metadata_of
from mock_server.workshop.validation import Remark
from mock_server.workshop.workflow_tasks import ComfyPrompt
from mock_server.workshop.workflows import KnownWorkflows


def _unheard(text: str) -> None:
    """Take a remark that nobody wants to hear."""


class Tasks:
    """Makes tasks, finds them, and says how they are.

    What is let through although a stricter service would not goes to `remark`, a sentence each.
    """

    def __init__(
        self,
        job_service: JobService,
        settings: WorkshopSettings,
        inputs: FileInputs,
        pools: Pools,
        models: Models,
        workflows: KnownWorkflows,
        answers: TaskAnswers,
    ) -> None:
        self.job_service = job_service
        self.settings = settings
        self.inputs = inputs
        self.pools = pools
        self.models = models
        self.workflows = workflows
        self.answers = answers

    async def draw(
        self,
        account: Account,
        payload: TextToImage | ImageToImage,
        now: float,
        *,
        pools: str = "",
        watch: Watch | None = None,
        progress: Progression | None = None,
        remark: Remark = _unheard,
    ) -> Snapshot:
        """Make a standard SD task; `pools` are comma-separated ids (Workshop › 9)."""
        made = sd_tasks.parse_order(payload, self.settings, remark)
        await self.models.check(account, made.order.model, now)
        return await self._submit(account, made, now, pools, watch, progress, remark)

    async def run(
        self,
        account: Account,
        payload: ComfyPrompt,
        now: float,
        *,
        pools: str = "",
        watch: Watch | None = None,
        progress: Progression | None = None,
        remark: Remark = _unheard,
    ) -> Snapshot:
        """Make a task of a workflow; `pools` are comma-separated ids (Workshop › 9)."""
        made = workflow_tasks.parse_order(payload, self.workflows, self.settings, remark)
        return await self._submit(account, made, now, pools, watch, progress, remark)

    async def look(self, account: Account, task_id: str, now: float) -> Snapshot:
        """Return a task as it stands, or raise NotFound; a task that polls move is moved by it."""
        job = await self.job_service.job(task_id)
        if job is None or job.account != account.id or metadata_of(job) is None:
            raise NotFound("task", task_id)
        snapshot = await self.job_service.look(account, task_id, now)
        if snapshot.state.final and now >= snapshot.job.ended_at + self.settings.task_life:
            raise NotFound("task", task_id)
        return snapshot

    def accepted(self, snapshot: Snapshot) -> dict[str, Any]:
        """Return the data of the call that made the task."""
        return self.answers.accepted(snapshot)

    def progress(
        self, snapshot: Snapshot, account: Account | None = None, origin: str = ""
    ) -> dict[str, Any]:
        """Return the data of the progress call; a picture's URL is in it for an account alone."""
        return self.answers.progress(snapshot, account, origin)

    def result(self, snapshot: Snapshot, account: Account, origin: str) -> dict[str, Any]:
        """Return the data of the result call; a failed task raises Refused, by choice."""
        return self.answers.result(snapshot, account, origin)

    def task_data(self, job: Job, account: Account, origin: str, at: float) -> Mapping[str, Any]:
        """Return what the result call has to say at a moment, whatever the task's state is."""
        return self.answers.data(Snapshot(job, at, job.state_at(at)), account, origin)

    def why_failed(self, snapshot: Snapshot) -> str:
        """Return why a failed task has failed; of a workflow, at which node."""
        return self.answers.why_failed(snapshot)

    async def _submit(
        self,
        account: Account,
        made: ParsedTask,
        now: float,
        pools: str,
        watch: Watch | None,
        progress: Progression | None,
        remark: Remark,
    ) -> Snapshot:
        order, waits_for, source = made.order, [], ""
        for field in made.files:
            resource_id = await self.inputs.take(account, field, now, remark)
            if resource_id:
                waits_for.append(resource_id)
                source = resource_id if field.drawn else source
        pool = await self.pools.place(account, pools, made.metadata.product, now)
        metadata = replace(made.metadata, pool=pool)
        secret = account.credentials.secret
        return await self.job_service.submit(
            account,
            replace(order, source=source, notes=metadata.notes),
            replace(made.work, inputs=tuple(dict.fromkeys(waits_for))),
            now,
            watch=watch,
            progress=progress,
            name=lambda tick, owner: ids.ulid_of(tick, secret, "task", owner),
        )
