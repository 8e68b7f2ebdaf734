"""The answers of the gateway in front of the Workshop when it refuses a call.

They have no JSON envelope: only a status, an empty body and three headers (Workshop › 3.4). The
gateway exists in two generations; it is unknown which one this product has (choice 23).
"""

from __future__ import annotations

import re
from enum import Enum, unique
from hashlib import blake2b
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from mock_server.web.calls import Answer

Generation = Literal["newer", "older"]

MAX_MESSAGE_LENGTH = 4096
DIAGNOSIS_HEADER = b"x-mock-signature-diagnosis"


@unique
class Situation(Enum):
    """Why a call is refused, and the answer: status, code and message, older status and message.

    The first three are those of the newer generation; the older one has no published codes
    (Workshop › 3.4). Codes and messages are documented or known from clients, except S400NU and
    S400TE, which are placeholders (choice 24), and the messages of A400MA, A403EP, I400NC, I400MH,
    I400HD, I400CT, I403PT, X500ER and D50x, which are made up.
    """

    NO_CREDENTIALS = 400, "A400MA", "Need authorization", 404, "Empty Signature"
    UNKNOWN_KEY = 400, "A400IK", "Invalid AppKey", 400, "Invalid AppKey"
    MISMATCH = 403, "A403IS", "Invalid Signature", 400, "Invalid Signature"
    UNAUTHORIZED = 403, "I403AA", "Unauthorized", 403, "Unauthorized"
    AUTHORIZATION_EXPIRED = 403, "A403EP", "Authorization expired", 403, "Unauthorized"
    TIMESTAMP_EXPIRED = 400, "S400TE", "Timestamp Expired", 400, "Timestamp Expired"
    TIMESTAMP_MALFORMED = 400, "I400HD", "Invalid Timestamp", 400, "Invalid Timestamp"
    NONCE_USED = 400, "S400NU", "Nonce Used", 400, "Nonce Used"
    NONCE_MISSING = 400, "I400NC", "Nonce Required", 400, "Invalid Request Header"
    DIGEST_WRONG = 400, "I400I5", "Invalid Content-MD5", 400, "Invalid Content-MD5"
    HEADER_MISSING = 400, "I400MH", "Missing Header", 400, "Invalid Request Header"
    HEADER_BAD = 400, "I400HD", "Invalid Header", 400, "Invalid Request Header"
    CONTENT_TYPE_BAD = 400, "I400CT", "Invalid Content-Type", 400, "Invalid Request Body"
    BODY_BAD = 400, "I400BD", "Invalid Request Body", 400, "Invalid Request Body"
    NOT_FOUND = 404, "I404NF", "API not found", 400, "API Not Found"
    METHOD_NOT_SUPPORTED = 405, "I405UM", "Unsupported Method", 400, "Invalid HttpMethod"
    DOMAIN_UNKNOWN = 404, "I404DO", "Invalid Domain", 400, "Invalid Domain"
    STAGE_UNKNOWN = 400, "I400SG", "Invalid Stage", 400, "Invalid Stage"
    PROTOCOL_WRONG = 403, "I403PT", "Protocol Not Supported", 400, "Invalid Protocol"
    BODY_TOO_LARGE = 413, "I413RL", "Request Body Too Large", 413, "Request Body Too Large"
    URL_TOO_LARGE = 413, "I413UL", "Request Url Too Large", 413, "Request Url Too Large"
    THROTTLED = 429, "T429ID", "Throttled by API Flow Control", 403, "Throttled by API Flow Control"
    BACKEND_SLOW = 504, "D504TO", "Backend Timeout", 504, "Backend Timeout"
    BACKEND_DOWN = 503, "D503BB", "Service Unavailable", 503, "Service Unavailable"
    FAULT = 500, "X500ER", "Internal Error", 500, "Internal Error"

    @property
    def reason(self) -> str:
        """The name that the journal shows."""
        return self.name.lower().replace("_", "-")


class GatewayRefusal(Struct, frozen=True):
    """Why a call is refused; `detail` is a sentence without secrets.

    `expected` is the server's string to sign if the signature is wrong, `diagnosis` one line about
    the client's most likely mistake.
    """

    situation: Situation
    detail: str
    expected: bytes = b""
    diagnosis: str = ""


# Control characters could end a header line or be invisible in a terminal.
_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f]")


def refuse(refusal: GatewayRefusal | Situation, generation: Generation = "newer") -> Answer:
    """Return the gateway's answer to a refused call, still without the request id."""
    if isinstance(refusal, Situation):
        refusal = GatewayRefusal(refusal, "")
    status, code, message, older_status, older_message = refusal.situation.value
    if generation == "older":
        status, message = older_status, older_message
    # Documented: every status of the gateway has a code, which contains the digits of the status.
    code = f"{code[0]}{status}{code[4:]}"
    if refusal.expected:
        # Documented: the server's string in backquotes, with # for line feeds.
        text = refusal.expected.decode("utf-8", "replace").replace("\n", "#")
        message += f", Server StringToSign:`{text}`"
    headers = [
        (b"x-ca-error-code", code.encode()),
        (b"x-ca-error-message", _line(message, MAX_MESSAGE_LENGTH)),
    ]
    if refusal.diagnosis:
        headers.append((DIAGNOSIS_HEADER, _line(refusal.diagnosis, MAX_MESSAGE_LENGTH)))
    return Answer(status, headers=tuple(headers))


def with_request_id(answer: Answer, trace_id: str) -> Answer:
    """Return the answer with the gateway's id of the call as its first header."""
    header = (b"x-ca-request-id", request_id(trace_id).encode())
    return replace(answer, headers=(header, *answer.headers))


def request_id(trace_id: str) -> str:
    """Return the gateway's id of a call: an upper-case UUID that depends on the trace id."""
    digits = blake2b(trace_id.encode(), digest_size=16, person=b"x-ca-request-id").hexdigest()
    version = f"4{digits[13:16]}-8{digits[17:20]}"
    return f"{digits[:8]}-{digits[8:12]}-{version}-{digits[20:]}".upper()


def _line(text: str, max_length: int) -> bytes:
    """Return text as the value of a header: one line, cut off at the length."""
    plain = _UNPRINTABLE.sub("?", text)
    if len(plain) > max_length:
        plain = plain[: max_length - 3] + "..."
    return plain.encode("utf-8", "replace")
