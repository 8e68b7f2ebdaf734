"""`tams-mock clock`: the time of a running mock, or of one of its accounts."""

from __future__ import annotations

from typing import Any

import click

from mock_server.client import Json, MockClient
from mock_server.commands.errors import UsageFailure
from mock_server.commands.running_mock import (
    Subcommands,
    account_option,
    duration,
    moment,
    on_mock,
)
from mock_server.commands.tables import print_table

_of = account_option("Of this account.  [default: of the server]")


@click.group("clock", cls=Subcommands)
def command() -> None:
    """Show, advance, freeze, resume and set the clock."""


def _print_clock(clock: Json) -> None:
    rate = "frozen" if clock["frozen"] else f"runs at {clock['rate']:g}x"
    whose = f"account {clock['account']}" if clock["account"] else "the server"
    if clock["account"] and not clock["own"]:
        whose += ", which follows the server"
    if number := clock["accountsWithOwnClock"] and not clock["account"]:
        whose += f"; accounts with their own clock: {number}"
    click.echo(f"{clock['iso']}  {rate}  ({whose})")


def _print_advanced(clock: Json) -> None:
    fired = ((each["iso"], each["account"], each["kind"], each["id"], each["state"])
             for each in clock["fired"])  # fmt: skip
    print_table(("at", "account", "kind", "id", "state"), fired, "nothing happened on the way")
    if clock["callbacks"]:
        sent = ((each["id"], each["topic"], each["job"], each["state"],
                 each["problem"] or each["status"]) for each in clock["callbacks"])  # fmt: skip
        click.echo()
        print_table(("callback", "topic", "job", "state", "answer"), sent, "")
    click.echo()
    _print_clock(clock)
    if clock["openCallbacks"]:
        click.echo(f"open callbacks: {clock['openCallbacks']}")


@command.command("show")
@_of
@on_mock(_print_clock)
def _show(mock: MockClient, account: str | None) -> Json:
    """Show the time, and how fast it runs."""
    return mock.clock(account)


@command.command("advance")
@click.argument("seconds", metavar="[DURATION]", type=duration, required=False)
@click.option("--to", type=moment, metavar="MOMENT", help="To this moment.")
@click.option("--next", "next_event", is_flag=True, help="To the next event.")
@_of
@on_mock(_print_advanced)
def _advance(
    mock: MockClient, seconds: float | None, to: Any, next_event: bool, account: str | None
) -> Json:
    """Advance the clock by DURATION (90, 1.5h, 2d), and show what happened on the way."""
    if sum((seconds is not None, to is not None, next_event)) != 1:
        raise UsageFailure("expected one of DURATION, --to and --next")
    return mock.advance(account, seconds=seconds, to=to, next=next_event or None)


@command.command("freeze")
@_of
@on_mock(_print_clock)
def _freeze(mock: MockClient, account: str | None) -> Json:
    """Freeze the clock."""
    return mock.freeze(account)


@command.command("resume")
@click.option("--rate", type=float, help="Virtual seconds per real one.  [default: as before]")
@_of
@on_mock(_print_clock)
def _resume(mock: MockClient, rate: float | None, account: str | None) -> Json:
    """Let a frozen clock run."""
    return mock.resume(account, rate)


@command.command("set")
@click.argument("to", metavar="[MOMENT]", type=moment, required=False)
@click.option("--rate", type=float, help="Virtual seconds per real one.")
@_of
@on_mock(_print_advanced)
def _set(mock: MockClient, to: Any, rate: float | None, account: str | None) -> Json:
    """Set the time to MOMENT (ISO 8601, or seconds since the epoch), never back; or the rate."""
    if to is None and rate is None:
        raise UsageFailure("expected MOMENT, --rate or both")
    return mock.set_clock(account, now=to, rate=rate)
