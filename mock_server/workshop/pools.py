"""Resource pools: where sessions and tasks run, and how busy it is there (Workshop › 9).

A private pool has a group of machines for each sub-product. How busy one is follows from the tasks
that were sent there and are not over, as a question of time.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, Literal

from mock_server.core.accounts import Account
from mock_server.core.jobs import Job
from mock_server.core.studio import Studio
from mock_server.web.calls import Call
from mock_server.web.pipeline import Operation
from mock_server.workshop.choices import Choices
from mock_server.workshop.errors import Refused
from mock_server.workshop.scrutiny import refused
from mock_server.workshop.tickets import COMFYUI, SHARED_POOL, ticket_of
from mock_server.workshop.wire import CamelBody

HEADER = b"x-sp-resource-config-id"

MOST_POOLS = 100
LONGEST_ID = 200

Group = tuple[str, str]  # a pool and a sub-product


class QueryMonitor(CamelBody):
    """Which pools are asked for. The default differs from that of the session calls."""

    resource_config_ids: list[str]
    sub_product: Literal["sd_webui", "comfyui_api"] = "comfyui_api"


class Pools:
    """Sends tasks to pools, and tells how busy they are."""

    def __init__(self, studio: Studio, choices: Choices) -> None:
        self.studio = studio
        self.choices = choices
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
        known = check_pools(ids, self.choices)
        private = [pool for pool in known if pool != SHARED_POOL]
        if not private:
            return SHARED_POOL
        busy = await self._tasks(account, now)
        pool = min(private, key=lambda each: busy[each, product])
        limit = self.choices.pool_limit
        if not limit or busy[pool, product] / self.choices.pool_capacity < limit:
            return pool
        if SHARED_POOL in known:
            return SHARED_POOL
        raise Refused("pools-busy", f"All of {', '.join(private)} are at their limit of {limit:g}")

    async def monitor(self, call: Call, payload: QueryMonitor) -> Any:
        """Workshop › 9: whether there is a list, and the unit, are choice 37."""
        pools = check_pools(",".join(payload.resource_config_ids), self.choices)
        if not pools:
            raise refused("resourceConfigIds must name a pool")
        busy = await self._tasks(call.account, call.now)
        product = payload.sub_product
        data = [self._monitored(pool, product, busy[pool, product]) for pool in pools]
        return data if self.choices.monitor_data == "list" else data[0]

    def _monitored(self, pool: str, product: str, tasks: int) -> dict[str, Any]:
        full = 1 if self.choices.utilisation_scale == "fraction" else 100
        part = min(1.0, tasks / self.choices.pool_capacity)
        group = "comfyui" if product == COMFYUI else "webui"
        return {
            "resourceConfigId": pool,
            "monitorData": [
                {"utilizationRatio": round(part * full, 4), "computingGroupId": f"{pool}-{group}"}
            ],
        }

    async def _tasks(self, account: Account, now: float) -> Counter[Group]:
        """Return how many tasks wait or run in each group."""
        jobs = await self.studio.store.list(Job, account.id)
        return Counter(_groups(jobs, lambda job: job.state_at(now).final))


def _groups(jobs: Sequence[Job], is_over: Callable[[Job], bool]) -> list[Group]:
    # Most of the jobs that are kept are known to be over, and need no further look.
    going_on = (job for job in jobs if job.ending is None and not is_over(job))
    tickets = (ticket_of(job) for job in going_on)
    return [(ticket.pool, ticket.product) for ticket in tickets if ticket is not None]


def check_pools(ids: str, choices: Choices) -> tuple[str, ...]:
    """Return the pools that are named, or refuse one that does not exist (choice 14)."""
    named = tuple(dict.fromkeys(filter(None, map(str.strip, ids.split(",")))))
    if len(named) > MOST_POOLS or any(len(each) > LONGEST_ID for each in named):
        raise refused(f"there must be at most {MOST_POOLS} pools of {LONGEST_ID} characters each")
    for pool in named:
        if choices.pools and pool not in (*choices.pools, SHARED_POOL):
            raise Refused("unlisted", f"The resource pool {pool!r} does not exist")
    return named


def named_pools(call: Call) -> str:
    """Return the pools that the header of a call names; the SDKs send `default` if not told."""
    return (call.header(HEADER) or b"").decode("latin-1")
