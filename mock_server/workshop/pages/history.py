"""The tasks of a page's user: those that are not over, and those that are.

A user sees what all sessions of the token made, on the pages of both products.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from sys import maxsize
from typing import Any

from msgspec import Struct
from pydantic_core import to_json

from mock_server.core.accounts import Account
from mock_server.core.errors import NotFound
from mock_server.core.jobs.job import Job, JobState
from mock_server.core.jobs.service import Snapshot
from mock_server.core.unit_of_work import UnitOfWork
from mock_server.web.results import extension_of, image_seed
from mock_server.workshop.pages.access import PageUser
from mock_server.workshop.task_answers import TaskAnswers
from mock_server.workshop.task_metadata import task_metadata
from mock_server.workshop.token_history import made_with
from mock_server.workshop.token_operations import milliseconds

# How many tasks a page of history has, and how many of the newest are looked through for open ones.
PAGE = 12
NEWEST = 60

MAX_TITLE = 200


class HistoryPage(Struct, frozen=True):
    """Tasks that are over, the newest first; `more` says whether older ones follow."""

    items: Sequence[Snapshot]
    more: bool


async def unfinished(world: UnitOfWork, token_id: str) -> int:
    """Return how many of a token's newest tasks are not over."""
    ids = [job_id async for job_id in made_with(world, token_id, most=NEWEST)]
    jobs = [await world.tx.get(Job, job_id) for job_id in ids]
    return sum(job is not None and job.ending is None for job in jobs)


async def newest(world: UnitOfWork, user: PageUser) -> tuple[list[Snapshot], HistoryPage]:
    """Return the tasks that are not over, the oldest first, and those that are.

    It looks once at each, since a look advances tasks that polls advance.
    """
    found = [each async for each in _newest(world, user, NEWEST)]
    over = [each for each in found if each.state.final]
    more = len(over) > PAGE or len(found) == NEWEST
    going = [each for each in found[::-1] if not each.state.final]
    return going, HistoryPage(over[:PAGE], more)


async def history_page(
    world: UnitOfWork, user: PageUser, *, before: str, limit: int
) -> HistoryPage:
    """Return tasks that are over; with `before` those older than the task with this id."""
    items: list[Snapshot] = []
    async for snapshot in _newest(world, user, before=before):
        if snapshot.state.final:
            if len(items) == limit:
                return HistoryPage(items, more=True)
            items.append(snapshot)
    return HistoryPage(items, more=False)


async def finished_task(world: UnitOfWork, user: PageUser, task_id: str) -> Job | None:
    """Return one of the user's tasks that succeeded."""
    async for job_id in made_with(world, user.token.id):
        if job_id == task_id:
            snapshot = await _look(world, task_id)
            if snapshot is not None and snapshot.state is JobState.SUCCEEDED:
                return snapshot.job
            break
    return None


async def _newest(
    world: UnitOfWork, user: PageUser, most: int = maxsize, *, before: str = ""
) -> AsyncIterator[Snapshot]:
    async for job_id in made_with(world, user.token.id, before=before, most=most):
        snapshot = await _look(world, job_id)
        if snapshot is not None:
            yield snapshot


async def _look(world: UnitOfWork, job_id: str) -> Snapshot | None:
    try:
        return await world.jobs.look(job_id)
    except NotFound:  # it made room for others
        return None


def shown_task(snapshot: Snapshot, progress: Mapping[str, Any]) -> dict[str, Any]:
    """Return a task that is not over; `progress` is the data of its progress call."""
    state = progress.get("state") or {}
    metadata = task_metadata(snapshot.job)
    return {
        "id": snapshot.job.id,
        "title": _title(snapshot.job),
        "workflow": metadata.workflow,
        "version": metadata.version,
        "status": progress["status"],
        "progress": progress["progress"],
        "secondsLeft": progress["etaRelative"],
        "ahead": snapshot.ahead,
        "node": state.get("nodeLabel") or "",
        "step": state.get("step", state.get("sampling_step", 0)),
        "steps": state.get("maxSteps", state.get("sampling_steps", 0)),
    }


def shown_page(found: HistoryPage, answers: TaskAnswers, account: Account) -> dict[str, Any]:
    """Return a page of history, as the script of a session's page reads it."""
    items = [_shown_result(each, answers, account) for each in found.items]
    return {"items": items, "more": found.more}


def _shown_result(snapshot: Snapshot, answers: TaskAnswers, account: Account) -> dict[str, Any]:
    """Return a task that is over."""
    job, order = snapshot.job, snapshot.job.order
    metadata = task_metadata(job)
    succeeded = snapshot.state is JobState.SUCCEEDED
    # Pages download by other paths, so they need no origin.
    data = answers.data(snapshot, account, "")
    return {
        "id": job.id,
        "title": _title(job),
        "status": "succeeded" if succeeded else "failed",
        "reason": "" if succeeded else answers.why_failed(snapshot),
        "madeAt": milliseconds(job.submitted_at),
        "prompt": order.prompt,
        "negativePrompt": order.negative_prompt,
        "width": order.width,
        "height": order.height,
        "steps": order.steps,
        "cfgScale": order.cfg_scale,
        "sampler": order.sampler,
        "model": order.model,
        "workflow": metadata.workflow,
        "workflowName": answers.workflows.name_of(metadata),
        "version": metadata.version,
        "outputs": _outputs(job, data) if succeeded else [],
    }


def _title(job: Job) -> str:
    """Return a few words for a task."""
    text = job.order.prompt.strip() or task_metadata(job).workflow
    return text if len(text) <= MAX_TITLE else text[:MAX_TITLE] + "…"


def _outputs(job: Job, data: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the outputs of a task: its output fields, or its files if it has none."""
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
        "kind": "video" if job.order.is_video_at(index) else "image",
        "name": name,
        "path": f"pictures/{picture_name(job, index)}",
        "seed": str(image_seed(job, index)),  # It may have 64 bits; browsers keep 53 of a number.
    }


def picture_name(job: Job, index: int) -> str:
    """Return the name of a task's file below a session's URL."""
    return f"{job.id}_{index}.{extension_of(job, index)}"
