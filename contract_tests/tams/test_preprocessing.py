"""Control-net preprocessors and words for uploaded pictures; both are free."""

import pytest

from contract_tests.answers import Unmet
from contract_tests.markers import leaves_traces, observes, source
from contract_tests.tams.orders import SIDE, a_small_order
from contract_tests.tams.pictures import FORMATS, a_picture
from contract_tests.tams.refusals import expect_no_crash, refused

DETECT = "/v1/controlnet/detect"
DESCRIBE = "/v1/img2prompt"
UNKNOWN = "00000000-0000-4000-8000-00000000ffff"
MODULES = ("canny", "depth_midas", "openpose", "lineart_realistic", "softedge_hed", "none")
BOTH = pytest.mark.parametrize("path", [DETECT, DESCRIBE])


def detected(tams, resource, module="openpose"):
    answer = tams.call("POST", DETECT, json={"controlnetModule": module, "resourceId": resource})
    result = answer.expect(200)["result"]
    if not isinstance(result, dict):
        raise Unmet(f"the result of a preprocessor is {result!r}, expected an object")
    return result


def words_for(tams, **members):
    prompts = tams.call("POST", DESCRIBE, json=members).expect(200)["prompts"]
    if not isinstance(prompts, list) or not all(isinstance(each, str) for each in prompts):
        raise Unmet(f"the prompts are {prompts!r}, expected a list of texts")
    return prompts


@source("TAMS › 5.13")
@leaves_traces
@pytest.mark.parametrize("form", FORMATS)
def test_a_preprocessor_answers_an_object(tams, form, observe):
    result = detected(tams, tams.upload(a_picture(SIDE, form), term=1))

    observe("U63", "members of the result of openpose", sorted(result))


@source("TAMS › 5.13")
@leaves_traces
@observes
@pytest.mark.parametrize("module", MODULES)
def test_which_preprocessors_there_are(tams, module, observe):
    body = {"controlnetModule": module, "resourceId": tams.upload(a_picture(SIDE), term=1)}
    answer = tams.call("POST", DETECT, json=body)

    known = expect_no_crash(answer)
    observe("U63", f"the preprocessor {module}", "known" if known else answer.status)


@source("TAMS › 5.13")
@leaves_traces
@observes
def test_whether_a_job_can_use_what_a_preprocessor_found(tams, observe):
    found = detected(tams, tams.upload(a_picture(SIDE), term=1)).get("resourceId")
    if not isinstance(found, str):
        pytest.skip("the result names no resource")
    order = a_small_order(start={"imageResourceId": found}, denoisingStrength=0.5)

    answer = tams.call("POST", "/v1/jobs/credits", json={"stages": order["stages"]})

    observe("U63", "the price of a job with a detected picture", answer.status)


@source("TAMS › 5.14")
@leaves_traces
@pytest.mark.parametrize("form", FORMATS)
def test_a_picture_has_a_list_of_prompts(tams, form, observe):
    words = words_for(tams, resourceId=tams.upload(a_picture(SIDE, form), term=1))

    observe("U64", "words", words)
    assert any(each.strip() for each in words), "a picture is described in words"


@source("TAMS › 5.14")
@leaves_traces
@pytest.mark.parametrize("tagger", ["llm", ""])
def test_the_tagger_is_a_choice(tams, tagger, observe):
    resource = tams.upload(a_picture(SIDE), term=1)

    observe("U64", f"words with {tagger!r}", words_for(tams, resourceId=resource, tagger=tagger))


@source("TAMS › 5.13", "TAMS › 5.14", "TAMS › 2.3")
@leaves_traces
def test_members_may_be_written_in_either_way(tams):
    resource = tams.upload(a_picture(SIDE), term=1)

    words_for(tams, resource_id=resource)
    body = {"controlnet_module": "openpose", "resource_id": resource}
    tams.call("POST", DETECT, json=body).expect(200)


@source("TAMS › 5.13", "TAMS › 5.14", "TAMS › 4")
@BOTH
def test_an_unknown_resource_is_not_found(tams, path):
    refused(
        tams.call("POST", path, json={"controlnetModule": "openpose", "resourceId": UNKNOWN}), 404
    )


@source("TAMS › 5.13", "TAMS › 5.14", "TAMS › 4")
@BOTH
def test_a_missing_resource_is_refused(tams, path):
    refused(tams.call("POST", path, json={"controlnetModule": "openpose"}))


@source("TAMS › 5.13", "TAMS › 4")
@leaves_traces
def test_a_missing_preprocessor_is_refused(tams):
    refused(tams.call("POST", DETECT, json={"resourceId": tams.upload(a_picture(SIDE), term=1)}))


@source("TAMS › 5.13", "TAMS › 5.14", "TAMS › 4")
@BOTH
def test_a_resource_without_bytes_is_refused(tams, path):
    body = {"controlnetModule": "openpose", "resourceId": tams.reserve_upload(term=1).id}

    refused(tams.call("POST", path, json=body))


@source("TAMS › 5.13", "TAMS › 5.14", "TAMS › 4")
@leaves_traces
@BOTH
def test_bytes_that_are_no_picture_are_refused(tams, path):
    upload = tams.reserve_upload(term=1)
    if tams.put(upload, b"this is not a picture").status >= 400:
        pytest.skip("the store refuses what is not a picture")

    refused(tams.call("POST", path, json={"controlnetModule": "openpose", "resourceId": upload.id}))
