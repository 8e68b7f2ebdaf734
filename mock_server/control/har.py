"""Exchanges as HAR 1.2, which browsers' tools and proxies open.

Members that begin with an underscore are the mock's own, as the format allows.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Any, Literal
from urllib.parse import parse_qsl, quote, urlsplit

from mock_server.control.exchanges import AnsweredBody, ContentBody, ExchangeBody, HeaderBody
from mock_server.web.calls import origin_of
from mock_server.web.json_bodies import OutgoingBody
from mock_server.web.traces import Trace

_SAFE = "".join(map(chr, range(33, 127)))  # in URLs; they may be percent-encoded already
_REASONS = {each.value: each.phrase for each in HTTPStatus}
_OWN_MEMBERS = {"id", "account", "operation", "decided", "refusal", "remarks", "verdict"}
# The answer where none was sent.
_NOTHING = AnsweredBody(status=0, headers=[], body=ContentBody(base64="", text="", truncated=False))


class HarCreatorBody(OutgoingBody):
    """What made the file."""

    name: str
    version: str


class HarLogBody(OutgoingBody):
    """The exchanges, the oldest first; they belong to no page."""

    version: Literal["1.2"]
    creator: HarCreatorBody
    pages: list[dict[str, Any]]
    entries: list[dict[str, Any]]


class HarBody(OutgoingBody):
    """A file in the format HTTP Archive 1.2. Secrets are replaced by ***."""

    log: HarLogBody

    @classmethod
    def of(cls, entries: list[dict[str, Any]], version: str) -> HarBody:
        creator = HarCreatorBody(name="tams-mock", version=version)
        return cls(log=HarLogBody(version="1.2", creator=creator, pages=[], entries=entries))


def har_entry(trace: Trace, exchange: ExchangeBody) -> dict[str, Any]:
    """Return an exchange, whose secrets are hidden, as an entry; `trace` is the same exchange."""
    head = trace.head
    version = f"HTTP/{head.version}"
    origin = origin_of(head.scheme, dict(head.headers).get(b"host"), head.server or ())
    url = quote(origin + exchange.target, safe=_SAFE, encoding="latin-1", errors="replace")
    parameters = parse_qsl(urlsplit(url).query, keep_blank_values=True)
    request = {
        "method": exchange.method,
        "url": url,
        "queryString": [{"name": name, "value": value} for name, value in parameters],
        **_message(version, exchange.headers, trace.body, exchange.body),
    }
    if trace.body:
        request["postData"] = _content(exchange.headers, exchange.body)
    answer = exchange.answer or _NOTHING
    sent = b"" if trace.answer is None else trace.answer.body
    response = {
        "status": answer.status,
        "statusText": _REASONS.get(answer.status, ""),
        "redirectURL": _header(answer.headers, "location"),
        "content": {
            "size": _size_bytes(sent, answer.body),
            **_content(answer.headers, answer.body),
        },
        **_message(version, answer.headers, sent, answer.body),
        **({} if exchange.answer else {"_error": "no answer was sent"}),
    }
    members = exchange.model_dump(mode="json", by_alias=True, include=_OWN_MEMBERS)
    return {
        "startedDateTime": exchange.iso,
        "time": exchange.duration_ms,
        "request": request,
        "response": response,
        "cache": {},
        "timings": {"send": 0, "wait": exchange.duration_ms, "receive": 0},
        **{f"_{name}": value for name, value in members.items()},
    }


def _message(
    version: str, headers: list[HeaderBody], data: bytes, content: ContentBody
) -> dict[str, Any]:
    return {
        "httpVersion": version,
        "cookies": [],  # They are among the headers, and all are secrets.
        "headers": [{"name": each.name, "value": each.value} for each in headers],
        "headersSize": -1,
        "bodySize": _size_bytes(data, content),
    }


def _size_bytes(data: bytes, content: ContentBody) -> int:
    return -1 if content.truncated else len(data)  # -1: unknown


def _content(headers: list[HeaderBody], content: ContentBody) -> dict[str, Any]:
    found: dict[str, Any] = {
        "mimeType": _header(headers, "content-type") or "application/octet-stream"
    }
    if content.text is None:
        found |= {"text": content.base64, "encoding": "base64"}
    else:
        found["text"] = content.text
    if content.truncated:
        found["comment"] = "The journal has kept only the beginning."
    return found


def _header(headers: list[HeaderBody], name: str) -> str:
    return next((each.value for each in headers if each.name.lower() == name), "")
