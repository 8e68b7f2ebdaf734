"""A guest's tasks as the pages show them: those that go on, and those that are over."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

from msgspec import Struct
from pydantic_core import to_json

from mock_server.core.errors import NotFound
from mock_server.core.jobs import Job, JobState
from mock_server.core.lobby import Lobby
from mock_server.core.studio import Snapshot, Studio
from mock_server.web.results import extension_of, image_seed
from mock_server.workshop.pages.doors import Guest
from mock_server.workshop.tickets import ticket_of
from mock_server.workshop.token_operations import milliseconds

# How many tasks a page of history has, and among how many of the newest open ones are looked for.
PAGE = 12
NEWEST = 60

LONGEST_TITLE = 200


class Album(Struct, frozen=True):
    """Tasks that are over, the newest first; `more` says whether older ones follow."""

    items: Sequence[Snapshot]
    more: bool


class Galleries:
    """Looks through what belongs to a token, for the product whose page it is."""

    def __init__(self, studio: Studio, lobby: Lobby) -> None:
        self.studio = studio
        self.lobby = lobby

    async def busy(self, guest: Guest) -> int:
        """Return how many of the newest tasks go on, those of both products; nothing is moved."""
        gallery = await self.lobby.gallery(guest.account, guest.token.id)
        jobs = [await self.studio.job(job_id) for job_id in gallery.jobs[-NEWEST:]]
        return sum(job is not None and not job.state_at(guest.now).final for job in jobs)

    async def newest(self, guest: Guest) -> tuple[list[Snapshot], Album]:
        """Return the tasks that go on, the oldest first, and those that are over.

        Each is looked at once, as a look moves tasks that polls move.
        """
        found = [each async for each in self._newest(guest, NEWEST)]
        over = [each for each in found if each.state.final]
        more = len(over) > PAGE or len(found) == NEWEST
        return [each for each in found[::-1] if not each.state.final], Album(over[:PAGE], more)

    async def album(self, guest: Guest, *, before: str, limit: int) -> Album:
        """Return tasks that are over, those older than the task `before` if it is named."""
        items: list[Snapshot] = []
        async for snapshot in self._newest(guest, before=before):
            if snapshot.state.final:
                if len(items) == limit:
                    return Album(items, more=True)
                items.append(snapshot)
        return Album(items, more=False)

    async def picture(self, guest: Guest, task_id: str) -> Job | None:
        """Return one of the guest's own tasks that has come to a good end."""
        gallery = await self.lobby.gallery(guest.account, guest.token.id)
        snapshot = await self._look(guest, task_id) if task_id in gallery.jobs else None
        if snapshot is None or snapshot.state is not JobState.SUCCEEDED:
            return None
        return snapshot.job

    async def _newest(
        self, guest: Guest, most: int | None = None, *, before: str = ""
    ) -> AsyncIterator[Snapshot]:
        gallery = await self.lobby.gallery(guest.account, guest.token.id)
        older = gallery.jobs[: gallery.jobs.index(before)] if before in gallery.jobs else ()
        jobs = older if before else gallery.jobs
        for job_id in jobs[::-1][:most]:
            snapshot = await self._look(guest, job_id)
            ticket = None if snapshot is None else ticket_of(snapshot.job)
            if snapshot is None or ticket is None:
                continue
            if ticket.product == guest.session.seat.product:
                yield snapshot

    async def _look(self, guest: Guest, job_id: str) -> Snapshot | None:
        try:
            return await self.studio.look(guest.account, job_id, guest.now)
        except NotFound:  # it had to make room, or was reset away
            return None


def shown_task(snapshot: Snapshot, progress: Mapping[str, Any]) -> dict[str, Any]:
    """Return a task that goes on; `progress` is the data of its progress call."""
    state = progress.get("state") or {}
    ticket = ticket_of(snapshot.job)
    return {
        "id": snapshot.job.id,
        "title": _title(snapshot.job),
        "workflow": "" if ticket is None else ticket.workflow,
        "version": "" if ticket is None else ticket.version,
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
    ticket = ticket_of(job)
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
        "workflow": "" if ticket is None else ticket.workflow,
        "version": "" if ticket is None else ticket.version,
        "outputs": [] if reason else _outputs(job, data),
    }


def _title(job: Job) -> str:
    """Return a few words for a task."""
    ticket = ticket_of(job)
    text = job.order.prompt.strip() or (ticket.workflow if ticket is not None else "")
    return text if len(text) <= LONGEST_TITLE else text[:LONGEST_TITLE] + "…"


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
