"""Equivalent variants of HTTP: connections, headers, encodings, and hosts that are busy."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import replace
from email.utils import formatdate
from itertools import count

from contract_tests import wall
from contract_tests.mutants.calls import (
    HttpCall,
    HttpReply,
    Middleware,
    Service,
    Unanswered,
    a_reply,
)
from contract_tests.mutants.equivalents.variant import (
    EquivalentVariant,
    always,
    each,
    is_api,
    is_vendors,
)
from contract_tests.mutants.mutant import Mutation

SLOWER = 0.02  # seconds for each answer
MANY, FEW = 512, 7  # bytes of a chunk
A_WHILE = 40  # calls between two that a busy host refuses
CLOCK_ERROR = 7  # seconds
MIN_GZIP = 64  # bytes, below which servers do not compress


def _vendors(change: Callable[[HttpReply], HttpReply]) -> Mutation:
    return each(lambda call, reply: change(reply), is_vendors)


def _idle(call: HttpCall, service: Service) -> HttpReply:
    """Close a connection that was idle at the moment when the next request arrives."""
    if call.earlier and is_vendors(call):
        raise Unanswered
    return service(call)


def _slowly(call: HttpCall, service: Service) -> HttpReply:
    wall.sleep(SLOWER)
    return service(call)


def _announced(reply: HttpReply) -> HttpReply:
    return replace(reply.with_header("Connection", "close"), closes=True)


def _compressed(encoding: str, window: int) -> Mutation:
    """Compress answers with a `zlib` window, for clients that accept it."""

    def change(call: HttpCall, reply: HttpReply) -> HttpReply:
        if encoding not in call.header("Accept-Encoding") or len(reply.body) < MIN_GZIP:
            return reply
        packer = zlib.compressobj(wbits=window)
        body = packer.compress(reply.body) + packer.flush()
        encoded = replace(reply, body=body).with_header("Content-Encoding", encoding)
        return encoded.with_header("Vary", "Accept-Encoding")

    return each(change, is_vendors)


def _renamed(change: Callable[[str], str]) -> Mutation:
    def rename(reply: HttpReply) -> HttpReply:
        return replace(reply, headers=tuple((change(name), v) for name, v in reply.headers))

    return _vendors(rename)


def _chatty(reply: HttpReply) -> HttpReply:
    more = (
        ("Server", "gateway"), ("X-Request-Id", "42"), ("Via", "1.1 somewhere"),
        ("Cache-Control", "no-store"), ("Strict-Transport-Security", "max-age=31536000"),
        ("Set-Cookie", "acw_tc=1; path=/; HttpOnly"),
    )  # fmt: skip
    return replace(reply, headers=(*reply.headers, *more))


def _charset(reply: HttpReply) -> HttpReply:
    if reply.header("Content-Type") != "application/json":
        return reply
    return reply.with_header("Content-Type", "application/json; charset=utf-8")


def _dated(reply: HttpReply) -> HttpReply:
    return reply.with_header("Date", formatdate(wall.now() + CLOCK_ERROR, usegmt=True))


def _now_and_then(refused: Callable[[HttpCall], HttpReply]) -> Mutation:
    """Refuse one call of `A_WHILE`; it is not carried out."""

    def make() -> Middleware:
        numbers = count(1)

        def handle(call: HttpCall, service: Service) -> HttpReply:
            if is_api(call) and next(numbers) % A_WHILE == 0:
                return refused(call)
            return service(call)

        return handle

    return Mutation(is_api, make)


def gateway_refusal(status: int, code: str, message: str) -> HttpReply:
    """Return a refusal of the Workshop's gateway (`Workshop › 3.4`)."""
    headers = (("X-Ca-Error-Code", code), ("X-Ca-Error-Message", message), ("X-Ca-Request-Id", "7"))
    return HttpReply(status, headers)


def _overloaded(call: HttpCall) -> HttpReply:
    if call.path.startswith("/scc/"):
        return gateway_refusal(503, "D503BB", "Backend Busy")
    return a_reply(503, {"code": 14, "message": "overload protection"})


def _offline(call: HttpCall) -> HttpReply:
    if call.path.startswith("/scc/"):
        return gateway_refusal(503, "X503BZ", "Busy")
    return a_reply(502, {"code": 14, "message": "service offline"})


def _html(call: HttpCall) -> HttpReply:
    page = b"<html><body><h1>503 Service Temporarily Unavailable</h1></body></html>"
    return HttpReply(503, (("Content-Type", "text/html"),), page)


def _limited(call: HttpCall) -> HttpReply:
    if call.path.startswith("/scc/"):
        return gateway_refusal(429, "T429ID", "Throttled by INNER DOMAIN Flow Control")
    return a_reply(429, {"code": 8, "message": "too many requests"})


def _later(call: HttpCall) -> HttpReply:
    return a_reply(202, {})


GZIP = _compressed("gzip", 31)
CHUNKED = _vendors(lambda reply: replace(reply, chunk=MANY))
LOUD_HEADERS = _renamed(str.upper)
MORE_HEADERS = _vendors(_chatty)
OTHER_DATE = _vendors(_dated)
CHARSET = each(lambda call, reply: _charset(reply))
UNANNOUNCED_CLOSE = _vendors(lambda reply: replace(reply, closes=True))

VARIANTS = (
    EquivalentVariant("idle-closed", "Idle connections are closed when the next call arrives.",
        always(_idle)),
    EquivalentVariant("closed", "Connections are closed after each answer; no header says so.",
        UNANNOUNCED_CLOSE),
    EquivalentVariant("closed-and-told", "Connections are closed after each answer, as told.",
        _vendors(_announced)),
    EquivalentVariant("chunked", "Answers are chunked, without a length.", CHUNKED),
    EquivalentVariant("small-chunks", "Answers come in chunks of a few bytes.",
        each(lambda call, reply: replace(reply, chunk=FEW))),
    EquivalentVariant("gzip", "Answers are compressed with gzip.", GZIP),
    EquivalentVariant("deflate", "Answers are compressed with deflate.",
        _compressed("deflate", zlib.MAX_WBITS)),
    EquivalentVariant("loud-headers", "Header names are in capitals.", LOUD_HEADERS),
    EquivalentVariant("quiet-headers", "Header names are in small letters.", _renamed(str.lower)),
    EquivalentVariant("more-headers", "There are additional headers.", MORE_HEADERS),
    EquivalentVariant("charset", "The type of JSON names its charset.", CHARSET),
    EquivalentVariant("other-phrases", "The words beside a status are others.",
        _vendors(lambda reply: replace(reply, phrase="Status"))),
    EquivalentVariant("other-date", "The Date header is some seconds off.", OTHER_DATE),
    EquivalentVariant("without-date", "There is no Date header.",
        _vendors(lambda reply: reply.without_header("Date"))),
    EquivalentVariant("slower", "Every answer takes longer.", always(_slowly)),
    EquivalentVariant("overloaded", "One call of many is refused with 503.",
        _now_and_then(_overloaded)),
    EquivalentVariant("offline", "One call of many is refused with 502.", _now_and_then(_offline)),
    EquivalentVariant("busy-page", "One call of many gets a 503 that is a page.",
        _now_and_then(_html)),
    EquivalentVariant("limited", "One call of many is refused with 429.", _now_and_then(_limited)),
    EquivalentVariant("taken-later", "One call of many gets a 202, which asks to repeat it.",
        _now_and_then(_later), surfaces=("tams",)),
)  # fmt: skip
