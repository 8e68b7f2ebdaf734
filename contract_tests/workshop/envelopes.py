"""The envelope of answers of the service (`Workshop › 4`)."""

from __future__ import annotations

from typing import Any

from contract_tests.answers import ReceivedAnswer, Unmet
from contract_tests.clients.workshop import Envelope
from contract_tests.clients.workshop_answers import CODE, ERRORS, FAILURE, SUCCESS, complete
from contract_tests.workshop.gateways import rejected


def plain_success(envelope: Envelope) -> Any:
    """Return the envelope of a success, whose errors are all null, or raise `Unmet`."""
    envelope.expect_success()
    return complete(envelope.body)


def refused(answer: ReceivedAnswer) -> Any:
    """Return the envelope of a refusal, None for a refusal by the gateway, or raise `Unmet`.

    The HTTP status is open (W21), and the gateway may refuse a call before the service (W22). A
    server error is not a refusal.
    """
    if answer.status >= 500:
        raise Unmet(f"{answer.sent} answered {answer.status}: {answer.excerpt()}")
    if CODE in answer.headers:
        rejected(answer)
        return None
    body = complete(answer.json)
    if body["status"] != FAILURE:
        raise Unmet(f"{answer.sent} succeeded, expected a refusal: {answer.excerpt()}")
    if not any(body[name] for name in ERRORS):
        raise Unmet(f"a refusal has no reason in {', '.join(ERRORS)}: {answer.excerpt()}")
    return body


def reason(answer: ReceivedAnswer) -> Any:
    """Return how a call ended, for observations: success, or status and codes."""
    if CODE in answer.headers:
        return [answer.status, answer.headers[CODE]]
    body = answer.json
    if body["status"] == SUCCESS:
        return [answer.status, SUCCESS]
    return [answer.status, FAILURE, *(body.get(name) for name in ERRORS)]


def orderly(answer: ReceivedAnswer) -> bool:
    """Say whether a call was carried out; raises `Unmet` unless its refusal is in order."""
    by_service = CODE not in answer.headers and 200 <= answer.status < 300
    if by_service and complete(answer.json)["status"] == SUCCESS:
        return True
    refused(answer)
    return False
