"""The common form of refusals.

The body is a JSON object with a `message`, which the vendor's SDK throws for every answer other
than 2xx, and with a whole number as `code` (`TAMS › 4 Errors`). Most words are not fixed.
"""

from __future__ import annotations

from typing import Any

from contract_tests.answers import ReceivedAnswer
from contract_tests.clients.tams_answers import expect_refusal
from contract_tests.openapi import is_error

REFUSED = tuple(range(400, 500))
NOT_OFFERED = (*REFUSED, 501)  # U58: older gateways have 501 for an unknown method
PARAMS = "Params Valid"  # the message for invalid parameters, as the vendor words it


def is_refused(answer: ReceivedAnswer) -> bool:
    """Say whether a call was refused: with a 4xx, or with an error and status 200 (U11)."""
    return answer.status in REFUSED or (answer.status == 200 and is_error(answer.content))


def refused(answer: ReceivedAnswer, *statuses: int) -> Any:
    """Return the body of a refusal with one of these statuses, by default any 4xx (or 200, U11)."""
    if statuses or not is_refused(answer):
        answer.expect_status(*(statuses or REFUSED))
    return expect_refusal(answer)


def expect_no_crash(answer: ReceivedAnswer) -> bool:
    """Say whether a call was carried out; raises `Unmet` unless its refusal is in order."""
    if answer.status == 200 and not is_refused(answer):
        return True
    refused(answer)
    return False


def words_of(body: Any) -> str:
    """Return the messages of a refusal and of its details."""
    details = body.get("details") or []
    return " ".join([body["message"], *(str(detail.get("message", "")) for detail in details)])
