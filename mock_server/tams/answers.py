"""The bodies of answers about jobs and models, in protobuf's JSON mapping.

64-bit integers are decimal strings, enums are names, and members with a zero value are omitted
(U53), except `credits`, which clients read without a check.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from msgspec import Struct
from pydantic_core import to_json

from mock_server.core import ids
from mock_server.core.accounts import Account
from mock_server.core.jobs.job import Job, JobState
from mock_server.core.jobs.service import Snapshot
from mock_server.core.outbox import Delivery
from mock_server.tams.catalogue import Model
from mock_server.tams.settings import TamsSettings
from mock_server.tams.storage import Storage
from mock_server.tams.workflow.node_progress import finish_item
from mock_server.web import pictures
from mock_server.web.calls import Answer, json_answer
from mock_server.web.picture_files import media_type
from mock_server.web.results import format_of, image_seed, recipe_of, size_of

STATUS = {
    JobState.CREATED: "CREATED",
    JobState.PENDING: "PENDING",
    JobState.WAITING: "WAITING",
    JobState.RUNNING: "RUNNING",
    JobState.SUCCEEDED: "SUCCESS",
    JobState.FAILED: "FAILED",
    JobState.CANCELED: "CANCELED",
}

Body = dict[str, Any]

# The number of finished jobs whose answers are kept, about one kilobyte each.
MAX_READY_ANSWERS = 1000


class _Ready(Struct, frozen=True):
    """The answer to polls of a finished job from one moment until another."""

    job: Job
    since: float
    until: float
    answer: Answer


class JobAnswers:
    """Builds the bodies of answers; settings choose the form of unknown members."""

    def __init__(self, settings: TamsSettings, storage: Storage) -> None:
        self.settings = settings
        self.storage = storage
        self._is_repeatable = settings.result_url == "stable" and settings.expired_in == "constant"
        self._ready: dict[tuple[str, str], _Ready] = {}

    def created(self, job: Job) -> Body:
        """Return the answer to a creation; its status is CREATED (documented)."""
        return {"job": {"id": job.id, "status": "CREATED", "credits": float(job.price)}}

    def look(self, snapshot: Snapshot, account: Account, origin: str) -> Body | Answer:
        """Return the answer to a poll; that for a finished job is kept while it is valid."""
        job, now, key = snapshot.job, snapshot.now, (snapshot.job.id, origin)
        known = self._ready.get(key)
        # After a reset, another job may get the same id.
        if known is not None and known.job is job and known.since <= now < known.until:
            return known.answer
        body = self.job(snapshot, account, origin)
        if snapshot.state is not JobState.SUCCEEDED or not self._is_repeatable:
            return body
        ready = _Ready(job, now, self.storage.results_until(job, now), json_answer(body))
        self._ready[key] = ready
        if len(self._ready) > MAX_READY_ANSWERS:
            del self._ready[next(iter(self._ready))]
        return ready.answer

    def job(self, snapshot: Snapshot, account: Account, origin: str) -> Body:
        """Return a job in its wrapper, with the info of its state."""
        job, state = snapshot.job, snapshot.state
        is_free = state in (JobState.FAILED, JobState.CANCELED)
        is_free = is_free and self.settings.ended_credits == "zero"
        body: Body = {
            "id": job.id,
            "status": STATUS[state],
            "credits": 0.0 if is_free else float(job.price),
        }
        match state:
            case JobState.WAITING:
                body["waitingInfo"] = self._waiting(snapshot)
            case JobState.RUNNING:
                body["runningInfo"] = self._running(snapshot, account)
            case JobState.SUCCEEDED:
                body["successInfo"] = self._success(snapshot, account, origin)
            case JobState.FAILED:
                body["failedInfo"] = self._failed(snapshot, account, origin)
        return {"job": body}

    def notice(self, delivery: Delivery, job: Job, account: Account) -> bytes:
        """Return the body of a notification, in one of the forms that clients expect (U36).

        The real form is not public. The body has the state at the moment of the event.
        """
        state = delivery.state or job.state_at(delivery.made_at)
        snapshot = Snapshot(job, delivery.made_at, state)
        body: Body = self.job(snapshot, account, delivery.watch.origin)
        shown = body["job"]
        match self.settings.notify_payload:
            case "a":
                infos = {name: shown[name] for name in _INFOS if name in shown}
                body = {"jobId": job.id, "status": shown["status"], **infos}
            case "b":
                images = shown.get("successInfo", {}).get("images", [])
                body = {"jobId": job.id, "status": shown["status"]}
                if images:
                    body["images"] = [{"url": image["url"]} for image in images]
        return to_json(body)

    def model(self, model: Model, origin: str) -> Body:
        showcase = [
            f"{origin}/showcase/{model.id}/{number + 1}.png"
            for number in range(model.showcase_count)
        ]
        members = {
            "id": model.id,
            "name": model.name,
            "description": model.description,
            "baseModel": model.base_model,
            "modelType": model.model_type,
            "showcaseImageUrls": showcase,
            "projectName": model.project_name,
            "triggerWords": model.trigger_words,
        }
        return {"model": self._without_zeros(members)}

    def _waiting(self, snapshot: Snapshot) -> Body:
        rank = snapshot.ahead + self.settings.first_rank
        length = snapshot.ahead + 1 + snapshot.behind
        return self._without_zeros({"queueRank": str(rank), "queueLen": str(length)})

    def _running(self, snapshot: Snapshot, account: Account) -> Body:
        job = snapshot.job
        images = [
            self._without_zeros(
                {
                    "resourceImage": self._without_zeros(
                        {"id": _image_id(job, account, index), "url": "", "expiredIn": "0"}
                    ),
                    "progress": int(done * 100),
                }
            )
            for index, done in enumerate(job.images_done_at(snapshot.now))
        ]
        info: Body = {"processingImages": images}
        if job.order.notes:
            done = job.done_at(snapshot.now)
            info["workflowFinishItem"] = self._finish_item(job, done, snapshot.now)
        return self._with_stages(info, snapshot, images)

    def _success(self, snapshot: Snapshot, account: Account, origin: str) -> Body:
        job, order = snapshot.job, snapshot.job.order
        files = self._files(snapshot, account, origin)
        metadata: Body = {}
        info: Body = {}
        for index, file in enumerate(files):
            if order.is_video_at(index):
                info.setdefault("videos", []).append(file)
            else:
                info.setdefault("images", []).append(file)
                metadata[file["id"]] = {"meta": _file_facts(job, index)}
        runtime = max(1, round(job.ended_at - job.starts_at))
        if metadata:
            info["imageExifMetaMap"] = metadata
        info["runtime"] = str(runtime)
        if order.notes:
            shown = [_node_file(job, index, file) for index, file in enumerate(files)]
            info["workflowFinishItem"] = self._finish_item(job, 1.0, job.ended_at, shown)
        return self._with_stages(info, snapshot, _finished(files))

    def _files(self, snapshot: Snapshot, account: Account, origin: str) -> list[Body]:
        job, now = snapshot.job, snapshot.now
        files: list[Body] = []
        life = str(self.storage.result_life(job, now))
        for index in range(job.files):
            url = self.storage.result_url(job, account, index, now, origin)
            width, height = size_of(job, index)
            size: Body = {"width": width, "height": height}
            if self.settings.image_format == "present":
                size = {"format": format_of(job, index), **size}
            image_id = _image_id(job, account, index)
            files.append({"id": image_id, "url": url, "expiredIn": life, "meta": {"image": size}})
        return files

    def _finish_item(self, job: Job, done: float, now: float, images: Sequence[Body] = ()) -> Body:
        """Return the progress of a graph, node by node (TAMS › 7, U54)."""
        return finish_item(
            job.order.notes,
            id=f"wf-{job.id}",
            done=done,
            started_at=job.starts_at,
            now=now,
            images=images,
            numbers=self.settings.finish_item_numbers,
            finished_nodes=self.settings.finished_nodes,
        )

    def _failed(self, snapshot: Snapshot, account: Account, origin: str) -> Body:
        job = snapshot.job
        reason = job.reason_at(snapshot.now)
        reason = self.settings.failure_reason.replace("{reason}", reason)
        failure = job.planned_failure
        # DEFAULT is the zero value of its enum, but it is documented that it is sent.
        code = failure.code if failure is not None and failure.code else "DEFAULT"
        info: Body = {"reason": reason, "code": code}
        if not job.files:
            return self._with_stages(info, snapshot, [])
        # Only the description of 2023 has a member for pictures of a job that failed (TAMS › 7).
        files = _finished(self._files(snapshot, account, origin))
        return info | {"stages": [self._stage(job.stages_kept - 1, files)]}

    def _with_stages(self, info: Body, snapshot: Snapshot, images: list[Body]) -> Body:
        """Add the list of stages from the description of 2023 (U55)."""
        if self.settings.stages_shape == "2023":
            info["stages"] = [self._stage(snapshot.job.stage_at(snapshot.now), images)]
        return info

    def _stage(self, index: int, images: list[Body]) -> Body:
        return self._without_zeros({"stageIndex": str(index), "processingImages": images})

    def _without_zeros(self, members: Body) -> Body:
        if self.settings.zero_members == "send":
            return members
        return {name: value for name, value in members.items() if value not in _ZEROS}


_INFOS = ("waitingInfo", "runningInfo", "successInfo", "failedInfo")
_ZEROS: tuple[Any, ...] = (0, "0", "", [], None)


def _image_id(job: Job, account: Account, index: int) -> str:
    return ids.uuid_of(account.seed, "image", job.id, index)


def _node_file(job: Job, index: int, file: Body) -> Body:
    """Return a file in the form of a node's outputs (TAMS › 7)."""
    width, height = size_of(job, index)
    return {
        "filename": file["url"],
        "type": "output",
        "height": height,
        "width": width,
        "format": format_of(job, index),
        "imageResourceId": file["id"],
    }


def _finished(files: list[Body]) -> list[Body]:
    return [{"resourceImage": file, "progress": 100} for file in files]


def _file_facts(job: Job, index: int) -> dict[str, str]:
    """Return the metadata of a file, in the words of ExifTool."""
    recipe = recipe_of(job, index)
    return {
        "FileSize": file_size(pictures.size_bytes(recipe)),
        "ImageSize": f"{recipe.width}x{recipe.height}",
        "MIMEType": media_type(recipe.format),
        "Seed": str(image_seed(job, index)),
    }


def file_size(size_bytes: int) -> str:
    """Return a size in the form of ExifTool: bytes, kB or MB, in steps of a thousand."""
    if size_bytes < 2_000:
        return f"{size_bytes} bytes"
    if size_bytes < 10_000:
        return f"{size_bytes / 1000:.1f} kB"
    if size_bytes < 2_000_000:
        return f"{size_bytes / 1000:.0f} kB"
    return f"{size_bytes / 1_000_000:.1f} MB"
