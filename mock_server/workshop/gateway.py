"""What the gateway in front of the Workshop says when it turns a call away.

It has no JSON envelope: status, empty body and three headers (Workshop › 3.4). There are two
generations of it, and which one serves this product is unknown (choice 23).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import StrEnum
from hashlib import blake2b
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from mock_server.web.calls import Answer

Generation = Literal["newer", "older"]

MAX_MESSAGE = 4096
DIAGNOSIS_HEADER = b"x-mock-signature-diagnosis"


class Situation(StrEnum):
    """Why a call is turned away; the value is what journals show."""

    NO_CREDENTIALS = "no-credentials"
    UNKNOWN_KEY = "unknown-key"
    MISMATCH = "mismatch"
    UNAUTHORIZED = "unauthorized"
    AUTHORIZATION_EXPIRED = "authorization-expired"
    TIMESTAMP_EXPIRED = "timestamp-expired"
    TIMESTAMP_MALFORMED = "timestamp-malformed"
    NONCE_USED = "nonce-used"
    NONCE_MISSING = "nonce-missing"
    DIGEST_WRONG = "digest-wrong"
    HEADER_MISSING = "header-missing"
    HEADER_BAD = "header-bad"
    CONTENT_TYPE_BAD = "content-type-bad"
    BODY_BAD = "body-bad"
    NOT_FOUND = "not-found"
    METHOD_NOT_SUPPORTED = "method-not-supported"
    DOMAIN_UNKNOWN = "domain-unknown"
    STAGE_UNKNOWN = "stage-unknown"
    PROTOCOL_WRONG = "protocol-wrong"
    BODY_TOO_LARGE = "body-too-large"
    URL_TOO_LARGE = "url-too-large"
    THROTTLED = "throttled"
    BACKEND_SLOW = "backend-slow"
    BACKEND_DOWN = "backend-down"
    FAULT = "fault"


class Words(Struct, frozen=True):
    """How one generation puts a refusal. Codes are published for the newer one alone."""

    status: int
    message: str
    code: str = ""


_OLDER_HEADER = Words(400, "Invalid Request Header")

# Newer and older words (Workshop › 3.4). Codes and messages are documented or known from clients,
# except S400NU and S400TE, which are placeholders (choice 24), and the wording of A400MA, A403EP,
# I400NC, I400MH, I400HD, I400CT, I403PT, X500ER and D50x, which is the mock's own.
WORDS: Mapping[Situation, tuple[Words, Words]] = {
    Situation.NO_CREDENTIALS: (
        Words(400, "Need authorization", "A400MA"),
        Words(404, "Empty Signature"),
    ),
    Situation.UNKNOWN_KEY: (Words(400, "Invalid AppKey", "A400IK"), Words(400, "Invalid AppKey")),
    Situation.MISMATCH: (
        Words(403, "Invalid Signature", "A403IS"),
        Words(400, "Invalid Signature"),
    ),
    Situation.UNAUTHORIZED: (Words(403, "Unauthorized", "I403AA"), Words(403, "Unauthorized")),
    Situation.AUTHORIZATION_EXPIRED: (
        Words(403, "Authorization expired", "A403EP"),
        Words(403, "Unauthorized"),
    ),
    Situation.TIMESTAMP_EXPIRED: (
        Words(400, "Timestamp Expired", "S400TE"),
        Words(400, "Timestamp Expired"),
    ),
    Situation.TIMESTAMP_MALFORMED: (
        Words(400, "Invalid Timestamp", "I400HD"),
        Words(400, "Invalid Timestamp"),
    ),
    Situation.NONCE_USED: (Words(400, "Nonce Used", "S400NU"), Words(400, "Nonce Used")),
    Situation.NONCE_MISSING: (Words(400, "Nonce Required", "I400NC"), _OLDER_HEADER),
    Situation.DIGEST_WRONG: (
        Words(400, "Invalid Content-MD5", "I400I5"),
        Words(400, "Invalid Content-MD5"),
    ),
    Situation.HEADER_MISSING: (Words(400, "Missing Header", "I400MH"), _OLDER_HEADER),
    Situation.HEADER_BAD: (Words(400, "Invalid Header", "I400HD"), _OLDER_HEADER),
    Situation.CONTENT_TYPE_BAD: (
        Words(400, "Invalid Content-Type", "I400CT"),
        Words(400, "Invalid Request Body"),
    ),
    Situation.BODY_BAD: (
        Words(400, "Invalid Request Body", "I400BD"),
        Words(400, "Invalid Request Body"),
    ),
    Situation.NOT_FOUND: (Words(404, "API not found", "I404NF"), Words(400, "API Not Found")),
    Situation.METHOD_NOT_SUPPORTED: (
        Words(405, "Unsupported Method", "I405UM"),
        Words(400, "Invalid HttpMethod"),
    ),
    Situation.DOMAIN_UNKNOWN: (
        Words(404, "Invalid Domain", "I404DO"),
        Words(400, "Invalid Domain"),
    ),
    Situation.STAGE_UNKNOWN: (Words(400, "Invalid Stage", "I400SG"), Words(400, "Invalid Stage")),
    Situation.PROTOCOL_WRONG: (
        Words(403, "Protocol Not Supported", "I403PT"),
        Words(400, "Invalid Protocol"),
    ),
    Situation.BODY_TOO_LARGE: (
        Words(413, "Request Body Too Large", "I413RL"),
        Words(413, "Request Body Too Large"),
    ),
    Situation.URL_TOO_LARGE: (
        Words(413, "Request Url Too Large", "I413UL"),
        Words(413, "Request Url Too Large"),
    ),
    Situation.THROTTLED: (
        Words(429, "Throttled by API Flow Control", "T429ID"),
        Words(403, "Throttled by API Flow Control"),
    ),
    Situation.BACKEND_SLOW: (
        Words(504, "Backend Timeout", "D504TO"),
        Words(504, "Backend Timeout"),
    ),
    Situation.BACKEND_DOWN: (
        Words(503, "Service Unavailable", "D503BB"),
        Words(503, "Service Unavailable"),
    ),
    Situation.FAULT: (Words(500, "Internal Error", "X500ER"), Words(500, "Internal Error")),
}


class GatewayRefusal(Struct, frozen=True):
    """Why a call is turned away, in a sentence that holds no secret.

    `expected` is the server's string to sign where the signature did not fit it, `diagnosis` one
    line about what the client most likely did.
    """

    situation: Situation
    detail: str
    expected: bytes = b""
    diagnosis: str = ""


# What could end a header line, hide in a terminal or be taken for the end of the quoted string.
_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f]")


def refuse(refusal: GatewayRefusal | Situation, generation: Generation = "newer") -> Answer:
    """Return the gateway's answer to a call that it turns away; the request id is not on it yet."""
    if isinstance(refusal, Situation):
        refusal = GatewayRefusal(refusal, "")
    newer, older = WORDS[refusal.situation]
    words = older if generation == "older" else newer
    # Documented: without a code a status is not the gateway's. Its digits are those of the status.
    code = f"{newer.code[0]}{words.status}{newer.code[4:]}"
    message = words.message
    if refusal.expected:
        # Documented: the server's own string in backquotes, with # for line feeds.
        text = refusal.expected.decode("utf-8", "replace").replace("\n", "#")
        message += f", Server StringToSign:`{text}`"
    headers = [
        (b"x-ca-error-code", code.encode()),
        (b"x-ca-error-message", _line(message, MAX_MESSAGE)),
    ]
    if refusal.diagnosis:
        headers.append((DIAGNOSIS_HEADER, _line(refusal.diagnosis, MAX_MESSAGE)))
    return Answer(words.status, headers=tuple(headers))


def with_request_id(answer: Answer, trace_id: str) -> Answer:
    """Return the answer with the id that the gateway gives to every call, in front."""
    header = (b"x-ca-request-id", request_id(trace_id).encode())
    return replace(answer, headers=(header, *answer.headers))


def request_id(trace_id: str) -> str:
    """Return the gateway's id of a call: a UUID in capitals, the same for the same call."""
    digits = blake2b(trace_id.encode(), digest_size=16, person=b"x-ca-request-id").hexdigest()
    version = f"4{digits[13:16]}-8{digits[17:20]}"
    return f"{digits[:8]}-{digits[8:12]}-{version}-{digits[20:]}".upper()


def _line(text: str, most: int) -> bytes:
    """Return text as the value of a header: one line, bounded, whatever a client put into it."""
    plain = _UNPRINTABLE.sub("?", text)
    if len(plain) > most:
        plain = plain[: most - 3] + "..."
    return plain.encode("utf-8", "replace")
