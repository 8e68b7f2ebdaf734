"""Relaying notifications and events: they pass the proxy on their way from the mock.

The proxy replaces the receiver's URL in a call by its own. It changes what arrives there and sends
it on.
"""

from __future__ import annotations

from collections.abc import Callable

import httpx

from contract_tests.mutants.calls import HttpCall, HttpReply, Middleware, Service
from contract_tests.mutants.mutant import Memory, Mutation, calls

RECEIVER = "/mutants/received"
TIMEOUT = 5  # seconds, as the Workshop documents for its events
Send = Callable[[HttpCall], HttpReply]
Forward = Callable[[HttpCall, Send, Memory], HttpReply]


def relayed(method: str, pattern: str, member: str, forward: Forward) -> Mutation:
    """Return a mutation of the messages to receivers that a member of some calls names."""
    concerned = calls(method, pattern)

    def make() -> Middleware:
        receivers: list[str] = []
        memory: Memory = {}

        def handle(call: HttpCall, service: Service) -> HttpReply:
            if call.path.startswith(RECEIVER):
                return forward(call, lambda message: _sent_to(receivers, message), memory)
            body = call.json
            if not concerned(call) or not isinstance(body, dict) or not body.get(member):
                return service(call)
            receivers.append(str(body[member]))
            own = f"{service.url}{RECEIVER}/{len(receivers) - 1}"
            return service(service.signed(call.with_json({**body, member: own})))

        return handle

    return Mutation(concerned, make)


def twice(message: HttpCall, send: Send, memory: Memory) -> HttpReply:
    """Send each message twice."""
    send(message)
    return send(message)


def never(message: HttpCall, send: Send, memory: Memory) -> HttpReply:
    """Send nothing."""
    return HttpReply(200)


def torn(message: HttpCall, send: Send, memory: Memory) -> HttpReply:
    """Send the first half of each body."""
    return send(
        HttpCall(
            message.method, message.target, message.headers, message.body[: len(message.body) // 2]
        )
    )


def _sent_to(receivers: list[str], message: HttpCall) -> HttpReply:
    """Send a message to its receiver, and return the answer."""
    path, _, query = message.target.partition("?")
    url = receivers[int(path.rpartition("/")[2])]
    if query:
        url += ("&" if "?" in url else "?") + query
    headers = {"Content-Type": message.header("Content-Type") or "application/json"}
    try:
        # Receivers are plain HTTP. Loading certificates would take longer than the call.
        with httpx.Client(trust_env=False, verify=False, timeout=TIMEOUT) as client:  # noqa: S501
            answer = client.request(message.method, url, content=message.body, headers=headers)
    except httpx.TransportError:
        return HttpReply(502)  # the receiver does not answer
    kept = tuple(pair for pair in answer.headers.items() if pair[0] == "content-type")
    return HttpReply(answer.status_code, kept, answer.content)
