"""Orders of drawings and workflows (`Workshop › 7`, `8.1`)."""

import pytest

from contract_tests.clients.workshop_answers import TASK_STATES
from contract_tests.markers import observes, source, spends
from contract_tests.tams.decoding import picture_in
from contract_tests.workshop.envelopes import orderly, reason, refused
from contract_tests.workshop.orders import (
    VERSION,
    WORKFLOW,
    a_drawing,
    a_prompt,
    some_inputs,
)
from contract_tests.workshop.shared_tasks import fetched
from contract_tests.workshop.uses import use

SPELLINGS = {
    "no member at all": {},
    "only a prompt": {"prompt": "a paper boat"},
    "a VAE of the model's own": a_drawing(sd_vae="Automatic"),
    "no VAE": a_drawing(sd_vae="None"),
    "nulls": a_drawing(clip_skip=None, alwayson_scripts=None, stable_diffusion_model=None),
    "a large seed": a_drawing(seed=2**32 - 1),
    "skipped layers": a_drawing(clip_skip=2),
    "unknown members": a_drawing(sinceLately=1),
}
POOLS = ["default", "default,default", None]


@source("Workshop › 2", "Workshop › 7", "Workshop › 1", "Workshop › 5.4")
@spends(1)
@pytest.mark.parametrize("order", SPELLINGS)
def test_no_member_of_a_drawing_is_required(workshop, order):
    task = workshop.submit_txt2img(**SPELLINGS[order])

    assert task["taskId"]
    assert task["status"] in TASK_STATES


@source("Workshop › 3.1", "Workshop › 9", "Workshop › 7")
@spends(1)
@pytest.mark.parametrize("pool", POOLS)
def test_the_header_of_the_pool_need_not_be_signed(workshop, pool):
    headers = {} if pool is None else {"X-SP-RESOURCE-CONFIG-ID": pool}

    envelope = use(workshop, "sd_txt2img", a_drawing(), headers=headers)

    assert envelope.expect_success()["taskId"]


@source("Workshop › 8.1", "Workshop › 9")
@spends(1)
def test_a_workflow_may_be_sent_to_the_shared_pool(workshop):
    headers = {"X-SP-RESOURCE-CONFIG-ID": "default"}

    assert use(workshop, "comfy_prompt", a_prompt(), headers=headers).expect_success()["taskId"]


@source("Workshop › 9", "Workshop › 12")
@observes
@spends(1)
def test_what_an_unknown_pool_gets(workshop, observe):
    headers = {"X-SP-RESOURCE-CONFIG-ID": "no-such-pool"}

    envelope = use(workshop, "sd_txt2img", a_drawing(), headers=headers)

    orderly(envelope.answer)
    observe("W14", "an unknown pool", reason(envelope.answer))


@source("Workshop › 7", "Workshop › 12")
@observes
@spends(1)
def test_what_an_unknown_model_gets(workshop, observe):
    order = a_drawing(stable_diffusion_model="no-such-model.safetensors")

    envelope = use(workshop, "sd_txt2img", order)

    orderly(envelope.answer)
    observe("W14", "an unknown model", reason(envelope.answer))


@source("Workshop › 2", "Workshop › 8.1")
@spends(1)
def test_a_workflow_takes_its_version_and_nulls_for_the_rest(workshop):
    order = a_prompt(alias_id=None, randomise_seeds=None, return_temp_files=None)

    task = workshop.submit_prompt(**order)

    assert task["status"] in TASK_STATES


@source("Workshop › 8.1")
@spends(1)
@pytest.mark.parametrize("level", [0, 50, 100])
def test_a_workflow_takes_the_ends_of_its_ranges(workshop, level):
    order = a_prompt(inputs=some_inputs(safe_confidence_level=level, denoise=level / 100))

    assert workshop.submit_prompt(**order)["taskId"]


@source("Workshop › 8.1")
@spends(1)
def test_a_workflow_may_be_asked_for_its_temporary_files(workshop):
    task = workshop.submit_prompt(**a_prompt(return_temp_files=True))["taskId"]

    assert workshop.wait_for(task, kind="comfy")["status"] == "succeeded"


@source("Workshop › 8.1")
@spends(2)
def test_random_seeds_make_another_picture_each_time(workshop):
    pictures = []
    for _ in range(2):
        task = workshop.submit_prompt(**a_prompt(randomise_seeds=True))["taskId"]
        workshop.wait_for(task, "succeeded", kind="comfy")
        url = workshop.result(task, "comfy")["images"][0]
        pictures.append(picture_in(fetched(workshop, url)).tobytes())

    assert pictures[0] != pictures[1], "two tasks with randomise_seeds made the same picture"


@source("Workshop › 8.1")
@spends(1)
def test_a_workflow_without_alias_and_version_is_refused(workshop):
    order = {"workflow_id": WORKFLOW, "inputs": some_inputs()}

    refused(use(workshop, "comfy_prompt", order).answer)


@source("Workshop › 8.1")
@spends(1)
@pytest.mark.parametrize("name", ["workflow_id", "inputs"])
def test_a_workflow_without_what_is_required_is_refused(workshop, name):
    order = {key: value for key, value in a_prompt().items() if key != name}

    refused(use(workshop, "comfy_prompt", order).answer)


@source("Workshop › 8.1", "Workshop › 12")
@observes
@spends(2)
def test_which_counts_where_alias_and_version_both_come(workshop, observe):
    for what, names in (
        ("an alias that does not exist, and a version", {"alias_id": "no-such-alias"}),
        ("an alias alone", {"version_id": None, "alias_id": "main"}),
    ):
        envelope = use(workshop, "comfy_prompt", a_prompt(**{"version_id": VERSION, **names}))
        orderly(envelope.answer)
        observe("W33", what, reason(envelope.answer))


@source("Workshop › 8.1", "Workshop › 12")
@observes
@spends(2)
def test_what_an_unknown_workflow_or_version_gets(workshop, observe):
    for what, order in (
        ("an unknown workflow", a_prompt(workflow_id="no_such_workflow")),
        ("an unknown version", a_prompt(version_id="v999")),
    ):
        envelope = use(workshop, "comfy_prompt", order)
        orderly(envelope.answer)
        observe("W14", what, reason(envelope.answer))
