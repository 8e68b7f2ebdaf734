"""Answers of the gateway in front of the service: accepted or rejected (`Workshop › 3.4`)."""

from __future__ import annotations

import re

import httpx

from contract_tests.answers import ReceivedAnswer, Unmet
from contract_tests.clients.workshop import WorkshopClient
from contract_tests.clients.workshop_answers import CODE
from contract_tests.credentials import WorkshopCredentials
from contract_tests.outcomes import OnlyObserved
from contract_tests.signing import workshop_string_to_sign
from contract_tests.workshop.signers import WorkshopSigner, digest_of

MESSAGE, REQUEST_ID = "X-Ca-Error-Message", "X-Ca-Request-Id"
QUERY = "/scc/spQueryToken"
UNKNOWN_TOKEN = "01j0000000nosuchtoken00000"  # noqa: S105 - it does not exist
A_QUESTION = {"apiToken": UNKNOWN_TOKEN}


def ask_gateway(
    workshop: WorkshopClient, auth: httpx.Auth | None, **options: object
) -> ReceivedAnswer:
    """Query an unknown token: the gateway decides first, and nothing is made."""
    target = options.pop("target", QUERY)
    if "content" not in options and "data" not in options:
        options.setdefault("json", A_QUESTION)
    return workshop.call("POST", str(target), auth=auth, **options)


def accepted(answer: ReceivedAnswer) -> ReceivedAnswer:
    """Return an answer of the service; raise `Unmet` if the gateway rejected the call."""
    code = answer.headers.get(CODE)
    if code is not None:
        message = answer.headers.get(MESSAGE)
        raise Unmet(
            f"the gateway refused {answer.sent} with {answer.status} {code} ({message}); "
            "expected an accepted signature"
        )
    if answer.status >= 500:
        raise Unmet(f"{answer.sent} answered {answer.status}: {answer.excerpt()}")
    return answer


def rejected(answer: ReceivedAnswer) -> ReceivedAnswer:
    """Return a refusal by the gateway, or raise `Unmet` unless it is in order."""
    if not 400 <= answer.status < 500:
        raise Unmet(
            f"{answer.sent} answered {answer.status}, expected a refusal by the gateway with a 4xx "
            f"status: {answer.excerpt()}"
        )
    for name in (CODE, MESSAGE, REQUEST_ID):
        if not answer.headers.get(name):
            raise Unmet(f"a refusal by the gateway has no {name} header: {answer.status}")
    code = answer.headers[CODE]
    if not re.fullmatch(rf"[A-Z]{answer.status}[A-Z0-9]{{2}}", code):
        raise Unmet(f"{CODE} of a {answer.status} is {code}, expected six characters with it")
    if answer.content:
        raise Unmet(f"a refusal by the gateway has a body, expected none: {answer.excerpt()}")
    return answer


def expect_digests(workshop: WorkshopClient, app: WorkshopCredentials) -> None:
    """Raise `OnlyObserved` if this gateway does not compare Content-MD5 with the body (W26)."""
    headers = {"content-md5": digest_of(b"something else"), "content-type": "application/json"}
    answer = ask_gateway(workshop, WorkshopSigner(app, headers=headers))
    if answer.headers.get(CODE) is None and answer.status < 500:
        raise OnlyObserved("a Content-MD5 of another body is accepted, so none is compared (W26)")


def mismatch(answer: ReceivedAnswer) -> ReceivedAnswer:
    """Return a refusal of the signature that shows the server's string, or raise `Unmet`."""
    message = rejected(answer).headers[MESSAGE]
    if "StringToSign" not in message:
        raise Unmet(f"the refusal of a signature shows no server StringToSign: {message!r}")
    sent = answer.sent
    target = httpx.URL(sent.url).raw_path
    text = workshop_string_to_sign(sent.method, target, dict(sent.headers), sent.body).decode()
    # An older page says that line feeds are removed, the newer one that they become `#`.
    if text.replace("\n", "#") not in message and text.replace("\n", "") not in message:
        raise Unmet(f"the server's StringToSign is {message!r}, expected {text!r} in it")
    return answer


def verdict(answer: ReceivedAnswer) -> object:
    """Return the decision of the gateway, for observations."""
    if answer.headers.get(CODE) is None:
        return [answer.status, "accepted"]
    return [answer.status, answer.headers[CODE], answer.headers.get(MESSAGE, "")[:80]]
