"""What files give a server to begin with: accounts and scenarios."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

from pydantic import Field, TypeAdapter

from mock_server.control.accounts import AccountId, Accounts, NewAccountBody
from mock_server.control.scenarios import Scenarios
from mock_server.core.errors import Conflict, DomainError
from mock_server.web.json_bodies import read_list

MAX_SEEDED_ACCOUNTS = 100


class SeededAccountBody(NewAccountBody):
    """An account that the server begins with. It has an id, so that it is made only once."""

    id: AccountId

    @property
    def secrets(self) -> list[str]:
        """The secrets that the file gives it."""
        return [each for each in (self.access_token, self.app_secret) if each]


_ACCOUNTS = TypeAdapter(Annotated[list[SeededAccountBody], Field(max_length=MAX_SEEDED_ACCOUNTS)])


def load_accounts(path: Path) -> list[SeededAccountBody]:
    """Read a file with a list of accounts; raises ValueError with a sentence, or OSError."""
    return read_list(path, _ACCOUNTS, "accounts")


async def seed_accounts(accounts: Accounts, path: Path, wall: float) -> None:
    """Make the accounts of a file that are not there yet; raises Conflict."""
    for body in load_accounts(path):
        if await accounts.known.accounts.get(body.id) is None:
            try:
                await accounts.create(body, wall, ready_made=True)
            except DomainError as error:
                raise Conflict(f"account {body.id} in {path}: {error}") from error


async def seed_scenarios(scenarios: Scenarios, paths: Iterable[Path]) -> None:
    """Add the scenarios of files, so that they can be started by name; raises Conflict."""
    for path in paths:
        try:
            spec = scenarios.read_file(path)
        except ValueError as error:
            raise Conflict(str(error)) from error
        try:
            await scenarios.add(spec, scenarios.read(spec))
        except DomainError as error:
            raise Conflict(f"{path}: {error}") from error
