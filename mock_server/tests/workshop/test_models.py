"""Models that customers synchronise: which are accepted, and when they are listed."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic_core import from_json

from mock_server.core.outbox import Delivery
from mock_server.tests.workshop.world import NOW, a_world
from mock_server.web.wall import wall
from mock_server.workshop.own_models import OwnModel

SYNC = "/scc/spSdModelSync"


def a_model(**changes: Any) -> dict[str, Any]:
    return {
        "modelId": "cust-model-1",
        "name": "Demo",
        "modelType": "checkpoint",
        "modelDesc": "<p>demo</p>",
        "sourceType": "internal",
        "versions": [a_version()],
        **changes,
    }


def a_version(**changes: Any) -> dict[str, Any]:
    return {"modelVersionId": "cust-model-1-v1", "name": "v1", "baseModel": "v1.5", **changes}


@pytest.mark.parametrize(
    "model",
    [
        a_model(),
        a_model(versions=None, source=None, isOriginal=None),
        a_model(sourceType="civitia", isOriginal=True, triggerWords=["x"]),
        a_model(versions=[a_version(baseModel="vxl_turbo", files=[{"url": "https://x"}])]),
    ],
    ids=["the example", "nulls", "the documented spelling", "members of the cut-off table"],
)
async def test_a_valid_model_is_accepted(model):
    async with a_world() as world:
        envelope = await world.post(SYNC, model)

    assert (envelope["status"], envelope["data"], envelope["errCode"]) == (10, None, None)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"modelId": None}, "modelId is required"),
        ({"modelId": ""}, "modelId must have 1 to 500 characters, found 0"),
        ({"modelType": "hypernetwork"}, "modelType "),
        ({"sourceType": "civitai"}, "sourceType "),
        ({"versions": [a_version(baseModel="v3")]}, "versions[0].baseModel "),
        ({"versions": [{"name": "v1", "baseModel": "v1.5"}]}, "versions[0].modelVersionId is"),
        ({"versions": [a_version()] * 101}, "versions must be at most 100, found 101"),
        ({"isOriginal": "yes"}, "isOriginal must be true or false, found a string"),
    ],
)
async def test_an_invalid_member_of_a_model_is_reported(changes, message):
    async with a_world() as world:
        code, found = await world.refusal(SYNC, a_model(**changes))

    assert code == "INVALID_PARAM"
    assert found.startswith(message)


@pytest.mark.parametrize(
    "name", ["cust-model-1", "cust-model-1.safetensors", "Demo", "cust-model-1-v1.safetensors"]
)
async def test_tasks_can_use_a_model_once_it_is_listed(name):
    async with a_world(workshop_models=["other"], workshop_model_listing_delay=60) as world:
        body = {"stable_diffusion_model": name}
        await world.data(SYNC, a_model())
        await world.advance(59)
        early = await world.refusal("/scc/sd_txt2img", body)
        await world.advance(1)
        await world.data("/scc/sd_txt2img", body)

    assert early == ("NOT_IN_CATALOGUE", f"stable_diffusion_model {name!r} does not exist")


async def synchronise(world, *models):
    """Synchronise models one after the other; return the moments of the events about them."""
    for model in models:
        await world.data(SYNC, model)
        await world.advance(10)
    return [(from_json(each.content), each.made_at) for each in await kept_of(world, Delivery)]


async def kept_of(world, kind):
    async with world.act() as unit:
        return await unit.tx.list(kind, world.account.id)


async def test_new_versions_are_reported_to_the_customer():
    more = a_model(versions=[a_version(), a_version(modelVersionId="v2")])
    url = "http://127.0.0.1:1/events"
    async with a_world(workshop_event_url=url, workshop_model_listing_delay=5) as world:
        listed = await synchronise(world, a_model(), a_model(name="Renamed"), more)

    ids = [result["modelVersionIds"] for result, _ in listed]
    assert ids == [["cust-model-1-v1"], ["cust-model-1-v1", "v2"]]
    assert [due_at for _, due_at in listed] == [NOW + 5, NOW + 25]
    assert listed[0][0]["modelId"] == "cust-model-1"


async def test_the_last_model_that_was_sent_is_stored():
    async with a_world() as world:
        await synchronise(world, a_model(), a_model(name="Renamed", versions=[]))
        (model,) = await kept_of(world, OwnModel)

    assert (model.names, model.versions) == (("cust-model-1", "Renamed"), ())


async def test_the_oldest_models_are_dropped():
    async with a_world(workshop_most_models=2) as world:
        await synchronise(world, *(a_model(modelId=f"m{number}") for number in range(4)))
        kept = await kept_of(world, OwnModel)

    assert [each.names[0] for each in kept] == ["m2", "m3"]


async def test_a_reset_of_uploads_removes_the_models():
    async with a_world() as world:
        await synchronise(world, a_model())
        await world.app.resets.reset(world.account, ["uploads"], wall())

        assert await kept_of(world, OwnModel) == []
