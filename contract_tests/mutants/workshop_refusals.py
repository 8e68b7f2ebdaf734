"""Mutants of the Workshop: what is found or done although it is refused."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from contract_tests.mutants.calls import HttpCall, HttpReply, Service
from contract_tests.mutants.mutant import Memory, Mutant, Mutation, calls, on_reply, on_request
from contract_tests.mutants.workshop_authentication import (
    ALL,
    FAILURE,
    FORBIDDEN,
    SUCCESS,
    body_of,
    from_gateway,
    reason_of,
)
from contract_tests.mutants.workshop_sessions import OPENED
from contract_tests.mutants.workshop_tasks import PROGRESS, RESULT

DELETE = r"/scc/spDeleteSession"
FIVE_MINUTES = 300  # seconds


def _data(reply: HttpReply) -> dict[str, Any]:
    body = reply.json
    data = body.get("data") if isinstance(body, dict) else None
    return data if isinstance(data, dict) else {}


def _failed(reply: HttpReply) -> bool:
    return isinstance(reply.json, dict) and reply.json.get("status") == FAILURE


def _of_any_app(pattern: str, member: str, *, shown: bool = True) -> Mutation:
    """Return a mutation that carries out calls about another app's token or task as that app does.

    Unless it is `shown`, the answer is still the refusal.
    """
    concerned = calls("POST", pattern)

    def change(call: HttpCall, reply: HttpReply, memory: Memory, service: Service) -> HttpReply:
        if member in _data(reply):
            memory.setdefault(_data(reply)[member], call.header("x-ca-key"))
        wanted = body_of(call).get(member)
        owner = memory.get(wanted) if isinstance(wanted, str) else None
        if owner in (None, call.header("x-ca-key")) or not concerned(call) or not _failed(reply):
            return reply
        done = service(service.signed(call.with_header("x-ca-key", owner)))
        return done if shown else reply

    return Mutation(concerned, on_reply("POST", ALL, change).make)


def _spelled(pattern: str, member: str, right: Callable[[str, str], bool]) -> Mutation:
    """Return a mutation that finds a token or task by texts that are almost its id."""
    concerned = calls("POST", pattern)

    def change(call: HttpCall, reply: HttpReply, memory: Memory, service: Service) -> HttpReply:
        if member in _data(reply):
            memory[_data(reply)[member]] = True
        wanted = body_of(call).get(member)
        if not isinstance(wanted, str) or not concerned(call) or not _failed(reply):
            return reply
        meant = next((id for id in memory if right(id, wanted)), None)
        if meant is None:
            return reply
        return service(service.signed(call.with_json({**body_of(call), member: meant})))

    return Mutation(concerned, on_reply("POST", ALL, change).make)


def _refused_and_done(pattern: str, why: str) -> Mutation:
    """Return a mutation that carries out what the gateway refuses, and answers the refusal."""

    def change(call: HttpCall, reply: HttpReply, memory: Memory, service: Service) -> HttpReply:
        if from_gateway(reply) and re.search(why, reason_of(reply)):
            service(service.signed(call))
        return reply

    return on_reply("POST", pattern, change)


def _failed_and_done(pattern: str) -> Mutation:
    """Return a mutation that carries out what is good about a call, and answers the failure."""
    kept = {"subProduct": ("sd_webui", "comfyui_api"), "sessionMode": (10, 20)}

    def change(call: HttpCall, reply: HttpReply, memory: Memory, service: Service) -> HttpReply:
        if _failed(reply):
            asked = body_of(call)
            good = {name: asked[name] for name in kept if asked.get(name) in kept[name]}
            service(service.signed(call.with_json({"apiToken": asked.get("apiToken"), **good})))
        return reply

    return on_reply("POST", pattern, change)


def _also(
    pattern: str, target: str, change_body: Callable[[dict[str, Any]], dict[str, Any]]
) -> Mutation:
    """Return a mutation that makes another call after each good one."""

    def change(call: HttpCall, reply: HttpReply, memory: Memory, service: Service) -> HttpReply:
        if reply.good and (reply.json or {}).get("status") == SUCCESS:
            more = replace(call, target=target).with_json(change_body(body_of(call)))
            service(service.signed(more))
        return reply

    return on_reply("POST", pattern, change)


def _of_the_other_product(body: dict[str, Any]) -> dict[str, Any]:
    other = "sd_webui" if body.get("subProduct") == "comfyui_api" else "comfyui_api"
    return {**body, "subProduct": other}


def _nonce_in_any_case(call: HttpCall, memory: Memory, service: Service) -> HttpCall | HttpReply:
    nonce = call.header("x-ca-nonce")
    first = memory.setdefault(nonce.lower(), nonce)
    return call if first == nonce else FORBIDDEN


def _forgetful(call: HttpCall, reply: HttpReply, memory: Memory, service: Service) -> HttpReply:
    """Accept a nonce again after five minutes."""
    used = memory.setdefault(call.header("x-ca-nonce"), service.moved())
    old = service.moved() - used > FIVE_MINUTES
    again = from_gateway(reply) and "nonce" in reason_of(reply) and old
    return service(service.signed(call)) if again else reply


MUTANTS = (
    Mutant("token-of-another-app", "An app may query the token of another one.",
        "Workshop › 1", "(?i)another app", _of_any_app(r"/scc/spQueryToken", "apiToken")),
    Mutant("session-of-another-app", "An app destroys the sessions of another one.",
        "Workshop › 1", "(?i)another app", _of_any_app(DELETE, "apiToken", shown=False)),
    Mutant("task-of-another-app", "An app sees the tasks of another one.",
        "Workshop › 1", "(?i)another app", _of_any_app(rf"{PROGRESS}|{RESULT}", "taskId")),
    Mutant("token-in-any-case", "Tokens are found in upper and lower case.",
        "Workshop › 5.2", "(?i)almost", _spelled(r"/scc/sp.*", "apiToken",
            lambda id, wanted: id.lower() == wanted.lower())),
    Mutant("token-with-blanks", "White space around a token is ignored.", "Workshop › 6.1",
        "(?i)almost", _spelled(r"/scc/sp\w+Session", "apiToken",
            lambda id, wanted: id == wanted.strip())),
    Mutant("task-by-its-beginning", "A task is found by the beginning of its id.",
        "Workshop › 7", "(?i)almost", _spelled(rf"{PROGRESS}|{RESULT}", "taskId",
            lambda id, wanted: id.startswith(wanted) or wanted.startswith(id))),
    Mutant("forged-and-destroyed", "A destroy with a wrong signature is refused and done.",
        "Workshop › 3.4", "(?i)chang", _refused_and_done(DELETE, "signature")),
    Mutant("replayed-and-done", "A used nonce is refused, and its call is carried out.",
        "Workshop › 3.1", "(?i)chang", _refused_and_done(r"/scc/sp\w+Session", "nonce")),
    Mutant("digest-wrong-and-done", "A wrong digest is refused, and its call is carried out.",
        "Workshop › 3.3", "(?i)chang", _refused_and_done(OPENED, "md5")),
    Mutant("failed-and-created", "A create fails and makes a session.", "Workshop › 6.4",
        "(?i)chang", _failed_and_done(OPENED)),
    Mutant("failed-and-destroyed", "A destroy fails and ends the session.", "Workshop › 6.4",
        "(?i)chang", _failed_and_done(DELETE)),
    Mutant("attached-and-destroyed", "sp_put_user_state ends the session.", "Workshop › 5.3",
        "(?i)chang", _also(r"/scc/sp_put_user_state", DELETE,
            lambda body: {"apiToken": body.get("apiToken")})),
    Mutant("both-products-refreshed", "A refresh moves the session of the other sub-product.",
        "Workshop › 6.4", "(?i)product|off the lifetime", _also(r"/scc/spRefreshSession",
            "/scc/spRefreshSession", _of_the_other_product)),
    Mutant("nonce-in-any-case", "Nonces that differ in case only are the same.",
        "Workshop › 3.1", "(?i)nonce", on_request("POST", ALL, _nonce_in_any_case)),
    Mutant("nonce-forgotten", "A nonce may be used again after five minutes.",
        "Workshop › 3.1", "(?i)nonce", on_reply("POST", ALL, _forgetful)),
)  # fmt: skip
