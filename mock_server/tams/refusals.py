"""The refusals of TAMS by name, for faults (TAMS › 4 Errors, 9 Resources)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal

from mock_server.core import errors
from mock_server.tams.errors import CreditsShortAs429, status_body
from mock_server.tams.signature import Reason, SignatureRefusal
from mock_server.web.calls import Answer, json_answer
from mock_server.web.object_store import refusal


def refusals() -> Mapping[str, Callable[[], Answer | errors.DomainError]]:
    """Return what makes each refusal: an error that the surface words, or the whole answer."""

    def unauthenticated(reason: Reason, detail: str) -> errors.Unauthenticated:
        known = reason is not Reason.APP_UNKNOWN
        found = SignatureRefusal(reason, detail)
        return errors.Unauthenticated(detail, known_account=known, diagnosis=found)

    def unavailable(status: int) -> Answer:
        return json_answer(status_body(14, "SERVICE_UNAVAILABLE"), status)

    return {
        "accepted-not-processed": lambda: json_answer({}, 202),
        "upload-accepted": lambda: Answer(203, b"", ()),
        "parameter": lambda: errors.Invalid("stages", "a fault refuses this call"),
        "signature": lambda: unauthenticated(Reason.MISMATCH, "signature verification failed"),
        "unknown-app": lambda: unauthenticated(Reason.APP_UNKNOWN, "app not found"),
        "forbidden": lambda: errors.Forbidden("permission denied"),
        "job-unknown": lambda: errors.NotFound("job"),
        "model-unknown": lambda: errors.NotFound("model"),
        "credits-short": lambda: errors.CreditsShort(price=Decimal(1), balance=Decimal(0)),
        "credits-short-429": lambda: CreditsShortAs429(price=Decimal(1), balance=Decimal(0)),
        "rate-limited": lambda: errors.RateLimited(retry_after=1.0),
        "request-id-repeated": lambda: errors.RequestRepeated("fault", "", same_content=False),
        "result-expired": lambda: refusal(403, "AccessDenied", "Request has expired"),
        "upload-expired": lambda: refusal(403, "AccessDenied", "Request has expired"),
        "too-large": lambda: errors.TooLarge("body", limit_bytes=0),
        "system-error": lambda: json_answer(status_body(13, "SYSTEM_ERROR"), 500),
        "offline": lambda: unavailable(502),
        "overloaded": lambda: unavailable(503),
    }
