"""Commands for people. Each is loaded when it is run, so that no command waits for the others."""

from __future__ import annotations

import errno
import gc
import os
import sys
from contextlib import suppress
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING

import click

from mock_server import __version__

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

# Each command is the attribute `command` of the module of its name in `mock_server.commands`.
COMMANDS = {
    "Run": {
        "serve": "Run the mock server.",
        "proxy": "Pass calls to another service, with faults, limits and the journal.",
        "listen": "Receive callbacks, print them, and answer them.",
    },
    "A running mock": {
        "accounts": "Create, show, change and delete accounts.",
        "clock": "Show, advance, freeze, resume and set the clock.",
        "jobs": "List jobs; advance, end or change them; expire their results.",
        "uploads": "List uploads, and let them expire.",
        "tokens": "List tokens of the Workshop; expire or disable them; cut sessions.",
        "faults": "Make calls fail, and list and delete the rules for it.",
        "scenario": "Run named failures, step by step, and check files with your own.",
        "requests": "Show the requests that came; --follow is its live log.",
        "state": "Save and load accounts, and fork an account.",
        "callbacks": "List callbacks, and send them again.",
        "record": "Write what happened to a file.",
        "replay": "Play such a file, or a HAR, and compare the answers.",
        "wait": "Wait until the mock is ready.",
        "health": "Say in one line whether the mock is ready.",
    },
    "Signatures": {
        "sign": "Print the signature headers for a request.",
        "explain": "Say what is wrong with the signature of a captured request.",
    },
    "Reference": {
        "routes": "List the operations that the mock serves.",
        "settings": "Show every setting, its value and the source of the value.",
        "fidelity": "Show where each behaviour of the mock comes from.",
        "completion": "Print a script for completion in bash, zsh or fish.",
    },
}
# What writing to a full disk, or to a stream that is only for reading, raises.
_OUTPUT_ERRORS = {errno.ENOSPC, errno.EBADF, errno.EIO, errno.EFBIG}
NAMES = tuple(name for group in COMMANDS.values() for name in group)


class Commands(click.Group):
    """A group that imports a command when it is run, and lists all without importing any."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(NAMES)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in NAMES:
            return None
        command: click.Command = import_module(f"mock_server.commands.{cmd_name}").command
        return command

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        if incomplete.startswith("-"):
            return super().shell_complete(ctx, incomplete)
        from click.shell_completion import CompletionItem

        sentences = {name: text for group in COMMANDS.values() for name, text in group.items()}
        return [
            CompletionItem(name, help=text)
            for name, text in sentences.items()
            if name.startswith(incomplete)
        ]

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        for group, commands in COMMANDS.items():
            with formatter.section(group):
                formatter.write_dl(list(commands.items()))


@click.group(
    cls=Commands,
    subcommand_metavar="COMMAND [OPTIONS]",
    epilog="Help for one command: tams-mock COMMAND --help",
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(__version__, prog_name="tams-mock", message="%(prog)s %(version)s")
def tams_mock() -> None:
    """A mock of TAMS and the AI Creation Workshop, in one process on one port."""


def main() -> None:
    """Run `tams-mock` with the arguments of the process."""
    # A tenth of the start would go to collecting what is not garbage. `serve` turns collecting on
    # again when it is ready.
    gc.disable()
    _open_closed_streams()
    _skip_plugins()
    try:
        status = tams_mock.main(prog_name="tams-mock", standalone_mode=False)
    except click.exceptions.Abort:
        status = 130
    except click.ClickException as error:
        error.show()
        status = error.exit_code
    except BrokenPipeError:
        status = 0  # the reader of the output has stopped reading
        _give_up_output()
    except OSError as error:
        if error.filename is not None or error.errno not in _OUTPUT_ERRORS:
            raise
        from mock_server.commands.errors import say

        say(f"the output cannot be written: {error.strerror}")
        status = 1
        _give_up_output()
    sys.exit(status)


def _skip_plugins() -> None:
    """Keep pydantic from searching all installed distributions for plug-ins.

    The module that would search takes 5 ms and 1 MB to load, even if the environment forbids it.
    """
    nothing = ModuleType("pydantic.plugin._loader")
    nothing.get_plugins = tuple  # type: ignore[attr-defined]
    sys.modules[nothing.__name__] = nothing


def _open_closed_streams() -> None:
    """Open the null device in place of standard streams that are closed.

    Otherwise a socket gets the number of a standard stream, and uvloop ends the process.
    """
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(number)
        except OSError:
            # The lowest number that is free is this one.
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)
        if getattr(sys, name) is None:
            setattr(sys, name, open(number, "w" if number else "r", closefd=False))  # noqa: SIM115


def _give_up_output() -> None:
    """Drop what is not written yet; Python would try again at its end, and fail."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
