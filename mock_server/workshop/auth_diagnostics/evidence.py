"""What goes into a diagnosis of a call that the gateway refused, as data."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from mock_server.web.auth_diagnostics.known_accounts import KnownAccount
from mock_server.workshop.gateway import Situation
from mock_server.workshop.settings import WorkshopSettings


@dataclass(frozen=True, slots=True)
class Evidence:
    """All that is known of a request whose credentials are looked at.

    `party` is the account that the AppKey belongs to, or that a caller says is meant; `others` are
    more accounts, the likeliest first. `now` is what the timestamp is compared with, in seconds;
    None does not look at the clock. `refused` is what the doorkeeper found, where it was asked.
    """

    method: str
    target: bytes
    headers: Sequence[tuple[bytes, bytes]] = field(default=(), repr=False)
    body: bytes = field(default=b"", repr=False)
    settings: WorkshopSettings = field(default_factory=WorkshopSettings)
    scheme: str = "http"
    now: float | None = None
    known_account: KnownAccount | None = None
    others: Iterable[KnownAccount] = ()
    refused: Situation | None = None
    paths: Sequence[bytes] = ()

    def header(self, name: bytes) -> bytes | None:
        """Return a header's last value; `name` is lower case."""
        values = self.values(name)
        return values[-1] if values else None

    def value(self, name: bytes) -> bytes:
        """Return a header's last value without blanks around it; empty where it did not come."""
        return (self.header(name) or b"").strip(b" \t")

    def values(self, name: bytes) -> list[bytes]:
        """Return all values of a header in their order."""
        return [value for each, value in self.headers if each.lower() == name]
