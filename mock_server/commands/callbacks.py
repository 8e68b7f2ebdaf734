"""`tams-mock callbacks`: what a running mock sent and has to send, and sending it now."""

from __future__ import annotations

from typing import Any

import click

from mock_server.client import Json, MockClient
from mock_server.commands.running_mock import (
    Subcommands,
    account_option,
    limit_option,
    on_mock,
)
from mock_server.commands.tables import print_details, print_json, print_table


@click.group("callbacks", cls=Subcommands)
def command() -> None:
    """List callbacks, and send them again."""


def _print_callbacks(callbacks: list[Json]) -> None:
    columns = ("id", "account", "topic", "job", "state", "arrived", "answers", "due", "url")
    rows = (
        (each["id"], each["account"], each["topic"], each["job"], each["state"], each["arrived"],
         [tried["problem"] or tried["status"] for tried in each["attempts"]],
         each["due"], each["url"])
        for each in callbacks
    )  # fmt: skip
    print_table(columns, rows, "no callbacks yet")


def _print_callback(callback: Json) -> None:
    payload = callback.pop("payload")
    print_details(callback)
    if payload is not None:
        click.echo("\npayload:")
        print_json(payload)


def _print_drained(drained: Json) -> None:
    _print_callbacks(drained["callbacks"])


@command.command("list")
@account_option()
@click.option("--job", metavar="ID", help="Only those about this job.")
@click.option("--state", help="Only those about this state.")
@click.option("--topic", help="Only those on this topic.")
@click.option("--arrived/--not-arrived", default=None, help="Only those that have arrived, or not.")
@limit_option
@on_mock(_print_callbacks)
def _list(mock: MockClient, **query: Any) -> list[Json]:
    """List callbacks, the newest first."""
    return mock.callbacks(**query)


@command.command("show")
@click.argument("id")
@on_mock(_print_callback)
def _show(mock: MockClient, id: str) -> Json:
    """Show a callback, its attempts and its payload."""
    return mock.callback(id)


def _not_arrived(callback: Json) -> str:
    last = callback["attempts"][-1]
    arrived = 200 <= last["status"] < 300
    return "" if arrived else f"the callback did not arrive: {last['problem'] or last['status']}"


@command.command("redeliver")
@click.argument("id")
@on_mock(lambda callback: _print_callbacks([callback]), _not_arrived)
def _redeliver(mock: MockClient, id: str) -> Json:
    """Send a callback again now; it fails if the callback does not arrive."""
    return mock.redeliver(id)


def _open(drained: Json) -> str:
    number = drained["openCallbacks"]
    return f"callbacks that have not arrived: {number}" if number else ""


@command.command("drain")
@account_option()
@on_mock(_print_drained, _open)
def _drain(mock: MockClient, account: str | None) -> Json:
    """Send all open callbacks now, without waiting for their time."""
    return mock.drain(account)
