"""What goes into a diagnosis of refused credentials, as data."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import cached_property
from typing import Generic, TypeVar

from mock_server.web.auth_diagnostics.known_accounts import KnownAccount
from mock_server.web.captures import Capture
from mock_server.web.vendor_settings import ChoiceTable

S = TypeVar("S", bound=ChoiceTable)


@dataclass(frozen=True)
class Evidence(Generic[S]):
    """All that is known of a request whose credentials are looked at.

    `capture.at` is what timestamps are compared with; None does not look at the clock.
    `known_account` is the account that the shown credentials belong to, or that a caller says is
    meant; `others` are more accounts, the likeliest first. `refused` is what the authenticator
    found, for a call that it refused.
    """

    capture: Capture
    settings: S
    known_account: KnownAccount | None = None
    others: Iterable[KnownAccount] = ()
    refused: Enum | None = None
    paths: Sequence[bytes] = ()

    @cached_property
    def headers(self) -> tuple[tuple[bytes, bytes], ...]:
        """The headers as they were on the wire, with a Host where it is known."""
        capture = self.capture
        headers = [
            (name.encode("latin-1", "replace"), _bytes(text)) for name, text in capture.headers
        ]
        if capture.host and all(name.lower() != b"host" for name, _ in headers):
            headers.append((b"host", capture.host.encode("latin-1", "replace")))
        return tuple(headers)

    def header(self, name: bytes) -> bytes | None:
        """Return a header's last value; `name` is lower case."""
        values = self.values(name)
        return values[-1] if values else None

    def value(self, name: bytes) -> bytes:
        """Return a header's last value without blanks around it; empty where it did not come."""
        return (self.header(name) or b"").strip(b" \t")

    def values(self, name: bytes) -> list[bytes]:
        """Return all values of a header in their order."""
        return self._by_name.get(name, [])

    @cached_property
    def _by_name(self) -> dict[bytes, list[bytes]]:
        found: dict[bytes, list[bytes]] = {}
        for name, value in self.headers:
            found.setdefault(name.lower(), []).append(value)
        return found


def _bytes(value: str) -> bytes:
    """Return a header's value as it was on the wire: captures hold bytes or text."""
    try:
        return value.encode("latin-1")
    except UnicodeEncodeError:
        return value.encode("utf-8", "surrogateescape")
