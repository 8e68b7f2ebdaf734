"""The accounts among which a diagnosis looks for the owner of what a client sent."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from hmac import compare_digest
from itertools import count
from typing import NamedTuple

from mock_server.core.accounts import Account
from mock_server.web.auth_diagnostics.search_budget import Paced, SearchWork

DECORATION = " \t\r\n\"'`<>{}[]()"
_ACCOUNT_UNITS = 3_000


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


def likely_first(accounts: Sequence[Account]) -> Iterator[KnownAccount]:
    """Yield accounts, listed from the oldest on: the ready-made one, then the newest first."""
    yield from (known_account_of(each) for each in accounts if each.ready_made)
    yield from (known_account_of(each) for each in reversed(accounts) if not each.ready_made)


class KnownAccounts:
    """Accounts that are read as far as they are needed, and can be gone through again."""

    def __init__(self, source: Iterable[KnownAccount]) -> None:
        self._source = iter(source)
        self._seen: list[KnownAccount] = []

    def __iter__(self) -> Iterator[KnownAccount]:
        for number in count():
            if number == len(self._seen):
                account = next(self._source, None)
                if account is None:
                    return
                self._seen.append(account)
            yield self._seen[number]


class Recognised(NamedTuple):
    """Whose a credential is: as it should be, decorated, or one of another kind (`words`)."""

    owner: KnownAccount
    kind: str
    words: str = ""


def recognise(
    shown: str, accounts: Iterable[KnownAccount], name: str, work: SearchWork
) -> Paced[Recognised | None]:
    """Return the account whose credential `name` (an attribute) this is, or almost is."""
    bare = shown.strip(DECORATION).lower()
    almost: Recognised | None = None
    for account in accounts:
        work.add(_ACCOUNT_UNITS)
        if work.is_over():
            yield
        right: str = getattr(account, name)
        if same(right, shown):
            return Recognised(account, "exact")
        if almost is None or almost.kind == "other":
            if same(right.lower(), bare):
                almost = Recognised(account, "decorated")
            elif almost is None:
                almost = next(
                    (
                        Recognised(account, "other", words)
                        for words, value in account.credentials()
                        if same(value, shown)
                    ),
                    None,
                )
    return almost


def same(known: str, shown: str) -> bool:
    """Compare what may be a secret in a time that tells nothing about it; empty is never same."""
    return bool(known) and compare_digest(_bytes(known), _bytes(shown))


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")
