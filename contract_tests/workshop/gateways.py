"""What the gateway in front of the service says: let in, or turned away (`Workshop › 3.4`)."""

from __future__ import annotations

import httpx

from contract_tests.answers import ReceivedAnswer, Unmet
from contract_tests.clients.workshop import WorkshopClient
from contract_tests.signing import workshop_string_to_sign

CODE, MESSAGE, REQUEST_ID = "X-Ca-Error-Code", "X-Ca-Error-Message", "X-Ca-Request-Id"
QUERY = "/scc/spQueryToken"
UNKNOWN_TOKEN = "01j0000000nosuchtoken00000"  # noqa: S105 - nobody made it
A_QUESTION = {"apiToken": UNKNOWN_TOKEN}


def ask_gateway(
    workshop: WorkshopClient, auth: httpx.Auth | None, **options: object
) -> ReceivedAnswer:
    """Ask for a token that nobody made: the gateway decides first, and nothing is left behind."""
    target = options.pop("target", QUERY)
    if "content" not in options and "data" not in options:
        options.setdefault("json", A_QUESTION)
    return workshop.call("POST", str(target), auth=auth, **options)


def accepted(answer: ReceivedAnswer) -> ReceivedAnswer:
    """Return an answer of the service behind the gateway; raise `Unmet` if it never got there."""
    code = answer.headers.get(CODE)
    if code is not None:
        message = answer.headers.get(MESSAGE)
        raise Unmet(
            f"the gateway refused {answer.sent} with {answer.status} {code} ({message}); "
            "expected that the signature is good"
        )
    if answer.status >= 500:
        raise Unmet(f"{answer.sent} answered {answer.status}: {answer.excerpt()}")
    return answer


def rejected(answer: ReceivedAnswer) -> ReceivedAnswer:
    """Return a refusal by the gateway that is in order, or raise `Unmet`."""
    if not 400 <= answer.status < 500:
        raise Unmet(
            f"{answer.sent} answered {answer.status}, expected a refusal by the gateway with a 4xx "
            f"status: {answer.excerpt()}"
        )
    for name in (CODE, MESSAGE, REQUEST_ID):
        if not answer.headers.get(name):
            raise Unmet(f"a refusal by the gateway has no {name} header: {answer.status}")
    if answer.content:
        raise Unmet(f"a refusal by the gateway has a body, expected none: {answer.excerpt()}")
    return answer


def mismatch(answer: ReceivedAnswer) -> ReceivedAnswer:
    """Return a refusal of the signature that tells the server's own string, or raise `Unmet`."""
    message = rejected(answer).headers[MESSAGE]
    if "StringToSign" not in message:
        raise Unmet(f"the refusal of a signature tells no server StringToSign: {message!r}")
    sent = answer.sent
    target = httpx.URL(sent.url).raw_path
    text = workshop_string_to_sign(sent.method, target, dict(sent.headers), sent.body).decode()
    # An older page says that line feeds are left out, the newer one that they become `#`.
    if text.replace("\n", "#") not in message and text.replace("\n", "") not in message:
        raise Unmet(f"the server's StringToSign is {message!r}, expected {text!r} in it")
    return answer


def verdict(answer: ReceivedAnswer) -> object:
    """Return how the gateway decided, for what is only observed."""
    if answer.headers.get(CODE) is None:
        return [answer.status, "let in"]
    return [answer.status, answer.headers[CODE], answer.headers.get(MESSAGE, "")[:80]]
