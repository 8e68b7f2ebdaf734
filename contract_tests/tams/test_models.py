"""Models."""

import pytest

from contract_tests.markers import source
from contract_tests.outcomes import OnlyObserved
from contract_tests.tams.orders import MODEL
from contract_tests.tams.refusals import refused

LORA = "643763684419793644"  # named by a public client
UNKNOWN = ("1", str(2**63), str(2**64 - 1))


@source("TAMS › 5.10", "TAMS › 2.10")
def test_a_model_comes_in_its_wrapper_and_nothing_next_to_it(tams):
    body = tams.call("GET", f"/v1/models/{MODEL}").expect(200)

    assert set(body) == {"model"}


@source("TAMS › 5.10", "TAMS › 2.2")
def test_the_model_is_the_one_that_was_asked_for(tams):
    model = tams.model(MODEL)

    assert model["id"] == MODEL
    assert model["name"]


@source("TAMS › 5.10")
def test_the_model_of_the_demos_can_be_drawn_with(tams):
    model = tams.model(MODEL)

    assert model["modelType"] == "CHECKPOINT"
    assert model["baseModel"]
    assert model["projectName"]


@source("TAMS › 5.10")
def test_showcase_pictures_have_addresses(tams, observe):
    model = tams.model(MODEL)

    urls = model.get("showcaseImageUrls", [])
    assert all(url.startswith(("https://", "http://")) for url in urls)
    observe("U53", "members of a model that are empty or left out", {
        name: model.get(name, "left out")
        for name in ("description", "showcaseImageUrls", "triggerWords")
        if not model.get(name)
    })  # fmt: skip


@source("TAMS › 5.10")
def test_a_model_is_the_same_each_time(tams):
    assert tams.model(MODEL) == tams.model(MODEL)


@source("TAMS › 5.10")
def test_a_lora_is_a_model_too(tams):
    answer = tams.call("GET", f"/v1/models/{LORA}")
    if answer.status == 404:
        pytest.skip("this host does not have the LoRA that a public client names")

    model = answer.expect(200)["model"]
    assert model["id"] == LORA
    assert model["modelType"] in ("LORA", "LOCON", "LYCORIS")


@source("TAMS › 5.10", "TAMS › 4")
@pytest.mark.parametrize("model", UNKNOWN)
def test_an_unknown_model_is_not_found(tams, model, observe):
    body = refused(tams.call("GET", f"/v1/models/{model}"), 404)

    observe("U43", "the body for an unknown model", body)


@source("TAMS › 5.10", "TAMS › 2.2")
def test_leading_zeros_of_an_id_do_not_make_another_model(tams, observe):
    answer = tams.call("GET", f"/v1/models/00{MODEL}")

    observe("U57", "an id with leading zeros", answer.status)
    if answer.status != 200:
        refused(answer)
        raise OnlyObserved("leading zeros of an id are refused (U57)")
    assert answer.json["model"]["id"] == MODEL


@source("TAMS › 2.2", "TAMS › 2.1")
def test_answers_and_refusals_are_json_and_say_so(tams, observe):
    for path in (f"/v1/models/{MODEL}", "/v1/models/1"):
        answer = tams.call("GET", path)
        content_type = answer.headers.get("content-type", "")
        assert content_type.partition(";")[0].strip().lower() == "application/json"
        observe("U61", f"names of the headers with {answer.status}", sorted(
            name.lower() for name in answer.headers
        ))  # fmt: skip
