"""Jobs that fail, and what they cost."""

import pytest

from contract_tests.clients.tams import a_request_id
from contract_tests.clients.tams_answers import expect_whole
from contract_tests.markers import needs, slow, source, spends
from contract_tests.outcomes import OnlyObserved
from contract_tests.tams.chains import (
    TOO_LARGE,
    UNKNOWN_IMAGE,
    a_film,
    a_start,
    sampled,
    upscaled,
)
from contract_tests.tams.graphs import TEMPLATE, a_vendor_graph, filled_in
from contract_tests.tams.job_rules import expect_same_end
from contract_tests.tams.operations import ORDERS
from contract_tests.tams.ways import CHEAP_VIDEO


def _without_its_image(tams):
    """Return a chain whose start image does not exist."""
    return {"stages": [a_start(UNKNOWN_IMAGE), sampled(denoisingStrength=0.5)]}


def _never_uploaded(tams):
    """Return a chain whose start image is reserved and not uploaded."""
    start = a_start(tams.reserve_upload(expireSec=3600, term=1).id)
    return {"stages": [start, sampled(denoisingStrength=0.5)]}


def _too_large(tams):
    """Return a chain whose upscaler exceeds the largest area."""
    large = upscaled(diffusion=False, hrResizeX=TOO_LARGE, hrResizeY=TOO_LARGE)
    return {"stages": [a_start(), sampled(), large]}


def _video_without_its_image(tams):
    """Return a video whose first picture does not exist."""
    film = a_film(sdModel=CHEAP_VIDEO, generationMode="IMAGE_TO_VIDEO")
    return {"stages": [a_start(UNKNOWN_IMAGE), film]}


def _graph_without_its_image(tams):
    """Return a graph whose image does not exist."""
    return {"params": a_vendor_graph(UNKNOWN_IMAGE)}


def _template_without_its_image(tams):
    """Return a template that is filled in with an image that does not exist."""
    return {"templateId": TEMPLATE, "fields": {"fieldAttrs": filled_in(UNKNOWN_IMAGE)}}


CHAINS = [
    pytest.param(_without_its_image, "U25", id="unknown image", marks=spends(1)),
    pytest.param(_never_uploaded, "U25", id="image never uploaded", marks=spends(1)),
    pytest.param(_too_large, "U18", id="upscaler beyond memory", marks=spends(8)),
    pytest.param(_video_without_its_image, "U25", id="video", marks=(spends(2), slow)),
    pytest.param(_graph_without_its_image, "U25", id="graph", marks=spends(2)),
    pytest.param(_template_without_its_image, "U25", id="template", marks=spends(2)),
]

REFUSED_AT_ONCE = "the job is refused at its creation, so it cannot fail"


def _failed(tams, observe, unknown, order):
    """Return the job once it failed; None if it was refused when it should be made."""
    path = next(path for path, example in ORDERS.items() if set(order) == set(example))
    answer = tams.call("POST", path, json={"requestId": a_request_id(), **order})
    if 400 <= answer.status < 500:
        observe(unknown, "refused at its creation", [answer.status, answer.json])
        return None
    job = tams.wait_for(answer.expect(200)["job"])
    observe(unknown, "accepted, and ended", [job["status"], job.get("failedInfo")])
    return job


@source("TAMS › 5.2", "TAMS › 6", "TAMS › 7", "TAMS › 5.5", "TAMS › 5.9")
@pytest.mark.parametrize(("chain", "unknown"), CHAINS)
def test_what_cannot_be_made_fails_with_a_reason(tams, observe, chain, unknown):
    job = _failed(tams, observe, unknown, chain(tams))

    if job is None:
        raise OnlyObserved(REFUSED_AT_ONCE)
    assert job["status"] == "FAILED"
    expect_whole(job)
    observe("U26", "failedInfo", job["failedInfo"])
    observe("U33", "the credits member of a failed job", job.get("credits"))


@source("TAMS › 10")
@needs("balance")
@pytest.mark.parametrize(("chain", "unknown"), CHAINS)
def test_a_job_that_fails_costs_nothing(tams, clock, observe, chain, unknown):
    before = tams.balance()

    job = _failed(tams, observe, unknown, chain(tams))
    clock.let_pass(60)

    assert tams.balance() == before, "a failed job was charged"
    if job is None:
        raise OnlyObserved(REFUSED_AT_ONCE)


@source("TAMS › 5.2", "TAMS › 7")
@spends(1)
def test_a_failed_job_stays_failed_and_readable(tams, clock, observe):
    job = _failed(tams, observe, "U25", _without_its_image(tams))

    if job is None:
        raise OnlyObserved(REFUSED_AT_ONCE)
    clock.let_pass(60)
    again = tams.call("GET", f"/v1/jobs/{job['id']}").expect(200)["job"]
    expect_same_end(job, again)
