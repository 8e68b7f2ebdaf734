"""Relaying what a mock sends by itself: notifications and events pass the proxy on their way.

A receiver that is named in a call is replaced by an address of the proxy's, and what comes there is
sent on as a lie tells it.
"""

from __future__ import annotations

from collections.abc import Callable

import httpx

from contract_tests.lies.calls import Call, Distortion, Reply, Service
from contract_tests.lies.lie import Breach, Memory, calls

RECEIVER = "/lies/received"
TIMEOUT = 5  # seconds; what the Workshop documents for its events, and plenty for a notification
Send = Callable[[Call], Reply]
Forward = Callable[[Call, Send, Memory], Reply]


def relayed(method: str, pattern: str, member: str, forward: Forward) -> Breach:
    """Return the lie about what goes to the receivers that are named in a member of some calls."""
    concerned = calls(method, pattern)

    def make() -> Distortion:
        receivers: list[str] = []
        memory: Memory = {}

        def distort(call: Call, service: Service) -> Reply:
            if call.path.startswith(RECEIVER):
                return forward(call, lambda told: _sent_to(receivers, told), memory)
            body = call.json
            if not concerned(call) or not isinstance(body, dict) or not body.get(member):
                return service(call)
            receivers.append(str(body[member]))
            own = f"{service.url}{RECEIVER}/{len(receivers) - 1}"
            return service(service.signed(call.with_json({**body, member: own})))

        return distort

    return Breach(concerned, make)


def twice(told: Call, send: Send, memory: Memory) -> Reply:
    """Send everything two times."""
    send(told)
    return send(told)


def never(told: Call, send: Send, memory: Memory) -> Reply:
    """Send nothing."""
    return Reply(200)


def torn(told: Call, send: Send, memory: Memory) -> Reply:
    """Send the first half of each body."""
    return send(Call(told.method, told.target, told.headers, told.body[: len(told.body) // 2]))


def _sent_to(receivers: list[str], told: Call) -> Reply:
    """Send to whom it was meant for, and return the answer."""
    path, _, query = told.target.partition("?")
    url = receivers[int(path.rpartition("/")[2])]
    if query:
        url += ("&" if "?" in url else "?") + query
    headers = {"Content-Type": told.header("Content-Type") or "application/json"}
    try:
        # Receivers are plain HTTP, and reading certificates would take longer than the call.
        with httpx.Client(trust_env=False, verify=False, timeout=TIMEOUT) as client:  # noqa: S501
            answer = client.request(told.method, url, content=told.body, headers=headers)
    except httpx.TransportError:
        return Reply(502)  # as it is when nobody listens
    kept = tuple(pair for pair in answer.headers.items() if pair[0] == "content-type")
    return Reply(answer.status_code, kept, answer.content)
