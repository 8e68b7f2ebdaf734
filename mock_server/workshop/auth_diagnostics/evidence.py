"""What goes into a diagnosis of a call that the gateway refused, as data."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from mock_server.web.auth_diagnostics.known_accounts import KnownAccount
from mock_server.web.captures import Capture
from mock_server.workshop.gateway import Situation
from mock_server.workshop.settings import WorkshopSettings


@dataclass(frozen=True, slots=True)
class WorkshopEvidence:
    """All that is known of a request whose credentials are looked at.

    `known_account` is the account that the AppKey belongs to, or that a caller says is meant;
    `others` are more accounts, the likeliest first. `now` is what the timestamp is compared with,
    in seconds; None does not look at the clock. `refused` is what the authenticator found.
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
    unchecked: tuple[str, ...] = ()

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


def understands(capture: Capture) -> bool:
    """Say whether a captured request was meant for the Workshop, by its headers and its path."""
    names = [name.lower().replace("_", "-") for name, _ in capture.headers]
    return b"/scc/" in capture.target or any(name.startswith("x-ca-") for name in names)


def captured_evidence(
    capture: Capture,
    accounts: Iterable[KnownAccount],
    settings: WorkshopSettings,
    *,
    meant: KnownAccount | None = None,
    paths: Sequence[bytes] = (),
) -> WorkshopEvidence:
    """Return a captured request as evidence; its clock is looked at where its time is known."""
    headers = [
        (name.encode("latin-1", "replace"), _bytes(value)) for name, value in capture.headers
    ]
    if capture.host and all(name.lower() != b"host" for name, _ in headers):
        headers.append((b"host", capture.host.encode("latin-1", "replace")))
    unchecked = []
    if settings.timestamp_window and capture.at is None and capture.header("x-ca-timestamp"):
        unchecked.append("the timestamp, because the capture has no time")
    if settings.nonce_replay == "refuse" and capture.header("x-ca-nonce"):
        unchecked.append("whether the nonce was used before")
    return WorkshopEvidence(
        capture.method,
        capture.target,
        tuple(headers),
        capture.body,
        settings=settings,
        scheme=capture.scheme,
        now=capture.at,
        known_account=meant,
        others=accounts,
        paths=paths,
        unchecked=tuple(unchecked),
    )


def _bytes(value: str) -> bytes:
    """Return a header's value as it was on the wire: captures hold bytes or text."""
    try:
        return value.encode("latin-1")
    except UnicodeEncodeError:
        return value.encode("utf-8", "surrogateescape")
