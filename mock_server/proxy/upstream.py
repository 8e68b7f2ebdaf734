"""The service that calls are passed to: what is sent there, and what comes back.

Method, target, headers and body go out as they came, apart from what belongs to one connection (RFC
9110, 7.6.1) or to the mock. A large answer is sent on while it comes.
"""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import AsyncIterator, Iterator, Mapping
from secrets import token_hex
from typing import TYPE_CHECKING
from urllib.parse import urljoin, urlsplit

from msgspec import Struct
from msgspec.structs import replace
from starlette.types import Send

from mock_server.control.problems import Kind, Problem
from mock_server.web.calls import GONE, LEFT_LATE, WHOLE, Answer, Call
from mock_server.web.sender import trusting
from mock_server.web.traces import Headers

if TYPE_CHECKING:
    import httpx

# Answers up to this size are sent whole. With faults the limit is higher, as faults change whole
# answers.
MAX_WHOLE_BYTES = 1024 * 1024
MAX_CHANGED_BYTES = 32 * 1024 * 1024

# Idle connections are closed before a server does it, which would break a call.
_IDLE_SECONDS = 2.0
_CONNECTIONS = 100

_NOT_PASSED = frozenset(
    (b"connection", b"content-length", b"expect", b"host", b"keep-alive", b"proxy-authorization",
     b"proxy-connection", b"te", b"trailer", b"transfer-encoding", b"upgrade", b"via")
)  # fmt: skip
# The server sends its own date, which is set to this one, and its own id.
_NOT_PASSED_BACK = _NOT_PASSED | {b"date", b"proxy-authenticate", b"x-mock-request-id"}

UNREACHABLE = Kind("upstream-unreachable", 502, "The upstream cannot be reached")
BROKEN_ANSWER = Kind("upstream-broken-answer", 502, "The upstream's answer cannot be used")
ELSEWHERE = Kind("upstream-redirect", 502, "The upstream redirects to another service")
TIMED_OUT = Kind("upstream-timeout", 504, "The upstream did not answer in time")
LOOP = Kind("proxy-loop", 508, "The upstream leads back to this proxy")


class PassedBody(Struct, frozen=True):
    """Sends an answer whose body is not whole: the rest while it comes, or none for a head.

    `length_bytes` is what the upstream announced. If the body is `broken` off, so is the answer.
    """

    rest: AsyncIterator[bytes] | None = None
    response: httpx.Response | None = None
    length_bytes: int | None = None
    broken: str = ""

    async def send(self, send: Send, answer: Answer, headers: Headers, call: Call) -> None:
        state = call.scope["state"]
        connection = state.pop(WHOLE, None)
        headers = tuple(each for each in headers if each[0] != b"content-length")
        if self.length_bytes is not None:
            headers += ((b"content-length", b"%d" % self.length_bytes),)
        broken = self.broken
        try:
            await send({"type": "http.response.start", "status": answer.status, "headers": headers})
            call.trace.answer = replace(answer, wire=None)
            await _send_part(send, answer.body)
            if self.rest is not None:
                async for chunk in self.rest:
                    if GONE in state:
                        call.trace.remarks += (LEFT_LATE,)
                        return
                    await _send_part(send, chunk)
        except _transport_errors() as error:
            broken = _words(error)
        finally:
            if self.response is not None:
                await self.response.aclose()
        if not broken:
            await send({"type": "http.response.body", "body": b""})
            return
        call.trace.remarks += (f"the upstream's answer broke off: {broken}",)
        if connection is None:
            raise ConnectionResetError(broken)
        connection.send_raw(b"", then="close")


async def _send_part(send: Send, part: bytes) -> None:
    if part:
        await send({"type": "http.response.body", "body": part, "more_body": True})


