"""Mutants of TAMS: members and values of orders that are refused, ignored, or cost something."""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from contract_tests.mutants.calls import HttpCall, HttpReply, Service, a_reply
from contract_tests.mutants.mutant import Memory, Mutant, Mutation, on_json, on_reply, on_request
from contract_tests.mutants.resigning import tams_parts
from contract_tests.mutants.tams_authentication import API, PARAMS, PRICE, UNAUTHORIZED
from contract_tests.mutants.tams_extras import GRAPH, TEMPLATE, TEMPLATE_CHECK
from contract_tests.mutants.tams_jobs import CREATE, JOB
from contract_tests.mutants.tams_money import charging


def _refused_with(word: str, pattern: str = PRICE) -> Mutation:
    """Return a mutation that refuses orders with a word in them."""

    def change(call: HttpCall, memory: Memory, service: Service) -> HttpCall | HttpReply:
        return a_reply(400, PARAMS) if json.dumps(word).encode() in call.body else call

    return on_request("POST", pattern, change)


def _dearer_with(member: str) -> Mutation:
    """Return a mutation in which a member has a price."""

    def change(call: HttpCall, reply: HttpReply, memory: Memory, service: Service) -> HttpReply:
        if not reply.good or json.dumps(member).encode() not in call.body:
            return reply
        return reply.with_json({"credits": reply.json["credits"] + 0.2})

    return on_reply("POST", PRICE, change)


def _read_as(change_body: Callable[[Any], Any]) -> Mutation:
    """Return a mutation that reads the stages of an order in another way."""

    def change(call: HttpCall, memory: Memory, service: Service) -> HttpCall:
        body = call.json
        if not isinstance(body, dict) or not isinstance(body.get("stages"), list):
            return call
        read = {**body, "stages": change_body(json.loads(json.dumps(body["stages"])))}
        return call if read == body else service.signed(call.with_json(read))

    return on_request("POST", PRICE, change)


def _two_by_default(stages: Any) -> Any:
    for stage in stages:
        if isinstance(stage, dict) and isinstance(stage.get("inputInitialize"), dict):
            stage["inputInitialize"].setdefault("count", 2)
    return stages


def _without_steps_of_repairs(stages: Any) -> Any:
    for stage in stages:
        repair = stage.get("imageToAdetailer") if isinstance(stage, dict) else None
        for argument in (repair or {}).get("args") or []:
            argument.pop("adSteps", None)
    return stages


def _latent_as_any(stages: Any) -> Any:
    for stage in stages:
        upscaler = stage.get("imageToUpscaler") if isinstance(stage, dict) else None
        if upscaler and str(upscaler.get("hrUpscaler")).startswith("Latent"):
            upscaler["hrUpscaler"] = "R-ESRGAN 4x+"
    return stages


def _changed_refusal(**members: Any) -> Mutation:
    """Return a mutation of the body for an unknown token."""

    def change(call: HttpCall, reply: HttpReply, memory: Memory, service: Service) -> HttpReply:
        known = reply.status == 404 and reply.json.get("code") == 100001
        return reply.with_json({**reply.json, **members}) if known else reply

    return on_reply("*", API, change)


def _graph_first(call: HttpCall, reply: HttpReply, memory: Memory, service: Service) -> HttpReply:
    empty = b'"fieldValue":null' in call.body.replace(b" ", b"")
    if not empty or not isinstance(reply.json, dict) or reply.json.get("code") != 2:
        return reply
    return reply.with_json({**reply.json, "code": 3})


def _documented_template(body: Any, memory: Memory) -> None:
    body["templateId"] = "676018193025756628"


def _of_jobs_with(word: str, change: Callable[[Any, HttpCall, Memory], None]) -> Mutation:
    """Return a mutation of polls of jobs that were ordered with a word in their body."""

    def changed(call: HttpCall, reply: HttpReply, memory: Memory, service: Service) -> HttpReply:
        if call.method == "DELETE":
            memory["cancelled", call.path] = reply.good
        data = reply.json
        if not reply.good or not isinstance(data, dict) or "job" not in data:
            return reply
        job = data["job"]
        if call.method == "POST" and json.dumps(word).encode() in call.body:
            memory[job["id"]] = True
        if call.method != "GET" or job["id"] not in memory:
            return reply
        change(job, call, memory)
        return reply.with_json(data)

    return on_reply("*", rf"{CREATE}|{JOB}", changed)


def _without_reason(job: Any, call: HttpCall, memory: Memory) -> None:
    (job.get("failedInfo") or {}).pop("reason", None)


def _running_on(job: Any, call: HttpCall, memory: Memory) -> None:
    if memory.get(("cancelled", call.path)):
        job.update(status="RUNNING", runningInfo={})


def _refused_if(pattern: str, wrong: Callable[[HttpCall], bool], status: int = 400) -> Mutation:
    """Return a mutation that refuses some good calls."""

    def change(call: HttpCall, memory: Memory, service: Service) -> HttpCall | HttpReply:
        return a_reply(status, PARAMS if status == 400 else UNAUTHORIZED) if wrong(call) else call

    return on_request("POST", pattern, change)


def _has_short_request_id(call: HttpCall) -> bool:
    given = call.json.get("requestId") if isinstance(call.json, dict) else None
    return isinstance(given, str) and len(given) < 25


