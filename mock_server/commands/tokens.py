"""`tams-mock tokens`: the Workshop's tokens in a running mock, and their sessions."""

from __future__ import annotations

from typing import Any

import click

from mock_server.client import Json, MockClient
from mock_server.commands.running_mock import (
    Subcommands,
    account_option,
    duration,
    each_or_all,
    limit_option,
    moment,
    on_mock,
    print_number,
)
from mock_server.commands.tables import print_details, print_table


@click.group("tokens", cls=Subcommands)
def command() -> None:
    """List tokens of the Workshop; expire or disable them; cut sessions."""


def _print_tokens(tokens: list[Json]) -> None:
    columns = ("id", "account", "name", "state", "sessions", "used s", "expires")
    rows = (
        (each["id"], each["account"], each["name"], _state(each), each["liveSessions"],
         each["usedSeconds"], each["expires"])
        for each in tokens
    )  # fmt: skip
    print_table(columns, rows, "no tokens yet")


def _state(token: Json) -> str:
    return "disabled" if token["disabled"] else "expired" if token["expired"] else "valid"


@command.command("list")
@account_option()
@click.option("--name", help="Only those with this name.")
@limit_option
@on_mock(_print_tokens)
def _list(mock: MockClient, **query: Any) -> list[Json]:
    """List tokens, the newest first."""
    return mock.tokens(**query)


@command.command("show")
@click.argument("id")
@on_mock(print_details)
def _show(mock: MockClient, id: str) -> Json:
    """Show a token and its sessions."""
    return mock.token(id)


@command.command("expire")
@click.argument("ids", nargs=-1, metavar="ID...")
@account_option("All of this account.")
@on_mock(print_number("tokens expired"))
def _expire(mock: MockClient, ids: tuple[str, ...], account: str | None) -> Json:
    """Let tokens expire now."""
    return each_or_all(ids, account, mock.expire_token, mock.expire_tokens)


@command.command("extend")
@click.argument("id")
@click.option("--seconds", type=duration, metavar="DURATION", help="So much longer.")
@click.option("--to", type=moment, metavar="MOMENT", help="Until this moment.")
@click.option("--never", is_flag=True, default=None, help="For ever.")
@on_mock(lambda token: _print_tokens([token]))
def _extend(mock: MockClient, id: str, **members: Any) -> Json:
    """Let a token expire later."""
    return mock.extend_token(id, **members)


@command.command("disable")
@click.argument("ids", nargs=-1, metavar="ID...")
@account_option("All of this account.")
@on_mock(print_number("tokens disabled"))
def _disable(mock: MockClient, ids: tuple[str, ...], account: str | None) -> Json:
    """Disable tokens: no sessions, and pages say that theirs expired."""
    return each_or_all(ids, account, mock.disable_token, mock.disable_tokens)


@command.command("enable")
@click.argument("ids", nargs=-1, metavar="ID...")
@account_option("All of this account.")
@on_mock(print_number("tokens enabled"))
def _enable(mock: MockClient, ids: tuple[str, ...], account: str | None) -> Json:
    """Enable tokens again."""
    return each_or_all(ids, account, mock.enable_token, mock.enable_tokens)


@command.command("close")
@click.argument("ids", nargs=-1, metavar="ID...")
@account_option("All of this account.")
@on_mock(print_number("tokens whose sessions were closed"))
def _close(mock: MockClient, ids: tuple[str, ...], account: str | None) -> Json:
    """Close the sessions of tokens now."""
    return each_or_all(ids, account, mock.close_sessions, mock.close_account_sessions)