class UpstreamService:
    """Sends calls to the service at a URL that is only scheme, host and port.

    `timeout` is in seconds: to connect, and for each part of an answer. `authorities` are
    certificates in PEM format, to trust beside the public ones. `whole_bytes` is how much of an
    answer the journal needs. Callers' `control_token` is not sent. `public_url` is where the proxy
    is, if not at the caller's address.
    """

    def __init__(
        self,
        url: str,
        *,
        timeout: float,
        authorities: str,
        control_token: str,
        whole_bytes: int,
        public_url: str = "",
    ) -> None:
        self.url = url
        self.timeout = timeout
        self.authorities = authorities
        self.control_token = control_token.encode()
        self.public_url = public_url
        self.whole_bytes = max(whole_bytes, MAX_WHOLE_BYTES)
        self._name = f"tams-mock-{token_hex(4)}".encode()  # by which a loop is seen
        self._host = urlsplit(url).netloc.encode()
        self._transport: asyncio.Task[httpx.AsyncHTTPTransport] | None = None

    def open(self) -> asyncio.Task[httpx.AsyncHTTPTransport]:
        """Begin to load what sends calls, which takes a quarter of a second."""
        if self._transport is None:
            made = asyncio.to_thread(_new_transport, self.authorities)
            self._transport = asyncio.create_task(made)
        return self._transport

    async def send(self, call: Call, signed: Mapping[str, str]) -> Answer:
        """Return what the upstream answers to a call; `signed` are headers that replace its own.

        Raises Problem for what is no answer.
        """
        if self._name in _listed(call, b"via"):
            raise Problem(LOOP, f"{self.url} leads back to this proxy; name another --upstream")
        transport = await asyncio.shield(self.open())
        import httpx

        request = httpx.Request(
            call.method,
            self.url,
            headers=list(self._headers(call, signed)),
            stream=httpx.ByteStream(call.body),
            extensions={
                "target": call.target,
                "timeout": httpx.Timeout(self.timeout).as_dict(),
            },
        )
        try:
            response = await transport.handle_async_request(request)
        except httpx.TransportError as error:
            raise self._problem(error) from error
        return await self._answer(call, response)

    async def close(self) -> None:
        if self._transport is not None:
            await (await self._transport).aclose()
            self._transport = None

    def _headers(self, call: Call, signed: Mapping[str, str]) -> Iterator[tuple[bytes, bytes]]:
        names = {name.strip().lower() for name in _listed(call, b"connection").split(b",")}
        changed = {name.encode(): value.encode("latin-1") for name, value in signed.items()}
        if call.header(b"accept-encoding") is not None:
            # Faults change, and the journal shows, only what is not compressed.
            changed[b"accept-encoding"] = b"identity"
        has_body = False
        yield b"host", self._host
        for name, value in call.scope["headers"]:
            has_body |= name in (b"content-length", b"transfer-encoding")
            if name in _NOT_PASSED or name in names or name.startswith(b"x-mock-"):
                continue
            if name not in changed and not self._is_control_token(name, value):
                yield name, value.strip(b" \t")
        yield from ((name, value) for name, value in changed.items() if value)
        if has_body:
            yield b"content-length", b"%d" % len(call.body)
        yield b"via", _listed(call, b"via") + b"1.1 " + self._name

    def _is_control_token(self, name: bytes, value: bytes) -> bool:
        if name != b"authorization" or not self.control_token:
            return False
        return hmac.compare_digest(value.partition(b" ")[2].strip(), self.control_token)

    async def _answer(self, call: Call, response: httpx.Response) -> Answer:
        """Read an answer, as far as it is sent whole."""
        status, headers = response.status_code, self._headers_back(call, response)
        try:
            answer = Answer(status, b"", tuple(headers))
            length = response.headers.get("content-length", "")
            length_bytes = int(length) if length.isdigit() else None
            if call.method == "HEAD" or status in (204, 304):
                announced = length_bytes if call.method == "HEAD" else None
                await response.aclose()
                return replace(answer, wire=PassedBody(length_bytes=announced))
            body, rest, broken = await self._beginning(call, response)
        except BaseException:
            await response.aclose()
            raise
        if rest is not None:
            return replace(answer, body=body, wire=PassedBody(rest, response, length_bytes))
        await response.aclose()
        wire = PassedBody(length_bytes=length_bytes, broken=broken) if broken else None
        return replace(answer, body=body, wire=wire)

    async def _beginning(
        self, call: Call, response: httpx.Response
    ) -> tuple[bytes, AsyncIterator[bytes] | None, str]:
        """Return the body, or its beginning; the rest that is still to come; why it broke off."""
        import httpx

        limit_bytes = MAX_CHANGED_BYTES if call.hooks else self.whole_bytes
        body, rest = bytearray(), aiter(response.stream)  # type: ignore[arg-type]
        try:
            async for chunk in rest:
                body += chunk
                if len(body) > limit_bytes:
                    break
            else:
                return bytes(body), None, ""
        except httpx.TimeoutException as error:
            raise self._problem(error) from error
        except httpx.TransportError as error:
            if not body:
                raise self._problem(error) from error
            return bytes(body), None, _words(error)
        if call.hooks:
            raise Problem(
                BROKEN_ANSWER,
                f"the answer has more than {limit_bytes} bytes, too many for faults to change;"
                " delete the faults to let it pass",
            )
        return bytes(body), rest, ""

    def _headers_back(self, call: Call, response: httpx.Response) -> Iterator[tuple[bytes, bytes]]:
        """Yield the headers of an answer that are passed back."""
        if not 200 <= response.status_code <= 599:
            raise Problem(BROKEN_ANSWER, f"the answer has the status {response.status_code}")
        names = {name.strip().lower() for name in response.headers.get("connection", "").split(",")}
        for spelled, value in response.headers.raw:
            name = spelled.lower()
            if name == b"date" and (connection := call.scope.get("state", {}).get(WHOLE)):
                connection.set_date(value)
            if name in _NOT_PASSED_BACK or name.decode("latin-1") in names:
                continue
            yield name, self._location(call, value) if name == b"location" else value

    def _location(self, call: Call, value: bytes) -> bytes:
        """Return where an answer redirects to, on the address of the proxy."""
        location = value.decode("latin-1")
        try:
            parts = urlsplit(urljoin(self.url + call.target.decode("latin-1"), location))
        except ValueError as error:
            raise Problem(ELSEWHERE, f"the answer redirects to what is no URL: {error}") from error
        if f"{parts.scheme}://{parts.netloc}".lower() != self.url.lower():
            host = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
            raise Problem(ELSEWHERE, f"the answer redirects to {host}, not to {self.url}")
        if location.startswith("/") and not location.startswith("//"):
            return value
        own = urlsplit(call.origin(self.public_url))
        return parts._replace(scheme=own.scheme, netloc=own.netloc).geturl().encode("latin-1")

    def _problem(self, error: httpx.TransportError) -> Problem:
        """Return why there is no answer."""
        import httpx

        words = _words(error)
        if isinstance(error, httpx.ConnectError | httpx.ConnectTimeout):
            kind = TIMED_OUT if isinstance(error, httpx.ConnectTimeout) else UNREACHABLE
            hint = ""
            if "CERTIFICATE_VERIFY_FAILED" in words:
                hint = "; --upstream-ca-file names authorities to trust"
            return Problem(kind, f"{self.url} cannot be reached: {words}{hint}")
        if isinstance(error, httpx.TimeoutException):
            return Problem(
                TIMED_OUT,
                f"{self.url} did not answer within {self.timeout:g} s (--upstream-timeout)",
            )
        return Problem(BROKEN_ANSWER, f"{self.url} sent no valid answer: {words}")


def _listed(call: Call, name: bytes) -> bytes:
    """Return all values of a header that is a list, each with a comma behind it."""
    return b"".join(value + b", " for each, value in call.scope["headers"] if each == name)


def _words(error: Exception) -> str:
    return str(error) or type(error).__name__


def _transport_errors() -> type[Exception]:
    import httpx

    return httpx.TransportError


def _new_transport(authorities: str) -> httpx.AsyncHTTPTransport:
    import httpx

    limits = httpx.Limits(max_connections=_CONNECTIONS, keepalive_expiry=_IDLE_SECONDS)
    return httpx.AsyncHTTPTransport(verify=trusting(authorities), limits=limits, trust_env=False)
