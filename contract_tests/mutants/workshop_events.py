"""Mutants of the Workshop: events."""

from __future__ import annotations

from dataclasses import replace
from urllib.parse import parse_qsl, urlencode

from contract_tests.mutants.calls import HttpCall, HttpReply, a_reply
from contract_tests.mutants.mutant import Memory, Mutant, Mutation
from contract_tests.mutants.relay import Forward, Send, never, relayed, torn, twice

MAX_TRIES = 10
SYNCHRONOUS = ("apiAccessPreInvoke", "sdPreInvoke")


def _events(forward: Forward) -> Mutation:
    """Return a mutation of events: accounts get the URL of the proxy as receiver."""
    return relayed("POST", r"/_mock/accounts", "eventsUrl", forward)


def _query(message: HttpCall) -> dict[str, str]:
    return dict(parse_qsl(message.target.partition("?")[2], keep_blank_values=True))


def _with_query(message: HttpCall, **changes: str) -> HttpCall:
    return replace(message, target=f"{message.path}?{urlencode({**_query(message), **changes})}")


def _kind(message: HttpCall) -> str:
    return _query(message).get("bizType", "")


def _without(name: str) -> Forward:
    def forward(message: HttpCall, send: Send, memory: Memory) -> HttpReply:
        rest = {key: value for key, value in _query(message).items() if key != name}
        return send(replace(message, target=f"{message.path}?{urlencode(rest)}"))

    return forward


def _of_many_calls(message: HttpCall, send: Send, memory: Memory) -> HttpReply:
    """Give each event another invokeId."""
    memory["count"] = memory.get("count", 0) + 1
    return send(_with_query(message, invokeId=f"i_{memory['count']:024x}"))


def _of_one_call(message: HttpCall, send: Send, memory: Memory) -> HttpReply:
    """Give the events of all calls the first invokeId."""
    first = memory.setdefault("first", _query(message).get("invokeId", ""))
    return send(_with_query(message, invokeId=first))


def _of_one_token(message: HttpCall, send: Send, memory: Memory) -> HttpReply:
    """Give the events of all end users the first apiToken."""
    first = memory.setdefault("first", _query(message).get("apiToken", ""))
    return send(_with_query(message, apiToken=first))


def _given_up(message: HttpCall, send: Send, memory: Memory) -> HttpReply:
    """Treat a refusal as a delivery after ten tries, so later tries are missing."""
    key = _query(message).get("invokeId", ""), _kind(message)
    memory[key] = memory.get(key, 0) + 1
    answer = send(message)
    return answer if memory[key] < MAX_TRIES else HttpReply(200)


def _insisting(message: HttpCall, send: Send, memory: Memory) -> HttpReply:
    """Repeat a refused synchronous event."""
    answer = send(message)
    return send(message) if _kind(message) in SYNCHRONOUS and not answer.good else answer


def _never_content(message: HttpCall, send: Send, memory: Memory) -> HttpReply:
    """Treat an answer of 2xx as a refusal, so that the event is repeated."""
    answer = send(message)
    return answer if _kind(message) in SYNCHRONOUS or not answer.good else HttpReply(500)


def _allowing(message: HttpCall, send: Send, memory: Memory) -> HttpReply:
    """Carry out every call, whatever the customer answers."""
    send(message)
    return a_reply(200, {"success": True, "errMessage": None})


def _committed(message: HttpCall, send: Send, memory: Memory) -> HttpReply:
    """Send a commit in addition to the rollback of a failed call."""
    if _kind(message) == "apiAccessRollback":
        send(_with_query(message, bizType="apiAccessCommit"))
    return send(message)


def _never_for_pages(message: HttpCall, send: Send, memory: Memory) -> HttpReply:
    return HttpReply(200) if _kind(message) == "sdImgGenControlConfig" else send(message)


def _fetched(message: HttpCall, send: Send, memory: Memory) -> HttpReply:
    return send(replace(message, method="GET", body=b""))


def _empty(message: HttpCall, send: Send, memory: Memory) -> HttpReply:
    return send(replace(message, body=b"{}"))


MUTANTS = (
    Mutant("event-never", "Events never come.", "Workshop › 11",
        "(?i)event.*(no|never|0)|came", _events(never)),
    Mutant("event-never-for-pages", "A page asks the customer for nothing.", "Workshop › 11",
        "sdImgGenControlConfig", _events(_never_for_pages)),
    Mutant("event-twice", "Each event comes twice.", "Workshop › 11",
        "(?i)2 times|two times|twice|again",
        _events(twice)),
    Mutant("event-torn", "The body of an event is not JSON.", "Workshop › 11", "not JSON",
        _events(torn)),
    Mutant("event-without-request", "The body of an event is empty.", "Workshop › 11",
        "(?i)prompt|request|checkpoint", _events(_empty)),
    Mutant("event-is-a-get", "Events are GETs.", "Workshop › 11", "'GET'", _events(_fetched)),
    Mutant("event-without-sign", "An event has no sign.", "Workshop › 11", "has no sign",
        _events(_without("sign"))),
    Mutant("event-without-nonce", "An event has no nonce.", "Workshop › 11", "has no nonce",
        _events(_without("nonce"))),
    Mutant("event-of-many-calls", "Events of one call have several invokeId.", "Workshop › 11",
        "invokeId", _events(_of_many_calls)),
    Mutant("event-of-one-call", "The events of all calls have one invokeId.", "Workshop › 11",
        "invokeId", _events(_of_one_call)),
    Mutant("event-of-one-token", "The events of all end users have one apiToken.",
        "Workshop › 11", "apiToken", _events(_of_one_token)),
    Mutant("event-given-up", "A refused event is not tried sixteen times more.", "Workshop › 11",
        "was tried", _events(_given_up)),
    Mutant("event-insists", "A synchronous event is tried again.", "Workshop › 11",
        "(?i)synchronous", _events(_insisting)),
    Mutant("event-never-content", "An accepted event is repeated.", "Workshop › 11",
        r"(?i)again|came \d|times", _events(_never_content)),
    Mutant("denial-ignored", "A call that the customer denies is carried out.", "Workshop › 11",
        "(?i)denie|errMessage", _events(_allowing)),
    Mutant("commit-beside-rollback", "A failed call sends a commit too.", "Workshop › 11",
        "(?i)rollback|commit|given_back", _events(_committed)),
)  # fmt: skip
