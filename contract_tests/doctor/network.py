"""Checks of the way to a target: its name, a connection, TLS, proxies."""

from __future__ import annotations

import ipaddress
import socket
import ssl
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import httpx

from contract_tests import wall
from contract_tests.doctor.findings import Finding, not_checked, ok, problem, warning
from contract_tests.troubles import Trouble, no_answer

TIMEOUT = 10.0  # seconds for a name and for a connection
MIN_DAYS = 14  # of a certificate


def network_findings(
    where: str, url: str, context: ssl.SSLContext, *, proxied: bool
) -> Iterator[Finding]:
    """Check name, connection and TLS of a URL. The last finding is a problem if one fails.

    `proxied` says whether calls use the proxy of the environment.
    """
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
    if proxied and (proxy := getproxies().get(parts.scheme)) and not proxy_bypass(host):
        place = urlsplit(proxy).netloc.rpartition("@")[2]
        yield warning(
            where, "proxy", f"calls to {host} go through the proxy {place} of the environment",
            "set NO_PROXY if they should not; name and connection are checked by the first call",
        )  # fmt: skip
        return
    try:
        addresses = addresses_of(host, port)
    except OSError as error:
        yield Finding.of(where, "name", no_answer(error, url))
        return
    yield ok(where, "name", f"{host} is {', '.join(addresses[:4])}")
    begin = wall.elapsed()
    try:
        with socket.create_connection((host, port), timeout=TIMEOUT) as connection:
            took = (wall.elapsed() - begin) * 1000
            yield ok(where, "connection", f"port {port} answers in {took:.0f} ms")
            yield from _tls(where, host, url, connection, context)
    except OSError as error:
        trouble = no_answer(error, url)
        yield Finding.of(where, trouble.area, trouble)


def addresses_of(host: str, port: int) -> list[str]:
    """Return the addresses of a host. Raises `OSError`, also if the DNS does not answer."""
    found: list[Any] = []

    def look_up() -> None:
        try:
            found.append(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
        except OSError as error:
            found.append(error)

    # Nothing can interrupt a look-up, so another thread does it.
    thread = threading.Thread(target=look_up, daemon=True)
    thread.start()
    thread.join(TIMEOUT)
    if not found:
        raise socket.gaierror(socket.EAI_AGAIN, f"no answer of the DNS in {TIMEOUT:g} s")
    if isinstance(found[0], OSError):
        raise found[0]
    return list(dict.fromkeys(str(info[4][0]) for info in found[0]))


def is_private(host: str) -> bool:
    """Say whether only this computer or its network can reach a host."""
    try:
        addresses = addresses_of(host, 80)
    except OSError:
        return False
    return all(not ipaddress.ip_address(each.partition("%")[0]).is_global for each in addresses)


def _tls(
    where: str, host: str, url: str, connection: socket.socket, context: ssl.SSLContext
) -> Iterator[Finding]:
    if urlsplit(url).scheme != "https":
        if is_private(host):
            yield ok(where, "TLS", "not used: plain HTTP in this network")
        else:
            yield warning(where, "TLS", f"calls to {host} are not encrypted", "use https://")
        return
    with context.wrap_socket(connection, server_hostname=host) as stream:
        certificate = stream.getpeercert() or {}
        version = stream.version()
    ends = datetime.fromtimestamp(ssl.cert_time_to_seconds(str(certificate["notAfter"])), UTC)
    days = (ends.timestamp() - wall.now()) / 86400
    words = f"{version}, certificate until {ends:%Y-%m-%d}"
    if days < MIN_DAYS:
        yield warning(where, "TLS", words, f"it ends in {days:.0f} days; the service must renew it")
    else:
        yield ok(where, "TLS", words)


def callback_findings(callback_url: str | None, urls: dict[str, str]) -> Iterator[Finding]:
    """Check whether a target can reach the configured receiver, as far as can be seen here."""
    far = [url for url in urls.values() if not is_private(urlsplit(url).hostname or "")]
    if callback_url is None:
        if far:
            yield not_checked(
                "run", "callbacks", "no --callback-url: tests of notifications are unsupported",
                "give the URL of a receiver that the target can reach, to include them",
            )  # fmt: skip
        else:
            yield ok("run", "callbacks", "a receiver on this computer is used")
        return
    host = urlsplit(callback_url).hostname or ""
    if far and is_private(host):
        yield problem(
            "run", "callbacks", f"the target cannot reach {host}: it is an address of this network",
            "use a public address, for example that of a tunnel",
        )  # fmt: skip
        return
    trouble: Trouble | None = None
    try:
        with httpx.Client(trust_env=False, timeout=TIMEOUT) as http:
            status = http.get(callback_url).status_code
    except httpx.TransportError as error:
        trouble = no_answer(error, callback_url)
    if trouble:
        yield Finding.of("run", "callbacks", trouble)
    else:
        yield ok("run", "callbacks", f"the receiver answers {status} to a GET from here")
