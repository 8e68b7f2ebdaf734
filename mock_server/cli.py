"""Verbs for people. Each is loaded when it is asked for, so that none waits for the others."""

from __future__ import annotations

import gc
import os
import sys
from importlib import import_module

import click

from mock_server import __version__

# Each verb is the attribute `command` of the module of its name in `mock_server.commands`.
VERBS = {
    "serve": "Run the mock.",
    "listen": "Receive callbacks and say what came.",
    "explain": "Say what is wrong with the signature of a captured request.",
    "routes": "List what is served.",
    "fidelity": "Tell where each behaviour comes from.",
    "settings": "Show every setting, its value and where that comes from.",
    "sign": "Print the Authorization header for a TAMS request.",
}


class Commands(click.Group):
    """A group that imports a verb when it is run, and lists all of them without importing any."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in VERBS:
            return None
        command: click.Command = import_module(f"mock_server.commands.{cmd_name}").command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(VERBS.items()))


@click.group(
    cls=Commands,
    subcommand_metavar="VERB [OPTIONS]",
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(__version__, prog_name="tams-mock", message="%(prog)s %(version)s")
def tams_mock() -> None:
    """A mock of TAMS and the AI Creation Workshop, in one process on one port."""


def main() -> None:
    """Run `tams-mock` with the arguments of the process."""
    # A tenth of the start goes to collecting what is not garbage, and to pydantic's search of all
    # installed distributions for plug-ins. `serve` turns collecting on again when it is ready.
    gc.disable()
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")  # noqa: TID251 - before settings
    try:
        status = tams_mock.main(prog_name="tams-mock", standalone_mode=False)
    except click.exceptions.Abort:
        status = 130
    except click.ClickException as error:
        error.show()
        status = error.exit_code
    except BrokenPipeError:
        status = 0  # whoever read the output has seen enough
    sys.exit(status)
