"""What goes into a diagnosis of refused credentials, as data."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from mock_server.web.auth_diagnostics.known_accounts import KnownAccount


@dataclass(frozen=True, slots=True)
class Evidence:
    """All that is known of a request whose credentials are looked at.

    `party` is the account that the header's app id belongs to, or that a caller says is meant;
    `others` are more accounts, the likeliest first. `skew_seconds` None does not look at the
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
