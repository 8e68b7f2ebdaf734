"""Lies of the Workshop about events."""

from __future__ import annotations

from dataclasses import replace
from urllib.parse import parse_qsl, urlencode

from contract_tests.lies.calls import Call, Reply, a_reply
from contract_tests.lies.lie import Breach, Lie, Memory
from contract_tests.lies.relay import Forward, Send, never, relayed, torn, twice

MOST_TRIES = 10
SYNCHRONOUS = ("apiAccessPreInvoke", "sdPreInvoke")


def _events(forward: Forward) -> Breach:
    """Return the lie about events: accounts that have a receiver get the proxy's."""
    return relayed("POST", r"/_mock/accounts", "eventsUrl", forward)


def _query(told: Call) -> dict[str, str]:
    return dict(parse_qsl(told.target.partition("?")[2], keep_blank_values=True))


def _with_query(told: Call, **changes: str) -> Call:
    return replace(told, target=f"{told.path}?{urlencode({**_query(told), **changes})}")


def _kind(told: Call) -> str:
    return _query(told).get("bizType", "")


def _without(name: str) -> Forward:
    def forward(told: Call, send: Send, memory: Memory) -> Reply:
        rest = {key: value for key, value in _query(told).items() if key != name}
        return send(replace(told, target=f"{told.path}?{urlencode(rest)}"))

    return forward


def _of_many_calls(told: Call, send: Send, memory: Memory) -> Reply:
    """Give each event another invokeId."""
    memory["count"] = memory.get("count", 0) + 1
    return send(_with_query(told, invokeId=f"i_{memory['count']:024x}"))


def _given_up(told: Call, send: Send, memory: Memory) -> Reply:
    """Take a refusal for a delivery after ten tries: what should follow is never made."""
    key = _query(told).get("invokeId", ""), _kind(told)
    memory[key] = memory.get(key, 0) + 1
    answer = send(told)
    return answer if memory[key] < MOST_TRIES else Reply(200)


def _insisting(told: Call, send: Send, memory: Memory) -> Reply:
    """Try a synchronous event again when it is refused."""
    answer = send(told)
    return send(told) if _kind(told) in SYNCHRONOUS and not answer.good else answer


def _never_content(told: Call, send: Send, memory: Memory) -> Reply:
    """Take an answer of 2xx for a refusal, so that the event comes again."""
    answer = send(told)
    return answer if _kind(told) in SYNCHRONOUS or not answer.good else Reply(500)


def _allowing(told: Call, send: Send, memory: Memory) -> Reply:
    """Let every call be carried out, whatever the customer says."""
    send(told)
    return a_reply(200, {"success": True, "errMessage": None})


def _committed(told: Call, send: Send, memory: Memory) -> Reply:
    """Tell of a commit beside the rollback of a call that failed."""
    if _kind(told) == "apiAccessRollback":
        send(_with_query(told, bizType="apiAccessCommit"))
    return send(told)


def _fetched(told: Call, send: Send, memory: Memory) -> Reply:
    return send(replace(told, method="GET", body=b""))


def _empty(told: Call, send: Send, memory: Memory) -> Reply:
    return send(replace(told, body=b"{}"))


LIES = (
    Lie("event-never", "Events never come.", "Workshop › 11",
        "(?i)event.*(no|never|0)|came", _events(never)),
    Lie("event-twice", "Each event comes twice.", "Workshop › 11",
        "(?i)2 times|two times|twice|again",
        _events(twice)),
    Lie("event-torn", "The body of an event is no JSON.", "Workshop › 11", "no JSON",
        _events(torn)),
    Lie("event-without-request", "The body of an event is empty.", "Workshop › 11",
        "(?i)prompt|request|checkpoint", _events(_empty)),
    Lie("event-is-a-get", "Events are GETs.", "Workshop › 11", "'GET'", _events(_fetched)),
    Lie("event-without-sign", "An event has no sign.", "Workshop › 11", "has no sign",
        _events(_without("sign"))),
    Lie("event-without-nonce", "An event has no nonce.", "Workshop › 11", "has no nonce",
        _events(_without("nonce"))),
    Lie("event-of-many-calls", "Events of one call have several invokeId.", "Workshop › 11",
        "invokeId", _events(_of_many_calls)),
    Lie("event-given-up", "A refused event is not tried sixteen times more.", "Workshop › 11",
        "was tried", _events(_given_up)),
    Lie("event-insists", "A synchronous event is tried again.", "Workshop › 11",
        "(?i)synchronous", _events(_insisting)),
    Lie("event-never-content", "An event that was taken comes again.", "Workshop › 11",
        r"(?i)again|came \d|times", _events(_never_content)),
    Lie("denial-ignored", "A call that the customer denies is carried out.", "Workshop › 11",
        "(?i)denie|errMessage", _events(_allowing)),
    Lie("commit-beside-rollback", "A call that failed is told as a commit too.", "Workshop › 11",
        "(?i)rollback|commit|given_back", _events(_committed)),
)  # fmt: skip
