"""Tests that no orderly answer can fail are observations."""

import pytest

from contract_tests.mutants.calls import HttpCall, HttpReply, a_reply
from contract_tests.mutants.unfailing import SERVICES, unfailing_tests
from contract_tests.options import SURFACES
from contract_tests.tests.canned_service import CannedService
from contract_tests.tests.long import long

# They can fail, but not by the answers of these services.
ABLE_TO_FAIL = {
    # A body that is not JSON.
    "tams/test_models.py::test_answers_and_refusals_are_json_and_say_so",
}


def test_a_service_that_agrees_repeats_its_last_good_answer():
    handle = SERVICES["agrees to all"]()
    good, bad = a_reply(200, {"job": {"id": "7"}}), HttpReply(404)

    assert handle(HttpCall("GET", "/v1/jobs/7"), CannedService(good)) == good
    assert handle(HttpCall("GET", "/v1/jobs/8"), CannedService(bad)) == good
    assert handle(HttpCall("GET", "/v1/models/8"), CannedService(bad)).status == 200
    assert handle(HttpCall("GET", "/_mock/version"), CannedService(bad)) == bad


@long
@pytest.mark.timeout(600)
@pytest.mark.parametrize("surface", SURFACES)
def test_each_test_fails_at_some_orderly_answer_or_observes(surface):
    assert set(unfailing_tests([surface], 1)) - ABLE_TO_FAIL == set()