def _results_outside_nodes(body: Any, memory: Memory) -> None:
    made = body["job"].get("successInfo") or {}
    for node in ((made.get("workflowFinishItem") or {}).get("nodes") or {}).values():
        node.pop("outputUi", None)


def _nothing_made(call: HttpCall, reply: HttpReply, memory: Memory, service: Service) -> HttpReply:
    missing = isinstance(call.json, dict) and not call.json.get("params")
    return a_reply(200, {"job": {"id": "1", "status": "CREATED"}}) if missing else reply


def _always_offered(call: HttpCall, memory: Memory, service: Service) -> HttpReply:
    return a_reply(200, {"jobId": call.path.split("/")[3]})


MUTANTS = (
    Mutant("member-has-a-price", "A member without a part in the formula has a price.", "TAMS › 10",
        "(?i)change the price", _dearer_with("etaNoiseSeedDelta")),
    Mutant("job-with-a-member-refused", "A job with Ella is refused.", "TAMS › 5.1",
        "(?i)every_member", _refused_with("enableElla", CREATE)),
    Mutant("video-member-refused", "Videos with inpainted frames are refused.", "TAMS › 6",
        "(?i)video", _refused_with("inp")),
    Mutant("listed-sampler-refused", "A sampler of the list is refused.", "TAMS › 6",
        "(?i)listed", _refused_with("DPM2 a Karras")),
    Mutant("listed-fill-refused", "A way to fill masks is refused.", "TAMS › 6",
        "(?i)inpainting", _refused_with("LATENT_NOTHING")),
    Mutant("two-by-default", "An order without a count is for two pictures.", "TAMS › 6",
        "(?i)count", _read_as(_two_by_default)),
    Mutant("steps-of-repair-ignored", "The steps of a repair's argument do not count.",
        "TAMS › 10", "(?i)repair", _read_as(_without_steps_of_repairs)),
    Mutant("latent-upscaler-alone", "A latent upscaler is taken without a diffusion.",
        "TAMS › 6", "latent", _read_as(_latent_as_any)),
    Mutant("unknown-app-in-other-words", "The message for an unknown token is another one.",
        "TAMS › 3.4", "(?i)no_such_app|no app", _changed_refusal(message="no app")),
    Mutant("unknown-app-with-details", "The body for an unknown token has details.",
        "TAMS › 3.4", "details", _changed_refusal(details=[])),
    Mutant("graph-before-fields", "An empty field is told before a missing one.", "TAMS › 5.8",
        "(?i)missing", on_reply("POST", TEMPLATE_CHECK, _graph_first)),
    Mutant("one-template-for-all", "Every template is that of the documentation.", "TAMS › 5.7",
        "(?i)template", on_json("GET", TEMPLATE, _documented_template)),
    Mutant("graph-fails-without-reason", "A graph that fails gives no reason.", "TAMS › 5.5",
        "reason", _of_jobs_with("TensorArt_LoadImage", _without_reason)),
    Mutant("template-fails-without-reason", "A template that fails gives no reason.",
        "TAMS › 5.9", "reason", _of_jobs_with("templateId", _without_reason)),
    Mutant("cancelled-video-runs-on", "A video that was cancelled runs on.", "TAMS › 5.3",
        "(?i)cancel", _of_jobs_with("videoDiffusion", _running_on)),
    Mutant("short-request-id-refused", "A request id has to have 25 characters.", "TAMS › 3.3",
        "(?i)request_id", _refused_if(CREATE, _has_short_request_id)),
    Mutant("long-nonce-refused", "A nonce may have 32 characters.", "TAMS › 3.2", "(?i)nonce",
        _refused_if(PRICE, lambda call: len(tams_parts(call).get("nonce_str", "")) > 36, 401)),
    Mutant("tagger-refused", "Natural language is refused.", "TAMS › 5.14", "(?i)tagger",
        _refused_with("llm", r"/v1/img2prompt")),
    Mutant("results-not-in-nodes", "The nodes of a graph do not show its results.", "TAMS › 7",
        "(?i)nodes", on_json("GET", JOB, _results_outside_nodes)),
    Mutant("job-of-nothing", "A graph job without a graph is made.", "TAMS › 5.5",
        "(?i)without a graph", on_reply("POST", r"/v1/jobs/workflow", _nothing_made)),
    Mutant("cancel-by-post", "A job can be cancelled by a POST.", "TAMS › 5",
        "(?i)not_offered", on_request("POST", r"/v1/jobs/[^/]+/cancel", _always_offered)),
    Mutant("empty-url-refused", "An empty runningNotifyUrl is refused.", "TAMS › 5.5",
        "(?i)graph", _refused_if(r"/v1/jobs/workflow", lambda call: isinstance(call.json, dict)
            and call.json.get("runningNotifyUrl") == "")),
    Mutant("words-have-a-price", "Words for a picture cost.", "TAMS › 5.14", "(?i)charged",
        charging(lambda call, reply, memory: Decimal("0.1")
            if reply.good and call.path == "/v1/img2prompt" else Decimal(0))),
    Mutant("lora-in-a-graph-refused", "A graph may not name a LoRA.", "TAMS › 5.5",
        "(?i)graph", _refused_with("lora_name", GRAPH)),
)  # fmt: skip
