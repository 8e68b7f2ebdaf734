"""What the pages' calls are refused with: JSON that the page shows to its user."""

from __future__ import annotations

from typing import Any

from mock_server.core.errors import (
    CreditsShort,
    DomainError,
    Invalid,
    Malformed,
    NotFound,
    TooLarge,
)
from mock_server.workshop.errors import Denied, Refused
from mock_server.workshop.pages.access import AccessDenied
from mock_server.workshop.pages.page_tasks import TooManyTasks
from mock_server.workshop.pages.same_site import NotJson, OtherSite
from mock_server.workshop.token_operations import milliseconds

# By the error, the most special first: the status, and a word for the page's script.
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


# What the vendor's members are called in the forms.
_FIELDS = {
    "negtive_prompt": "negative_prompt",
    "sampler_name": "sampler",
    "denoising_strength": "strength",
    "init_images[0]": "image",
}


def problem(error: DomainError) -> tuple[int, dict[str, Any]]:
    """Return status and body; an error that is not foreseen here is the surface's to answer."""
    if isinstance(error, AccessDenied):
        return error.status, {
            "problem": "over" if error.session_access is not None else "unknown",
            "why": error.why,
            "message": error.sentence,
            "since": error.since,
            "at": None if error.at is None else milliseconds(error.at),
        }
    if isinstance(error, Refused) and error.situation == "task-parameter":
        # Its sentence begins with the member, as in "inputs.steps must be at least 1".
        member, _, rest = error.message.partition(" ")
        error = Invalid(_FIELDS.get(member, member), rest)
    for kind, status, word in _KINDS:
        if isinstance(error, kind):
            field, message = "", str(error)
            if isinstance(error, Invalid):
                field, message = error.field, error.problem
            return status, {"problem": word, "message": message, "field": field}
    raise error
