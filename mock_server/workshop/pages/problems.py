"""Refusals of the calls that pages make: JSON that the page shows to its user."""

from __future__ import annotations

from typing import Any

from mock_server.core.errors import (
    AccountGone,
    CreditsShort,
    DomainError,
    Invalid,
    Malformed,
    NotFound,
    TooLarge,
)
from mock_server.workshop.errors import Denied, Refused
from mock_server.workshop.pages.access import UNKNOWN, AccessDenied
from mock_server.workshop.pages.page_tasks import TooManyTasks
from mock_server.workshop.pages.same_site import NotJson, OtherSite
from mock_server.workshop.token_operations import milliseconds

# Errors, the most specific first: the status, and a word for the page's script.
_KINDS: tuple[tuple[type[DomainError], int, str], ...] = (
    (NotJson, 415, "not-json"),
    (OtherSite, 403, "other-site"),
    (Denied, 403, "denied"),
    (TooManyTasks, 429, "full"),
    (CreditsShort, 402, "credits"),
    (Malformed, 400, "unreadable"),
    (Invalid, 422, "invalid"),
    (NotFound, 404, "missing"),
    (TooLarge, 413, "large"),
    (Refused, 409, "refused"),
)


# The form's names for members of the vendor.
_FIELDS = {
    "negtive_prompt": "negative_prompt",
    "sampler_name": "sampler",
    "denoising_strength": "strength",
    "init_images[0]": "image",
}


def denial_of(error: DomainError) -> AccessDenied | None:
    """Return the denial of access that an error means, if it means one."""
    if isinstance(error, AccountGone):
        return AccessDenied(UNKNOWN)
    return error if isinstance(error, AccessDenied) else None


def problem(error: DomainError) -> tuple[int, dict[str, Any]] | None:
    """Return status and body, or None for an error that pages have no words for."""
    error = denial_of(error) or error
    if isinstance(error, AccessDenied):
        return error.status, {
            "problem": "unknown" if error.user is None else "over",
            "why": error.why,
            "message": str(error),
            "since": error.since,
            "at": None if error.at is None else milliseconds(error.at),
        }
    if isinstance(error, Refused) and error.situation == "task-parameter":
        # Its sentence begins with the member: "inputs.steps must be at least 1".
        member, _, rest = error.message.partition(" ")
        error = Invalid(_FIELDS.get(member, member), rest)
    for kind, status, word in _KINDS:
        if isinstance(error, kind):
            field, message = "", str(error)
            if isinstance(error, Invalid):
                field, message = error.field, error.problem
            return status, {"problem": word, "message": message, "field": field}
    return None
