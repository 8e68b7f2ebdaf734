"""The command `doctor`. What checks is imported when it runs: the help needs click alone."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from contract_tests.options import Flags, add_flags

if TYPE_CHECKING:
    from contract_tests.doctor.findings import Finding

FINE, PROBLEM, WRONG_USE, INTERRUPTED = 0, 1, 2, 130


@click.command("doctor")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def doctor_command(as_json: bool, **flags: Any) -> None:
    """Check what a run needs: endpoints, TLS, credentials, clock, limits, and what it would cost.

    Only free calls are made. Exit status: 0 no problem, 1 a problem, 2 wrong use, 130 after Ctrl-C.
    """
    from contract_tests.credentials import BadSettings
    from contract_tests.doctor.findings import FindingState, count_of, document
    from contract_tests.report.verdict import count

    given = Flags(**{name: value for name, value in flags.items() if value is not None})
    found: list[Finding] = []
    complete = True
    try:
        for finding in _examined(given):
            found.append(finding)
            if not as_json:
                click.echo("\n".join(finding.lines()))
    except BadSettings as error:
        raise click.UsageError(str(error)) from None
    except KeyboardInterrupt:
        complete = False
    problems = count_of(found, FindingState.PROBLEM)
    warnings = count_of(found, FindingState.WARNING)
    if as_json:
        click.echo(document(given.target, found, complete=complete))
    else:
        told = "" if complete else "interrupted; "
        totals = f"{count(problems, 'problem')}, {count(warnings, 'warning')}"
        click.echo(f"\n{told}{totals}; nothing was spent")
    sys.exit(INTERRUPTED if not complete else PROBLEM if problems else FINE)


def _examined(flags: Flags) -> Iterator[Finding]:
    from contract_tests.doctor.examination import examine

    return examine(flags)


add_flags(doctor_command, "target", "config", "ca_file", "only", "callback_url")
