"""The flags of a run. Pytest's options and those of the commands are made from this table.

It needs no pytest, so that the help of the commands needs none.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    import pytest

SURFACES = ("tams", "workshop")
STATE_FOLDER = ".tams-contract"
BY_SURFACE = "loadscope"  # the distribution of pytest-xdist that gives each surface one process
RUNS = "runs"  # the folder in it that has a folder for each run


class RunProfile(Enum):
    """Which tests run, by cost; README.md has a table."""

    FREE = "free"
    CHEAP = "cheap"
    FULL = "full"


@dataclass(frozen=True)
class Flags:
    """The flags as typed; None for a flag that was not typed."""

    target: str = "mock"
    config: Path | None = None
    ca_file: Path | None = None
    only: str | None = None
    profile: str | None = None
    plan: bool = False
    max_credits: str | None = None
    max_uses: str | None = None
    destructive: bool = False
    resume: bool = False
    longest_wait: float = 120.0
    fuzz_calls: int | None = None
    callback_url: str | None = None
    state_dir: Path | None = None
    record_evidence: Path | None = None
    evidence: Path | None = None
    json: Path | None = None
    html: Path | None = None
    badge: Path | None = None
    ctrf: Path | None = None
    summary: Path | None = None
    quiet: bool = False


@dataclass(frozen=True)
class Option:
    """A flag: its name, its field of `Flags`, the kind of its value, a sentence for the help.

    `takes` is text, path, number, whole or nothing; `own` means that pytest's name has the prefix
    `--contract-`, because the plain name is too common. `variable` is a name in the environment
    that gives the command its default.
    """

    name: str
    field: str
    takes: str
    sentence: str
    metavar: str = ""
    choices: tuple[str, ...] = ()
    own: bool = False
    variable: str | None = None

    @property
    def pytest_name(self) -> str:
        """Return the name of the option in pytest."""
        return f"--contract-{self.name[2:]}" if self.own else self.name


OPTIONS = (
    Option("--target", "target", "text", "The target: mock (default), real, or a URL.", "T"),
    Option("--config", "config", "path", "TOML file with endpoints and credentials.", "FILE"),
    Option("--ca-file", "ca_file", "path", "One more certificate authority to trust.", "FILE"),
    Option("--only", "only", "text", "One surface alone.", choices=SURFACES),
    Option(
        "--profile", "profile", "text", "Which tests run, by cost: free, cheap or full.",
        choices=tuple(profile.value for profile in RunProfile),
    ),
    Option("--plan", "plan", "nothing", "Print what would run and cost; send nothing."),
    Option("--max-credits", "max_credits", "text", "Maximum of credits to spend.", "N"),
    Option("--max-uses", "max_uses", "text", "Maximum of uses of the Workshop.", "N"),
    Option("--destructive", "destructive", "nothing", "Also run tests that disturb others."),
    Option("--resume", "resume", "nothing", "Continue the last run of this target."),
    Option("--longest-wait", "longest_wait", "number", "Maximum of seconds to wait at once.", "S"),
    Option("--fuzz-calls", "fuzz_calls", "whole", "Calls of each generating test.", "N"),
    Option("--callback-url", "callback_url", "text", "A receiver the target can reach.", "URL"),
    Option("--state-dir", "state_dir", "path", "Folder for the files of runs.", "DIR"),
    Option("--record-evidence", "record_evidence", "path", "Write evidence to this folder.", "DIR"),
    Option("--evidence", "evidence", "path", "The file that records passes.", "FILE"),
    Option("--json", "json", "path", "Write the report as JSON.", "FILE", own=True),
    Option("--html", "html", "path", "Write the report as a page.", "FILE", own=True),
    Option("--badge", "badge", "path", "Write a badge.", "FILE", own=True),
    Option("--ctrf", "ctrf", "path", "Write the report as CTRF.", "FILE", own=True),
    Option(
        "--summary", "summary", "path", "Append a summary in Markdown.", "FILE", own=True,
        variable="GITHUB_STEP_SUMMARY",
    ),
    Option("--quiet", "quiet", "nothing", "Show no progress, only the summary.", own=True),
)  # fmt: skip


def add_options(parser: pytest.Parser) -> None:
    """Add the options to pytest."""
    group = parser.getgroup("contract", "contract tests")
    for option in OPTIONS:
        more: dict[str, Any] = {"dest": f"contract_{option.field}", "help": option.sentence}
        if option.takes == "nothing":
            more |= {"action": "store_true", "default": False}
        else:
            more |= {"default": None, "type": _TYPES[option.takes]}
            more |= {"choices": option.choices} if option.choices else {"metavar": option.metavar}
        group.addoption(option.pytest_name, **more)


def add_flags(command: click.Command, *fields: str) -> None:
    """Put the flags of these fields, or all flags, before the other flags of a command."""
    flags = []
    for option in OPTIONS:
        if fields and option.field not in fields:
            continue
        more: dict[str, Any] = {"help": option.sentence, "envvar": option.variable}
        more["show_envvar"] = option.variable is not None
        if option.takes == "nothing":
            more["is_flag"] = True
        else:
            choices, path = option.choices, click.Path(path_type=Path)
            plain = path if option.takes == "path" else _TYPES[option.takes]
            more["type"] = click.Choice(choices) if choices else plain
            more["metavar"] = option.metavar or None
        flags.append(click.Option([option.name, option.field], **more))
    command.params[:0] = flags


def read_flags(config: pytest.Config) -> Flags:
    """Return the flags that pytest parsed."""
    values = {
        option.field: config.getoption(f"contract_{option.field}", None) for option in OPTIONS
    }
    return Flags(**{field: value for field, value in values.items() if value is not None})


_TYPES = {"text": str, "path": Path, "number": float, "whole": int}
