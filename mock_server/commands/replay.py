"""`tams-mock replay`: an incident, played into a new mock, and the first answer that differs."""

from __future__ import annotations

import asyncio
import json
import logging
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
from msgspec import to_builtins

from mock_server.commands.errors import (
    CommandFailure,
    UsageFailure,
    say,
    settings_or_failure,
)
from mock_server.commands.running_mock import account_option, client, failures, token_option
from mock_server.commands.tables import print_json, print_table
from mock_server.web.byte_order_marks import without_mark
from mock_server.web.json_values import json_schema


def _print_schema(context: click.Context, parameter: click.Parameter, value: bool) -> None:
    if value:
        from mock_server.web.incident_files import IncidentBody

        print_json(json_schema(IncidentBody))
        context.exit()


@click.command(
    "replay", epilog="Exit codes: 0 all answers are the same, 1 some differ, 2 unreadable."
)
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False, exists=True))
@click.option(
    "--schema",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_print_schema,
    help="Print the JSON Schema of incidents.",
)
@click.option("--url", metavar="URL", help="Play a HAR on the mock that runs there.")
@account_option("Sign a HAR for this account.  [default: the ready-made one]")
@token_option
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(
    file: Path, url: str | None, account: str | None, control_token: str, as_json: bool
) -> None:
    """Play FILE into a new mock, and compare the answers.

    FILE is what `tams-mock record` wrote, or a HAR of a browser, a proxy or the real service. The
    requests of a HAR are signed again for an account of the mock, and both answers are shown side
    by side. Nothing is sent to anybody but the mock at --url; without it, the mock runs in this
    process.
    """
    from mock_server.incidents.replay import UnreadableIncident, read_incident, replay

    logging.getLogger("tams_mock").addHandler(logging.NullHandler())
    try:
        data = without_mark(file.read_bytes())
        if (har := _har_in(data)) is not None:
            _play_har(har, url, account, control_token, as_json=as_json)
            return
        if url is not None or account is not None:
            raise UsageFailure(
                "--url and --account are for HAR files: an incident has its own accounts, and"
                " is only the same in a new mock"
            )
        report = asyncio.run(replay(read_incident(data), _progress()))
    except OSError as error:
        raise UsageFailure(f"{file} cannot be read: {error.strerror or error}") from error
    except UnreadableIncident as error:
        raise UsageFailure(f"{file}: {error}") from error
    if as_json:
        print_json(to_builtins(report))
    else:
        for note in report.notes:
            say(note)
        click.echo(f"{report.requests} requests, {report.same} answered as recorded")
    if report.differences:
        raise CommandFailure("" if as_json else str(report.differences[0]))


def _har_in(data: bytes) -> Any:
    try:
        found = json.loads(data)
    except ValueError:
        return None  # The reader of incidents says where the mistake is.
    return found if isinstance(found, dict) and "log" in found else None


def _play_har(
    har: Any, url: str | None, account: str | None, control_token: str, *, as_json: bool
) -> None:
    from mock_server.incidents.side_by_side import RunningMock, play_har, play_har_on, read_har

    entries = read_har(har)
    if url is None:
        rows = asyncio.run(play_har(entries, settings_or_failure(), _progress(), account or ""))
    else:
        mock = client(url, control_token)
        with failures(mock):
            running = RunningMock(mock, account)
            rows = asyncio.run(play_har_on(running, entries, _progress()))
    if as_json:
        print_json(to_builtins(rows))
    else:
        cells = [
            [row.number, row.request, row.recorded, row.answered, "; ".join(row.differences)]
            for row in rows
        ]
        print_table(["#", "request", "recorded", "mock", "differences"], cells, "no requests")
    if count := sum(bool(row.differences) for row in rows):
        raise CommandFailure(f"{count} of {len(rows)} answers differ")


def _progress() -> Callable[[int, int], object]:
    def tell(done: int, of: int) -> None:
        end = "\r\x1b[K" if done == of else ""
        click.echo(f"\rreplaying {done} of {of}{end}", nl=False, err=True)

    return tell if sys.stderr.isatty() else lambda done, of: None
