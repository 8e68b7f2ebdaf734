"""Mutants of TAMS: neighbours, near credentials, refusals with an effect, missing leniency."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256

from contract_tests.mutants.calls import HttpCall, HttpReply, Middleware, Service, a_reply
from contract_tests.mutants.mutant import (
    Memory,
    Mutant,
    Mutation,
    calls,
    on_reply,
    on_request,
)
from contract_tests.mutants.resigning import tams_parts
from contract_tests.mutants.tams_authentication import API, PARAMS, PRICE, UNAUTHORIZED
from contract_tests.mutants.tams_jobs import CREATE, JOB
from contract_tests.mutants.tams_money import charging
from contract_tests.signing import read_private_key, tams_string_to_sign

_SPARED = 5  # calls of a second beyond the documented five
_LITTLE = Decimal("0.1")
_created, _priced, _cancelled = calls("POST", CREATE), calls("POST", PRICE), calls("DELETE", JOB)


def _request_id(call: HttpCall) -> Any:
    body = call.json
    return body.get("requestId", body.get("request_id")) if isinstance(body, dict) else None


def _job_id(reply: HttpReply) -> Any:
    job = reply.json.get("job") if isinstance(reply.json, dict) else None
    return job.get("id") if isinstance(job, dict) else None


def _shared(call: HttpCall, reply: HttpReply, memory: Memory, service: Service) -> HttpReply:
    known: HttpReply = memory.setdefault(_request_id(call), reply) if reply.good else reply
    return known


def _yet_done(method: str) -> Mutation:
    """Return a mutation that carries refused calls out, as the app that made the job."""

    def change(call: HttpCall, reply: HttpReply, memory: Memory, service: Service) -> HttpReply:
        if reply.good and _created(call):
            memory[_job_id(reply)] = call.header("Authorization")
        owner = memory.get(call.path.rpartition("/")[2], call.header("Authorization"))
        refused = call.method == method and reply.status in (401, 403, 404)
        if refused and owner.startswith("TAMS"):
            service(service.signed(call.with_header("Authorization", owner)))
        return reply

    return on_reply("*", rf"{CREATE}|{JOB}", change)


def _of_a_neighbour(
    call: HttpCall, reply: HttpReply, memory: Memory, service: Service
) -> HttpReply:
    """Accept a signature by the key of any app."""
    if reply.status != 401 or not tams_parts(call).get("app_id"):
        return reply
    good = any(_signed_by(call, app.private_key) for app in service.tams_apps())
    return service(service.signed(call)) if good else reply


def _stripped(call: HttpCall, reply: HttpReply, memory: Memory, service: Service) -> HttpReply:
    """Verify the body without white space around it."""
    parts = tams_parts(call)
    bare = replace(call, body=call.body.strip())
    good = reply.status == 401 and _signed_by(bare, service.tams_key(parts.get("app_id", "")))
    return service(service.signed(call)) if good else reply


def _signed_by(call: HttpCall, key: str) -> bool:
    parts = tams_parts(call)
    private = read_private_key(key) if key else None
    if not isinstance(private, rsa.RSAPrivateKey):
        return False
    text = tams_string_to_sign(
        call.method, call.target.encode("latin-1"), parts.get("timestamp", ""),
        parts.get("nonce_str", ""), call.body,
    )  # fmt: skip
    try:
        signature = base64.b64decode(parts.get("signature", ""), validate=True)
        private.public_key().verify(signature, text, padding.PKCS1v15(), SHA256())
    except (InvalidSignature, binascii.Error):
        return False
    return True


def _bearer_if(alike: Callable[[str, str], bool]) -> Mutation:
    """Return a mutation that accepts tokens that are like a good one."""

    def change(call: HttpCall, reply: HttpReply, memory: Memory, service: Service) -> HttpReply:
        scheme, _, token = call.header("Authorization").partition(" ")
        if reply.good or scheme != "Bearer" or not token:
            return reply
        known = (app.access_token for app in service.tams_apps())
        good = next((own for own in known if own and alike(token, own)), None)
        return service(call.with_header("Authorization", f"Bearer {good}")) if good else reply

    return on_reply("*", API, change)


def _request_ids_used_by(used: Callable[[HttpCall, HttpReply], bool]) -> Mutation:
    """Return a mutation in which calls that make no job use their request ids up."""

    def make() -> Middleware:
        memory: Memory = {}

        def handle(call: HttpCall, service: Service) -> HttpReply:
            given = _request_id(call)
            if _created(call) and given in memory:
                return a_reply(400, PARAMS)
            reply = service(call)
            if given and used(call, reply):
                memory[given] = True
            return reply

        return handle

    return Mutation(calls("POST", rf"{CREATE}|{PRICE}"), make)


def _refused_creation(call: HttpCall, reply: HttpReply) -> bool:
    return _created(call) and 400 <= reply.status < 500


def _given_back(call: HttpCall, reply: HttpReply, memory: Memory) -> Decimal:
    if not _cancelled(call) or not reply.good:
        return Decimal(0)
    memory[call.path] = memory.get(call.path, 0) + 1
    return -_LITTLE if memory[call.path] == 2 else Decimal(0)


def _truths(data: Any) -> Any:
    if isinstance(data, dict):
        return {name: _truths(item) for name, item in data.items()}
    if isinstance(data, list):
        return [_truths(item) for item in data]
    return {"true": True, "false": False}.get(data, data) if isinstance(data, str) else data


def _texts_as_truths(call: HttpCall, memory: Memory, service: Service) -> HttpCall:
    read = _truths(call.json)
    return call if read == call.json else service.signed(call.with_json(read))


def _typed(call: HttpCall, memory: Memory, service: Service) -> HttpCall | HttpReply:
    known = call.header("Content-Type").startswith("application/json")
    return call if known else a_reply(400, PARAMS)


def _no_bearer(call: HttpCall, memory: Memory, service: Service) -> HttpCall | HttpReply:
    bearer = call.header("Authorization").startswith("Bearer ")
    return a_reply(404, {**UNAUTHORIZED, "tips": "app not found"}) if bearer else call


def _ten_a_second(call: HttpCall, reply: HttpReply, memory: Memory, service: Service) -> HttpReply:
    key = (call.method, call.path)
    if reply.good:
        memory[key], memory["spared"] = reply, 0
    elif reply.status == 429 and key in memory and memory["spared"] < _SPARED:
        memory["spared"] += 1
        good: HttpReply = memory[key]
        return good
    return reply


MUTANTS = (
    Mutant("request-ids-shared", "An app gets the job of another app by its request id.",
        "TAMS › 5.1", "(?i)another", on_reply("POST", CREATE, _shared)),
    Mutant("refused-cancel-done", "A refused cancel is carried out.", "TAMS › 5.3",
        "(?i)cancel", _yet_done("DELETE")),
    Mutant("refused-creation-done", "A refused creation makes a job.", "TAMS › 5.1",
        "(?i)balance|request id", _yet_done("POST")),
    Mutant("refusal-charged", "A refused creation costs.", "TAMS › 10", "(?i)balance",
        charging(lambda call, reply, memory:
                 _LITTLE if _refused_creation(call, reply) else Decimal(0))),
    Mutant("refusal-uses-request-id", "A refused creation uses its request id up.",
        "TAMS › 5.1", "(?i)request.id", _request_ids_used_by(_refused_creation)),
    Mutant("estimate-uses-request-id", "An estimate uses its request id up.", "TAMS › 5.4",
        "(?i)request.id", _request_ids_used_by(lambda call, reply: _priced(call) and reply.good)),
    Mutant("second-cancel-gives-back", "A second cancel gives credits back again.",
        "TAMS › 10", "(?i)balance", charging(_given_back)),
    Mutant("signature-of-a-neighbour", "A signature by another app's key is accepted.",
        "TAMS › 3.2", "(?i)neighbour", on_reply("*", API, _of_a_neighbour)),
    Mutant("white-space-not-signed", "A body is verified without white space around it.",
        "TAMS › 3.2", "white_space.*expected 401", on_reply("*", API, _stripped)),
    Mutant("bearer-in-any-case", "The case of a token does not matter.", "TAMS › 3.1",
        "nearly", _bearer_if(lambda given, good: given.lower() == good.lower())),
    Mutant("bearer-prefix-is-enough", "The first half of a token is enough.", "TAMS › 3.1",
        "nearly", _bearer_if(lambda given, good:
                             len(given) >= len(good) // 2 and good.startswith(given))),
    Mutant("bearer-refused-for-graphs", "Graphs and templates need a signature.",
        "TAMS › 3.1", "(?i)credential",
        on_request("*", r"/v1/jobs/workflow.*|/v1/workflows/.*", _no_bearer)),
    Mutant("text-as-boolean", "Texts are accepted as booleans.", "TAMS › 2",
        "(?i)boolean", on_request("POST", rf"{PRICE}|{CREATE}", _texts_as_truths)),
    Mutant("jobs-need-content-type", "A job without Content-Type is refused.", "TAMS › 2",
        "(?i)media type", on_request("POST", r"/v1/jobs", _typed)),
    Mutant("ten-calls-a-second", "The limit is ten calls a second.", "TAMS › 11",
        "(?i)sixth", on_reply("*", API, _ten_a_second)),
)  # fmt: skip
