"""A mutation between the suite and the mock, inside the suite's process: an HTTP transport."""

from __future__ import annotations

import traceback
from dataclasses import replace

import httpx

from contract_tests.credentials import TargetCredentials
from contract_tests.mutants.calls import HttpCall, HttpReply, Middleware
from contract_tests.mutants.seen_accounts import SeenAccounts

_OWN_HEADERS = {"content-length", "content-encoding", "transfer-encoding", "connection"}


class MutatingTransport(httpx.BaseTransport):
    """Applies a mutation to the calls of a client and their answers.

    `faults` are errors in the mutation; they must not look like a noticed mutant.
    """

    def __init__(self, middleware: Middleware, credentials: TargetCredentials) -> None:
        self.faults: list[str] = []
        self._middleware = middleware
        # The mock is plain HTTP. Loading certificates would take longer than a test.
        self._inner = httpx.HTTPTransport(verify=False)
        self._known = SeenAccounts()
        self._known.know(credentials)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Pass a request on, through the mutation."""
        headers = tuple((n.decode("latin-1"), v.decode("latin-1")) for n, v in request.headers.raw)
        call = HttpCall(
            request.method, request.url.raw_path.decode("latin-1"), headers, request.read()
        )
        service = _PassingExchange(self._inner, self._known, request, call)
        try:
            reply = self._middleware(call, service)
        except httpx.TransportError:
            raise
        except Exception as error:
            self.faults.append(f"{call.method} {call.path}: {traceback.format_exc()}")
            return httpx.Response(500, text=f"the mutation is at fault: {error!r}")
        return service.response_of(reply)

    def close(self) -> None:
        """Close the connections."""
        self._inner.close()


class _PassingExchange:
    """The mock, for one request of the suite."""

    def __init__(
        self,
        inner: httpx.BaseTransport,
        known: SeenAccounts,
        request: httpx.Request,
        call: HttpCall,
    ) -> None:
        self.url = str(request.url.copy_with(raw_path=b"/")).rstrip("/")
        self.signed, self.moved = known.signed, known.moved
        self.tams_key, self.tams_apps = known.tams_key, known.tams_apps
        self._inner, self._known, self._request, self._call = inner, known, request, call
        self._answers: list[tuple[HttpReply, httpx.Response]] = []

    def __call__(self, call: HttpCall) -> HttpReply:
        request = self._request if call == self._call else self._changed(call)
        response = self._inner.handle_request(request)
        content = response.read()
        pairs = tuple(
            pair for pair in response.headers.multi_items() if pair[0] not in _OWN_HEADERS
        )
        reply = HttpReply(response.status_code, pairs, content)
        self._known.learn(call, reply)
        self._answers.append((reply, response))
        return reply

    def response_of(self, reply: HttpReply) -> httpx.Response:
        """Return a reply as a response: the mock's own one, if the reply was not changed."""
        for answered, response in self._answers:
            if reply is answered:
                return response
        plain = replace(reply, headers=tuple(p for p in reply.headers if p[0] not in _OWN_HEADERS))
        return httpx.Response(plain.status, headers=list(plain.headers), content=plain.body)

    def _changed(self, call: HttpCall) -> httpx.Request:
        url = self._request.url.copy_with(raw_path=call.target.encode("latin-1"))
        headers = [pair for pair in call.headers if pair[0].lower() not in _OWN_HEADERS]
        return httpx.Request(
            call.method, url, headers=headers, content=call.body,
            extensions=self._request.extensions,
        )  # fmt: skip
