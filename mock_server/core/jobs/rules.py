"""What the server decides about jobs and uploads; accounts may differ where they can."""

from __future__ import annotations

from msgspec import Struct

from mock_server.core.accounts import Progression
from mock_server.core.jobs.plans import Planner


class JobRules(Struct, frozen=True):
    """`slots` jobs run at the same time; `polls` looks end a job that polls advance.

    `keep_jobs` and `keep_resources` are how many of each an account keeps.
    """

    planner: Planner
    progress: Progression = Progression.TIME
    slots: int = 2
    polls: int = 4
    keep_jobs: int = 10_000
    keep_resources: int = 10_000
    upload_bytes: int = 20 * 1024 * 1024
