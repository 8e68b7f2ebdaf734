"""`tams-mock completion`: the script with which a shell completes commands and options."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

NAME, VARIABLE = "tams-mock", "_TAMS_MOCK_COMPLETE"

_HELP = """Print the script that makes a shell complete commands and options.

\b
bash, in ~/.bashrc:  source <(tams-mock completion bash)
zsh, in ~/.zshrc:    source <(tams-mock completion zsh)
fish:  tams-mock completion fish > ~/.config/fish/completions/tams-mock.fish
"""


@click.command("completion", help=_HELP)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def command(ctx: click.Context, shell: str) -> None:
    """Print the completion script of a shell."""
    script = get_completion_class(shell)
    assert script is not None  # noqa: S101 - click has the three
    click.echo(script(ctx.find_root().command, {}, NAME, VARIABLE).source())
