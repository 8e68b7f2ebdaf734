"""Resource pools: where sessions and tasks run, and their utilisation (Workshop › 9).

A private pool has a group of machines for each sub-product. Its utilisation is computed from the
tasks that were sent there and have not ended.
"""

from __future__ import annotations

from collections import Counter
from typing import Any, Literal

from mock_server.core.jobs.job import Job
from mock_server.core.unit_of_work import UnitOfWork
from mock_server.web.calls import Call
from mock_server.workshop.errors import Refused
from mock_server.workshop.settings import WorkshopSettings
from mock_server.workshop.task_metadata import COMFYUI, SHARED_POOL, metadata_of
from mock_server.workshop.validation import refused
from mock_server.workshop.wire import CamelBody, Items, scc

HEADER = b"x-sp-resource-config-id"

MAX_POOLS = 100
MAX_ID_LENGTH = 200

ComputingGroup = tuple[str, str]  # a pool and a sub-product


class QueryMonitor(CamelBody):
    """POST /scc/query_sp_resource_monitor_data; its default differs from that of sessions."""

    resource_config_ids: Items[str]
    sub_product: Literal["sd_webui", "comfyui_api"] = "comfyui_api"


class Pools:
    """Assigns tasks to pools, and reports utilisation."""

    def __init__(self, settings: WorkshopSettings) -> None:
        self.settings = settings
        self.operations = (
            scc(
                "query_sp_resource_monitor_data", self.monitor,
                "Query the utilisation of resource pools", "9", QueryMonitor,
            ),
        )  # fmt: skip

    async def place(self, world: UnitOfWork, ids: str, product: str) -> str:
        """Return the pool for a new task; refuse it if all pools are at their limit.

        That is the private pool with the lowest utilisation, the first of equal ones. `default`, if
        it is named, takes tasks that no private pool takes.
        """
        known = check_pools(ids, self.settings)
        private = [pool for pool in known if pool != SHARED_POOL]
        if not private:
            return SHARED_POOL
        busy = await self._tasks(world)
        pool = min(private, key=lambda each: busy[each, product])
        limit = self.settings.pool_limit
        if not limit or busy[pool, product] / self.settings.pool_capacity < limit:
            return pool
        if SHARED_POOL in known:
            return SHARED_POOL
        raise Refused("pools-busy", f"All of {', '.join(private)} are at their limit of {limit:g}")

    async def monitor(self, world: UnitOfWork, call: Call, payload: QueryMonitor) -> Any:
        """Workshop › 9; whether the data is a list, and its unit, are choice 37."""
        pools = check_pools(",".join(payload.resource_config_ids), self.settings)
        if not pools:
            raise refused("resourceConfigIds must name a pool")
        busy = await self._tasks(world)
        product = payload.sub_product
        data = [self._monitored(pool, product, busy[pool, product]) for pool in pools]
        return data if self.settings.monitor_data == "list" else data[0]

    def _monitored(self, pool: str, product: str, tasks: int) -> dict[str, Any]:
        scale = 1 if self.settings.utilisation_scale == "fraction" else 100
        part = min(1.0, tasks / self.settings.pool_capacity)
        group = "comfyui" if product == COMFYUI else "webui"
        return {
            "resourceConfigId": pool,
            "monitorData": [
                {"utilizationRatio": round(part * scale, 4), "computingGroupId": f"{pool}-{group}"}
            ],
        }

    async def _tasks(self, world: UnitOfWork) -> Counter[ComputingGroup]:
        """Return the number of waiting and running tasks in each group."""
        jobs = await world.tx.list(Job, world.account.id)
        found = (metadata_of(job) for job in jobs if job.ending is None)
        return Counter((each.pool, each.product) for each in found if each is not None)


def check_pools(ids: str, settings: WorkshopSettings) -> tuple[str, ...]:
    """Return the named pools; refuse one that does not exist (choice 14)."""
    named = tuple(dict.fromkeys(filter(None, map(str.strip, ids.split(",")))))
    if len(named) > MAX_POOLS or any(len(each) > MAX_ID_LENGTH for each in named):
        raise refused(f"there must be at most {MAX_POOLS} pools of {MAX_ID_LENGTH} characters each")
    for pool in named:
        if settings.pools and pool not in (*settings.pools, SHARED_POOL):
            raise Refused("unlisted", f"The resource pool {pool!r} does not exist")
    return named


def named_pools(call: Call) -> str:
    """Return the pools in the header of a call; the SDKs send `default` by default."""
    return (call.header(HEADER) or b"").decode("latin-1")
