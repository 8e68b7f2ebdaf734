"""Where callbacks may go: hosts that a setting allows, checked before connecting."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import IPv6Address, ip_address
from urllib.parse import SplitResult, urlsplit

from msgspec import Struct

from mock_server.web.name_lookups import Address, NameLookups

PRIVATE = "private"
ANY = "any"

# The metadata services of clouds hold secrets; the link-local 169.254.169.254 is refused anyway.
METADATA = frozenset(
    map(ip_address, ("fd00:ec2::254", "fd20:ce::254", "100.100.100.200", "192.0.0.192"))
)


class TargetRefused(Exception):
    """A callback must not go there; the message says why."""


class NameUnknown(TargetRefused):
    """The name cannot be resolved now; a later try may succeed."""


class CallbackTarget(Struct, frozen=True):
    """A checked URL with its resolved addresses, so that the name is not resolved again.

    `pinned_urls` have an address instead of the name; they are tried in this order. `host` is the
    value of the Host header, `name` the name that the certificate must have, `content_type` what
    is sent there.
    """

    url: str
    pinned_urls: tuple[str, ...]
    host: str
    name: str
    content_type: str = "application/json"


class CallbackTargets:
    """Checks callback URLs against the allowed hosts.

    `allowed` has host names, `private` (loopback and private addresses) or `any`. Link-local
    addresses and the metadata services of clouds are never allowed.
    """

    def __init__(self, allowed: Sequence[str]) -> None:
        self.allowed = frozenset(name.lower() for name in allowed)
        self._lookups = NameLookups()

    async def check(self, url: str, account: str = "") -> CallbackTarget:
        """Return where to connect for the URL, or raise TargetRefused.

        `account` is the one whose callback waits for the look-up of the name.
        """
        parts = _parts(url)
        name = _ascii_name(parts.hostname or "")
        port = _port(parts)
        connect_port = port or _DEFAULT_PORTS[parts.scheme]
        addresses = await self._addresses(name, account)
        for address in addresses:
            self._check_address(name, address)
        userinfo, at, _ = parts.netloc.rpartition("@")
        pinned_urls = tuple(
            parts._replace(
                netloc=f"{userinfo}{at}{_in_url(str(address))}:{connect_port}", fragment=""
            ).geturl()
            for address in addresses
        )
        host = _in_url(name) if port is None else f"{_in_url(name)}:{port}"
        return CallbackTarget(url, pinned_urls, host, name)

    async def _addresses(self, name: str, account: str) -> list[Address]:
        try:
            return [ip_address(name)]
        except ValueError:
            pass
        try:
            return await self._lookups.addresses(name, account)
        except (OSError, UnicodeError):
            raise NameUnknown(f"the name {name} is not known") from None

    def _check_address(self, name: str, address: Address) -> None:
        if isinstance(address, IPv6Address) and address.ipv4_mapped:
            address = address.ipv4_mapped
        is_forbidden = address.is_link_local or address.is_multicast or address.is_unspecified
        if is_forbidden or address in METADATA:
            raise TargetRefused(f"{name} has the address {address}, where callbacks never go")
        if ANY in self.allowed or name in self.allowed:
            return
        if PRIVATE not in self.allowed or not (address.is_loopback or address.is_private):
            raise TargetRefused(
                f"{name} has the address {address}, which the setting does not allow"
            )


_DEFAULT_PORTS = {"http": 80, "https": 443}


def _parts(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
    except ValueError as error:
        raise TargetRefused(f"it is not a URL: {error}") from None
    if parts.scheme not in _DEFAULT_PORTS or not parts.hostname:
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
    """Return the name in the spelling of the DNS."""
    try:
        return name if name.isascii() else name.encode("idna").decode()
    except UnicodeError:
        raise TargetRefused(f"{name} is not a valid host name") from None


def _in_url(host: str) -> str:
    return f"[{host}]" if ":" in host else host
