"""Names for accounts that were made without one; the same seed gives the same name."""

from __future__ import annotations

from mock_server.core.accounts import Account
from mock_server.web.fake_data import faker


def name_of(account: Account) -> str:
    """Return the account's name, made up if it has none."""
    return account.name or faker(account.seed, "account").company()
