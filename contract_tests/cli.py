"""The command `tams-contract`: it runs the suite with pytest."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
import pytest

from contract_tests.openapi import PACKAGE
from contract_tests.options import OPTIONS, Option
from contract_tests.recording.commands import drift_command, record_command
from contract_tests.run_folders import RUNS
from contract_tests.settings import STATE_FOLDER, SURFACES

HELP = """Check a target against the documented behaviour of TAMS and the Workshop.

Without a command the suite runs: against a mock that it starts, against a URL, or against the real
services. Tests that cost credits run only with --profile, and never spend more than --max-credits.
"""
_QUIET = (
    "-q", "--no-header", "--tb=short", "-r", "N", "-p", "no:cacheprovider", "-p", "no:randomly",
)  # fmt: skip


@click.group("tams-contract", invoke_without_command=True, help=HELP)
@click.option("-k", "expression", metavar="EXPR", help="Run the tests whose names match.")
@click.option("-x", "first", is_flag=True, help="Stop at the first failure.")
@click.option("--parallel", metavar="N", help="Run in N processes (needs pytest-xdist).")
@click.option("--junit", type=click.Path(path_type=Path), metavar="FILE", help="Write JUnit XML.")
def tams_contract(
    expression: str | None,
    first: bool,
    parallel: str | None,
    junit: Path | None,
    **flags: Any,
) -> None:
    """Run the suite, unless a command was given."""
    if click.get_current_context().invoked_subcommand is not None:
        return
    arguments = [*_QUIET, *(word for option in OPTIONS for word in _words(option, flags))]
    arguments += ["-k", expression] if expression else []
    arguments += ["-x"] if first else []
    arguments += ["-n", parallel] if parallel else []
    arguments += [f"--junitxml={junit}"] if junit else []
    _check_folders(flags["state_dir"], writes=not flags["plan"])
    _check_files({"junit": junit, **{name: flags[name] for name in ("json", "html", "badge")}})
    sys.exit(run_suite(arguments))


def _check_folders(state: Path | None, *, writes: bool) -> None:
    """End the command if the run could not write its files."""
    try:
        runs = (state or Path.cwd() / STATE_FOLDER) / RUNS
        if writes:
            runs.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=runs):
                pass
    except OSError as error:
        where = state or STATE_FOLDER
        reason = error.strerror or error
        sys.exit(
            f"tams-contract: files of the run cannot be written to {where}: {reason};"
            " choose another folder with --state-dir"
        )


def _check_files(files: Mapping[str, Path | None]) -> None:
    """End the command if a report could not be written after the run."""
    for name, path in files.items():
        try:
            if path is not None and not path.exists():
                path.parent.mkdir(parents=True, exist_ok=True)
                path.touch()
                path.unlink()
            elif path is not None:
                path.open("a").close()
        except OSError as error:
            reason = error.strerror or error
            sys.exit(f"tams-contract: --{name} {path} cannot be written: {reason}")


def run_suite(arguments: list[str]) -> int:
    """Run the suite with pytest and return the exit status."""
    folders = [str(PACKAGE / surface) for surface in SURFACES]
    fixed = ["-c", str(PACKAGE / "suite.ini"), "--rootdir", str(PACKAGE.parent)]
    return int(pytest.main([*fixed, "-p", "contract_tests.plugin", *arguments, *folders]))


def _words(option: Option, flags: dict[str, Any]) -> list[str]:
    """Return pytest's arguments for a flag."""
    value = flags[option.field]
    if value is None or value is False:
        return []
    # Paths stay relative to the folder from which the command was called.
    return [option.pytest_name] if value is True else [f"{option.pytest_name}={value}"]


def _add_flags() -> None:
    types: dict[str, Any] = {
        "text": str, "number": float, "whole": int, "path": click.Path(path_type=Path),
    }  # fmt: skip
    for option in reversed(OPTIONS):
        more: dict[str, Any] = {"help": option.sentence}
        if option.takes == "nothing":
            more["is_flag"] = True
        else:
            more["type"] = click.Choice(option.choices) if option.choices else types[option.takes]
            more["metavar"] = option.metavar or None
        click.option(option.name, option.field, **more)(tams_contract)


_add_flags()
tams_contract.add_command(record_command)
tams_contract.add_command(drift_command)


def main() -> None:
    """Run the command."""
    tams_contract()
