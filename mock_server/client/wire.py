"""What both clients send and read: addresses, heads and bodies of HTTP calls, and their errors."""

from __future__ import annotations

import json
from collections.abc import Mapping
from http.client import HTTPConnection, HTTPResponse, HTTPSConnection, IncompleteRead
from typing import Any, NamedTuple
from urllib.parse import urlencode, urlsplit

DEFAULT_URL = "http://127.0.0.1:8080"

Json = dict[str, Any]


class NotReachable(Exception):
    """Nothing answers at the URL, or what answers does not speak HTTP."""


class CallRefused(Exception):
    """The mock refused a call. `problem` is its answer (RFC 9457), empty if it has none."""

    def __init__(self, status: int, problem: Json) -> None:
        self.status = status
        self.problem = problem
        detail = problem.get("detail")
        super().__init__(detail if isinstance(detail, str) else f"the answer is {status}")

    @property
    def lines(self) -> list[str]:
        """What is wrong, and where: a line for each error."""
        errors = self.problem.get("errors") or []
        if len(errors) < 2:
            return [str(self)]
        return [_pointed(each) for each in errors]


class ControlRequest(NamedTuple):
    """A call of the control API; a `timeout` of None means that of the client."""

    method: str
    path: str
    body: Any = None
    query: Mapping[str, Any] | None = None
    timeout: float | None = None


class MockAddress:
    """How to talk to the mock at a URL; ValueError if the URL or the token cannot be used."""

    def __init__(self, url: str, control_token: str) -> None:
        self.url = url.rstrip("/")
        parts = urlsplit(self.url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.query:
            raise ValueError(f"{url!r} is not an http address, such as {DEFAULT_URL}")
        if not (control_token.isascii() and control_token.isprintable()):
            raise ValueError("the control token has characters that no header can have")
        self.secure = parts.scheme == "https"
        self.host, self._path = parts.hostname, parts.path
        self.port = parts.port or (443 if self.secure else 80)
        self.control_token = control_token
        self._headers = {"Accept": "application/json", "Connection": "close"}
        if control_token:
            self._headers["Authorization"] = f"Bearer {control_token}"

    def connection(self, timeout: float) -> HTTPConnection:
        """Return a connection that opens when it is used."""
        kind = HTTPSConnection if self.secure else HTTPConnection
        return kind(self.host, self.port, timeout=timeout)

    def send(self, connection: HTTPConnection, request: ControlRequest) -> None:
        """Send a call; what is None in the query is left out."""
        query = (request.query or {}).items()
        given = {camel(name): _text(value) for name, value in query if value is not None}
        target = self._path + request.path + (f"?{urlencode(given)}" if given else "")
        headers, body = dict(self._headers), request.body
        if body is not None:
            headers["Content-Type"] = "application/json"
            if not isinstance(body, bytes):
                body = json.dumps(body).encode()
        connection.request(request.method, target, body, headers)

    def read(self, answer: HTTPResponse) -> Json:
        """Return the body of an answer, without members if it is empty."""
        data = answer.read()
        try:
            found = json.loads(data or b"{}")
        except ValueError:
            found = None
        if not 200 <= answer.status < 300:
            raise CallRefused(answer.status, found if isinstance(found, dict) else {})
        if not isinstance(found, dict):
            raise self.no_mock()
        return found

    def items(self, kind: str, answer: Json) -> list[Json]:
        """Return the list in an answer."""
        listed = answer.get(kind)
        if not isinstance(listed, list):
            raise self.no_mock()
        return listed

    def no_mock(self) -> NotReachable:
        return NotReachable(f"{self.url} does not answer as a mock does")

    def silent(self, error: Exception) -> NotReachable:
        """Return what to raise for an error of the connection or of HTTP."""
        return NotReachable(f"{self.url} does not answer: {_words(error)}")


def camel(name: str) -> str:
    first, *others = name.replace("-", "_").split("_")
    return first + "".join(map(str.capitalize, others))


def _pointed(error: Json) -> str:
    where = error.get("pointer", "").removeprefix("#/") or error.get("parameter", "")
    return f"{where}: {error['detail']}" if where else str(error["detail"])


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _words(error: Exception) -> str:
    if isinstance(error, IncompleteRead):
        return "its answer broke off"
    if isinstance(error, TimeoutError):
        return "no answer came in time"
    return str(getattr(error, "strerror", None) or error) or type(error).__name__
