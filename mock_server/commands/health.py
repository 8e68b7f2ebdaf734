"""`tams-mock health`: whether a mock is ready, in one line, for HEALTHCHECK of a container."""

from __future__ import annotations

import click

from mock_server.client import CallRefused, MockClient, NotReachable
from mock_server.commands.errors import CommandFailure
from mock_server.commands.running_mock import mock_options


@click.command("health")
@click.option(
    "--timeout",
    type=click.FloatRange(0.1),
    default=5.0,
    show_default=True,
    metavar="SECONDS",
    help="How long to wait for the answer.",
)
@mock_options
def command(mock: MockClient, timeout: float) -> None:
    """Say in one line whether the mock is ready for calls.

    The exit code is 0 if it is, and 1 if it is not or does not answer.

    In a Dockerfile: HEALTHCHECK CMD ["tams-mock", "health"]
    """
    try:
        mock.ready(timeout)
    except (NotReachable, CallRefused) as error:
        raise CommandFailure(str(error)) from error
    click.echo(f"ready at {mock.url}")
