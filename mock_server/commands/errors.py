"""Ending a command with a line that people can act on."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from mock_server.settings import Settings


class CommandFailure(click.ClickException):
    """A command that cannot do its work; each line of the message goes to standard error."""

    def show(self, file: IO[Any] | None = None) -> None:
        for line in self.message.splitlines():
            say(line)


class UsageFailure(CommandFailure):
    """A command with arguments or settings that it cannot use."""

    exit_code = 2


class ConnectionFailure(CommandFailure):
    """A command whose server cannot be reached."""

    exit_code = 3


def settings_or_failure(
    flags: Mapping[str, Any] | None = None, config: Path | None = None
) -> Settings:
    """Read the settings; wrong ones end the command."""
    from mock_server.setting_sources import SettingsError
    from mock_server.settings import read_settings

    try:
        return read_settings(flags, config=config)
    except SettingsError as error:
        raise UsageFailure(str(error)) from error


def say(line: str) -> None:
    """Print a line about the run on standard error, if it can be written."""
    with suppress(OSError):
        click.echo(as_said(line), err=True)


def as_said(line: str) -> str:
    """Return a line about the run as it is printed."""
    return f"tams-mock: {line}"
