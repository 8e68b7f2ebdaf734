"""Ending a verb with a line that people can act on."""

from __future__ import annotations

from typing import IO, Any

import click

from mock_server.setting_sources import SettingsError


class CommandFailure(click.ClickException):
    """A verb that cannot do its work; each line of the message is printed on standard error."""

    def show(self, file: IO[Any] | None = None) -> None:
        for line in self.message.splitlines():
            say(line)


class UsageFailure(CommandFailure):
    """A verb that was asked for in a way that cannot be."""

    exit_code = 2

    @classmethod
    def of(cls, error: SettingsError) -> UsageFailure:
        return cls(str(error))


def say(line: str) -> None:
    """Print a line about the run on standard error."""
    click.echo(f"tams-mock: {line}", err=True)
