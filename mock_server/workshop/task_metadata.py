"""What the Workshop keeps of a task beside its order: its kind, and where it runs.

The order's notes hold it as a line of JSON, so that a task is a job like any other.
"""

from __future__ import annotations

from functools import lru_cache
from sys import intern
from typing import Literal

from msgspec import Struct
from msgspec.structs import asdict
from pydantic_core import from_json, to_json

from mock_server.core.jobs.job import Job

SD_WEBUI = "sd_webui"
COMFYUI = "comfyui_api"

SHARED_POOL = "default"

Kind = Literal["txt2img", "img2img", "workflow"]


class TaskMetadata(Struct, frozen=True):
    """What belongs to a task. `parameters` are those that an order has no member for, as texts.

    A workflow's task has the `workflow` and its `version`, and `previews` pictures beside those
    that the workflow gives out.
    """

    kind: Kind
    pool: str = SHARED_POOL
    parameters: tuple[tuple[str, str], ...] = ()
    workflow: str = ""
    version: str = ""
    previews: int = 0

    @property
    def product(self) -> str:
        """The sub-product that carries the task out."""
        return COMFYUI if self.kind == "workflow" else SD_WEBUI

    @property
    def notes(self) -> str:
        """The text to keep in an order; equal metadata shares one."""
        told = {name: value for name, value in asdict(self).items() if value}
        return intern(to_json(told).decode())


def metadata_of(job: Job) -> TaskMetadata | None:
    """Return the metadata of a task, or None for a job of another surface."""
    return _read(job.order.notes)


def task_metadata(job: Job) -> TaskMetadata:
    """Return the metadata of a job that is known to be a task."""
    metadata = metadata_of(job)
    assert metadata is not None, "the job is not a task"  # noqa: S101
    return metadata


@lru_cache(maxsize=4096)
def _read(notes: str) -> TaskMetadata | None:
    if not notes.startswith('{"kind":'):
        return None
    told = from_json(notes)
    pairs = told.pop("parameters", ())
    return TaskMetadata(parameters=tuple((name, value) for name, value in pairs), **told)
