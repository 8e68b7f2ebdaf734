"""Where callbacks may go: names and addresses that a setting allows, checked before connecting."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Sequence
from ipaddress import IPv4Address, IPv6Address, ip_address
from urllib.parse import SplitResult, urlsplit

from msgspec import Struct

PRIVATE = "private"
ANY = "any"

# Where clouds keep the secrets of a computer, beside the link-local 169.254.169.254.
METADATA = frozenset(
    map(ip_address, ("fd00:ec2::254", "fd20:ce::254", "100.100.100.200", "192.0.0.192"))
)

Address = IPv4Address | IPv6Address


class TargetRefused(Exception):
    """A callback must not go there; the words say why."""


class NameUnknown(TargetRefused):
    """The name leads nowhere; this may be otherwise soon."""


class CallbackTarget(Struct, frozen=True):
    """A checked URL and the addresses that it leads to, so that no second look-up decides.

    `pinned_urls` have an address in place of the name, the first to be tried first. `host` is what
    the Host header says, `name` what a certificate should be for.
    """

    url: str
    pinned_urls: tuple[str, ...]
    host: str
    name: str


class CallbackTargets:
    """Checks callback URLs against the allowed hosts.

    `allowed` has host names, `private` (loopback and private addresses) or `any`. Addresses where
    clouds keep their metadata, all link-local ones among them, are never allowed.
    """

    def __init__(self, allowed: Sequence[str]) -> None:
        self.allowed = frozenset(name.lower() for name in allowed)

    async def check(self, url: str) -> CallbackTarget:
        """Return where to connect for the URL, or raise TargetRefused."""
        parts = _parts(url)
        name = _ascii_name(parts.hostname or "")
        port = _port(parts)
        addresses = await _addresses(name, port or _USUAL[parts.scheme])
        for address in addresses:
            self._check_address(name, address)
        userinfo, at, _ = parts.netloc.rpartition("@")
        pinned_urls = tuple(
            parts._replace(
                netloc=f"{userinfo}{at}{_in_url(str(address))}:{port or _USUAL[parts.scheme]}",
                fragment="",
            ).geturl()
            for address in addresses
        )
        host = _in_url(name) if port is None else f"{_in_url(name)}:{port}"
        return CallbackTarget(url, pinned_urls, host, name)

    def _check_address(self, name: str, address: Address) -> None:
        if isinstance(address, IPv6Address) and address.ipv4_mapped:
            address = address.ipv4_mapped
        never = address.is_link_local or address.is_multicast or address.is_unspecified
        if never or address in METADATA:
            raise TargetRefused(f"{name} is at {address}, where callbacks never go")
        if ANY in self.allowed or name in self.allowed:
            return
        if PRIVATE not in self.allowed or not (address.is_loopback or address.is_private):
            raise TargetRefused(f"{name} is at {address}, which the setting does not allow")


_USUAL = {"http": 80, "https": 443}


def _parts(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
    except ValueError as error:
        raise TargetRefused(f"it is not a URL: {error}") from None
    if parts.scheme not in _USUAL or not parts.hostname:
        raise TargetRefused("it is not a URL that begins with http:// or https://")
    return parts


def _port(parts: SplitResult) -> int | None:
    try:
        port = parts.port
    except ValueError:
        port = 0
    if port == 0:
        raise TargetRefused("the port is not a number from 1 to 65535")
    return port


def _ascii_name(name: str) -> str:
    """Return the name as name servers know it."""
    try:
        return name if name.isascii() else name.encode("idna").decode()
    except UnicodeError:
        raise TargetRefused(f"{name} cannot be the name of a host") from None


def _in_url(host: str) -> str:
    return f"[{host}]" if ":" in host else host


async def _addresses(name: str, port: int) -> list[Address]:
    try:
        return [ip_address(name)]
    except ValueError:
        pass
    try:
        loop = asyncio.get_running_loop()
        found = await loop.getaddrinfo(name, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise NameUnknown(f"the name {name} is not known") from None
    addresses = dict.fromkeys(ip_address(entry[4][0]) for entry in found)
    # The older kind first: servers of tests often listen on that alone.
    return sorted(addresses, key=lambda address: address.version)
