"""`tams-mock accounts`: the accounts of a running mock, and their balances, limits, credentials."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from mock_server.client import Json, MockClient
from mock_server.commands.errors import UsageFailure
from mock_server.commands.running_mock import Subcommands, duration, on_mock
from mock_server.commands.tables import print_details, print_table

CREDENTIALS = ("app-id", "access-token", "app-key", "app-secret", "public-key")


@click.group("accounts", cls=Subcommands)
def command() -> None:
    """Create, show, change and delete accounts."""


def _print_accounts(accounts: list[Json]) -> None:
    columns = ("id", "name", "balance", "limit", "clock", "app id", "access token", "app key")
    rows = (
        (each["id"], each["name"], each["balance"], _limit(each["limits"]), _clock(each["clock"]),
         each["appId"], each["accessToken"], each["appKey"])
        for each in accounts
    )  # fmt: skip
    print_table(columns, rows, "no accounts")


def _limit(limits: Json) -> str:
    words = f"{limits['qps']} in {limits['window']:g} s"
    return words if limits["rateLimit"] == "on" else f"{words}, {limits['rateLimit']}"


def _clock(clock: Json | None) -> str:
    if clock is None:
        return "the server's"
    return "frozen" if clock["frozen"] else f"own, {clock['rate']:g}x"


@command.command("list")
@on_mock(_print_accounts)
def _list(mock: MockClient) -> list[Json]:
    """List accounts, the oldest first."""
    return mock.accounts()


@command.command("show")
@click.argument("id")
@on_mock(print_details)
def _show(mock: MockClient, id: str) -> Json:
    """Show an account. Its private key is in --json."""
    return mock.account(id)


@command.command("create")
@click.argument("id", required=False)
@click.option("--name", help="A name for people.")
@click.option("--balance", type=float, metavar="CREDITS", help="Credits that it starts with.")
@click.option("--qps", type=int, metavar="N", help="Calls a second.")
@click.option(
    "--rate-limit", type=click.Choice(["on", "off", "shadow"]), help="Whether more are refused."
)
@click.option("--seed", type=int, metavar="N", help="What its random choices follow from.")
@click.option("--progress", help="What advances its jobs: instant, time, polls or manual.")
@click.option("--slots", type=int, metavar="N", help="Jobs that run at the same time.")
@click.option("--events-url", metavar="URL", help="URL that receives its Workshop events.")
@click.option(
    "--public-key",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="PEM file of your own key.",
)
@click.option("--own-clock", is_flag=True, help="Give it its own clock.")
@click.option("--frozen", is_flag=True, help="Give it its own clock, which is frozen.")
@on_mock(print_details)
def _create(
    mock: MockClient, public_key: Path | None, own_clock: bool, frozen: bool, **members: Any
) -> Json:
    """Create an account, with any ID or a generated one, and show its credentials."""
    clock = {"frozen": frozen} if own_clock or frozen else None
    return mock.create_account(**members, public_key=_read(public_key), clock=clock)


def _read(path: Path | None) -> str | None:
    try:
        return None if path is None else path.read_text("ascii")
    except (OSError, ValueError) as error:
        raise UsageFailure(f"{path} cannot be read: {getattr(error, 'strerror', error)}") from error


@command.command("delete")
@click.argument("ids", nargs=-1, metavar="ID...")
@click.option("--all", "every", is_flag=True, help="Delete all but the ready-made one.")
@on_mock(lambda answer: click.echo(f"deleted accounts: {answer['deleted']}"))
def _delete(mock: MockClient, ids: tuple[str, ...], every: bool) -> Json:
    """Delete accounts and all that they have."""
    if bool(ids) == every:
        raise UsageFailure("expected ID or --all")
    if every:
        return mock.delete_accounts()
    for id in ids:
        mock.delete_account(id)
    return {"deleted": len(ids)}


@command.command("balance")
@click.argument("id")
@click.argument("credits", type=float, required=False)
@click.option("--top-up", type=float, metavar="CREDITS", help="Add so many instead.")
@click.option("--jobs", type=int, metavar="N", help="Enough for N more jobs instead.")
@click.option("--price", type=float, metavar="CREDITS", help="Of this price; else the last job's.")
@click.option("--reason", help="A note for the ledger.")
@on_mock(print_details)
def _balance(
    mock: MockClient, id: str, credits: float | None, reason: str | None, **change: Any
) -> Json:
    """Show the balance of an account, or set it to CREDITS."""
    if credits is None and all(value is None for value in change.values()):
        return mock.balance(id)
    return mock.change_balance(id, balance=credits, reason=reason, **change)


@command.command("limits")
@click.argument("id")
@click.option("--qps", type=int, metavar="N", help="Calls within the window.")
@click.option("--window", type=duration, metavar="DURATION", help="Length of the window.")
@click.option(
    "--rate-limit", type=click.Choice(["on", "off", "shadow"]), help="Whether more are refused."
)
@on_mock(print_details)
def _limits(mock: MockClient, id: str, **members: Any) -> Json:
    """Show the rate limit of an account and what of it is used, or change it."""
    if all(value is None for value in members.values()):
        return mock.limits(id)
    return mock.change_limits(id, **members)


def _print_settings(answer: Json) -> None:
    own, effective = answer["settings"], answer["effective"]
    rows = [(name, value, "account" if name in own else "-") for name, value in effective.items()]
    print_table(("setting", "value", "own"), rows, "no settings")


def _complete_setting(
    context: click.Context, parameter: click.Parameter, incomplete: str
) -> list[str]:
    from mock_server.settings import all_settings

    names = [setting.name for setting in all_settings() if not setting.server_only]
    return [name for name in names if name.startswith(incomplete)]


@command.command("settings")
@click.argument("id")
@click.argument("values", nargs=-1, metavar="[NAME=VALUE]...", shell_complete=_complete_setting)
@click.option(
    "--unset",
    multiple=True,
    metavar="NAME",
    help="Take one back.",
    shell_complete=_complete_setting,
)
@on_mock(_print_settings)
def _settings(mock: MockClient, id: str, values: tuple[str, ...], unset: tuple[str, ...]) -> Json:
    """Show the settings of an account, or give it some of its own: tams.upload_answer=empty.

    docs/settings.md lists the settings that an account can have, and their values.
    """
    changes: Json = dict.fromkeys(unset)
    for each in values:
        name, equals, value = each.partition("=")
        if not equals:
            raise UsageFailure(f"expected NAME=VALUE, found {each!r}")
        if name in changes:
            raise UsageFailure(f"{name} is given twice")
        changes[name] = value
    return mock.change_account_settings(id, changes) if changes else mock.account_settings(id)


@command.command("rotate")
@click.argument("id")
@click.argument("credentials", nargs=-1, required=True, metavar="CREDENTIAL[=VALUE]...")
@on_mock(print_details)
def _rotate(mock: MockClient, id: str, credentials: tuple[str, ...]) -> Json:
    """Replace credentials of an account: app-id, access-token, app-key, app-secret, public-key.

    Without a value, a new one is made; the value @FILE is read from a file. The old one is refused
    from now on.
    """
    pairs = (each.partition("=") for each in credentials)
    return mock.rotate(id, **{_known(name): _value(value) for name, _, value in pairs})


def _value(value: str) -> str | bool | None:
    return _read(Path(value[1:])) if value.startswith("@") else value or True


@command.command("revoke")
@click.argument("id")
@click.argument("credentials", nargs=-1, required=True, metavar="CREDENTIAL...")
@on_mock(print_details)
def _revoke(mock: MockClient, id: str, credentials: tuple[str, ...]) -> Json:
    """Refuse credentials from now on: app-id, access-token, app-key, public-key."""
    return mock.revoke(id, *map(_known, credentials))


def _known(name: str) -> str:
    if name not in CREDENTIALS:
        raise UsageFailure(f"{name!r} is none of {', '.join(CREDENTIALS)}")
    return name.replace("-", "_")
