"""Templates as jobs; free operations are in `test_template_checks.py`."""

from decimal import Decimal

import pytest

from contract_tests.clients.tams import a_request_id
from contract_tests.markers import observes, source, spends
from contract_tests.tams.decoding import picture_in
from contract_tests.tams.graphs import TEMPLATE, TEXT, a_field, filled_in
from contract_tests.tams.orders import SIDE
from contract_tests.tams.pictures import a_picture
from contract_tests.tams.refusals import is_refused
from contract_tests.tams.shared_jobs import successful

CREATE = "/v1/jobs/workflow/template"


@pytest.fixture(autouse=True, scope="module")
def _template(tams):
    """The template of the documentation; without it these tests are skipped."""
    if tams.call("GET", f"/v1/workflows/{TEMPLATE}").status == 404:
        pytest.skip("this host does not have the template of the documentation")


def _filled(fields):
    """Return the body of a job of the template, without its request id."""
    return {"templateId": TEMPLATE, "fields": {"fieldAttrs": fields}}


def _an_image(tams):
    return tams.upload(a_picture(SIDE), expireSec=3600, term=1)


@source("TAMS › 5.8", "TAMS › 5.9")
@spends(2)
def test_a_template_becomes_a_picture_at_the_price_of_its_check(tams):
    fields = filled_in(_an_image(tams))
    price = Decimal(str(tams.check_template(TEMPLATE, fields)["credits"]))

    created = tams.submit_template(TEMPLATE, fields)
    job = successful(tams.wait_for(created))

    assert created["status"] == "CREATED"
    assert Decimal(str(job["credits"])) == price, "another price than estimated"
    for image in job["successInfo"]["images"]:
        size = picture_in(tams.download(image["url"])).size
        meta = image["meta"]["image"]
        assert size == (meta["width"], meta["height"])


@source("TAMS › 5.9", "TAMS › 2")
@spends(2)
def test_a_template_job_can_be_cancelled(tams):
    job = tams.submit_template(TEMPLATE, filled_in(_an_image(tams)))

    assert tams.cancel(job).json["jobId"] == job["id"]

    assert tams.job(job["id"])["status"] == "CANCELED"


@source("TAMS › 5.9", "TAMS › 2")
@spends(2)
@pytest.mark.parametrize(
    "spellings",
    [["request_id"], pytest.param(["requestId", "request_id"], marks=observes)],
    ids=["snake", "both"],
)
def test_a_template_job_is_taken_as_clients_spell_it(tams, observe, spellings):
    fields, request_id = filled_in(_an_image(tams)), a_request_id()
    body = {**dict.fromkeys(spellings, request_id), **_filled(fields)}

    answer = tams.call("POST", CREATE, json=body)

    assert answer.status < 500
    if len(spellings) == 2:
        observe("U17", "both spellings of one member", answer.status)
    else:
        assert answer.status == 200
    if answer.status == 200:
        tams.discard(answer.json["job"])


@source("TAMS › 5.9", "TAMS › 14")
@spends(2)
@pytest.mark.parametrize("fields", [[a_field(TEXT, "1 girl")], filled_in(None)], ids=["no", "null"])
def test_a_template_job_that_lacks_its_image_never_succeeds(tams, observe, fields):
    answer = tams.call("POST", CREATE, json={"requestId": a_request_id(), **_filled(fields)})

    if answer.status == 200 and not is_refused(answer):
        job = tams.wait_for(answer.json["job"])
        observe("U42", "a template job that lacks its image", [200, job.get("failedInfo")])
        assert job["status"] == "FAILED"
    else:
        observe("U42", "a template job that lacks its image", [answer.status, answer.json])
        assert answer.json["message"]


@source("TAMS › 5.9", "TAMS › 4")
@spends(2)
def test_a_job_of_an_unknown_template_is_not_made(tams, observe):
    body = {**_filled(filled_in(None)), "requestId": a_request_id(), "templateId": "1"}

    answer = tams.call("POST", CREATE, json=body)

    assert is_refused(answer), f"a job of an unknown template got {answer.status}"
    observe("U43", "a job of an unknown template", [answer.status, answer.json])
