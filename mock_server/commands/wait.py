"""`tams-mock wait`: until a mock that starts is ready."""

from __future__ import annotations

from threading import Event
from time import perf_counter

import click

from mock_server.client import CallRefused, MockClient, NotReachable
from mock_server.commands.running_mock import duration, failures, mock_options, progress

_PAUSE = 0.05  # seconds between two attempts


@click.command("wait")
@click.option(
    "--timeout",
    type=duration,
    default="30",
    show_default=True,
    metavar="DURATION",
    help="How long to wait at most.",
)
@mock_options
def command(mock: MockClient, timeout: float) -> None:
    """Wait until the mock is ready for calls.

    The exit code is 0 when it is ready, 3 if nothing answers in time, and 1 if it answers that it
    is not ready.
    """
    with failures(mock), progress(f"waiting for {mock.url}"):
        _wait(mock, perf_counter() + timeout)
    click.echo(f"ready at {mock.url}")


def _wait(mock: MockClient, deadline: float) -> None:
    while True:
        left = deadline - perf_counter()
        try:
            mock.ready(max(left, 0.1))
            return
        except (NotReachable, CallRefused):
            if left <= _PAUSE:
                raise
        Event().wait(_PAUSE)
