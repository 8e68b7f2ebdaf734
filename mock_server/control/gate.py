"""Which callers are allowed: local ones, remote ones with the token, no pages of other sites.

A web page can make its visitor's browser send requests to a server on loopback. It cannot leave out
`Origin` where that matters, it cannot choose `Host`, and it cannot send JSON without a preflight.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Collection
from ipaddress import ip_address

from mock_server.control.problems import (
    CROSS_SITE,
    FOREIGN_HOST,
    NOT_JSON,
    UNAUTHENTICATED,
    Problem,
)
from mock_server.web.calls import Call

_HOST = re.compile(r"(?:\[([0-9A-Fa-f:.]+)\]|([^:\[\]]*))(?::\d{0,5})?")
_SAME_SITE = (b"same-origin", b"none")
_CHALLENGE = ((b"www-authenticate", b'Bearer realm="tams-mock control"'),)


class Gate:
    """Checks a call's headers, and raises Problem for callers that are not allowed."""

    def __init__(self, token: str, *, beyond_loopback: bool, own_hosts: Collection[str]) -> None:
        self.token = token.encode()
        self.beyond_loopback = beyond_loopback
        self.own_hosts = {"localhost", *(host.lower() for host in own_hosts)}

    async def from_this_site(self, call: Call) -> None:
        """Be the caller of an operation that asks for no token."""
        self._refuse_other_sites(call)

    def check(self, call: Call) -> None:
        """Refuse callers of other sites, remote ones without the token, and unknown hosts."""
        self._refuse_other_sites(call)
        if self._has_token(call):
            return
        if self.beyond_loopback:
            why = "send Authorization: Bearer <control token>"
            if not self.token:
                why = "the server can be reached from beyond loopback and has no control token"
            raise Problem(UNAUTHENTICATED, why, headers=_CHALLENGE)
        # An attacker's DNS can point a name to loopback, so that a browser takes this server for
        # the attacker's site. An address cannot be rebound.
        host = call.header(b"host")
        if host is not None and not self._own(host.decode("latin-1")):
            raise Problem(
                FOREIGN_HOST,
                "call by address or as localhost, or send Authorization: Bearer <control token>",
            )

    def _has_token(self, call: Call) -> bool:
        scheme, _, token = (call.header(b"authorization") or b"").partition(b" ")
        right = hmac.compare_digest(token.strip(b" "), self.token)
        return right and bool(self.token) and scheme.lower() == b"bearer"

    def _refuse_other_sites(self, call: Call) -> None:
        origin = call.header(b"origin")
        if origin is not None:
            own = call.scope["scheme"].encode() + b"://" + (call.header(b"host") or b"")
            if origin.lower() != own.lower():
                raise Problem(CROSS_SITE, "the Origin header names another origin than this one")
        site = call.header(b"sec-fetch-site")
        if site is not None and site.lower() not in _SAME_SITE:
            raise Problem(CROSS_SITE, "a browser says that the call comes from another site")

    def _own(self, host: str) -> bool:
        match = _HOST.fullmatch(host)
        if match is None:
            return False
        name = (match[1] or match[2]).lower().removesuffix(".")
        if name in self.own_hosts or name.endswith(".localhost"):
            return True
        try:
            ip_address(name)
        except ValueError:
            return False
        return True


def check_media_type(call: Call) -> None:
    """Refuse a body whose content type is not JSON."""
    media_type = call.header(b"content-type")
    if media_type is None or not call.body:
        return
    essence = media_type.partition(b";")[0].strip().lower()
    if essence != b"application/json" and not essence.endswith(b"+json"):
        shown = essence.decode("latin-1")[:60]
        raise Problem(
            NOT_JSON,
            f"the content type is {shown!r}, expected application/json (curl: --json '{{…}}')",
        )
