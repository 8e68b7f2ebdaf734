"""The data of answers about tasks: progress and results (Workshop › 7, 8).

A status is one of four words. Clients know no others: with another word, one SDK polls forever and
one raises an error.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from mock_server.core.accounts import Account
from mock_server.core.jobs.job import Job, JobState
from mock_server.core.jobs.service import Snapshot
from mock_server.web.results import image_seed
from mock_server.workshop.errors import Refused
from mock_server.workshop.outputs import Outputs
from mock_server.workshop.settings import WorkshopSettings
from mock_server.workshop.task_metadata import task_metadata
from mock_server.workshop.token_operations import milliseconds
from mock_server.workshop.workflows import KnownWorkflows

STATUS = {
    JobState.CREATED: "waiting",
    JobState.PENDING: "waiting",
    JobState.WAITING: "waiting",
    JobState.RUNNING: "running",
    JobState.SUCCEEDED: "succeeded",
    JobState.FAILED: "failed",
    # Clients cannot cancel; a task that was cancelled by the control API ends without a result.
    JobState.CANCELED: "failed",
}

Data = dict[str, Any]


class TaskAnswers:
    """Builds the data of answers; settings choose the form of unknown members."""

    def __init__(
        self, settings: WorkshopSettings, outputs: Outputs, workflows: KnownWorkflows
    ) -> None:
        self.settings = settings
        self.outputs = outputs
        self.workflows = workflows

    def accepted(self, snapshot: Snapshot) -> Data:
        """Return the data of a submission; workflows have an estimated duration in seconds."""
        job = snapshot.job
        data: Data = {"taskId": job.id, "status": STATUS[snapshot.state]}
        if task_metadata(job).kind == "workflow":
            data["estimatedDurationInSeconds"] = round(job.plan.run, 1)
        return data

    def progress(self, snapshot: Snapshot, account: Account | None, origin: str) -> Data:
        """Return the data of a progress call; without `account` it has no URL of a picture."""
        job, state, now = snapshot.job, snapshot.state, snapshot.now
        metadata = task_metadata(job)
        data: Data = {"etaRelative": 0, "progress": int(job.done_at(now) * 1000) / 1000}
        status = STATUS[state]
        if status == "waiting":
            data["lastQueueRemaining"] = snapshot.ahead + self.settings.first_queue_place
        elif status == "running":
            left = job.plan.run * (1 - job.done_at(now))
            data["etaRelative"] = round(max(0.0, left), 1)
            data["message"] = "running" if metadata.kind == "workflow" else "sampling"
        elif status == "failed":
            data["message"] = self.why_failed(snapshot)
        data |= {"taskId": job.id, "status": status}
        if status == "running":
            data["state"] = (
                self.workflows.of(metadata).state_at(job, now)
                if metadata.kind == "workflow"
                else _sampling_state(job, now)
            )
        elif metadata.kind == "workflow" and account is not None and _files(snapshot):
            # A public client downloads from here once the task has succeeded.
            data["currentImage"] = self.outputs.url(job, 0, account, now, origin)
        return data

    def result(self, snapshot: Snapshot, account: Account, origin: str) -> Data:
        """Return the data of a result call; settings decide about tasks that have not succeeded."""
        status = STATUS[snapshot.state]
        if status == "failed" and self.settings.failed_result == "fail":
            failure = snapshot.job.planned_failure
            code = "" if failure is None else failure.code
            raise Refused("task-failed", self.why_failed(snapshot), code)
        if status in ("waiting", "running") and self.settings.unfinished_result == "fail":
            raise Refused("task-unfinished", f"The task is {status}")
        return self.data(snapshot, account, origin)

    def data(self, snapshot: Snapshot, account: Account, origin: str) -> Data:
        """Return the present result, independent of settings."""
        job, now = snapshot.job, snapshot.now
        urls = [self.outputs.url(job, each, account, now, origin) for each in _files(snapshot)]
        if task_metadata(job).kind == "workflow":
            return self._workflow_data(snapshot, urls)
        return {
            "images": urls,
            "parameters": _parameters(job) if urls else {},
            "taskId": job.id,
            "status": STATUS[snapshot.state],
            "info": _info(job) if urls else {},
        }

    def task_data(self, job: Job, account: Account, origin: str, at: float) -> Mapping[str, Any]:
        """Return the data of the result call at a moment, in any state of the task."""
        return self.data(Snapshot(job, at, job.state_at(at)), account, origin)

    def why_failed(self, snapshot: Snapshot) -> str:
        """Return why a task failed; for a workflow, with the node."""
        job, now = snapshot.job, snapshot.now
        if snapshot.state is JobState.CANCELED:
            return "The task was cancelled"
        reason = job.reason_at(now)
        metadata = task_metadata(job)
        if metadata.kind != "workflow":
            return reason
        node = self.workflows.of(metadata).failed_node(job, reason, now)
        return f"Node {node.id} failed: {reason}"

    def _workflow_data(self, snapshot: Snapshot, urls: list[str]) -> Data:
        job = snapshot.job
        version = self.workflows.of(task_metadata(job))
        has_ended, is_running = snapshot.state.final, snapshot.state is JobState.RUNNING
        # A task that polls or the control API advance may end before its planned start.
        begins_at = min(job.starts_at, job.ended_at if has_ended else snapshot.now)
        files = [self.outputs.file(job, index, url) for index, url in enumerate(urls)]
        return {
            "result": version.result(job, files) if files and version.outputs else None,
            "images": urls,
            "taskId": job.id,
            "status": STATUS[snapshot.state],
            "taskDuration": milliseconds(job.ended_at - begins_at) if has_ended else None,
            "taskBeginTime": milliseconds(begins_at) if has_ended or is_running else None,
            "taskEndTime": milliseconds(job.ended_at) if has_ended else None,
        }


def _files(snapshot: Snapshot) -> range:
    """Return the numbers of the files that a task has made."""
    return range(snapshot.job.files if snapshot.state.final else 0)


def _sampling_state(job: Job, now: float) -> Data:
    """Return the progress of sampling, in the members of the web UI (documented by name)."""
    began = datetime.fromtimestamp(min(job.starts_at, now), UTC)
    return {
        "job": f"task({job.id})",
        "job_no": 0,
        "job_count": 1,
        "job_timestamp": int(f"{began:%Y%m%d%H%M%S}"),
        "sampling_step": int(job.done_at(now) * job.order.steps),
        "sampling_steps": job.order.steps,
        "skipped": False,
        "interrupted": False,
    }


def _parameters(job: Job) -> dict[str, str]:
    """Return the requested parameters; both SDKs expect a map of strings to strings."""
    order = job.order
    return {
        "prompt": order.prompt,
        "negtive_prompt": order.negative_prompt,
        "stable_diffusion_model": order.model,
        "sampler_name": order.sampler,
        "steps": str(order.steps),
        "cfg_scale": f"{order.cfg_scale:g}",
        "width": str(order.width),
        "height": str(order.height),
        "batch_size": str(order.count),
        **dict(task_metadata(job).parameters),
    }


def _info(job: Job) -> dict[str, str]:
    """Return information about the result, with the seeds that were used."""
    order = job.order
    seeds = [image_seed(job, index) for index in range(order.count)]
    return {
        "seed": str(seeds[0]),
        "all_seeds": ",".join(map(str, seeds)),
        "sampler_name": order.sampler,
        "sd_model_name": order.model,
        "width": str(order.width),
        "height": str(order.height),
    }
