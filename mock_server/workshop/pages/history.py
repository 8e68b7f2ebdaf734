"""A guest's tasks as the pages show them: those that go on, and those that are over."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

from msgspec import Struct
from pydantic_core import to_json

from mock_server.core.errors import NotFound
from mock_server.core.jobs.job import Job, JobState
from mock_server.core.jobs.service import JobService, Snapshot
from mock_server.core.session_service import SessionService
from mock_server.web.results import extension_of, image_seed
from mock_server.workshop.pages.access import PageUser
from mock_server.workshop.task_metadata import metadata_of
from mock_server.workshop.token_operations import milliseconds

# How many tasks a page of history has, and among how many of the newest open ones are looked for.
PAGE = 12
NEWEST = 60

MAX_TITLE = 200


class HistoryPage(Struct, frozen=True):
    """Tasks that are over, the newest first; `more` says whether older ones follow."""

    items: Sequence[Snapshot]
    more: bool


class HistoryReader:
    """Looks through what belongs to a token, for the product whose page it is."""

    def __init__(self, job_service: JobService, session_service: SessionService) -> None:
        self.job_service = job_service
        self.session_service = session_service

    async def busy(self, user: PageUser) -> int:
        """Return how many of the newest tasks go on, those of both products; nothing is moved."""
        history = await self.session_service.history(user.account, user.token.id)
        jobs = [await self.job_service.job(job_id) for job_id in history.jobs[-NEWEST:]]
        return sum(job is not None and not job.state_at(user.now).final for job in jobs)

    async def newest(self, user: PageUser) -> tuple[list[Snapshot], HistoryPage]:
        """Return the tasks that go on, the oldest first, and those that are over.

        Each is looked at once, as a look moves tasks that polls move.
        """
        found = [each async for each in self._newest(user, NEWEST)]
        over = [each for each in found if each.state.final]
        more = len(over) > PAGE or len(found) == NEWEST
        return [each for each in found[::-1] if not each.state.final], HistoryPage(
            over[:PAGE], more
        )

    async def history_page(self, user: PageUser, *, before: str, limit: int) -> HistoryPage:
        """Return tasks that are over, those older than the task `before` if it is named."""
        items: list[Snapshot] = []
        async for snapshot in self._newest(user, before=before):
            if snapshot.state.final:
                if len(items) == limit:
                    return HistoryPage(items, more=True)
                items.append(snapshot)
        return HistoryPage(items, more=False)

    async def picture(self, user: PageUser, task_id: str) -> Job | None:
        """Return one of the guest's own tasks that has come to a good end."""
        history = await self.session_service.history(user.account, user.token.id)
        snapshot = await self._look(user, task_id) if task_id in history.jobs else None
        if snapshot is None or snapshot.state is not JobState.SUCCEEDED:
            return None
        return snapshot.job

    async def _newest(
        self, user: PageUser, most: int | None = None, *, before: str = ""
    ) -> AsyncIterator[Snapshot]:
        history = await self.session_service.history(user.account, user.token.id)
        older = history.jobs[: history.jobs.index(before)] if before in history.jobs else ()
        jobs = older if before else history.jobs
        for job_id in jobs[::-1][:most]:
            snapshot = await self._look(user, job_id)
            metadata = None if snapshot is None else metadata_of(snapshot.job)
            if snapshot is None or metadata is None:
                continue
            if metadata.product == user.session.session_slot.product:
                yield snapshot

    async def _look(self, user: PageUser, job_id: str) -> Snapshot | None:
        try:
            return await self.job_service.look(user.account, job_id, user.now)
        except NotFound:  # it had to make room, or was reset away
            return None


def shown_task(snapshot: Snapshot, progress: Mapping[str, Any]) -> dict[str, Any]:
    """Return a task that goes on; `progress` is the data of its progress call."""
    state = progress.get("state") or {}
    metadata = metadata_of(snapshot.job)
    return {
        "id": snapshot.job.id,
        "title": _title(snapshot.job),
        "workflow": "" if metadata is None else metadata.workflow,
        "version": "" if metadata is None else metadata.version,
        "status": progress["status"],
        "progress": progress["progress"],
        "secondsLeft": progress["etaRelative"],
        "ahead": snapshot.ahead,
        "node": state.get("nodeLabel") or "",
        "step": state.get("step", state.get("sampling_step", 0)),
        "steps": state.get("maxSteps", state.get("sampling_steps", 0)),
    }


def shown_result(snapshot: Snapshot, data: Mapping[str, Any], reason: str) -> dict[str, Any]:
    """Return a task that is over; `data` is that of its result call, `reason` why it failed."""
    job, order = snapshot.job, snapshot.job.order
    metadata = metadata_of(job)
    return {
        "id": job.id,
        "title": _title(job),
        "status": "failed" if reason else "succeeded",
        "reason": reason,
        "madeAt": milliseconds(job.submitted_at),
        "prompt": order.prompt,
        "negativePrompt": order.negative_prompt,
        "width": order.width,
        "height": order.height,
        "steps": order.steps,
        "cfgScale": order.cfg_scale,
        "sampler": order.sampler,
        "model": order.model,
        "workflow": "" if metadata is None else metadata.workflow,
        "version": "" if metadata is None else metadata.version,
        "outputs": [] if reason else _outputs(job, data),
    }


def _title(job: Job) -> str:
    """Return a few words for a task."""
    metadata = metadata_of(job)
    text = job.order.prompt.strip() or (metadata.workflow if metadata is not None else "")
    return text if len(text) <= MAX_TITLE else text[:MAX_TITLE] + "…"


def _outputs(job: Job, data: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return what a task has made: its output fields, or its files where it has none."""
    urls: list[str] = data["images"]
    fields: Mapping[str, Any] = data.get("result") or {}
    if not fields:
        return [_file(job, index) for index in range(len(urls))]
    outputs = []
    for name, value in fields.items():
        url = value.get("url") if isinstance(value, dict) else None
        if url in urls:
            outputs.append(_file(job, urls.index(url), name))
        else:
            text = value if isinstance(value, str) else to_json(value).decode()
            outputs.append({"kind": "text", "name": name, "text": text})
    return outputs


def _file(job: Job, index: int, name: str = "") -> dict[str, Any]:
    return {
        "kind": "video" if job.order.is_video else "image",
        "name": name,
        "path": f"pictures/{picture_name(job, index)}",
        "seed": image_seed(job, index),
    }


def picture_name(job: Job, index: int) -> str:
    """Return how one of a task's files is called below a session's URL."""
    return f"{job.id}_{index}.{extension_of(job)}"
