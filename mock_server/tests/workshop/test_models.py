"""Models that customers bring along: what is taken, and when they are known."""

from __future__ import annotations

from typing import Any

import pytest

from mock_server.core.models import OwnModel
from mock_server.tests.workshop.world import NOW, a_world
from mock_server.workshop.models import listing_result

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
async def test_a_model_is_taken_with_a_plain_envelope(model):
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
async def test_a_model_that_is_not_as_documented_fails_and_its_member_is_named(changes, message):
    async with a_world() as world:
        code, found = await world.refusal(SYNC, a_model(**changes))

    assert code == "INVALID_PARAM"
    assert found.startswith(message)


@pytest.mark.parametrize(
    "name", ["cust-model-1", "cust-model-1.safetensors", "Demo", "cust-model-1-v1.safetensors"]
)
async def test_a_model_is_known_to_tasks_once_it_is_listed(name):
    async with a_world(workshop_models=["other"], workshop_model_listing_delay=60) as world:
        body = {"stable_diffusion_model": name}
        await world.data(SYNC, a_model())
        await world.advance(59)
        early = await world.refusal("/scc/sd_txt2img", body)
        await world.advance(1)
        await world.data("/scc/sd_txt2img", body)

    assert early == ("NOT_IN_CATALOGUE", f"stable_diffusion_model {name!r} does not exist")


async def told_of(world, *models):
    """Synchronise models one after the other; return what was told of their listing."""
    told = []

    async def tell_listed(call, model, due_at):
        told.append((listing_result(model), due_at))

    world.app.workshop.models.tell_listed = tell_listed
    for model in models:
        await world.data(SYNC, model)
        await world.advance(10)
    return told


async def test_the_customer_is_told_of_versions_that_were_not_there():
    more = a_model(versions=[a_version(), a_version(modelVersionId="v2")])
    async with a_world(workshop_model_listing_delay=5) as world:
        told = await told_of(world, a_model(), a_model(name="Renamed"), more)

    ids = [result["modelVersionIds"] for result, _ in told]
    assert ids == [["cust-model-1-v1"], ["cust-model-1-v1", "v2"]]
    assert [due_at for _, due_at in told] == [NOW + 5, NOW + 25]
    assert told[0][0]["modelId"] == "cust-model-1"


async def test_the_whole_model_is_kept_as_it_was_sent_last():
    async with a_world() as world:
        await told_of(world, a_model(), a_model(name="Renamed", versions=[]))
        async with world.app.job_service.store.view() as view:
            (model,) = await view.list(OwnModel, world.account.id)

    assert (model.names, model.versions) == (("cust-model-1", "Renamed"), ())


async def test_the_oldest_models_make_room():
    async with a_world(workshop_most_models=2) as world:
        for number in range(4):
            await world.data(SYNC, a_model(modelId=f"m{number}"))
        async with world.app.job_service.store.view() as view:
            kept = await view.list(OwnModel, world.account.id)

    assert [each.names[0] for each in kept] == ["m2", "m3"]


async def test_a_reset_of_uploads_forgets_the_models():
    async with a_world() as world:
        await world.data(SYNC, a_model())
        answer = await world.http.post("/_mock/reset?only=uploads", headers={"host": "127.0.0.1"})
        assert answer.status_code == 200, answer.text
        async with world.app.job_service.store.view() as view:
            assert await view.count(OwnModel) == 0
