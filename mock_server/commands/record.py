"""`tams-mock record`: what happened on a running mock, as a file that another mock plays again."""

from __future__ import annotations

import json
from pathlib import Path

import click

from mock_server.client import MockClient
from mock_server.commands.errors import CommandFailure, say
from mock_server.commands.running_mock import (
    EXIT_CODES,
    account_option,
    failures,
    mock_options,
)


@click.command("record", epilog=EXIT_CODES)
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False, allow_dash=True))
@account_option("Only what concerns this account.")
@click.option(
    "--redact/--no-redact",
    default=True,
    help="Put stand-ins in place of secrets that the mock did not make.  [default: --redact]",
)
@mock_options
def command(mock: MockClient, file: Path, account: str | None, redact: bool) -> None:
    """Write to FILE what happened since the mock began, or was reset altogether.

    `tams-mock replay FILE` plays it again. FILE - is standard output.
    """
    with failures(mock):
        incident = mock.incident(account, redact=redact)
    text = json.dumps(incident, indent=1, ensure_ascii=False)
    if str(file) == "-":
        click.echo(text)
    else:
        try:
            file.write_text(f"{text}\n", encoding="utf-8")
        except OSError as error:
            raise CommandFailure(f"{file} cannot be written: {error.strerror or error}") from error
    count = sum(step["kind"] == "request" for step in incident["steps"])
    say(f"{count} requests are in {file}")
    for sentence in incident["partial"]:
        say(f"it is partial: {sentence}")
