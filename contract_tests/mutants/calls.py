"""What passes through the proxy: calls and replies, and the service that answers."""

from __future__ import annotations

import json as jsons
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Protocol

from contract_tests.credentials import TamsCredentials

Headers = tuple[tuple[str, str], ...]
JSON_HEADERS: Headers = (("Content-Type", "application/json"),)


@dataclass(frozen=True)
class HttpCall:
    """A received request; `target` is path and query as on the wire, read as Latin-1.

    `earlier` is the number of requests that came before it on the same connection.
    """

    method: str
    target: str
    headers: Headers = ()
    body: bytes = b""
    earlier: int = 0

    @property
    def path(self) -> str:
        """Return the path without the query."""
        return self.target.partition("?")[0]

    @property
    def json(self) -> Any:
        """Return the body's JSON, or None if it has none."""
        return _parsed(self.body)

    def header(self, name: str) -> str:
        """Return the value of a header; empty if it is not there."""
        return _header(self.headers, name)

    def with_header(self, name: str, value: str) -> HttpCall:
        """Return the call with a header added or replaced."""
        return replace(self, headers=_with_header(self.headers, name, value))

    def without_header(self, name: str) -> HttpCall:
        """Return the call without a header."""
        return replace(self, headers=_without(self.headers, name))

    def with_json(self, data: Any) -> HttpCall:
        """Return the call with another body. Its signature is not valid any more."""
        return replace(self, body=_written(data))


@dataclass(frozen=True)
class HttpReply:
    """An answer.

    If `chunk` is not 0, the body is sent in chunks of so many bytes, without a length. `closes`
    means that the connection is closed afterwards, which no header announces. `phrase` replaces
    the usual words for the status.
    """

    status: int
    headers: Headers = ()
    body: bytes = b""
    chunk: int = 0
    closes: bool = False
    phrase: str = ""

    @property
    def good(self) -> bool:
        """Say whether it is a success."""
        return 200 <= self.status < 300

    @property
    def json(self) -> Any:
        """Return the body's JSON, or None if it has none."""
        return _parsed(self.body)

    def header(self, name: str) -> str:
        """Return the value of a header; empty if it is not there."""
        return _header(self.headers, name)

    def with_header(self, name: str, value: str) -> HttpReply:
        """Return the reply with a header added or replaced."""
        return replace(self, headers=_with_header(self.headers, name, value))

    def without_header(self, name: str) -> HttpReply:
        """Return the reply without a header."""
        return replace(self, headers=_without(self.headers, name))

    def with_json(self, data: Any) -> HttpReply:
        """Return the reply with another body."""
        return replace(self, body=_written(data))


def a_reply(status: int, data: Any) -> HttpReply:
    """Return a JSON reply."""
    return HttpReply(status, JSON_HEADERS, _written(data))


class Unanswered(Exception):
    """Raised instead of an answer: the connection is closed, and the call was not carried out."""


class Service(Protocol):
    """The service behind the proxy, with the credentials that the proxy has seen."""

    url: str
    """The URL of the proxy, without a slash at the end."""

    def __call__(self, call: HttpCall) -> HttpReply:
        """Pass a call on and return the answer."""

    def signed(self, call: HttpCall) -> HttpCall:
        """Return a call with a valid signature of the account that it names."""

    def tams_key(self, app_id: str) -> str:
        """Return the private key of an app as PEM; empty if it is not known."""

    def tams_apps(self) -> tuple[TamsCredentials, ...]:
        """Return the credentials of all apps that are known."""

    def moved(self) -> float:
        """Return by how many seconds time was moved through this proxy."""


Middleware = Callable[[HttpCall, Service], HttpReply]


def unchanged(call: HttpCall, service: Service) -> HttpReply:
    """Pass every call on unchanged."""
    return service(call)


def _parsed(body: bytes) -> Any:
    try:
        return jsons.loads(body)
    except (ValueError, RecursionError):  # the latter for very deep nesting
        return None


def _written(data: Any) -> bytes:
    return jsons.dumps(data, separators=(",", ":")).encode()


def _header(headers: Headers, name: str) -> str:
    return next((value for key, value in headers if key.lower() == name.lower()), "")


def _without(headers: Headers, name: str) -> Headers:
    return tuple(pair for pair in headers if pair[0].lower() != name.lower())


def _with_header(headers: Headers, name: str, value: str) -> Headers:
    return (*_without(headers, name), (name, value))
