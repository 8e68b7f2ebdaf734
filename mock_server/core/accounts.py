"""Who pays and is limited. Each account is a world of its own: state, clock, limits, seed."""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum
from hashlib import blake2b

from msgspec import Struct, field

from mock_server.core.clock import Clock

# Stands where an account's id would, for what belongs to the server and is there for everybody.
SERVER = "server"


class LimitMode(StrEnum):
    """Whether calls over the limit are refused, let through, or let through and reported."""

    ON = "on"
    OFF = "off"
    SHADOW = "shadow"


class Limits(Struct, frozen=True):
    """At most `qps` calls inside any window of `window` seconds."""

    qps: int = 5
    window: float = 1.0
    mode: LimitMode = LimitMode.ON


class Progression(StrEnum):
    """What moves a job along."""

    INSTANT = "instant"
    TIME = "time"
    POLLS = "polls"
    MANUAL = "manual"


class Credentials(Struct, frozen=True):
    """What an account's calls are signed with; every vendor's room takes what it needs.

    `public_key` and `private_key` are PEM texts; the private one is there only where the mock
    made it up and hands it out.
    """

    app_id: str
    token: str
    key: str
    secret: str
    public_key: str = ""
    private_key: str = ""


class Account(Struct, frozen=True):
    """A customer of the studio; None in `clock`, `progress` and `slots` follows the server.

    So does an empty `events_url`, where the customer hears of what end users do.
    """

    id: str
    number: int
    seed: int
    opening: Decimal
    credentials: Credentials
    name: str = ""
    limits: Limits = field(default_factory=Limits)
    clock: Clock | None = None
    progress: Progression | None = None
    slots: int | None = None
    events_url: str = ""
    ready_made: bool = False

    @property
    def account(self) -> str:
        return self.id


class InitialAccount(Struct, frozen=True):
    """An account as it was made, so that a reset can bring it back."""

    id: str
    account: str
    spec: Account


class Credential(Struct, frozen=True):
    """Points from what a caller shows (see `credential_id`) to its account."""

    id: str
    account: str


def credential_ids(credentials: Credentials) -> tuple[str, ...]:
    """Return the names under which the account is found."""
    return (
        credential_id("app", credentials.app_id),
        credential_id("token", credentials.token),
        credential_id("key", credentials.key),
    )


def credential_id(kind: str, shown: str) -> str:
    """Return the name of a credential that a caller shows.

    A token is a secret, so its name is a digest: how long a look-up takes tells nothing about
    tokens that are close.
    """
    if kind == "token":
        shown = blake2b(shown.encode(errors="surrogatepass"), digest_size=16).hexdigest()
    return f"{kind}:{shown}"
