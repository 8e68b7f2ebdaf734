"""The accounts among which a diagnosis looks for the owner of what a client sent."""

from __future__ import annotations

from dataclasses import dataclass, field

from mock_server.core.accounts import Account


@dataclass(frozen=True, slots=True)
class KnownAccount:
    """An account as far as telling credentials apart needs it; what is secret stays out of repr."""

    account: str
    app_id: str
    public_key: str = ""
    token: str = field(default="", repr=False)
    key: str = field(default="", repr=False)
    secret: str = field(default="", repr=False)

    def credentials(self) -> tuple[tuple[str, str], ...]:
        """Return everything that could stand in the place of something else, with its name."""
        return (
            ("the app id", self.app_id),
            ("the access token", self.token),
            ("the app key", self.key),
            ("the app secret", self.secret),
            ("the account's id", self.account),
        )

    def __str__(self) -> str:
        return f"account {self.account} (app id {self.app_id})"


def known_account_of(account: Account) -> KnownAccount:
    """Return what a diagnosis may know of an account."""
    credentials = account.credentials
    return KnownAccount(
        account.id,
        credentials.app_id,
        credentials.public_key,
        credentials.token,
        credentials.key,
        credentials.secret,
    )
