"""Resource pools: where sessions and tasks run, and how busy it is there (Workshop › 9).

A private pool has a group of machines for each sub-product. How busy one is follows from the tasks
that were sent there and are not over, as a question of time.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, Literal

from mock_server.core.accounts import Account
from mock_server.core.jobs.job import Job
from mock_server.core.jobs.service import JobService
from mock_server.web.calls import Call
from mock_server.web.pipeline import Operation
from mock_server.workshop.errors import Refused
from mock_server.workshop.settings import WorkshopSettings
from mock_server.workshop.task_metadata import COMFYUI, SHARED_POOL, metadata_of
from mock_server.workshop.validation import refused
from mock_server.workshop.wire import CamelBody

HEADER = b"x-sp-resource-config-id"

MAX_POOLS = 100
MAX_ID_LENGTH = 200

Group = tuple[str, str]  # a pool and a sub-product


class QueryMonitor(CamelBody):
    """Which pools are asked for. The default differs from that of the session calls."""

    resource_config_ids: list[str]
    sub_product: Literal["sd_webui", "comfyui_api"] = "comfyui_api"


class Pools:
    """Sends tasks to pools, and tells how busy they are."""

    def __init__(self, job_service: JobService, settings: WorkshopSettings) -> None:
        self.job_service = job_service
        self.settings = settings
        self.operations = (
            Operation(
                "POST", "/scc/query_sp_resource_monitor_data", self.monitor,
                "Look at how busy resource pools are", "Workshop › 9", body=QueryMonitor,
            ),
        )  # fmt: skip

    async def place(self, account: Account, ids: str, product: str, now: float) -> str:
        """Return the pool for one more task, or refuse it where all of them are busy.

        Of private pools it is the one with the lowest utilisation, the first of equals; `default`
        among them takes what no private one does.
        """
        known = check_pools(ids, self.settings)
        private = [pool for pool in known if pool != SHARED_POOL]
        if not private:
            return SHARED_POOL
        busy = await self._tasks(account, now)
        pool = min(private, key=lambda each: busy[each, product])
        limit = self.settings.pool_limit
        if not limit or busy[pool, product] / self.settings.pool_capacity < limit:
            return pool
        if SHARED_POOL in known:
            return SHARED_POOL
        raise Refused("pools-busy", f"All of {', '.join(private)} are at their limit of {limit:g}")

    async def monitor(self, call: Call, payload: QueryMonitor) -> Any:
        """Workshop › 9: whether there is a list, and the unit, are choice 37."""
        pools = check_pools(",".join(payload.resource_config_ids), self.settings)
        if not pools:
            raise refused("resourceConfigIds must name a pool")
        busy = await self._tasks(call.account, call.now)
        product = payload.sub_product
        data = [self._monitored(pool, product, busy[pool, product]) for pool in pools]
        return data if self.settings.monitor_data == "list" else data[0]

    def _monitored(self, pool: str, product: str, tasks: int) -> dict[str, Any]:
        full = 1 if self.settings.utilisation_scale == "fraction" else 100
        part = min(1.0, tasks / self.settings.pool_capacity)
        group = "comfyui" if product == COMFYUI else "webui"
        return {
            "resourceConfigId": pool,
            "monitorData": [
                {"utilizationRatio": round(part * full, 4), "computingGroupId": f"{pool}-{group}"}
            ],
        }

    async def _tasks(self, account: Account, now: float) -> Counter[Group]:
        """Return how many tasks wait or run in each group."""
        jobs = await self.job_service.store.list(Job, account.id)
        return Counter(_groups(jobs, lambda job: job.state_at(now).final))


def _groups(jobs: Sequence[Job], is_over: Callable[[Job], bool]) -> list[Group]:
    # Most of the jobs that are kept are known to be over, and need no further look.
    going_on = (job for job in jobs if job.ending is None and not is_over(job))
    metadatas = (metadata_of(job) for job in going_on)
    return [(metadata.pool, metadata.product) for metadata in metadatas if metadata is not None]


def check_pools(ids: str, settings: WorkshopSettings) -> tuple[str, ...]:
    """Return the pools that are named, or refuse one that does not exist (choice 14)."""
    named = tuple(dict.fromkeys(filter(None, map(str.strip, ids.split(",")))))
    if len(named) > MAX_POOLS or any(len(each) > MAX_ID_LENGTH for each in named):
        raise refused(f"there must be at most {MAX_POOLS} pools of {MAX_ID_LENGTH} characters each")
    for pool in named:
        if settings.pools and pool not in (*settings.pools, SHARED_POOL):
            raise Refused("unlisted", f"The resource pool {pool!r} does not exist")
    return named


def named_pools(call: Call) -> str:
    """Return the pools that the header of a call names; the SDKs send `default` if not told."""
    return (call.header(HEADER) or b"").decode("latin-1")
