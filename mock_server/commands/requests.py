"""`tams-mock requests`: what a running mock was asked and answered, also while it happens."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import click

from mock_server.client import Json, MockClient
from mock_server.commands.running_mock import (
    Subcommands,
    account_option,
    failures,
    mock_options,
    on_mock,
)
from mock_server.commands.tables import print_details, print_json

if TYPE_CHECKING:
    from mock_server.commands.log_lines import TextLines

MAX_LISTED = 1000
# How long the mock waits for the next request before it is asked again (seconds).
_PATIENCE = 60.0


@click.group("requests", cls=Subcommands)
def command() -> None:
    """Show the requests that came and their answers, as the log of serve does."""


@command.command("list")
@click.option(
    "--follow", "-f", is_flag=True, help="Then print each request that comes, until Ctrl-C."
)
@account_option("Only calls for this account.")
@click.option("--method", help="Only calls with this method.")
@click.option("--path", metavar="PREFIX", help="Only paths that begin so.")
@click.option("--status", type=int, help="Only calls with this status.")
@click.option("--operation", help="Only this operation: 'POST /v1/jobs'.")
@click.option("--header", metavar="NAME:VALUE", help="Only calls with this header, with *.")
@click.option("--body", metavar="POINTER=VALUE", help="Only calls with this member: /count=2.")
@click.option("--prompt", metavar="TEXT", help="Only calls with this in a prompt.")
@click.option("--job", metavar="ID", help="Only calls about this job.")
@click.option("--token", metavar="ID", help="Only calls about this token of an end user.")
@click.option("--correlation-id", metavar="ID", help="Only calls with this X-Request-Id.")
@click.option("--since", metavar="ID", help="Only calls after the one with this id.")
@click.option("--surface", help="Only calls of tams, workshop, or control (the control API).")
@click.option(
    "--limit",
    type=click.IntRange(1, MAX_LISTED),
    default=20,
    show_default=True,
    metavar="N",
    help="At most so many.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON; with --follow, a line for each.")
@mock_options
def _list(mock: MockClient, follow: bool, as_json: bool, limit: int, **query: Any) -> None:
    """List the newest requests, the newest last."""
    with failures(mock):
        entries = mock.requests(limit=limit, **query)[::-1]
        if as_json and not follow:
            print_json(entries)
            return
        lines = _lines()
        for entry in entries:
            _print_entry(entry, lines, as_json)
        if follow:
            query["since"] = entries[-1]["id"] if entries else query["since"]
            with suppress(KeyboardInterrupt):  # the usual end
                for entry in _follow(mock, query):
                    _print_entry(entry, lines, as_json)
        elif not entries:
            click.echo("no requests yet")


def _follow(mock: MockClient, query: dict[str, Any]) -> Iterator[Json]:
    """Yield requests as they end."""
    while True:
        found = mock.requests(wait=_PATIENCE, **query, limit=MAX_LISTED)
        if found:
            query["since"] = found[0]["id"]
        yield from reversed(found)


def _lines() -> TextLines:
    from mock_server.commands.log_lines import text_lines_for

    return text_lines_for(sys.stdout)


def _print_entry(entry: Json, lines: TextLines, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(entry, ensure_ascii=False))
        return
    from mock_server.commands.log_lines import told_of

    click.echo(lines.request(told_of(entry)))


def _print_exchange(exchange: Json) -> None:
    bodies = [
        exchange.pop("body"),
        *([exchange["answer"].pop("body")] if exchange["answer"] else []),
    ]
    headers = {"request": exchange.pop("headers")}
    if exchange["answer"]:
        headers["answer"] = exchange.pop("answer")["headers"]
    print_details(exchange)
    for (name, pairs), body in zip(headers.items(), bodies, strict=False):
        click.echo(f"\n{name}:")
        print_details({f"  {pair['name']}:": pair["value"] for pair in pairs})
        if body["base64"]:
            shown = (
                body["text"]
                if body["text"] is not None
                else f"(bytes, in base64) {body['base64'][:80]}…"
            )
            click.echo(f"\n{shown}" + (" … (cut off)" if body["truncated"] else ""))


@command.command("show")
@click.argument("id")
@on_mock(_print_exchange)
def _show(mock: MockClient, id: str) -> Json:
    """Show a request and its answer; ID is its X-Mock-Request-Id."""
    return mock.request(id)


@command.command("export")
@account_option("Only calls for this account.")
@on_mock(print_json)
def _export(mock: MockClient, account: str | None) -> Json:
    """Print the requests as HAR 1.2, which browsers' tools open."""
    return mock.export_requests(account=account)


@command.command("clear")
@account_option()
@on_mock(lambda answer: click.echo(f"deleted requests: {answer['deleted']}"))
def _clear(mock: MockClient, account: str | None) -> Json:
    """Delete requests from the journal."""
    return mock.delete_requests(account)
