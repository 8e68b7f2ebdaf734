"""Domain errors as answers of TAMS: status, code, message, details.

A failed operation answers a `google.rpc.Status`. A failed authentication answers the gateway's own
body, which has `tips` and no details (TAMS › HTTP status codes; the 404 for an unknown key was
observed).
"""

from __future__ import annotations

from collections.abc import Callable
from math import ceil, isfinite
from typing import Any

from pydantic_core import to_json

from mock_server.core import errors
from mock_server.tams.settings import TamsSettings
from mock_server.tams.signature import Reason, SignatureRefusal
from mock_server.web.calls import JSON, Answer, json_answer

# The literal message for *invalid* parameters; the details have the useful text.
PARAMS_INVALID = "Params Valid"
ARGUMENT_ERROR = "type.googleapis.com/tams_api.ArgumentError"

_UNREADABLE = {
    Reason.HEADER_MISSING,
    Reason.SCHEME_UNKNOWN,
    Reason.GRAMMAR,
    Reason.PAIR_MISSING,
    Reason.PAIR_REPEATED,
}
_UNKNOWN = {Reason.APP_UNKNOWN, Reason.TOKEN_UNKNOWN, Reason.SCHEME_NOT_ALLOWED}


class FieldMismatch(errors.Invalid):
    """The fields of a request do not match the template; `problem` is the whole message."""

    def __init__(self, problem: str) -> None:
        super().__init__("fields", problem)


class CreditsShortAs429(errors.CreditsShort):
    """Too few credits, answered with the status of the rate limit, as one client has seen it."""


def status_body(code: int, message: str, *details: dict[str, str]) -> dict[str, Any]:
    """Return a `google.rpc.Status`."""
    return {"code": code, "message": message, "details": list(details)}


def _argument_body(field: str, message: str, *, code: int = 3) -> dict[str, Any]:
    """Return the status about one wrong argument, which its detail names."""
    detail = {"@type": ARGUMENT_ERROR, "field": field, "message": message}
    return status_body(code, PARAMS_INVALID, detail)


def render_error(error: errors.DomainError, settings: TamsSettings) -> Answer:
    """Return the answer to an error; the entry of its nearest class is used."""
    nearest = next(kind for kind in type(error).__mro__ if kind in RENDERERS)
    return RENDERERS[nearest](error, settings)


def crash(request_id: str) -> Answer:
    """Return the answer to an unexpected exception."""
    return json_answer(status_body(13, f"SYSTEM_ERROR, request {request_id}"), 500)


def _unauthenticated(error: errors.Unauthenticated, settings: TamsSettings) -> Answer:
    refusal: SignatureRefusal = error.diagnosis
    status, tips = 401, refusal.detail
    if refusal.reason is Reason.HEADER_MISSING:
        status, tips = settings.no_authorization_status, "authorization header missing"
    elif refusal.reason in _UNKNOWN:
        # Observed: a key that belongs to no app on the host is answered with 404 and these words.
        status, tips = settings.unknown_app_status, "app not found"
    if refusal.reason in _UNREADABLE and settings.bad_authorization_body == "invalid-header":
        message = "invalid authorization header"
        return json_answer({"code": 100002, "message": message, "tips": tips}, status)
    if settings.auth_error_body == "rpc" and status == 401:
        return json_answer(status_body(16, f"unauthorized: {tips}"), status)
    return json_answer({"code": 100001, "message": "unauthorized", "tips": tips}, status)


def _not_found(error: errors.NotFound, settings: TamsSettings) -> Answer:
    # Documented for jobs: 404 with the words "job not found".
    code = 5 if error.kind == "job" else settings.not_found_code
    return json_answer(status_body(code, f"{error.kind} not found"), 404)


def _credits_short(error: errors.CreditsShort, settings: TamsSettings) -> Answer:
    # Observed by three clients, which search for these words in the first detail.
    message = f"credits not enough: {error.price} needed, {error.balance} left"
    body = _argument_body("credits", message, code=settings.credits_short_code)
    as_429 = isinstance(error, CreditsShortAs429)
    return json_answer(body, 429 if as_429 else settings.credits_short_status)


def _invalid(error: errors.Invalid, settings: TamsSettings) -> Answer:
    status = settings.invalid_graph_status if error.field == "workflow" else 400
    return json_answer(_argument_body(error.field, error.problem), status)


def _field_mismatch(error: FieldMismatch, settings: TamsSettings) -> Answer:
    # Documented word for word, and without details.
    return json_answer({"code": 2, "message": error.problem}, settings.field_not_sent_status)


def _rate_limited(error: errors.RateLimited, settings: TamsSettings) -> Answer:
    headers = JSON
    if settings.limit_retry_after and isfinite(error.retry_after):
        headers = (*JSON, (b"retry-after", b"%d" % ceil(error.retry_after)))
    return Answer(429, to_json(status_body(8, "RATELIMIT_EXCEEDED")), headers)


def _repeated(error: errors.RequestRepeated, settings: TamsSettings) -> Answer:
    if error.same_content:
        return json_answer(status_body(6, str(error)), 409)
    return json_answer(_argument_body("requestId", str(error)), 400)


Renderer = Callable[[Any, TamsSettings], Answer]


def _plain(status: int, code: int) -> Renderer:
    return lambda error, settings: json_answer(status_body(code, str(error)), status)


RENDERERS: dict[type[errors.DomainError], Renderer] = {
    errors.Unauthenticated: _unauthenticated,
    errors.Forbidden: _plain(403, 7),
    errors.NotFound: _not_found,
    errors.Malformed: lambda error, settings: json_answer(status_body(3, error.problem), 400),
    errors.CreditsShort: _credits_short,
    FieldMismatch: _field_mismatch,
    errors.Invalid: _invalid,
    errors.TooLarge: lambda error, settings: json_answer(
        status_body(3, str(error)), settings.too_large_status
    ),
    errors.TooSlow: _plain(408, 4),
    errors.RateLimited: _rate_limited,
    errors.NotInstalled: _plain(400, 9),
    errors.AlreadyEnded: _plain(400, 9),
    errors.RequestRepeated: _repeated,
    errors.Conflict: _plain(409, 10),
    errors.DomainError: lambda error, settings: json_answer(status_body(13, "SYSTEM_ERROR"), 500),
}
