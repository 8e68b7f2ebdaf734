"""Scheme and host as the caller used them, if a trusted proxy is between them and the mock.

A proxy adds its own value at the end of a list, so the last one counts. `Forwarded` (RFC 7239)
counts only without any `X-Forwarded-…`: most proxies set those, and pass the other one on.
"""

from __future__ import annotations

from collections.abc import Awaitable, Collection
from ipaddress import ip_address, ip_network

from starlette.types import ASGIApp, Receive, Scope, Send

from mock_server.web.calls import HOST
from mock_server.web.pipeline import CONTROL_HEAD, head_of


class BehindProxies:
    """Shows vendors each call as it came to a trusted proxy; `trusted` has addresses and networks.

    The journal shows what came to the mock. The control API sees that too, so that no header can
    change who is allowed to call it.
    """

    def __init__(self, app: ASGIApp, trusted: Collection[str]) -> None:
        self.app = app
        self.networks = [ip_network(each) for each in trusted]

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        if head_of(scope["path"]) != CONTROL_HEAD and self._trusts(scope.get("client")):
            scope = _as_forwarded(scope)
        return self.app(scope, receive, send)

    def _trusts(self, client: tuple[str, int] | None) -> bool:
        try:
            address = ip_address(client[0] if client else "")
        except ValueError:
            return False
        address = getattr(address, "ipv4_mapped", None) or address
        return any(address in network for network in self.networks)


def _as_forwarded(scope: Scope) -> Scope:
    headers = dict(scope["headers"])
    scheme, host = headers.get(b"x-forwarded-proto"), headers.get(b"x-forwarded-host")
    if scheme is None and host is None:
        last = headers.get(b"forwarded", b"").rpartition(b",")[2]
        pairs = (pair.partition(b"=") for pair in last.split(b";"))
        told = {name.strip().lower(): value.strip(b' \t"') for name, _, value in pairs}
        scheme, host = told.get(b"proto"), told.get(b"host")
    changes: dict[str, object] = {}
    if (scheme := _last(scheme).lower()) in (b"http", b"https"):
        changes["scheme"] = scheme.decode()
    if HOST.fullmatch(host := _last(host)):
        others = [header for header in scope["headers"] if header[0] != b"host"]
        changes["headers"] = [(b"host", host), *others]
    return {**scope, **changes}


def _last(values: bytes | None) -> bytes:
    return (values or b"").rpartition(b",")[2].strip()
