"""Refusals in the Workshop's words: the gateway's headers, or the envelope."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec.structs import replace

from mock_server.core import errors
from mock_server.web.calls import Answer
from mock_server.web.traces import Trace
from mock_server.workshop import gateway
from mock_server.workshop.envelope import failure
from mock_server.workshop.error_codes import ErrorCodes, worded
from mock_server.workshop.gateway import Situation
from mock_server.workshop.settings import WorkshopSettings


class Refused(errors.DomainError):
    """A refusal that only this service has; `situation` is its name in the table of error codes.

    A `code` replaces the `subErrCode` of that table.
    """

    def __init__(self, situation: str, message: str = "", code: str = "") -> None:
        super().__init__(message or situation)
        self.code = code
        self.situation = situation
        self.message = message


class Denied(Refused):
    """The customer's system denied the call; the message is that of the customer."""

    def __init__(self, message: str) -> None:
        super().__init__("denied", message)


# The situation of each error of the core; of an error's base classes the nearest decides.
SITUATIONS: Mapping[type[errors.DomainError], str] = {
    errors.DomainError: "crash",
    errors.Invalid: "parameter",
    errors.Malformed: "body",
    errors.CreditsShort: "credits-short",
    errors.NotFound: "not-found",
    errors.Forbidden: "forbidden",
    errors.Conflict: "conflict",
    errors.NotInstalled: "conflict",
    errors.AlreadyEnded: "conflict",
    errors.RequestRepeated: "conflict",
    errors.TooLarge: "large",
    errors.TooSlow: "slow",
}


def render_error(
    error: errors.DomainError, settings: WorkshopSettings, codes: ErrorCodes, trace: Trace
) -> Answer:
    """Return the answer to a refusal."""
    turned_away = _turned_away(error, settings)
    if turned_away is not None:
        answer = gateway.refuse(turned_away, settings.gateway_generation)
        return gateway.with_request_id(answer, trace.id)
    words = worded(codes, situation_of(error), _message(error))
    if isinstance(error, Refused) and error.code:
        words = replace(words, sub_code=error.code)
    return failure(words, trace, settings.failure_status)


def situation_of(error: errors.DomainError) -> str:
    """Return the name of a refusal in the table of error codes."""
    if isinstance(error, Refused):
        return error.situation
    if isinstance(error, errors.NotFound) and error.kind in ("token", "session", "task"):
        return f"{error.kind}-unknown"
    return next(SITUATIONS[each] for each in type(error).__mro__ if each in SITUATIONS)


def _turned_away(
    error: errors.DomainError, settings: WorkshopSettings
) -> gateway.GatewayRefusal | Situation | None:
    """Return why the gateway refuses the call, or None if the service itself does."""
    match error:
        case errors.Unauthenticated():
            refusal: gateway.GatewayRefusal | None = error.diagnosis
            return refusal or Situation.NO_CREDENTIALS
        case errors.RateLimited():
            return Situation.THROTTLED
        case errors.TooLarge(what="body"):
            return Situation.BODY_TOO_LARGE
        case errors.Malformed() if settings.broken_json == "gateway":
            return Situation.BODY_BAD
    return None


def _message(error: errors.DomainError) -> str:
    # The field goes before its problem without a colon, as in "apiToken is required".
    if isinstance(error, Refused):
        return error.message
    if isinstance(error, errors.Malformed):
        return error.problem
    return f"{error.field} {error.problem}" if isinstance(error, errors.Invalid) else str(error)
