"""What every operation takes: nulls for what is not set, and bodies of any media type.

Clients send nulls for optional members, and one SDK calls its JSON `application/octet-stream`
(`Workshop › 2`).
"""

import pytest

from contract_tests.markers import leaves_traces, source, spends
from contract_tests.outcomes import OnlyObserved
from contract_tests.workshop.envelopes import orderly, plain_success
from contract_tests.workshop.orders import (
    A_MODEL,
    INLINE,
    PROMPT,
    a_drawing,
    a_prompt,
    a_redrawing,
)
from contract_tests.workshop.sessions import HOUR, ROUNDED, a_token, live_session
from contract_tests.workshop.shared_tasks import submitted
from contract_tests.workshop.uses import stays, use

TERMS = ("roleId", "sessionMode", "subProduct", "gadgetId", "customResourceConfigId")
DRAWING = ("stable_diffusion_model", "sd_vae", "clip_skip", "alwayson_scripts")
DESCRIPTION = ("modelDesc", "source", "isOriginal", "originalCreator", "originalCreatorHomepage")
TOKEN, SD_TASK, COMFY_TASK = {"apiToken": "of a new token"}, {"taskId": "sd"}, {"taskId": "comfy"}
ORDERS = {"sd": ("sd_txt2img", a_drawing()), "comfy": PROMPT}
OCTETS = {"Content-Type": "application/octet-stream; charset=utf-8"}
OPERATIONS = {  # a body with what is required, and optional members
    "allocate_token": ({}, ("name", "tokenExpiredAt", "sceneRoleId")),
    "spQueryToken": (TOKEN, ()),
    "sp_put_user_state": (TOKEN, ("sceneRoleId", "sdCheckpointFileId", "sdVae")),
    "spCreateSession": (TOKEN, (*TERMS, "expiredInSeconds")),
    "spRefreshOrCreateSession": (TOKEN, (*TERMS, "expiredInSeconds")),
    "spRefreshSession": (TOKEN, ("subProduct", "gadgetId", "expiredInSeconds")),
    "spQuerySession": (TOKEN, ("subProduct", "gadgetId")),
    "spDeleteSession": (TOKEN, ("subProduct",)),
    "sd_txt2img": (a_drawing(), DRAWING),
    "sd_img2img": (a_redrawing(INLINE), DRAWING[:2]),
    "comfy_prompt": (a_prompt(), ("alias_id", "randomise_seeds", "return_temp_files")),
    "sd_get_progress": (SD_TASK, ()),
    "sd_get_result": (SD_TASK, ()),
    "comfy_get_progress": (COMFY_TASK, ()),
    "comfy_get_result": (COMFY_TASK, ()),
    "sp_create_temp_file_upload_sign": (
        {"contentType": "image/png", "originalFilename": "in.png"}, ("size",)
    ),
    "query_sp_resource_monitor_data": ({"resourceConfigIds": ["default"]}, ("subProduct",)),
    "spSdModelSync": (A_MODEL, DESCRIPTION),
}  # fmt: skip


def a_body(workshop, operation):
    """Return the body of a call with what is required; of a new token, or a new task."""
    body = dict(OPERATIONS[operation][0])
    if "apiToken" in body:
        body["apiToken"] = a_token(workshop)
        if operation in ("spRefreshSession", "spQuerySession", "spDeleteSession"):
            workshop.create_session(body["apiToken"], expiredInSeconds=600)
    if "taskId" in body:
        body["taskId"] = submitted(workshop, *ORDERS[body["taskId"]])["taskId"]
    return body


@source("Workshop › 2")
@leaves_traces
@spends(6)
@pytest.mark.parametrize("operation", OPERATIONS)
def test_nulls_and_any_media_type_are_as_good_as_a_plain_body(workshop, operation):
    nulls = dict.fromkeys(OPERATIONS[operation][1])

    for members, headers in (({}, {}), (nulls, {}), ({}, OCTETS)):
        body = a_body(workshop, operation)
        envelope = use(workshop, operation, {**body, **members}, headers=headers)
        if not (members or headers or orderly(envelope.answer)):
            raise OnlyObserved("the plain body is refused")
        data = plain_success(envelope)["data"]
        if operation == "allocate_token":
            stays(workshop, data)
        if operation == "spQuerySession":
            assert data, f"no session was found with {members or headers}"
        elif operation == "spDeleteSession":
            over = live_session(workshop, body["apiToken"]) is None
            assert over, f"no session was destroyed with {members or headers}"
        elif operation.endswith("Session"):
            left = data["expiredInSeconds"]
            assert HOUR - ROUNDED <= left <= HOUR, f"a session of {members or headers} has {left} s"
