"""Where callbacks may go: names and addresses that a setting allows, checked before connecting."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address
from urllib.parse import SplitResult, urlsplit

PRIVATE = "private"
ANY = "any"


class TargetRefused(Exception):
    """A callback must not go there; the words say why."""


@dataclass(frozen=True, slots=True)
class Target:
    """A checked URL and the address that it is connected to, so that no second look-up decides."""

    url: str
    pinned_url: str
    host: str


class Targets:
    """Checks callback URLs against the allowed hosts.

    `allowed` has host names, `private` (loopback and private addresses) or `any`. Link-local
    addresses, where clouds keep their metadata, are never allowed.
    """

    def __init__(self, allowed: Sequence[str]) -> None:
        self.allowed = frozenset(name.lower() for name in allowed)

    async def check(self, url: str) -> Target:
        """Return where to connect for the URL, or raise TargetRefused."""
        parts = _parts(url)
        host = parts.hostname or ""
        try:
            port = parts.port or (443 if parts.scheme == "https" else 80)
        except ValueError:
            raise TargetRefused("the port is not a number from 1 to 65535") from None
        addresses = await _addresses(host, port)
        for address in addresses:
            self._check_address(host, address)
        address = addresses[0]
        literal = f"[{address}]" if address.version == 6 else str(address)
        pinned = parts._replace(netloc=f"{literal}:{port}", fragment="").geturl()
        return Target(url, pinned, parts.netloc.rpartition("@")[2])

    def _check_address(self, host: str, address: IPv4Address | IPv6Address) -> None:
        if isinstance(address, IPv6Address) and address.ipv4_mapped:
            address = address.ipv4_mapped
        if address.is_link_local or address.is_multicast or address.is_unspecified:
            raise TargetRefused(f"{host} is at {address}, where callbacks never go")
        if ANY in self.allowed or host.lower() in self.allowed:
            return
        if PRIVATE not in self.allowed or not (address.is_loopback or address.is_private):
            raise TargetRefused(f"{host} is at {address}, which the setting does not allow")


def _parts(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
    except ValueError as error:
        raise TargetRefused(f"it is not a URL: {error}") from None
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise TargetRefused("it is not a URL that begins with http:// or https://")
    return parts


async def _addresses(host: str, port: int) -> list[IPv4Address | IPv6Address]:
    try:
        return [ip_address(host)]
    except ValueError:
        pass
    try:
        loop = asyncio.get_running_loop()
        found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise TargetRefused(f"the name {host} is not known") from None
    # The older kind first: servers of tests often listen on that alone.
    addresses = [ip_address(entry[4][0]) for entry in found]
    return sorted(addresses, key=lambda address: address.version)
