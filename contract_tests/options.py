"""The flags of a run: one table, from which pytest's options and those of the command are made."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from contract_tests.settings import SURFACES, Flags, RunProfile


@dataclass(frozen=True)
class Option:
    """A flag: its name for the command, the field of `Flags`, what it takes, what it does.

    `takes` is text, path, number, whole or nothing; `own` says that the name is too common for
    pytest, where it becomes `--contract-…`.
    """

    name: str
    field: str
    takes: str
    sentence: str
    metavar: str = ""
    choices: tuple[str, ...] = ()
    own: bool = False

    @property
    def pytest_name(self) -> str:
        """Return what pytest calls it."""
        return f"--contract-{self.name[2:]}" if self.own else self.name


OPTIONS = (
    Option("--target", "target", "text", "What to talk to: mock (default), real, or a URL.", "T"),
    Option("--config", "config", "path", "TOML file with endpoints and credentials.", "FILE"),
    Option("--ca-file", "ca_file", "path", "One more certificate authority to trust.", "FILE"),
    Option("--only", "only", "text", "One surface alone.", choices=SURFACES),
    Option(
        "--profile", "profile", "text", "How much may be done; README.md has a table.",
        choices=tuple(profile.value for profile in RunProfile),
    ),
    Option("--plan", "plan", "nothing", "Say what would run and cost, and send nothing."),
    Option("--max-credits", "max_credits", "text", "Credits that are never exceeded.", "N"),
    Option("--max-uses", "max_uses", "text", "The same for uses of the Workshop.", "N"),
    Option("--destructive", "destructive", "nothing", "Also what gets in the way of others."),
    Option("--resume", "resume", "nothing", "Go on with the last run of this target."),
    Option("--longest-wait", "longest_wait", "number", "Seconds of real time to wait for.", "S"),
    Option("--fuzz-calls", "fuzz_calls", "whole", "Calls that each generating test may make.", "N"),
    Option("--callback-url", "callback_url", "text", "A receiver the target can reach.", "URL"),
    Option("--state-dir", "state_dir", "path", "Where runs keep their files.", "DIR"),
    Option("--record-evidence", "record_evidence", "nothing", "Write down which tests passed."),
    Option("--evidence", "evidence", "path", "The file with what passed when.", "FILE"),
    Option("--json", "json", "path", "Write the report as JSON.", "FILE", own=True),
    Option("--html", "html", "path", "Write the report as a page.", "FILE", own=True),
    Option("--badge", "badge", "path", "Write a badge.", "FILE", own=True),
)  # fmt: skip


def add_options(parser: pytest.Parser) -> None:
    """Tell pytest the options."""
    group = parser.getgroup("contract", "contract tests")
    for option in OPTIONS:
        more: dict[str, Any] = {"dest": f"contract_{option.field}", "help": option.sentence}
        if option.takes == "nothing":
            more |= {"action": "store_true", "default": False}
        else:
            more |= {"default": None, "type": _TYPES[option.takes]}
            more |= {"choices": option.choices} if option.choices else {"metavar": option.metavar}
        group.addoption(option.pytest_name, **more)


def read_flags(config: pytest.Config) -> Flags:
    """Return the flags as pytest understood them."""
    values = {
        option.field: config.getoption(f"contract_{option.field}", None) for option in OPTIONS
    }
    return Flags(**{field: value for field, value in values.items() if value is not None})


_TYPES = {"text": str, "path": Path, "number": float, "whole": int}
