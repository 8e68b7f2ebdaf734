"""Resource pools: which pool a task gets, and its utilisation."""

from __future__ import annotations

import pytest

from mock_server.tests.workshop.task_calls import LONG, metadata_in, prompt_of
from mock_server.tests.workshop.world import a_world
from mock_server.workshop.errors import Refused
from mock_server.workshop.pools import check_pools
from mock_server.workshop.settings import WorkshopSettings

MONITOR = "/scc/query_sp_resource_monitor_data"


async def send(world, pools=None, path="/scc/comfy_prompt"):
    """Create a task; return its pool."""
    headers = {} if pools is None else {"X-SP-RESOURCE-CONFIG-ID": pools}
    body = prompt_of() if path == "/scc/comfy_prompt" else {"prompt": "a boat"}
    data = await world.data(path, body, headers=headers)
    return (await metadata_in(world, data["taskId"])).pool


async def ratios(world, *pools, **members):
    data = await world.data(MONITOR, {"resourceConfigIds": pools, **members})
    return [each["monitorData"][0]["utilizationRatio"] for each in data]


@pytest.mark.parametrize("pools", [None, "", "default", " default , ", ","])
async def test_without_a_private_pool_a_task_runs_in_the_shared_one(pools):
    async with a_world() as world:
        assert await send(world, pools) == "default"


async def test_a_task_runs_in_the_private_pool_with_the_lowest_utilisation():
    async with a_world() as world:
        first = [await send(world, "a,b") for _ in range(4)]
        await world.advance(LONG)
        await send(world, "a")
        after = await send(world, "a,b")

    assert first == ["a", "b", "a", "b"]
    assert after == "b"


async def test_both_products_have_their_own_utilisation():
    async with a_world() as world:
        await send(world, "a")

        assert await send(world, "a,b", "/scc/sd_txt2img") == "a"
        assert await send(world, "a,b") == "b"


async def test_a_pool_without_a_limit_accepts_every_task():
    async with a_world(workshop_pool_capacity=1) as world:
        assert [await send(world, "a,default") for _ in range(4)] == ["a"] * 4


async def test_private_pools_at_their_limit_are_an_error():
    async with a_world(workshop_pool_capacity=2, workshop_pool_limit=1) as world:
        for _ in range(4):
            await send(world, "a,b")
        refusal = await world.refusal(
            "/scc/comfy_prompt", prompt_of(), headers={"x-sp-resource-config-id": "a,b"}
        )
        await world.advance(LONG)
        again = await send(world, "a,b")

    assert refusal == ("RESOURCE_BUSY", "All of a, b are at their limit of 1")
    assert again == "a"


async def test_the_shared_pool_takes_the_overflow_if_it_is_named():
    async with a_world(workshop_pool_capacity=2, workshop_pool_limit=0.5) as world:
        pools = [await send(world, "a,b,default") for _ in range(4)]

    assert pools == ["a", "b", "default", "default"]


async def test_an_unlisted_pool_is_refused_if_pools_are_configured():
    async with a_world(workshop_pools=["a"]) as world:
        assert await send(world, "a,default") == "a"
        refusals = [
            await world.refusal("/scc/sd_txt2img", {}, headers={"x-sp-resource-config-id": "a,z"}),
            await world.refusal(MONITOR, {"resourceConfigIds": ["z"]}),
        ]

    assert refusals == [("NOT_IN_CATALOGUE", "The resource pool 'z' does not exist")] * 2


def test_the_pools_of_sessions_are_checked_like_those_of_tasks():
    assert check_pools("a, b,,a,default", WorkshopSettings()) == ("a", "b", "default")
    with pytest.raises(Refused, match="'b' does not exist"):
        check_pools("a,b", WorkshopSettings(pools=("a",)))


async def test_the_monitor_follows_the_tasks():
    async with a_world(workshop_pool_capacity=4) as world:
        before = await ratios(world, "a", "b")
        await send(world, "a")
        await send(world, "a")
        during = await ratios(world, "a", "b")
        other_product = await ratios(world, "a", subProduct="sd_webui")
        await world.advance(LONG)
        after = await ratios(world, "a", "b")

    assert (before, during, after) == ([0, 0], [0.5, 0], [0, 0])
    assert other_product == [0]


async def test_utilisation_never_exceeds_one():
    async with a_world(workshop_pool_capacity=1, workshop_utilisation_scale="percent") as world:
        for _ in range(3):
            await send(world, "a")

        assert await ratios(world, "a") == [100]


async def test_the_monitor_answers_like_the_example():
    async with a_world() as world, a_world(workshop_monitor_data="object") as other:
        ids = {"resourceConfigIds": ["poolA", "poolB"], "subProduct": None}
        listed = await world.data(MONITOR, ids)
        single = await other.data(MONITOR, ids)

    assert [each["resourceConfigId"] for each in listed] == ["poolA", "poolB"]
    assert (
        single
        == listed[0]
        == {
            "resourceConfigId": "poolA",
            "monitorData": [{"utilizationRatio": 0, "computingGroupId": "poolA-comfyui"}],
        }
    )


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({}, "resourceConfigIds is required"),
        ({"resourceConfigIds": "a"}, "resourceConfigIds must be a list, found a string"),
        ({"resourceConfigIds": []}, "resourceConfigIds must name a pool"),
        ({"resourceConfigIds": ["x" * 201]}, "there must be at most 100 pools"),
        ({"resourceConfigIds": ["a"], "subProduct": "sd"}, "subProduct "),
    ],
)
async def test_a_query_without_a_pool_fails(body, message):
    async with a_world() as world:
        code, found = await world.refusal(MONITOR, body)

    assert code == "INVALID_PARAM"
    assert found.startswith(message)
