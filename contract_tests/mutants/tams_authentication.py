"""Mutants of TAMS: authentication, spelling of requests, form of refusals."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from contract_tests.mutants.calls import HttpCall, HttpReply, Service, a_reply
from contract_tests.mutants.mutant import Memory, Mutant, Mutation, on_json, on_reply, on_request
from contract_tests.mutants.resigning import tams_deviation, tams_parts

API = r"/v1/.*"
PRICE = r"/v1/jobs/credits"
UNAUTHORIZED = {"code": 100001, "message": "unauthorized", "tips": "the signature does not match"}
PARAMS = {"code": 3, "message": "Params Valid", "details": [{"@type": "x", "message": "no"}]}
_SNAKE = re.compile(r"[a-z]+(_[a-z]+)+")
_DIFFUSION = {
    "width", "height", "prompts", "negativePrompts", "sdModel", "modelAccessKey", "sdVae",
    "sampler", "scheduleName", "steps", "cfgScale", "guidance", "clipSkip", "denoisingStrength",
    "etaNoiseSeedDelta", "controlnet", "lora", "embedding", "animateDiff", "enableElla",
}  # fmt: skip


def _carried_out(call: HttpCall, service: Service) -> HttpReply:
    return service(service.signed(call))


def _let_in(call: HttpCall, reply: HttpReply, memory: Memory, service: Service) -> HttpReply:
    refused = reply.status in (401, 404) and tams_parts(call)
    return _carried_out(call, service) if refused and reply.status == 401 else reply


def _unsigned(part: str) -> Mutation:
    """Return a mutation that does not sign one part."""

    def change(call: HttpCall, reply: HttpReply, memory: Memory, service: Service) -> HttpReply:
        if reply.status != 401:
            return reply
        key = service.tams_key(tams_parts(call).get("app_id", ""))
        return _carried_out(call, service) if tams_deviation(call, key) == part else reply

    return on_reply("*", API, change)


def _bearer(call: HttpCall) -> bool:
    return call.header("Authorization").startswith("Bearer ")


def _unknown_bearer(change: Callable[[HttpReply, HttpCall, Service], HttpReply]) -> Mutation:
    def change_refusal(
        call: HttpCall, reply: HttpReply, memory: Memory, service: Service
    ) -> HttpReply:
        body = reply.json
        refused = isinstance(body, dict) and body.get("tips") == "app not found"
        return change(reply, call, service) if refused and _bearer(call) else reply

    return on_reply("*", API, change_refusal)


def _without_tips(reply: HttpReply, call: HttpCall, service: Service) -> HttpReply:
    return reply.with_json({k: v for k, v in reply.json.items() if k != "tips"})


def _anonymous_let_in(
    call: HttpCall, reply: HttpReply, memory: Memory, service: Service
) -> HttpReply:
    return reply if call.header("Authorization") else _carried_out(call, service)


def _refusing(found: Callable[[Any], bool]) -> Mutation:
    """Return a mutation that refuses bodies with an object that `found` accepts."""

    def change(call: HttpCall, memory: Memory, service: Service) -> HttpCall | HttpReply:
        return a_reply(400, PARAMS) if any(map(found, objects(call.json))) else call

    return on_request("POST", API, change)


def objects(data: Any) -> list[dict[str, Any]]:
    """Return every object in JSON data, except those in graphs."""
    if isinstance(data, list):
        return [found for item in data for found in objects(item)]
    if not isinstance(data, dict):
        return []
    inner = (value for name, value in data.items() if name not in ("params", "fields"))
    return [data, *(found for value in inner for found in objects(value))]


def _whole_number_as_text(data: dict[str, Any]) -> bool:
    return any(isinstance(data.get(name), str) for name in ("count", "width", "height", "steps"))


def _without_type(call: HttpCall, memory: Memory, service: Service) -> HttpCall | HttpReply:
    return call if call.header("Content-Type").startswith("application/json") else a_reply(
        400, PARAMS
    )  # fmt: skip


def _no_preflight(call: HttpCall, reply: HttpReply, memory: Memory, service: Service) -> HttpReply:
    for name in [name for name, _ in reply.headers]:
        if name.lower().startswith("access-control-"):
            reply = reply.without_header(name)
    return reply


def _refusals(change: Callable[[Any], object], *, statuses: range = range(400, 500)) -> Mutation:
    """Return a mutation of the JSON of refusals, in place."""

    def change_refusal(
        call: HttpCall, reply: HttpReply, memory: Memory, service: Service
    ) -> HttpReply:
        body = reply.json
        if reply.status not in statuses or not isinstance(body, dict):
            return reply
        change(body)
        return reply.with_json(body)

    return on_reply("*", API, change_refusal)


def _renamed(old: str, new: str) -> Mutation:
    """Return a mutation of the words of refusals."""

    def change(call: HttpCall, reply: HttpReply, memory: Memory, service: Service) -> HttpReply:
        if reply.good or old.encode() not in reply.body:
            return reply
        return HttpReply(
            reply.status, reply.headers, reply.body.replace(old.encode(), new.encode())
        )

    return on_reply("*", API, change)


def _status_for(method: str, pattern: str, words: str, status: int) -> Mutation:
    """Return a mutation of the status of refusals with these words."""

    def change(call: HttpCall, reply: HttpReply, memory: Memory, service: Service) -> HttpReply:
        if reply.good or words.encode() not in reply.body:
            return reply
        return HttpReply(status, reply.headers, reply.body)

    return on_reply(method, pattern, change)


def _broken_json(call: HttpCall, reply: HttpReply, memory: Memory, service: Service) -> HttpReply:
    broken = bool(call.body.strip()) and call.json is None
    return a_reply(500, {"code": 13, "message": "internal"}) if broken and not reply.good else reply


def _spelled(data: dict[str, Any]) -> bool:
    return any(_SNAKE.fullmatch(name) for name in data)


def _unknown_member(data: dict[str, Any]) -> bool:
    return {"width", "height"} <= set(data) and not set(data) <= _DIFFUSION


def _random_seed(data: dict[str, Any]) -> bool:
    return data.get("seed") in (-1, "-1")


def _html(call: HttpCall, reply: HttpReply, memory: Memory, service: Service) -> HttpReply:
    if reply.good or not call.path.startswith("/v1/"):
        return reply
    return HttpReply(reply.status, (("Content-Type", "text/html"),), b"<h1>Not today</h1>")


def _cached(call: HttpCall, reply: HttpReply, memory: Memory, service: Service) -> HttpReply:
    key = (call.method, call.path)
    if reply.status == 429 and key in memory:
        return HttpReply(200, memory[key].headers, memory[key].body)
    if reply.good:
        memory[key] = reply
    return reply


def _narrow(call: HttpCall, memory: Memory, service: Service) -> HttpCall | HttpReply:
    now, times = service.moved(), memory.setdefault("times", [])
    recent = [at for at in times if at > now - 1]
    if len(recent) >= 4:
        return a_reply(429, {"code": 8, "message": "rate limit"})
    memory["times"] = [*recent, now]
    return call


def _lasting(call: HttpCall, reply: HttpReply, memory: Memory, service: Service) -> HttpReply:
    if reply.status == 429:
        memory["until"] = service.moved() + 30
    if service.moved() < memory.get("until", 0.0):
        return a_reply(429, {"code": 8, "message": "rate limit"})
    return reply


MUTANTS = (
    Mutant("signature-not-checked", "Any signature is good.", "TAMS › 3.2", "expected 401",
        on_reply("*", API, _let_in)),
    Mutant("body-not-signed", "A body that was changed after signing is accepted.", "TAMS › 3.2",
        "body.*expected 401", _unsigned("body")),
    Mutant("target-not-signed", "A query that was changed after signing is accepted.", "TAMS › 3.2",
        "expected 401", _unsigned("target")),
    Mutant("timestamp-not-signed", "The timestamp is not signed.", "TAMS › 3.2",
        "timestamp.*expected 401", _unsigned("timestamp")),
    Mutant("nonce-not-signed", "The nonce is not signed.", "TAMS › 3.2",
        "nonce.*expected 401", _unsigned("nonce")),
    Mutant("method-not-signed", "The method is not signed.", "TAMS › 3.2",
        "method.*expected 401", _unsigned("method")),
    Mutant("unknown-bearer-let-in", "Any bearer token is good.", "TAMS › 3.4", "expected 404",
        _unknown_bearer(lambda reply, call, service: _carried_out(call, service))),
    Mutant("unknown-bearer-is-401", "An unknown bearer token is a 401.", "TAMS › 3.4",
        "expected 404",
        _unknown_bearer(lambda reply, call, service: HttpReply(401, reply.headers, reply.body))),
    Mutant("refusal-without-tips", "The refusal of a bearer token has no tips.", "TAMS › 3.4",
        "tips", _unknown_bearer(_without_tips)),
    Mutant("anonymous-let-in", "A call without credentials is carried out.", "TAMS › 3.2",
        "credentials", on_reply("*", API, _anonymous_let_in)),
    Mutant("snake-case-refused", "Members in snake_case are refused.", "TAMS › 2",
        "(?i)snake|spelling", _refusing(_spelled)),
    Mutant("unknown-member-refused", "Unknown members are refused.", "TAMS › 2",
        "(?i)unknown.members", _refusing(_unknown_member)),
    Mutant("text-for-number-refused", "Numbers in quotes are refused.", "TAMS › 2",
        "(?i)texts.*expected 200",
        _refusing(_whole_number_as_text)),
    Mutant("seed-minus-one-refused", "The seed -1 is refused.", "TAMS › 6",
        "(?i)seed.*expected 200", _refusing(_random_seed)),
    Mutant("content-type-required", "A body without Content-Type is refused.", "TAMS › 2",
        "(?i)content.type.*expected 200", on_request("POST", PRICE, _without_type)),
    Mutant("preflight-unanswered", "Browsers get no CORS headers.", "TAMS › 2",
        r"(?i)cors|preflight|access-control|browser", on_reply("*", ".*", _no_preflight)),
    Mutant("refusal-is-html", "A refusal is HTML instead of JSON.", "TAMS › 4", "not JSON",
        on_reply("*", API, _html)),
    Mutant("refusal-without-message", "A refusal has no message.", "TAMS › 4", "message",
        _refusals(lambda body: body.pop("message", None))),
    Mutant("code-as-text", "The code of a refusal is a text.", "TAMS › 4", "code",
        _refusals(lambda body: body.update(code=str(body.get("code"))))),
    Mutant("broken-json-is-500", "A body that is not JSON is a server error.", "TAMS › 4",
        "answered 500|is 500|server error", on_reply("POST", API, _broken_json)),
    Mutant("unknown-job-is-400", "An unknown job is a 400.", "TAMS › 4", "expected 404",
        _status_for("GET", r"/v1/jobs/.*", "job not found", 400)),
    Mutant("unknown-job-in-other-words", "An unknown job is not called `job not found`.",
        "TAMS › 4", "job not found", _renamed("job not found", "no such thing")),
    Mutant("invalid-samples-unnamed", "A bad count is not called `invalid_samples`.", "TAMS › 4",
        "invalid_samples", _renamed("invalid_samples", "bad_count")),
    Mutant("params-invalid", "Invalid parameters are not called `Params Valid`.", "TAMS › 4",
        "Params Valid", _renamed("Params Valid", "Params Invalid")),
    Mutant("refusal-without-details", "The refusal of a graph has no details.", "TAMS › 4",
        "details", _refusals(lambda body: body.pop("details", None))),
    Mutant("credits-short-unnamed", "Too few credits are not named as the reason.", "TAMS › 4",
        "credits not enough", _renamed("credits not enough", "no")),
    Mutant("sixth-call-let-through", "The rate is not limited.", "TAMS › 11", "429",
        on_reply("*", API, _cached)),
    Mutant("fifth-call-refused", "The limit is four calls a second.", "TAMS › 11", "429",
        on_request("*", API, _narrow)),
    Mutant("limit-lasts", "A 429 lasts for half a minute.", "TAMS › 11", "(?i)again",
        on_reply("*", API, _lasting)),
    Mutant("estimate-is-nothing", "Every estimate is 0.", "TAMS › 10", "(?i)estimate|price|cost",
        on_json("POST", PRICE, lambda body, memory: body.update(credits=0))),
)  # fmt: skip
