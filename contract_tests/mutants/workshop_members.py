"""Mutants of the Workshop: members, values and headers that are refused, or not asked for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from contract_tests.mutants.calls import HttpCall, HttpReply, Service, a_reply
from contract_tests.mutants.mutant import Memory, Mutant, Mutation, on_reply, on_request
from contract_tests.mutants.workshop_authentication import ALL, FAILURE, SUCCESS, body_of

_ENVELOPE: dict[str, Any] = {
    "apiInvokeId": "i_69689e800000000000abc001", "data": None, "subErrCode": None,
    "subErrMessage": None, "errCode": None, "errMessage": None, "startTime": None, "endTime": None,
}  # fmt: skip
_REFUSAL = {**_ENVELOPE, "status": FAILURE, "errCode": "X", "errMessage": "not like this"}


def _refused_if(pattern: str, wrong: Callable[[HttpCall], bool]) -> Mutation:
    """Return a mutation in which the service refuses some good calls."""

    def change(call: HttpCall, memory: Memory, service: Service) -> HttpCall | HttpReply:
        return a_reply(200, _REFUSAL) if wrong(call) else call

    return on_request("POST", pattern, change)


def _not_missed(pattern: str, data: Any, missing: Callable[[Any], bool]) -> Mutation:
    """Return a mutation in which the service does not miss what is required."""

    def change(call: HttpCall, reply: HttpReply, memory: Memory, service: Service) -> HttpReply:
        taken = {**_ENVELOPE, "status": SUCCESS, "data": data}
        return a_reply(200, taken) if missing(body_of(call)) else reply

    return on_reply("POST", pattern, change)


_A_TASK = {"taskId": "01key7y1m0000000000000000a", "status": "waiting",
           "estimatedDurationInSeconds": 3.0}  # fmt: skip

MUTANTS = (
    Mutant("preview-images-refused", "Nobody gets preview images.", "Workshop › 8.1",
        "(?i)temporary", _refused_if(r"/scc/comfy_prompt",
            lambda call: body_of(call).get("return_temp_files") is True)),
    Mutant("listed-base-refused", "A base of the list is refused.", "Workshop › 10", "(?i)base",
        _refused_if(r"/scc/spSdModelSync", lambda call: b"vxl_turbo" in call.body)),
    Mutant("vae-not-attached", "A token takes no VAE.", "Workshop › 5.3", "(?i)attached",
        _refused_if(r"/scc/sp_put_user_state",
            lambda call: body_of(call).get("sdVae") == "Automatic")),
    Mutant("shared-pool-refused", "Nobody may name the shared pool.", "Workshop › 9", "(?i)pool",
        _refused_if(r"/scc/sd_txt2img",
            lambda call: call.header("X-SP-RESOURCE-CONFIG-ID") == "default")),
    Mutant("look-with-more-refused", "A look with other members is refused.", "Workshop › 8.2",
        "(?i)extra", _refused_if(r"/scc/comfy_get_progress",
            lambda call: "alias_id" in body_of(call))),
    Mutant("base-not-missed", "A version needs no base.", "Workshop › 10", "(?i)required",
        _not_missed(r"/scc/spSdModelSync", None, lambda body: any(
            isinstance(version, dict) and "baseModel" not in version
            for version in body.get("versions") or []))),
    Mutant("inputs-not-missed", "A workflow needs no inputs.", "Workshop › 8.1", "(?i)required",
        _not_missed(r"/scc/comfy_prompt", _A_TASK, lambda body: "inputs" not in body)),
    Mutant("token-not-missed", "What is attached needs no token.", "Workshop › 5.3",
        "(?i)without_a_token", _not_missed(r"/scc/sp_put_user_state", None,
            lambda body: "apiToken" not in body)),
    Mutant("stage-unknown", "The stage RELEASE is refused.", "Workshop › 3.1", "(?i)stage",
        on_request("POST", ALL, lambda call, memory, service: HttpReply(400, (
            ("X-Ca-Error-Code", "I400SG"), ("X-Ca-Error-Message", "Invalid Stage"),
            ("X-Ca-Request-Id", "1"))) if call.header("x-ca-stage") == "RELEASE" else call)),
)  # fmt: skip
