"""The command `tams-contract`: it runs the suite with pytest. Its help needs click alone."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from contract_tests import PACKAGE
from contract_tests.coverage.command import coverage_command
from contract_tests.doctor.command import doctor_command
from contract_tests.learning.command import learn_command
from contract_tests.options import (
    BY_SURFACE,
    OPTIONS,
    RUNS,
    STATE_FOLDER,
    SURFACES,
    Option,
    add_flags,
)
from contract_tests.recording.commands import drift_command, record_command

HELP = """Check a target against the documented behaviour of TAMS and the Workshop.

Without a command the suite runs: against a mock that it starts, against a URL, or against the real
services. Tests that cost credits run only with --profile, and never spend more than --max-credits.
"""
DISTRIBUTION = "tams-mock"
EXTRA = ("dirty_equals", "hypothesis", "jinja2", "jsonschema", "pytest", "xdist")
"""The packages of the extra `contract`."""
REPORTS = ("json", "html", "badge", "ctrf", "summary")
MAX_PROCESSES = 8  # each one starts a mock
INTERRUPTED, WRONG_USE, WRONG_USE_OF_COMMAND = 2, 4, 2
_QUIET = (
    "-q", "--no-header", "--tb=short", "-r", "N", "-p", "no:cacheprovider",
)  # fmt: skip


def _print_version(ctx: click.Context, _: click.Parameter, wanted: bool) -> None:
    if not wanted or ctx.resilient_parsing:
        return
    from importlib.metadata import PackageNotFoundError, version

    try:
        click.echo(f"tams-contract {version(DISTRIBUTION)}")
    except PackageNotFoundError:
        click.echo("tams-contract, not installed")
    ctx.exit()


@click.group(
    "tams-contract",
    invoke_without_command=True,
    help=HELP,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.option("--version", is_flag=True, is_eager=True, expose_value=False,
              callback=_print_version, help="Show the version and exit.")  # fmt: skip
@click.option("-k", "expression", metavar="EXPR", help="Run the tests whose names match.")
@click.option("-x", "first", is_flag=True, help="Stop at the first failure.")
@click.option("--parallel", type=click.IntRange(min=1), metavar="N",
              help="Run in N processes; without it, in as many as are useful.")  # fmt: skip
@click.option("--junit", type=click.Path(path_type=Path), metavar="FILE", help="Write JUnit XML.")
def tams_contract(
    expression: str | None,
    first: bool,
    parallel: int | None,
    junit: Path | None,
    **flags: Any,
) -> None:
    """Run the suite, unless a command was given."""
    context = click.get_current_context()
    if context.invoked_subcommand is not None:
        if flag := _typed_flag(context):
            raise click.UsageError(
                f"flags of a command follow it: tams-contract {context.invoked_subcommand} {flag} …"
            )
        return
    _check_packages()
    arguments = [*_QUIET, *(word for option in OPTIONS for word in _words(option, flags))]
    arguments += ["-k", expression] if expression else []
    arguments += ["-x"] if first else []
    if not (flags["plan"] or (parallel is None and expression)):
        arguments += parallel_words(parallel, flags)
    arguments += [f"--junitxml={junit}"] if junit else []
    _check_folders(flags["state_dir"], flags["record_evidence"], writes=not flags["plan"])
    _check_files({"junit": junit, **{name: flags[name] for name in REPORTS}})
    sys.exit(run_suite(arguments))


def _typed_flag(context: click.Context) -> str:
    """Return the first flag that was typed, or an empty text."""
    typed = ParameterSource.COMMANDLINE
    flags = (each for each in context.command.params
             if context.get_parameter_source(each.name or "") is typed)  # fmt: skip
    return next((each.opts[0] for each in flags), "")


def _check_packages() -> None:
    """Raise `ModuleNotFoundError` if a run would miss a package."""
    for name in EXTRA:
        if find_spec(name) is None:
            raise ModuleNotFoundError(name=name)


def parallel_words(wanted: int | None, flags: Mapping[str, Any]) -> list[str]:
    """Return pytest's arguments for the number of processes."""
    if flags["target"] in (None, "mock"):
        distribution, useful = "worksteal", min(_cores(), MAX_PROCESSES)
    else:
        # One rate limit holds for all calls to a surface, so each one gets one process.
        distribution, useful = BY_SURFACE, 1 if flags["only"] else len(SURFACES)
    number = useful if wanted is None else wanted
    return [] if number == 1 else ["-n", str(number), "--dist", distribution]


def _cores() -> int:
    """Return how many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _check_folders(state: Path | None, evidence: Path | None, *, writes: bool) -> None:
    """End the command if the run could not write its files."""
    try:
        here = Path.cwd()
        os.chdir(here)  # as pytest does; the folder may be gone, or closed to this user
    except OSError as error:
        sys.exit(
            f"tams-contract: the working folder cannot be used: {error.strerror};"
            " change to another one"
        )
    runs = (state or here / STATE_FOLDER) / RUNS
    for folder, shown, flag in (
        (runs, state or STATE_FOLDER, "--state-dir"),
        (evidence, evidence, "--record-evidence"),
    ):
        try:
            if writes and folder is not None:
                folder.mkdir(parents=True, exist_ok=True)
                with tempfile.TemporaryFile(dir=folder):
                    pass
        except OSError as error:
            sys.exit(
                f"tams-contract: files of the run cannot be written to {shown}:"
                f" {error.strerror or error}; choose another folder with {flag}"
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


def run_suite(arguments: list[str], own_plugins: Sequence[object] = ()) -> int:
    """Run the suite with pytest and return the exit status."""
    import pytest

    # Plugins of the project under test do not fit this suite. Workers read the variable, too.
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"  # noqa: TID251
    plugins = ["contract_tests.plugin", "_hypothesis_pytestplugin", "xdist.plugin"]
    folders = [str(PACKAGE / surface) for surface in SURFACES]
    fixed = ["-c", str(PACKAGE / "suite.ini"), "--rootdir", str(PACKAGE.parent)]
    fixed += [word for plugin in plugins for word in ("-p", plugin)]
    return int(pytest.main([*fixed, *arguments, *folders], plugins=own_plugins))


def _words(option: Option, flags: dict[str, Any]) -> list[str]:
    """Return pytest's arguments for a flag."""
    value = flags[option.field]
    if value is None or value is False:
        return []
    # Paths stay relative to the folder from which the command was called.
    return [option.pytest_name] if value is True else [f"{option.pytest_name}={value}"]


add_flags(tams_contract)
for _command in (record_command, drift_command, doctor_command, learn_command, coverage_command):
    tams_contract.add_command(_command)


def main() -> None:
    """Run the command, and end with its exit status."""
    try:
        status = tams_contract.main(prog_name="tams-contract", standalone_mode=False)
    except click.Abort:
        status = INTERRUPTED
    except click.UsageError as error:
        error.show()
        is_run = error.ctx is not None and error.ctx.command is tams_contract
        status = WRONG_USE if is_run else WRONG_USE_OF_COMMAND
    sys.exit(status)
