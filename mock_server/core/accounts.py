"""Accounts: what a credential belongs to, with its own state, clock, limits and seed."""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum
from hashlib import blake2b
from typing import Annotated

from msgspec import Meta, Struct, field

from mock_server.core.clock import Clock
from mock_server.core.store import Count

# Takes the place of an account's id in records that belong to the server.
SERVER = "server"


Qps = Annotated[int, Meta(ge=0, le=1_000_000)]


class LimitMode(StrEnum):
    """What happens to calls over the limit: refused, allowed, or allowed and reported."""

    ON = "on"
    OFF = "off"
    SHADOW = "shadow"


class Limits(Struct, frozen=True):
    """At most `qps` calls inside any window of `window` seconds."""

    qps: Qps = 5
    window: Annotated[float, Meta(gt=0)] = 1.0
    mode: LimitMode = LimitMode.ON


class Progression(StrEnum):
    """What advances a job: nothing waits, time, each GET, or only the control API."""

    INSTANT = "instant"
    TIME = "time"
    POLLS = "polls"
    MANUAL = "manual"


class Credentials(Struct, frozen=True):
    """The keys and secrets of an account; each vendor uses those that it needs.

    `public_key` and `private_key` are PEM texts; the private one is there only where the mock
    generated it and hands it out.
    """

    app_id: str
    token: str
    key: str
    secret: str
    public_key: str = ""
    private_key: str = ""


# A setting's value in its plain form.
SettingValue = bool | int | float | str | tuple[str | float, ...] | None

# The settings that an account has of its own, by name, sorted. The core does not know what they do.
OwnSettings = tuple[tuple[str, SettingValue], ...]


class Account(Struct, frozen=True):
    """What a credential belongs to. Without a `clock` it follows its owner's, or the server's.

    It follows the server in all that its `settings` do not name. The `owner` is the account whose
    scenario made it. The `incarnation` is another one after each reset.
    """

    id: str
    number: Count
    seed: Count
    opening: Decimal
    credentials: Credentials
    name: str = ""
    limits: Limits = field(default_factory=Limits)
    clock: Clock | None = None
    settings: OwnSettings = ()
    ready_made: bool = False
    owner: str = ""
    incarnation: int = 0

    @property
    def account(self) -> str:
        return self.id


class InitialAccount(Struct, frozen=True):
    """An account as it was created, so that a reset can restore it."""

    id: str
    account: str
    first: Account


class Credential(Struct, frozen=True):
    """Points from a credential (see `credential_id`) to its account.

    One that is `revoked` finds no account, but stays reserved until the account is deleted.
    """

    id: str
    account: str
    revoked: bool = False


def credential_ids(credentials: Credentials) -> tuple[str, ...]:
    """Return the ids of the account's credential records."""
    shown = (
        ("app", credentials.app_id),
        ("token", credentials.token),
        ("key", credentials.key),
    )
    return tuple(credential_id(kind, value) for kind, value in shown if value)


def credential_id(kind: str, shown: str) -> str:
    """Return the id of the record of a credential.

    A token is a secret, so its name is a digest: how long a look-up takes tells nothing about
    tokens that are close.
    """
    if kind == "token":
        shown = blake2b(shown.encode(errors="surrogatepass"), digest_size=16).hexdigest()
    return f"{kind}:{shown}"
