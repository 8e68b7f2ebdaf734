"""Which callers are allowed: local ones, remote ones with the token, no pages of other sites.

A web page can make its visitor's browser send requests to a server on loopback. It cannot leave out
`Origin` where that matters, it cannot choose `Host`, and it cannot send JSON without a preflight.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Collection
from ipaddress import IPv6Address, ip_address, ip_network

from mock_server.control.problems import (
    CROSS_SITE,
    FOREIGN_HOST,
    NOT_JSON,
    UNAUTHENTICATED,
    Problem,
)
from mock_server.web.calls import Call

_HOST = re.compile(r"(?:\[([0-9A-Fa-f:.]+)\]|([^:\[\]]*))(?::\d{0,5})?")
# Loopback, RFC 1918, RFC 4193 and link-local; Python's `is_private` has more.
_PRIVATE = [
    *map(ip_network, ("127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16")),
    *map(ip_network, ("169.254.0.0/16", "::1/128", "fc00::/7", "fe80::/10")),
]
_SAME_SITE = (b"same-origin", b"none")
_CHALLENGE = ((b"www-authenticate", b'Bearer realm="tams-mock control"'),)


class Gate:
    """Checks a call's headers, and raises Problem for callers that are not allowed.

    `open_to_private` lets callers from private networks in without the token.
    """

    def __init__(
        self,
        token: str,
        *,
        beyond_loopback: bool,
        own_hosts: Collection[str],
        open_to_private: bool = False,
    ) -> None:
        self.token = token.encode()
        self.beyond_loopback = beyond_loopback
        self.open_to_private = open_to_private
        self.own_hosts = {"localhost", *(host.lower() for host in own_hosts)}

    async def from_this_site(self, call: Call) -> None:
        """Be the caller of an operation that asks for no token."""
        self._refuse_other_sites(call)

    def check(self, call: Call) -> None:
        """Refuse callers of other sites, remote ones without the token, and unknown hosts."""
        self._refuse_other_sites(call)
        if self._has_token(call):
            return
        if self.beyond_loopback and not (self.open_to_private and _is_private(call)):
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
        # The names of services in compose and Kubernetes; no public name is like that.
        if self.beyond_loopback and ("." not in name or name.endswith((".local", ".internal"))):
            return True
        try:
            ip_address(name)
        except ValueError:
            return False
        return True


def _is_private(call: Call) -> bool:
    """Return whether a caller is on this computer, or has an address of a private network."""
    client = call.scope.get("client")
    if client is None:
        return True  # not over a network
    address = ip_address(client[0].partition("%")[0])
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return any((mapped or address) in network for network in _PRIVATE)


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
