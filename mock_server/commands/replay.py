"""`tams-mock replay`: an incident, played into a new mock, and the first answer that differs."""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import Callable
from pathlib import Path

import click
from msgspec import to_builtins

from mock_server.commands.errors import CommandFailure, UsageFailure, say
from mock_server.commands.tables import print_json


@click.command(
    "replay", epilog="Exit codes: 0 all answers are the same, 1 some differ, 2 unreadable."
)
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False, exists=True))
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(file: Path, as_json: bool) -> None:
    """Play FILE, which `tams-mock record` wrote, into a new mock, and compare the answers.

    Nothing is sent to anybody: the mock runs in this process.
    """
    from mock_server.incidents.replay import UnreadableIncident, read_incident, replay

    logging.getLogger("tams_mock").addHandler(logging.NullHandler())
    try:
        report = asyncio.run(replay(read_incident(file.read_bytes()), _progress()))
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


def _progress() -> Callable[[int, int], object]:
    def tell(done: int, of: int) -> None:
        end = "\r\x1b[K" if done == of else ""
        click.echo(f"\rreplaying {done} of {of}{end}", nl=False, err=True)

    return tell if sys.stderr.isatty() else lambda done, of: None
