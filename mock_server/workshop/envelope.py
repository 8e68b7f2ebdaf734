"""The envelope of every answer of the service (Workshop › 4).

On success the four error members are null, never "": one SDK treats every other value as a failure.
Errors of the gateway have no envelope; see `gateway`.
"""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from mock_server.web.calls import Answer, json_answer
from mock_server.web.traces import Headers, Trace
from mock_server.workshop.gateway import with_request_id

SUCCESS = 10
FAILURE = 20

_JSON: Headers = ((b"content-type", b"application/json; charset=utf-8"),)


class ErrorDetail(Struct, frozen=True):
    """The error members of an answer: those of the platform, and those of the service behind it."""

    code: str | None
    message: str | None
    sub_code: str | None = None
    sub_message: str | None = None


def invocation_id(trace: Trace) -> str:
    """Return the id of a call: `i_` and 24 hex digits, made of the time in seconds and a counter.

    Observed: the samples are such object ids. The time is that of the account's clock, if known.
    """
    now = trace.wall if trace.now is None else trace.now
    return f"i_{int(now) & 0xFFFFFFFF:08x}{int(trace.id, 16):016x}"


def success(data: Any, trace: Trace) -> Answer:
    """Return the answer to a successful operation."""
    return _enveloped(SUCCESS, data, ErrorDetail(None, None), 200, trace)


def failure(error: ErrorDetail, trace: Trace, status: int = 200) -> Answer:
    """Return the answer to a failed operation."""
    return _enveloped(FAILURE, None, error, status, trace)


def _enveloped(result: int, data: Any, error: ErrorDetail, status: int, trace: Trace) -> Answer:
    body = {
        "status": result,
        "apiInvokeId": invocation_id(trace),
        "data": data,
        "subErrCode": error.sub_code,
        "subErrMessage": error.sub_message,
        "errCode": error.code,
        "errMessage": error.message,
        # Null in every sample (choice 36); other values are unknown.
        "startTime": None,
        "endTime": None,
    }
    plain = json_answer(body, status)
    return with_request_id(Answer(status, plain.body, _JSON), trace.id)
