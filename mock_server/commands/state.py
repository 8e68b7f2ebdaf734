"""`tams-mock state`: save, load and fork the accounts of a running mock."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from tempfile import NamedTemporaryFile

import click

from mock_server.client import Json, MockClient
from mock_server.commands.errors import CommandFailure, UsageFailure, say
from mock_server.commands.running_mock import (
    Subcommands,
    account_option,
    failures,
    mock_options,
    on_mock,
    progress,
)
from mock_server.commands.tables import print_details, print_json

_MB = 1_000_000


@click.group("state", cls=Subcommands)
def command() -> None:
    """Save and load accounts with all that they have, and fork an account (docs/saved-state.md)."""


@command.command("save")
@click.argument("file", default="-")
@account_option("Only this account, not the whole server.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON about the file.")
@mock_options
def _save(mock: MockClient, file: str, account: str | None, as_json: bool) -> None:
    """Save the state in FILE, or print it. It has the private keys of the accounts."""
    size_bytes, head = 0, b""

    def counted(pieces: Iterable[bytes]) -> Iterable[bytes]:
        nonlocal size_bytes, head
        for piece in pieces:
            size_bytes += len(piece)
            if b"\n" not in head:
                head += piece
            yield piece

    with failures(mock), progress("saving", lambda: f", {size_bytes / _MB:.0f} MB"):
        pieces = counted(mock.state_pieces(account))
        if file == "-":
            _write(pieces, sys.stdout.buffer.write)
            sys.stdout.flush()
        else:
            _write_file(pieces, Path(file))
    notes = json.loads(head.partition(b"\n")[0].rstrip(b",") + b"}")["notes"]
    for note in notes:
        say(note)
    if file != "-":
        saved = {"file": file, "bytes": size_bytes, "notes": notes}
        print_json(saved) if as_json else click.echo(f"saved {size_bytes} bytes in {file}")


def _write(pieces: Iterable[bytes], write: Callable[[bytes], object]) -> None:
    for piece in pieces:
        write(piece)


def _write_file(pieces: Iterable[bytes], path: Path) -> None:
    """Write the whole file or nothing; only its owner may read it, since it has secrets."""
    path = path.resolve()
    try:
        if path.exists() and not path.is_file():  # such as a pipe
            with path.open("wb") as file:
                _write(pieces, file.write)
            return
        temporary = NamedTemporaryFile(  # noqa: SIM115 - it is renamed when it is whole
            dir=path.parent, prefix=f".{path.name}.", delete=False
        )
        try:
            with temporary as file:
                _write(pieces, file.write)
            Path(temporary.name).replace(path)
        except BaseException:
            with suppress(OSError):
                Path(temporary.name).unlink()
            raise
    except OSError as error:
        raise CommandFailure(f"{path} cannot be written: {error.strerror}") from error


def _print_loaded(loaded: Json) -> None:
    for what in ("created", "replaced", "deleted"):
        if loaded[what]:
            click.echo(f"{what}: {', '.join(loaded[what])}")
    if not any(loaded.values()):
        click.echo("the file has no accounts")
    for note in loaded["notes"]:
        say(note)


@command.command("load")
@click.argument("file")
@account_option("Only this account of the file.")
@on_mock(_print_loaded)
def _load(mock: MockClient, file: str, account: str | None) -> Json:
    """Load the accounts in FILE in place of those with their ids (- is standard input).

    A file of the whole server replaces the whole server: other accounts are deleted.
    """
    try:
        data = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
    except OSError as error:
        raise UsageFailure(f"{file} cannot be read: {error.strerror}") from error
    with progress(f"loading {len(data) / _MB:.0f} MB"):
        return mock.load_state(data, account)


def _print_fork(fork: Json) -> None:
    names = fork.pop("ids")
    print_details(fork)
    click.echo(f"It has other ids for what it took over ({len(names)}; --json lists them).")


@command.command("fork")
@click.argument("id")
@click.option("--as", "new", metavar="ID", help="The id of the new account.")
@on_mock(_print_fork)
def _fork(mock: MockClient, id: str, new: str | None) -> Json:
    """Make an account that goes on from the state of ID, and show its credentials."""
    with progress("forking"):
        return mock.fork(id, id=new)
