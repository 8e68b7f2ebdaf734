"""The envelope around every answer of the service (`Workshop › 4`)."""

import re

import pytest

from contract_tests import wall
from contract_tests.clients.workshop_answers import complete
from contract_tests.markers import leaves_traces, source
from contract_tests.workshop.envelopes import plain_success, reason, refused
from contract_tests.workshop.gateways import A_QUESTION, UNKNOWN_TOKEN
from contract_tests.workshop.sessions import a_token
from contract_tests.workshop.uses import stays

INVOCATION = re.compile(r"i_[0-9a-f]{24}")
UPLOAD = {"contentType": "image/png", "originalFilename": "in.png"}
FREE = [
    "spQueryToken", "sp_put_user_state", "spQuerySession", "spDeleteSession", "sd_get_progress",
    "sd_get_result", "comfy_get_progress", "comfy_get_result",
    "query_sp_resource_monitor_data",
]  # fmt: skip
OF_A_TOKEN = ("spQueryToken", "sp_put_user_state")


@source("Workshop › 4", "Workshop › 2")
def test_a_success_has_all_members_and_no_error(workshop, observe):
    body = plain_success(workshop.ask("sp_create_temp_file_upload_sign", UPLOAD))

    observe("W36", "startTime and endTime", [body["startTime"], body["endTime"]])


@source("Workshop › 4", "Workshop › 5")
@leaves_traces
@pytest.mark.parametrize("operation", OF_A_TOKEN)
def test_a_success_with_a_token_has_all_members_and_no_error(workshop, operation):
    plain_success(workshop.ask(operation, {"apiToken": a_token(workshop)}))


@source("Workshop › 4", "Workshop › 5.1")
@leaves_traces
def test_a_new_token_comes_in_an_envelope_without_errors(workshop):
    stays(workshop, plain_success(workshop.ask("allocate_token", {}))["data"])


@source("Workshop › 4", "Workshop › 3.4")
@pytest.mark.parametrize("operation", FREE)
def test_a_failure_has_all_members_and_a_reason(workshop, observe, operation):
    answer = workshop.ask(operation, {}).answer

    body = refused(answer)

    observe("W20", f"{operation} without its required member", reason(answer))
    observe("W21", "the HTTP status of a failure", answer.status)
    if body is not None:
        observe("W36", "startTime and endTime", [body["startTime"], body["endTime"]])


@source("Workshop › 4")
def test_an_invocation_has_an_id_of_the_documented_form(workshop):
    id = workshop.ask("spQueryToken", A_QUESTION).body["apiInvokeId"]

    assert INVOCATION.fullmatch(id), f"apiInvokeId is {id!r}, expected i_ and 24 hex digits"


@source("Workshop › 4")
def test_an_invocation_id_begins_with_its_second(workshop, clock):
    id = workshop.ask("spQueryToken", A_QUESTION).body["apiInvokeId"]

    second = int(id[2:10], 16)
    off = min(abs(second - clock.now()), abs(second - wall.now()))
    assert off < 300, f"apiInvokeId {id} tells the second {second}, which is {off:g} s off"


@source("Workshop › 4")
def test_no_two_invocations_have_the_same_id(workshop):
    calls = [workshop.ask("spQueryToken", A_QUESTION) for _ in range(3)]
    calls.append(workshop.ask("sp_create_temp_file_upload_sign", UPLOAD))

    ids = {complete(call.body)["apiInvokeId"] for call in calls}
    assert len(ids) == 4, f"an apiInvokeId is repeated: {ids}"


@source("Workshop › 4", "Workshop › 2")
def test_unknown_members_are_ignored(workshop):
    body = {**UPLOAD, "sinceLately": {"anything": [1, None]}, "workflow_id": "x"}

    plain_success(workshop.ask("sp_create_temp_file_upload_sign", body))


@source("Workshop › 2")
def test_an_answer_is_json(workshop):
    answer = workshop.ask("spQueryToken", {"apiToken": UNKNOWN_TOKEN}).answer

    assert answer.headers["content-type"].startswith("application/json")
