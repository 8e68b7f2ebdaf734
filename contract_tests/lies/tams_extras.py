"""Lies of TAMS about uploads, models, graphs, templates and notifications."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from contract_tests.lies.calls import Call, Reply, Service, a_reply
from contract_tests.lies.lie import Breach, Lie, Memory, answered, asked, told
from contract_tests.lies.relay import Forward, Send, never, relayed, torn, twice
from contract_tests.lies.tams_jobs import CREATE

RESERVE = r"/v1/resource/image"
FORM = r"/v1/resource/image/sts"
STORE = r"/(tams-resource/upload|short-term)/.*"
GRAPH = r"/v1/jobs/workflow/params/check"
TEMPLATE = r"/v1/workflows/\d+"
TEMPLATE_CHECK = r"/v1/workflows/template/check"


def _refused_taken(call: Call, reply: Reply, memory: Memory, service: Service) -> Reply:
    return reply if reply.good else a_reply(200, {"Status": "OK"})


def _dropped(call: Call, memory: Memory, service: Service) -> Call | Reply:
    return a_reply(200, {"Status": "OK"})


def _closed(call: Call, memory: Memory, service: Service) -> Call | Reply:
    if call.header("Authorization"):
        return call
    return a_reply(401, {"code": 100001, "message": "unauthorized", "tips": "sign it"})


def _fine(credits: float) -> Callable[[Call, Reply, Memory, Service], Reply]:
    """Return the change of a refusal of what was checked into a price."""

    def change(call: Call, reply: Reply, memory: Memory, service: Service) -> Reply:
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


def _missing_found(data: Any) -> Callable[[Call, Reply, Memory, Service], Reply]:
    def change(call: Call, reply: Reply, memory: Memory, service: Service) -> Reply:
        return a_reply(200, data) if reply.status == 404 else reply

    return change


def _code_three(call: Call, reply: Reply, memory: Memory, service: Service) -> Reply:
    body = reply.json
    if reply.good or not isinstance(body, dict) or body.get("code") != 2:
        return reply
    return reply.with_json({**body, "code": 3})


def _unlocated(call: Call, reply: Reply, memory: Memory, service: Service) -> Reply:
    body = reply.json
    if reply.good or not isinstance(body, dict) or body.get("code") != 2:
        return reply
    return reply.with_json({**body, "message": "a field is missing"})


def _notices(forward: Forward) -> Breach:
    """Return the lie about notifications of jobs."""
    return relayed("POST", CREATE, "notifyUrl", forward)


def _of_another(notice: Call, send: Send, memory: Memory) -> Reply:
    body = notice.json
    return send(notice.with_json({**body, "jobId": "1", "job": {"id": "1", "status": "FAILED"}}))


def _unfinished(notice: Call, send: Send, memory: Memory) -> Reply:
    body = notice.json
    return send(notice.with_json({**body, "status": "RUNNING"}))


LIES = (
    Lie("upload-answers-204", "The store answers a PUT with 204.", "TAMS › 9",
        "204",
        answered("PUT", STORE, lambda call, reply, memory, service:
                 Reply(204) if reply.good else reply)),
    Lie("upload-dropped", "Bytes that were put are lost.", "TAMS › 9", "(?i)SUCCESS|FAILED",
        asked("PUT", STORE, _dropped)),
    Lie("expired-upload-taken", "An upload URL never ends.", "TAMS › 9", "(?i)expired",
        answered("PUT", STORE, _refused_taken)),
    Lie("upload-wants-credentials", "A PUT without authorization is refused.", "TAMS › 9",
        "expected 20", asked("PUT", STORE, _closed)),
    Lie("upload-headers-in-lists", "The headers of an upload are no flat map of texts.",
        "TAMS › 2", "headers", told("POST", RESERVE, _lists)),
    Lie("upload-forbidden-header", "The headers of an upload name the host.", "TAMS › 9",
        "(?i)host", told("POST", RESERVE, lambda body, memory:
                         body["headers"].update({"Host": "127.0.0.1"}))),
    Lie("upload-without-url", "A reserved upload has no putUrl.", "TAMS › 5.11", "putUrl",
        told("POST", RESERVE, lambda body, memory: body.pop("putUrl"))),
    Lie("resource-id-no-uuid", "The id of a resource is no UUID.", "TAMS › 5.11", "(?i)uuid",
        told("POST", RESERVE, lambda body, memory: body.update(resourceId="17"))),
    Lie("resource-id-repeated", "Each reservation has the same id.", "TAMS › 5.11",
        "(?i)id|differ|own|twice", told("POST", RESERVE, _same_id)),
    Lie("form-without-policy", "A reserved form has no policy.", "TAMS › 5.12", "policy",
        told("POST", FORM, lambda body, memory: body.pop("policy"))),
    Lie("form-expires-as-number", "The expiry of a form is a number.", "TAMS › 5.12", "expire",
        told("POST", FORM, lambda body, memory: body.update(expire=1))),
    Lie("model-unwrapped", "A model has no wrapper.", "TAMS › 5.10", "'model'",
        told("GET", r"/v1/models/\d+", _unwrapped)),
    Lie("model-without-name", "A model has no name.", "TAMS › 5.10", "name",
        told("GET", r"/v1/models/\d+", lambda body, memory: body["model"].pop("name"))),
    Lie("model-id-as-number", "The id of a model is a number.", "TAMS › 2", "id",
        told("GET", r"/v1/models/\d+", lambda body, memory:
             body["model"].update(id=int(body["model"]["id"])))),
    Lie("another-model", "Another model is answered.", "TAMS › 5.10", "(?i)asked.for",
        told("GET", r"/v1/models/\d+", lambda body, memory: body["model"].update(id="12345"))),
    Lie("unknown-model-found", "A model that nobody made is found.", "TAMS › 5.10",
        "(?i)nobody.made",
        answered("GET", r"/v1/models/\d+",
                 _missing_found({"model": {"id": "1", "name": "any"}}))),
    Lie("graph-always-fine", "A graph that lacks an input passes the check.", "TAMS › 5.6",
        "(?i)not.valid", answered("POST", GRAPH, _fine(1))),
    Lie("graph-priced-as-text", "The price of a graph is a text.", "TAMS › 5.6", "credits",
        told("POST", GRAPH, lambda body, memory: body.update(credits=str(body["credits"])))),
    Lie("good-graph-invalid", "A good graph is called invalid.", "TAMS › 5.6", "(?i)valid",
        told("POST", GRAPH, lambda body, memory: body.update(valid=False))),
    Lie("template-fields-renamed", "The fields of a template have other names.", "TAMS › 5.7",
        "(?i)field", told("GET", TEMPLATE, _other_fields)),
    Lie("template-fields-unlocated", "The fields of a template have no node.", "TAMS › 5.7",
        "nodeId", told("GET", TEMPLATE, _unnamed_fields)),
    Lie("template-wrapped", "A template is wrapped.", "TAMS › 5.7", "(?i)templateId|wrapped",
        told("GET", TEMPLATE, _wrapped)),
    Lie("unknown-template-found", "A template that nobody made is found.", "TAMS › 5.7",
        "(?i)nobody.made|expected 404",
        answered("GET", TEMPLATE, _missing_found(
            {"templateId": "1", "name": "any", "fields": {"fieldAttrs": []}}))),
    Lie("template-check-always-fine", "Fields that were not sent are not missed.", "TAMS › 5.8",
        "(?i)not.sent", answered("POST", TEMPLATE_CHECK, _fine(1))),
    Lie("missing-field-has-code-three", "A field that was not sent has code 3.", "TAMS › 4",
        "(?i)not_sent.*code|code.*2", answered("POST", TEMPLATE_CHECK, _code_three)),
    Lie("missing-field-unlocated", "A field that was not sent is not named.", "TAMS › 4",
        "(?i)named", answered("POST", TEMPLATE_CHECK, _unlocated)),
    Lie("notice-twice", "A notification comes twice.", "TAMS › 8", "(?i)2 notif|more than one",
        _notices(twice)),
    Lie("notice-never", "A notification never comes.", "TAMS › 8",
        "(?i)no notif|never|0 notif|came",
        _notices(never)),
    Lie("notice-of-another-job", "A notification names another job.", "TAMS › 8", "(?i)another job",
        _notices(_of_another)),
    Lie("notice-torn", "A notification is no JSON.", "TAMS › 8", "(?i)no JSON",
        _notices(torn)),
    Lie("notice-before-the-end", "A notification says that a job is not over.", "TAMS › 8",
        "(?i)RUNNING|notif", _notices(_unfinished)),
)  # fmt: skip
