"""Answers that are broken on their way: what a client sees on the socket."""

from __future__ import annotations

from http import HTTPStatus

from msgspec.structs import replace
from starlette.types import Send

from mock_server.web.calls import GONE, WHOLE, Answer, Call, WireFault
from mock_server.web.traces import Headers
from mock_server.web.wall import http_date, wait

GARBAGE = b"\x15\x03\x03\x00\x02\x02\x28 this is not HTTP \xff\xfe\r\n"
MISSING_BYTES = 100  # of an answer with a wrong length


async def send_broken(
    send: Send, wire: WireFault, answer: Answer, headers: Headers, call: Call
) -> None:
    """Send an answer in the way that a fault wants; the trace gets what was sent.

    Under a server that is not the mock's own, a broken connection is an exception.
    """
    connection = call.scope.get("state", {}).pop(WHOLE, None)
    if wire.kind == "drip":
        await _drip(send, answer, headers, call, wire.seconds, wire.pieces)
        return
    if wire.kind == "date-skew":
        if connection is None:
            headers += ((b"date", http_date(wire.seconds)),)
        else:
            connection.set_date(http_date(wire.seconds))
        await _send(send, answer, headers, call)
        return
    if connection is None:
        raise ConnectionResetError(f"fault: {wire.kind}")
    data, sent = _broken(wire.kind, answer, headers)
    call.trace.answer = sent
    connection.send_raw(data, then="reset" if wire.kind == "reset" else "close")


def _broken(kind: str, answer: Answer, headers: Headers) -> tuple[bytes, Answer | None]:
    """Return the bytes to send, and what of the answer they are."""
    if kind in ("reset", "empty"):
        return b"", None
    if kind == "garbage":
        return GARBAGE, None
    body, length = answer.body, len(answer.body)
    if kind == "half":
        body = body[: length // 2]
    elif kind == "wrong-length":
        length += MISSING_BYTES
    phrase = HTTPStatus(answer.status).phrase if answer.status in set(HTTPStatus) else ""
    lines = [f"HTTP/1.1 {answer.status} {phrase}".encode()]
    for name, value in headers:
        lines.append(name + b": " + (b"%d" % length if name == b"content-length" else value))
    return b"\r\n".join((*lines, b"", body)), replace(answer, body=body, wire=None)


async def _send(send: Send, answer: Answer, headers: Headers, call: Call) -> None:
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": answer.body})
    call.trace.answer = replace(answer, wire=None)


async def _drip(
    send: Send, answer: Answer, headers: Headers, call: Call, seconds: float, pieces: int
) -> None:
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    body, sent = answer.body, 0
    size = max(1, -(-len(body) // pieces))
    while sent < len(body) and GONE not in call.scope.get("state", ()):
        await wait(seconds / pieces)
        part = body[sent : sent + size]
        sent += len(part)
        await send({"type": "http.response.body", "body": part, "more_body": True})
    await send({"type": "http.response.body", "body": b""})
    call.trace.answer = replace(answer, body=body[:sent], wire=None)
