"""`tams-mock uploads`: the uploads of a running mock, and letting them expire."""

from __future__ import annotations

from typing import Any

import click

from mock_server.client import Json, MockClient
from mock_server.commands.running_mock import (
    Subcommands,
    account_option,
    each_or_all,
    limit_option,
    on_mock,
    print_number,
)
from mock_server.commands.tables import print_table


@click.group("uploads", cls=Subcommands)
def command() -> None:
    """List uploads, and let them expire."""


def _print_uploads(uploads: list[Json]) -> None:
    columns = ("id", "account", "bytes", "format", "open until", "kept until", "problem")
    rows = (
        (each["id"], each["account"], each["sizeBytes"], each["format"], each["open"],
         each["kept"], each["problem"])
        for each in uploads
    )  # fmt: skip
    print_table(columns, rows, "no uploads yet")


@command.command("list")
@account_option()
@limit_option
@on_mock(_print_uploads)
def _list(mock: MockClient, **query: Any) -> list[Json]:
    """List uploads of both vendors, the newest first."""
    return mock.uploads(**query)


@command.command("expire")
@click.argument("ids", nargs=-1, metavar="ID...")
@account_option("All of this account.")
@on_mock(print_number("uploads expired"))
def _expire(mock: MockClient, ids: tuple[str, ...], account: str | None) -> Json:
    """Close the URL of an upload and delete its file now."""
    return each_or_all(ids, account, mock.expire_upload, mock.expire_account_uploads)
