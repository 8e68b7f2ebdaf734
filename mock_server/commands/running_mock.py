"""What the commands for a running mock share: how they find it, what they print, how they fail."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import wraps
from threading import Event, Thread
from typing import Any, TypeVar

import click

from mock_server.client import (
    DEFAULT_URL,
    CallRefused,
    ControlRequest,
    Json,
    MockClient,
    NotReachable,
)
from mock_server.commands.errors import CommandFailure, ConnectionFailure, UsageFailure
from mock_server.commands.tables import MAX_LINE_LENGTH, one_line, print_json

URL_VARIABLE = "TAMS_MOCK_URL"
PORT_VARIABLE = "TAMS_MOCK_PORT"
TOKEN_VARIABLE = "TAMS_MOCK_CONTROL_TOKEN"  # noqa: S105 - the name of a variable
EXIT_CODES = "Exit codes: 0 done, 1 refused or not found, 2 wrong usage, 3 no answer."

_UNITS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86_400}


class Subcommands(click.Group):
    """Commands about one kind of thing. Without the name of one, it is the first."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        named = args and (args[0] in ctx.help_option_names or not args[0].startswith("-"))
        if not named and not ctx.resilient_parsing:
            args = [next(iter(self.commands)), *args]
        return super().parse_args(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(
                [(name, each.get_short_help_str(100)) for name, each in self.commands.items()]
            )

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        formatter.write_paragraph()
        formatter.write_text(f"Without a command: {next(iter(self.commands))}. {EXIT_CODES}")


def duration(text: str) -> float:
    """Read seconds, or a number with a unit: 90, 1.5h, 2d."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)([smhd]?)", text)
    if found is None:
        raise click.BadParameter(f"{text!r} is not a duration, such as 90, 1.5h or 2d")
    return float(found[1]) * _UNITS[found[2]]


def moment(text: str) -> float | str:
    """Read seconds since the epoch, or leave it to the mock to read ISO 8601."""
    try:
        return float(text)
    except ValueError:
        return text


def named_value(text: str) -> tuple[str, Any]:
    """Return NAME=VALUE; the value is JSON, or a text."""
    name, separator, value = text.partition("=")
    if not name or not separator:
        raise UsageFailure(f"{text!r} is not NAME=VALUE")
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value


class WatchedClient(MockClient):
    """A client that says on a terminal what it waits for, if a call takes long unexpectedly."""

    def _send(self, request: ControlRequest) -> Json:
        if request.timeout is not None:
            return super()._send(request)
        with progress(f"waiting for {request.method} {request.path}"):
            return super()._send(request)


_F = TypeVar("_F", bound=Callable[..., Any])


def on_mock(
    text: Callable[[Any], object], complaint: Callable[[Any], str] = lambda answer: ""
) -> Callable[[Callable[..., Any]], Callable[..., None]]:
    """Make a command of a function that gets a client of the mock and returns its answer.

    The answer is printed as JSON, or by `text`; with a `complaint` about it, the command fails.
    """

    def decorate(run: Callable[..., Any]) -> Callable[..., None]:
        @click.option("--json", "as_json", is_flag=True, help="Print JSON.")
        @mock_options
        @wraps(run)
        def ran(mock: MockClient, as_json: bool, **options: Any) -> None:
            with failures(mock):
                answer = run(mock, **options)
            (print_json if as_json else text)(answer)
            if problem := complaint(answer):
                raise CommandFailure(problem)

        return ran

    return decorate


def account_option(help: str = "Only those of this account.") -> Callable[[_F], _F]:
    """Return the option that names an account."""
    return click.option("--account", metavar="ID", help=help)


token_option = click.option(
    "--control-token",
    envvar=TOKEN_VARIABLE,
    default="",
    metavar="TOKEN",
    help=f"The control token of the mock at --url, if it needs one; also {TOKEN_VARIABLE}.",
)
limit_option = click.option(
    "--limit", type=click.IntRange(1, 1000), metavar="N", help="At most so many."
)


def each_or_all(
    ids: Sequence[str],
    account: str | None,
    change: Callable[[str], object],
    change_all: Callable[[str], Json],
) -> Json:
    """Change the things that a command names, or all of an account; return their number."""
    if bool(ids) == (account is not None):
        raise UsageFailure("expected ID or --account")
    if account is not None:
        [number] = change_all(account).values()
        return {"changed": number}
    for id in ids:
        change(id)
    return {"changed": len(ids)}


def print_number(what: str) -> Callable[[Json], None]:
    """Return what prints how many things were changed."""
    return lambda answer: click.echo(f"{what}: {answer['changed']}")


def mock_options(run: Callable[..., None]) -> Callable[..., None]:
    """Add the options that say which mock is meant; `run` gets its client as `mock`."""

    @click.option(
        "--url",
        envvar=[URL_VARIABLE, PORT_VARIABLE],
        metavar="URL",
        help=f"Where the mock runs; also {URL_VARIABLE}.  [default: {DEFAULT_URL}]",
    )
    @token_option
    @wraps(run)
    def ran(url: str | None, control_token: str, **options: Any) -> None:
        run(mock=client(url, control_token), **options)

    return ran


def client(url: str | None, control_token: str) -> MockClient:
    """Return a client of the mock that is meant."""
    try:
        return WatchedClient(_address(url), control_token=control_token)
    except ValueError as error:
        raise UsageFailure(str(error)) from error


def _address(url: str | None) -> str:
    """Return the URL that is meant; a server on this machine is found by its port."""
    if not url or not url.strip("0") or url.startswith("tcp://"):  # set by Kubernetes
        return DEFAULT_URL
    return f"http://127.0.0.1:{url}" if url.isdigit() else url


@contextmanager
def failures(mock: MockClient) -> Iterator[None]:
    """End the command with a line where the mock refuses a call or does not answer."""
    try:
        yield
    except NotReachable as error:
        raise ConnectionFailure(str(error)) from error
    except CallRefused as error:
        raise CommandFailure(
            "\n".join(one_line(line, MAX_LINE_LENGTH) for line in _words(error, mock.url))
        ) from error


def _words(error: CallRefused, url: str) -> list[str]:
    if error.status == 401:
        return [f"{url} wants its control token: --control-token or {TOKEN_VARIABLE}"]
    return error.lines if error.problem else [f"{url} answered {error.status}; is it a mock?"]


@contextmanager
def progress(what: str, so_far: Callable[[], str] = str) -> Iterator[None]:
    """Say on a terminal, once a second, what is waited for, and what came of it so far."""
    if not sys.stderr.isatty():
        yield
        return
    over = Event()

    def tell() -> None:
        seconds = 0
        while not over.wait(1):
            seconds += 1
            click.echo(f"\r{what}: {seconds} s{so_far()}", nl=False, err=True)
        if seconds:
            click.echo("\r\x1b[K", nl=False, err=True)

    thread = Thread(target=tell, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
