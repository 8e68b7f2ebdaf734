"""Resource pools, and models of customers (`Workshop › 9`, `10`)."""

import pytest

from contract_tests.markers import leaves_traces, observes, source
from contract_tests.outcomes import OnlyObserved
from contract_tests.workshop.envelopes import orderly, plain_success, reason, refused
from contract_tests.workshop.orders import A_MODEL, A_VERSION

MONITOR = "query_sp_resource_monitor_data"
KINDS = ["checkpoint", "lora", "textualinversion", "vae"]
SOURCES = ["liblib", "civitia", "hugging_face", "internal"]  # spelled so
BASES = [
    "v1.4", "v1.5", "v2.0", "v2.1", "vxl_0.9", "vxl_1.0", "vxl_distilled", "v1.5_lcm",
    "vxl_1.0_lcm", "vxl_turbo",
]  # fmt: skip
DESCRIBED = {
    **A_MODEL, "modelDesc": "<p>demo</p>", "source": "https://models.example/1",
    "isOriginal": False, "originalCreator": "studio",
    "originalCreatorHomepage": "https://studio.example",
    "versions": [{**A_VERSION, "versionDesc": "<p>first</p>"}],
}  # fmt: skip


@source("Workshop › 9")
@pytest.mark.parametrize("product", [None, "comfyui_api", "sd_webui"])
def test_the_use_of_a_pool_can_be_asked_for(workshop, observe, product):
    asked = {"resourceConfigIds": ["default"], "subProduct": product}

    envelope = workshop.ask(MONITOR, asked)

    if not orderly(envelope.answer):  # the use may be visible for a customer's own pools only
        observe("W37", "the use of the shared pool", reason(envelope.answer))
        raise OnlyObserved("the use of the shared pool is refused")
    data = plain_success(envelope)["data"]
    observe("W37", "data is a list", isinstance(data, list))
    for pool in data if isinstance(data, list) else [data]:
        assert pool["resourceConfigId"] == "default"
        for entry in pool["monitorData"]:
            ratio = entry["utilizationRatio"]
            assert 0 <= ratio <= 100
            observe("W37", "utilizationRatio", ratio)


@source("Workshop › 9", "Workshop › 12")
@pytest.mark.parametrize("count", [0, 1, 2, 3, 5])
def test_what_several_pools_and_unknown_ones_get(workshop, observe, count):
    ids = [f"pool{place}" for place in range(count)]

    envelope = workshop.ask(MONITOR, {"resourceConfigIds": ids})

    if not orderly(envelope.answer):
        observe("W14", f"{count} unknown pools", reason(envelope.answer))
        raise OnlyObserved("unknown pools are refused")
    data = envelope.body["data"]
    observe("W37", f"{count} unknown pools", data)
    told = [pool["resourceConfigId"] for pool in data] if isinstance(data, list) else ids
    assert told in ([], ids), f"the pools {ids} are answered as {told}"


@source("Workshop › 9")
def test_pools_have_to_be_named(workshop):
    refused(workshop.ask(MONITOR, {}).answer)


@source("Workshop › 10")
@leaves_traces
@pytest.mark.parametrize("model", [A_MODEL, DESCRIBED], ids=["required members", "all members"])
def test_a_model_can_be_brought_along(workshop, observe, model):
    envelope = workshop.ask("spSdModelSync", model)

    observe("W38", "the data of a model sync", plain_success(envelope)["data"])


@source("Workshop › 10")
@leaves_traces
@pytest.mark.parametrize("base", BASES)
def test_each_kind_source_and_base_of_a_model_is_taken(workshop, base):
    place = BASES.index(base)
    kinds = {"modelType": KINDS[place % 4], "sourceType": SOURCES[(place + place // 4) % 4]}
    versions = [{**A_VERSION, "modelVersionId": f"v{n}", "baseModel": base} for n in range(3)]

    plain_success(workshop.ask("spSdModelSync", {**A_MODEL, **kinds, "versions": versions}))


@source("Workshop › 10")
@leaves_traces
def test_a_model_is_sent_whole_each_time(workshop):
    for name in ("contract", "contract, renamed"):
        plain_success(workshop.ask("spSdModelSync", {**A_MODEL, "name": name}))


@source("Workshop › 10")
@leaves_traces
@pytest.mark.parametrize("missing", ["modelId", "name", "modelType", "sourceType"])
def test_a_model_without_what_is_required_is_refused(workshop, missing):
    model = {key: value for key, value in A_MODEL.items() if key != missing}

    refused(workshop.ask("spSdModelSync", model).answer)


@source("Workshop › 10")
@leaves_traces
@pytest.mark.parametrize("missing", ["modelVersionId", "name", "baseModel"])
def test_a_version_without_what_is_required_is_refused(workshop, missing):
    version = {key: value for key, value in A_VERSION.items() if key != missing}

    refused(workshop.ask("spSdModelSync", {**A_MODEL, "versions": [version]}).answer)


@source("Workshop › 10", "Workshop › 12")
@observes
@leaves_traces
def test_what_unknown_kinds_of_models_get(workshop, observe):
    for name in ("modelType", "sourceType"):
        answer = workshop.ask("spSdModelSync", {**A_MODEL, name: "no_such_kind"}).answer
        orderly(answer)
        observe("W22", f"an unknown {name}", reason(answer))
