"""Jobs that fail, and what they cost."""

import pytest

from contract_tests.clients.tams import a_request_id
from contract_tests.markers import needs, source, spends
from contract_tests.outcomes import OnlyObserved
from contract_tests.tams.chains import TOO_LARGE, UNKNOWN_IMAGE, a_start, sampled, upscaled
from contract_tests.tams.job_rules import expect_same_end, expect_whole


def _without_its_image(tams):
    """Return a chain whose start image does not exist."""
    return [a_start(UNKNOWN_IMAGE), sampled(denoisingStrength=0.5)]


def _never_uploaded(tams):
    """Return a chain whose start image is reserved and not uploaded."""
    return [a_start(tams.reserve_upload(expireSec=3600, term=1).id), sampled(denoisingStrength=0.5)]


def _too_large(tams):
    """Return a chain whose upscaler exceeds the largest area."""
    large = upscaled(diffusion=False, hrResizeX=TOO_LARGE, hrResizeY=TOO_LARGE)
    return [a_start(), sampled(), large]


CHAINS = [
    pytest.param(_without_its_image, "U25", id="unknown image", marks=spends(1)),
    pytest.param(_never_uploaded, "U25", id="image never uploaded", marks=spends(1)),
    pytest.param(_too_large, "U18", id="upscaler beyond memory", marks=spends(8)),
]

REFUSED_AT_ONCE = "the job is refused at its creation, so it cannot fail"


def _failed(tams, observe, unknown, stages):
    """Return the job once it failed; None if it was refused when it should be made."""
    answer = tams.call("POST", "/v1/jobs", json={"requestId": a_request_id(), "stages": stages})
    if 400 <= answer.status < 500:
        observe(unknown, "refused at its creation", [answer.status, answer.json])
        return None
    job = tams.wait_for(answer.expect(200)["job"])
    observe(unknown, "accepted, and ended", [job["status"], job.get("failedInfo")])
    return job


@source("TAMS › 5.2", "TAMS › 6", "TAMS › 7")
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

    _failed(tams, observe, unknown, chain(tams))
    clock.let_pass(60)

    assert tams.balance() == before, "a failed job was charged"


@source("TAMS › 5.2", "TAMS › 7")
@spends(1)
def test_a_failed_job_stays_failed_and_readable(tams, clock, observe):
    job = _failed(tams, observe, "U25", _without_its_image(tams))

    if job is None:
        raise OnlyObserved(REFUSED_AT_ONCE)
    clock.let_pass(60)
    again = tams.call("GET", f"/v1/jobs/{job['id']}").expect(200)["job"]
    expect_same_end(job, again)
