"""What goes into a diagnosis of refused TAMS credentials, as data."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from mock_server.tams.settings import TamsSettings
from mock_server.web.auth_diagnostics.known_accounts import KnownAccount
from mock_server.web.captures import Capture


@dataclass(frozen=True, slots=True)
class TamsEvidence:
    """All that is known of a request whose credentials are looked at.

    `known_account` is the account that the header's app id belongs to, or that a caller says is
    meant; `others` are more accounts, the likeliest first. `skew_seconds` None does not look at the
    clock. `replayed` and `one_scheme` say that those rules are in force and were broken.
    """

    method: str
    target: bytes
    authorization: bytes | None = field(repr=False)
    body: bytes = field(default=b"", repr=False)
    host: bytes = b""
    scheme: str = "http"
    wall: float = 0.0
    known_account: KnownAccount | None = None
    others: Iterable[KnownAccount] = ()
    lenient: bool = True
    skew_seconds: float | None = None
    replayed: bool = False
    one_scheme: bool = False
    paths: Sequence[bytes] = ()
    unchecked: tuple[str, ...] = ()


def captured_evidence(
    capture: Capture,
    accounts: Iterable[KnownAccount],
    settings: TamsSettings,
    *,
    meant: KnownAccount | None = None,
    paths: Sequence[bytes] = (),
) -> TamsEvidence:
    """Return a captured request as evidence; its clock is looked at where its time is known."""
    value = capture.header("authorization")
    timed = capture.at is not None
    unchecked = []
    if settings.clock_skew > 0 and not timed:
        unchecked.append("the timestamp, because the capture has no time")
    if settings.nonce_replay == "refuse":
        unchecked.append("whether the nonce was used before")
    return TamsEvidence(
        method=capture.method,
        target=capture.target,
        authorization=None if value is None else value.encode("latin-1", "replace"),
        body=capture.body,
        host=capture.host.encode("latin-1", "replace"),
        scheme=capture.scheme,
        wall=capture.at or 0.0,
        known_account=meant,
        others=accounts,
        lenient=settings.header_grammar == "lenient",
        skew_seconds=settings.clock_skew if settings.clock_skew > 0 and timed else None,
        one_scheme=settings.schemes == "one",
        paths=paths,
        unchecked=tuple(unchecked),
    )
