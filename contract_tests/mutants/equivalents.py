"""Equivalent variants: services that keep every promise, so no test may fail.

Each changes something that the reference leaves open: order, spelling of header names, additional
members, words, ids, transfer encoding, speed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import reduce
from typing import Any

from contract_tests import wall
from contract_tests.mutants.calls import (
    HttpCall,
    HttpReply,
    Middleware,
    Service,
    a_reply,
    unchanged,
)
from contract_tests.mutants.mutant import Memory, Mutation, combine, on_reply
from contract_tests.mutants.tams_jobs import CREATE

SLOWER = 0.02  # seconds for each answer
_OURS = re.compile(r"/(v1|scc)/.*")
_WRAPPERS = {"job", "model", "data"}


@dataclass(frozen=True)
class EquivalentVariant:
    """A service that behaves as documented; `settings` are those of the mock."""

    name: str
    sentence: str
    mutation: Mutation
    settings: Mapping[str, Any] = field(default_factory=dict)


def _each(change: Callable[[HttpReply], HttpReply]) -> Mutation:
    """Return a mutation of each answer of the surfaces."""

    def handle(call: HttpCall, service: Service) -> HttpReply:
        reply = service(call)
        return change(reply) if _OURS.fullmatch(call.path) else reply

    return _always(handle)


def _each_json(change: Callable[[Any], Any]) -> Mutation:
    """Return a mutation of the JSON of each answer of the surfaces."""

    def change_json(reply: HttpReply) -> HttpReply:
        data = reply.json
        return reply.with_json(change(data)) if isinstance(data, dict) else reply

    return _each(change_json)


def _with_more(data: Any) -> Any:
    """Return JSON data with an additional member in each object, except maps and wrappers."""
    if isinstance(data, list):
        return [_with_more(item) for item in data]
    if not isinstance(data, dict):
        return data
    free = ("headers", "imageExifMetaMap", "nodes", "finishedNodes", "parameters", "info", "result")
    more = {name: value if name in free else _with_more(value) for name, value in data.items()}
    wrapper = len(data) == 1 and set(data) <= _WRAPPERS
    return more if wrapper else {**more, "sinceLately": {"anything": [1, None]}}


def _backwards(data: Any) -> Any:
    """Return JSON data with the members of its objects in reverse order."""
    if isinstance(data, list):
        return [_backwards(item) for item in data]
    if not isinstance(data, dict):
        return data
    return {name: _backwards(data[name]) for name in reversed(data)}


def _shouted(reply: HttpReply) -> HttpReply:
    return replace(reply, headers=tuple((name.upper(), value) for name, value in reply.headers))


def _spaced(reply: HttpReply) -> HttpReply:
    return replace(reply, body=b"\n " + reply.body + b"\n") if reply.json is not None else reply


def _chatty(reply: HttpReply) -> HttpReply:
    more = (("Server", "gateway"), ("X-Request-Id", "42"), ("Via", "1.1 somewhere"))
    return replace(reply, headers=(*reply.headers, *more))


def _slowly(call: HttpCall, service: Service) -> HttpReply:
    wall.sleep(SLOWER)
    return service(call)


def _free_words(call: HttpCall, service: Service) -> HttpReply:
    """Use other words where the words are not published: 401, 429, broken JSON."""
    reply = service(call)
    body = reply.json
    free = reply.status in (401, 429) or (reply.status == 400 and call.json is None)
    if not call.path.startswith("/v1/") or not free or not isinstance(body, dict):
        return reply
    return reply.with_json({**body, "message": "please try something else"})


def _made_again(call: HttpCall, reply: HttpReply, memory: Memory, service: Service) -> HttpReply:
    """Make a new job for a request id that was used (U13)."""
    if reply.status != 200:
        return reply
    job = reply.json["job"]["id"]
    if job not in memory:
        memory[job] = True
        return reply
    order = {k: v for k, v in call.json.items() if k not in ("requestId", "request_id")}
    again = call.with_json({**order, "requestId": f"again-{len(memory)}-{job}"})
    bearer = call.header("Authorization").startswith("Bearer ")
    reply = service(again if bearer else service.signed(again))
    memory[reply.json.get("job", {}).get("id")] = True
    return reply


def _hidden(call: HttpCall, service: Service) -> HttpReply:
    if call.path.startswith("/_mock"):
        return a_reply(404, {"message": "Not Found"})
    return service(call)


def _always(middleware: Middleware) -> Mutation:
    return Mutation(lambda call: True, lambda: middleware)


def _all_together(*mutations: Mutation) -> Mutation:
    return reduce(combine, mutations)


MORE_MEMBERS = _each_json(_with_more)
OTHER_ORDER = _each_json(_backwards)
CHUNKED = _each(lambda reply: replace(reply, chunked=True))
LOUD_HEADERS = _each(_shouted)
WHITE_SPACE = _each(_spaced)
MORE_HEADERS = _each(_chatty)
OTHER_WORDS = _always(_free_words)

VARIANTS = (
    EquivalentVariant("as-it-is", "Nothing is changed.", _always(unchanged)),
    EquivalentVariant("more-members", "Objects have additional members.", MORE_MEMBERS),
    EquivalentVariant("other-order", "Members are in another order.", OTHER_ORDER),
    EquivalentVariant("chunked", "Answers are chunked, without a length.", CHUNKED),
    EquivalentVariant("loud-headers", "Header names are in capitals.", LOUD_HEADERS),
    EquivalentVariant("white-space", "There is white space around the JSON.", WHITE_SPACE),
    EquivalentVariant("more-headers", "There are additional headers.", MORE_HEADERS),
    EquivalentVariant("other-words", "Free messages have other words.", OTHER_WORDS),
    EquivalentVariant("slower", "Every answer takes longer.", _always(_slowly)),
    EquivalentVariant("other-world", "Another seed: other ids, other pictures, other plans.",
            _always(unchanged), {"seed": 20261}),
    EquivalentVariant("other-choices", "Other answers to open questions.",
        _always(unchanged), {
        "profile": "realistic",
        "tams": {
            "auth_error_body": "rpc", "no_authorization_status": 404, "ended_credits": "zero",
            "zero_members": "send", "image_format": "present", "stages_shape": "2023",
            "result_url": "fresh", "expired_in": "remaining", "field_not_sent_status": 400,
            "pending_seconds": 1, "cancel_finished": "refuse", "limit_retry_after": True,
            "template_check_reply": "credits", "not_found_code": 2, "store_style": "mainland",
            "upload_answer": "callback-failed", "notify_payload": "b", "finish_item_numbers":
            "string", "running_notify": "end", "wrong_method_status": 501,
        },
        "workshop": {
            "broken_json": "gateway",
            "session_url": "fresh", "second_session": "keep", "refresh_missing_session": "create",
            "missing_session": "fail", "delete_missing_session": "fail", "used_time": "live",
            "live_session_terms": "take", "digit_strings": "accept", "event_token": "encrypted",
            "event_timestamp": "account", "task_finished_kind": "synchronous",
            "unanswered_event": "allow", "server_events": True, "unfinished_result": "fail",
            "both_names": "alias", "expire_time": "seconds", "monitor_data": "object",
            "utilisation_scale": "percent", "first_queue_place": 0, "empty_attachment": "keep",
            "past_expiry": "accept", "short_expiry": "accept", "missing_init_image": "accept",
        },
    }),
    EquivalentVariant("requests-made-again", "A repeated request id makes a new job.",
        on_reply("POST", CREATE, _made_again)),
    EquivalentVariant("strict-choices", "Stricter answers to open questions.",
        _always(unchanged), {"workshop": {
            "nonce_required": True, "missing_header_list": "none", "gateway_generation": "older",
            "unique_names": True, "cut_sessions": True, "second_session": "refuse",
            "missing_session": "fail", "delete_missing_session": "fail",
            "unfinished_result": "fail", "delete_all_gadgets": True,
            "gadget_sub_product": "sd_webui", "refresh_lifetime": "session",
            "unknown_workflow": "refuse", "pools": ["mine"], "models": ["mine"],
            "roles": ["mine"], "gadgets": ["mine"],
        }}),
    EquivalentVariant("failures-are-400", "A failure in an envelope has status 400.",
            _always(unchanged), {"workshop": {"failure_status": 400}}),
    EquivalentVariant("all-together", "All variants that can be combined.", _all_together(
        MORE_MEMBERS, OTHER_ORDER, WHITE_SPACE, LOUD_HEADERS, MORE_HEADERS, OTHER_WORDS, CHUNKED,
    )),
)  # fmt: skip

HIDDEN: Mutation = _always(_hidden)
"""A mock without a visible control API."""
