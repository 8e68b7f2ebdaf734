"""Equivalent variants of JSON answers: order, additions, spelling, words, ids of calls."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from contract_tests.clients.workshop_answers import CODE
from contract_tests.mutants.calls import HttpCall, HttpReply, Middleware, Service
from contract_tests.mutants.equivalents.variant import (
    EquivalentVariant,
    always,
    each,
    each_json,
    is_api,
)
from contract_tests.mutants.mutant import Mutation
from contract_tests.signing import SCHEME

_WRAPPERS = {"job", "model", "data"}
# Maps whose names are data.
_MAPS = ("headers", "imageExifMetaMap", "nodes", "finishedNodes", "parameters", "info", "result")

_DRAWING = ("/scc/sd_txt2img", "/scc/sd_img2img")


def _with_more(data: Any) -> Any:
    """Return JSON data with an additional member in each object, except maps and wrappers."""
    if isinstance(data, list):
        return [_with_more(item) for item in data]
    if not isinstance(data, dict):
        return data
    more = {name: value if name in _MAPS else _with_more(value) for name, value in data.items()}
    wrapper = len(data) == 1 and set(data) <= _WRAPPERS
    return more if wrapper else {**more, "sinceLately": {"anything": [1, None]}}


def _backwards(data: Any) -> Any:
    """Return JSON data with the members of its objects in reverse order."""
    if isinstance(data, list):
        return [_backwards(item) for item in data]
    if not isinstance(data, dict):
        return data
    return {name: _backwards(data[name]) for name in reversed(data)}


def _rewritten(write: Callable[[Any], str]) -> Mutation:
    """Return a mutation that writes the same JSON in another way."""

    def change(call: HttpCall, reply: HttpReply) -> HttpReply:
        return reply if reply.json is None else replace(reply, body=write(reply.json).encode())

    return each(change)


def _escaped(data: Any) -> str:
    """Escape more than is necessary, as PHP does."""
    return json.dumps(data).replace("/", "\\/").replace("&", "\\u0026")


def _free_words(call: HttpCall, service: Service) -> HttpReply:
    """Use other words where they are not published: 401, 429, broken JSON; W20 for all failures."""
    reply = service(call)
    body = reply.json
    if not is_api(call) or not isinstance(body, dict):
        return reply
    if call.path.startswith("/scc/"):
        return reply.with_json({**body, **_other_failure(body)})
    if reply.status in (401, 429) or (reply.status == 400 and call.json is None):
        return reply.with_json({**body, "message": "please try something else"})
    return reply


def _other_failure(envelope: dict[str, Any]) -> dict[str, str]:
    return {
        # A message may be that of the customer, who has the right to be quoted (`Workshop › 11`).
        name: "0x7f" if name.endswith("Code") else f"Bitte noch einmal: {envelope[name]}"
        for name in ("errCode", "errMessage", "subErrCode", "subErrMessage")
        if envelope.get(name)
    }


def _one_level_of_errors(data: Any) -> Any:
    """Tell a failure of the Workshop only as that of the service behind."""
    if not data.get("errCode") and not data.get("errMessage"):
        return data
    moved = {"subErrCode": data["errCode"], "subErrMessage": data["errMessage"]}
    return {**data, **moved, "errCode": None, "errMessage": None}


def _more_details(data: Any) -> Any:
    """Add a detail behind those of an error."""
    details = data.get("details")
    if not isinstance(details, list):
        return data
    help_at = {"@type": "type.googleapis.com/google.rpc.Help", "links": []}
    return {**data, "details": [*details, help_at]}


def _other_call_id(data: Any) -> Any:
    """Give another id to a call; its first eight digits are the time, as in the samples."""
    given = data.get("apiInvokeId")
    if not isinstance(given, str):
        return data
    return {**data, "apiInvokeId": given[:10] + secrets.token_hex(8)}


def _tasks_apart() -> Middleware:
    """Find drawings only by the calls for drawings (W34)."""
    drawings: set[str] = set()

    def handle(call: HttpCall, service: Service) -> HttpReply:
        named = call.json if isinstance(call.json, dict) else {}
        if call.path.startswith("/scc/comfy_get_") and str(named.get("taskId")) in drawings:
            call = service.signed(call.with_json({**named, "taskId": "00000000000000000000000000"}))
        reply = service(call)
        body = reply.json
        if call.path in _DRAWING and isinstance(body, dict) and isinstance(body.get("data"), dict):
            drawings.add(str(body["data"].get("taskId")))
        return reply

    return handle


def _longer_ids() -> Middleware:
    """Show tokens and tasks with longer ids in another alphabet.

    A call that names one is sent as it came, so that its signature is checked, and once more with
    the service's own ids, signed anew, if they were not found.
    """
    known: set[str] = set()

    def handle(call: HttpCall, service: Service) -> HttpReply:
        reply = service(call)
        if not call.path.startswith("/scc/"):
            return reply
        own = _swapped(call.body, {_longer(id): id for id in known})
        if own != call.body and b'"status":10' not in reply.body and not reply.header(CODE):
            reply = service(service.signed(replace(call, body=own)))
        data = (reply.json or {}).get("data")
        if isinstance(data, dict):
            known.update(str(data[name]) for name in ("apiToken", "taskId") if data.get(name))
        return replace(reply, body=_swapped(reply.body, {id: _longer(id) for id in known}))

    return handle


def _longer(id: str) -> str:
    return f"{id}.Xy_{id[::-1].upper()}"


def _swapped(body: bytes, texts: Mapping[str, str]) -> bytes:
    """Replace whole texts of JSON."""
    for old, new in texts.items():
        body = body.replace(f'"{old}"'.encode(), f'"{new}"'.encode())
    return body


def _unknown_app(call: HttpCall, service: Service) -> HttpReply:
    """Refuse the signature of an unknown app with 401 (U5)."""
    reply = service(call)
    signed = call.header("Authorization").startswith(SCHEME)
    unknown = signed and reply.status == 404 and b"100001" in reply.body
    return replace(reply, status=401) if unknown else reply


def _app_code(call: HttpCall, service: Service) -> HttpReply:
    """Let calls in that have an AppCode in place of a signature."""
    if call.header("Authorization").upper().startswith("APPCODE "):
        return service(service.signed(call.without_header("Authorization")))
    return service(call)


MORE_MEMBERS = each_json(_with_more)
OTHER_ORDER = each_json(_backwards)
WHITE_SPACE = _rewritten(lambda data: f"\n {json.dumps(data, indent=2)}\n")
ESCAPED = _rewritten(_escaped)
OTHER_WORDS = always(_free_words)
MORE_DETAILS = each_json(_more_details)
OTHER_CALL_IDS = each_json(_other_call_id)
APP_CODE = always(_app_code)
TASKS_APART = Mutation(is_api, _tasks_apart)
WORKSHOP = ("workshop",)

VARIANTS = (
    EquivalentVariant("more-members", "Objects have additional members.", MORE_MEMBERS),
    EquivalentVariant("other-order", "Members are in another order.", OTHER_ORDER),
    EquivalentVariant("white-space", "There is white space in and around the JSON.", WHITE_SPACE),
    EquivalentVariant("escaped", "Texts in JSON have more escapes than they need.", ESCAPED),
    EquivalentVariant("unescaped", "Texts in JSON have no escapes that they do not need.",
        _rewritten(lambda data: json.dumps(data, ensure_ascii=False))),
    EquivalentVariant("other-words", "Free messages and codes have other words.", OTHER_WORDS),
    EquivalentVariant("service-errors", "Failures are told as those of the service behind.",
        each_json(_one_level_of_errors), surfaces=WORKSHOP),
    EquivalentVariant("more-details", "Errors have one more detail.", MORE_DETAILS,
        surfaces=("tams",)),
    EquivalentVariant("other-call-ids", "Calls have other ids.", OTHER_CALL_IDS,
        surfaces=WORKSHOP),
    EquivalentVariant("unknown-app-401", "The signature of an unknown app is refused with 401.",
        always(_unknown_app), surfaces=("tams",)),
    EquivalentVariant("longer-ids", "Tokens and tasks have longer ids in another alphabet.",
        Mutation(is_api, _longer_ids), surfaces=WORKSHOP),
    EquivalentVariant("tasks-apart", "Drawings are not found as workflow tasks.", TASKS_APART,
        surfaces=WORKSHOP),
    EquivalentVariant("app-code", "An AppCode is accepted in place of a signature.", APP_CODE,
        surfaces=WORKSHOP),
)  # fmt: skip
