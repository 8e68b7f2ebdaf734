"""Mutants of TAMS: uploads, models, graphs, templates and notifications."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from contract_tests.mutants.calls import HttpCall, HttpReply, Service, a_reply
from contract_tests.mutants.mutant import Memory, Mutant, Mutation, on_json, on_reply, on_request
from contract_tests.mutants.relay import Forward, Send, relayed, torn, twice
from contract_tests.mutants.tams_jobs import CREATE

RESERVE = r"/v1/resource/image"
FORM = r"/v1/resource/image/sts"
STORE = r"/(tams-resource/upload|short-term)/.*"
GRAPH = r"/v1/jobs/workflow/params/check"
TEMPLATE = r"/v1/workflows/\d+"
TEMPLATE_CHECK = r"/v1/workflows/template/check"


def _refused_taken(call: HttpCall, reply: HttpReply, memory: Memory, service: Service) -> HttpReply:
    return reply if reply.good else a_reply(200, {"Status": "OK"})


def _dropped(call: HttpCall, memory: Memory, service: Service) -> HttpCall | HttpReply:
    return a_reply(200, {"Status": "OK"})


def _closed(call: HttpCall, memory: Memory, service: Service) -> HttpCall | HttpReply:
    if call.header("Authorization"):
        return call
    return a_reply(401, {"code": 100001, "message": "unauthorized", "tips": "sign it"})


def _fine(credits: float) -> Callable[[HttpCall, HttpReply, Memory, Service], HttpReply]:
    """Return a change of refusals into a price."""

    def change(call: HttpCall, reply: HttpReply, memory: Memory, service: Service) -> HttpReply:
        known = reply.status in (400, 500)
        return a_reply(200, {"valid": True, "credits": credits}) if known else reply

    return change


def _same_id(body: Any, memory: Memory) -> None:
    body["resourceId"] = memory.setdefault("id", body["resourceId"])


def _lists(body: Any, memory: Memory) -> None:
    body["headers"] = {name: [value] for name, value in body["headers"].items()} or {"a": ["b"]}


def _other_fields(body: Any, memory: Memory) -> None:
    for field in body["fields"]["fieldAttrs"]:
        field["fieldName"] = "other_" + field["fieldName"]


def _unnamed_fields(body: Any, memory: Memory) -> None:
    for field in body["fields"]["fieldAttrs"]:
        field.pop("nodeId", None)


def _wrapped(body: Any, memory: Memory) -> None:
    content = dict(body)
    body.clear()
    body["template"] = content


def _unwrapped(body: Any, memory: Memory) -> None:
    model = body.pop("model")
    body.update(model)


def _missing_found(data: Any) -> Callable[[HttpCall, HttpReply, Memory, Service], HttpReply]:
    def change(call: HttpCall, reply: HttpReply, memory: Memory, service: Service) -> HttpReply:
        return a_reply(200, data) if reply.status == 404 else reply

    return change


def _code_three(call: HttpCall, reply: HttpReply, memory: Memory, service: Service) -> HttpReply:
    body = reply.json
    if reply.good or not isinstance(body, dict) or body.get("code") != 2:
        return reply
    return reply.with_json({**body, "code": 3})


def _unlocated(call: HttpCall, reply: HttpReply, memory: Memory, service: Service) -> HttpReply:
    body = reply.json
    if reply.good or not isinstance(body, dict) or body.get("code") != 2:
        return reply
    return reply.with_json({**body, "message": "a field is missing"})


def _notifications(forward: Forward) -> Mutation:
    """Return a mutation of the notifications of jobs."""
    return relayed("POST", CREATE, "notifyUrl", forward)


def _of_another(notification: HttpCall, send: Send, memory: Memory) -> HttpReply:
    body = notification.json
    return send(
        notification.with_json({**body, "jobId": "1", "job": {"id": "1", "status": "FAILED"}})
    )


def _unfinished(notification: HttpCall, send: Send, memory: Memory) -> HttpReply:
    body = notification.json
    return send(notification.with_json({**body, "status": "RUNNING"}))


MUTANTS = (
    Mutant("upload-answers-204", "The store answers a PUT with 204.", "TAMS › 9",
        "204",
        on_reply("PUT", STORE, lambda call, reply, memory, service:
                 HttpReply(204) if reply.good else reply)),
    Mutant("upload-dropped", "Uploaded bytes are lost.", "TAMS › 9", "(?i)SUCCESS|FAILED",
        on_request("PUT", STORE, _dropped)),
    Mutant("expired-upload-taken", "An upload URL never expires.", "TAMS › 9", "(?i)expired",
        on_reply("PUT", STORE, _refused_taken)),
    Mutant("upload-wants-credentials", "A PUT without authorization is refused.", "TAMS › 9",
        "expected 20", on_request("PUT", STORE, _closed)),
    Mutant("upload-headers-in-lists", "The headers of an upload are not a map of texts.",
        "TAMS › 2", "headers", on_json("POST", RESERVE, _lists)),
    Mutant("upload-forbidden-header", "The headers of an upload name the host.", "TAMS › 9",
        "(?i)host", on_json("POST", RESERVE, lambda body, memory:
                         body["headers"].update({"Host": "127.0.0.1"}))),
    Mutant("upload-without-url", "A reserved upload has no putUrl.", "TAMS › 5.11", "putUrl",
        on_json("POST", RESERVE, lambda body, memory: body.pop("putUrl"))),
    Mutant("resource-id-no-uuid", "The id of a resource is not a UUID.", "TAMS › 5.11", "(?i)uuid",
        on_json("POST", RESERVE, lambda body, memory: body.update(resourceId="17"))),
    Mutant("resource-id-repeated", "Each reservation has the same id.", "TAMS › 5.11",
        "(?i)id|differ|own|twice", on_json("POST", RESERVE, _same_id)),
    Mutant("form-without-policy", "A reserved form has no policy.", "TAMS › 5.12", "policy",
        on_json("POST", FORM, lambda body, memory: body.pop("policy"))),
    Mutant("form-expires-as-number", "The expiry of a form is a number.", "TAMS › 5.12", "expire",
        on_json("POST", FORM, lambda body, memory: body.update(expire=1))),
    Mutant("model-unwrapped", "A model has no wrapper.", "TAMS › 5.10", "'model'",
        on_json("GET", r"/v1/models/\d+", _unwrapped)),
    Mutant("model-without-name", "A model has no name.", "TAMS › 5.10", "name",
        on_json("GET", r"/v1/models/\d+", lambda body, memory: body["model"].pop("name"))),
    Mutant("model-id-as-number", "The id of a model is a number.", "TAMS › 2", "id",
        on_json("GET", r"/v1/models/\d+", lambda body, memory:
             body["model"].update(id=int(body["model"]["id"])))),
    Mutant("another-model", "Another model is answered.", "TAMS › 5.10", "(?i)asked.for",
        on_json("GET", r"/v1/models/\d+", lambda body, memory: body["model"].update(id="12345"))),
    Mutant("unknown-model-found", "An unknown model is found.", "TAMS › 5.10",
        "(?i)unknown.model",
        on_reply("GET", r"/v1/models/\d+",
                 _missing_found({"model": {"id": "1", "name": "any"}}))),
    Mutant("graph-always-fine", "A graph that lacks an input passes the check.", "TAMS › 5.6",
        "(?i)not.valid", on_reply("POST", GRAPH, _fine(1))),
    Mutant("graph-priced-as-text", "The price of a graph is a text.", "TAMS › 5.6", "credits",
        on_json("POST", GRAPH, lambda body, memory: body.update(credits=str(body["credits"])))),
    Mutant("good-graph-invalid", "A good graph is called invalid.", "TAMS › 5.6", "(?i)valid",
        on_json("POST", GRAPH, lambda body, memory: body.update(valid=False))),
    Mutant("template-fields-renamed", "The fields of a template have other names.", "TAMS › 5.7",
        "(?i)field", on_json("GET", TEMPLATE, _other_fields)),
    Mutant("template-fields-unlocated", "The fields of a template have no node.", "TAMS › 5.7",
        "nodeId", on_json("GET", TEMPLATE, _unnamed_fields)),
    Mutant("template-wrapped", "A template is wrapped.", "TAMS › 5.7", "(?i)templateId|wrapped",
        on_json("GET", TEMPLATE, _wrapped)),
    Mutant("unknown-template-found", "An unknown template is found.", "TAMS › 5.7",
        "(?i)unknown.template|expected 404",
        on_reply("GET", TEMPLATE, _missing_found(
            {"templateId": "1", "name": "any", "fields": {"fieldAttrs": []}}))),
    Mutant("template-check-always-fine", "Missing fields are not reported.", "TAMS › 5.8",
        "(?i)not.sent", on_reply("POST", TEMPLATE_CHECK, _fine(1))),
    Mutant("missing-field-has-code-three", "A field that was not sent has code 3.", "TAMS › 4",
        "(?i)not_sent.*code|code.*2", on_reply("POST", TEMPLATE_CHECK, _code_three)),
    Mutant("missing-field-unlocated", "A field that was not sent is not named.", "TAMS › 4",
        "(?i)named", on_reply("POST", TEMPLATE_CHECK, _unlocated)),
    Mutant("notice-twice", "A notification comes twice.", "TAMS › 8", "(?i)2 notif|more than one",
        _notifications(twice)),
    Mutant("notice-of-another-job", "A notification names another job.", "TAMS › 8",
        "(?i)another job", _notifications(_of_another)),
    Mutant("notice-torn", "A notification is not JSON.", "TAMS › 8", "(?i)not JSON",
        _notifications(torn)),
    Mutant("notice-before-the-end", "A notification says that a job is not over.", "TAMS › 8",
        "(?i)RUNNING|notif", _notifications(_unfinished)),
)  # fmt: skip
