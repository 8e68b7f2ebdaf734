"""Mutants of the Workshop: sessions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from contract_tests.mutants.calls import HttpCall, HttpReply, Middleware, Service, a_reply
from contract_tests.mutants.mutant import (
    Memory,
    Mutant,
    Mutation,
    calls,
    on_json,
    on_reply,
    on_request,
)
from contract_tests.mutants.workshop_authentication import FORBIDDEN, SUCCESS, body_of, on_data

OPENED = r"/scc/sp(Create|RefreshOrCreate)Session"
ANSWERED = r"/scc/sp(Create|RefreshOrCreate|Refresh|Query)Session"
REFRESHED = r"/scc/sp(Refresh|RefreshOrCreate)Session"
HOUR = 3600
DAY = 86400


def _in_seconds(data: Any, memory: Memory) -> None:
    data["expiredAt"] //= 1000


def _not_counting(data: Any, memory: Memory) -> None:
    key = (data["apiToken"], data["expiredAt"])
    data["expiredInSeconds"] = memory.setdefault(key, data["expiredInSeconds"])


def _counting_up(data: Any, memory: Memory) -> None:
    left = data["expiredInSeconds"]
    key = (data["apiToken"], data["expiredAt"])
    data["expiredInSeconds"] = 2 * memory.setdefault(key, left) - left + 1


def _mode_forgotten(call: HttpCall, memory: Memory, service: Service) -> HttpCall | HttpReply:
    """Give inference sessions the lifetime of the others."""
    body = call.json
    if not isinstance(body, dict) or body.get("sessionMode") != 20:
        return call
    if body.get("expiredInSeconds") is not None:
        return call
    return service.signed(call.with_json({**body, "expiredInSeconds": HOUR}))


def _long(call: HttpCall, memory: Memory, service: Service) -> HttpCall | HttpReply:
    body = call.json
    if not isinstance(body, dict) or body.get("expiredInSeconds") is not None:
        return call
    return service.signed(call.with_json({**body, "expiredInSeconds": DAY}))


def _dropping(
    member: str,
) -> Callable[[HttpCall, Memory, Service], HttpCall | HttpReply]:
    """Return a change that removes a member from the body of a call."""

    def change(call: HttpCall, memory: Memory, service: Service) -> HttpCall | HttpReply:
        body = call.json
        if not isinstance(body, dict) or body.get(member) is None:
            return call
        rest = {name: value for name, value in body.items() if name != member}
        return service.signed(call.with_json(rest))

    return change


def _added_to_the_old(call: HttpCall, memory: Memory, service: Service) -> HttpCall | HttpReply:
    """Add the lifetime of a refresh to the old expiry."""
    body = call.json
    if not isinstance(body, dict) or not isinstance(body.get("expiredInSeconds"), int):
        return call
    question = {name: body[name] for name in ("apiToken", "subProduct", "gadgetId") if name in body}
    asked_for = replace(call, target="/scc/spQuerySession").with_json(question)
    data = (service(service.signed(asked_for)).json or {}).get("data")
    left = data["expiredInSeconds"] if isinstance(data, dict) else 0
    longer = {**body, "expiredInSeconds": body["expiredInSeconds"] + left}
    return service.signed(call.with_json(longer))


def _never_shorter(call: HttpCall, reply: HttpReply, memory: Memory, service: Service) -> HttpReply:
    """Keep the latest expiry of a session."""
    body = reply.json
    data = body.get("data") if isinstance(body, dict) else None
    if not isinstance(data, dict) or "expiredAt" not in data:
        return reply
    latest = max(data["expiredAt"], memory.get(data["sessionUrl"], 0))
    memory[data["sessionUrl"]] = latest
    later = (latest - data["expiredAt"]) // 1000
    data.update(expiredAt=latest, expiredInSeconds=data["expiredInSeconds"] + later)
    return reply.with_json(body)


def _living_on(call: HttpCall, reply: HttpReply, memory: Memory, service: Service) -> HttpReply:
    """Answer a query with earlier data although the session is over."""
    body, asked_body = reply.json, call.json
    if not isinstance(body, dict) or not isinstance(asked_body, dict):
        return reply
    sub_product = asked_body.get("subProduct") or "sd_webui"
    key = (asked_body.get("apiToken"), sub_product, asked_body.get("gadgetId"))
    if isinstance(body.get("data"), dict) and "sessionUrl" in body["data"]:
        memory[key] = reply
        return reply
    return memory.get(key, reply) if call.path == "/scc/spQuerySession" else reply


def _other_sub_product(call: HttpCall, memory: Memory, service: Service) -> HttpCall | HttpReply:
    """Use one session for each token, whatever the sub-product."""
    body = call.json
    if not isinstance(body, dict) or body.get("subProduct") is None:
        return call
    return service.signed(call.with_json({**body, "subProduct": "sd_webui"}))


def _one_gadget(call: HttpCall, memory: Memory, service: Service) -> HttpCall | HttpReply:
    body = body_of(call)
    if not body.get("gadgetId"):
        return call
    return service.signed(call.with_json({**body, "gadgetId": "gadget"}))


def _one_pool(call: HttpCall, memory: Memory, service: Service) -> HttpCall | HttpReply:
    return FORBIDDEN if "," in str(body_of(call).get("customResourceConfigId")) else call


def _of_another(call: HttpCall, reply: HttpReply, memory: Memory, service: Service) -> HttpReply:
    """Answer a query with the session of another token."""
    body = reply.json
    data = body.get("data") if isinstance(body, dict) else None
    if not isinstance(data, dict) or "sessionUrl" not in data:
        return reply
    if call.path == "/scc/spQuerySession":
        others = [seen for token, seen in memory.items() if token != data["apiToken"]]
        return reply.with_json({**body, "data": others[-1]}) if others else reply
    memory[data["apiToken"]] = data
    return reply


def _pages(change_gone: bool) -> Mutation:
    """Return a mutation of the page behind `sessionUrl`: always served, or never."""
    opened = calls("POST", ANSWERED)

    def make() -> Middleware:
        shown: dict[str, HttpReply | None] = {}

        def handle(call: HttpCall, service: Service) -> HttpReply:
            reply = service(call)
            data = (reply.json or {}).get("data") if opened(call) else None
            if isinstance(data, dict) and "sessionUrl" in data:
                target = "/" + data["sessionUrl"].split("/", 3)[3]
                host = tuple(pair for pair in call.headers if pair[0].lower() == "host")
                if shown.get(target) is None:
                    shown[target] = service(HttpCall("GET", target, host))
            page = shown.get(call.target)
            if call.method != "GET" or page is None:
                return reply
            if change_gone:
                return page if not reply.good else reply
            return a_reply(404, {"message": "no such page"})

        return handle

    return Mutation(lambda call: not call.path.startswith(("/v1", "/_mock")), make)


def _undeleted(call: HttpCall, memory: Memory, service: Service) -> HttpCall | HttpReply:
    """Answer that the session is destroyed, without destroying it."""
    body = call.json
    question = {"apiToken": body.get("apiToken")} if isinstance(body, dict) else {}
    known = service(service.signed(replace(call, target="/scc/spQueryToken").with_json(question)))
    if not known.good or (known.json or {}).get("status") != SUCCESS:
        return call
    empty = ("subErrCode", "subErrMessage", "errCode", "errMessage", "startTime", "endTime", "data")
    envelope = {"status": SUCCESS, "apiInvokeId": "i_69689e800000000000abc001"}
    return a_reply(200, {**envelope, **dict.fromkeys(empty)})


MUTANTS = (
    Mutant("expiry-in-seconds", "expiredAt is in seconds.", "Workshop › 6.3", "(?i)expiredAt|expir",
        on_data(ANSWERED, _in_seconds)),
    Mutant("expiry-as-text", "expiredAt is a text.", "Workshop › 6.3", "expiredAt",
        on_data(ANSWERED, lambda data, memory: data.update(expiredAt=str(data["expiredAt"])))),
    Mutant("time-left-stands-still", "The seconds left do not count down.", "Workshop › 6.3",
        "(?i)second|left|count|down", on_data(ANSWERED, _not_counting)),
    Mutant("time-left-grows", "The seconds left count up.", "Workshop › 6.3",
        "(?i)second|left|count|down", on_data(ANSWERED, _counting_up)),
    Mutant("session-without-url", "A session has no URL.", "Workshop › 6.3", "sessionUrl",
        on_data(ANSWERED, lambda data, memory: data.pop("sessionUrl"))),
    Mutant("session-url-without-host", "The URL of a session has no host.", "Workshop › 6.6",
        "(?i)url", on_data(ANSWERED, lambda data, memory: data.update(
            sessionUrl="/" + data["sessionUrl"].split("/", 3)[3]))),
    Mutant("session-names-another-token", "A session has another token.", "Workshop › 6.3",
        "(?i)token", on_data(ANSWERED, lambda data, memory: data.update(apiToken="01xxxxxxxx"))),
    Mutant("inference-lasts-an-hour", "Mode 20 lasts an hour by default.",
        "Workshop › 6.2", "(?i)mode|default|86400|life", on_request("POST", OPENED,
            _mode_forgotten)),
    Mutant("session-lasts-a-day", "Mode 10 lasts a day by default.", "Workshop › 6.2",
        "(?i)mode|default|3600|hour|life", on_request("POST", OPENED, _long)),
    Mutant("refresh-lasts-a-day", "A refresh is for a day by default.", "Workshop › 6.2",
        "(?i)default|3600|hour|refresh", on_request("POST", r"/scc/spRefreshSession", _long)),
    Mutant("lifetime-ignored", "The requested lifetime is ignored.", "Workshop › 6.2",
        "(?i)life|second|expir", on_request("POST", OPENED, _dropping("expiredInSeconds"))),
    Mutant("refresh-adds-to-the-old", "A refresh adds to the old expiry.", "Workshop › 6.4",
        "(?i)refresh", on_request("POST", REFRESHED, _added_to_the_old)),
    Mutant("refresh-never-shortens", "A refresh never shortens a session.", "Workshop › 6.4",
        "(?i)refresh|short", on_reply("POST", ANSWERED, _never_shorter)),
    Mutant("session-lives-on", "A session is still answered when it is over.", "Workshop › 6.4",
        "(?i)over|destroyed", on_reply("POST", ANSWERED, _living_on)),
    Mutant("page-lives-on", "The URL of a session works when it is over.", "Workshop › 6.4",
        "(?i)url_(stops|works)", _pages(True)),
    Mutant("page-not-there", "The URL of a live session is not found.", "Workshop › 6.6",
        "(?i)url|page|200", _pages(False)),
    Mutant("delete-does-nothing", "A destroyed session still exists.", "Workshop › 6.4",
        "(?i)destroyed", on_request("POST", r"/scc/spDeleteSession", _undeleted)),
    Mutant("sub-products-share", "The second sub-product gets the first one's session.",
        "Workshop › 6.4", "(?i)product",
        on_request("POST", r"/scc/sp(\w+)Session", _other_sub_product)),
    Mutant("gadgets-share", "A gadget gets the session without a gadget.", "Workshop › 6.4",
        "(?i)gadget", on_request("POST", r"/scc/sp(\w+)Session", _dropping("gadgetId"))),
    Mutant("gadgets-share-one", "All gadgets share one session.", "Workshop › 6.4",
        "(?i)gadget", on_request("POST", r"/scc/sp(\w+)Session", _one_gadget)),
    Mutant("seconds-left-off", "The seconds left are ten too many.", "Workshop › 6.3",
        "(?i)expiredInSeconds", on_data(ANSWERED, lambda data, memory:
            data.update(expiredInSeconds=data["expiredInSeconds"] + 10))),
    Mutant("several-pools-refused", "A session may name one pool only.", "Workshop › 9",
        "(?i)pool", on_request("POST", OPENED, _one_pool)),
    Mutant("session-of-another-token", "A query answers the session of another token.",
        "Workshop › 6.4", "(?i)token", on_reply("POST", ANSWERED, _of_another)),
    Mutant("delete-has-no-status", "The answer to a destroy has no status.", "Workshop › 6.3",
        "status", on_json("POST", r"/scc/spDeleteSession",
                       lambda body, memory: body.pop("status", None))),
)  # fmt: skip
